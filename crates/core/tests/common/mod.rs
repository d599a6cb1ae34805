//! A small world for tests of the core: cards of one instance at 1 Hz, each with a receiver, DPLLs and a PHC that can be spoiled.
#![allow(dead_code)] // each test file uses its part

use tgm_core::config::{CardConfig, CardPolicy, Config, InstanceConfig, Judge, Limits, OutOfSpec, Policy};
use tgm_core::*;
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time, Utc};

pub const ME: Instance = Instance(0);
const UTC0: i64 = 1_800_000_000;

/// One card's surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    pub epoch: Option<GnssEpoch>,
    /// P, if the pulse is seen.
    pub pulse: Option<i64>,
    /// Φ in nanoseconds, if told.
    pub phase: Option<i64>,
    pub status: LockStatus,
    pub phc_off: i64,
    pub receiver_off: i64,
    pub follower: bool,
    pub told: Option<LockStatus>,
}

pub fn good() -> GnssEpoch {
    GnssEpoch {
        fix: GnssFix::ThreeD,
        fix_ok: Some(true),
        t_acc: Some(Nanos(20)),
        leap: Some(Seconds(18)),
        state: GnssState::Synchronized,
        jamming: Jamming::Ok,
        spoofing: Spoofing::None,
        ..GnssEpoch::default()
    }
}

impl Card {
    pub fn well() -> Self {
        Card {
            epoch: Some(good()),
            pulse: Some(3),
            phase: Some(2),
            status: LockStatus::LockedHoAcq,
            phc_off: 0,
            receiver_off: 0,
            follower: false,
            told: None,
        }
    }

    /// Its DPLLs say nothing by themselves: what they say is said by the test.
    pub fn mute(&mut self) {
        self.told = Some(self.status);
    }
}

/// What is chosen of a world.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice {
    pub limits: Limits,
    pub out_of_spec: OutOfSpec,
    pub policy: Policy,
    pub card: CardPolicy,
    pub followers: u16,
}

pub struct World {
    pub core: Core,
    pub cards: Vec<Card>,
    pub second: i64,
    pub events: Vec<Event>,
}

pub fn mono(ms: i64) -> Time<Mono> {
    Time::ZERO + Nanos::from_millis(ms)
}

fn now(at: Time<Mono>) -> Now {
    let system = Time::<Utc>::from_parts(UTC0, 0) + (at - Time::ZERO);
    Now { mono: at, system }
}

/// What a core is told of `choice`.
pub fn config(choice: Choice) -> Config {
    let mut config = Config::default();
    let instance = InstanceConfig {
        instance: ME,
        judge: Judge::Tgm,
        limits: choice.limits,
        out_of_spec: choice.out_of_spec,
    };
    config.instance(instance).unwrap();
    config.policy(ME, choice.policy).unwrap();
    for port in 0..=choice.followers {
        let card = CardConfig {
            instance: ME,
            port: Port(port),
            phc_on_dpll: true,
            has_gnss: port == 0,
            has_dpll: true,
            simulated: false,
        };
        config.card(card).unwrap();
        config.card_policy(ME, Port(port), choice.card).unwrap();
    }
    config
}

impl World {
    pub fn new(choice: Choice) -> Self {
        let mut world = World::unborn(choice);
        world.tick(0);
        world
    }

    /// Before the first tick.
    pub fn unborn(choice: Choice) -> Self {
        let card = |port| Card {
            follower: port > 0,
            ..Card::well()
        };
        World {
            core: Core::new(&config(choice)),
            cards: (0..=choice.followers).map(card).collect(),
            second: 0,
            events: vec![],
        }
    }

    /// Locked since long.
    pub fn locked(choice: Choice) -> Self {
        let mut world = World::new(choice);
        world.run(15);
        assert_eq!(world.class(), 6);
        world.events.clear();
        world
    }

    /// Lets the core have the deadlines it asked for; each must move it on.
    fn pass(&mut self, until: Time<Mono>) {
        while let Some(deadline) = self.core.deadline().filter(|deadline| *deadline <= until) {
            let events = &mut self.events;
            self.core.tick(now(deadline), |event| events.push(*event));
            assert!(self.core.deadline() > Some(deadline) || self.core.deadline().is_none());
        }
    }

    pub fn tick(&mut self, ms: i64) {
        self.pass(mono(ms));
        let events = &mut self.events;
        self.core.tick(now(mono(ms)), |event| events.push(*event));
    }

    pub fn see(&mut self, ms: i64, port: usize, what: Reading) {
        self.pass(mono(ms));
        let observation = Observation {
            at: mono(ms),
            instance: ME,
            port: Port(port.try_into().unwrap()),
            what,
        };
        let events = &mut self.events;
        self.core.step(now(mono(ms)), &observation, |event| events.push(*event));
    }

    pub fn run(&mut self, seconds: i64) {
        let origin = Origin::Notification;
        for _ in 0..seconds {
            self.second += 1;
            let (s, ms) = (self.second, self.second * 1_000);
            for port in 0..self.cards.len() {
                let card = self.cards[port];
                let status = Some(card.status);
                if self.cards[port].told.replace(card.status) != status {
                    for dpll in [DpllKind::Eec, DpllKind::Pps] {
                        self.see(ms - 50, port, Reading::DpllLock { dpll, status, origin });
                    }
                }
            }
            for port in 0..self.cards.len() {
                let card = self.cards[port];
                if let Some(offset) = card.pulse {
                    let second = UTC0 + 37 + s + card.phc_off;
                    self.see(
                        ms,
                        port,
                        Reading::Pulse {
                            second,
                            offset: Nanos(offset),
                        },
                    );
                }
            }
            for port in 0..self.cards.len() {
                let card = self.cards[port];
                if let Some(epoch) = card.epoch.filter(|_| !card.follower) {
                    let utc = Some(Time::from_parts(UTC0 + s + card.receiver_off, 0));
                    self.see(ms + 150, port, Reading::Gnss(GnssEpoch { utc, ..epoch }));
                }
            }
            for port in 0..self.cards.len() {
                if let Some(ns) = self.cards[port].phase.filter(|_| self.cards[port].status.is_locked()) {
                    let offset = Femtos(ns * 1_000_000 + s % 2);
                    self.see(ms + 500, port, Reading::DpllPhase { offset, origin });
                }
            }
            self.tick(ms + 850);
        }
    }

    pub fn now(&self) -> Time<Mono> {
        mono(self.second * 1_000 + 850)
    }

    pub fn view(&self) -> InstanceView {
        self.core.instances(self.now()).next().unwrap()
    }

    pub fn announce(&self) -> Announce {
        self.view().announce.unwrap()
    }

    pub fn class(&self) -> u8 {
        self.announce().class.0
    }

    pub fn desired(&self, port: usize) -> Desired {
        self.core.desired(self.now()).nth(port).unwrap()
    }

    pub fn told(&self, kind: EventKind) -> Vec<i64> {
        let of_kind = self.events.iter().filter(|event| event.kind == kind);
        of_kind.map(|event| event.new).collect()
    }
}
