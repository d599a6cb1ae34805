//! SyncE beside an instance: its lock state (E6) and the quality level that is sent (E7).
//!
//! The lock state is that of the equipment clock (EEC) of the instance's first card, from which the ports' transmit clocks come. Where
//! nobody sees it, or the card has none, it is the card's own: silence is a holdover first and ends, as the T-GM's does. The level is what
//! synce4l says it sends, not what it was told to send; once it says nothing any more, receivers take that for *do not use*.

use tgm_time::{Mono, Time};

use super::{Core, Edge, InstanceState, Now};
use crate::card::Card;
use crate::event::{Cause, Event, EventKind};
use crate::ids::Instance;
use crate::observation::Observation;
use crate::status::ClockState;
use crate::synce::QualityLevel;
use crate::view::SynceView;

/// What an instance's SyncE is, and what of it was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Synce {
    level: Option<QualityLevel>,
    /// Nobody says the level any more.
    silent: bool,
    told_state: Option<ClockState>,
    told_level: Option<QualityLevel>,
}

/// E6 of a card, and whether its EEC is seen.
fn state_of(card: &Card, now: Time<Mono>) -> (ClockState, bool) {
    match card.dpll.frequency(now) {
        2 | 3 => (ClockState::Locked, true),
        4 => (ClockState::Holdover, true),
        1 => (ClockState::Freerun, true),
        _ => (card.state.clock_state(), false),
    }
}

impl InstanceState {
    /// SyncE over its first card; `None` where it has none.
    pub(super) fn synce_view(&self, leader: &Card, now: Time<Mono>) -> Option<SynceView> {
        let port = self.policy.synce?;
        Some(SynceView {
            port,
            state: state_of(leader, now).0,
            level: self.synce.level,
        })
    }
}

impl Core {
    /// Whoever sends the level says what it is.
    pub(super) fn sends_level(
        &mut self,
        now: Now,
        seen: &Observation,
        level: Option<QualityLevel>,
        sink: &mut impl FnMut(&Event),
    ) {
        let mut instances = self.instances.iter_mut().flatten();
        let Some(state) = instances.find(|state| state.config.instance == seen.instance) else {
            return;
        };
        let synce = &mut state.synce;
        synce.silent = level.is_none();
        synce.level = level.or(synce.level.map(|_| QualityLevel::DO_NOT_USE));
        self.tell_synce(now, seen.at, seen.instance, sink);
    }

    /// Events E6 and E7 of an instance.
    pub(super) fn tell_synce(&mut self, now: Now, at: Time<Mono>, instance: Instance, sink: &mut impl FnMut(&Event)) {
        let mut cards = self.cards.iter().flatten().map(|state| &state.card);
        let leader = cards.find(|card| card.config.instance == instance);
        let mut instances = self.instances.iter_mut().flatten();
        let state = instances.find(|state| state.config.instance == instance);
        let (Some(leader), Some(state)) = (leader, state) else {
            return;
        };
        let Some(port) = state.policy.synce else { return };
        let (clock, is_seen) = state_of(leader, now.mono);
        let synce = &mut state.synce;
        let was_state = synce.told_state.replace(clock);
        let (level, was_level) = (synce.level, synce.told_level);
        synce.told_level = level;
        let silent = synce.silent;
        let edge = |kind, old: Option<i64>, new, silent| Edge {
            kind,
            cause: match old {
                None => Cause::Start,
                Some(_) if silent => Cause::Stale,
                Some(_) => Cause::Reported,
            },
            instance,
            port,
            old,
            new,
            offset: None,
        };
        if was_state != Some(clock) {
            let old = was_state.map(|state| i64::from(state.metric()));
            let edge = edge(EventKind::SynceState, old, i64::from(clock.metric()), !is_seen);
            self.tell(now, at, edge, sink);
        }
        if let Some(new) = level.filter(|_| level != was_level) {
            let edge = edge(
                EventKind::SynceQuality,
                was_level.map(QualityLevel::value),
                new.value(),
                silent,
            );
            self.tell(now, at, edge, sink);
        }
    }
}
