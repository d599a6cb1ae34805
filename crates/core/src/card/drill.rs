//! The holdover drill: a card that is well and has company goes into holdover on purpose, for a while, to learn how it does.
//!
//! Nothing is simulated and nothing hidden: the pin is desired detached, the DPLL reports holdover, class 7 is told with the cause
//! `holdover-drill`, and all limits hold. It begins only where the configuration asks for it and the pin is ours, with the card
//! Locked, holdover acquired, the temperature calm, no flapping, and, unless the configuration says otherwise, with another card
//! Locked beside it. It ends by its length, by its bound, or because something real happens.

use tgm_time::{Mono, Nanos, Time};

use super::Card;
use crate::announce::TgmState;
use crate::config::DrillPlan;
use crate::desired::GnssPin;
use crate::event::Cause;
use crate::gnss::G;
use crate::learn::Readiness;
use crate::soonest::Soonest;

/// A drill that could not begin is thought of again after this long.
const AGAIN: Nanos = Nanos::from_secs(600);

/// Where a card is with its drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drill {
    /// When the next is due; `None`: nothing planned yet.
    due: Option<Time<Mono>>,
    /// Since when one runs.
    running: Option<Time<Mono>>,
}

impl Drill {
    /// True while one runs, from the wish to detach until the wish to attach.
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

impl Card {
    /// What is desired of the pin.
    pub fn pin(&self) -> GnssPin {
        match (self.owns_pin(), self.detached) {
            (false, _) => GnssPin::NotOurs,
            (true, None) => GnssPin::Attached,
            (true, Some(_)) => GnssPin::Detached,
        }
    }

    /// Why its pin is desired detached.
    pub const fn detached(&self) -> Option<Cause> {
        self.detached
    }

    const fn plan(&self) -> Option<DrillPlan> {
        if self.owns_pin() { self.choice.drill } else { None }
    }

    /// True if one is to begin now, as far as time and the card itself are concerned.
    pub fn is_drill_due(&self, now: Time<Mono>) -> bool {
        self.drill.due.is_some_and(|due| now >= due) && !self.drill.is_running()
    }

    /// Begins the drill that is due. `company`: another card is Locked and goes on.
    pub fn begin_drill(&mut self, now: Time<Mono>, company: bool) {
        let Some(plan) = self.plan() else { return };
        let able = matches!(self.readiness(now), Readiness::Ready | Readiness::HistoryShort);
        let quiet = self.g(now) == G::Ok && !self.is_flapping(now) && self.detached.is_none() && self.waiting.is_none();
        if !(able && quiet && (company || plan.alone) && self.dpll.is_locked(now)) {
            self.drill.due = Some(now + AGAIN);
            return;
        }
        self.drill = Drill {
            due: Some(now + plan.every),
            running: Some(now),
        };
        (self.detached, self.waiting) = (Some(Cause::HoldoverDrill), Some(now));
    }

    /// Plans the next, and ends the one that runs: by its length, by its bound, because the DPLL did not let go in time, or because it
    /// is none any more.
    pub(super) fn keep_drill(&mut self, now: Time<Mono>, g: G) {
        let Some(plan) = self.plan() else { return };
        if self.drill.due.is_none() {
            self.drill.due = Some(now + plan.every);
        }
        let Some(since) = self.drill.running else { return };
        match (g, self.state) {
            // From here on it is a holdover as any other, and its pin comes back as after any other.
            (G::Untrusted, _) => (self.drill.running, self.detached) = (None, Some(Cause::GnssUntrusted)),
            (G::Lost, _) => (self.drill.running, self.detached) = (None, Some(Cause::GnssLost)),
            (G::Ok, TgmState::Locked) => {
                let waited_out = self.waiting.is_none_or(|since| now.since(since) >= self.limits.detach);
                if waited_out {
                    self.end_drill(now);
                }
            }
            (G::Ok, TgmState::HoldoverInSpec) => {
                let far = self.estimate(now).is_some_and(|estimate| estimate >= plan.bound);
                if far || now.since(since) >= plan.length {
                    self.end_drill(now);
                }
            }
            (G::Ok, TgmState::HoldoverOutOfSpec | TgmState::FreeRun) => self.end_drill(now),
        }
    }

    const fn end_drill(&mut self, now: Time<Mono>) {
        self.drill.running = None;
        // From here on the DPLL has its usual time to follow again before its receiver's state says that it fails to.
        (self.held, self.gnss_ok) = (Some(now), Some(now));
        (self.detached, self.waiting) = (None, None);
    }

    /// The next moment at which a drill begins or ends.
    pub(super) fn drill_deadline(&self, now: Time<Mono>, soonest: Soonest) -> Soonest {
        let Some(plan) = self.plan() else { return soonest };
        let end = self.drill.running.map(|since| since + plan.length);
        let bound = end.and_then(|_| self.exceeds_at(now, plan.bound - Nanos(1)));
        let due = self.drill.due.filter(|_| end.is_none());
        soonest.or(due).or(end).or(bound.map(|at| at + Nanos(1)))
    }
}
