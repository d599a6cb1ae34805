//! Everything a machine of one suite is made of, made where it is missing.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::apt::Apt;
use crate::cache::{Cache, names};
use crate::options::Options;
use crate::{Failure, card, image, tell, tools, unpack};

/// Where the emulator and its firmware come from.
const EMULATOR_SUITE: &str = "stable";
/// Where the machine's programs come from: the first suite whose iproute2 has `dpll`.
const TOOLS_SUITE: &str = "sid";
/// What compiles a module, beside what the kernel's headers depend on.
const COMPILER: [&str; 9] = [
    "linux-headers-amd64",
    "make",
    "bash",
    "dash",
    "coreutils",
    "findutils",
    "grep",
    "sed",
    "gawk",
];
/// Parts of the kernel that the machine does not need; more than nine tenths.
const LEFT_OUT: [&str; 9] = [
    "*/kernel/drivers/[a-fh-uw-z]*",
    "*/kernel/drivers/gpu",
    "*/kernel/sound",
    "*/kernel/net/[a-z]*",
    "*/kernel/arch",
    "*/boot/config*",
    "*/boot/System.map*",
    "*/share/doc",
    "*/share/man",
];
const NO_DOCUMENTS: [&str; 4] = ["*/share/doc", "*/share/man", "*/share/locale", "*/share/info"];

/// What a machine boots.
#[derive(Debug)]
pub struct Suite {
    /// Release, as `uname -r`.
    pub release: String,
    pub kernel: PathBuf,
    pub initramfs: PathBuf,
    /// Folder with the machine's programs, to be put on the path.
    pub tools: PathBuf,
    /// The unpacked emulator.
    pub emulator: PathBuf,
}

/// Folders with the packages of everything.
struct Fetched {
    compiler: PathBuf,
    kernel: PathBuf,
    emulator: PathBuf,
    programs: PathBuf,
    release: String,
}

fn fetch(cache: &Cache, suite: &str) -> Result<Fetched, String> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(format!("the machine is x86-64, and this is {}", std::env::consts::ARCH));
    }
    let own = Apt::new(cache, suite)?;
    let compiler = own.closure("compiler", &COMPILER)?;
    let release = release(&names(&compiler)?)?;
    let kernel = own.alone("kernel", &release, || kernel_packages(&own, &release))?;
    let emulator = Apt::new(cache, EMULATOR_SUITE)?.closure("emulator", &["qemu-system-x86"])?;
    let programs = Apt::new(cache, TOOLS_SUITE)?.closure("tools", &tools::PACKAGES)?;
    Ok(Fetched {
        compiler,
        kernel,
        emulator,
        programs,
        release,
    })
}

/// Makes what is missing.
pub fn build(options: &Options) -> Result<Suite, Failure> {
    let cache = Cache::open()?;
    let _lock = cache.lock()?;
    let suite = options.suite.as_str();
    let started = Instant::now();
    if options.refresh {
        forget(&cache, suite);
    }
    let Fetched {
        compiler,
        kernel,
        emulator,
        programs,
        release,
    } = fetch(&cache, suite).map_err(Failure::Unmade)?;
    let fetched = started.elapsed();

    let compiler = unpack::unpack(&cache, &format!("compiler-{suite}"), &[compiler], &NO_DOCUMENTS)?;
    let kernel = unpack::unpack(&cache, &format!("kernel-{suite}"), &[kernel], &LEFT_OUT)?;
    let emulator = unpack::unpack(&cache, "emulator", &[emulator], &NO_DOCUMENTS)?;
    let programs = unpack::unpack(&cache, "tools", &[programs], &NO_DOCUMENTS)?;
    let tools = tools::wrap(&cache, &programs)?;
    let unpacked = started.elapsed() - fetched;

    let module = match options.card {
        true => Some(card::compile(&cache, suite, &compiler, &release)?),
        false => None,
    };
    let compiled = started.elapsed() - fetched - unpacked;
    let initramfs = image::make(&cache, suite, &kernel, &release, &tools, module.as_deref())?;
    let total = started.elapsed();
    if total.as_millis() > 500 {
        let s = |d: std::time::Duration| format!("{:.1} s", d.as_secs_f64());
        tell(&format!(
            "{suite} {release}: fetched {}, unpacked {}, card compiled {}, all {}",
            s(fetched),
            s(unpacked),
            s(compiled),
            s(total)
        ));
    }
    Ok(Suite {
        kernel: vmlinuz(&kernel, &release)?,
        release,
        initramfs,
        tools,
        emulator,
    })
}

/// What was fetched is fetched again.
fn forget(cache: &Cache, suite: &str) {
    for name in [suite, EMULATOR_SUITE, TOOLS_SUITE] {
        Apt::forget(cache, name);
    }
    for (name, bundle) in [
        (suite, "compiler"),
        (suite, "kernel"),
        (EMULATOR_SUITE, "emulator"),
        (TOOLS_SUITE, "tools"),
    ] {
        cache.forget(&format!("debs-{name}-{bundle}"));
    }
}

/// The kernel's release, from the name of its headers' package.
fn release(files: &[String]) -> Result<String, String> {
    let headers = files.iter().find_map(|file| {
        let name = file.split('_').next()?.strip_prefix("linux-headers-")?;
        (name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with("-amd64")).then(|| name.to_owned())
    });
    headers.ok_or_else(|| "linux-headers-amd64 depends on no kernel's headers".to_owned())
}

/// The packages that the kernel is in: one, or since 7.x one with the kernel and one with its modules.
fn kernel_packages(apt: &Apt, release: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for part in ["image", "binary", "modules", "base"] {
        let name = format!("linux-{part}-{release}");
        if apt.names(&name)?.contains(&name) {
            found.push(name);
        }
    }
    match found.is_empty() {
        true => Err(format!("there is no package with the kernel {release}")),
        false => Ok(found),
    }
}

fn vmlinuz(root: &Path, release: &str) -> Result<PathBuf, String> {
    let places = [
        root.join(format!("boot/vmlinuz-{release}")),
        root.join(format!("usr/lib/modules/{release}/vmlinuz")),
    ];
    let found = places.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| format!("no vmlinuz of {release} in its packages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_in_the_headers_name() {
        let files = [
            "linux-headers-7.2.13+deb14-common_7.2.13-1_all.deb",
            "linux-headers-7.2.13+deb14-amd64_7.2.13-1_amd64.deb",
            "linux-headers-amd64_7.2.13-1_amd64.deb",
        ];
        let files: Vec<String> = files.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(release(&files).unwrap(), "7.2.13+deb14-amd64");
        assert!(release(&[]).is_err());
    }
}
