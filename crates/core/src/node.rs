//! The node: finds whose an observation is, and turns what changed into events, each once and in order.

mod adopt;
mod keep;
mod leap;
mod synce;
mod told;
mod views;
mod wire;

use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::announce::{Announce, TgmState};
use crate::boundary::Boundary;
use crate::card::{Card, Statuses, Taken};
use crate::config::{Compat, Config, InstanceConfig, Judge, OnFault, OutOfSpec, Policy};
use crate::desired::{Desired, GnssPin};
use crate::event::{Cause, Event, EventKind, TimeSource};
use crate::ids::{Instance, MAX_CARDS, MAX_INSTANCES, Port};
use crate::leap::{LeapWord, Leaps};
use crate::observation::{Observation, Reading};
use crate::osclock::{OsClock, UtcOffset};
use crate::process::{Process, Processes};
use crate::relay::Relay;
use crate::soonest::Soonest;
use crate::status::{ClockClass, ClockState};
use crate::wire::Wires;
use synce::Synce;
use told::AllTold;

pub use told::MAX_TOLD;

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
    policy: Policy,
    relay: Relay,
    boundary: Boundary,
    processes: Processes,
    /// The processes that were told to be down.
    down: u8,
    lock_state: Option<ClockState>,
    class: Option<ClockClass>,
    contradictory: bool,
    /// Why it is in the state that it tells first.
    beginning: Cause,
    synce: Synce,
    /// No configuration named it: another daemon's verdicts did.
    adopted: bool,
}

/// What a card last told.
#[derive(Debug, Clone, Copy)]
struct CardState {
    card: Card,
    told: Option<Statuses>,
    /// It has just changed its state; the new one may have to be left at once, so it is judged again.
    unsettled: bool,
    /// It was told isolated.
    isolated: bool,
    /// What its receiver said of leap seconds when it was last judged.
    leaps: (Option<Seconds>, LeapWord),
}

/// The event core. Fixed size, no clock, no I/O.
#[derive(Debug, Clone)]
pub struct Core {
    instances: [Option<InstanceState>; MAX_INSTANCES],
    cards: [Option<CardState>; MAX_CARDS],
    /// How many cards there are.
    count: usize,
    /// Whose each card is, to find it without touching the others.
    keys: [u32; MAX_CARDS],
    /// Where to look for a port first, by its number modulo [`HINTS`].
    hints: [u8; HINTS],
    os_clock: OsClock,
    wires: Wires,
    told: AllTold,
    leaps: Leaps,
    /// PHC − system clock and when it was measured, to stamp events by the PHC.
    phc: Option<(Nanos, Time<Mono>)>,
    fallback_utc_offset: Option<Seconds>,
    told_os_clock: Option<ClockState>,
    told_sync_state: Option<ClockState>,
    seq: u64,
    /// A card is simulated.
    simulated: bool,
    /// When silence changes something about each card at the earliest: exact when the card last changed, and early from then on,
    /// because what repeats only puts it off.
    next_of_card: [Time<Mono>; MAX_CARDS],
    /// The same for relays and the system clock.
    next_of_node: Time<Mono>,
    /// The earliest of all these.
    next: Time<Mono>,
    /// Up to here it was seen to that nothing was due.
    checked: Time<Mono>,
}

/// What a card is found by.
const fn key(instance: Instance, port: Port) -> u32 {
    (instance.0 as u32) << 16 | port.0 as u32
}

/// A key that no card has.
const NO_KEY: u32 = u32::MAX;
/// Interned ports are small numbers, so that few of them share a place.
const HINTS: usize = 64;

impl Core {
    /// A core that has told nothing yet; the first [`Core::tick`] tells every state (transition T1: Free-Run).
    pub fn new(config: &Config) -> Self {
        let mut core = Core {
            instances: [None; MAX_INSTANCES],
            cards: [None; MAX_CARDS],
            count: 0,
            keys: [NO_KEY; MAX_CARDS],
            hints: [0; HINTS],
            os_clock: OsClock::default(),
            wires: Wires::default(),
            told: [None; MAX_TOLD],
            leaps: Leaps::default(),
            phc: None,
            fallback_utc_offset: config.fallback_utc_offset,
            told_os_clock: None,
            told_sync_state: None,
            seq: 0,
            simulated: config.cards().any(|card| card.simulated),
            next_of_card: [Soonest::NEVER; MAX_CARDS],
            next_of_node: Time::ZERO,
            next: Time::ZERO,
            checked: Time::from_nanos(i64::MIN),
        };
        core.leaps.list(config.leap_list, config.leap_list_until);
        let instances = config.instances().zip(config.policies());
        for (slot, (instance, policy)) in core.instances.iter_mut().zip(instances) {
            *slot = Some(InstanceState::new(*instance, *policy));
        }
        let owner = |instance| {
            let mut instances = config.instances().zip(config.policies());
            instances.find(|(candidate, _)| candidate.instance == instance)
        };
        let cards = config.cards().zip(config.card_policies());
        let cards = cards.filter_map(|(card, choice)| Some((card, choice, owner(card.instance)?)));
        let slots = core.cards.iter_mut().zip(&mut core.keys).zip(0u8..);
        for (((slot, name), index), (card, choice, (instance, policy))) in slots.zip(cards) {
            *name = key(card.instance, card.port);
            core.count += 1;
            if let Some(hint) = core.hints.get_mut(usize::from(card.port.0) % HINTS) {
                *hint = index;
            }
            *slot = Some(CardState {
                card: Card::new(*card, *choice, instance, *policy, config.fallback_utc_offset),
                told: None,
                unsettled: false,
                isolated: false,
                leaps: Default::default(),
            });
        }
        core
    }

    /// Takes one observation and hands out what changed.
    #[inline]
    pub fn step(&mut self, now: Now, observation: &Observation, mut sink: impl FnMut(&Event)) {
        let file = Card::filer(&observation.what);
        if now.mono >= self.next {
            self.lapse(now, &mut sink);
        }
        let index = self.index(observation);
        let Some(state) = self.cards.get_mut(index).and_then(Option::as_mut) else {
            // A relayed daemon has no card here.
            self.node_step(now, observation, &mut sink);
            return;
        };
        match file(&mut state.card, observation) {
            Taken::Unchanged => {}
            Taken::Changed => {
                self.changed(now, index, observation.at, &mut sink);
                self.look_up(index, now.mono);
                self.find_next();
            }
            Taken::NotMine => self.node_step(now, observation, &mut sink),
        }
    }

    /// An observation about more than one card.
    #[inline(never)] // kept out of the usual step
    fn node_step(&mut self, now: Now, observation: &Observation, sink: &mut impl FnMut(&Event)) {
        match observation.what {
            Reading::Verdict { state, class, offset } => {
                let Some(instance) = self
                    .adopt(observation.instance)
                    .filter(|instance| instance.config.judge == Judge::Relay)
                else {
                    return;
                };
                instance.relay.port = observation.port;
                instance.relay.verdict(observation.at, state, class, offset);
                self.conclude(now, observation.at, observation.instance, None, sink);
            }
            Reading::Upstream(upstream) => {
                let beneath = self.beneath(observation.instance, now.mono);
                let mut instances = self.instances.iter_mut().flatten();
                let known = instances.find(|state| state.config.instance == observation.instance);
                let Some(state) = known else { return };
                state
                    .boundary
                    .take(observation.at, &upstream, &beneath, &state.config.limits);
                self.follow(now, observation.at, observation.instance, sink);
                self.conclude(now, observation.at, observation.instance, Some(Cause::Reported), sink);
            }
            Reading::Process { process, up } => self.process(now, observation, process, up, sink),
            Reading::Wire(state) => self.wire(now, observation, state, sink),
            Reading::VerdictEnds => self.dismiss(now, observation, sink),
            Reading::ReceiverTold { state, fix, offset } => {
                self.receiver_told(now, observation, (state, fix, offset), sink);
            }
            Reading::SynceTold { state, level } => self.synce_told(now, observation, (state, level), sink),
            Reading::SynceQuality { level } => self.sends_level(now, observation, level, sink),
            Reading::SystemClock { offset, .. } => {
                // The system's clock is held against one PHC, the first card's.
                let leader = self.cards.first().and_then(Option::as_ref);
                let Some(limits) = leader
                    .filter(|_| self.index(observation) == 0)
                    .map(|state| *state.card.limits())
                else {
                    return;
                };
                let utc_offset = UtcOffset {
                    known: self.utc_offset(),
                    in_doubt: leader.is_some_and(|state| state.card.doubts_second(now.mono)),
                };
                self.phc = Some((offset, observation.at));
                self.anchor_by_phc(now, observation.at, offset);
                self.os_clock.measured(observation.at, offset, utc_offset, &limits);
                self.conclude_node(now, observation.at, Cause::Reported, sink);
            }
            Reading::SystemClockTold { offset, follows } => {
                // One value per quantity: our own measurement, where there is a card to measure by.
                let Some(limits) = self.first_limits().filter(|_| self.count == 0).copied() else {
                    return;
                };
                self.os_clock.told(observation.at, offset, follows, &limits);
                self.conclude_node(now, observation.at, Cause::Reported, sink);
            }
            _ => return,
        }
        self.look_up_node(now.mono);
        self.find_next();
    }

    /// Judges an instance anew that follows another clock.
    fn follow(&mut self, now: Now, at: Time<Mono>, instance: Instance, sink: &mut impl FnMut(&Event)) {
        let follows = |state: &InstanceState| state.config.instance == instance && state.follows();
        let Some(place) = self
            .instances
            .iter()
            .position(|state| state.as_ref().is_some_and(follows))
        else {
            return;
        };
        let beneath = self.beneath(instance, now.mono);
        let Some(state) = self.instances.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let limits = state.config.limits;
        if let Some((_, cause)) = state.boundary.evaluate(now.mono, &beneath, &limits) {
            self.conclude(now, at, instance, Some(cause), sink);
        }
    }

    /// A process is seen up or down. One that was down for less than its threshold leaves no trace.
    fn process(&mut self, now: Now, seen: &Observation, process: Process, up: bool, sink: &mut impl FnMut(&Event)) {
        let mut instances = self.instances.iter_mut().flatten();
        let Some(state) = instances.find(|state| state.config.instance == seen.instance) else {
            return;
        };
        if !state.processes.told(seen.at, process, up) {
            return;
        }
        if process == Process::Phc2sys {
            self.os_clock.undisciplined = state.processes.down_since(process);
        }
        self.tick(now, sink);
    }

    /// What follows for the cards from processes that are down beyond their thresholds.
    fn watch_processes(&mut self, now: Time<Mono>) {
        for state in self.instances.iter().flatten() {
            let down = state.processes.beyond(now, &state.config.limits.downtimes);
            let unwatched = down & Process::DpllMonitor.bit() != 0;
            let cards = self.cards.iter_mut().flatten();
            for card in cards.filter(|card| card.card.config.instance == state.config.instance) {
                card.card.dpll.unwatched = unwatched;
            }
        }
    }

    /// The deadline came. What merely repeats may have put it off since: then nothing is to be done but to look it up anew. Cards
    /// whose own deadline did not come need no judging: time changes nothing about them before.
    #[cold]
    fn lapse(&mut self, now: Now, sink: &mut impl FnMut(&Event)) {
        if self.next_of_node <= now.mono {
            self.tick(now, sink);
            return;
        }
        for index in 0..self.count {
            let due = self.next_of_card.get(index).is_some_and(|next| *next <= now.mono);
            if due && self.look_up(index, self.checked) <= now.mono {
                self.changed(now, index, now.mono, sink);
                self.look_up(index, now.mono);
            }
        }
        self.checked = now.mono;
        self.find_next();
    }

    /// Lets time pass: staleness, holdover limits, waits. Call when [`Core::deadline`] is reached; calling it more often is harmless.
    pub fn tick(&mut self, now: Now, mut sink: impl FnMut(&Event)) {
        self.watch_processes(now.mono);
        self.judge_leap(now, now.mono, &mut sink);
        for index in 0..self.count {
            self.changed(now, index, now.mono, &mut sink);
        }
        for index in 0..MAX_INSTANCES {
            let Some(instance) = self.instances.get(index).copied().flatten() else {
                continue;
            };
            self.follow(now, now.mono, instance.config.instance, &mut sink);
            self.conclude(now, now.mono, instance.config.instance, None, &mut sink);
            self.tell_synce(now, now.mono, instance.config.instance, &mut sink);
        }
        self.age_told(now, &mut sink);
        self.conclude_node(now, now.mono, Cause::Stale, &mut sink);
        for index in 0..self.count {
            self.look_up(index, now.mono);
        }
        self.look_up_node(now.mono);
        self.find_next();
        self.checked = now.mono;
    }

    /// Judges a card anew and tells what follows.
    #[inline(never)] // kept out of the usual step
    fn changed(&mut self, now: Now, index: usize, at: Time<Mono>, sink: &mut impl FnMut(&Event)) {
        let place = self.cards.get(index).and_then(Option::as_ref);
        let due = place.is_some_and(|state| state.card.is_drill_due(now.mono));
        let company = due && self.has_company(index);
        let Some(state) = self.cards.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        if due {
            state.card.begin_drill(now.mono, company);
        }
        let instance = state.card.config.instance;
        let quality = state.card.quality;
        let transition = state.card.evaluate(now.mono);
        let requalified = state.card.quality != quality;
        state.unsettled = transition.is_some();
        let leaps = (state.card.gnss.leap, state.card.gnss.leap_word);
        let counts = core::mem::replace(&mut state.leaps, leaps) != leaps;
        self.tell_card(now, at, index, sink);
        if counts {
            self.judge_leap(now, at, sink);
            self.look_up_node(now.mono);
        }
        self.follow(now, at, instance, sink);
        if let Some((_, cause)) = transition {
            self.conclude(now, at, instance, Some(cause), sink);
        } else if requalified {
            self.conclude(now, at, instance, Some(Cause::Reported), sink);
        }
        self.tell_synce(now, at, instance, sink);
    }

    /// Another card is Locked.
    fn has_company(&self, index: usize) -> bool {
        let mut others = self.cards.iter().flatten().enumerate();
        others.any(|(other, state)| other != index && state.card.state == TgmState::Locked)
    }

    /// When to call [`Core::tick`] although nothing came. May be early: what repeats puts it off, and is not looked up each time.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        (self.next < Soonest::NEVER).then_some(self.next)
    }

    /// Where the card of an observation is; past the end if there is none. Which card speaks next cannot be predicted, so a search
    /// that ends at a different place each time costs more than one look where the port's number points to.
    #[inline]
    fn index(&self, observation: &Observation) -> usize {
        let key = key(observation.instance, observation.port);
        let hint = self.hints.get(usize::from(observation.port.0) % HINTS).copied();
        let hint = usize::from(hint.unwrap_or(0));
        if self.keys.get(hint) == Some(&key) {
            return hint;
        }
        self.keys.iter().position(|known| *known == key).unwrap_or(MAX_CARDS)
    }

    /// Looks up the deadline of a card; only what lies after `then` counts.
    #[inline(never)] // kept out of the usual step
    fn look_up(&mut self, index: usize, then: Time<Mono>) -> Time<Mono> {
        let soonest = match self.cards.get(index) {
            Some(Some(state)) if state.unsettled => then + Nanos(1),
            Some(Some(state)) => state.card.deadline(then).unwrap_or(Soonest::NEVER),
            _ => Soonest::NEVER,
        };
        if let Some(next) = self.next_of_card.get_mut(index) {
            *next = soonest;
        }
        soonest
    }

    /// Looks up the deadline of the relays and the system clock.
    fn look_up_node(&mut self, then: Time<Mono>) {
        let relays = self.instances.iter().flatten();
        let soonest = relays.fold(Soonest::after(then), |soonest, state| {
            let limits = &state.config.limits;
            soonest
                .or(state.relay.deadline(then, limits))
                .or(state.processes.deadline(then, &limits.downtimes))
                .or(state.boundary.deadline(then, limits))
        });
        let os_clock = self
            .first_limits()
            .and_then(|limits| self.os_clock.deadline(then, limits));
        let told = Some(self.told_deadline());
        self.next_of_node = soonest.or(told).or(os_clock).or(self.leaps.deadline(then)).moment();
    }

    /// The earliest of all deadlines, as they were looked up.
    fn find_next(&mut self) {
        let cards = self.next_of_card.iter().take(self.count);
        self.next = cards.copied().fold(self.next_of_node, Time::min);
    }

    fn first_limits(&self) -> Option<&crate::config::Limits> {
        self.instances
            .iter()
            .flatten()
            .next()
            .map(|instance| &instance.config.limits)
    }

    /// Whose rules hold for the system clock: those of the first instance.
    fn first_compat(&self) -> Compat {
        self.instances
            .iter()
            .flatten()
            .next()
            .map_or(Compat::None, |state| state.policy.compat)
    }

    /// TAI − UTC.
    fn utc_offset(&self) -> Option<Seconds> {
        self.leaps.offset(self.said_utc_offset())
    }

    /// Events of the card's own statuses.
    fn tell_card(&mut self, now: Now, at: Time<Mono>, index: usize, sink: &mut impl FnMut(&Event)) {
        let Some(state) = self.cards.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let new = state.card.statuses(now.mono);
        if state.told == Some(new) {
            return;
        }
        let old = state.told.replace(new);
        let card = &state.card;
        let (instance, port) = (card.config.instance, card.config.port);
        let gnss_silent = !card.gnss.is_fresh(now.mono);
        let t_acc = card.gnss.t_acc(now.mono);
        let detached = card.detached();
        let before = old.map(Statuses::values);
        for (n, (kind, value)) in EventKind::OF_CARD.into_iter().zip(new.values()).enumerate() {
            let old = before.and_then(|values| values.get(n).copied());
            let dull = old.is_none() && (value < 0 || (kind == EventKind::Flapping && value == 0));
            if old == Some(value) || dull {
                continue;
            }
            let of_gnss = matches!(kind, EventKind::GnssState | EventKind::GnssFix);
            let silent = match kind {
                EventKind::Nmea => new.nmea == 0,
                EventKind::Pps => new.pps == 0 && new.phase < 0,
                EventKind::Phase => new.phase < 0,
                EventKind::Frequency => new.frequency < 0,
                EventKind::Flapping | EventKind::GnssPin => false,
                _ => gnss_silent,
            };
            let cause = match old {
                None => Cause::Start,
                Some(_) if kind == EventKind::GnssPin => detached.unwrap_or(Cause::Reported),
                Some(_) if silent => Cause::Stale,
                Some(_) => Cause::Reported,
            };
            let edge = Edge {
                kind,
                cause,
                instance,
                port,
                old: old.map(i64::from),
                new: i64::from(value),
                offset: t_acc.filter(|_| of_gnss),
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
        let relayed_class = state.relay.class(now.mono, &state.config.limits);
        let contradictory = state.relay.is_contradictory(now.mono, &state.config.limits);
        let down = state.processes.beyond(now.mono, &state.config.limits.downtimes);
        let was_down = core::mem::replace(&mut state.down, down);
        let beginning = state.beginning;
        let (was_lock, was_class, was_contradictory) = (state.lock_state, state.class, state.contradictory);
        (state.lock_state, state.class, state.contradictory) = (view.lock_state, view.class, contradictory);
        let cause = match (cause, relay) {
            (_, Some((_, relayed))) => relayed,
            (Some(cause), None) => cause,
            (None, None) if down != was_down && down != 0 => Cause::ProcessDown,
            (None, None) if was_class.is_some() => Cause::Reported,
            (None, None) => beginning,
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
            let told = edge(EventKind::ClockClass, old, i64::from(new.0), None);
            let cause = relayed_class.map_or(told.cause, |(_, cause)| cause);
            self.tell(now, at, Edge { cause, ..told }, sink);
        }
        if down != was_down {
            let old = Some(i64::from(was_down));
            let edge = edge(EventKind::ProcessesDown, old, i64::from(down), None);
            self.tell(now, at, edge, sink);
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
        self.tell_isolated(now, at, instance, cause, sink);
        if view.lock_state != was_lock {
            self.conclude_node(now, at, Cause::Composite, sink);
        }
    }

    /// Events of followers that leave the worst-of, or come back to it.
    fn tell_isolated(
        &mut self,
        now: Now,
        at: Time<Mono>,
        instance: Instance,
        cause: Cause,
        sink: &mut impl FnMut(&Event),
    ) {
        let leader = self.leader(instance);
        for index in 0..self.count {
            let Some(state) = self.cards.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            let isolated = is_isolated(state, leader);
            if state.card.config.instance != instance || state.isolated == isolated {
                continue;
            }
            let was = core::mem::replace(&mut state.isolated, isolated);
            let port = state.card.config.port;
            let edge = Edge {
                kind: EventKind::Isolated,
                cause,
                instance,
                port,
                old: Some(i64::from(was)),
                new: i64::from(isolated),
                offset: None,
            };
            self.tell(now, at, edge, sink);
        }
    }

    /// The first card of an instance.
    fn leader(&self, instance: Instance) -> Option<(Port, TgmState)> {
        let mut cards = self.cards.iter().flatten().map(|state| &state.card);
        cards
            .find(|card| card.config.instance == instance)
            .map(|card| (card.config.port, card.state))
    }

    /// What is desired of each card's GNSS input, in the order of the configuration.
    pub fn pins(&self) -> impl Iterator<Item = GnssPin> {
        self.cards.iter().flatten().map(|state| state.card.pin())
    }

    /// What is desired of each card, in the order of the configuration.
    pub fn desired(&self, now: Time<Mono>) -> impl Iterator<Item = Desired> {
        self.cards.iter().flatten().map(move |state| {
            let instance = state.card.config.instance;
            let isolated = is_isolated(state, self.leader(instance));
            let announce = self.instance_view(instance, now).and_then(|view| view.announce);
            let alone = |announce: Announce| match isolated {
                true => Announce::of(TgmState::FreeRun, OutOfSpec::None, announce.utc_offset),
                false => announce,
            };
            Desired {
                instance,
                port: state.card.config.port,
                announce: announce.map(alone),
                pins: state.card.pin(),
                isolated,
            }
        })
    }

    /// Events E3 and E4.
    fn conclude_node(&mut self, now: Now, at: Time<Mono>, cause: Cause, sink: &mut impl FnMut(&Event)) {
        let view = self.node_view(now.mono);
        let Some(limits) = self.first_limits().copied() else {
            return;
        };
        let e1 = view.lock_state.unwrap_or_default();
        let (_, os_cause) = self.os_clock.state(now.mono, e1, &limits, self.first_compat());
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
            simulated: self.simulated,
        });
    }

    /// A T-GM keeps its PHC on TAI.
    fn keeps_time(&self) -> bool {
        self.instances.iter().flatten().any(|instance| {
            matches!(instance.lock_state, Some(ClockState::Locked | ClockState::Holdover))
                && instance.config.judge == Judge::Tgm
        })
    }

    /// When `at` was: by the PHC while a T-GM keeps it on TAI and the UTC offset is known, else by the system clock.
    fn stamp(&self, now: Now, at: Time<Mono>) -> (Time<Utc>, TimeSource) {
        let system = (now.system - now.mono.since(at), TimeSource::SystemClock);
        let Some((offset, seen)) = self.phc else { return system };
        let fresh = self
            .first_limits()
            .is_some_and(|l| now.mono.since(seen) < l.os_clock_stale);
        match self.utc_offset() {
            Some(utc) if self.keeps_time() && fresh => (system.0 + offset - Nanos::from_secs(utc.0), TimeSource::Phc),
            _ => system,
        }
    }
}

/// A follower that is worse than its leader and shall not take its node with it.
fn is_isolated(state: &CardState, leader: Option<(Port, TgmState)>) -> bool {
    let Some((port, leader)) = leader else { return false };
    let follows = state.card.config.port != port && state.card.choice.on_fault == OnFault::Isolate;
    follows && state.card.state.trust() < leader.trust()
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
