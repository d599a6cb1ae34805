//! Requirements 7.2: what a node process left is adopted by the next one under its conditions, and under no others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::*;
use tgm_core::checkpoint::ADOPT_MAX_AGE;
use tgm_core::config::{CardPolicy, DoesNotFit, Limits, OutOfSpec};
use tgm_core::*;
use tgm_time::{Femtos, Nanos, Time};

fn left_by(world: &World) -> Checkpoint {
    let mut checkpoint = Checkpoint::default();
    world.core.checkpoint(world.now(), &mut checkpoint);
    checkpoint
}

/// A new process `gap` seconds after the last second of `old`, with the old surroundings; it has ticked once.
fn next(old: &World, choice: Choice, gap: i64) -> Result<World, Refusal> {
    let checkpoint = left_by(old);
    let mut world = World::unborn(choice);
    world.cards.clone_from(&old.cards);
    world.cards.iter_mut().for_each(Card::mute);
    world.second = old.second + gap;
    world.core.restore(&checkpoint, world.now(), ADOPT_MAX_AGE)?;
    world.tick(world.second * 1_000 + 850);
    Ok(world)
}

fn dump(world: &mut World, status: LockStatus) {
    for port in 0..world.cards.len() {
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let what = Reading::DpllLock {
                dpll,
                status: Some(status),
                origin: Origin::Dump,
            };
            world.see(world.second * 1_000 + 900, port, what);
        }
    }
}

fn holding(choice: Choice, seconds: i64) -> World {
    let mut world = World::locked(choice);
    world.cards[0].status = LockStatus::Holdover;
    world.cards[0].epoch = Some(GnssEpoch::default());
    world.run(seconds);
    assert_eq!(world.class(), 7);
    world
}

fn started(world: &World) -> Time<tgm_time::Mono> {
    left_by(world).cards[0].unwrap().holdover.unwrap().since
}

// Hazard: false 6; T0: a restart gives a holdover no new budget.
#[test]
fn a_holdover_is_adopted_with_its_own_start() {
    let old = holding(Choice::default(), 100);
    let mut new = next(&old, Choice::default(), 3).unwrap();
    assert_eq!(new.class(), 7);
    let told = new
        .events
        .iter()
        .find(|event| event.kind == EventKind::LockState)
        .unwrap();
    assert_eq!((told.cause, told.old), (Cause::Adopted, Event::NONE));
    dump(&mut new, LockStatus::Holdover);
    new.run(10);
    assert_eq!(new.class(), 7);
    assert_eq!(started(&new), started(&old));
    assert_eq!(new.told(EventKind::ClockClass), [7], "told once");
    // It ends when the first process would have ended it.
    let end = started(&old) + Nanos::from_secs(14_400);
    new.tick(end.as_nanos() / 1_000_000 - 1);
    assert_eq!(new.core.instances(end).next().unwrap().class, Some(ClockClass(7)));
    new.tick(end.as_nanos() / 1_000_000);
    assert_eq!(new.told(EventKind::ClockClass), [7, 248]);
}

// Hazard: false 248; T0: a restart of a locked node tells nothing but class 6.
#[test]
fn locked_is_locked_after_three_good_samples() {
    for gap in 0..3 {
        let old = World::locked(Choice::default());
        let mut new = next(&old, Choice::default(), gap).unwrap();
        dump(&mut new, LockStatus::LockedHoAcq);
        new.run(3);
        assert_eq!((new.class(), new.told(EventKind::ClockClass)), (6, vec![6]), "{gap} s");
        new.run(20);
        assert_eq!((new.class(), new.told(EventKind::LockState)), (6, vec![1]));
    }
}

// Hazard: false 6; T0: a Locked that is not proven within three seconds is a holdover since the checkpoint.
#[test]
fn locked_without_them_is_a_holdover_since_the_checkpoint() {
    let old = World::locked(Choice::default());
    let mut new = next(&old, Choice::default(), 5).unwrap();
    dump(&mut new, LockStatus::LockedHoAcq);
    new.cards[0].pulse = None;
    new.run(2);
    assert_eq!(new.class(), 6, "what is announced stands meanwhile");
    new.run(1);
    assert_eq!(new.class(), 7);
    assert_eq!(started(&new), old.now());
    let last = new
        .events
        .iter()
        .rfind(|event| event.kind == EventKind::LockState)
        .unwrap();
    assert_eq!(last.cause, Cause::Unwatched);
    // Samples come back: ten of them, as ever.
    new.cards[0].pulse = Some(3);
    new.run(12);
    assert_eq!(new.class(), 6);
}

// Hazard: false 6; T0: a DPLL that is worse than the checkpoint says is Free-Run at once.
#[test]
fn a_dpll_that_is_worse_than_recorded_ends_it_at_once() {
    for (recorded, shown) in [
        (LockStatus::LockedHoAcq, LockStatus::Locked),
        (LockStatus::LockedHoAcq, LockStatus::Holdover),
        (LockStatus::LockedHoAcq, LockStatus::Unlocked),
        (LockStatus::Holdover, LockStatus::Unlocked),
        (LockStatus::Holdover, LockStatus::Unknown(7)),
    ] {
        let old = match recorded {
            LockStatus::Holdover => holding(Choice::default(), 5),
            _ => World::locked(Choice::default()),
        };
        let mut new = next(&old, Choice::default(), 1).unwrap();
        dump(&mut new, shown);
        assert_eq!(new.class(), 248, "{recorded:?} {shown:?}");
        let last = new
            .events
            .iter()
            .rfind(|event| event.kind == EventKind::ClockClass)
            .unwrap();
        assert!(matches!(last.cause, Cause::NotAdopted | Cause::DpllFreerun), "{last:?}");
    }
    // One that found its reference again is better.
    let mut new = next(&holding(Choice::default(), 5), Choice::default(), 1).unwrap();
    dump(&mut new, LockStatus::Locked);
    assert_eq!(new.class(), 7);
}

// Hazard: silent; T0: an adopted state of whose DPLL nothing is heard is over after three seconds.
#[test]
fn without_a_dump_it_stands_for_three_seconds() {
    for old in [World::locked(Choice::default()), holding(Choice::default(), 5)] {
        let mut new = next(&old, Choice::default(), 1).unwrap();
        let class = new.class();
        new.cards[0].phase = None;
        new.tick(old.second * 1_000 + 1_000 + 850 + 2_999);
        assert_eq!(new.class(), class);
        new.tick(old.second * 1_000 + 1_000 + 850 + 3_000);
        assert_eq!(new.class(), 248);
    }
}

// Hazard: false 6; T0: a checkpoint whose class ptp4l does not announce any more is not taken up.
#[test]
fn what_somebody_else_announces_meanwhile_is_not_adopted() {
    for old in [World::locked(Choice::default()), holding(Choice::default(), 5)] {
        let mut new = next(&old, Choice::default(), 0).unwrap();
        dump(&mut new, old.cards[0].status);
        let at = new.now() + Nanos(1);
        let now = Now {
            mono: at,
            system: Time::from_nanos(0),
        };
        let mut classes = vec![];
        new.core.disown(now, ME, |event| {
            if event.kind == EventKind::ClockClass {
                classes.push((event.new, event.cause));
            }
        });
        assert_eq!(classes, [(248, Cause::NotAdopted)]);
    }
}

// Hazard: false 6; T0: a fault during probation is Free-Run.
#[test]
fn no_time_of_blindness_excuses_a_fault() {
    let old = World::locked(Choice::default());
    let spoil: [fn(&mut Card); 4] = [
        |card| card.pulse = Some(5_000),
        |card| card.phc_off = 1,
        |card| {
            let jammed = GnssEpoch {
                jamming: Jamming::Critical,
                ..good()
            };
            card.epoch = Some(jammed);
        },
        |card| card.status = LockStatus::Unlocked,
    ];
    for spoil in spoil {
        let mut new = next(&old, Choice::default(), 0).unwrap();
        dump(&mut new, LockStatus::LockedHoAcq);
        spoil(&mut new.cards[0]);
        new.run(4);
        assert_eq!(new.class(), 248);
        assert!(
            new.told(EventKind::ClockClass)
                .iter()
                .all(|class| [6, 248].contains(class))
        );
    }
}

// Hazard: false 6; T0: an old checkpoint, one of the future or of other cards is refused.
#[test]
fn what_is_refused_says_why() {
    let old = World::locked(Choice::default());
    let age = |gap| next(&old, Choice::default(), gap).err();
    assert_eq!(age(10), None);
    assert_eq!(age(11), Some(Refusal::TooOld(Nanos::from_secs(11))));
    assert_eq!(age(-1), Some(Refusal::FromTheFuture));
    let two = Choice {
        followers: 1,
        ..Choice::default()
    };
    assert_eq!(next(&old, two, 1).err(), Some(Refusal::OtherCards));
    let cold = World::new(Choice::default());
    assert_eq!(next(&cold, Choice::default(), 1).err(), Some(Refusal::NothingToKeep));
}

#[test]
fn two_cards_are_adopted_one_by_one() {
    let two = Choice {
        followers: 1,
        ..Choice::default()
    };
    let old = World::locked(two);
    let mut new = next(&old, two, 0).unwrap();
    dump(&mut new, LockStatus::LockedHoAcq);
    new.run(5);
    assert_eq!((new.class(), new.told(EventKind::ClockClass)), (6, vec![6]));
}

/// The class that a guardian announces so many milliseconds after the last heartbeat; 0: what is announced stands.
fn by_guardian(world: &World, ms: i64) -> u8 {
    let will = left_by(world).wills[0].unwrap();
    let now = world.now() + Nanos::from_millis(ms);
    will.due(world.now(), now, ADOPT_MAX_AGE)
        .map_or(0, |announce| announce.class.0)
}

// Hazard: late; dead man: class 7 and 140 end when their budgets do.
#[test]
fn a_dead_node_that_was_well_holds_over_for_its_budget() {
    let world = World::locked(Choice::default());
    let told = |ms| by_guardian(&world, ms);
    assert_eq!((told(1_999), told(2_000), told(9_999)), (0, 0, 0));
    assert_eq!((told(10_000), told(14_399_999), told(14_400_001)), (7, 7, 248));
    let claim = Choice {
        out_of_spec: OutOfSpec::Category1,
        limits: Limits {
            max_in_spec: Nanos(100),
            ..Limits::DEFAULT
        },
        ..Choice::default()
    };
    let world = World::locked(claim);
    let told = |ms| by_guardian(&world, ms);
    assert_eq!((told(959_999), told(960_001), told(14_400_001)), (7, 140, 248));
}

// Hazard: false 6; dead man: where GNSS or DPLL was not well at the last heartbeat, 248 after two seconds.
#[test]
fn a_dead_node_whose_gnss_or_dpll_was_not_well_is_free_run_at_once() {
    let holding = holding(Choice::default(), 5);
    assert_eq!((by_guardian(&holding, 1_999), by_guardian(&holding, 2_000)), (0, 248));
    let free = World::new(Choice::default());
    assert_eq!(by_guardian(&free, 2_000), 248);
}

#[test]
fn a_holdover_with_good_gnss_has_what_is_left_of_its_budget() {
    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover; // FAILURE-PLL: the receiver is fine
    world.run(100);
    assert_eq!(world.class(), 7);
    let left = 14_400_000 - (world.now() - started(&world)).0 / 1_000_000;
    assert_eq!((by_guardian(&world, left - 1), by_guardian(&world, left + 1)), (7, 248));
}

/// A holdover beside a good receiver; then its driver gives up.
fn given_up(choice: Choice) -> World {
    let mut world = World::locked(choice);
    world.cards[0].status = LockStatus::Holdover;
    world.run(10);
    world.see(world.second * 1_000 + 900, 0, Reading::DpllGivenUp);
    world.run(2);
    world
}

// Hazard: false 6; dead man: nor is a DPLL well at which nobody looked at the last heartbeat.
#[test]
fn a_dead_node_whose_dpll_nobody_looked_at_is_free_run_at_once() {
    let told = given_up(Choice::default());
    let mut idle = World::locked(Choice::default());
    idle.cards[0].status = LockStatus::Holdover;
    idle.run(130); // three lock times
    for world in [told, idle] {
        assert_eq!(world.class(), 7);
        assert_eq!((by_guardian(&world, 1_999), by_guardian(&world, 2_000)), (0, 248));
    }
}

// Hazard: silent; T0: a restart does not make a driver that gave up one that looks.
#[test]
fn a_driver_that_gave_up_is_not_believed_by_the_next_process_either() {
    let old = given_up(Choice::default());
    let mut new = next(&old, Choice::default(), 1).unwrap();
    dump(&mut new, LockStatus::Holdover); // from its cache
    new.run(10);
    let card = new.core.cards(new.now()).next().unwrap();
    assert_eq!((new.class(), card.phase, card.frequency), (7, -1, -1));
    assert_eq!(by_guardian(&new, 2_000), 248);
    // It is believed when it looks again.
    let what = Reading::DpllPhase {
        offset: Femtos(77),
        origin: Origin::Notification,
    };
    new.see(new.second * 1_000 + 900, 0, what);
    assert_eq!(new.core.cards(new.now()).next().unwrap().phase, 4);
}

// Hazard: false 248; T0: a DPLL that was seen to hold behind its detached pin has not gone back because tgmd was restarted.
#[test]
fn a_driver_that_gave_up_behind_a_detached_pin_ends_nothing_after_a_restart() {
    let choice = Choice {
        card: CardPolicy {
            owns_pins: true,
            ..CardPolicy::default()
        },
        ..Choice::default()
    };
    let mut old = World::locked(choice);
    let jammed = GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    };
    old.cards[0].epoch = Some(jammed);
    old.run(1);
    old.cards[0].status = LockStatus::Holdover;
    old.run(3);
    old.see(old.second * 1_000 + 900, 0, Reading::DpllGivenUp);
    old.run(1);
    let mut new = next(&old, choice, 1).unwrap();
    dump(&mut new, LockStatus::Holdover);
    new.run(100);
    assert_eq!(new.told(EventKind::ClockClass), [7]);
}

fn reload(world: &mut World, limits: Limits) -> Result<(), DoesNotFit> {
    let choice = Choice {
        limits,
        ..Choice::default()
    };
    let now = Now {
        mono: world.now(),
        system: Time::from_nanos(0),
    };
    let config = config(choice);
    let events = &mut world.events;
    world.core.reload(&config, now, |event| events.push(*event))
}

#[test]
fn a_reload_keeps_state_start_and_sequence() {
    let mut world = holding(Choice::default(), 1_000);
    let (since, seq) = (started(&world), world.core.node_view(world.now()).seq);
    world.events.clear();
    reload(&mut world, Limits::DEFAULT).unwrap();
    assert_eq!((started(&world), world.core.node_view(world.now()).seq), (since, seq));
    assert!(world.events.is_empty());
    let shorter = Limits {
        holdover_timeout: Nanos::from_secs(2_000),
        ..Limits::DEFAULT
    };
    reload(&mut world, shorter).unwrap();
    world.run(900);
    assert_eq!(world.class(), 7);
    world.run(200);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
}

// Hazard: late; reload: a new limit that is exceeded already acts at once.
#[test]
fn a_new_limit_that_is_exceeded_already_acts_at_once() {
    let mut world = holding(Choice::default(), 1_000);
    world.events.clear();
    let exceeded = Limits {
        holdover_timeout: Nanos::from_secs(500),
        max_in_spec: Nanos(10),
        ..Limits::DEFAULT
    };
    reload(&mut world, exceeded).unwrap();
    assert_eq!(world.told(EventKind::ClockClass), [248]);
}

#[test]
fn a_reload_with_other_cards_changes_nothing() {
    let mut world = holding(Choice::default(), 10);
    let two = Choice {
        followers: 1,
        ..Choice::default()
    };
    let now = Now {
        mono: world.now(),
        system: Time::from_nanos(0),
    };
    assert!(world.core.reload(&config(two), now, |_| panic!("an event")).is_err());
    assert_eq!(world.class(), 7);
}
