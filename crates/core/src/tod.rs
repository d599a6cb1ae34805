//! T: does the PHC show the receiver's second? agrees · disagrees · unknown, and whose fault it is (requirements 1).
//!
//! A receiver's message about second *s* comes between the pulse that starts *s* and the next one, so it is held against the last
//! pulse. Which of two disagreeing clocks jumped is told by monotonic time, which does not jump.
//!
//! Around the end of a month a leap second may come, and a receiver's count of them may come seconds before or after it. A PHC that
//! did not jump is right then: one second more or less is doubt and no fault, until the first minute of the month is over.

use tgm_time::civil::Civil;
use tgm_time::leap::TAI_MINUS_GPS;
use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::config::Limits;
use crate::fresh::Fresh;

/// Pulses in a row that must disagree.
const CONSECUTIVE: u8 = 3;
/// A clock that moves this much more or less than monotonic time has jumped.
const JUMP: u64 = 500_000_000;
/// A message later than this after a pulse may belong to the next one.
const PAIRING: Nanos = Nanos::from_secs(1);
/// An epoch this far off a full second (receivers may report several per second) starts no second.
const OFF_SECOND: Nanos = Nanos::from_millis(50);

/// Verdict over the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum T {
    /// Same second.
    Agrees,
    /// The last one or two pulses disagreed.
    Doubtful,
    /// Disagrees; the receiver's second jumped.
    ReceiverFault,
    /// Disagrees; the PHC's second jumped.
    PhcFault,
    /// Disagrees though neither jumped: from the start, or because TAI − UTC changed.
    Disagrees,
    /// One side or the UTC offset is missing.
    #[default]
    Unknown,
}

/// One clock's second against monotonic time.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    second: i64,
    /// The second less the moment in nanoseconds, modulo 2⁶⁴: constant, but for drift, while neither jumps.
    lead: i64,
    fresh: Fresh,
    jumped: bool,
}

impl Seen {
    #[inline]
    fn take(&mut self, second: i64, at: Time<Mono>, limit: Nanos) {
        let lead = second.wrapping_mul(1_000_000_000).wrapping_sub(at.as_nanos());
        self.jumped |= lead.wrapping_sub(self.lead).unsigned_abs() > JUMP && !self.fresh.is_never();
        self.second = second;
        self.lead = lead;
        self.fresh = Fresh::at(at, limit);
    }
}

/// Pairs pulses with epochs.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOfDay {
    phc: Seen,
    receiver: Seen,
    disagreed: u8,
    /// The last pulse belongs to an epoch that comes before this.
    pulse: Fresh,
    /// The verdict while both are fresh, whoever jumped; unknown until they were compared.
    verdict: T,
}

impl TimeOfDay {
    /// A pulse came when the PHC showed `second`.
    #[inline]
    pub fn pulse(&mut self, at: Time<Mono>, second: i64, limits: &Limits) {
        self.phc.take(second, at, limits.phc_stale);
        self.pulse = Fresh::at(at, PAIRING);
    }

    /// The receiver told the time; `utc_offset` is TAI − UTC if anybody trustworthy knows it.
    pub fn epoch(&mut self, at: Time<Mono>, utc: Time<Utc>, utc_offset: Option<Seconds>, limits: &Limits) {
        // As far before a second as after it still counts as its start: with that added, both are within the second.
        let (second, within) = (utc + OFF_SECOND).split();
        if Nanos(within.into()) > OFF_SECOND + OFF_SECOND {
            return;
        }
        self.receiver.take(second, at, limits.gnss_stale);
        let Some(offset) = utc_offset else { return };
        if !self.pulse.holds(at) {
            return;
        }
        let expected = second.saturating_add(offset.0);
        if self.phc.second == expected {
            (self.phc.jumped, self.receiver.jumped) = (false, false);
            (self.disagreed, self.verdict) = (0, T::Agrees);
        } else if self.phc.second.abs_diff(expected) == 1 && !self.phc.jumped && may_leap(second) {
            self.verdict = T::Doubtful;
        } else {
            self.disagreed = self.disagreed.saturating_add(1);
            self.verdict = if self.disagreed < CONSECUTIVE {
                T::Doubtful
            } else {
                T::Disagrees
            };
        }
    }

    /// The PHC's second at the last pulse.
    pub const fn phc_second(&self) -> i64 {
        self.phc.second
    }

    /// True if the verdict is [`T::Agrees`].
    #[inline]
    pub fn agrees(&self, now: Time<Mono>) -> bool {
        (self.verdict == T::Agrees) & self.phc.fresh.holds(now) & self.receiver.fresh.holds(now)
    }

    /// The verdict.
    #[inline]
    pub fn judge(&self, now: Time<Mono>) -> T {
        if !(self.phc.fresh.holds(now) && self.receiver.fresh.holds(now)) {
            return T::Unknown;
        }
        match self.verdict {
            T::Disagrees if self.phc.jumped => T::PhcFault, // whatever the receiver did beside
            T::Disagrees if self.receiver.jumped => T::ReceiverFault,
            verdict => verdict,
        }
    }
}

/// A leap second may just have been, or be, at this second of UTC: two seconds before a month until its first minute is over.
#[cold]
fn may_leap(second: i64) -> bool {
    let later = Civil::from(Time::from_parts(second.saturating_add(2), 0));
    (later.day, later.hour) == (1, 0) && (later.minute == 0 || (later.minute, later.second) < (1, 3))
}

/// TAI − UTC from a receiver's GPS − UTC.
pub const fn utc_offset(leap: Seconds) -> Seconds {
    Seconds(TAI_MINUS_GPS.0.saturating_add(leap.0))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    const L: Limits = Limits::DEFAULT;
    const OFFSET: Option<Seconds> = Some(Seconds(37));

    /// Runs seconds 0…n−1: the pulse at n s, the message 150 ms later. The clocks are off by what the closures say.
    fn run(n: i64, phc_off: impl Fn(i64) -> i64, receiver_off: impl Fn(i64) -> i64) -> T {
        let mut tod = TimeOfDay::default();
        let mut now = Time::ZERO;
        for s in 0..n {
            let pulse = Time::ZERO + Nanos::from_secs(s);
            now = pulse + Nanos::from_millis(150);
            tod.pulse(pulse, 1_800_000_037 + s + phc_off(s), &L);
            tod.epoch(
                now,
                Time::from_parts(1_800_000_000 + s + receiver_off(s), 0),
                OFFSET,
                &L,
            );
        }
        tod.judge(now)
    }

    #[test]
    fn the_same_second_agrees() {
        assert_eq!(run(3, |_| 0, |_| 0), T::Agrees);
    }

    #[test]
    fn one_and_two_pulses_off_are_doubt_and_three_are_not() {
        assert_eq!(run(6, |s| i64::from(s >= 5), |_| 0), T::Doubtful);
        assert_eq!(run(6, |s| i64::from(s >= 4), |_| 0), T::Doubtful);
        assert_eq!(run(6, |s| i64::from(s >= 3), |_| 0), T::PhcFault);
    }

    #[test]
    fn who_jumped_is_at_fault() {
        assert_eq!(run(9, |_| 0, |s| if s >= 4 { -1 } else { 0 }), T::ReceiverFault);
        assert_eq!(run(9, |s| if s >= 4 { 3_600 } else { 0 }, |_| 0), T::PhcFault);
        assert_eq!(run(9, |_| 1, |_| 0), T::Disagrees);
        let both = run(9, |s| if s >= 4 { 3_600 } else { 0 }, |s| if s >= 4 { -1 } else { 0 });
        assert_eq!(both, T::PhcFault, "a PHC that jumped is at fault, whoever else did");
    }

    #[test]
    fn coming_back_clears_the_fault() {
        assert_eq!(run(12, |s| i64::from((4..8).contains(&s)), |_| 0), T::Agrees);
    }

    /// A positive leap second at 2027-01-01, whose word the receiver has `late` epochs after it (before, if negative); the verdicts
    /// of 200 seconds around it.
    fn leap(late: i64, phc_off: impl Fn(i64) -> i64) -> std::vec::Vec<T> {
        const NEW_YEAR: i64 = 1_798_761_600;
        let mut tod = TimeOfDay::default();
        let verdict = |s: i64| {
            let pulse = Time::ZERO + Nanos::from_secs(s + 100);
            let now = pulse + Nanos::from_millis(150);
            let tai = NEW_YEAR + 37 + s; // s = 0 is second 60
            let utc = NEW_YEAR + s - i64::from(s > 0);
            let offset = if s > late { 38 } else { 37 };
            tod.pulse(pulse, tai + phc_off(s), &L);
            tod.epoch(now, Time::from_parts(utc, 0), Some(Seconds(offset)), &L);
            tod.judge(now)
        };
        (-100..100).map(verdict).collect()
    }

    #[test]
    fn func_tgm009_r5_a_leap_count_that_lags_or_leads_is_doubt_and_no_fault() {
        for late in [-1, 0, 1, 3, 60] {
            let verdicts = leap(late, |_| 0);
            let doubts = verdicts.iter().filter(|t| **t == T::Doubtful).count();
            assert_eq!(i64::try_from(doubts), Ok(late.abs()), "{late}");
            assert!(verdicts.iter().all(|t| matches!(t, T::Agrees | T::Doubtful)), "{late}");
        }
        assert!(leap(90, |_| 0).contains(&T::ReceiverFault), "not for ever");
        assert!(leap(-10, |_| 0).contains(&T::Disagrees), "nor long before");
        assert!(
            leap(0, |s| i64::from(s > 5)).contains(&T::PhcFault),
            "a PHC that jumps is no leap second"
        );
        assert!(leap(0, |s| 2 * i64::from(s > 5)).contains(&T::PhcFault));
    }

    #[test]
    fn leap_seconds_come_at_the_end_of_a_month_only() {
        let at = |text: (i32, u8, u8, u8, u8, u8)| {
            let (year, month, day, hour, minute, second) = text;
            Civil::new(year, month, day, hour, minute, second, 0)
                .unwrap()
                .to_utc()
                .secs()
        };
        assert!(!may_leap(at((2026, 12, 31, 23, 59, 57))));
        assert!(may_leap(at((2026, 12, 31, 23, 59, 58))));
        assert!(may_leap(at((2027, 1, 1, 0, 1, 0))));
        assert!(!may_leap(at((2027, 1, 1, 0, 1, 1))));
        assert!(may_leap(at((2028, 3, 1, 0, 0, 0))));
        assert!(!may_leap(at((2028, 2, 28, 23, 59, 59))));
        assert!(!may_leap(at((2027, 1, 1, 1, 0, 0))));
        assert!(!may_leap(at((2027, 1, 2, 0, 0, 0))));
    }

    #[test]
    fn without_a_utc_offset_nothing_is_known() {
        let mut tod = TimeOfDay::default();
        tod.pulse(Time::ZERO, 1_800_000_037, &L);
        tod.epoch(Time::ZERO + Nanos(1), Time::from_parts(1_800_000_000, 0), None, &L);
        assert_eq!(tod.judge(Time::ZERO + Nanos(2)), T::Unknown);
    }

    #[test]
    fn silence_of_either_side_is_unknown() {
        let mut tod = TimeOfDay::default();
        tod.pulse(Time::ZERO, 37, &L);
        tod.epoch(Time::ZERO + Nanos(1), Time::ZERO, OFFSET, &L);
        assert_eq!(tod.judge(Time::ZERO + Nanos::from_millis(2_999)), T::Agrees);
        assert_eq!(tod.judge(Time::ZERO + Nanos::from_secs(3)), T::Unknown);
    }
}
