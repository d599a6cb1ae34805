//! E3: the operating system's clock, from our own measurement of the PHC against `CLOCK_REALTIME` (requirements 5).
//!
//! Nothing follows from a phc2sys that is away for less than its threshold. Beyond it nobody disciplines the clock any more: seen to
//! be in range, it holds over for a while, and else it runs free.

use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::config::{Compat, Limits};
use crate::event::Cause;
use crate::limit::OffsetJudge;
use crate::process::Process;
use crate::soonest::Soonest;
use crate::status::ClockState;

/// An offset beyond this is nearer to a second than to none.
const HALF_A_SECOND: Nanos = Nanos::from_millis(500);

/// TAI − UTC, as it is known at the moment.
#[derive(Debug, Clone, Copy)]
pub struct UtcOffset {
    /// Known to be this.
    pub known: Option<Seconds>,
    /// The receiver's seconds do not fit, as after a leap second that its count does not have yet.
    pub in_doubt: bool,
}

/// What is known of the system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsClock {
    judge: OffsetJudge,
    offset: Option<(Nanos, Time<Mono>)>,
    was_in_range: bool,
    /// Since when phc2sys is down.
    pub undisciplined: Option<Time<Mono>>,
}

impl OsClock {
    /// Takes PHC − `CLOCK_REALTIME`. Without a known UTC offset it says nothing; while that is in doubt, one second more or less is
    /// the doubt's.
    pub fn measured(&mut self, at: Time<Mono>, phc_minus_system: Nanos, utc_offset: UtcOffset, limits: &Limits) {
        let UtcOffset { known, in_doubt } = utc_offset;
        let Some(known) = known else { return };
        let mut offset = Nanos::from_secs(known.0) - phc_minus_system;
        if in_doubt && offset.abs() > HALF_A_SECOND {
            offset = offset - Nanos::from_secs(offset.0.signum());
        }
        self.file(at, offset, limits);
    }

    /// Takes what phc2sys says of itself: one that does not follow says nothing good, whatever its offset.
    pub fn told(&mut self, at: Time<Mono>, offset: Nanos, follows: bool, limits: &Limits) {
        self.file(at, offset, limits);
        if !follows {
            (self.judge, self.was_in_range) = (OffsetJudge::default(), false);
        }
    }

    fn file(&mut self, at: Time<Mono>, offset: Nanos, limits: &Limits) {
        let within = self
            .judge
            .sample_between(offset, (limits.os_clock_lowest, limits.os_clock));
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
    pub fn state(&self, now: Time<Mono>, e1: ClockState, limits: &Limits, compat: Compat) -> (ClockState, Cause) {
        let (seen, cause) = self.seen(now, limits);
        let threshold = match compat {
            Compat::None => limits.downtimes.of(Process::Phc2sys),
            Compat::Openshift => Nanos::ZERO,
        };
        let beyond = self.undisciplined.map(|since| now.since(since) - threshold);
        let (own, cause) = match beyond.filter(|beyond| *beyond >= Nanos::ZERO) {
            Some(beyond) if seen != ClockState::Freerun => {
                let holds = compat == Compat::None && beyond < limits.os_clock_holdover;
                let held = if holds {
                    ClockState::Holdover
                } else {
                    ClockState::Freerun
                };
                (seen.worst(held), Cause::ProcessDown)
            }
            _ => (seen, cause),
        };
        let state = own.worst(e1);
        (state, if state == own { cause } else { Cause::Composite })
    }

    /// Its state by our own measurement alone.
    fn seen(&self, now: Time<Mono>, limits: &Limits) -> (ClockState, Cause) {
        match self.offset {
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
        }
    }

    /// The next moment at which silence, or the absence of phc2sys, changes the answer.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        let silent = self.offset.map(|(_, at)| at + limits.os_clock_stale);
        let down = self
            .undisciplined
            .map(|since| since + limits.downtimes.of(Process::Phc2sys));
        Soonest::after(now)
            .or(silent)
            .or(silent.map(|first| first + limits.os_clock_stale))
            .or(down)
            .or(down.map(|first| first + limits.os_clock_holdover))
            .get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Freerun, Holdover, Locked};

    const L: Limits = Limits::DEFAULT;
    const TAI: i64 = 37_000_000_000;
    const KNOWN: UtcOffset = UtcOffset {
        known: Some(Seconds(37)),
        in_doubt: false,
    };

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    fn after(offsets: &[i64]) -> OsClock {
        let mut clock = OsClock::default();
        for (s, offset) in offsets.iter().enumerate() {
            clock.measured(at(s.try_into().unwrap()), Nanos(TAI - offset), KNOWN, &L);
        }
        clock
    }

    #[test]
    fn a_range_has_its_own_limit_on_either_side() {
        let limits = Limits {
            os_clock: Nanos(80),
            os_clock_lowest: Nanos(-300),
            ..L
        };
        for (offset, state) in [(80, Locked), (81, Freerun), (-300, Locked), (-301, Freerun)] {
            let mut clock = OsClock::default();
            for s in 0..3 {
                clock.measured(at(s), Nanos(TAI - offset), KNOWN, &limits);
            }
            assert_eq!(clock.state(at(2), Locked, &limits, Compat::None).0, state, "{offset}");
        }
    }

    #[test]
    fn in_range_is_locked_and_three_samples_out_are_not() {
        assert_eq!(after(&[30, -30]).state(at(2), Locked, &L, Compat::None).0, Locked);
        assert_eq!(after(&[30, 101, 101]).state(at(3), Locked, &L, Compat::None).0, Locked);
        assert_eq!(
            after(&[30, 101, 101, 101]).state(at(4), Locked, &L, Compat::None).0,
            Freerun
        );
        assert_eq!(after(&[]).state(at(0), Locked, &L, Compat::None).0, Freerun);
        assert_eq!(after(&[30]).offset(at(1), &L), Some(Nanos(30)));
    }

    #[test]
    fn what_phc2sys_tells_counts_while_it_follows() {
        let mut clock = OsClock::default();
        let mut told = |s, offset, follows| {
            clock.told(at(s), Nanos(offset), follows, &L);
            (clock.state(at(s), Locked, &L, Compat::None).0, clock.offset(at(s), &L))
        };
        assert_eq!(told(1, 20, false), (Freerun, Some(Nanos(20))));
        assert_eq!(told(2, 20, true), (Locked, Some(Nanos(20))));
        assert_eq!(told(3, 2_000_000, false).0, Freerun);
        assert_eq!(told(4, 20, true).0, Locked);
        assert_eq!(clock.state(at(9), Locked, &L, Compat::None), (Holdover, Cause::Stale));
    }

    #[test]
    fn never_better_than_the_grandmaster() {
        assert_eq!(
            after(&[0]).state(at(1), Freerun, &L, Compat::None),
            (Freerun, Cause::Composite)
        );
        assert_eq!(
            after(&[0]).state(at(1), Holdover, &L, Compat::None),
            (Holdover, Cause::Composite)
        );
    }

    #[test]
    fn silence_is_holdover_then_freerun_and_says_stale() {
        assert_eq!(
            after(&[0]).state(at(4), Locked, &L, Compat::None),
            (Locked, Cause::Reported)
        );
        assert_eq!(
            after(&[0]).state(at(5), Locked, &L, Compat::None),
            (Holdover, Cause::Stale)
        );
        assert_eq!(
            after(&[0]).state(at(10), Locked, &L, Compat::None),
            (Freerun, Cause::Stale)
        );
        assert_eq!(after(&[0]).deadline(at(0), &L), Some(at(5)));
        assert_eq!(after(&[0]).deadline(at(5), &L), Some(at(10)));
    }

    #[test]
    fn an_unknown_utc_offset_is_not_assumed() {
        let mut clock = OsClock::default();
        let known = None;
        clock.measured(at(0), Nanos(TAI), UtcOffset { known, ..KNOWN }, &L);
        assert_eq!(clock.state(at(1), Locked, &L, Compat::None).0, Freerun);
    }

    #[test]
    fn func_tgm012_r4_without_phc2sys_a_clock_in_range_holds_over_from_the_threshold_on_and_then_runs_free() {
        let state = |in_range: bool, s: i64, compat| {
            let mut clock = after(&[if in_range { 0 } else { 500 }; 3]);
            clock.undisciplined = Some(at(3));
            for s in 3..=s {
                let offset = if in_range { 0 } else { 500 };
                clock.measured(at(s), Nanos(TAI - offset), KNOWN, &L);
            }
            clock.state(at(s), Locked, &L, compat)
        };
        assert_eq!(state(true, 7, Compat::None), (Locked, Cause::Reported));
        assert_eq!(state(true, 8, Compat::None), (Holdover, Cause::ProcessDown));
        assert_eq!(state(true, 12, Compat::None), (Holdover, Cause::ProcessDown));
        assert_eq!(state(true, 13, Compat::None), (Freerun, Cause::ProcessDown));
        assert_eq!(state(false, 8, Compat::None), (Freerun, Cause::Reported));
        assert_eq!(state(true, 3, Compat::Openshift), (Freerun, Cause::ProcessDown));
        let mut clock = after(&[0]);
        clock.undisciplined = Some(at(0));
        assert_eq!(clock.deadline(at(0), &L), Some(at(5)));
        assert_eq!(clock.deadline(at(5), &L), Some(at(10)));
        assert_eq!(clock.deadline(at(10), &L), None);
    }

    #[test]
    fn a_leap_second_that_the_count_lacks_is_no_error_of_the_clock_and_another_second_is() {
        let state = |in_doubt, by: i64| {
            let mut clock = after(&[30]);
            for s in 1..4 {
                let utc_offset = UtcOffset { in_doubt, ..KNOWN };
                clock.measured(at(s), Nanos(TAI + by), utc_offset, &L);
            }
            clock.state(at(4), Locked, &L, Compat::None).0
        };
        assert_eq!(state(true, 1_000_000_030), Locked);
        assert_eq!(state(true, -1_000_000_030), Locked);
        assert_eq!(state(false, 1_000_000_030), Freerun);
        assert_eq!(state(true, 2_000_000_000), Freerun);
        assert_eq!(state(true, 500), Freerun);
    }
}
