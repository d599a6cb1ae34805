//! Cards, and a script of what happens to them: the [`Source`] behind `tgmd --simulate` and behind every scenario.

use tgm_core::config::{CardConfig, Config, DoesNotFit, InstanceConfig, Judge, Limits, OutOfSpec, Policy};
use tgm_core::learn::{End, History};
use tgm_core::{Core, Event, GnssPin, Instance, Now, Observation, Origin, Port, Reading};
use tgm_time::{Mono, Nanos, Seconds, Time};

use crate::card::{Card, CardSetup};
use crate::fault::Fault;
use crate::source::Source;

/// Most steps of the model in one poll: two minutes of a card, some milliseconds of work.
const STEPS_PER_POLL: usize = 1_024;

/// What happens to whom, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Time since the start.
    pub at: Nanos,
    /// The instance, for verdicts and processes.
    pub instance: Instance,
    /// The card's interface, for everything else.
    pub port: Port,
    /// What.
    pub fault: Fault,
}

/// Everything that a simulation starts from.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Seed of all noise.
    pub seed: u64,
    /// The instances with their names, such as `ts2phc.0.config`.
    pub instances: Vec<(InstanceConfig, String)>,
    /// What of them is a matter of choice.
    pub policy: Policy,
    /// The cards with the names of their interfaces; a card's [`Port`] is its place in this list.
    pub cards: Vec<(CardSetup, String)>,
    /// TAI − UTC while no receiver tells one.
    pub fallback_utc_offset: Option<Seconds>,
    /// Ends of holdovers that every card knows from before.
    pub learned: Vec<End>,
    /// How long the cards have been running at the start. Zero is a cold start; [`Setup::LOCKED`] leads to class 6.
    pub head_start: Nanos,
    /// What happens, oldest first.
    pub script: Vec<Step>,
    /// The script starts again after this long; `None`: it happens once.
    pub repeat: Option<Nanos>,
}

impl Setup {
    /// A head start after which a card of default times is locked with holdover acquired.
    pub const LOCKED: Nanos = Nanos::from_secs(120);

    /// What `tgmd --simulate` shows when nobody chose a scenario: a cold start that locks after about 25 s, and from then on an
    /// antenna that is cut for a minute every five and a half minutes.
    pub fn demo(seed: u64) -> Self {
        let cut = |at, antenna| Step {
            at: Nanos::from_secs(at),
            instance: Instance(0),
            port: Port(0),
            fault: Fault::Antenna(antenna),
        };
        let instance = InstanceConfig {
            instance: Instance(0),
            judge: Judge::Tgm,
            limits: Limits::DEFAULT,
            out_of_spec: OutOfSpec::None,
        };
        Setup {
            seed,
            instances: vec![(instance, "ts2phc.0.config".to_owned())],
            cards: vec![(CardSetup::default(), "ens1f0".to_owned())],
            script: vec![cut(180, tgm_core::Antenna::Open), cut(240, tgm_core::Antenna::Ok)],
            repeat: Some(Nanos::from_secs(330)),
            ..Setup::default()
        }
    }

    /// The core's configuration for it. Refused if it holds more instances or cards than a core has room for.
    pub fn core_config(&self) -> Result<Config, DoesNotFit> {
        let mut config = Config::default();
        config.fallback_utc_offset = self.fallback_utc_offset;
        for (instance, _) in &self.instances {
            config.instance(*instance)?;
            config.policy(instance.instance, self.policy)?;
        }
        for (card, _) in &self.cards {
            config.card(CardConfig {
                instance: card.instance,
                port: card.port,
                phc_on_dpll: true,
                has_gnss: card.has_receiver,
                has_dpll: true,
                simulated: true,
            })?;
            config.card_policy(card.instance, card.port, card.choice)?;
        }
        Ok(config)
    }

    /// A core for it, that knows what the cards have learned before.
    pub fn core(&self) -> Result<Core, DoesNotFit> {
        let mut core = Core::new(&self.core_config()?);
        let mut history = History::default();
        for end in &self.learned {
            history.push(*end);
        }
        if !history.is_empty() {
            for (card, _) in &self.cards {
                core.adopt_history(card.instance, card.port, history);
            }
        }
        Ok(core)
    }
}

/// A running simulation.
#[derive(Debug, Clone)]
pub struct Simulation {
    cards: Vec<Card>,
    script: Vec<Step>,
    repeat: Option<Nanos>,
    /// The next step of the script, and the start of its present round.
    step: usize,
    round: Time<Mono>,
    start: Now,
    head_start: Nanos,
}

impl Simulation {
    /// A simulation whose script counts from `start`; the cards have been running for the head start then. `start.system` is true
    /// UTC. With a head start, [`Simulation::warm_up`] comes first.
    pub fn new(setup: &Setup, start: Now) -> Self {
        let on = |clock: &CardSetup| {
            let (mono, utc) = (start.mono - setup.head_start, start.system - setup.head_start);
            Card::new(*clock, mono, utc, setup.seed)
        };
        Simulation {
            cards: setup.cards.iter().map(|(card, _)| on(card)).collect(),
            script: setup.script.clone(),
            repeat: setup.repeat.filter(|period| *period > Nanos::ZERO),
            step: 0,
            round: start.mono,
            start,
            head_start: setup.head_start,
        }
    }

    /// Runs the head start through `core` in no time, so that both are in their states at the start. Its events go to `sink`.
    pub fn warm_up(&mut self, core: &mut Core, mut sink: impl FnMut(&Event)) {
        if self.head_start <= Nanos::ZERO {
            return;
        }
        core.tick(self.now(self.start.mono - self.head_start), &mut sink);
        let end = self.start.mono - Nanos(1);
        while self.next_at().is_some_and(|at| at <= end) {
            self.drive(core, end, &mut sink);
        }
    }

    /// Lets the earliest thing happen that is due until `limit`, be it ours or the core's own deadline, and returns when it was;
    /// `None`: nothing is due until then. Virtual time: nobody waits.
    pub fn drive(&mut self, core: &mut Core, limit: Time<Mono>, mut sink: impl FnMut(&Event)) -> Option<Time<Mono>> {
        let ours = self.next_at().filter(|at| *at <= limit);
        let deadline = core.deadline().filter(|at| *at <= limit);
        let at = ours.into_iter().chain(deadline).min()?;
        if ours == Some(at) {
            let now = self.now(at);
            self.poll(at, &mut |observation| core.step(now, &observation, &mut sink));
        }
        if core.deadline().is_some_and(|deadline| deadline <= at) {
            core.tick(self.now(at), &mut sink);
        }
        self.obey(core, at);
        Some(at)
    }

    /// Sets the pins that are ours as the core desires. Only [`Simulation::drive`] does: as a [`Source`] it has no way back.
    fn obey(&mut self, core: &Core, at: Time<Mono>) {
        if !self.cards.iter().any(|card| card.setup().choice.owns_pins) {
            return;
        }
        for wish in core.desired(at).filter(|wish| wish.pins != GnssPin::NotOurs) {
            let whose = |card: &&mut Card| (card.setup().instance, card.setup().port) == (wish.instance, wish.port);
            if let Some(card) = self.cards.iter_mut().find(whose) {
                card.attach(at, wish.pins == GnssPin::Attached);
            }
        }
    }

    /// What the clocks of the simulated node show at `mono`.
    pub fn now(&self, mono: Time<Mono>) -> Now {
        let error = self.cards.first().map_or(Nanos::ZERO, Card::system_error);
        Now {
            mono,
            system: self.start.system + (mono - self.start.mono) + error,
        }
    }

    /// The cards, in the order of the setup.
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    fn next_step(&self) -> Option<(Time<Mono>, Step)> {
        let step = self.script.get(self.step)?;
        Some((self.round + step.at, *step))
    }

    fn happen(&mut self, at: Time<Mono>, step: Step, sink: &mut dyn FnMut(Observation)) {
        self.step = self.step.saturating_add(1);
        if let Some(period) = self.repeat.filter(|_| self.step >= self.script.len()) {
            self.step = 0;
            self.round = self.round + period;
        }
        let told = match step.fault {
            Fault::Verdict(state, class) => Some(Reading::Verdict {
                state,
                class,
                offset: None,
            }),
            Fault::Process(process, down) => Some(Reading::Process { process, up: !down }),
            Fault::SynceSends(level) => Some(Reading::SynceQuality { level }),
            _ => None,
        };
        if let Fault::EecQuality(quality) = step.fault {
            let origin = Origin::Notification;
            return sink(Observation {
                at,
                instance: step.instance,
                port: step.port,
                what: Reading::EecQuality { quality, origin },
            });
        }
        if let Some(what) = told {
            return sink(Observation {
                at,
                instance: step.instance,
                port: Port::NODE,
                what,
            });
        }
        let whose = |card: &&mut Card| card.setup().port == step.port;
        if let Some(card) = self.cards.iter_mut().find(whose) {
            card.apply(at, step.fault, sink);
        }
    }
}

impl Source for Simulation {
    fn next_at(&self) -> Option<Time<Mono>> {
        let cards = self.cards.iter().filter_map(Card::next_at);
        cards.chain(self.next_step().map(|(at, _)| at)).min()
    }

    fn poll(&mut self, now: Time<Mono>, sink: &mut dyn FnMut(Observation)) {
        for _ in 0..STEPS_PER_POLL {
            let Some(at) = self.next_at().filter(|at| *at <= now) else {
                return;
            };
            if let Some((_, step)) = self.next_step().filter(|(due, _)| *due <= at) {
                self.happen(at, step, sink); // what is done comes before what is seen at the same moment
            } else if let Some(card) = self.cards.iter_mut().find(|card| card.next_at() == Some(at)) {
                card.advance(sink);
            }
        }
    }
}
