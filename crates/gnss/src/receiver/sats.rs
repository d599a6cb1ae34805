//! Counting satellites: each once, however many sentences or signals name it.

use crate::constellation::Constellation;
use crate::ubx::{NavSat, NavSig, NavSvinfo, Reflection, RxmMeasx, SatBlock};

/// Satellites that make a fix.
const ENOUGH: u16 = 4;
/// Below this a receiver cannot start to follow a satellite that it does not know yet, dBHz.
const WEAK: u8 = 25;
/// From this on a direct signal is measured well: what is wrong with it then is not noise, dBHz.
const STRONG: u8 = 30;
/// A strong signal whose range is off by this much came a longer way, 0.1 m.
const DETOUR: u32 = 150;
/// Satellite systems with a place of their own.
const SYSTEMS: usize = Constellation::ALL.len();

/// A set of (system, number 0…511).
#[derive(Debug, Clone, Copy)]
pub struct SatSet {
    /// One more, for satellites whose system nothing tells.
    systems: [[u64; 8]; SYSTEMS + 1],
    counts: [u16; SYSTEMS + 1],
}

impl SatSet {
    /// None.
    pub const EMPTY: Self = SatSet {
        systems: [[0; 8]; SYSTEMS + 1],
        counts: [0; SYSTEMS + 1],
    };

    /// Adds one; what is out of range is left out.
    #[inline]
    pub fn insert(&mut self, system: Constellation, number: u16) {
        let place = system.place();
        let bits = self.systems.get_mut(place);
        let word = bits.and_then(|bits| bits.get_mut(usize::from(number / 64)));
        let (Some(word), Some(count)) = (word, self.counts.get_mut(place)) else {
            return;
        };
        let bit = 1 << (number % 64);
        *count += u16::from(*word & bit == 0);
        *word |= bit;
    }

    /// How many are in.
    pub fn len(&self) -> u16 {
        self.counts.iter().sum()
    }

    /// How many of each system are in, in the order of [`Constellation::ALL`].
    fn counts(&self) -> impl Iterator<Item = u8> + '_ {
        self.counts.iter().map(|count| u8::try_from(*count).unwrap_or(u8::MAX))
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        if self.len() > 0 {
            *self = SatSet::EMPTY;
        }
    }
}

/// One satellite system in the sky.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SystemSky {
    /// Satellites used in the solution.
    pub used: u8,
    /// Satellites listed.
    pub seen: u8,
    /// Signals with a strength; a satellite may have several.
    pub tracked: u8,
    /// Carrier to noise density of the strongest, dBHz.
    pub best: u8,
    /// All strengths together, dBHz.
    sum: u16,
}

impl SystemSky {
    /// Mean carrier to noise density of the tracked signals, dBHz, rounded down; `None` while nothing is tracked.
    pub const fn mean(&self) -> Option<u8> {
        match self.sum.checked_div(self.tracked as u16) {
            Some(mean) => Some(mean.to_le_bytes()[0]), // a mean of bytes is one
            None => None,
        }
    }

    #[inline]
    fn strength(&mut self, cno: u8) {
        // Both stop together, so that the mean stays one.
        if cno > 0 && self.tracked < u8::MAX {
            self.tracked += 1;
            self.sum += u16::from(cno);
        }
        self.best = self.best.max(cno);
    }
}

/// The sky, system by system; the last place is for satellites of unknown systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sky([SystemSky; SYSTEMS + 1]);

impl Sky {
    /// Nothing in it.
    pub const EMPTY: Self = Sky([SystemSky {
        used: 0,
        seen: 0,
        tracked: 0,
        best: 0,
        sum: 0,
    }; SYSTEMS + 1]);

    /// One system; those that are not known share a place.
    pub fn system(&self, system: Constellation) -> SystemSky {
        self.0.get(system.place()).copied().unwrap_or_default()
    }

    /// The known systems of which anything was heard.
    pub fn iter(&self) -> impl Iterator<Item = (Constellation, &SystemSky)> {
        let all = Constellation::ALL.into_iter().zip(&self.0);
        all.filter(|(_, sky)| **sky != SystemSky::default())
    }

    /// Carrier to noise density of the strongest signal of all, dBHz.
    pub fn best(&self) -> u8 {
        self.0.iter().map(|sky| sky.best).max().unwrap_or_default()
    }

    /// Takes the strength of one; 0 while it is not tracked.
    #[inline]
    pub fn strength(&mut self, system: Constellation, cno: u8) {
        if let Some(sky) = self.0.get_mut(system.place()) {
            sky.strength(cno);
        }
    }

    /// Takes a satellite.
    #[inline]
    fn satellite(&mut self, satellite: SatBlock) {
        if let Some(sky) = self.0.get_mut(satellite.gnss.place()) {
            sky.strength(satellite.cno);
            sky.seen = sky.seen.saturating_add(1);
            sky.used = sky.used.saturating_add(u8::from(satellite.used));
        }
    }

    /// Takes the numbers of used and seen satellites.
    pub fn set_counts(&mut self, used: &SatSet, seen: &SatSet) {
        for ((sky, used), seen) in self.0.iter_mut().zip(used.counts()).zip(seen.counts()) {
            (sky.used, sky.seen) = (used, seen);
        }
    }
}

/// Satellites that are received well, and how many of them by way of a reflection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reflections {
    strong: u16,
    reflected: u16,
}

impl Reflections {
    /// From RXM-MEASX.
    pub fn of_measx(list: &RxmMeasx<'_>) -> Self {
        let mut reflections = Reflections::default();
        for satellite in list.satellites() {
            reflections.take(satellite.cno, satellite.reflection == Reflection::High);
        }
        reflections
    }

    #[inline]
    fn take(&mut self, cno: u8, reflected: bool) {
        self.strong += u16::from(cno >= STRONG);
        self.reflected += u16::from(cno >= STRONG && reflected);
    }

    /// Enough strong signals for a fix, and half of them or more reflected.
    pub const fn is_multipath(self) -> bool {
        self.strong >= ENOUGH && self.reflected * 2 >= self.strong
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

/// Used, seen, and how strong they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SatCount {
    /// Used in the solution.
    pub used: u16,
    /// Listed.
    pub seen: u16,
    /// Reflections, where the list tells residuals.
    pub reflections: Reflections,
    /// System by system.
    pub sky: Sky,
}

impl SatCount {
    /// None.
    pub const NONE: Self = SatCount {
        used: 0,
        seen: 0,
        reflections: Reflections {
            strong: 0,
            reflected: 0,
        },
        sky: Sky::EMPTY,
    };

    fn of(satellites: impl Iterator<Item = SatBlock>) -> Self {
        let mut count = SatCount::NONE;
        for satellite in satellites {
            count.seen += 1;
            count.used += u16::from(satellite.used);
            count.sky.satellite(satellite);
            count
                .reflections
                .take(satellite.cno, satellite.residual.unsigned_abs() >= DETOUR);
        }
        count
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
            count.sky.strength(signal.gnss, signal.cno);
        }
        count.sky.set_counts(&used, &seen);
        count.used = used.len();
        count.seen = seen.len();
        (count, signals)
    }

    /// Signals there, none of them strong enough to start with.
    pub fn is_weak(&self) -> bool {
        (1..WEAK).contains(&self.sky.best())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_satellite_counts_once() {
        use Constellation::{Galileo, Gps, Unknown};
        let mut set = SatSet::EMPTY;
        for (system, number) in [(Gps, 5), (Gps, 5), (Galileo, 5), (Unknown(255), 437), (Gps, 512)] {
            set.insert(system, number);
        }
        assert_eq!(set.len(), 3);
        assert_eq!(set.counts().collect::<Vec<_>>(), [1, 0, 1, 0, 0, 0, 0, 0, 1]);
        set.clear();
        assert_eq!(set.len(), 0);
        set.insert(Gps, 5);
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn weak_is_heard_and_not_strong() {
        let weak = |signals: &[u8]| {
            let mut count = SatCount::default();
            for cno in signals {
                count.sky.strength(Constellation::Gps, *cno);
            }
            count.is_weak()
        };
        assert!(!weak(&[]) && !weak(&[0, 0]), "nothing heard is not weak");
        assert!(weak(&[0, 8, WEAK - 1]));
        assert!(!weak(&[8, WEAK, 9]));
    }

    #[test]
    fn systems_are_told_apart() {
        let mut sky = Sky::default();
        for (system, cno) in [
            (Constellation::Gps, 40),
            (Constellation::Gps, 31),
            (Constellation::Galileo, 44),
            (Constellation::Gps, 0),
            (Constellation::Unknown(9), 50),
        ] {
            sky.strength(system, cno);
        }
        let gps = sky.system(Constellation::Gps);
        assert_eq!((gps.tracked, gps.best, gps.mean()), (2, 40, Some(35)));
        assert_eq!((sky.iter().count(), sky.best()), (2, 50));
        assert_eq!(sky.system(Constellation::Unknown(7)).best, 50, "all unknown ones");
        assert_eq!(SystemSky::default().mean(), None);
    }

    #[test]
    fn a_mean_of_very_many_is_still_one() {
        let mut sky = SystemSky::default();
        for _ in 0..1000 {
            sky.strength(u8::MAX);
        }
        assert_eq!((sky.tracked, sky.mean()), (255, Some(255)));
    }

    #[test]
    fn half_of_four_strong_signals_reflected_is_multipath() {
        let of = |signals: &[(u8, bool)]| {
            let mut reflections = Reflections::default();
            for (cno, reflected) in signals {
                reflections.take(*cno, *reflected);
            }
            reflections.is_multipath()
        };
        assert!(of(&[(30, true), (30, true), (40, false), (45, false)]));
        assert!(!of(&[(30, true), (29, true), (40, false), (45, false)]), "one is weak");
        assert!(!of(&[(30, true), (40, false), (45, false), (45, false)]));
        assert!(!of(&[(30, true), (40, true), (45, true)]), "three make no fix anyway");
        assert!(!of(&[]));
    }
}
