//! Where the receiver says that it is, against where it should be.
//!
//! In time mode a receiver repeats its fixed position and does not navigate: a moved antenna then shows when the receiver falls out of time
//! mode, is surveyed again, or was given another position by somebody else.

use super::plan::Watch;
use super::position::Position;

/// A position told in a navigation epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) position: Position,
    /// Horizontal and vertical accuracy together, mm.
    pub(super) accuracy: u64,
    /// Taken as fixed by the receiver.
    pub(super) fixed: bool,
}

impl Told {
    /// NAV-PVT (0x07): valid fixes only.
    pub(super) fn pvt(payload: &[u8]) -> Option<Told> {
        let (&fix, &flags) = (payload.get(20)?, payload.get(21)?);
        if !matches!(fix, 3..=5) || flags & 1 == 0 {
            return None;
        }
        let word = |at: usize| Some(i32::from_le_bytes(*payload.get(at..)?.first_chunk()?));
        let accuracy = |at: usize| Some(u64::from(u32::from_le_bytes(*payload.get(at..)?.first_chunk()?)));
        let position = Position::Geodetic {
            longitude: i64::from(word(24)?) * 100,
            latitude: i64::from(word(28)?) * 100,
            height: i64::from(word(32)?) * 10,
        };
        Some(Told {
            position,
            accuracy: accuracy(40)?.saturating_add(accuracy(44)?),
            fixed: fix == 5,
        })
    }
}

/// What a told position means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing new.
    Same,
    /// Too far away for long enough, mm.
    Moved(u64),
    /// Back again.
    Returned,
}

/// The watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard {
    watch: Watch,
    /// `None`: the first position that the receiver takes as fixed.
    reference: Option<Position>,
    /// Positions in a row that speak against the present verdict.
    against: u32,
    moved: bool,
}

impl Guard {
    pub(super) const fn new(watch: Watch, reference: Option<Position>) -> Self {
        Guard {
            watch,
            reference,
            against: 0,
            moved: false,
        }
    }

    /// Another place is right from now on; `None`: to be learned.
    pub(super) const fn refer(&mut self, reference: Option<Position>) {
        self.reference = reference;
        self.against = 0;
        self.moved = false;
    }

    pub(super) const fn resurvey(&self) -> bool {
        self.watch.resurvey
    }

    pub(super) fn see(&mut self, told: Told) -> Seen {
        let Some(reference) = self.reference else {
            self.reference = told.fixed.then_some(told.position);
            return Seen::Same;
        };
        let distance = told.position.distance_mm(reference);
        let far = distance > u64::from(self.watch.limit).saturating_add(told.accuracy);
        if far == self.moved {
            self.against = 0;
            return Seen::Same;
        }
        self.against = self.against.saturating_add(1);
        if self.against < self.watch.times {
            return Seen::Same;
        }
        self.against = 0;
        self.moved = far;
        if far { Seen::Moved(distance) } else { Seen::Returned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metres_north: i64, accuracy: u64, fixed: bool) -> Told {
        let position = Position::Geodetic {
            latitude: 48_000_000_000 + metres_north * 8_993,
            longitude: 11_000_000_000,
            height: 0,
        };
        Told {
            position,
            accuracy,
            fixed,
        }
    }

    #[test]
    fn only_a_row_of_far_positions_counts() {
        let watch = Watch {
            limit: 10_000,
            times: 3,
            resurvey: false,
        };
        let mut guard = Guard::new(watch, Some(told(0, 0, true).position));
        let mut see = |metres, accuracy| guard.see(told(metres, accuracy, false));
        assert_eq!([see(11, 0), see(11, 0), see(9, 0)], [Seen::Same; 3]);
        assert_eq!([see(11, 0), see(30, 25_000), see(11, 0), see(12, 0)], [Seen::Same; 4]);
        assert!(matches!(see(20, 0), Seen::Moved(19_900..=20_100)));
        assert_eq!([see(21, 0), see(0, 0), see(0, 0)], [Seen::Same; 3]);
        assert_eq!(see(0, 0), Seen::Returned);
    }

    #[test]
    fn without_a_reference_the_first_fixed_position_is_it() {
        let mut guard = Guard::new(
            Watch {
                limit: 1_000,
                times: 1,
                resurvey: true,
            },
            None,
        );
        assert_eq!(guard.see(told(500, 0, false)), Seen::Same);
        assert_eq!(guard.see(told(0, 0, true)), Seen::Same);
        assert!(matches!(guard.see(told(500, 0, false)), Seen::Moved(_)));
    }

    #[test]
    fn a_payload_that_ends_early_tells_nothing() {
        let mut payload = vec![0; 92];
        (payload[20], payload[21]) = (5, 1);
        assert!(Told::pvt(&payload).is_some_and(|told| told.fixed));
        assert_eq!(Told::pvt(&payload[..47]), None);
        payload[21] = 0;
        assert_eq!(Told::pvt(&payload), None);
    }
}
