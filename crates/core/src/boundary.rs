//! `Tbc` and `Slave`: a clock that follows another by PTP – a T-BC, which passes time on, and a T-TSC, which does not.
//!
//! What ptp4l says of its upstream comes as one [`Upstream`]; the holdover is the DPLL's, as in a T-GM. Rows from the top, first match acts:
//!
//! | from | when | to |
//! |---|---|---|
//! | Free-Run, Holdover in/out | the upstream followed, DPLL locked, offset and Φ within the limit, `inSyncConditionTimes` in a row | Locked |
//! | Locked | DPLL free, or offset or Φ beyond `LocalMaxHoldoverOffSet` | Free-Run |
//! | Locked | no DPLL, upstream lost | Free-Run |
//! | Locked | upstream lost, or DPLL in holdover | Holdover-In-Spec |
//! | Holdover in/out | est beyond `LocalMaxHoldoverOffSet`, DPLL free | Free-Run |
//! | Holdover-In-Spec | est beyond `MaxInSpecOffset`, or for longer than `LocalHoldoverTimeout` | Out-Of-Spec |
//!
//! Lost is an upstream without a port in SLAVE, and one that nobody has heard of for as long as a receiver may be silent. The class told
//! is the upstream's in Locked, 135 and 165 in holdover in and out of specification, 248 in Free-Run; a T-TSC's is always 255.

mod adopt;

use tgm_time::{Mono, Nanos, Seconds, Time};

use self::adopt::{Adoption, Verdict, Waits};
use crate::announce::TgmState;
use crate::config::Limits;
use crate::dpll::D;
use crate::event::Cause;
use crate::fresh::Fresh;
use crate::holdover::Holdover;
use crate::limit::OffsetJudge;
use crate::observation::Upstream;
use crate::soonest::Soonest;
use crate::status::ClockClass;

/// What the cards of the instance do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beneath {
    /// The worst of their DPLLs, by phase; `None` where there is none.
    pub d: Option<D>,
    /// The largest |Φ|, where fresh.
    pub phase: Option<Nanos>,
}

/// A clock that follows another.
#[derive(Debug, Clone, Copy, Default)]
pub struct Boundary {
    /// Its state.
    pub state: TgmState,
    upstream: Upstream,
    fresh: Fresh,
    seen: Time<Mono>,
    /// TAI − UTC as an upstream last told it; it outlives that one.
    utc_offset: Option<Seconds>,
    offset: OffsetJudge,
    phase: OffsetJudge,
    good: u16,
    good_since: Time<Mono>,
    complete: bool,
    holdover: Option<Holdover>,
    adoption: Option<Adoption>,
}

impl Boundary {
    /// Takes what ptp4l says of its upstream.
    pub fn take(&mut self, at: Time<Mono>, upstream: &Upstream, beneath: &Beneath, limits: &Limits) {
        self.upstream = *upstream;
        self.fresh = Fresh::at(at, limits.gnss_stale);
        if upstream.followed {
            self.seen = at;
            self.utc_offset = upstream.utc_offset.or(self.utc_offset);
        }
        let within = |judge: &mut OffsetJudge, offset: Option<Nanos>| match offset {
            Some(offset) => {
                judge.sample(offset, limits.max_holdover);
                offset.abs() <= limits.offset
            }
            None => {
                judge.reset();
                false
            }
        };
        let near = within(&mut self.offset, upstream.offset.filter(|_| upstream.followed));
        let in_phase = within(&mut self.phase, beneath.phase) || beneath.phase.is_none();
        // An adopted Locked ends only once the DPLL has been seen; a sample that came before counts.
        let unseen = self.state == TgmState::Locked && self.adoption.is_some();
        let locked = beneath.d.is_none_or(|d| d == D::Locked || unseen && d == D::Unobserved);
        if !(upstream.followed && near && in_phase && locked) {
            self.good = 0;
            return;
        }
        if self.good == 0 {
            self.good_since = at;
        }
        self.good = self.good.saturating_add(1);
        let long = at.since(self.good_since) >= limits.in_sync_span;
        self.complete = self.good >= limits.in_sync_times.max(1) && long && self.state != TgmState::Locked;
    }

    /// The upstream's class, as told.
    pub const fn upstream_class(&self) -> ClockClass {
        self.upstream.class
    }

    /// TAI − UTC as an upstream last told it.
    pub const fn utc_offset(&self) -> Option<Seconds> {
        self.utc_offset
    }

    /// The offset that goes with the state.
    pub fn told_offset(&self, now: Time<Mono>, beneath: &Beneath, limits: &Limits) -> Option<Nanos> {
        match self.state {
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => self.estimate(now, beneath, limits),
            TgmState::Locked | TgmState::FreeRun => self.upstream.offset.filter(|_| self.fresh.holds(now)),
        }
    }

    fn estimate(&self, now: Time<Mono>, beneath: &Beneath, limits: &Limits) -> Option<Nanos> {
        let model = self.holdover?.estimate(limits, now);
        Some(beneath.phase.map_or(model, |phase| phase.abs().max(model)))
    }

    /// Walks the table; `None`: stays.
    pub fn evaluate(&mut self, now: Time<Mono>, beneath: &Beneath, limits: &Limits) -> Option<(TgmState, Cause)> {
        let probation = match self.probation(now, beneath) {
            Ok(verdict) => verdict,
            Err(Waits) => return None,
        };
        if let Some(Verdict { to, cause, since }) = probation {
            return Some(self.enter(to, cause, since));
        }
        let (to, cause) = match self.state {
            _ if core::mem::take(&mut self.complete) => (TgmState::Locked, Cause::AllLocked),
            TgmState::FreeRun => return None,
            TgmState::Locked => self.leave_locked(now, beneath)?,
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => self.leave_holdover(now, beneath, limits)?,
        };
        let since = if cause == Cause::Stale { self.seen } else { now };
        Some(self.enter(to, cause, since))
    }

    /// Changes its state; a holdover that begins so began at `since`.
    fn enter(&mut self, to: TgmState, cause: Cause, since: Time<Mono>) -> (TgmState, Cause) {
        self.holdover = match to {
            TgmState::HoldoverInSpec => Some(Holdover { since }),
            TgmState::HoldoverOutOfSpec => self.holdover,
            TgmState::Locked | TgmState::FreeRun => None,
        };
        self.good = 0;
        self.adoption = None;
        self.state = to;
        (to, cause)
    }

    /// What ends Locked in Free-Run, whether there is an upstream or not.
    fn fault(&self, beneath: &Beneath) -> Option<(TgmState, Cause)> {
        let cause = match beneath.d {
            Some(D::Free) => Cause::DpllFreerun,
            _ if self.offset.is_out() => Cause::PhcOffset,
            _ if self.phase.is_out() => Cause::PhaseOffset,
            _ => return None,
        };
        Some((TgmState::FreeRun, cause))
    }

    fn leave_locked(&self, now: Time<Mono>, beneath: &Beneath) -> Option<(TgmState, Cause)> {
        let silent = !self.fresh.holds(now);
        let why = if silent { Cause::Stale } else { Cause::UpstreamLost };
        let lost = silent || !self.upstream.followed;
        if let Some(fault) = self.fault(beneath) {
            return Some(fault);
        }
        Some(match beneath.d {
            None if lost => (TgmState::FreeRun, why),
            _ if lost => (TgmState::HoldoverInSpec, why),
            Some(D::Hold) => (TgmState::HoldoverInSpec, Cause::DpllHoldover),
            _ => return None,
        })
    }

    fn leave_holdover(&self, now: Time<Mono>, beneath: &Beneath, limits: &Limits) -> Option<(TgmState, Cause)> {
        let holdover = self.holdover?;
        let estimate = self.estimate(now, beneath, limits)?;
        let beyond = |limit| {
            let exceeds = holdover.exceeds_at(limits, limit);
            exceeds.is_some_and(|moment| now > moment) || estimate > limit
        };
        Some(match self.state {
            _ if beyond(limits.max_holdover) => (TgmState::FreeRun, Cause::HoldoverOffset),
            _ if beneath.d == Some(D::Free) => (TgmState::FreeRun, Cause::DpllFreerun),
            TgmState::HoldoverOutOfSpec => return None,
            _ if beyond(limits.max_in_spec) => (TgmState::HoldoverOutOfSpec, Cause::HoldoverOffset),
            _ if now >= holdover.times_out_at(limits) => (TgmState::HoldoverOutOfSpec, Cause::HoldoverTimeout),
            _ => return None,
        })
    }

    /// The next moment at which something changes although nothing comes.
    pub fn deadline(&self, now: Time<Mono>, limits: &Limits) -> Option<Time<Mono>> {
        let probation = self.adoption.map(|adoption| adoption.until);
        let mut soonest = Soonest::after(now).end(self.fresh).or(probation);
        if let Some(holdover) = self.holdover {
            let crossing = |limit| holdover.exceeds_at(limits, limit).map(|at| at + Nanos(1));
            soonest = soonest
                .or(crossing(limits.max_in_spec))
                .or(crossing(limits.max_holdover))
                .or(Some(holdover.times_out_at(limits)));
        }
        soonest.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: Limits = Limits {
        max_in_spec: Nanos(100),
        ..Limits::DEFAULT
    };

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    const WELL: Beneath = Beneath {
        d: Some(D::Locked),
        phase: Some(Nanos(5)),
    };

    fn follows(offset: i64) -> Upstream {
        Upstream {
            followed: true,
            class: ClockClass(6),
            offset: Some(Nanos(offset)),
            utc_offset: Some(Seconds(37)),
        }
    }

    /// Follows well from second 0 to 20, so that it is Locked.
    fn locked() -> Boundary {
        let mut clock = Boundary::default();
        let mut locked_at = None;
        for s in 0..=20 {
            clock.take(at(s), &follows(12), &WELL, &L);
            if let Some(to) = clock.evaluate(at(s), &WELL, &L) {
                assert_eq!(to, (TgmState::Locked, Cause::AllLocked));
                locked_at = Some(s);
            }
        }
        assert_eq!(locked_at, Some(10));
        clock
    }

    #[test]
    fn each_condition_is_needed_for_locked() {
        let lost = Upstream {
            followed: false,
            ..follows(0)
        };
        let unknown = Upstream {
            offset: None,
            ..follows(0)
        };
        let held = Beneath {
            d: Some(D::Hold),
            ..WELL
        };
        let out_of_phase = Beneath {
            phase: Some(Nanos(101)),
            ..WELL
        };
        for (upstream, beneath) in [
            (lost, WELL),
            (unknown, WELL),
            (follows(101), WELL),
            (follows(-101), WELL),
            (follows(0), held),
            (follows(0), out_of_phase),
        ] {
            let mut clock = Boundary::default();
            for s in 0..60 {
                clock.take(at(s), &upstream, &beneath, &L);
                assert_eq!(clock.evaluate(at(s), &beneath, &L), None, "{upstream:?} {beneath:?}");
            }
        }
        let mut clock = Boundary::default();
        for s in 0..60 {
            clock.take(
                at(s),
                &follows(if s % 9 == 0 { 500 } else { 0 }),
                &Beneath::default(),
                &L,
            );
            assert_eq!(clock.evaluate(at(s), &WELL, &L), None, "ten in a row");
        }
    }

    #[test]
    fn each_way_out_of_locked() {
        let lost = Upstream::default();
        let beneath = |d| Beneath { d, phase: None };
        let after = |upstream: Upstream, beneath: Beneath| {
            let mut clock = locked();
            for s in 21..24 {
                clock.take(at(s), &upstream, &beneath, &L);
            }
            clock.evaluate(at(23), &beneath, &L)
        };
        use TgmState::{FreeRun, HoldoverInSpec};
        let holds = Some((HoldoverInSpec, Cause::UpstreamLost));
        assert_eq!(after(follows(12), WELL), None);
        assert_eq!(after(lost, WELL), holds);
        assert_eq!(after(lost, beneath(Some(D::Hold))), holds);
        assert_eq!(after(lost, beneath(Some(D::Unobserved))), holds);
        assert_eq!(after(lost, beneath(None)), Some((FreeRun, Cause::UpstreamLost)));
        assert_eq!(
            after(follows(12), beneath(Some(D::Hold))),
            Some((HoldoverInSpec, Cause::DpllHoldover))
        );
        assert_eq!(after(lost, beneath(Some(D::Free))), Some((FreeRun, Cause::DpllFreerun)));
        assert_eq!(after(follows(1_501), WELL), Some((FreeRun, Cause::PhcOffset)));
        assert_eq!(after(follows(1_500), WELL), None);
        let far = Beneath {
            phase: Some(Nanos(1_501)),
            ..WELL
        };
        assert_eq!(after(follows(12), far), Some((FreeRun, Cause::PhaseOffset)));
    }

    #[test]
    fn silence_is_a_loss_from_when_it_was_last_heard_of() {
        let mut clock = locked();
        assert_eq!(clock.deadline(at(20), &L), Some(at(23)));
        assert_eq!(clock.evaluate(at(22), &WELL, &L), None);
        assert_eq!(
            clock.evaluate(at(23), &WELL, &L),
            Some((TgmState::HoldoverInSpec, Cause::Stale))
        );
        assert_eq!(clock.told_offset(at(500), &Beneath::default(), &L), Some(Nanos(50)));
        let phase = Some(Nanos(-70));
        assert_eq!(
            clock.told_offset(at(500), &Beneath { d: None, phase }, &L),
            Some(Nanos(70))
        );
        assert_eq!(clock.deadline(at(23), &L), Some(at(980) + Nanos(1)));
        let hold = Beneath {
            d: Some(D::Hold),
            phase: None,
        };
        assert_eq!(clock.evaluate(at(980), &hold, &L), None);
        assert_eq!(
            clock.evaluate(at(980) + Nanos(1), &hold, &L),
            Some((TgmState::HoldoverOutOfSpec, Cause::HoldoverOffset))
        );
        assert_eq!(
            clock.evaluate(at(2_000), &WELL, &L),
            None,
            "and not back into specification"
        );
        assert_eq!(clock.deadline(at(2_000), &L), Some(at(14_420)));
        assert_eq!(
            clock.evaluate(at(14_420) + Nanos(1), &hold, &L),
            Some((TgmState::FreeRun, Cause::HoldoverOffset))
        );
    }

    #[test]
    fn a_holdover_ends_with_the_dpll_with_time_and_with_the_upstream() {
        let hold = || {
            let mut clock = locked();
            clock.take(at(21), &Upstream::default(), &WELL, &L);
            clock.evaluate(at(21), &WELL, &L);
            clock
        };
        let free = Beneath {
            d: Some(D::Free),
            phase: None,
        };
        assert_eq!(
            hold().evaluate(at(22), &free, &L),
            Some((TgmState::FreeRun, Cause::DpllFreerun))
        );
        let limits = Limits {
            holdover_timeout: Nanos::from_secs(60),
            max_holdover: Nanos(10),
            max_in_spec: Nanos(1_500),
            ..L
        };
        let mut clock = hold();
        assert_eq!(clock.deadline(at(25), &limits), Some(at(81)));
        assert_eq!(
            clock.evaluate(at(81), &Beneath::default(), &limits),
            Some((TgmState::HoldoverOutOfSpec, Cause::HoldoverTimeout))
        );
        let mut clock = hold();
        let mut back = None;
        for s in 30..50 {
            clock.take(at(s), &follows(3), &WELL, &L);
            back = back.or(clock.evaluate(at(s), &WELL, &L).map(|to| (s, to.0)));
        }
        assert_eq!(back, Some((40, TgmState::Locked)));
        assert_eq!(clock.told_offset(at(49), &WELL, &L), Some(Nanos(3)));
    }
}
