//! Calendar time: RFC 3339 with nine digits and a second that may be 60.

use core::fmt;

use crate::leap::UtcReading;
use crate::scale::{Time, Utc};

/// Calendar date and time in UTC, proleptic Gregorian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// Year, astronomical numbering; 1677…2262 are reachable from [`Time<Utc>`].
    pub year: i32,
    /// Month, 1…12.
    pub month: u8,
    /// Day of the month, 1…31.
    pub day: u8,
    /// Hour, 0…23.
    pub hour: u8,
    /// Minute, 0…59.
    pub minute: u8,
    /// Second, 0…60; 60 only in an inserted leap second.
    pub second: u8,
    /// Nanosecond, 0…999 999 999.
    pub nanos: u32,
}

impl Civil {
    /// Checks the ranges, day of month included. `None` for a date or time that no calendar has.
    pub const fn new(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8, nanos: u32) -> Option<Self> {
        let valid = month >= 1
            && month <= 12
            && day >= 1
            && day <= days_in_month(year, month)
            && hour <= 23
            && minute <= 59
            && second <= 60
            && nanos <= 999_999_999;
        if valid {
            Some(Civil {
                year,
                month,
                day,
                hour,
                minute,
                second,
                nanos,
            })
        } else {
            None
        }
    }

    /// POSIX time; second 60 counts as second 0 of the next minute, as POSIX has it.
    pub const fn to_utc(self) -> Time<Utc> {
        let days = days_from_civil(self.year as i64, self.month as i64, self.day as i64);
        let secs = days * 86_400 + self.hour as i64 * 3_600 + self.minute as i64 * 60 + self.second as i64;
        Time::from_parts(secs, self.nanos)
    }

    /// RFC 3339 with nine fractional digits and `Z`.
    pub const fn rfc3339(self) -> Rfc3339 {
        Rfc3339(self)
    }
}

impl From<Time<Utc>> for Civil {
    fn from(utc: Time<Utc>) -> Self {
        let secs = utc.secs();
        let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
        let of_day = secs.rem_euclid(86_400);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // remainders of the divisions above
        Civil {
            year: year as i32,
            month: month as u8,
            day: day as u8,
            hour: (of_day / 3_600) as u8,
            minute: (of_day / 60 % 60) as u8,
            second: (of_day % 60) as u8,
            nanos: utc.subsec_nanos(),
        }
    }
}

impl From<UtcReading> for Civil {
    fn from(reading: UtcReading) -> Self {
        let civil = Civil::from(reading.utc);
        if reading.in_leap_second {
            Civil { second: 60, ..civil }
        } else {
            civil
        }
    }
}

/// Writes `2026-11-22T15:04:05.000000001Z`.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339(Civil);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
            nanos,
        } = self.0;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"
        )
    }
}

const fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, by counting years from March in cycles of 400 (146 097 days).
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * 146_097 + day_of_cycle - 719_468
}

const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_cycle + cycle * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::leap::utc_of;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn known_instants() {
        let at = |secs| Civil::from(Time::<Utc>::from_parts(secs, 1)).rfc3339().to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(at(1_800_000_000), "2027-01-15T08:00:00.000000001Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59.000000001Z");
    }

    #[test]
    fn a_leap_second_is_written_as_60() {
        let civil = Civil::from(utc_of(Time::from_parts(1_483_228_836, 250_000_000)).unwrap());
        assert_eq!(civil.rfc3339().to_string(), "2016-12-31T23:59:60.250000000Z");
    }

    #[test]
    fn impossible_dates_are_refused() {
        assert!(Civil::new(2023, 2, 29, 0, 0, 0, 0).is_none());
        assert!(Civil::new(2024, 2, 29, 0, 0, 60, 0).is_some());
        assert!(Civil::new(2024, 13, 1, 0, 0, 0, 0).is_none());
        assert!(Civil::new(2024, 4, 31, 0, 0, 0, 0).is_none());
        assert!(Civil::new(2024, 4, 30, 24, 0, 0, 0).is_none());
        assert!(Civil::new(2024, 4, 30, 0, 0, 61, 0).is_none());
    }

    proptest! {
        #[test]
        fn calendar_and_back(nanos in any::<i64>()) {
            let utc = Time::<Utc>::from_nanos(nanos / 2);
            prop_assert_eq!(Civil::from(utc).to_utc(), utc);
        }
    }
}
