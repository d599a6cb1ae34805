//! How far the position has wandered from where it is held.
//!
//! A timing receiver whose position is held tells the same one over and over. One that goes on navigating after its survey wanders,
//! by metres where reflections reach the antenna, and its time wanders along: 30 m are 100 ns. The first position told while held is
//! the reference; one that stands still for a minute somewhere else was configured there and becomes it.

use super::KEEP;
use crate::ubx::Position;

/// Further than this from the reference the time is off by the limit of class 6, cm.
const FAR: u32 = 3_000;
/// So long it must be that far away, ms.
const FAR_FOR: u64 = 10_000;
/// Positions no further apart are the same, cm.
const SAME: u32 = 2;
/// A position that stands still for so long is held, ms.
const STILL_FOR: u64 = 60_000;

/// The position against its reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drift {
    reference: Option<Position>,
    /// Where it stands, and since when.
    still: Option<(Position, u64)>,
    /// From the reference, cm.
    distance: u32,
    far_since: Option<u64>,
    /// When the last position came, ms.
    at: u64,
}

impl Drift {
    /// No position is held.
    pub const NEW: Self = Drift {
        reference: None,
        still: None,
        distance: 0,
        far_since: None,
        at: 0,
    };

    /// Takes a position of a solution good for time, at receiver time `now`, ms; `held`: the receiver says that it holds its position.
    pub fn take(&mut self, position: Position, held: bool, now: u64) {
        if !held {
            *self = Drift::NEW;
            return;
        }
        let stands_since = match self.still {
            Some((place, since)) if distance(place, position) <= SAME => since,
            _ => {
                self.still = Some((position, now));
                now
            }
        };
        if self.reference.is_none() || now.saturating_sub(stands_since) >= STILL_FOR {
            self.reference = Some(position);
        }
        self.at = now;
        self.distance = self.reference.map_or(0, |reference| distance(reference, position));
        if self.distance < FAR {
            self.far_since = None;
        } else if self.far_since.is_none() {
            self.far_since = Some(now);
        }
    }

    /// Distance from the reference, cm; `None` while no position is held.
    pub fn distance(&self) -> Option<u32> {
        self.reference.map(|_| self.distance)
    }

    /// It is far away, and was for long enough. A position not repeated says nothing any more.
    pub fn is_far(&self, now: u64) -> bool {
        let current = now.saturating_sub(self.at) < KEEP;
        current && self.far_since.is_some_and(|since| now.saturating_sub(since) >= FAR_FOR)
    }
}

/// Straight distance of two positions near each other, cm.
fn distance(a: Position, b: Position) -> u32 {
    const TURN: i64 = 3_600_000_000;
    // A hundredth of a degree of latitude is 1113.2 m; 1e-7 degrees are 1.1132 cm.
    let centimetres = |angle: i64| i128::from(angle) * 11_132 / 10_000;
    let north = centimetres(i64::from(a.latitude) - i64::from(b.latitude));
    let around = (i64::from(a.longitude) - i64::from(b.longitude)).rem_euclid(TURN);
    let east = centimetres(if around > TURN / 2 { around - TURN } else { around });
    // Bhaskara's cosine of the latitude, good to two per mille: (180² − 4d²) / (180² + d²), d in thousandths of a degree.
    let d2 = i128::from(a.latitude / 10_000).pow(2);
    let half2 = 180_000 * 180_000;
    let east = east * (half2 - 4 * d2).max(0) / (half2 + d2);
    let up = i128::from(i64::from(a.height) - i64::from(b.height)) / 10;
    let square = north * north + east * east + up * up;
    u32::try_from(square.unsigned_abs().isqrt()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Position = Position {
        longitude: 115_166_667,
        latitude: 480_633_333,
        height: 545_400,
    };

    fn north_of(position: Position, metres: i32) -> Position {
        Position {
            latitude: position.latitude + metres * 90, // 90 units are 1.002 m
            ..position
        }
    }

    #[test]
    fn distances_are_right_to_a_percent() {
        assert_eq!(distance(HOME, HOME), 0);
        let north = distance(HOME, north_of(HOME, 100));
        assert!((9_990..=10_050).contains(&north), "{north}");
        let east = Position {
            longitude: HOME.longitude + 10_000,
            ..HOME
        };
        // 1e-3 degrees at 48.06° north: 111.32 m × 0.6683
        let east = distance(HOME, east);
        assert!((7_380..=7_500).contains(&east), "{east}");
        let up = Position {
            height: HOME.height + 12_340,
            ..HOME
        };
        assert_eq!(distance(HOME, up), 1_234);
    }

    #[test]
    fn the_date_line_is_no_distance_and_nonsense_no_overflow() {
        let at = |longitude, latitude| Position {
            longitude,
            latitude,
            height: 0,
        };
        assert!(distance(at(1_799_999_999, 0), at(-1_799_999_999, 0)) < 10);
        for (a, b) in [(i32::MIN, i32::MAX), (i32::MAX, i32::MIN)] {
            let wild = |n| Position {
                longitude: n,
                latitude: n,
                height: n,
            };
            assert!(distance(wild(a), wild(b)) > FAR);
        }
    }

    #[test]
    fn ten_seconds_thirty_metres_away_are_far() {
        let mut drift = Drift::NEW;
        drift.take(HOME, true, 0);
        assert_eq!((drift.distance(), drift.is_far(0)), (Some(0), false));
        for second in 1..=11 {
            // It wanders: never twice at the same place.
            drift.take(north_of(HOME, 30 + i32::try_from(second).unwrap()), true, second * 1000);
            assert_eq!(drift.is_far(second * 1000), second == 11, "{second}");
        }
        assert!(!drift.is_far(14_000), "not repeated");
        drift.take(north_of(HOME, 5), true, 12_000);
        assert!(!drift.is_far(12_000));
        drift.take(HOME, false, 13_000);
        assert_eq!(drift.distance(), None);
    }

    #[test]
    fn a_place_where_it_stands_still_becomes_the_reference() {
        let mut drift = Drift::NEW;
        drift.take(HOME, true, 0);
        let elsewhere = north_of(HOME, 5_000);
        for second in 1..=61 {
            drift.take(elsewhere, true, second * 1000);
        }
        assert_eq!((drift.distance(), drift.is_far(61_000)), (Some(0), false));
    }
}
