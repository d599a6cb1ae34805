//! The folder, and in it the socket, on which node and publisher meet.

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::getuid;

use crate::exit::Fatal;

/// The folder if nobody chose one.
pub fn default_folder() -> PathBuf {
    let user = getuid();
    if user.is_root() {
        return PathBuf::from("/run/tgm");
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() => PathBuf::from(dir).join("tgm"),
        _ => std::env::temp_dir().join(format!("tgm-{user}")),
    }
}

/// Makes the folder, for us alone, and gives the socket's path in it: one per notification address, so that several nodes (tests,
/// simulations) can live on one machine.
pub fn socket(folder: &Path, listen: SocketAddr) -> Result<PathBuf, Fatal> {
    let cannot = |error: &dyn std::fmt::Display| {
        Fatal::CannotServe(format!(
            "{}: {error}; choose a folder of your own with --run-dir",
            folder.display()
        ))
    };
    if !folder.is_dir() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| cannot(&error))?;
    }
    let owner = std::fs::symlink_metadata(folder).map_err(|error| cannot(&error))?.uid();
    if owner != getuid().as_raw() {
        return Err(cannot(&format!("belongs to user {owner}, not to us")));
    }
    Ok(folder.join(format!("publish-{}.sock", listen.port())))
}
