//! The transition table (requirements 3), walked from the top; the waits it measures, the pin it wishes, and what a transition sets.
//!
//! Where requirements 3 leave a choice:
//! * A detach that has begun is finished: it ends in what the DPLL reports, or after its deadline in Free-Run, though the receiver
//!   may have recovered meanwhile. The holdover behind it began no later than GNSS was lost.
//! * In a holdover, a DPLL that went back to a pulse which is not trusted, or behind which there has been no fix for the grace time,
//!   ends it (L3 there): class 7 is no more to be had from such a pulse than class 6. Where the pin is ours it is detached before
//!   that can happen.
//! * In Locked, a second that disagrees though neither clock jumped (TAI − UTC changed) is T4a as well; in a holdover the PHC has
//!   proven that it did not jump, and stays.
//! * A Φ that walks away faster than an oscillator can is out (`walk`): requirements 3 allow a spoofed pulse 100 ns of true error.
//! * A driver that gave up behind a detached pin, after the DPLL had told its holdover, ends nothing: that DPLL cannot have gone back.
//! * Out of specification without a class any more is Free-Run at once (T9).

use tgm_time::{Mono, Nanos, Time};

use super::adopt::Probation;
use super::{Card, Transition};
use crate::announce::{TgmState, beyond_spec};
use crate::dpll::D;
use crate::event::Cause;
use crate::gnss::G;
use crate::holdover::Holdover;
use crate::tod::T;

/// A DPLL that does not lock within so many lock times is not looked at.
const LOCK_TIMES: i64 = 3;

impl Card {
    /// Since when G is not ok, and since when the DPLL follows nothing: the table's waits are measured from there.
    fn keep_time(&mut self, now: Time<Mono>, g: G, d: D) {
        let since = |held: bool, then: Option<Time<Mono>>| held.then(|| then.unwrap_or(now));
        self.gnss_lost = since(g == G::Lost, self.gnss_lost);
        self.gnss_ok = since(g == G::Ok, self.gnss_ok);
        let said = self.dpll.before_it_gave_up().unwrap_or(d); // that nobody looks any more ends no failure of the DPLL
        self.held = since(matches!(said, D::Hold | D::Free), self.held);
        let blind = self.config.has_gnss && d == D::Locked && !self.gnss.has_fix(now);
        self.blind = since(blind, self.blind);
    }

    /// A DPLL with a receiver that is well and a pulse that is there locks; one that says holdover for three times as long as that takes is
    /// no longer looked at (requirements 1). A proof of life begins the wait anew: what gives noise is judged by its noise.
    ///
    /// The pulse is there while the receiver is well, and seen where the PHC's external timestamps are the receiver's own. A follower's
    /// pulse is its leader's: nobody here can say that it is there. Of the pins the core knows only its own wish, and that the DPLL follows
    /// none: one that somebody else disconnected, or whose cable broke, looks like a driver that does not look. What that costs is known:
    /// the statuses are unknown though they are not, and a jammed receiver ends such a holdover, which it would not have ended.
    fn keep_watch(&mut self, now: Time<Mono>, g: G, d: D) -> D {
        self.apart &= self.detached.is_some() && d == D::Unobserved;
        let pulse = self.config.phc_on_dpll || self.phc_offset(now).is_some();
        let follows =
            self.config.has_gnss && g == G::Ok && pulse && self.detached.is_none() && !self.drill.is_running();
        self.idle = (d == D::Hold && follows).then(|| self.idle.unwrap_or(now));
        match self.idle_until() {
            Some(until) if now >= until => {
                self.dpll.give_up();
                self.idle = None;
                self.dpll.judge(now)
            }
            _ => d,
        }
    }

    /// When a holdover that should have ended proves that nobody looks.
    pub(super) fn idle_until(&self) -> Option<Time<Mono>> {
        let since = self.dpll.proof.max(self.idle); // no proof is before any
        let wait = Nanos(self.limits.lock_time.0.saturating_mul(LOCK_TIMES));
        self.idle.and(since).map(|since| since + wait)
    }

    /// Detaches a pulse that is not trusted, where the pin is ours, and attaches it again once it has been good for long enough.
    fn keep_pin(&mut self, now: Time<Mono>, g: G) {
        if !self.owns_pin() {
            return;
        }
        let regained = self.gnss_ok.is_some_and(|ok| now.since(ok) >= self.limits.gnss_trust);
        match self.detached {
            None if g == G::Untrusted => self.detached = Some(self.distrust()),
            Some(_) if regained && self.waiting.is_none() && !self.drill.is_running() => self.detached = None,
            _ => {}
        }
    }

    pub(super) const fn owns_pin(&self) -> bool {
        self.choice.owns_pins && self.config.has_gnss
    }

    /// Walks the transition table; `None`: stays.
    pub fn evaluate(&mut self, now: Time<Mono>) -> Option<Transition> {
        if self.state == TgmState::FreeRun {
            self.frequency.forget(now);
        }
        let (g, d) = (self.g(now), self.dpll.judge(now));
        if self.started.is_none() {
            (self.started, self.since) = (Some(now), now);
        }
        self.keep_time(now, g, d);
        self.keep_drill(now, g);
        self.keep_pin(now, g);
        let d = self.keep_watch(now, g, d);
        self.learner.follow(now, d, self.dpll.phase_offset(now));
        self.quality = self.dpll.followed_quality(now);
        match self.probation(now, g, d) {
            Probation::Over => {}
            Probation::Waits => return None,
            Probation::Ends((to, cause)) => {
                self.enter(now, to, cause);
                return Some((to, cause));
            }
        }
        let (to, cause) = match self.state {
            _ if core::mem::take(&mut self.complete) => (TgmState::Locked, Cause::AllLocked),
            TgmState::FreeRun => return None,
            TgmState::Locked => self.leave_locked(now, g, d)?,
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => self.leave_holdover(now, g, d)?,
        };
        self.enter(now, to, cause);
        Some((to, cause))
    }

    /// True if something has been so for as long as a DPLL may need to go into holdover by itself.
    fn beyond_grace(&self, now: Time<Mono>, since: Option<Time<Mono>>) -> bool {
        since.is_some_and(|since| now.since(since) >= self.limits.gnss_grace)
    }

    /// L3 and T4b: a pulse is followed that must not be. `None`: its pin was detached, and the DPLL has time left to say so.
    pub(super) fn leave_pulse(&mut self, now: Time<Mono>, cause: Cause) -> Option<Transition> {
        let since = match self.waiting {
            Some(since) => since,
            None if self.owns_pin() && self.dpll.can_hold() => {
                self.detached = Some(cause);
                self.waiting = Some(now);
                now
            }
            None => return Some((TgmState::FreeRun, cause)),
        };
        let given_up = now.since(since) >= self.limits.detach;
        given_up.then_some((TgmState::FreeRun, self.detached.unwrap_or(cause)))
    }

    /// What ends Locked in Free-Run wherever the receiver is (T4a).
    pub(super) fn fault(&self, now: Time<Mono>, d: D) -> Option<Cause> {
        Some(match () {
            () if d == D::Free => Cause::DpllFreerun,
            () if self.phc.is_out() => Cause::PhcOffset,
            () if (self.phase.is_out() || self.walk.is_out()) && d == D::Locked => Cause::PhaseOffset,
            () if self.rss.is_out() => Cause::PhcOffset,
            () if matches!(self.t(now), T::PhcFault | T::Disagrees) => Cause::TimeOfDay,
            () => return None,
        })
    }

    fn leave_locked(&mut self, now: Time<Mono>, g: G, d: D) -> Option<Transition> {
        if let Some(cause) = self.fault(now, d) {
            return Some((TgmState::FreeRun, cause)); // T4a
        }
        let phc_seen = self.phc_offset(now).is_some();
        let lost_too_long = self.beyond_grace(now, self.gnss_lost);
        Some(match () {
            () if d == D::Hold && self.drill.is_running() => (TgmState::HoldoverInSpec, Cause::HoldoverDrill),
            () if d == D::Hold => (TgmState::HoldoverInSpec, Cause::DpllHoldover), // T3a
            () if g == G::Untrusted => self.leave_pulse(now, self.distrust())?,    // L3, T4b
            () if (lost_too_long && d == D::Locked) || self.waiting.is_some() => {
                self.leave_pulse(now, Cause::GnssLost)?
            }
            () if d == D::Unobserved => (TgmState::HoldoverInSpec, Cause::Unobserved), // T3b
            () if !phc_seen && self.config.phc_on_dpll => (TgmState::HoldoverInSpec, Cause::Unobserved),
            () if !phc_seen => (TgmState::FreeRun, Cause::PhcUnseen), // T4c
            () => return None,
        })
    }

    fn leave_holdover(&mut self, now: Time<Mono>, g: G, d: D) -> Option<Transition> {
        if d == D::Hold {
            self.waiting = None; // it reports what was waited for
        }
        let untrusted = g == G::Untrusted && d != D::Hold && !self.apart;
        let blind = self.beyond_grace(now, self.blind);
        let estimate = self.estimate(now).unwrap_or(Nanos::ZERO);
        let timed_out = self
            .holdover
            .is_some_and(|holdover| now >= holdover.times_out_at(&self.limits));
        let modelled_out = |limit| {
            let exceeds = self.exceeds_at(now, limit);
            exceeds.is_some_and(|moment| now > moment) || estimate > limit
        };
        Some(match () {
            () if modelled_out(self.limits.max_holdover) => (TgmState::FreeRun, Cause::HoldoverOffset), // T7, T9
            () if self.phc.is_out() => (TgmState::FreeRun, Cause::PhcOffset),
            () if d == D::Free => (TgmState::FreeRun, Cause::DpllFreerun),
            () if self.t(now) == T::PhcFault => (TgmState::FreeRun, Cause::TimeOfDay),
            () if untrusted => self.leave_pulse(now, self.distrust())?, // L3
            () if blind || self.waiting.is_some() => self.leave_pulse(now, Cause::GnssLost)?,
            () if self.state == TgmState::HoldoverOutOfSpec && self.beyond_spec() != self.state => {
                (TgmState::FreeRun, Cause::EecLost) // T9
            }
            () if self.state == TgmState::HoldoverOutOfSpec => return None,
            () if modelled_out(self.limits.max_in_spec) => (self.beyond_spec(), Cause::HoldoverOffset), // T6
            () if timed_out => (self.beyond_spec(), Cause::HoldoverTimeout),
            () => return None,
        })
    }

    pub(super) fn beyond_spec(&self) -> TgmState {
        match beyond_spec(self.policy.profile, self.out_of_spec, self.quality) {
            None => TgmState::FreeRun,
            Some(_) => TgmState::HoldoverOutOfSpec,
        }
    }

    fn enter(&mut self, now: Time<Mono>, to: TgmState, cause: Cause) {
        if self.state == TgmState::Locked {
            self.losses.rotate_right(1);
            if let Some(latest) = self.losses.first_mut() {
                *latest = Some(now);
            }
            self.start_bound = self.bound + self.choice.cable + self.choice.phy;
        }
        self.holdover = match to {
            TgmState::HoldoverInSpec => Some(Holdover {
                since: self.holdover_start(now, cause),
            }),
            TgmState::HoldoverOutOfSpec => self.holdover,
            TgmState::Locked | TgmState::FreeRun => None,
        };
        if to == TgmState::Locked {
            self.learner.confirm();
        }
        self.good = 0;
        self.waiting = None;
        self.adoption = None;
        self.state = to;
        self.since = now;
    }

    /// A holdover that nobody saw begin began at the last proof that its reference was followed.
    fn holdover_start(&self, now: Time<Mono>, cause: Cause) -> Time<Mono> {
        if let Some(from) = self.unwatched_since() {
            return from.min(now);
        }
        if cause != Cause::Unobserved {
            // Behind a detach it began when the pulse lost its receiver; by itself the DPLL says so within the grace time.
            let distrusted = self.waiting.map(|waiting| self.gnss_lost.unwrap_or(waiting));
            return distrusted.unwrap_or(now).min(now);
        }
        let proof = if self.dpll.judge(now) == D::Unobserved {
            self.dpll.proof
        } else {
            None
        };
        proof.or(self.pulse.map(|(_, at)| at)).unwrap_or(now).min(now)
    }
}
