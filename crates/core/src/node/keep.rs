//! What outlives a node process, and what outlives a configuration (requirements 7).

use tgm_time::{Mono, Nanos, Time};

use super::{Core, InstanceState, Now, is_isolated};
use crate::announce::{Announce, Basis, TgmState, beyond_spec};
use crate::checkpoint::{BoundaryMark, CardMark, Checkpoint, Refusal, Will};
use crate::config::{Config, DoesNotFit, Judge};
use crate::event::{Cause, Event};
use crate::ids::{Instance, Port};
use crate::leap::LeapNotice;
use crate::learn::History;
use crate::soonest::Soonest;
use crate::status::InputQuality;

impl Core {
    /// Number of the last event; 0 before the first.
    pub const fn last_event(&self) -> u64 {
        self.seq
    }

    /// Writes what a successor needs into `to`.
    pub fn checkpoint(&self, now: Time<Mono>, to: &mut Checkpoint) {
        to.at = now;
        to.leap = self.leaps.mark();
        for (slot, state) in to.cards.iter_mut().zip(&self.cards) {
            *slot = state.as_ref().map(|state| state.card.mark());
        }
        for (slot, state) in to.wills.iter_mut().zip(&self.instances) {
            *slot = state.as_ref().and_then(|state| self.will(state, now));
        }
        for (slot, state) in to.boundaries.iter_mut().zip(&self.instances) {
            *slot = state.as_ref().filter(|state| state.follows()).map(|state| {
                let instance = state.config.instance;
                state.boundary.mark(instance, &self.beneath(instance, now))
            });
        }
    }

    fn will(&self, state: &InstanceState, now: Time<Mono>) -> Option<Will> {
        let instance = state.config.instance;
        if state.config.judge != Judge::Tgm {
            return None; // whose verdict it is knows better
        }
        let announced = self.instance_view(instance, now)?.announce?;
        let leader = self.leader(instance);
        let cards = self
            .cards
            .iter()
            .flatten()
            .filter(|card| card.card.config.instance == instance);
        let counted = cards.filter(|card| !is_isolated(card, leader)).map(|card| &card.card);
        let mut healthy = leader.is_some();
        let (mut in_spec_until, mut out_of_spec_until) = (Soonest::NEVER, Soonest::NEVER);
        for card in counted {
            healthy &= card.state != TgmState::FreeRun && card.is_healthy(now);
            if card.state == TgmState::HoldoverOutOfSpec {
                in_spec_until = now;
            }
            let (in_spec, all) = card.ends_after(now);
            in_spec_until = in_spec_until.min(in_spec);
            out_of_spec_until = out_of_spec_until.min(all);
        }
        // What the EEC follows is seen by nobody then.
        let quality = InputQuality::Unknown;
        let by = |state_then| {
            Announce::by(&Basis {
                state: state_then,
                profile: state.policy.profile,
                out_of_spec: state.config.out_of_spec,
                quality,
                estimate: None,
                utc_offset: self.utc_offset(),
                leap: LeapNotice::Unknown, // whoever acts on a will does not see the moment
            })
        };
        let beyond = match beyond_spec(state.policy.profile, state.config.out_of_spec, quality) {
            Some(_) => TgmState::HoldoverOutOfSpec,
            None => TgmState::FreeRun,
        };
        Some(Will {
            instance,
            announced,
            healthy,
            in_spec: by(TgmState::HoldoverInSpec),
            in_spec_until: in_spec_until.min(out_of_spec_until),
            out_of_spec: by(beyond),
            out_of_spec_until,
            end: by(TgmState::FreeRun),
        })
    }

    /// Goes on where a node process before this one ended (T0), if its checkpoint is at most `max_age` old. To be called before the
    /// first [`Core::tick`]. Whether what is announced is still what was left must be found out by whoever can ask, and
    /// [`Core::disown`] called if it is not.
    pub fn restore(&mut self, from: &Checkpoint, now: Time<Mono>, max_age: Nanos) -> Result<(), Refusal> {
        if from.at > now {
            return Err(Refusal::FromTheFuture);
        }
        let age = now.since(from.at);
        if age > max_age {
            return Err(Refusal::TooOld(age));
        }
        let marks = || from.cards.iter().flatten();
        let mine = || {
            self.cards
                .iter()
                .flatten()
                .map(|state| (state.card.config.instance, state.card.config.port))
        };
        if !marks().map(|mark| (mark.instance, mark.port)).eq(mine()) {
            return Err(Refusal::OtherCards);
        }
        self.leaps.restore(from.leap);
        let kept = |mark: &CardMark| mark.state != TgmState::FreeRun;
        let boundaries = || from.boundaries.iter().flatten();
        let followed = |mark: &BoundaryMark| mark.state != TgmState::FreeRun;
        if !marks().any(kept) && !boundaries().any(followed) {
            return Err(Refusal::NothingToKeep);
        }
        for (state, mark) in self.cards.iter_mut().flatten().zip(marks()) {
            // The card of a clock that follows another has no state of its own: what its DPLLs do has to be seen.
            let owner = state.card.config.instance;
            let mut owners = self.instances.iter().flatten();
            if !owners.any(|state| state.config.instance == owner && state.follows()) {
                state.card.restore(mark, from.at, now);
            } else {
                state.card.restore_watch(mark);
            }
        }
        for state in self.instances.iter_mut().flatten() {
            let instance = state.config.instance;
            if state.follows() {
                if let Some(mark) = boundaries().find(|mark| mark.instance == instance) {
                    state.boundary.restore(mark, from.at, now);
                }
                if state.boundary.state != TgmState::FreeRun {
                    state.beginning = Cause::Adopted;
                }
                continue;
            }
            if marks().any(|mark| mark.instance == instance && kept(mark)) {
                state.beginning = Cause::Adopted;
            }
        }
        Ok(())
    }

    /// Gives up what an instance goes on with: what is announced is not what was left (T1).
    pub fn disown(&mut self, now: Now, instance: Instance, sink: impl FnMut(&Event)) {
        for state in self.cards.iter_mut().flatten() {
            if state.card.config.instance == instance {
                state.card.disown();
            }
        }
        for state in self.instances.iter_mut().flatten() {
            if state.config.instance == instance {
                state.boundary.disown();
            }
        }
        self.tick(now, sink);
    }

    /// What each card has learned from ends of holdovers, in the order of the configuration.
    pub fn histories(&self) -> impl Iterator<Item = (Instance, Port, &History)> {
        let cards = self.cards.iter().flatten().map(|state| &state.card);
        cards.map(|card| (card.config.instance, card.config.port, card.history()))
    }

    /// Gives a card what it learned under an earlier process. To be called before [`Core::restore`]: a holdover that runs would change
    /// its limits.
    pub fn adopt_history(&mut self, instance: Instance, port: Port, history: History) {
        let mut cards = self.cards.iter_mut().flatten().map(|state| &mut state.card);
        if let Some(card) = cards.find(|card| (card.config.instance, card.config.port) == (instance, port)) {
            card.adopt_history(history);
        }
    }

    /// Judges by another configuration from now on: states, histories and the count of events stay. Refused, with nothing changed,
    /// if instances, judges or cards are not the same.
    pub fn reload(&mut self, to: &Config, now: Now, sink: impl FnMut(&Event)) -> Result<(), DoesNotFit> {
        let instances = self
            .instances
            .iter()
            .flatten()
            .filter(|state| !state.adopted)
            .map(|state| (state.config.instance, state.config.judge));
        let cards = self
            .cards
            .iter()
            .flatten()
            .map(|state| (state.card.config, state.card.choice));
        let same = instances.eq(to.instances().map(|one| (one.instance, one.judge)))
            && cards.eq(to.cards().copied().zip(to.card_policies().copied()));
        if !same {
            return Err(DoesNotFit);
        }
        self.fallback_utc_offset = to.fallback_utc_offset;
        self.leaps.list(to.leap_list, to.leap_list_until);
        for (state, (config, policy)) in self
            .instances
            .iter_mut()
            .flatten()
            .filter(|state| !state.adopted)
            .zip(to.instances().zip(to.policies()))
        {
            (state.config, state.policy) = (*config, *policy);
            let cards = self.cards.iter_mut().flatten();
            for card in cards.filter(|card| card.card.config.instance == config.instance) {
                card.card.relimit(config, *policy, to.fallback_utc_offset);
            }
        }
        self.tick(now, sink);
        Ok(())
    }
}
