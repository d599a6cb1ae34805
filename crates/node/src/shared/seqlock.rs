//! A sequence lock over words of shared memory: one writer that never waits, any number of readers that never block it.
//!
//! The writer makes the sequence odd, stores the body, makes it even. A reader loads the sequence, the body, the sequence again, and
//! believes the body only if both were the same even number. The fences are those of a C++ seqlock with relaxed data: the body's
//! stores cannot move before the odd sequence, its loads cannot move after the second check.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use tgm_sys::shm::{ReadOnly, Words};

/// A reader that was raced this often reports that the writer died in the middle.
pub const TRIES: usize = 64;

/// The writer died while it wrote, or the area is not what it claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the writer died in the middle of a write; its snapshot cannot be read until it is back")]
pub struct WriterDied;

/// Stores `body` under `lock`.
pub fn write<'a>(lock: &AtomicU64, body: impl Iterator<Item = (&'a AtomicU64, u64)>) {
    let before = lock.load(Ordering::Relaxed) | 1; // a predecessor that died left it odd
    lock.store(before, Ordering::Relaxed);
    fence(Ordering::Release);
    for (word, value) in body {
        word.store(value, Ordering::Relaxed);
    }
    lock.store(before.wrapping_add(1), Ordering::Release);
}

/// Loads the `N` words of `body` under `lock`.
#[inline]
pub fn read<const N: usize>(lock: ReadOnly<'_>, body: Words<'_>) -> Result<[u64; N], WriterDied> {
    read_with(lock, || load(body))
}

/// Loads words, of whatever moments.
#[inline]
pub fn load<const N: usize>(body: Words<'_>) -> [u64; N] {
    let mut words = [0; N];
    for (value, word) in words.iter_mut().zip(body.iter()) {
        *value = word.load(Ordering::Relaxed);
    }
    words
}

/// What `load` loads under `lock`. It may see words of two moments; what it makes of them is thrown away then, and it is called again.
/// One place loads, the first time and each other: where two did, what they loaded would have to lie in memory to meet, and be copied
/// from there in pieces larger than it was stored in, for which a processor waits.
#[inline]
pub fn read_with<T>(lock: ReadOnly<'_>, load: impl Fn() -> T) -> Result<T, WriterDied> {
    for _ in 0..TRIES {
        if let Some(read) = once(lock, &load) {
            return Ok(read);
        }
        std::hint::spin_loop();
    }
    Err(WriterDied)
}

/// Loads once; `None` if the writer was at it.
#[inline]
fn once<T>(lock: ReadOnly<'_>, load: impl Fn() -> T) -> Option<T> {
    let before = lock.load(Ordering::Acquire);
    let read = load();
    fence(Ordering::Acquire);
    (before & 1 == 0 && lock.load(Ordering::Relaxed) == before).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn area<const N: usize>() -> [AtomicU64; N] {
        std::array::from_fn(|_| AtomicU64::new(0))
    }

    #[test]
    fn a_writer_that_died_in_the_middle_is_reported_and_its_successor_repairs_it() {
        let area = area::<3>();
        area[0].store(7, Ordering::Relaxed); // odd: in the middle
        let words = Words::from(&area[..]);
        let read_it = || read(words.get(0).unwrap(), words.slice(1..3).unwrap());
        assert_eq!(read_it(), Err(WriterDied));
        write(&area[0], [(&area[1], 5), (&area[2], 6)].into_iter());
        assert_eq!(read_it(), Ok([5, 6]));
    }

    #[test]
    fn readers_never_see_two_moments_at_once() {
        let area = area::<17>();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 1..=200_000u64 {
                    write(&area[0], area[1..].iter().map(|word| (word, n)));
                }
                done.store(true, Ordering::Release);
            });
            let words = Words::from(&area[..]);
            let mut seen = 0u64;
            while !done.load(Ordering::Acquire) {
                if let Ok(out) = read::<16>(words.get(0).unwrap(), words.slice(1..17).unwrap()) {
                    assert!(out.iter().all(|word| *word == out[0]), "torn: {out:?}");
                    assert!(out[0] >= seen, "went back from {seen} to {}", out[0]);
                    seen = out[0];
                }
            }
        });
    }
}
