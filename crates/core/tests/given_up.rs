//! A driver that does not look at its DPLLs any more, by the two witnesses beside its silence (requirements 1): the kernel's log, and a
//! holdover that lasts although receiver and pulse are there. It is no reason for Free-Run by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World, good, mono};
use tgm_core::config::{CardPolicy, Limits};
use tgm_core::*;
use tgm_time::{Femtos, Nanos, Time};

/// Three lock times.
const WAIT: i64 = 126;

fn own_pins() -> Choice {
    let card = CardPolicy {
        owns_pins: true,
        ..CardPolicy::default()
    };
    Choice {
        card,
        ..Choice::default()
    }
}

fn jammed() -> Option<GnssEpoch> {
    Some(GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    })
}

/// The kernel's log says it of this card.
fn gives_up(world: &mut World, port: usize) {
    let ms = world.second * 1_000 + 900;
    world.see(ms, port, Reading::DpllGivenUp);
}

fn holding(choice: Choice) -> World {
    let mut world = World::locked(choice);
    world.cards[0].status = LockStatus::Holdover;
    world.run(1);
    assert_eq!(world.told(EventKind::LockState), [2]);
    world.events.clear();
    world
}

fn when(world: &World, kind: EventKind) -> Option<Time<tgm_time::Mono>> {
    let mut of_kind = world.events.iter().filter(|event| event.kind == kind);
    of_kind.next().map(|event| event.at)
}

#[test]
fn a_locked_dpll_whose_driver_gives_up_is_holdover_at_once_since_its_last_proof_of_life() {
    let mut world = World::locked(Choice::default());
    gives_up(&mut world, 0);
    assert_eq!((world.told(EventKind::LockState), world.class()), (vec![2], 7));
    let lock = world.events.iter().find(|event| event.kind == EventKind::LockState);
    assert_eq!(lock.unwrap().cause, Cause::Unobserved);
    assert_eq!(world.told(EventKind::Frequency), [-1]);
    assert_eq!(world.told(EventKind::Phase), [-1]);
    let timeout = Limits::DEFAULT.holdover_timeout;
    let proof = mono(world.second * 1_000 + 500);
    world.cards[0].mute();
    world.cards[0].phase = None;
    world.tick((proof + timeout).as_nanos() / 1_000_000 - 1);
    assert_eq!(world.class(), 7);
    world.tick((proof + timeout).as_nanos() / 1_000_000 + 1);
    assert_eq!(
        world.told(EventKind::ClockClass),
        [7, 248],
        "its budget runs from the proof"
    );
}

#[test]
fn a_driver_that_looks_again_is_believed_again() {
    let mut world = World::locked(Choice::default());
    gives_up(&mut world, 0);
    world.run(12); // the phase offset moves
    assert_eq!(world.told(EventKind::Phase), [-1, 3]);
    assert_eq!(world.told(EventKind::ClockClass), [7, 6]);
}

#[test]
fn in_a_holdover_nothing_ends_and_the_statuses_are_unknown() {
    let mut world = holding(Choice::default());
    world.cards[0].epoch = None;
    gives_up(&mut world, 0);
    world.run(600);
    assert_eq!(world.told(EventKind::Phase), [-1]);
    assert_eq!(world.told(EventKind::Frequency), [-1]);
    assert!(world.told(EventKind::LockState).is_empty() && world.class() == 7);
    let card = world.core.cards(world.now()).next().unwrap();
    assert_eq!(card.dpll_clock, ClockState::Holdover, "no free run");
    // What it says when it looks again counts at once: it runs free.
    world.cards[0].status = LockStatus::Unlocked;
    world.run(1);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
}

#[test]
fn another_cards_driver_is_nothing_to_this_one() {
    let mut world = World::locked(Choice {
        followers: 1,
        ..Choice::default()
    });
    gives_up(&mut world, 1);
    let of_leader = world.events.iter().filter(|event| event.port == Port(0));
    let statuses = [EventKind::Phase, EventKind::Frequency];
    assert_eq!(of_leader.filter(|event| statuses.contains(&event.kind)).count(), 0);
    let states: Vec<_> = world.core.cards(world.now()).map(|card| card.state).collect();
    assert_eq!(states, [TgmState::Locked, TgmState::HoldoverInSpec]);
}

#[test]
fn a_holdover_that_outlasts_three_lock_times_of_a_good_receiver_is_no_proof_of_life() {
    let mut world = holding(Choice::default());
    let held = world.second * 1_000 - 50;
    world.run(WAIT + 60);
    assert_eq!(when(&world, EventKind::Phase), Some(mono(held + WAIT * 1_000)));
    assert_eq!(world.told(EventKind::Phase), [-1]);
    assert_eq!(world.told(EventKind::Frequency), [-1]);
    let failure = i64::from(GnssState::FailurePll.number());
    assert_eq!(world.told(EventKind::GnssState), [failure], "and E5 goes on saying why");
    assert!(world.told(EventKind::LockState).is_empty() && world.class() == 7);
    world.cards[0].status = LockStatus::LockedHoAcq;
    world.run(12);
    assert_eq!(
        world.told(EventKind::Phase),
        [-1, 4, 3],
        "the EEC's change proves that the driver looks"
    );
    assert_eq!(world.told(EventKind::ClockClass), [6]);
}

#[test]
fn the_wait_begins_with_a_good_receiver_and_anew_with_each_proof() {
    let mut world = holding(Choice::default());
    world.run(WAIT - 20);
    world.cards[0].epoch = None; // silent for a while
    world.run(10);
    world.cards[0].epoch = Some(good());
    world.run(WAIT - 5);
    assert!(world.told(EventKind::Phase).is_empty());
    let origin = Origin::Notification;
    let ms = world.second * 1_000 + 900;
    let noise = Reading::DpllPhase {
        offset: Femtos(77),
        origin,
    };
    world.see(ms, 0, noise);
    world.run(WAIT - 2);
    assert!(world.told(EventKind::Phase).is_empty());
    world.run(4);
    assert_eq!(when(&world, EventKind::Phase), Some(mono(ms + WAIT * 1_000)));
}

#[test]
fn neither_a_lost_receiver_nor_a_follower_is_waited_for() {
    let mut world = holding(Choice::default());
    world.cards[0].epoch = None;
    world.run(3 * WAIT);
    assert!(world.told(EventKind::Phase).is_empty());
    let mut world = World::locked(Choice {
        followers: 1,
        ..Choice::default()
    });
    world.cards[1].status = LockStatus::Holdover;
    world.run(1);
    world.events.clear();
    world.run(3 * WAIT);
    assert!(
        world.told(EventKind::Phase).is_empty(),
        "its leader's pulse is not seen here"
    );
}

// Hazard: false 248; no proof of life: a DPLL that was seen to hold behind its detached pin cannot have gone back.
#[test]
fn behind_a_detached_pin_a_jammed_receiver_ends_no_holdover_that_was_seen() {
    let mut world = World::locked(own_pins());
    world.cards[0].epoch = jammed();
    world.run(1);
    world.cards[0].status = LockStatus::Holdover;
    world.run(3);
    assert_eq!((world.class(), world.desired(0).pins), (7, GnssPin::Detached));
    gives_up(&mut world, 0);
    world.run(300);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    assert_eq!(world.desired(0).pins, GnssPin::Detached);
}

// Hazard: false 6; no proof of life: where an untrusted pulse is still at the DPLL, nobody can say that it is not followed.
#[test]
fn where_the_pulse_is_still_there_one_that_is_not_trusted_ends_it() {
    for choice in [Choice::default(), own_pins()] {
        let mut world = holding(choice);
        gives_up(&mut world, 0);
        world.run(2);
        assert_eq!(world.class(), 7);
        world.cards[0].epoch = jammed();
        world.run(4);
        assert_eq!(world.told(EventKind::ClockClass), [248]);
    }
}

#[test]
fn a_pin_that_is_detached_is_no_failure_to_lock() {
    let mut world = World::locked(own_pins());
    world.cards[0].epoch = jammed();
    world.run(1);
    world.cards[0].status = LockStatus::Holdover;
    world.run(2);
    world.cards[0].epoch = Some(good());
    world.run(60); // detached until it is trusted again
    world.events.clear();
    world.run(WAIT - 2);
    assert!(world.told(EventKind::Phase).is_empty(), "the wait begins with the pin");
    world.run(8);
    assert_eq!(world.told(EventKind::Phase), [-1]);
    assert_eq!(Limits::DEFAULT.lock_time, Nanos::from_secs(WAIT / 3));
}

// Hazard: false 6; no proof of life: a dump that shows the DPLL free ends the holdover, though its driver gave up before.
#[test]
fn a_dump_that_shows_it_free_ends_it_though_its_driver_gave_up() {
    for dpll in [DpllKind::Eec, DpllKind::Pps] {
        let mut world = holding(Choice::default());
        gives_up(&mut world, 0);
        world.run(2);
        assert_eq!(world.class(), 7);
        // The notification was lost, and the dump that makes up for it proves nothing but what is bad.
        let free = Reading::DpllLock {
            dpll,
            status: Some(LockStatus::Unlocked),
            origin: Origin::Dump,
        };
        world.see(world.second * 1_000 + 900, 0, free);
        assert_eq!(world.told(EventKind::ClockClass), [248]);
        let last = world.events.iter().rfind(|event| event.kind == EventKind::ClockClass);
        assert_eq!(last.unwrap().cause, Cause::DpllFreerun);
    }
}

/// The trade of the second witness (README, limits): a pulse that is missing behind a good fix is not told from a driver that does not
/// look, so its holdover is not proven after three lock times, and a jammed receiver ends it then; before, it would not have.
#[test]
fn a_pulse_that_is_missing_behind_a_good_fix_is_taken_for_a_driver_that_does_not_look() {
    for (seconds, expected) in [(WAIT - 10, vec![]), (200, vec![248])] {
        for choice in [Choice::default(), own_pins()] {
            let mut world = holding(choice);
            world.run(seconds);
            assert_eq!(world.class(), 7);
            world.cards[0].epoch = jammed();
            world.run(10);
            assert_eq!(world.told(EventKind::ClockClass), expected, "{seconds} s");
        }
    }
}

#[test]
fn a_family_that_is_not_heard_for_a_while_brings_no_other_driver() {
    let again = |world: &mut World, gone: fn(DpllKind) -> Reading| {
        for dpll in [DpllKind::Eec, DpllKind::Pps] {
            let dump = Reading::DpllLock {
                dpll,
                status: Some(LockStatus::Holdover),
                origin: Origin::Dump,
            };
            world.see(world.second * 1_000 + 910, 0, gone(dpll));
            world.see(world.second * 1_000 + 920, 0, dump);
        }
        world.run(1);
        world.core.cards(world.now()).next().unwrap().phase
    };
    let mut world = holding(Choice::default());
    gives_up(&mut world, 0);
    assert_eq!(again(&mut world, |dpll| Reading::DpllUnheard { dpll }), -1);
    assert_eq!(
        again(&mut world, |dpll| Reading::DpllGone { dpll }),
        4,
        "another driver"
    );
    assert_eq!(world.class(), 7);
}
