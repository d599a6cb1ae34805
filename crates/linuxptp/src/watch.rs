//! Notices that a socket's file was made anew: inotify(7) on its folder says when to look, stat(2) says what is there.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::stat;

/// One file as the file system knows it: device, inode, time of change. A socket that was bound anew differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl FileId {
    /// What is at `path` now.
    pub fn of(path: &Path) -> Option<Self> {
        let found = stat(path).ok()?;
        Some(FileId {
            device: found.st_dev,
            inode: found.st_ino,
            changed: (found.st_ctime, found.st_ctime_nsec),
        })
    }

    /// All of it as words.
    pub const fn words(self) -> [u64; 4] {
        let (seconds, nanoseconds) = self.changed;
        [
            self.device,
            self.inode,
            seconds.cast_unsigned(),
            nanoseconds.cast_unsigned(),
        ]
    }
}

/// Watches the folders of some paths.
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
}

impl Watch {
    /// Begins. `None` if the system has no inotify to give; then changes are found by asking.
    pub fn new(paths: &[PathBuf]) -> Option<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok()?;
        let events = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_TO;
        for folder in paths.iter().filter_map(|path| path.parent()) {
            let _ = inotify.add_watch(folder, events); // a folder that is not there yet is found by asking
        }
        Some(Watch { inotify })
    }

    /// Reads what has happened; true if something has.
    pub fn drain(&self) -> bool {
        let mut buffer = [0; 4096];
        let mut any = false;
        while nix::unistd::read(&self.inotify, &mut buffer).is_ok_and(|length| length > 0) {
            any = true;
        }
        any
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
