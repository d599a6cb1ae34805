//! What another daemon says of receivers and SyncE clocks: passed on as it was told, with its edges (E5, E6, E7).
//!
//! A receiver is told of every second; one of which nobody has heard for [`crate::config::Limits::verdict_stale`] gives no time that
//! anybody could vouch for. SyncE is told when it changes and not again: it stands until something else is said.

use tgm_time::{Mono, Nanos, Time};

use super::{Core, Edge, Now};
use crate::event::{Cause, Event, EventKind};
use crate::ids::Instance;
use crate::observation::Observation;
use crate::soonest::Soonest;
use crate::status::{ClockState, GnssState};
use crate::synce::QualityLevel;
use crate::view::{ToldOf, ToldView};

/// Most receivers and SyncE clocks that another daemon tells of; more are not taken.
pub const MAX_TOLD: usize = 32;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    view: ToldView,
    seen: Time<Mono>,
    /// Nobody has been heard to say it for too long.
    stale: bool,
}

/// All of them; the first free place ends them.
pub(super) type AllTold = [Option<Told>; MAX_TOLD];

impl Core {
    /// What another daemon says of receivers and SyncE clocks.
    pub fn told(&self) -> impl Iterator<Item = ToldView> {
        self.known().map(|told| told.view)
    }

    /// Those in front of the first free place.
    fn known(&self) -> impl Iterator<Item = &Told> {
        self.told.iter().map_while(Option::as_ref)
    }

    /// A receiver's state as another daemon says.
    pub(super) fn receiver_told(
        &mut self,
        now: Now,
        seen: &Observation,
        (state, fix, offset): (GnssState, Option<u8>, Option<Nanos>),
        sink: &mut impl FnMut(&Event),
    ) {
        let is_it = |of: &ToldOf| matches!(of, ToldOf::Receiver { .. });
        self.take_told(now, seen, is_it, ToldOf::Receiver { state, fix, offset }, sink);
    }

    /// A SyncE clock as another daemon says; what was not told stands.
    pub(super) fn synce_told(
        &mut self,
        now: Now,
        seen: &Observation,
        (state, level): (Option<ClockState>, Option<QualityLevel>),
        sink: &mut impl FnMut(&Event),
    ) {
        let is_it = |of: &ToldOf| matches!(of, ToldOf::Synce { .. });
        let known = self
            .told()
            .find(|view| is_it(&view.of) && (view.instance, view.port) == (seen.instance, seen.port))
            .map(|view| view.of);
        let (was_state, was_level) = match known {
            Some(ToldOf::Synce { state, level }) => (state, level),
            _ => (None, None),
        };
        let of = ToldOf::Synce {
            state: state.or(was_state),
            level: level.or(was_level),
        };
        self.take_told(now, seen, is_it, of, sink);
    }

    fn take_told(
        &mut self,
        now: Now,
        seen: &Observation,
        is_it: impl Fn(&ToldOf) -> bool,
        of: ToldOf,
        sink: &mut impl FnMut(&Event),
    ) {
        let view = ToldView {
            instance: seen.instance,
            port: seen.port,
            of,
        };
        let told = Told {
            view,
            seen: seen.at,
            stale: false,
        };
        let is_this = |slot: &Option<Told>| match slot {
            Some(known) => {
                is_it(&known.view.of) && (known.view.instance, known.view.port) == (view.instance, view.port)
            }
            None => true,
        };
        let Some(slot) = self.told.iter_mut().find(|slot| is_this(slot)) else {
            return;
        };
        let was = slot.replace(told).map(|told| told.view.of);
        self.tell_told(now, seen.at, was, view, Cause::Reported, sink);
    }

    /// Silence of receivers.
    pub(super) fn age_told(&mut self, now: Now, sink: &mut impl FnMut(&Event)) {
        for place in 0..MAX_TOLD {
            let Some(told) = self.told.get(place).copied().flatten() else {
                return;
            };
            let ToldOf::Receiver { fix, .. } = told.view.of else {
                continue;
            };
            if told.stale || now.mono < self.told_until(&told) {
                continue;
            }
            let view = ToldView {
                of: ToldOf::Receiver {
                    state: GnssState::FailureNofix,
                    fix: fix.map(|_| 0),
                    offset: None,
                },
                ..told.view
            };
            let stale = Told {
                view,
                stale: true,
                ..told
            };
            if let Some(slot) = self.told.get_mut(place) {
                *slot = Some(stale);
            }
            self.tell_told(now, now.mono, Some(told.view.of), view, Cause::Stale, sink);
        }
    }

    /// When the next receiver has been silent for too long.
    pub(super) fn told_deadline(&self) -> Time<Mono> {
        let heard = self.known().filter(|told| !told.stale);
        let receivers = heard.filter(|told| matches!(told.view.of, ToldOf::Receiver { .. }));
        receivers
            .map(|told| self.told_until(told))
            .fold(Soonest::NEVER, Time::min)
    }

    fn told_until(&self, told: &Told) -> Time<Mono> {
        let mut owners = self.instances.iter().flatten();
        let owner = owners.find(|owner| owner.config.instance == told.view.instance);
        owner.map_or(Soonest::NEVER, |owner| told.seen + owner.config.limits.verdict_stale)
    }

    /// Forgets what was told of an instance that is there no more.
    pub(super) fn forget_told(&mut self, instance: Instance) {
        let mut kept = [None; MAX_TOLD];
        let rest = self.known();
        let rest = rest.filter(|told| told.view.instance != instance);
        for (slot, told) in kept.iter_mut().zip(rest) {
            *slot = Some(*told);
        }
        self.told = kept;
    }

    fn tell_told(
        &mut self,
        now: Now,
        at: Time<Mono>,
        was: Option<ToldOf>,
        is: ToldView,
        cause: Cause,
        sink: &mut impl FnMut(&Event),
    ) {
        let numbers = |of: ToldOf| match of {
            ToldOf::Receiver { state, fix, .. } => [
                (EventKind::GnssFix, fix.map(i64::from)),
                (EventKind::GnssState, Some(i64::from(state.number()))),
            ],
            ToldOf::Synce { state, level } => [
                (EventKind::SynceState, state.map(|state| i64::from(state.metric()))),
                (EventKind::SynceQuality, level.map(QualityLevel::value)),
            ],
        };
        let offset = match is.of {
            ToldOf::Receiver { offset, .. } => offset,
            ToldOf::Synce { .. } => None,
        };
        let before = was.map(numbers);
        for (place, (kind, new)) in numbers(is.of).into_iter().enumerate() {
            let old = before.and_then(|before| before.get(place).and_then(|(_, old)| *old));
            let Some(new) = new.filter(|new| old != Some(*new)) else {
                continue;
            };
            let edge = Edge {
                kind,
                cause: if old.is_none() { Cause::Start } else { cause },
                instance: is.instance,
                port: is.port,
                old,
                new,
                offset,
            };
            self.tell(now, at, edge, sink);
        }
    }
}
