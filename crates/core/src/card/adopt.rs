//! T0: a card that goes on where a node process before this one ended.
//!
//! Its state stands from the first moment, on probation: for at most [`PROBATION`], and until each DPLL has been seen at least as
//! good as recorded. Locked then needs [`SAMPLES`] good samples, else it is Holdover-In-Spec, begun in the checkpoint's last second.
//! What no time of blindness excuses – a DPLL that is worse, P or Φ out, a wrong second, an untrusted pulse – ends it as ever.

use tgm_time::{Mono, Nanos, Time};

use super::{Card, Transition};
use crate::announce::TgmState;
use crate::checkpoint::{CardMark, HoldoverMark, PROBATION, SAMPLES};
use crate::dpll::D;
use crate::event::Cause;
use crate::gnss::G;
use crate::holdover::Holdover;
use crate::observation::Origin;
use crate::status::{DpllKind, LockStatus};

const SECOND: Nanos = Nanos::from_secs(1);

/// A state on probation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adoption {
    /// What each DPLL has to be at least as good as; `None` once it was.
    eec: Option<LockStatus>,
    pps: Option<LockStatus>,
    /// It was not.
    refused: bool,
    /// Its end.
    pub until: Time<Mono>,
    /// The last moment at which somebody looked before.
    from: Time<Mono>,
}

/// How a probation stands.
pub(super) enum Probation {
    /// There is none, or it has been passed.
    Over,
    /// It goes on.
    Waits,
    /// It ends in another state.
    Ends(Transition),
}

const fn rank(status: LockStatus) -> u8 {
    match status {
        LockStatus::LockedHoAcq => 3,
        LockStatus::Locked => 2,
        LockStatus::Holdover => 1,
        LockStatus::Unlocked | LockStatus::Unknown(_) => 0,
    }
}

impl Card {
    /// What a successor needs.
    pub fn mark(&self) -> CardMark {
        let [(_, eec), (_, pps)] = self.dpll.said();
        let heard = self.gnss.heard(&self.limits);
        let agreed = heard.is_some_and(|heard| self.tod.agrees(heard));
        CardMark {
            instance: self.config.instance,
            port: self.config.port,
            state: self.state,
            since: self.since,
            holdover: self.holdover.map(|holdover| HoldoverMark {
                since: holdover.since,
                start: Nanos::ZERO,
            }),
            eec,
            pps,
            losses: self.losses,
            detached: self.detached,
            epoch: heard.map(|at| (at, self.gnss.as_known())),
            pulse: self.pulse.map(|(offset, at)| (at, self.tod.phc_second(), offset)),
            agreed,
            phase: self.dpll.last_phase(&self.limits),
            given_up: self.dpll.has_given_up(),
            apart: self.apart,
        }
    }

    /// Receiver and DPLLs are well, as far as anybody can see now. A DPLL whose driver gave up is not: nobody sees it.
    pub fn is_healthy(&self, now: Time<Mono>) -> bool {
        self.g(now) == G::Ok && matches!(self.dpll.judge(now), D::Locked | D::Hold)
    }

    /// Goes on where `mark`, taken at `at`, ends. What was seen then counts as long as it would have there.
    pub fn restore(&mut self, mark: &CardMark, at: Time<Mono>, now: Time<Mono>) {
        let limits = self.limits;
        for (kind, status) in [(DpllKind::Eec, mark.eec), (DpllKind::Pps, mark.pps)] {
            if status.is_some() {
                self.dpll.lock(at, kind, status, Origin::Dump, &limits);
            }
        }
        if let Some((seen, offset)) = mark.phase {
            self.dpll.phase(seen, offset, Origin::Notification, &limits);
        }
        self.restore_watch(mark); // what was said before does not take it back
        if let Some((seen, epoch)) = &mark.epoch {
            self.gnss.epoch(*seen, epoch, &limits);
        }
        self.restore_second(mark);
        self.losses = mark.losses;
        self.detached = mark.detached;
        if mark.state == TgmState::FreeRun {
            return;
        }
        self.holdover = mark.holdover.map(|holdover| Holdover { since: holdover.since });
        self.state = mark.state;
        self.since = mark.since;
        self.started = Some(now);
        self.adoption = Some(Adoption {
            eec: mark.eec,
            pps: mark.pps,
            refused: false,
            until: now + PROBATION,
            from: at,
        });
    }

    /// A driver that gave up does not look because another process asks it; its message was, and is not heard again.
    pub fn restore_watch(&mut self, mark: &CardMark) {
        if mark.given_up {
            self.dpll.give_up();
            self.apart = mark.apart;
        }
    }

    /// Pulse and epoch as a pair, also where the pulse of the next second had come already.
    fn restore_second(&mut self, mark: &CardMark) {
        let limits = self.limits;
        let Some((pulse, second, offset)) = mark.pulse else {
            return;
        };
        let epoch = mark.epoch.filter(|_| mark.agreed);
        if let Some((seen, epoch)) = epoch
            && let Some(utc) = epoch.utc
        {
            let next = seen < pulse;
            let (of_epoch, its_second) = if next {
                (pulse - SECOND, second.saturating_sub(1))
            } else {
                (pulse, second)
            };
            self.tod.pulse(of_epoch, its_second, &limits);
            self.tod.epoch(seen, utc, self.utc_offset(), &limits);
        }
        self.tod.pulse(pulse, second, &limits);
        self.pulse = Some((offset, pulse));
        self.pulse_fresh = crate::fresh::Fresh::at(pulse, limits.phc_stale);
    }

    /// A DPLL was seen; true if that says something about the probation.
    pub(super) fn shown(&mut self, kind: DpllKind, status: Option<LockStatus>) -> bool {
        let (Some(adoption), Some(status)) = (&mut self.adoption, status) else {
            return false;
        };
        let awaited = match kind {
            DpllKind::Eec => &mut adoption.eec,
            DpllKind::Pps => &mut adoption.pps,
        };
        let Some(recorded) = awaited.take() else { return false };
        adoption.refused |= rank(status) < rank(recorded);
        true
    }

    /// What goes on here is nobody's any more: it is Free-Run when it is judged next.
    pub fn disown(&mut self) {
        self.disowned = self.state != TgmState::FreeRun;
    }

    /// How the probation stands.
    pub(super) fn probation(&mut self, now: Time<Mono>, g: G, d: D) -> Probation {
        let refused = Probation::Ends((TgmState::FreeRun, Cause::NotAdopted));
        if core::mem::take(&mut self.disowned) {
            return refused;
        }
        let Some(adoption) = self.adoption else {
            return Probation::Over;
        };
        let shown = adoption.eec.is_none() && adoption.pps.is_none();
        let (locked, late) = (self.state == TgmState::Locked, now >= adoption.until);
        if adoption.refused || (late && !shown) {
            return refused;
        }
        if locked {
            if let Some(cause) = self.fault(now, d) {
                return Probation::Ends((TgmState::FreeRun, cause));
            }
            if g == G::Untrusted {
                return match self.leave_pulse(now, Cause::GnssUntrusted) {
                    Some(transition) => Probation::Ends(transition),
                    None => Probation::Waits,
                };
            }
        }
        match () {
            () if shown && (!locked || self.good >= SAMPLES) => {
                self.adoption = None;
                Probation::Over
            }
            () if shown && d == D::Hold => Probation::Ends((TgmState::HoldoverInSpec, Cause::DpllHoldover)),
            () if late => Probation::Ends((TgmState::HoldoverInSpec, Cause::Unwatched)),
            () => Probation::Waits,
        }
    }

    /// When a holdover began that follows a probation: in the last moment at which somebody looked.
    pub(super) fn unwatched_since(&self) -> Option<Time<Mono>> {
        self.adoption.map(|adoption| adoption.from)
    }
}
