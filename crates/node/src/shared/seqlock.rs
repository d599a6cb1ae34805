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

/// Loads the words of `body` into `into` under `lock`, as many as both have.
pub fn read(lock: ReadOnly<'_>, body: Words<'_>, into: &mut [u64]) -> Result<(), WriterDied> {
    for _ in 0..TRIES {
        let before = lock.load(Ordering::Acquire);
        if before & 1 == 0 {
            for (value, word) in into.iter_mut().zip(body.iter()) {
                *value = word.load(Ordering::Relaxed);
            }
            fence(Ordering::Acquire);
            if lock.load(Ordering::Relaxed) == before {
                return Ok(());
            }
        }
        std::hint::spin_loop();
    }
    Err(WriterDied)
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
        let mut out = [0; 2];
        let read_it = |out: &mut [u64]| read(words.get(0).unwrap(), words.slice(1..3).unwrap(), out);
        assert_eq!(read_it(&mut out), Err(WriterDied));
        write(&area[0], [(&area[1], 5), (&area[2], 6)].into_iter());
        assert_eq!(read_it(&mut out), Ok(()));
        assert_eq!(out, [5, 6]);
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
            let (mut seen, mut out) = (0u64, [0u64; 16]);
            while !done.load(Ordering::Acquire) {
                if read(words.get(0).unwrap(), words.slice(1..17).unwrap(), &mut out).is_ok() {
                    assert!(out.iter().all(|word| *word == out[0]), "torn: {out:?}");
                    assert!(out[0] >= seen, "went back from {seen} to {}", out[0]);
                    seen = out[0];
                }
            }
        });
    }
}
