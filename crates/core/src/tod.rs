//! T: does the PHC show the receiver's second? agrees · disagrees · unknown, and whose fault it is (requirements 1).
//!
//! A receiver's message about second *s* comes between the pulse that starts *s* and the next one, so it is held against the last
//! pulse. Which of two disagreeing clocks jumped is told by monotonic time, which does not jump.

use tgm_time::leap::TAI_MINUS_GPS;
use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::config::Limits;

/// Pulses in a row that must disagree.
const CONSECUTIVE: u8 = 3;
/// A clock that moves this much more or less than monotonic time has jumped.
const JUMP: Nanos = Nanos::from_millis(500);
/// A message later than this after a pulse may belong to the next one.
const PAIRING: Nanos = Nanos::from_secs(1);
/// An epoch this far off a full second (receivers may report several per second) starts no second.
const OFF_SECOND: u32 = 50_000_000;

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
    /// Disagrees, and has done so from the start.
    Disagrees,
    /// One side or the UTC offset is missing.
    #[default]
    Unknown,
}

/// One clock's second against monotonic time.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    last: Option<(i64, Time<Mono>)>,
    jumped: bool,
}

impl Seen {
    fn take(&mut self, second: i64, at: Time<Mono>) {
        if let Some((before, then)) = self.last {
            let moved = Nanos::from_secs(second.saturating_sub(before));
            self.jumped |= (moved - at.since(then)).abs() > JUMP;
        }
        self.last = Some((second, at));
    }

    fn fresh(&self, now: Time<Mono>, limit: Nanos) -> bool {
        self.last.is_some_and(|(_, at)| now.since(at) < limit)
    }
}

/// Pairs pulses with epochs.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOfDay {
    phc: Seen,
    receiver: Seen,
    disagreed: u8,
    compared: bool,
}

impl TimeOfDay {
    /// A pulse came when the PHC showed `second`.
    pub fn pulse(&mut self, at: Time<Mono>, second: i64) {
        self.phc.take(second, at);
    }

    /// The receiver told the time; `utc_offset` is TAI − UTC if anybody trustworthy knows it.
    pub fn epoch(&mut self, at: Time<Mono>, utc: Time<Utc>, utc_offset: Option<Seconds>) {
        let off = utc.subsec_nanos();
        if off > OFF_SECOND && off < 1_000_000_000 - OFF_SECOND {
            return;
        }
        let second = (utc + Nanos(500_000_000)).secs();
        self.receiver.take(second, at);
        let (Some((phc, pulse)), Some(offset)) = (self.phc.last, utc_offset) else {
            return;
        };
        if at.since(pulse) >= PAIRING {
            return;
        }
        self.compared = true;
        if phc == second.saturating_add(offset.0) {
            *self = TimeOfDay {
                phc: Seen {
                    jumped: false,
                    ..self.phc
                },
                receiver: Seen {
                    jumped: false,
                    ..self.receiver
                },
                disagreed: 0,
                compared: true,
            };
        } else {
            self.disagreed = self.disagreed.saturating_add(1);
        }
    }

    /// The verdict.
    pub fn judge(&self, now: Time<Mono>, limits: &Limits) -> T {
        if !self.compared || !self.phc.fresh(now, limits.phc_stale) || !self.receiver.fresh(now, limits.gnss_stale) {
            return T::Unknown;
        }
        match self.disagreed {
            0 => T::Agrees,
            few if few < CONSECUTIVE => T::Doubtful,
            _ if self.receiver.jumped && !self.phc.jumped => T::ReceiverFault,
            _ if self.phc.jumped && !self.receiver.jumped => T::PhcFault,
            _ => T::Disagrees,
        }
    }
}

/// TAI − UTC from a receiver's GPS − UTC.
pub const fn utc_offset(leap: Seconds) -> Seconds {
    Seconds(TAI_MINUS_GPS.0.saturating_add(leap.0))
}

#[cfg(test)]
mod tests {
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
            tod.pulse(pulse, 1_800_000_037 + s + phc_off(s));
            tod.epoch(now, Time::from_parts(1_800_000_000 + s + receiver_off(s), 0), OFFSET);
        }
        tod.judge(now, &L)
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
    }

    #[test]
    fn coming_back_clears_the_fault() {
        assert_eq!(run(12, |s| i64::from((4..8).contains(&s)), |_| 0), T::Agrees);
    }

    #[test]
    fn without_a_utc_offset_nothing_is_known() {
        let mut tod = TimeOfDay::default();
        tod.pulse(Time::ZERO, 1_800_000_037);
        tod.epoch(Time::ZERO + Nanos(1), Time::from_parts(1_800_000_000, 0), None);
        assert_eq!(tod.judge(Time::ZERO + Nanos(2), &L), T::Unknown);
    }

    #[test]
    fn silence_of_either_side_is_unknown() {
        let mut tod = TimeOfDay::default();
        tod.pulse(Time::ZERO, 37);
        tod.epoch(Time::ZERO + Nanos(1), Time::ZERO, OFFSET);
        assert_eq!(tod.judge(Time::ZERO + Nanos::from_millis(2_999), &L), T::Agrees);
        assert_eq!(tod.judge(Time::ZERO + Nanos::from_secs(3), &L), T::Unknown);
    }
}
