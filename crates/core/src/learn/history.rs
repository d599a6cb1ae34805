//! The last ends of holdovers: how long each was, and how far the clock had drifted when it ended. Those that only the frequency in lock
//! tells of never push out more than half of the others, nor the other way round.

use tgm_time::{Femtos, Nanos};

/// Ends that are kept; the oldest makes room.
pub const KEPT: usize = 16;
/// Ends below which nothing is concluded and the default model stands.
pub const FEWEST: usize = 3;
/// A shorter holdover says more about the pulse than about the oscillator.
pub const SHORTEST: Nanos = Nanos::from_secs(600);
/// A longer one is no holdover, or not of this clock's.
pub const LONGEST: Nanos = Nanos::from_secs(30 * 86_400);
/// A drift beyond this is a fault, not an oscillator.
pub const FARTHEST: Femtos = Femtos(1_000_000_000_000);

/// Where an end comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Origin {
    /// A holdover: the first phase offset after relock, less the last before it.
    #[default]
    Holdover = 0,
    /// None: the frequency that the card shows in lock, added up as if nothing had corrected it.
    InLock = 1,
}

/// How a holdover ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// How long nothing was followed.
    pub length: Nanos,
    /// By how much the clock gained on the reference meanwhile; negative: it lost.
    pub drift: Femtos,
    /// By how much it was warmer on average than at the beginning, mK; `None` where no sensor tells.
    pub warmer: Option<i32>,
    /// Where this comes from.
    pub origin: Origin,
}

impl End {
    /// An end that is none: too short, too long, or farther than any oscillator goes.
    pub fn is_plausible(&self) -> bool {
        (SHORTEST..=LONGEST).contains(&self.length) && (-FARTHEST.0..=FARTHEST.0).contains(&self.drift.0)
    }
}

/// The last ends, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    ends: [End; KEPT],
    len: usize,
    /// Counts what was ever pushed, so that whoever keeps a copy sees that it is old.
    generation: u32,
}

impl History {
    /// Adds an end; one that is not plausible is refused.
    pub fn push(&mut self, end: End) -> bool {
        if !end.is_plausible() {
            return false;
        }
        if self.len == KEPT {
            self.make_room(end.origin);
        }
        if let Some(slot) = self.ends.get_mut(self.len) {
            *slot = end;
            self.len += 1;
            self.generation = self.generation.wrapping_add(1);
        }
        true
    }

    /// Drops the oldest of the origin that has more than its half; where both have their half, of the one that comes.
    fn make_room(&mut self, coming: Origin) {
        let held = self.ends().iter().filter(|end| end.origin == Origin::Holdover).count();
        let from = match held.cmp(&(KEPT / 2)) {
            core::cmp::Ordering::Greater => Origin::Holdover,
            core::cmp::Ordering::Less => Origin::InLock,
            core::cmp::Ordering::Equal => coming,
        };
        let oldest = self.ends().iter().position(|end| end.origin == from).unwrap_or(0);
        if let Some(later) = self.ends.get_mut(oldest..) {
            later.rotate_left(1);
        }
        self.len -= 1;
    }

    /// The ends, oldest first.
    pub fn ends(&self) -> &[End] {
        self.ends.get(..self.len).unwrap_or_default()
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if nothing was learned yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Differs from an earlier one if something was learned since.
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(minutes: i64, ns: i64) -> End {
        End {
            length: Nanos::from_secs(minutes * 60),
            drift: Femtos(ns * 1_000_000),
            ..End::default()
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut history = History::default();
        for n in 0..20 {
            assert!(history.push(end(10 + n, n)));
        }
        assert_eq!(history.len(), KEPT);
        assert_eq!(history.ends().first(), Some(&end(14, 4)));
        assert_eq!(history.ends().last(), Some(&end(29, 19)));
        assert_eq!(history.generation(), 20);
    }

    #[test]
    fn neither_origin_pushes_the_other_out() {
        let mut history = History::default();
        let shown = |n| End {
            origin: Origin::InLock,
            ..end(60 + n, n)
        };
        for n in 0..16 {
            history.push(end(10 + n, n));
        }
        for n in 0..40 {
            history.push(shown(n));
        }
        let count = |history: &History, origin| history.ends().iter().filter(|end| end.origin == origin).count();
        assert_eq!(
            (count(&history, Origin::Holdover), count(&history, Origin::InLock)),
            (8, 8)
        );
        assert_eq!(
            (history.ends().first(), history.ends().last()),
            (Some(&end(18, 8)), Some(&shown(39)))
        );
        for n in 0..40 {
            history.push(end(20 + n, n));
        }
        assert_eq!(
            (count(&history, Origin::Holdover), count(&history, Origin::InLock)),
            (8, 8)
        );
    }

    #[test]
    fn what_is_no_end_is_refused() {
        let mut history = History::default();
        for bad in [
            end(9, 0),
            end(60 * 24 * 31, 0),
            end(60, 1_000_001),
            end(60, i64::MIN / 1_000_000),
        ] {
            assert!(!history.push(bad), "{bad:?}");
        }
        assert!(history.is_empty() && history.generation() == 0);
    }
}
