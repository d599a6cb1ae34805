//! E3: the operating system's clock, from our own measurement of the PHC against `CLOCK_REALTIME` (requirements 5).

use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::config::Limits;
use crate::event::Cause;
use crate::limit::OffsetJudge;
use crate::status::ClockState;

/// What is known of the system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsClock {
    judge: OffsetJudge,
    offset: Option<(Nanos, Time<Mono>)>,
    was_in_range: bool,
}

impl OsClock {
    /// Takes PHC − `CLOCK_REALTIME`. Without a known UTC offset it says nothing.
    pub fn measured(&mut self, at: Time<Mono>, phc_minus_system: Nanos, utc_offset: Option<Seconds>, limits: &Limits) {
        let Some(utc_offset) = utc_offset else { return };
        let offset = Nanos::from_secs(utc_offset.0) - phc_minus_system;
        let within = self.judge.sample(offset, limits.os_clock);
        if within {
            self.was_in_range = true;
        } else if self.judge.is_out() {
            self.was_in_range = false;
        }
        self.offset = Some((offset, at));
    }

    /// System clock − PHC in UTC, while fresh.
    pub fn offset(&self, now: Time<Mono>, limits: &Limits) -> Option<Nanos> {
        let (offset, at) = self.offset?;
        (now.since(at) < limits.os_clock_stale).then_some(offset)
    }

    /// Its state under a grandmaster in state `e1`: never better than that. A measurement that stops is HOLDOVER for as long again
    /// as it took to notice, then FREERUN.
    pub fn state(&self, now: Time<Mono>, e1: ClockState, limits: &Limits) -> (ClockState, Cause) {
        let (own, cause) = match self.offset {
            None => (ClockState::Freerun, Cause::Reported),
            Some(_) if !self.was_in_range => (ClockState::Freerun, Cause::Reported),
            Some((_, at)) => {
                let silent = now.since(at);
                if silent < limits.os_clock_stale {
                    (ClockState::Locked, Cause::Reported)
                } else if silent < limits.os_clock_stale + limits.os_clock_stale {
                    (ClockState::Holdover, Cause::Stale)
                } else {
                    (ClockState::Freerun, Cause::Stale)
                }
            }
        };
        let state = own.worst(e1);
        (state, if state == own { cause } else { Cause::Composite })
    }

    /// The next moment at which silence changes the answer.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        let (_, at) = self.offset?;
        let first = at + limits.os_clock_stale;
        [first, first + limits.os_clock_stale]
            .into_iter()
            .find(|end| *end > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Freerun, Holdover, Locked};

    const L: Limits = Limits::DEFAULT;
    const TAI: i64 = 37_000_000_000;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    fn after(offsets: &[i64]) -> OsClock {
        let mut clock = OsClock::default();
        for (s, offset) in offsets.iter().enumerate() {
            clock.measured(at(s.try_into().unwrap()), Nanos(TAI - offset), Some(Seconds(37)), &L);
        }
        clock
    }

    #[test]
    fn in_range_is_locked_and_three_samples_out_are_not() {
        assert_eq!(after(&[30, -30]).state(at(2), Locked, &L).0, Locked);
        assert_eq!(after(&[30, 101, 101]).state(at(3), Locked, &L).0, Locked);
        assert_eq!(after(&[30, 101, 101, 101]).state(at(4), Locked, &L).0, Freerun);
        assert_eq!(after(&[]).state(at(0), Locked, &L).0, Freerun);
        assert_eq!(after(&[30]).offset(at(1), &L), Some(Nanos(30)));
    }

    #[test]
    fn never_better_than_the_grandmaster() {
        assert_eq!(after(&[0]).state(at(1), Freerun, &L), (Freerun, Cause::Composite));
        assert_eq!(after(&[0]).state(at(1), Holdover, &L), (Holdover, Cause::Composite));
    }

    #[test]
    fn silence_is_holdover_then_freerun_and_says_stale() {
        assert_eq!(after(&[0]).state(at(4), Locked, &L), (Locked, Cause::Reported));
        assert_eq!(after(&[0]).state(at(5), Locked, &L), (Holdover, Cause::Stale));
        assert_eq!(after(&[0]).state(at(10), Locked, &L), (Freerun, Cause::Stale));
        assert_eq!(after(&[0]).deadline(at(0), &L), Some(at(5)));
        assert_eq!(after(&[0]).deadline(at(5), &L), Some(at(10)));
    }

    #[test]
    fn an_unknown_utc_offset_is_not_assumed() {
        let mut clock = OsClock::default();
        clock.measured(at(0), Nanos(TAI), None, &L);
        assert_eq!(clock.state(at(1), Locked, &L).0, Freerun);
    }
}
