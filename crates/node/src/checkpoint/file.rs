//! The file: a head of words that are written one by one, and two slots that are written in turn.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};
use tgm_time::{Mono, Time};

use super::record::Record;
use super::slot::{Damage, SLOT, decode, encode};

/// Bytes before the first slot.
const HEAD: u64 = 64;
const AT_NODE: u64 = 0;
const AT_HEARTBEAT: u64 = 8;
const AT_GUARDIAN: u64 = 16;
const AT_STOPPED: u64 = 24;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct FileError {
    path: PathBuf,
    error: std::io::Error,
}

/// What the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which node process writes: when it started, `CLOCK_BOOTTIME` nanoseconds.
    pub node: u64,
    /// The last heartbeat of its hardware thread.
    pub heartbeat: Time<Mono>,
    /// The last heartbeat of the first guardian.
    pub guardian: Time<Mono>,
    /// That node has ended in order, and what is announced was taken back.
    pub stopped: bool,
}

/// The open file.
#[derive(Debug)]
pub struct CheckpointFile {
    file: File,
    path: PathBuf,
}

impl CheckpointFile {
    /// Opens or makes the file at `path`, for its owner alone.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let made = options.open(path).and_then(|file| {
            file.set_len(HEAD + 2 * SLOT as u64)?;
            Ok(file)
        });
        made.map_err(|error| FileError {
            path: path.to_owned(),
            error,
        })
        .map(|file| CheckpointFile {
            file,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// No other node process holds it; from now on this one does, until its end.
    pub fn is_ours(&self) -> bool {
        self.file.try_lock().is_ok()
    }

    /// It lies in memory, so that writing waits for no disk.
    pub fn is_in_memory(&self) -> bool {
        fstatfs(&self.file).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC)
    }

    fn word(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        match self.file.read_exact_at(&mut word, at) {
            Ok(()) => u64::from_le_bytes(word),
            Err(_) => 0,
        }
    }

    /// A word that cannot be written is noticed by whoever misses the heartbeat.
    fn set(&self, at: u64, word: u64) {
        let _ = self.file.write_all_at(&word.to_le_bytes(), at);
    }

    fn moment(&self, at: u64) -> Time<Mono> {
        Time::from_nanos(self.word(at).cast_signed())
    }

    /// What the head says.
    pub fn head(&self) -> Head {
        Head {
            node: self.word(AT_NODE),
            heartbeat: self.moment(AT_HEARTBEAT),
            guardian: self.moment(AT_GUARDIAN),
            stopped: self.word(AT_STOPPED) != 0,
        }
    }

    /// From now on this node writes.
    pub fn take_over(&self, node: u64, now: Time<Mono>) {
        self.beat(now);
        self.set(AT_STOPPED, 0);
        self.set(AT_NODE, node);
    }

    /// The node's hardware thread lives.
    pub fn beat(&self, now: Time<Mono>) {
        self.set(AT_HEARTBEAT, now.as_nanos().cast_unsigned());
    }

    /// The first guardian lives.
    pub fn beat_of_guardian(&self, now: Time<Mono>) {
        self.set(AT_GUARDIAN, now.as_nanos().cast_unsigned());
    }

    /// The node has ended in order: nothing is left to adopt or to guard.
    pub fn stop(&self) {
        for slot in 0..2 {
            self.set(HEAD + slot * SLOT as u64, 0);
        }
        self.set(AT_STOPPED, 1);
    }

    /// Writes the `count`th record over the older one.
    pub fn write(&self, record: &mut Record, count: u64, buffer: &mut [u8; SLOT]) -> std::io::Result<()> {
        encode(record, count, buffer);
        self.file.write_all_at(buffer, HEAD + count % 2 * SLOT as u64)
    }

    /// The newest whole record and its count; why there is none.
    pub fn read(&self, buffer: &mut [u8; SLOT]) -> Result<(u64, Record), Damage> {
        let mut best: Result<(u64, Record), Damage> = Err(Damage::Empty);
        for slot in 0..2 {
            let read = match self.file.read_exact_at(buffer, HEAD + slot * SLOT as u64) {
                Ok(()) => decode(buffer),
                Err(_) => Err(Damage::Length(0)),
            };
            best = match (best, read) {
                (Ok(old), Ok(new)) => Ok(if new.0 > old.0 { new } else { old }),
                (Ok(old), Err(_)) => Ok(old),
                (Err(_), Ok(new)) => Ok(new),
                (Err(Damage::Empty), Err(damage)) => Err(damage),
                (Err(damage), Err(_)) => Err(damage),
            };
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::slot::tests::full;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Place(std::env::temp_dir().join(format!("tgm-checkpoint-{name}-{}", std::process::id())))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    // Hazard: silent; checkpoint: a node killed while it writes leaves the record before.
    #[test]
    fn the_newer_slot_counts_and_the_older_one_stands_in_for_it() {
        let place = Place::new("slots");
        let file = CheckpointFile::open(&place.0).unwrap();
        let mut buffer = Box::new([0; SLOT]);
        assert_eq!(file.read(&mut buffer), Err(Damage::Empty));
        for n in 1..=5 {
            file.write(&mut full(n), n.into(), &mut buffer).unwrap();
            assert_eq!(file.read(&mut buffer), Ok((n.into(), full(n))));
        }
        // A writer that dies in the middle of the sixth leaves the fifth.
        encode(&mut full(6), 6, &mut buffer);
        file.file.write_all_at(&buffer[..3_000], HEAD).unwrap();
        assert_eq!(file.read(&mut buffer), Ok((5, full(5))));
        file.stop();
        assert_eq!(file.read(&mut buffer), Err(Damage::Empty));
    }

    #[test]
    fn the_head_is_told_from_one_process_to_another() {
        let place = Place::new("head");
        let (node, guardian) = (
            CheckpointFile::open(&place.0).unwrap(),
            CheckpointFile::open(&place.0).unwrap(),
        );
        node.take_over(17, Time::from_nanos(5));
        guardian.beat_of_guardian(Time::from_nanos(6));
        let head = Head {
            node: 17,
            heartbeat: Time::from_nanos(5),
            guardian: Time::from_nanos(6),
            stopped: false,
        };
        assert_eq!((node.head(), guardian.head()), (head, head));
        node.stop();
        assert!(guardian.head().stopped);
    }
}
