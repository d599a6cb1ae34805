//! The holdover as the card sees it: which model its limits go by, when they are crossed, and what is said of all that.

use tgm_time::{Mono, Nanos, Time};

use super::Card;
use crate::announce::TgmState;
use crate::gnss::G;
use crate::holdover::Holdover;
use crate::learn::{Curve, Forecast, History, Model, Readiness};
use crate::observation::Reading;
use crate::soonest::Soonest;

impl Card {
    /// What it learned from ends of holdovers.
    pub const fn history(&self) -> &History {
        self.learner.history()
    }

    /// Takes over what was learned before, by this card under another process.
    pub fn adopt_history(&mut self, history: History) {
        self.learner.adopt(history);
    }

    /// Files what the card shows of its oscillator; true if that moves the end of a holdover.
    #[cold]
    pub(super) fn take_oscillator(&mut self, at: Time<Mono>, what: &Reading) -> bool {
        match *what {
            Reading::Oscillator { femtos_per_second } => {
                let locked = self.state == TgmState::Locked;
                if locked {
                    self.learner.frequency(at, femtos_per_second);
                }
                let ppt = femtos_per_second / 1_000;
                let trusted = locked && self.g(at) == G::Ok;
                let limit = self.choice.frequency_limit;
                if limit.is_some_and(|limit| self.frequency.measured(at, ppt, trusted, limit)) {
                    return true;
                }
            }
            Reading::Temperature { millicelsius } => self.learner.temperature(at, millicelsius),
            _ => {}
        }
        self.holdover.is_some()
    }

    /// When its holdover is no longer in specification, and when it is over; one that begins at `then` where there is none.
    pub fn ends_after(&self, then: Time<Mono>) -> (Time<Mono>, Time<Mono>) {
        let holdover = self.holdover.unwrap_or(Holdover { since: then });
        let crossing = |limit| self.crossing(then, &holdover, limit).unwrap_or(Soonest::NEVER);
        let out = holdover
            .times_out_at(&self.limits)
            .min(crossing(self.limits.max_in_spec));
        (out, crossing(self.limits.max_holdover))
    }

    fn model(&self) -> (Model, Option<&Curve>) {
        match self.learner.curve() {
            None => (Model::Default, None),
            learned if self.choice.trust_learned => (Model::Learned, learned),
            learned => (Model::Larger, learned),
        }
    }

    /// The modelled offset at `now`: the default model's, the learned upper bound, or the larger of the two.
    pub(super) fn modelled(&self, now: Time<Mono>) -> Option<Nanos> {
        let holdover = self.holdover?;
        let usual = holdover.estimate(&self.limits, now);
        let (model, curve) = self.model();
        let Some(curve) = curve else { return Some(usual) };
        let seconds = seconds(now.since(holdover.since));
        let upper = nanos(curve.upper(seconds, self.learner.warmer(now)));
        Some(if model == Model::Learned {
            upper
        } else {
            upper.max(usual)
        })
    }

    /// The moment from which the modelled offset exceeds `limit`; `None` if it never does, or outside a holdover.
    pub(super) fn exceeds_at(&self, now: Time<Mono>, limit: Nanos) -> Option<Time<Mono>> {
        self.crossing(now, &self.holdover?, limit)
    }

    pub(super) fn crossing(&self, now: Time<Mono>, holdover: &Holdover, limit: Nanos) -> Option<Time<Mono>> {
        let usual = holdover.exceeds_at(&self.limits, limit);
        let (model, curve) = self.model();
        let Some(curve) = curve else { return usual };
        let after = curve.exceeds(float(limit), self.learner.warmer(now));
        let learned = after.map(|seconds| holdover.since + nanos(seconds * 1e9));
        if model == Model::Learned {
            return learned;
        }
        [usual, learned].into_iter().flatten().min()
    }

    /// Whether it is ready for a holdover.
    pub fn readiness(&self, now: Time<Mono>) -> Readiness {
        let watched = self.config.has_dpll || self.config.phc_on_dpll;
        match () {
            () if self.state != TgmState::Locked => Readiness::NotLocked,
            () if watched && !self.dpll.can_hold() => Readiness::NotAcquired,
            () if self.learner.is_temperature_moving(now) => Readiness::TemperatureMoving,
            () if self.learner.curve().is_none() => Readiness::HistoryShort,
            () => Readiness::Ready,
        }
    }

    /// The forecast: of the present holdover, else of one that began now.
    pub fn forecast(&self, now: Time<Mono>) -> Forecast {
        let holdover = self.holdover.unwrap_or(Holdover { since: now });
        let (model, curve) = self.model();
        let elapsed = seconds(now.since(holdover.since));
        let warmer = self.learner.warmer(now);
        let (offset, bound) = match curve {
            None => (Nanos::ZERO, holdover.estimate(&self.limits, now)),
            Some(curve) => (nanos(curve.offset(elapsed, warmer)), nanos(curve.bound(elapsed))),
        };
        let until = |at: Time<Mono>| at.since(now).max(Nanos::ZERO);
        let left = |limit| self.crossing(now, &holdover, limit).map(until);
        let free = self.state == TgmState::FreeRun;
        let in_spec = match self.state {
            TgmState::FreeRun => None,
            TgmState::HoldoverOutOfSpec => Some(Nanos::ZERO),
            TgmState::Locked | TgmState::HoldoverInSpec => {
                let timeout = Some(until(holdover.times_out_at(&self.limits)));
                [left(self.limits.max_in_spec), timeout].into_iter().flatten().min()
            }
        };
        Forecast {
            model,
            ends: u8::try_from(self.history().len()).unwrap_or(u8::MAX),
            readiness: self.readiness(now),
            drill: self.drill.is_running(),
            offset,
            bound,
            left_in_spec: in_spec,
            left: if free { None } else { left(self.limits.max_holdover) },
        }
    }
}

#[allow(clippy::cast_precision_loss)] // a length of time in a statistic
fn seconds(length: Nanos) -> f64 {
    length.0 as f64 / 1e9
}

#[allow(clippy::cast_precision_loss)] // a limit of some microseconds
const fn float(limit: Nanos) -> f64 {
    limit.0 as f64
}

/// To whole nanoseconds, halves upwards; what is beyond the range saturates.
#[allow(clippy::cast_possible_truncation)] // as said
const fn nanos(value: f64) -> Nanos {
    Nanos(if value < 0.0 { value - 0.5 } else { value + 0.5 } as i64)
}
