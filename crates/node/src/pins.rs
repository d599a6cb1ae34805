//! What the hardware thread wishes of the cards' GNSS inputs, for the thread that has hands, and what that thread came to: latest
//! values. A change of a wish wakes it by one byte; the hardware thread waits for nothing.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tgm_core::GnssPin;
use tgm_core::ids::MAX_CARDS;

use crate::bell::Bell;
use crate::shared::{Counter, Writer};

/// How the pins of a card stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Standing {
    /// Nobody holds one.
    #[default]
    NotHeld = 0,
    /// Each as wished.
    AsWished = 1,
    /// One is not: refused, missing, or somebody else writes it again and again.
    Differs = 2,
}

/// What was done about the pins of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PinFigures {
    /// How they stand.
    pub standing: Standing,
    /// Changes that were made and read back.
    pub changes: u64,
    /// Times that somebody else was found to have written.
    pub foreign: u64,
    /// Times that one could not be found, read or changed.
    pub failures: u64,
}

#[derive(Debug, Default)]
struct Slot {
    wish: AtomicU8,
    figures: [AtomicU64; 4],
}

/// Between the two threads.
#[derive(Debug)]
pub struct PinSlots {
    cards: [Slot; MAX_CARDS],
    /// Rung when a wish has changed.
    pub bell: Bell,
}

const fn number(wish: GnssPin) -> u8 {
    match wish {
        GnssPin::NotOurs => 0,
        GnssPin::Attached => 1,
        GnssPin::Detached => 2,
    }
}

impl PinSlots {
    /// Nothing wished, nothing done.
    pub fn new() -> io::Result<Self> {
        Ok(PinSlots {
            cards: Default::default(),
            bell: Bell::new()?,
        })
    }

    /// The wish about the GNSS input of the card at this place from now on. A new one wakes the other thread.
    pub fn wish(&self, card: usize, wish: GnssPin) {
        let Some(slot) = self.cards.get(card) else { return };
        let new = number(wish);
        if slot.wish.swap(new, Ordering::AcqRel) != new {
            self.bell.ring();
        }
    }

    /// The wish about the GNSS input of the card at this place.
    pub fn wished(&self, card: usize) -> GnssPin {
        match self.cards.get(card).map(|slot| slot.wish.load(Ordering::Acquire)) {
            Some(1) => GnssPin::Attached,
            Some(2) => GnssPin::Detached,
            _ => GnssPin::NotOurs,
        }
    }

    /// Says what was done about the pins of the card at this place.
    pub fn tell(&self, card: usize, figures: &PinFigures) {
        let words = [
            figures.standing as u64,
            figures.changes,
            figures.foreign,
            figures.failures,
        ];
        if let Some(slot) = self.cards.get(card) {
            for (word, value) in slot.figures.iter().zip(words) {
                word.store(value, Ordering::Relaxed);
            }
        }
    }

    /// Puts what was done into shared memory.
    pub fn count(&self, writer: &Writer) {
        let counters = [
            Counter::PinStanding,
            Counter::PinChanges,
            Counter::PinForeign,
            Counter::PinFailures,
        ];
        for (card, slot) in self.cards.iter().enumerate() {
            for (counter, word) in counters.into_iter().zip(&slot.figures) {
                writer.count(card, counter, word.load(Ordering::Relaxed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_wish_wakes_and_the_same_again_does_not() {
        let slots = PinSlots::new().unwrap();
        assert_eq!((slots.wished(3), slots.bell.answer()), (GnssPin::NotOurs, false));
        slots.wish(3, GnssPin::Detached);
        assert_eq!((slots.wished(3), slots.bell.answer()), (GnssPin::Detached, true));
        slots.wish(3, GnssPin::Detached);
        assert!(!slots.bell.answer());
        slots.wish(3, GnssPin::Attached);
        assert_eq!((slots.wished(3), slots.bell.answer()), (GnssPin::Attached, true));
        slots.wish(MAX_CARDS, GnssPin::Detached);
        assert_eq!(
            (slots.wished(MAX_CARDS), slots.bell.answer()),
            (GnssPin::NotOurs, false)
        );
    }
}
