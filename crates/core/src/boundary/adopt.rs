//! T0 for a clock that follows another: it goes on where a node process before this one ended, on probation for at most [`PROBATION`].
//!
//! A holdover keeps its own start once the DPLL is seen at least as good as recorded. Locked needs [`SAMPLES`] good samples of the
//! upstream besides, else it is Holdover-In-Spec, begun in the checkpoint's last second – or Free-Run where no DPLL holds anything.

use tgm_time::{Mono, Time};

use super::{Beneath, Boundary};
use crate::announce::TgmState;
use crate::checkpoint::{BoundaryMark, PROBATION, SAMPLES};
use crate::dpll::D;
use crate::event::Cause;
use crate::holdover::Holdover;
use crate::ids::Instance;
use crate::observation::Upstream;
use crate::status::LockStatus;

/// A state on probation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adoption {
    /// What the DPLL has to be at least as good as; `None` where nobody knew, and once it was.
    recorded: Option<D>,
    /// Its end.
    pub until: Time<Mono>,
    /// The last moment at which somebody looked before.
    from: Time<Mono>,
    /// It is nobody's any more.
    disowned: bool,
}

impl Boundary {
    /// What a successor needs.
    pub fn mark(&self, instance: Instance, beneath: &Beneath) -> BoundaryMark {
        BoundaryMark {
            instance,
            state: self.state,
            since: self.holdover.map(|holdover| holdover.since),
            class: self.upstream.class,
            utc_offset: self.utc_offset,
            dpll: beneath.d.and_then(|d| match d {
                D::Locked => Some(LockStatus::Locked),
                D::Hold => Some(LockStatus::Holdover),
                D::Free => Some(LockStatus::Unlocked),
                D::Unobserved => None,
            }),
        }
    }

    /// Goes on where `mark`, taken at `at`, ends.
    pub fn restore(&mut self, mark: &BoundaryMark, at: Time<Mono>, now: Time<Mono>) {
        self.utc_offset = mark.utc_offset;
        let has_start = mark.since.is_some();
        let is_whole = match mark.state {
            TgmState::FreeRun => false,
            TgmState::Locked => !has_start,
            TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => has_start,
        };
        if !is_whole {
            return;
        }
        self.state = mark.state;
        self.holdover = mark.since.map(|since| Holdover { since });
        self.upstream = Upstream {
            class: mark.class,
            ..Upstream::default()
        };
        self.adoption = Some(Adoption {
            recorded: mark.dpll.map(|status| match status {
                LockStatus::Locked | LockStatus::LockedHoAcq => D::Locked,
                LockStatus::Holdover => D::Hold,
                LockStatus::Unlocked | LockStatus::Unknown(_) => D::Free,
            }),
            until: now + PROBATION,
            from: at,
            disowned: false,
        });
    }

    /// What goes on here is nobody's any more: it is Free-Run when it is judged next. True of a state that stands by itself, too.
    pub fn disown(&mut self) {
        if self.state != TgmState::FreeRun {
            let adoption = self.adoption.get_or_insert(Adoption {
                recorded: None,
                until: Time::ZERO,
                from: Time::ZERO,
                disowned: true,
            });
            adoption.disowned = true;
        }
    }

    /// How the probation stands: `Err` while it waits.
    pub(super) fn probation(&mut self, now: Time<Mono>, beneath: &Beneath) -> Result<Option<Verdict>, Waits> {
        let Some(adoption) = &mut self.adoption else {
            return Ok(None);
        };
        let refused = Verdict {
            to: TgmState::FreeRun,
            cause: Cause::NotAdopted,
            since: adoption.from,
        };
        if adoption.disowned {
            return Ok(Some(refused));
        }
        let seen = beneath.d.filter(|d| *d != D::Unobserved);
        if let (Some(recorded), Some(seen)) = (adoption.recorded, seen) {
            if seen.worst(recorded) != recorded {
                return Ok(Some(refused));
            }
            adoption.recorded = None;
        }
        let (shown, late) = (adoption.recorded.is_none(), now >= adoption.until);
        let from = adoption.from;
        if late && !shown {
            return Ok(Some(refused));
        }
        if self.state != TgmState::Locked {
            // A holdover that nobody has shown yet ages all the same.
            if shown {
                self.adoption = None;
            }
            return Ok(None);
        }
        if shown && self.good >= SAMPLES {
            self.adoption = None;
            return Ok(None);
        }
        if let Some((to, cause)) = self.fault(beneath) {
            return Ok(Some(Verdict { to, cause, since: from }));
        }
        let lost = self.fresh.holds(now) && !self.upstream.followed;
        if !(late || lost && shown) {
            return Err(Waits);
        }
        let to = match beneath.d {
            Some(_) => TgmState::HoldoverInSpec,
            None => TgmState::FreeRun,
        };
        let cause = if lost { Cause::UpstreamLost } else { Cause::Unwatched };
        Ok(Some(Verdict { to, cause, since: from }))
    }
}

/// Where a probation ends; `since`: when a holdover began that follows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub to: TgmState,
    pub cause: Cause,
    pub since: Time<Mono>,
}

/// The state stands, and nothing else is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits;
