//! What the cards have learned, from the hardware thread to the thread that keeps it on disk: the latest of each, as the bytes that are
//! kept. They carry a checksum, so a copy that was torn is known by itself and taken again.

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tgm_core::ids::MAX_CARDS;
use tgm_core::learn::{History, wire};

use crate::bell::Bell;

const WORDS: usize = wire::BYTES.div_ceil(8);

#[derive(Debug)]
struct Slot {
    words: [AtomicU64; WORDS],
    generation: AtomicU32,
}

/// Between the two threads.
#[derive(Debug)]
pub struct HistorySlots {
    cards: [Slot; MAX_CARDS],
    /// Rung when something was learned.
    pub bell: Bell,
}

impl HistorySlots {
    /// Nothing learned.
    pub fn new() -> io::Result<Self> {
        Ok(HistorySlots {
            cards: std::array::from_fn(|_| Slot {
                words: std::array::from_fn(|_| AtomicU64::new(0)),
                generation: AtomicU32::new(0),
            }),
            bell: Bell::new()?,
        })
    }

    /// What the card at this place has learned. Anything new rings; else this costs a comparison.
    pub fn put(&self, card: usize, history: &History) {
        let Some(slot) = self.cards.get(card) else { return };
        if slot.generation.load(Ordering::Relaxed) == history.generation() {
            return;
        }
        let bytes = history.encode();
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        for (slot, word) in slot.words.iter().zip(words.iter().chain([&last])) {
            slot.store(u64::from_le_bytes(*word), Ordering::Relaxed);
        }
        slot.generation.store(history.generation(), Ordering::Release);
        self.bell.ring();
    }

    /// The card at this place has learned something.
    pub fn is_filled(&self, card: usize) -> bool {
        let slot = self.cards.get(card);
        slot.is_some_and(|slot| slot.generation.load(Ordering::Acquire) != 0)
    }

    /// What the card at this place has learned, and its generation; `None`: nothing yet, or it is just being written.
    pub fn get(&self, card: usize) -> Option<(u32, History)> {
        let slot = self.cards.get(card)?;
        let generation = slot.generation.load(Ordering::Acquire);
        let mut bytes = [0; wire::BYTES];
        for (place, word) in bytes.chunks_mut(8).zip(&slot.words) {
            let word = word.load(Ordering::Relaxed).to_le_bytes();
            for (place, byte) in place.iter_mut().zip(word) {
                *place = byte;
            }
        }
        Some((generation, History::decode(&bytes).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_core::learn::End;
    use tgm_time::{Femtos, Nanos};

    #[test]
    fn what_is_put_is_got_and_rings_once() {
        let slots = HistorySlots::new().unwrap();
        let mut history = History::default();
        slots.put(2, &history);
        assert!(slots.get(2).is_none() && !slots.bell.answer(), "nothing was learned");
        for n in 1..=3 {
            let end = End {
                length: Nanos::from_secs(3_600 * n),
                drift: Femtos(-7_000_000 * n),
                warmer: Some(-40),
                ..End::default()
            };
            assert!(history.push(end));
        }
        slots.put(2, &history);
        assert!(slots.bell.answer());
        slots.put(2, &history);
        assert!(!slots.bell.answer(), "it is known already");
        let (generation, got) = slots.get(2).unwrap();
        assert_eq!((generation, got.ends()), (history.generation(), history.ends()));
        assert!(slots.get(1).is_none() && slots.get(MAX_CARDS).is_none());
    }
}
