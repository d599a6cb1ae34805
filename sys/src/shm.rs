//! Shared memory as a slice of atomics: memfd_create(2), file seals (fcntl(2), `F_ADD_SEALS`), mmap(2).
//!
//! The writer creates a sealed anonymous file and maps it; readers in other processes get the descriptor and map it read-only. Words
//! are [`AtomicU64`], so a reader that races with the writer reads an old or a new word and never undefined behaviour.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;

/// Bytes in a word.
const WORD: usize = size_of::<AtomicU64>();

/// A mapping that may be written.
#[derive(Debug)]
pub struct SharedWriter {
    file: OwnedFd,
    map: Map,
}

/// A mapping that may only be read: stores through it do not compile, the pages are read-only besides.
#[derive(Debug)]
pub struct SharedReader {
    map: Map,
}

/// The words of a [`SharedReader`], which lend loads only.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a>(&'a [AtomicU64]);

#[derive(Debug)]
struct Map {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping is owned, lives until drop, and is only ever used as a slice of atomics.
unsafe impl Send for Map {}
// SAFETY: as above; sharing atomics between threads is what they are for.
unsafe impl Sync for Map {}

impl Map {
    fn new(file: BorrowedFd<'_>, words: usize, protection: ProtFlags) -> Result<Self, Errno> {
        let length = words
            .checked_mul(WORD)
            .and_then(std::num::NonZeroUsize::new)
            .ok_or(Errno::EINVAL)?;
        // SAFETY: no address is asked for, so no existing mapping is replaced; the result is owned by `Map` alone.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0) }?;
        Ok(Map {
            start: start.cast(),
            words,
        })
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: mmap returned `words` words, page-aligned and zero-initialised by the kernel; the file is sealed against
        // shrinking, so they stay backed while `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let length = self.words.saturating_mul(WORD);
        // SAFETY: exactly the mapping made in `new`, and no slice of it outlives `self`. Failure would only leak it.
        let _ = unsafe { munmap(self.start.cast(), length) };
    }
}

impl SharedWriter {
    /// Creates `words` zeroed words. `name` is what /proc/PID/maps shows.
    pub fn create(name: &CStr, words: usize) -> Result<Self, Errno> {
        let file = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let length = words
            .checked_mul(WORD)
            .and_then(|bytes| i64::try_from(bytes).ok())
            .ok_or(Errno::EINVAL)?;
        nix::unistd::ftruncate(&file, length)?;
        let map = Map::new(file.as_fd(), words, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)?;
        // From here on nobody may resize it (readers would fault) or write it through another mapping.
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_FUTURE_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(SharedWriter { file, map })
    }

    /// The words.
    pub fn words(&self) -> &[AtomicU64] {
        self.map.words()
    }

    /// The descriptor to hand to readers.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl SharedReader {
    /// Maps a descriptor received from a writer. EINVAL: not `words` long, or not sealed against shrinking.
    pub fn open(file: BorrowedFd<'_>, words: usize) -> Result<Self, Errno> {
        let seals = fcntl(file, FcntlArg::F_GET_SEALS)?;
        let length = usize::try_from(fstat(file)?.st_size).map_err(|_| Errno::EINVAL)?;
        if seals & libc::F_SEAL_SHRINK == 0 || Some(length) != words.checked_mul(WORD) {
            return Err(Errno::EINVAL);
        }
        Ok(SharedReader {
            map: Map::new(file, words, ProtFlags::PROT_READ)?,
        })
    }

    /// The words.
    pub fn words(&self) -> Words<'_> {
        Words(self.map.words())
    }
}

impl<'a> Words<'a> {
    /// The word at `index`; `None` beyond the end.
    pub fn get(self, index: usize) -> Option<ReadOnly<'a>> {
        self.0.get(index).map(ReadOnly)
    }

    /// The words `range`; `None` if it does not lie within.
    pub fn slice(self, range: std::ops::Range<usize>) -> Option<Words<'a>> {
        self.0.get(range).map(Words)
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Each word in order.
    pub fn iter(self) -> impl Iterator<Item = ReadOnly<'a>> {
        self.0.iter().map(ReadOnly)
    }
}

impl<'a> From<&'a [AtomicU64]> for Words<'a> {
    fn from(words: &'a [AtomicU64]) -> Self {
        Words(words)
    }
}

/// A word that can only be loaded.
#[derive(Debug, Clone, Copy)]
pub struct ReadOnly<'a>(&'a AtomicU64);

impl ReadOnly<'_> {
    /// Loads it.
    pub fn load(self, order: std::sync::atomic::Ordering) -> u64 {
        self.0.load(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn what_the_writer_stores_the_reader_loads() {
        let writer = SharedWriter::create(c"tgm-test", 1_024).unwrap();
        let reader = SharedReader::open(writer.file(), 1_024).unwrap();
        writer.words()[1_023].store(42, Ordering::Release);
        assert_eq!(reader.words().get(1_023).unwrap().load(Ordering::Acquire), 42);
        assert!(reader.words().get(1_024).is_none());
    }

    #[test]
    fn the_file_can_be_neither_resized_nor_mapped_writable_by_others() {
        let writer = SharedWriter::create(c"tgm-test", 512).unwrap();
        assert_eq!(nix::unistd::ftruncate(writer.file(), 8), Err(Errno::EPERM));
        let second = Map::new(writer.file(), 512, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
        assert_eq!(second.err(), Some(Errno::EPERM));
    }

    #[test]
    fn a_file_of_another_size_or_without_seals_is_refused() {
        let writer = SharedWriter::create(c"tgm-test", 512).unwrap();
        assert_eq!(SharedReader::open(writer.file(), 513).err(), Some(Errno::EINVAL));
        let plain = memfd_create(c"plain", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&plain, 4_096).unwrap();
        assert_eq!(SharedReader::open(plain.as_fd(), 512).err(), Some(Errno::EINVAL));
    }
}
