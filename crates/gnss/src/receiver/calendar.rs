//! Dates: GPS weeks, the roll-over of their number, and which dates can be.

use tgm_time::civil::Civil;
use tgm_time::{Nanos, Seconds, Time, Utc};

/// When this version was made. A receiver that shows an earlier date is wrong.
pub const RELEASED: Time<Utc> = Time::from_parts(1_793_491_200, 0); // 2026-11-01

/// 1980-01-06, the beginning of GPS week 0, POSIX seconds.
const GPS_ZERO: i64 = 315_964_800;
const WEEK: i64 = 604_800;
/// The week number in the GPS signal has ten bits.
const ROLLOVER: i64 = 1024 * WEEK;
/// How far ahead of the release a date can lie.
const AHEAD: i64 = 7_305 * 86_400; // 20 years; longer than a roll-over, so that every earlier date has a plausible twin

/// What a receiver's date is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateCheck {
    /// There is no date.
    #[default]
    Unknown,
    /// Between the release and 20 years after it, or nothing to check against (a recording).
    Plausible,
    /// Before the release. That many roll-overs of 1024 weeks added make it plausible.
    BeforeRelease {
        /// Roll-overs, 1 or more.
        rollovers: u8,
    },
    /// More than 20 years after the release.
    TooFarAhead,
}

impl DateCheck {
    /// Judges `utc` against the date of `release`; without one, every date is plausible.
    pub fn of(utc: Option<Time<Utc>>, release: Option<Time<Utc>>) -> Self {
        let Some(utc) = utc else {
            return DateCheck::Unknown;
        };
        let Some(release) = release else {
            return DateCheck::Plausible;
        };
        let ahead = utc.secs() - release.secs();
        if ahead >= AHEAD {
            DateCheck::TooFarAhead
        } else if ahead >= 0 {
            DateCheck::Plausible
        } else {
            let rollovers = (-ahead + ROLLOVER - 1) / ROLLOVER;
            DateCheck::BeforeRelease {
                rollovers: u8::try_from(rollovers).unwrap_or(u8::MAX),
            }
        }
    }

    /// The time with the roll-overs put right; `None` for a date that cannot be.
    pub fn corrected(self, utc: Time<Utc>) -> Option<Time<Utc>> {
        match self {
            DateCheck::Plausible => Some(utc),
            DateCheck::BeforeRelease { rollovers } => Some(utc + Nanos::from_secs(i64::from(rollovers) * ROLLOVER)),
            DateCheck::Unknown | DateCheck::TooFarAhead => None,
        }
    }
}

/// UTC of a GPS week and time of week (ms).
pub fn from_gps(week: i16, itow: u32, leap: Seconds) -> Civil {
    let whole = GPS_ZERO + i64::from(week) * WEEK - leap.0;
    Civil::from(Time::from_parts(whole, 0) + Nanos::from_millis(i64::from(itow)))
}

/// Calendar fields plus −1e9…1e9 ns as a receiver gives them, to the nearest millisecond: the nominal time of the epoch. What is
/// below a millisecond is the receiver's clock bias. `None` for what no calendar has.
pub fn nominal(civil: Option<Civil>, nano: i32) -> Option<Civil> {
    let civil = civil?;
    let millis = (i64::from(nano) + 500_000).div_euclid(1_000_000);
    match u32::try_from(millis) {
        Ok(millis @ 0..1000) => Some(Civil {
            nanos: millis * 1_000_000,
            ..civil
        }),
        _ => Some(Civil::from(civil.to_utc() + Nanos::from_millis(millis))),
    }
}

/// UTC of a time of week (ms), by a calendar time that is known to lie within `within` of it. For receivers that tell the date only
/// in NMEA.
pub fn from_anchor(anchor: Civil, itow: u32, leap: Seconds, within: Nanos) -> Option<Civil> {
    const WEEK_MS: i64 = WEEK * 1000;
    let anchor = anchor.to_utc();
    let anchor_ms = anchor.as_nanos().div_euclid(1_000_000) - GPS_ZERO * 1000 + leap.0 * 1000;
    let ahead = (i64::from(itow) - anchor_ms).rem_euclid(WEEK_MS);
    let ahead = if ahead > WEEK_MS / 2 { ahead - WEEK_MS } else { ahead };
    let ahead = Nanos::from_millis(ahead);
    (ahead.abs() <= within).then(|| Civil::from(anchor + ahead))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(text: [i32; 6]) -> Civil {
        let [y, mo, d, h, mi, s] = text;
        let small = |n: i32| u8::try_from(n).unwrap();
        Civil::new(y, small(mo), small(d), small(h), small(mi), small(s), 0).unwrap()
    }

    #[test]
    fn the_release_is_the_first_of_november() {
        assert_eq!(Civil::from(RELEASED), civil([2026, 11, 1, 0, 0, 0]));
    }

    #[test]
    fn gps_weeks_count_from_1980() {
        assert_eq!(from_gps(0, 0, Seconds(0)), civil([1980, 1, 6, 0, 0, 0]));
        assert_eq!(
            from_gps(2307, 400_463_000, Seconds(18)),
            civil([2024, 3, 28, 15, 14, 5])
        );
    }

    #[test]
    fn a_rolled_over_week_is_found_and_put_right() {
        let right = civil([2026, 11, 22, 12, 0, 0]).to_utc();
        for rollovers in 1..=2 {
            let shown = right - Nanos::from_secs(i64::from(rollovers) * ROLLOVER);
            let check = DateCheck::of(Some(shown), Some(RELEASED));
            assert_eq!(check, DateCheck::BeforeRelease { rollovers });
            assert_eq!(check.corrected(shown), Some(right));
        }
    }

    #[test]
    fn dates_are_plausible_from_the_release_for_20_years() {
        let check = |utc| DateCheck::of(Some(utc), Some(RELEASED));
        assert_eq!(check(RELEASED), DateCheck::Plausible);
        assert_eq!(check(civil([2046, 10, 1, 0, 0, 0]).to_utc()), DateCheck::Plausible);
        let far = civil([2047, 1, 1, 0, 0, 0]).to_utc();
        assert_eq!(check(far), DateCheck::TooFarAhead);
        assert_eq!(check(far).corrected(far), None);
        assert_eq!(DateCheck::of(Some(Time::ZERO), None), DateCheck::Plausible);
    }

    #[test]
    fn nominal_time_is_to_the_millisecond_and_keeps_second_60() {
        let leap = civil([2016, 12, 31, 23, 59, 60]);
        assert_eq!(nominal(Some(leap), -119_216), Some(leap));
        assert_eq!(nominal(Some(leap), 250_000_400).unwrap().nanos, 250_000_000);
        assert_eq!(
            nominal(Some(civil([2025, 1, 1, 0, 0, 0])), -1_000_000_000),
            Some(civil([2024, 12, 31, 23, 59, 59]))
        );
        assert_eq!(
            nominal(Some(civil([2025, 1, 1, 0, 0, 0])), 999_999_999),
            Some(civil([2025, 1, 1, 0, 0, 1]))
        );
    }

    #[test]
    fn an_nmea_date_and_a_time_of_week_give_the_time() {
        let anchor = civil([2024, 3, 28, 15, 14, 4]);
        let within = Nanos::from_secs(10);
        let at = from_anchor(anchor, 400_463_000, Seconds(18), within);
        assert_eq!(at, Some(civil([2024, 3, 28, 15, 14, 5])));
        assert_eq!(from_anchor(anchor, 400_483_000, Seconds(18), within), None);
    }
}
