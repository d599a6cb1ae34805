//! What is true now, put together for the snapshot: cards, instances, node.

use tgm_time::{Mono, Nanos, Time};

use super::{Core, InstanceState, is_isolated};
use crate::announce::{Announce, Basis, SLAVE_ONLY, TgmState, boundary_class, on_the_air};
use crate::boundary::{Beneath, Boundary};
use crate::card::Card;
use crate::config::{Compat, Judge};
use crate::dpll::D;
use crate::gnss::G;
use crate::ids::{Instance, Port};
use crate::process::Process;
use crate::status::{ClockState, GnssState};
use crate::view::{CardView, InstanceView, NodeView};

impl Core {
    /// The cards, in the order of the configuration.
    pub fn cards(&self, now: Time<Mono>) -> impl Iterator<Item = CardView> {
        self.cards.iter().flatten().map(move |state| {
            let view = card_view(&state.card, now);
            let mut instances = self.instances.iter().flatten();
            let owner = instances.find(|owner| owner.config.instance == view.instance);
            match owner.and_then(boundary) {
                Some(judge) => CardView {
                    state: judge.state,
                    ..view
                },
                None => view,
            }
        })
    }

    /// What the cards of an instance do that follows another clock.
    pub(super) fn beneath(&self, instance: Instance, now: Time<Mono>) -> Beneath {
        let cards = self.cards.iter().flatten().map(|state| &state.card);
        let cards = cards.filter(|card| card.config.instance == instance && card.config.has_dpll);
        cards.fold(Beneath::default(), |beneath, card| {
            let d = card.dpll.judge_phase(now);
            let phase = card.phase_offset(now).map(Nanos::abs);
            Beneath {
                d: Some(beneath.d.map_or(d, |worst| worst.worst(d))),
                phase: beneath.phase.max(phase),
            }
        })
    }

    /// The instances, in the order of the configuration.
    pub fn instances(&self, now: Time<Mono>) -> impl Iterator<Item = InstanceView> {
        self.instances
            .iter()
            .flatten()
            .filter_map(move |state| self.instance_view(state.config.instance, now))
    }

    pub(super) fn instance_view(&self, instance: Instance, now: Time<Mono>) -> Option<InstanceView> {
        let state = self
            .instances
            .iter()
            .flatten()
            .find(|state| state.config.instance == instance)?;
        let cards = self
            .cards
            .iter()
            .flatten()
            .filter(|card| card.card.config.instance == instance);
        let leader = cards.clone().next();
        let port = leader.map_or(Port::NODE, |leader| leader.card.config.port);
        if state.config.judge == Judge::Relay {
            let lock_state = state.relay.state(now, &state.config.limits).map(|(state, _)| state);
            return Some(InstanceView {
                instance,
                port: state.relay.port,
                lock_state,
                class: state.relay.class(now, &state.config.limits).map(|(class, _)| class),
                offset: state.relay.offset(now, &state.config.limits),
                announce: None,
                synce: None, // who decides about its clock sees it
                relayed: true,
            });
        }
        if let Some(judge) = boundary(state) {
            let beneath = self.beneath(instance, now);
            let utc_offset = judge.utc_offset().or(self.utc_offset());
            let announce = (state.config.judge == Judge::Tbc).then(|| Announce::of_boundary(judge.state, utc_offset));
            let class = match announce {
                Some(_) => on_the_air(
                    boundary_class(judge.state, judge.upstream_class()),
                    state
                        .processes
                        .is_down(now, Process::Ptp4l, &state.config.limits.downtimes),
                ),
                None => SLAVE_ONLY,
            };
            return Some(InstanceView {
                instance,
                port,
                lock_state: Some(judge.state.clock_state()),
                class: Some(class),
                offset: judge.told_offset(now, &beneath, &state.config.limits),
                announce,
                synce: None,
                relayed: false,
            });
        }
        let leads = leader.map(|leader| (leader.card.config.port, leader.card.state));
        let counted = cards.filter(|card| !is_isolated(card, leads));
        let states = counted.clone().map(|card| card.card.state);
        let worst = leader.map_or(TgmState::FreeRun, |leader| {
            let worst = states.fold(TgmState::Locked, TgmState::worst);
            let follows = leader.card.state != TgmState::Locked || worst == TgmState::Locked;
            if follows || state.policy.compat == Compat::None {
                worst
            } else {
                TgmState::FreeRun
            }
        });
        // Only of those whose state it is: a card in Locked has no need of a frequency's quality.
        let qualities = counted
            .clone()
            .filter(|card| card.card.state == worst)
            .map(|card| card.card.quality);
        let offset = counted
            .clone()
            .find(|card| card.card.state == worst)
            .and_then(|card| match worst {
                TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => card.card.estimate(now),
                TgmState::Locked | TgmState::FreeRun => card.card.phc_offset(now),
            });
        let announce = Announce::by(&Basis {
            state: worst,
            profile: state.policy.profile,
            out_of_spec: state.config.out_of_spec,
            quality: qualities.min().unwrap_or_default(),
            estimate: offset.filter(|_| state.policy.accuracy_from_estimate),
            utc_offset: self.utc_offset(),
            leap: self.leaps.notice(),
        });
        let downtimes = &state.config.limits.downtimes;
        let is_silent = state.processes.is_down(now, Process::Ptp4l, downtimes);
        Some(InstanceView {
            instance,
            port,
            lock_state: Some(worst.clock_state()),
            class: Some(on_the_air(announce.class, is_silent)),
            offset,
            announce: Some(announce),
            synce: leader.and_then(|leader| state.synce_view(&leader.card, now)),
            relayed: false,
        })
    }

    /// The node.
    pub fn node_view(&self, now: Time<Mono>) -> NodeView {
        let lock_state = self
            .instances
            .iter()
            .flatten()
            .filter_map(|state| state.lock_state)
            .reduce(ClockState::worst);
        let e1 = lock_state.unwrap_or_default();
        let (os_clock, os_clock_offset) = match self.first_limits() {
            Some(limits) => (
                self.os_clock.state(now, e1, limits, self.first_compat()).0,
                self.os_clock.offset(now, limits),
            ),
            None => (ClockState::Freerun, None),
        };
        NodeView {
            seq: self.seq,
            at: now,
            lock_state,
            os_clock,
            os_clock_offset,
            sync_state: e1.worst(os_clock),
            simulated: self.simulated,
        }
    }
}

/// The judge of an instance that follows another clock.
fn boundary(state: &InstanceState) -> Option<&Boundary> {
    state.follows().then_some(&state.boundary)
}

fn card_view(card: &Card, now: Time<Mono>) -> CardView {
    let statuses = card.statuses(now);
    let fresh = card.gnss.is_fresh(now);
    let epoch = if fresh {
        card.gnss.epoch
    } else {
        crate::GnssEpoch::default()
    };
    CardView {
        instance: card.config.instance,
        port: card.config.port,
        simulated: card.config.simulated,
        has_gnss: card.config.has_gnss,
        state: card.state,
        since: card.since,
        frequency: statuses.frequency,
        phase: statuses.phase,
        pps: statuses.pps,
        nmea: statuses.nmea,
        fix: statuses.fix,
        gnss_state: u8::try_from(statuses.gnss_state).ok().and_then(GnssState::from_number),
        gnss_clock: if card.g(now) == G::Ok {
            ClockState::Locked
        } else {
            ClockState::Freerun
        },
        dpll_clock: match card.dpll.judge(now) {
            D::Locked => ClockState::Locked,
            D::Hold => ClockState::Holdover,
            // That nobody looks any more makes no holdover a free run.
            D::Unobserved if card.dpll.before_it_gave_up() == Some(D::Hold) => ClockState::Holdover,
            D::Free | D::Unobserved => ClockState::Freerun,
        },
        phase_offset: card.phase_offset(now),
        phc_offset: card.phc_offset(now),
        estimate: card.estimate(now),
        t_acc: epoch.t_acc,
        clock_bias: epoch.clock_bias,
        utc: card.epoch_utc(now),
        utc_offset: card.utc_offset(),
        used: epoch.used,
        seen: epoch.seen,
        antenna: epoch.antenna,
        jamming: epoch.jamming,
        spoofing: epoch.spoofing,
        flapping: card.is_flapping(now),
        cable: card.choice.cable,
        phy: card.choice.phy,
        eec_quality: card.dpll.followed_quality(now),
        start_bound: card.start_bound(),
        forecast: card.forecast(now),
    }
}
