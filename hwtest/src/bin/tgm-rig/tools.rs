//! The machine's programs. They bring their own C library and loader, because the host's may be older than what they were linked with.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::cache::{Cache, fresh, key, write};

/// Packages that they are in.
pub const PACKAGES: [&str; 6] = [
    "linuxptp",
    "iproute2",
    "ethtool",
    "strace",
    "busybox-static",
    "xz-utils",
];
/// The programs. A name that a version does not have is left out.
const PROGRAMS: [&str; 13] = [
    "ptp4l",
    "phc2sys",
    "ts2phc",
    "pmc",
    "phc_ctl",
    "hwstamp_ctl",
    "timemaster",
    "dpll",
    "ip",
    "ethtool",
    "strace",
    "busybox",
    "xz",
];
/// Where Debian has libraries and their loader.
pub const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
pub const LOADER: &str = "usr/lib64/ld-linux-x86-64.so.2";

/// Makes a folder with a command for each program in the unpacked packages at `root`.
pub fn wrap(cache: &Cache, root: &Path) -> Result<PathBuf, String> {
    let folder = cache.path("bin");
    cache.once(
        "bin",
        key((root, PROGRAMS, std::fs::metadata(root).and_then(|m| m.modified()).ok())),
        || {
            fresh(&folder)?;
            for name in PROGRAMS {
                let places = ["usr/bin", "usr/sbin"].map(|place| root.join(place).join(name));
                let Some(program) = places.iter().find(|path| path.is_file()) else {
                    continue;
                };
                let path = folder.join(name);
                write(&path, command(root, program, name).as_bytes())?;
                let mode = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(&path, mode).map_err(|error| format!("{}: {error}", path.display()))?;
            }
            Ok(())
        },
    )?;
    Ok(folder)
}

/// A command that starts `program` with the loader and the libraries in `root`.
fn command(root: &Path, program: &Path, name: &str) -> String {
    let root = root.display();
    format!(
        "#!/bin/sh\nexec '{root}/{LOADER}' --library-path '{root}/{LIBRARIES}' --argv0 {name} '{}' \"$@\"\n",
        program.display()
    )
}
