//! The ring of events: the writer overwrites the oldest, a reader that was overtaken finds out and says how many it lost.
//!
//! Each slot has a guard word: `2 × seq + 1` while event `seq` is being written into it, `2 × seq + 2` once it is there. So a slot
//! tells by itself whether it holds what the reader came for.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use tgm_core::Event;
use tgm_sys::shm::Words;

use super::event_words::{BODY, pack, unpack};
use super::layout::{AT_HEAD, AT_SLOTS, EVENT_WORDS, RING_EVENTS};

/// What a reader finds at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The event it came for.
    Event(Event),
    /// Nothing yet.
    Empty,
    /// That event was overwritten.
    Overtaken,
}

fn slot(seq: u64) -> usize {
    let index = usize::try_from(seq % RING_EVENTS as u64).unwrap_or(0); // a remainder of 1024 fits
    AT_SLOTS + index * EVENT_WORDS
}

/// Writes `event` into its slot and announces it.
pub fn push(words: &[AtomicU64], event: &Event) {
    let at = slot(event.seq);
    let Some([guard, body @ ..]) = words.get(at..at + EVENT_WORDS) else {
        return;
    };
    guard.store(event.seq.wrapping_mul(2).wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    for (word, value) in body.iter().zip(pack(event)) {
        word.store(value, Ordering::Relaxed);
    }
    guard.store(event.seq.wrapping_mul(2).wrapping_add(2), Ordering::Release);
    if let Some(head) = words.get(AT_HEAD) {
        head.store(event.seq, Ordering::Release);
    }
}

/// `seq` of the newest event, 0 before the first.
pub fn head(words: Words<'_>) -> u64 {
    words.get(AT_HEAD).map_or(0, |head| head.load(Ordering::Acquire))
}

/// Looks for event `seq`.
pub fn find(words: Words<'_>, seq: u64) -> Found {
    let at = slot(seq);
    let (Some(guard), Some(body)) = (words.get(at), words.slice(at + 1..at + EVENT_WORDS)) else {
        return Found::Empty;
    };
    let wanted = seq.wrapping_mul(2).wrapping_add(2);
    let before = guard.load(Ordering::Acquire);
    if before != wanted {
        return if before > wanted {
            Found::Overtaken
        } else {
            Found::Empty
        };
    }
    let mut copy = [0; BODY];
    for (value, word) in copy.iter_mut().zip(body.iter()) {
        *value = word.load(Ordering::Relaxed);
    }
    fence(Ordering::Acquire);
    match unpack(&copy) {
        Some(event) if guard.load(Ordering::Relaxed) == wanted => Found::Event(event),
        _ => Found::Overtaken,
    }
}

#[cfg(test)]
mod tests {
    use super::super::event_words::tests::event;
    use super::super::layout::RING_WORDS;
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn ring() -> Vec<AtomicU64> {
        (0..RING_WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn events_come_in_order_and_the_place_after_the_last_is_empty() {
        let ring = ring();
        for seq in 1..=3 {
            push(&ring, &event(seq));
        }
        let words = Words::from(&ring[..]);
        assert_eq!(head(words), 3);
        for seq in 1..=3 {
            assert_eq!(find(words, seq), Found::Event(event(seq)));
        }
        assert_eq!(find(words, 4), Found::Empty);
    }

    #[test]
    fn an_overwritten_event_is_told_from_one_that_is_not_there_yet() {
        let ring = ring();
        for seq in 1..=RING_EVENTS as u64 + 1 {
            push(&ring, &event(seq));
        }
        let words = Words::from(&ring[..]);
        assert_eq!(find(words, 1), Found::Overtaken);
        assert_eq!(find(words, 2), Found::Event(event(2)));
        assert_eq!(find(words, RING_EVENTS as u64 + 2), Found::Empty);
    }

    #[test]
    fn a_racing_reader_gets_whole_events_only() {
        let ring = ring();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for seq in 1..=100_000 {
                    push(&ring, &event(seq));
                }
                done.store(true, Ordering::Release);
            });
            let words = Words::from(&ring[..]);
            let mut next = 1;
            while !done.load(Ordering::Acquire) || next <= head(words) {
                match find(words, next) {
                    Found::Event(found) => {
                        assert_eq!(found, event(next));
                        next += 1;
                    }
                    Found::Empty => std::hint::spin_loop(),
                    Found::Overtaken => next = head(words),
                }
            }
        });
    }
}
