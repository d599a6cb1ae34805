//! TAI − UTC: the history of leap seconds.
//!
//! Source: IERS Bulletin C, as distributed in `leap-seconds.list`. The built-in table is only a fallback: a receiver's own word
//! (UBX-NAV-TIMELS) comes first, then a leap file.

use crate::scale::{Tai, Time, Utc};
use crate::units::Seconds;

/// GPS time starts 19 s behind TAI and keeps that distance.
pub const TAI_MINUS_GPS: Seconds = Seconds(19);

/// One step of TAI − UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// First UTC second with the new offset, POSIX seconds.
    pub from: i64,
    /// TAI − UTC from then on.
    pub offset: Seconds,
}

const fn step(from: i64, offset: i64) -> Step {
    Step {
        from,
        offset: Seconds(offset),
    }
}

/// All steps since 1972, oldest first.
pub const STEPS: [Step; 28] = [
    step(63_072_000, 10),
    step(78_796_800, 11),
    step(94_694_400, 12),
    step(126_230_400, 13),
    step(157_766_400, 14),
    step(189_302_400, 15),
    step(220_924_800, 16),
    step(252_460_800, 17),
    step(283_996_800, 18),
    step(315_532_800, 19),
    step(362_793_600, 20),
    step(394_329_600, 21),
    step(425_865_600, 22),
    step(489_024_000, 23),
    step(567_993_600, 24),
    step(631_152_000, 25),
    step(662_688_000, 26),
    step(709_948_800, 27),
    step(741_484_800, 28),
    step(773_020_800, 29),
    step(820_454_400, 30),
    step(867_715_200, 31),
    step(915_148_800, 32),
    step(1_136_073_600, 33),
    step(1_230_768_000, 34),
    step(1_341_100_800, 35),
    step(1_435_708_800, 36),
    step(1_483_228_800, 37),
];

/// Until when the built-in table is known to be complete (IERS Bulletin C of July 2026), POSIX seconds.
pub const COMPLETE_UNTIL: i64 = 1_814_140_800; // 2027-06-28

/// TAI − UTC at a UTC instant by the built-in table; before 1972 there is none.
pub fn offset_at(utc: Time<Utc>) -> Option<Seconds> {
    STEPS
        .iter()
        .rev()
        .find(|step| utc.secs() >= step.from)
        .map(|step| step.offset)
}

/// An instant of TAI as UTC, with the leap second told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UtcReading {
    /// POSIX time. During a leap second, the last nanosecond-exact reading of the second before it (…:59) plus the fraction.
    pub utc: Time<Utc>,
    /// True within an inserted second 60.
    pub in_leap_second: bool,
}

/// An instant of TAI as UTC by the built-in table; before 1972 there is none.
pub fn utc_of(tai: Time<Tai>) -> Option<UtcReading> {
    // In TAI, the step takes effect at `from + offset`; the second before that is 23:59:60 of the older offset.
    let index = STEPS
        .iter()
        .rposition(|step| tai.secs() >= step.from.saturating_add(step.offset.0))?;
    let current = STEPS.get(index)?;
    let next = STEPS.get(index.saturating_add(1));
    let utc = tai.to_utc(current.offset);
    let in_leap_second = next.is_some_and(|next| utc.secs() >= next.from);
    let utc = if in_leap_second {
        utc - crate::units::Nanos::from_secs(1)
    } else {
        utc
    };
    Some(UtcReading { utc, in_leap_second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_climbs_one_second_at_a_time() {
        for pair in STEPS.windows(2) {
            assert!(pair[0].from < pair[1].from);
            assert_eq!(pair[0].offset.0 + 1, pair[1].offset.0);
            assert_eq!(pair[1].from % 86_400, 0);
        }
    }

    #[test]
    fn offset_now_is_37_and_before_1972_unknown() {
        assert_eq!(offset_at(Time::from_parts(1_800_000_000, 0)), Some(Seconds(37)));
        assert_eq!(offset_at(Time::from_parts(1_483_228_799, 0)), Some(Seconds(36)));
        assert_eq!(offset_at(Time::from_parts(0, 0)), None);
    }

    #[test]
    fn second_60_of_2016_lasts_one_second() {
        let leap = 1_483_228_800 + 36; // 2016-12-31T23:59:60Z in TAI
        let reading = |tai| utc_of(Time::from_parts(tai, 500_000_000)).unwrap();
        assert_eq!(
            reading(leap - 1),
            UtcReading {
                utc: Time::from_parts(1_483_228_799, 500_000_000),
                in_leap_second: false
            }
        );
        assert_eq!(
            reading(leap),
            UtcReading {
                utc: Time::from_parts(1_483_228_799, 500_000_000),
                in_leap_second: true
            }
        );
        assert_eq!(
            reading(leap + 1),
            UtcReading {
                utc: Time::from_parts(1_483_228_800, 500_000_000),
                in_leap_second: false
            }
        );
    }
}
