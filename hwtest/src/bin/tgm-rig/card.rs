//! Compiles the simulated card for the machine's kernel, with the compiler that the kernel's headers ask for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt::output;
use crate::cache::{Cache, fresh, key, names, read, write};
use crate::tell;

/// The module.
pub const NAME: &str = "tgmcard";
/// Its sources, in this checkout; `TGM_RIG_CARD` names others.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/card");
/// Runs a command in an unpacked distribution.
const INSIDE: &str = include_str!("../../../rig/inside.sh");

/// The compiled module. `root` is the unpacked compiler with the headers of the kernel `release`.
pub fn compile(cache: &Cache, suite: &str, root: &Path, release: &str) -> Result<PathBuf, String> {
    let from = std::env::var_os("TGM_RIG_CARD").map_or_else(|| PathBuf::from(SOURCES), PathBuf::from);
    let mut sources = Vec::new();
    for name in names(&from)? {
        let path = from.join(&name);
        let wanted = name.starts_with("Kbuild") || name.ends_with(".c") || name.ends_with(".h");
        if wanted && !name.ends_with(".mod.c") && path.is_file() {
            sources.push((name, read(&path)?));
        }
    }
    // By its own name, so that checkouts with different cards can share the cache.
    let made_of = key((&sources, release, INSIDE));
    let name = format!("card-{made_of:016x}");
    let folder = root.join(&name);
    let module = folder.join(format!("{NAME}.ko"));
    cache.once(&format!("{name}-{suite}"), made_of, || {
        fresh(&folder)?;
        for (name, bytes) in &sources {
            write(&folder.join(name), bytes)?;
        }
        let inside = cache.path("inside.sh");
        write(&inside, INSIDE.as_bytes())?;
        tell(&format!("{suite}: compiling {NAME} for {release}"));
        let headers = format!("/usr/src/linux-headers-{release}");
        let run = |words: &[&str]| {
            let mut command = Command::new("sh");
            command.arg(&inside).arg(root).args(words);
            output(command).map_err(|why| format!("{NAME} for {release}: {why}"))
        };
        let at_once = format!("-j{}", std::thread::available_parallelism().map_or(1, usize::from));
        run(&[
            "make",
            "--silent",
            &at_once,
            "-C",
            &headers,
            &format!("M=/{name}"),
            "modules",
        ])?;
        run(&["x86_64-linux-gnu-strip", "--strip-debug", &format!("/{name}/{NAME}.ko")])?;
        Ok(())
    })?;
    Ok(module)
}
