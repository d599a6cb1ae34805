//! The node: finds whose an observation is, and turns what changed into events, each once and in order.

use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::announce::{Announce, TgmState};
use crate::card::{Card, Statuses};
use crate::config::{Config, InstanceConfig, Judge};
use crate::dpll::D;
use crate::event::{Cause, Event, EventKind, TimeSource};
use crate::gnss::G;
use crate::ids::{Instance, MAX_CARDS, MAX_INSTANCES, Port};
use crate::observation::{Observation, Reading};
use crate::osclock::OsClock;
use crate::relay::Relay;
use crate::status::{ClockClass, ClockState, GnssState};
use crate::view::{CardView, InstanceView, NodeView};

/// The present, read by whoever has clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time that only passes.
    pub mono: Time<Mono>,
    /// `CLOCK_REALTIME` at that moment.
    pub system: Time<Utc>,
}

/// What an instance last told.
#[derive(Debug, Clone, Copy)]
struct InstanceState {
    config: InstanceConfig,
    relay: Relay,
    lock_state: Option<ClockState>,
    class: Option<ClockClass>,
    contradictory: bool,
}

/// What a card last told.
#[derive(Debug, Clone, Copy)]
struct CardState {
    card: Card,
    told: Option<Statuses>,
}

/// The event core. Fixed size, no clock, no I/O.
#[derive(Debug, Clone)]
pub struct Core {
    instances: [Option<InstanceState>; MAX_INSTANCES],
    cards: [Option<CardState>; MAX_CARDS],
    os_clock: OsClock,
    /// PHC − system clock and when it was measured, to stamp events by the PHC.
    phc: Option<(Nanos, Time<Mono>)>,
    fallback_utc_offset: Option<Seconds>,
    told_os_clock: Option<ClockState>,
    told_sync_state: Option<ClockState>,
    seq: u64,
    deadline: Option<Time<Mono>>,
    at: Time<Mono>,
}

impl Core {
    /// A core that has told nothing yet; the first [`Core::tick`] tells every state (transition T1: Free-Run).
    pub fn new(config: &Config) -> Self {
        let mut core = Core {
            instances: [None; MAX_INSTANCES],
            cards: [None; MAX_CARDS],
            os_clock: OsClock::default(),
            phc: None,
            fallback_utc_offset: config.fallback_utc_offset,
            told_os_clock: None,
            told_sync_state: None,
            seq: 0,
            deadline: Some(Time::ZERO),
            at: Time::ZERO,
        };
        for (slot, config) in core.instances.iter_mut().zip(config.instances()) {
            *slot = Some(InstanceState {
                config: *config,
                relay: Relay::default(),
                lock_state: None,
                class: None,
                contradictory: false,
            });
        }
        let owner = |instance| config.instances().find(|candidate| candidate.instance == instance);
        let cards = config.cards().filter_map(|card| Some((card, owner(card.instance)?)));
        for (slot, (card, instance)) in core.cards.iter_mut().zip(cards) {
            *slot = Some(CardState {
                card: Card::new(*card, instance, config.fallback_utc_offset),
                told: None,
            });
        }
        core
    }

    /// Takes one observation and hands out what changed.
    pub fn step(&mut self, now: Now, observation: &Observation, mut sink: impl FnMut(&Event)) {
        if self.deadline.is_some_and(|deadline| now.mono >= deadline) {
            self.tick(now, &mut sink);
        }
        self.at = now.mono;
        match observation.what {
            Reading::Verdict { state, class } => {
                let mut instances = self.instances.iter_mut().flatten();
                let known = instances.find(|instance| instance.config.instance == observation.instance);
                let Some(instance) = known.filter(|instance| instance.config.judge == Judge::Relay) else {
                    return;
                };
                instance.relay.verdict(observation.at, state, class);
                self.conclude(now, observation.at, observation.instance, None, &mut sink);
                self.soonest();
            }
            Reading::SystemClock { offset, .. } => {
                let Some(limits) = self.card(observation).map(|card| *card.card.limits()) else {
                    return;
                };
                let utc_offset = self.utc_offset();
                self.phc = Some((offset, observation.at));
                self.os_clock.measured(observation.at, offset, utc_offset, &limits);
                self.conclude_node(now, observation.at, Cause::Reported, &mut sink);
                self.soonest();
            }
            _ => {
                let Some(card) = self.card(observation) else { return };
                if !card.card.take(observation) {
                    return;
                }
                let transition = card.card.evaluate(now.mono);
                self.tell_card(now, observation.at, observation.instance, observation.port, &mut sink);
                if let Some((_, cause)) = transition {
                    self.conclude(now, observation.at, observation.instance, Some(cause), &mut sink);
                }
                self.soonest();
            }
        }
    }

    /// Lets time pass: staleness, holdover limits, waits. Call when [`Core::deadline`] is reached; calling it more often is harmless.
    pub fn tick(&mut self, now: Now, mut sink: impl FnMut(&Event)) {
        self.at = now.mono;
        for index in 0..MAX_CARDS {
            let Some(card) = self.cards.get_mut(index).and_then(Option::as_mut) else {
                break;
            };
            let (instance, port) = (card.card.config.instance, card.card.config.port);
            let transition = card.card.evaluate(now.mono);
            self.tell_card(now, now.mono, instance, port, &mut sink);
            if let Some((_, cause)) = transition {
                self.conclude(now, now.mono, instance, Some(cause), &mut sink);
            }
        }
        for index in 0..MAX_INSTANCES {
            let Some(instance) = self.instances.get(index).copied().flatten() else {
                break;
            };
            self.conclude(now, now.mono, instance.config.instance, None, &mut sink);
        }
        self.conclude_node(now, now.mono, Cause::Stale, &mut sink);
        self.soonest();
    }

    /// When to call [`Core::tick`] although nothing came.
    pub const fn deadline(&self) -> Option<Time<Mono>> {
        self.deadline
    }

    fn card(&mut self, observation: &Observation) -> Option<&mut CardState> {
        let key = (observation.instance, observation.port);
        self.cards
            .iter_mut()
            .flatten()
            .find(|card| (card.card.config.instance, card.card.config.port) == key)
    }

    fn soonest(&mut self) {
        let now = self.at;
        let cards = self.cards.iter().flatten().filter_map(|card| card.card.deadline(now));
        let relays = self
            .instances
            .iter()
            .flatten()
            .filter_map(|i| i.relay.deadline(now, &i.config.limits));
        let os_clock = self
            .first_limits()
            .and_then(|limits| self.os_clock.deadline(now, limits));
        self.deadline = cards.chain(relays).chain(os_clock).min();
    }

    fn first_limits(&self) -> Option<&crate::config::Limits> {
        self.instances
            .iter()
            .flatten()
            .next()
            .map(|instance| &instance.config.limits)
    }

    /// TAI − UTC as the first card that knows it says.
    fn utc_offset(&self) -> Option<Seconds> {
        self.cards
            .iter()
            .flatten()
            .find_map(|card| card.card.utc_offset())
            .or(self.fallback_utc_offset)
    }

    fn simulated(&self) -> bool {
        self.cards.iter().flatten().any(|card| card.card.config.simulated)
    }

    /// Events of the card's own statuses.
    fn tell_card(&mut self, now: Now, at: Time<Mono>, instance: Instance, port: Port, sink: &mut impl FnMut(&Event)) {
        let key = (instance, port);
        let mut cards = self.cards.iter_mut().flatten();
        let Some(state) = cards.find(|card| (card.card.config.instance, card.card.config.port) == key) else {
            return;
        };
        let new = state.card.statuses(now.mono);
        if state.told == Some(new) {
            return;
        }
        let old = state.told.replace(new);
        let card = state.card;
        let value = |pick: fn(&Statuses) -> i8| (old.as_ref().map(pick), pick(&new));
        let gnss_silent = !card.gnss.is_fresh(now.mono, card.limits());
        let silent = |is_silent: bool| if is_silent { Cause::Stale } else { Cause::Reported };
        let edges = [
            (EventKind::GnssState, value(|s| s.gnss_state), silent(gnss_silent)),
            (EventKind::GnssFix, value(|s| s.fix), silent(gnss_silent)),
            (EventKind::Nmea, value(|s| s.nmea), silent(new.nmea == 0)),
            (EventKind::Pps, value(|s| s.pps), silent(new.pps == 0 && new.phase < 0)),
            (EventKind::Phase, value(|s| s.phase), silent(new.phase < 0)),
            (EventKind::Frequency, value(|s| s.frequency), silent(new.frequency < 0)),
        ];
        let t_acc = card.gnss.t_acc(now.mono, card.limits());
        for (kind, (old, new), cause) in edges {
            if old == Some(new) || (old.is_none() && new < 0) {
                continue;
            }
            let cause = if old.is_none() { Cause::Start } else { cause };
            let offset = matches!(kind, EventKind::GnssState | EventKind::GnssFix)
                .then_some(t_acc)
                .flatten();
            let edge = Edge {
                kind,
                cause,
                instance,
                port,
                old: old.map(i64::from),
                new: i64::from(new),
                offset,
            };
            self.tell(now, at, edge, sink);
        }
    }

    /// Events of an instance, from its cards or its relayed daemon, and of the node.
    fn conclude(
        &mut self,
        now: Now,
        at: Time<Mono>,
        instance: Instance,
        cause: Option<Cause>,
        sink: &mut impl FnMut(&Event),
    ) {
        let Some(view) = self.instance_view(instance, now.mono) else {
            return;
        };
        let mut instances = self.instances.iter_mut().flatten();
        let Some(state) = instances.find(|state| state.config.instance == instance) else {
            return;
        };
        let relay = state.relay.state(now.mono, &state.config.limits);
        let contradictory = state.relay.is_contradictory();
        let (was_lock, was_class, was_contradictory) = (state.lock_state, state.class, state.contradictory);
        (state.lock_state, state.class, state.contradictory) = (view.lock_state, view.class, contradictory);
        let cause = match (cause, relay) {
            (_, Some((_, relayed))) => relayed,
            (Some(cause), None) => cause,
            (None, None) => Cause::Start,
        };
        let edge = |kind, old: Option<i64>, new, offset| Edge {
            kind,
            cause,
            instance,
            port: view.port,
            old,
            new,
            offset,
        };
        let number = |state: ClockState| i64::from(state.metric());
        if let Some(new) = view.lock_state.filter(|_| view.lock_state != was_lock) {
            self.tell(
                now,
                at,
                edge(EventKind::LockState, was_lock.map(number), number(new), view.offset),
                sink,
            );
        }
        if let Some(new) = view.class.filter(|_| view.class != was_class) {
            let old = was_class.map(|class| i64::from(class.0));
            self.tell(now, at, edge(EventKind::ClockClass, old, i64::from(new.0), None), sink);
        }
        if contradictory != was_contradictory {
            let old = Some(i64::from(was_contradictory));
            self.tell(
                now,
                at,
                edge(EventKind::Mismatch, old, i64::from(contradictory), None),
                sink,
            );
        }
        if view.lock_state != was_lock {
            self.conclude_node(now, at, Cause::Composite, sink);
        }
    }

    /// Events E3 and E4.
    fn conclude_node(&mut self, now: Now, at: Time<Mono>, cause: Cause, sink: &mut impl FnMut(&Event)) {
        let view = self.node_view(now.mono);
        let Some(limits) = self.first_limits().copied() else {
            return;
        };
        let e1 = view.lock_state.unwrap_or_default();
        let (_, os_cause) = self.os_clock.state(now.mono, e1, &limits);
        let number = |state: ClockState| i64::from(state.metric());
        let edge = |kind, cause, old: Option<ClockState>, new, offset| Edge {
            kind,
            cause: if old.is_none() { Cause::Start } else { cause },
            instance: Instance::default(),
            port: Port::NODE,
            old: old.map(number),
            new: number(new),
            offset,
        };
        let (was_os, was_sync) = (self.told_os_clock, self.told_sync_state);
        if was_os != Some(view.os_clock) {
            self.told_os_clock = Some(view.os_clock);
            let edge = edge(
                EventKind::OsClockState,
                os_cause,
                was_os,
                view.os_clock,
                view.os_clock_offset,
            );
            self.tell(now, at, edge, sink);
        }
        if was_sync != Some(view.sync_state) {
            self.told_sync_state = Some(view.sync_state);
            let cause = if cause == Cause::Stale && os_cause == Cause::Stale {
                Cause::Stale
            } else {
                Cause::Composite
            };
            self.tell(
                now,
                at,
                edge(EventKind::SyncState, cause, was_sync, view.sync_state, None),
                sink,
            );
        }
    }

    fn tell(&mut self, now: Now, at: Time<Mono>, edge: Edge, sink: &mut impl FnMut(&Event)) {
        self.seq = self.seq.saturating_add(1);
        let (time, time_source) = self.stamp(now, at);
        sink(&Event {
            seq: self.seq,
            at,
            time,
            time_source,
            kind: edge.kind,
            cause: edge.cause,
            instance: edge.instance,
            port: edge.port,
            old: edge.old.unwrap_or(Event::NONE),
            new: edge.new,
            offset: edge.offset,
            simulated: self.simulated(),
        });
    }

    /// When `at` was: by the PHC while a T-GM keeps it on TAI and the UTC offset is known, else by the system clock.
    fn stamp(&self, now: Now, at: Time<Mono>) -> (Time<Utc>, TimeSource) {
        let system = now.system - now.mono.since(at);
        let keeps_time = self.instances.iter().flatten().any(|instance| {
            matches!(instance.lock_state, Some(ClockState::Locked | ClockState::Holdover))
                && instance.config.judge == Judge::Tgm
        });
        let fresh = self
            .first_limits()
            .zip(self.phc)
            .filter(|(l, (_, seen))| now.mono.since(*seen) < l.os_clock_stale);
        match (keeps_time, fresh, self.utc_offset()) {
            (true, Some((_, (offset, _))), Some(utc)) => (system + offset - Nanos::from_secs(utc.0), TimeSource::Phc),
            _ => (system, TimeSource::SystemClock),
        }
    }

    /// The cards, in the order of the configuration.
    pub fn cards(&self, now: Time<Mono>) -> impl Iterator<Item = CardView> {
        self.cards
            .iter()
            .flatten()
            .map(move |state| card_view(&state.card, now))
    }

    /// The instances, in the order of the configuration.
    pub fn instances(&self, now: Time<Mono>) -> impl Iterator<Item = InstanceView> {
        self.instances
            .iter()
            .flatten()
            .filter_map(move |state| self.instance_view(state.config.instance, now))
    }

    fn instance_view(&self, instance: Instance, now: Time<Mono>) -> Option<InstanceView> {
        let state = self
            .instances
            .iter()
            .flatten()
            .find(|state| state.config.instance == instance)?;
        let mut cards = self
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
                port,
                lock_state,
                class: state.relay.class(),
                offset: None,
                announce: None,
            });
        }
        let worst = leader.map_or(TgmState::FreeRun, |_| {
            cards
                .clone()
                .map(|card| card.card.state)
                .fold(TgmState::Locked, TgmState::worst)
        });
        let offset = cards
            .find(|card| card.card.state == worst)
            .and_then(|card| match worst {
                TgmState::HoldoverInSpec | TgmState::HoldoverOutOfSpec => card.card.estimate(now),
                TgmState::Locked | TgmState::FreeRun => card.card.phc_offset(now),
            });
        let announce = Announce::of(worst, state.config.out_of_spec, self.utc_offset());
        Some(InstanceView {
            instance,
            port,
            lock_state: Some(worst.clock_state()),
            class: Some(announce.class),
            offset,
            announce: Some(announce),
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
                self.os_clock.state(now, e1, limits).0,
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
            simulated: self.simulated(),
        }
    }
}

/// An edge before it gets its number and its time.
#[derive(Debug, Clone, Copy)]
struct Edge {
    kind: EventKind,
    cause: Cause,
    instance: Instance,
    port: Port,
    old: Option<i64>,
    new: i64,
    offset: Option<Nanos>,
}

fn card_view(card: &Card, now: Time<Mono>) -> CardView {
    let statuses = card.statuses(now);
    let limits = card.limits();
    let fresh = card.gnss.is_fresh(now, limits);
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
        dpll_clock: match card.dpll.judge(now, limits) {
            D::Locked => ClockState::Locked,
            D::Hold => ClockState::Holdover,
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
    }
}
