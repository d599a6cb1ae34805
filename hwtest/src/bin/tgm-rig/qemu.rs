//! The emulator's command line.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::card;
use crate::options::Options;
use crate::suite::Suite;
use crate::tools::{LIBRARIES, LOADER};

/// Names in the machine's folder: its two ports as sockets, its console, what the emulator itself says.
pub const OUT: &str = "out";
pub const ERR: &str = "err";
pub const CONSOLE: &str = "console";
pub const WORDS: &str = "qemu";

/// The command that boots `suite` with its files in `folder`, and ends after `seconds` whatever happens to this program.
pub fn command(suite: &Suite, options: &Options, folder: &Path, seconds: u64) -> Result<Command, String> {
    let root = &suite.emulator;
    let words = folder.join(WORDS);
    let words = std::fs::File::create(&words).map_err(|error| format!("{}: {error}", words.display()))?;
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", "--kill-after=5"])
        .arg(seconds.to_string());
    command
        .arg(root.join(LOADER))
        .arg("--library-path")
        .arg(root.join(LIBRARIES));
    command.arg(root.join("usr/bin/qemu-system-x86_64"));
    // Accelerators are modules, and firmware is looked for where the emulator was installed.
    command.env("QEMU_MODULE_DIR", root.join(LIBRARIES).join("qemu"));
    for share in ["qemu", "seabios"] {
        command.arg("-L").arg(root.join("usr/share").join(share));
    }
    let model = if options.accel == "kvm" { "host" } else { "max" };
    command.args(["-machine", "pc", "-accel", &options.accel, "-cpu", model]);
    command.args(["-smp", &options.cpus.to_string(), "-m", &options.memory.to_string()]);
    command.args(["-nodefaults", "-display", "none", "-vga", "none", "-no-reboot"]);
    command
        .arg("-kernel")
        .arg(&suite.kernel)
        .arg("-initrd")
        .arg(&suite.initramfs);
    command.arg("-append").arg(parameters(options));
    command.args([
        "-virtfs",
        "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
    ]);
    let file = folder.join(CONSOLE);
    command.arg("-serial").arg(format!("file:{}", file.display()));
    for port in [OUT, ERR] {
        let socket = folder.join(port);
        command
            .arg("-serial")
            .arg(format!("unix:{},server=on,wait=off", socket.display()));
    }
    let own = words.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(own).stderr(words);
    Ok(command)
}

/// The kernel's.
fn parameters(options: &Options) -> String {
    // A panic reboots, which ends the emulator. The console is slow, so it gets warnings only.
    let mut words = vec!["console=ttyS0 quiet loglevel=5 panic=-1 8250.nr_uarts=4".to_owned()];
    if options.card {
        words.push(format!("tgm.card={} tgm.param={}", card::NAME, options.parameters));
    }
    words.join(" ")
}
