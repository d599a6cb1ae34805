//! Counting satellites: each once, however many sentences or signals name it.

use crate::ubx::{NavSat, NavSig, NavSvinfo, SatBlock};

/// Satellites whose strength counts: four make a fix.
const BEST: usize = 4;

/// A set of (system 0…7, number 0…511).
#[derive(Debug, Clone, Copy)]
pub struct SatSet {
    systems: [[u64; 8]; 8],
    len: u16,
}

impl SatSet {
    /// None.
    pub const EMPTY: Self = SatSet {
        systems: [[0; 8]; 8],
        len: 0,
    };

    /// Adds one; what is out of range is left out.
    pub fn insert(&mut self, system: u8, number: u16) {
        let word = self
            .systems
            .get_mut(usize::from(system))
            .and_then(|bits| bits.get_mut(usize::from(number / 64)));
        let Some(word) = word else { return };
        let bit = 1 << (number % 64);
        self.len += u16::from(*word & bit == 0);
        *word |= bit;
    }

    /// How many are in.
    pub const fn len(&self) -> u16 {
        self.len
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        if self.len > 0 {
            *self = SatSet::EMPTY;
        }
    }
}

/// Signals; a satellite gives several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signals {
    /// Used in the solution.
    pub used: u16,
    /// Code locked and time synchronised.
    pub locked: u16,
}

/// Used, seen, and how strong the best are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SatCount {
    /// Used in the solution.
    pub used: u16,
    /// Listed.
    pub seen: u16,
    /// Carrier to noise density of the strongest, dBHz, in no order; 0 where there are fewer.
    pub best: [u8; BEST],
}

impl SatCount {
    /// None.
    pub const NONE: Self = SatCount {
        used: 0,
        seen: 0,
        best: [0; BEST],
    };

    /// Takes the strength of one.
    pub fn strength(&mut self, cno: u8) {
        if let Some(weakest) = self.best.iter_mut().min()
            && *weakest < cno
        {
            *weakest = cno;
        }
    }

    fn of(satellites: impl Iterator<Item = SatBlock>) -> Self {
        satellites.fold(SatCount::default(), |mut count, satellite| {
            count.seen += 1;
            count.used += u16::from(satellite.used);
            count.strength(satellite.cno);
            count
        })
    }

    /// From NAV-SAT.
    pub fn of_sat(list: &NavSat<'_>) -> Self {
        SatCount::of(list.satellites())
    }

    /// From NAV-SVINFO.
    pub fn of_svinfo(list: &NavSvinfo<'_>) -> Self {
        SatCount::of(list.satellites())
    }

    /// From NAV-SIG, where a satellite appears with each of its signals; and the signals.
    pub fn of_sig(list: &NavSig<'_>) -> (Self, Signals) {
        let (mut used, mut seen) = (SatSet::EMPTY, SatSet::EMPTY);
        let mut signals = Signals::default();
        let mut count = SatCount::default();
        for signal in list.signals() {
            seen.insert(signal.gnss, u16::from(signal.sv));
            if signal.used {
                used.insert(signal.gnss, u16::from(signal.sv));
            }
            signals.used += u16::from(signal.used);
            signals.locked += u16::from(signal.locked);
            count.strength(signal.cno);
        }
        count.used = used.len();
        count.seen = seen.len();
        (count, signals)
    }

    /// Signals there, but fewer than four strong enough to make a fix.
    pub fn is_weak(&self) -> bool {
        /// Below this a receiver cannot start to follow a satellite that it does not know yet, dBHz.
        const WEAK: u8 = 25;
        let [a, b, c, d] = self.best;
        let heard = a.max(b).max(c).max(d) > 0;
        heard && self.best.iter().all(|cno| *cno < WEAK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_satellite_counts_once() {
        let mut set = SatSet::EMPTY;
        for (system, number) in [(1, 5), (1, 5), (2, 5), (0, 437), (1, 512), (8, 1)] {
            set.insert(system, number);
        }
        assert_eq!(set.len(), 3);
        set.clear();
        assert_eq!(set.len(), 0);
        set.insert(1, 5);
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn the_best_four_are_kept() {
        let mut count = SatCount::default();
        assert!(!count.is_weak(), "nothing heard is not weak");
        for cno in [12, 40, 8, 24, 23, 22, 9] {
            count.strength(cno);
        }
        let mut best = count.best;
        best.sort_unstable();
        assert_eq!(best, [22, 23, 24, 40]);
        assert!(!count.is_weak());
        let mut weak = SatCount::default();
        weak.strength(24);
        assert!(weak.is_weak());
    }
}
