//! A file that is followed by its name: over its renaming, its truncation, and a time in which it is not there.
//!
//! inotify only shortens the wait: where it cannot be had, as on a file system over the network, the file is looked at in any case.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use nix::fcntl::OFlag;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tgm_linuxptp::lines::LineSplitter;

use super::{Begin, Gone, Way};

/// So often a file is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// So long a renamed file is read on: its writer goes over to the new one only when it is told to.
const LEFT: Duration = Duration::from_secs(30);
/// More than a file's times may be behind the clock.
const TICK: Duration = Duration::from_secs(1);
/// Bytes per read.
const READ: usize = 64 * 1024;

/// Follows until the reader has gone.
pub fn follow(path: &Path, begin: Begin, way: Way) {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
    let mut follower = Follower {
        path,
        begin,
        began: SystemTime::now() - TICK,
        way,
        current: None,
        left: None,
        waited: false,
        watch: None,
        inotify,
        buffer: vec![0; READ],
    };
    while follower.turn().is_ok() {}
}

/// What is read of an open file.
struct Open {
    file: File,
    /// Device and inode.
    id: (u64, u64),
    at: u64,
    splitter: LineSplitter,
    /// The beginning of the line was not read: the rest of it is passed over.
    skips: bool,
    /// A line has begun and not ended.
    partial: bool,
}

struct Follower<'a> {
    path: &'a Path,
    begin: Begin,
    /// What was written last before then is history.
    began: SystemTime,
    way: Way,
    current: Option<Open>,
    /// The one before, and until when it is read.
    left: Option<(Open, Instant)>,
    /// It was not there before.
    waited: bool,
    watch: Option<WatchDescriptor>,
    inotify: Option<Inotify>,
    buffer: Vec<u8>,
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Follower<'_> {
    /// Reads what there is, bounded, and sleeps if there is no more.
    fn turn(&mut self) -> Result<(), Gone> {
        let mut more = false;
        if let Some((left, until)) = &mut self.left {
            let read = left.read(&mut self.buffer, &mut self.way);
            match read {
                Ok(0) | Err(_) if Instant::now() >= *until => {
                    if left.partial {
                        self.way.broken();
                    }
                    self.left = None;
                }
                read => more |= read.is_ok_and(|read| read > 0),
            }
        }
        let standing = match &mut self.current {
            Some(current) => current.read(&mut self.buffer, &mut self.way),
            None => Ok(0),
        };
        let standing = match standing {
            Ok(0) => self.look(),
            Ok(_) => Ok(true), // to its end first
            Err(error) => {
                self.current = None;
                Err(error.to_string())
            }
        };
        more |= standing == Ok(true);
        self.way.stands(standing.map(drop))?;
        let inotify: Option<&dyn AsFd> = self.inotify.as_ref().map(|inotify| inotify as _);
        let time = if more { Duration::ZERO } else { LOOK };
        self.way.wait(inotify.as_slice(), time)?;
        if let Some(inotify) = &self.inotify {
            while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
        }
        Ok(())
    }

    /// Looks what is there under the name, and goes over to it: then true.
    fn look(&mut self) -> Result<bool, String> {
        let metadata = match std::fs::metadata(self.path) {
            Ok(metadata) => metadata,
            // Renamed, and the next is not there yet.
            Err(_) if self.current.is_some() => return Ok(false),
            Err(error) => {
                self.waited |= error.kind() == ErrorKind::NotFound;
                return Err(error.to_string());
            }
        };
        if self.current.as_ref().is_some_and(|current| current.id == id(&metadata)) {
            return Ok(false);
        }
        let open = self.open(self.current.is_some() || self.waited)?; // else the old one is read on
        if let Some(before) = self.current.replace(open) {
            self.left = Some((before, Instant::now() + LEFT));
        }
        self.listen();
        Ok(true)
    }

    /// `is_next`: it has come in another's place, or where there was none, so that nothing in it is old unless its time says so.
    fn open(&self, is_next: bool) -> Result<Open, String> {
        let mut options = File::options();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()); // a pipe must not hold us up
        let mut file = options.open(self.path).map_err(|error| error.to_string())?;
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        if !metadata.is_file() {
            return Err("it is no regular file".to_owned());
        }
        if metadata.mode() & 0o002 != 0 {
            return Err("everybody may write to it, so nothing in it can be trusted (chmod o-w)".to_owned());
        }
        let is_new = is_next && metadata.modified().is_ok_and(|written| written >= self.began);
        let mut open = Open {
            id: id(&metadata),
            at: 0,
            splitter: LineSplitter::new(),
            skips: false,
            partial: false,
            file: file.try_clone().map_err(|error| error.to_string())?,
        };
        if self.begin == Begin::End && !is_new && metadata.len() > 0 {
            // The byte before the end tells whether a line is being written.
            let last = metadata.len() - 1;
            let mut byte = [0];
            let read = file
                .seek(SeekFrom::Start(last))
                .and_then(|_| file.read_exact(&mut byte));
            read.map_err(|error| error.to_string())?;
            open.at = metadata.len();
            open.skips = byte != *b"\n";
        }
        Ok(open)
    }

    /// Listens for changes of the file that is read now.
    fn listen(&mut self) {
        let (Some(inotify), Some(current)) = (&self.inotify, &self.current) else {
            return;
        };
        if let Some(watch) = self.watch.take() {
            let _ = inotify.rm_watch(watch); // it is gone with its file at best
        }
        let file = format!("/proc/self/fd/{}", current.file.as_raw_fd());
        let watch = inotify.add_watch(&*file, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVE_SELF);
        self.watch = watch.ok();
    }
}

impl Open {
    /// One read. A file that has become shorter begins anew.
    fn read(&mut self, buffer: &mut [u8], way: &mut Way) -> std::io::Result<usize> {
        if self.file.metadata()?.len() < self.at {
            self.file.seek(SeekFrom::Start(0))?;
            if std::mem::take(&mut self.partial) {
                way.broken();
            }
            (self.at, self.skips, self.splitter) = (0, false, LineSplitter::new());
        }
        let read = match self.file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            read => read?,
        };
        let mut bytes = buffer.get(..read).unwrap_or_default();
        self.at += read as u64;
        if self.skips {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                return Ok(read);
            };
            self.skips = false;
            bytes = bytes.get(end + 1..).unwrap_or_default();
        }
        if let Some(last) = bytes.last() {
            self.partial = *last != b'\n';
        }
        self.splitter.feed(bytes, |line| way.line(line.ok()));
        Ok(read)
    }
}
