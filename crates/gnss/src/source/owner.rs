//! Who reads a device already. /dev/gnssN has one queue for all readers (drivers/gnss/core.c): two programs that read it steal each
//! other's bytes, and nothing but a look at /proc tells.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// A process that has the device open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    comm: [u8; 16],
}

impl Owner {
    /// The process's name (/proc/PID/comm), `?` if it could not be read.
    pub fn comm(&self) -> &str {
        let end = self
            .comm
            .iter()
            .position(|byte| matches!(*byte, 0 | b'\n'))
            .unwrap_or(self.comm.len());
        self.comm
            .get(..end)
            .and_then(|name| str::from_utf8(name).ok())
            .unwrap_or("?")
    }
}

/// The open files of at least one process could not be seen, so nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the open files of process {pid} cannot be seen (run as root, or with CAP_SYS_PTRACE)")]
pub struct OwnerUnknown {
    /// The first such process.
    pub pid: u32,
}

/// Which other process has `path` open; `Ok(None)`: none has, or there is no such file.
///
/// A device is recognised by its number, so other names of it count; a file by device and inode. Allocates: for start-up only.
pub fn who_has_open(path: &Path) -> Result<Option<Owner>, OwnerUnknown> {
    let Ok(wanted) = fs::metadata(path).map(|meta| identity(&meta)) else {
        return Ok(None);
    };
    let unseen = |pid| OwnerUnknown { pid };
    let own = std::process::id();
    let mut unknown = None;
    let processes = fs::read_dir("/proc").map_err(|_| unseen(0))?;
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| *pid != own) {
        match has_open(pid, wanted) {
            Ok(true) => return Ok(Some(Owner { pid, comm: comm(pid) })),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // it ended meanwhile
            Err(_) => unknown = unknown.or(Some(pid)),
        }
    }
    unknown.map_or(Ok(None), |pid| Err(unseen(pid)))
}

fn has_open(pid: u32, wanted: (bool, u64, u64)) -> io::Result<bool> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        match entry.and_then(|entry| fs::metadata(entry.path())) {
            Ok(meta) if identity(&meta) == wanted => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
            _ => {} // another file, or closed meanwhile
        }
    }
    Ok(false)
}

fn identity(meta: &fs::Metadata) -> (bool, u64, u64) {
    if meta.file_type().is_char_device() {
        (true, meta.rdev(), 0)
    } else {
        (false, meta.dev(), meta.ino())
    }
}

fn comm(pid: u32) -> [u8; 16] {
    let mut name = [0; 16];
    let text = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    for (to, from) in name.iter_mut().zip(text) {
        *to = from;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn another_process_is_found_and_we_are_not() {
        let path = std::env::temp_dir().join(format!("tgm-gnss-owner-{}", std::process::id()));
        let ours = fs::File::create(&path).unwrap();
        let alone = who_has_open(&path);
        if let Err(unknown) = alone {
            println!("skipped: {unknown}");
        } else {
            assert_eq!(alone, Ok(None));
        }
        let stdin = Stdio::from(fs::File::open(&path).unwrap());
        let mut child = Command::new("sleep").arg("60").stdin(stdin).spawn().unwrap();
        let found = who_has_open(&path);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(ours);
        fs::remove_file(&path).unwrap();
        assert_eq!(found.unwrap().unwrap().pid, child.id());
    }

    #[test]
    fn what_does_not_exist_has_no_owner() {
        assert_eq!(who_has_open(Path::new("/nonexistent/gnss0")), Ok(None));
    }
}
