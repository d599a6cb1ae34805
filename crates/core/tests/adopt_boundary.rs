//! Requirements 7.2 for a clock that follows another: what a node process left is adopted by the next one, or is Free-Run.
#![allow(clippy::unwrap_used)] // tests: stop where it breaks

use tgm_core::checkpoint::ADOPT_MAX_AGE;
use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::*;
use tgm_time::{Femtos, Mono, Nanos, Seconds, Time};

const INSTANCE: Instance = Instance(0);
const PORT: Port = Port(0);
const LIMITS: Limits = Limits {
    max_in_spec: Nanos(500),
    ..Limits::DEFAULT
};
const FOLLOWS: Upstream = Upstream {
    followed: true,
    class: ClockClass(6),
    offset: Some(Nanos(5)),
    utc_offset: Some(Seconds(37)),
};
const LOST: Upstream = Upstream {
    followed: false,
    class: ClockClass(248),
    offset: None,
    utc_offset: None,
};

struct World {
    core: Core,
    /// Of the next second.
    second: i64,
    /// What ptp4l says; `None`: nothing.
    upstream: Option<Upstream>,
    /// What the DPLL says; `None`: nothing.
    dpll: Option<LockStatus>,
    classes: Vec<i64>,
    causes: Vec<Cause>,
}

fn mono(second: i64) -> Time<Mono> {
    Time::from_parts(second, 0)
}

fn now(second: i64) -> Now {
    Now {
        mono: mono(second),
        system: Time::from_parts(1_800_000_000 + second, 0),
    }
}

impl World {
    fn unborn(judge: Judge, has_dpll: bool) -> World {
        let mut config = Config::default();
        config
            .instance(InstanceConfig {
                instance: INSTANCE,
                judge,
                limits: LIMITS,
                out_of_spec: OutOfSpec::None,
            })
            .unwrap();
        config
            .card(CardConfig {
                instance: INSTANCE,
                port: PORT,
                phc_on_dpll: true,
                has_gnss: false,
                has_dpll,
                simulated: false,
            })
            .unwrap();
        World {
            core: Core::new(&config),
            second: 1,
            upstream: Some(FOLLOWS),
            dpll: has_dpll.then_some(LockStatus::LockedHoAcq),
            classes: vec![],
            causes: vec![],
        }
    }

    fn locked(judge: Judge, has_dpll: bool) -> World {
        let mut world = World::unborn(judge, has_dpll);
        world.tick(0);
        world.run(20);
        assert_eq!(world.state(), ClockState::Locked);
        world
    }

    /// In holdover for as many seconds.
    fn holding(seconds: i64) -> World {
        let mut world = World::locked(Judge::Tbc, true);
        (world.upstream, world.dpll) = (Some(LOST), Some(LockStatus::Holdover));
        world.run(seconds);
        assert_eq!(world.class(), 135);
        world
    }

    fn tick(&mut self, second: i64) {
        let (classes, causes) = (&mut self.classes, &mut self.causes);
        self.core.tick(now(second), |event| keep(event, classes, causes));
    }

    fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            let (second, origin) = (self.second, Origin::Notification);
            let mut told = vec![];
            if let Some(status) = self.dpll {
                let status = Some(status);
                told.extend([DpllKind::Eec, DpllKind::Pps].map(|dpll| Reading::DpllLock { dpll, status, origin }));
            }
            if self.dpll == Some(LockStatus::LockedHoAcq) {
                let offset = Femtos(1_000_000 + second);
                told.push(Reading::DpllPhase { offset, origin });
            }
            told.extend(self.upstream.map(Reading::Upstream));
            for what in told {
                self.see(what);
            }
            self.tick(second);
            self.second += 1;
        }
    }

    /// Something of its card.
    fn see(&mut self, what: Reading) {
        let (at, instance, port) = (mono(self.second), INSTANCE, PORT);
        let seen = Observation {
            at,
            instance,
            port,
            what,
        };
        let (classes, causes) = (&mut self.classes, &mut self.causes);
        self.core
            .step(now(self.second), &seen, |event| keep(event, classes, causes));
    }

    fn class(&self) -> u8 {
        self.view().class.unwrap().0
    }

    fn state(&self) -> ClockState {
        self.view().lock_state.unwrap()
    }

    fn view(&self) -> InstanceView {
        self.core.instances(mono(self.second - 1)).next().unwrap()
    }

    /// What it leaves in its last second.
    fn left(&self) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        self.core.checkpoint(mono(self.second - 1), &mut checkpoint);
        checkpoint
    }

    fn start(&self) -> Time<Mono> {
        self.left().boundaries[0].unwrap().since.unwrap()
    }

    /// A new process `gap` seconds later, with the old surroundings; it has ticked once.
    fn next(&self, judge: Judge, gap: i64) -> Result<World, Refusal> {
        let mut next = World::unborn(judge, self.dpll.is_some());
        (next.upstream, next.dpll) = (self.upstream, self.dpll);
        next.second = self.second + gap;
        next.core.restore(&self.left(), mono(next.second), ADOPT_MAX_AGE)?;
        next.tick(next.second);
        Ok(next)
    }
}

fn keep(event: &Event, classes: &mut Vec<i64>, causes: &mut Vec<Cause>) {
    match event.kind {
        EventKind::ClockClass => classes.push(event.new),
        EventKind::LockState => causes.push(event.cause),
        _ => {}
    }
}

// Hazard: false 248; T0: a boundary clock goes on after a restart.
#[test]
fn a_locked_boundary_clock_goes_on_after_three_good_samples() {
    for gap in 0..5 {
        let old = World::locked(Judge::Tbc, true);
        let mut new = old.next(Judge::Tbc, gap).unwrap();
        assert_eq!((new.class(), new.view().announce.unwrap().class.0), (6, 248), "{gap} s");
        assert_eq!(new.view().announce.unwrap().utc_offset, Some(Seconds(37)));
        new.run(30);
        assert_eq!(
            (&new.classes[..], &new.causes[..]),
            (&[6][..], &[Cause::Adopted][..]),
            "{gap} s"
        );
    }
    assert!(matches!(
        World::locked(Judge::Tbc, true).next(Judge::Tbc, 11),
        Err(Refusal::TooOld(_))
    ));
}

// Hazard: false 6; T0: nor has the holdover of a boundary clock a new budget.
#[test]
fn a_holdover_is_adopted_with_its_own_start_and_ends_when_it_would_have() {
    let old = World::holding(100);
    let mut new = old.next(Judge::Tbc, 3).unwrap();
    assert_eq!((new.class(), new.view().announce.unwrap().class.0), (135, 135));
    new.run(10);
    assert_eq!((new.class(), new.start()), (135, old.start()));
    // 500 ns at 1500 ns in 14400 s.
    let end = old.start() + Nanos::from_secs(4_800);
    new.tick(end.as_nanos() / 1_000_000_000);
    assert_eq!(new.classes, [135]);
    new.tick(end.as_nanos() / 1_000_000_000 + 1);
    assert_eq!(new.classes, [135, 165]);
    // Beyond the specification it is adopted as well.
    new.second = end.as_nanos() / 1_000_000_000 + 2;
    let mut third = new.next(Judge::Tbc, 1).unwrap();
    third.run(10);
    assert_eq!((&third.classes[..], third.start()), (&[165][..], old.start()));
}

// Hazard: false 6; T0: nor does a boundary clock go on with a worse DPLL.
#[test]
fn a_dpll_that_is_worse_than_recorded_ends_it() {
    for (old, shown) in [
        (World::locked(Judge::Tbc, true), LockStatus::Holdover),
        (World::locked(Judge::Tbc, true), LockStatus::Unlocked),
        (World::holding(5), LockStatus::Unlocked),
    ] {
        let mut new = old.next(Judge::Tbc, 1).unwrap();
        new.dpll = Some(shown);
        new.run(1);
        assert_eq!(
            (new.class(), new.causes.last()),
            (248, Some(&Cause::NotAdopted)),
            "{shown:?}"
        );
    }
}

// Hazard: false 6; T0: an adopted boundary clock of which nothing is seen is over after three seconds
#[test]
fn without_a_word_of_the_dpll_it_stands_for_three_seconds() {
    for old in [World::locked(Judge::Tbc, true), World::holding(5)] {
        let mut new = old.next(Judge::Tbc, 1).unwrap();
        let class = new.class();
        new.dpll = None;
        new.run(3);
        assert_eq!(new.class(), class);
        let until = new.core.deadline().unwrap();
        assert_eq!(until, mono(new.second), "three seconds after it began");
        new.run(1);
        assert_eq!((new.class(), new.causes.last()), (248, Some(&Cause::NotAdopted)));
    }
}

// Hazard: silent; T0: nor is a boundary clock's driver that gave up believed by the next process.
#[test]
fn a_driver_that_gave_up_is_not_believed_by_the_next_process_either() {
    let mut old = World::holding(5);
    old.see(Reading::DpllGivenUp);
    old.run(1);
    let mut new = old.next(Judge::Tbc, 1).unwrap();
    new.dpll = None; // it says nothing by itself
    for dpll in [DpllKind::Eec, DpllKind::Pps] {
        let (status, origin) = (Some(LockStatus::Holdover), Origin::Dump);
        new.see(Reading::DpllLock { dpll, status, origin });
    }
    new.run(10);
    assert_eq!((&new.classes[..], new.start()), (&[135][..], old.start()));
    let card = new.core.cards(mono(new.second - 1)).next().unwrap();
    assert_eq!((card.phase, card.frequency), (-1, -1));
}

// Hazard: false 6; T0: a boundary clock whose upstream went meanwhile holds over since the checkpoint.
#[test]
fn a_locked_one_whose_upstream_is_gone_holds_over_since_the_checkpoint() {
    for (upstream, after, cause) in [(None, 4, Cause::Unwatched), (Some(LOST), 1, Cause::UpstreamLost)] {
        let old = World::locked(Judge::Tbc, true);
        let mut new = old.next(Judge::Tbc, 5).unwrap();
        new.upstream = upstream;
        new.run(after - 1);
        assert_eq!(new.class(), 6, "what is passed on stands meanwhile");
        new.run(1);
        assert_eq!((new.class(), new.causes.last()), (135, Some(&cause)));
        assert_eq!(new.start(), mono(old.second - 1));
        // It comes back: ten samples, as ever.
        new.upstream = Some(FOLLOWS);
        new.run(12);
        assert_eq!(new.class(), 6);
    }
}

// Hazard: false 6; T0: a boundary clock without a DPLL holds nothing over.
#[test]
fn without_a_dpll_nothing_holds_over() {
    let mut new = World::locked(Judge::Tbc, false).next(Judge::Tbc, 1).unwrap();
    new.run(20);
    assert_eq!(new.classes, [6]);
    let mut new = World::locked(Judge::Tbc, false).next(Judge::Tbc, 1).unwrap();
    new.upstream = None;
    new.run(4);
    assert_eq!(new.classes, [6, 248]);
}

#[test]
fn what_is_not_what_was_left_is_disowned_and_a_free_run_is_nothing_to_keep() {
    for old in [World::locked(Judge::Tbc, true), World::holding(5)] {
        let mut new = old.next(Judge::Tbc, 1).unwrap();
        let second = new.second;
        let (classes, causes) = (&mut new.classes, &mut new.causes);
        new.core
            .disown(now(second), INSTANCE, |event| keep(event, classes, causes));
        assert_eq!((new.class(), new.causes.last()), (248, Some(&Cause::NotAdopted)));
    }
    let mut free = World::unborn(Judge::Tbc, true);
    free.tick(0);
    assert_eq!(free.next(Judge::Tbc, 1).err(), Some(Refusal::NothingToKeep));
}

#[test]
fn a_slave_clock_is_adopted_too_and_tells_255() {
    let mut new = World::locked(Judge::Slave, true).next(Judge::Slave, 1).unwrap();
    assert_eq!((new.state(), new.class()), (ClockState::Locked, 255));
    new.run(20);
    assert_eq!(new.causes, [Cause::Adopted]);
}
