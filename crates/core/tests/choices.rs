//! What is a matter of choice: pins, followers, profiles, classes out of specification, accuracy.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World, good};
use tgm_core::config::{CardPolicy, Compat, Limits, OnFault, OutOfSpec, Policy, Profile};
use tgm_core::*;
use tgm_time::Nanos;

fn own_pins() -> Choice {
    Choice {
        card: CardPolicy {
            owns_pins: true,
            ..CardPolicy::default()
        },
        ..Choice::default()
    }
}

fn jammed() -> Option<GnssEpoch> {
    Some(GnssEpoch {
        jamming: Jamming::Critical,
        ..good()
    })
}

/// Shortest holdover in specification: 2 ns, left after 19.2 s.
fn short() -> Limits {
    Limits {
        max_in_spec: Nanos(2),
        ..Limits::DEFAULT
    }
}

#[test]
fn func_tgm015_r3_a_jammed_receiver_is_detached_and_the_dpll_holds() {
    let mut world = World::locked(own_pins());
    assert_eq!(world.desired(0).pins, GnssPin::Attached);
    world.cards[0].epoch = jammed();
    world.run(1);
    assert_eq!((world.class(), world.desired(0).pins), (6, GnssPin::Detached));
    let detached = world
        .events
        .iter()
        .find(|event| event.kind == EventKind::GnssPin)
        .unwrap();
    assert_eq!((detached.new, detached.cause), (0, Cause::GnssUntrusted));
    world.cards[0].status = LockStatus::Holdover; // the pin is out
    world.run(1);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    // Good again: a minute of trust, and no earlier.
    world.cards[0].epoch = Some(good());
    world.run(60);
    assert_eq!(world.desired(0).pins, GnssPin::Detached);
    world.run(1);
    assert_eq!(world.desired(0).pins, GnssPin::Attached);
    world.cards[0].status = LockStatus::LockedHoAcq;
    world.run(12);
    assert_eq!(world.told(EventKind::ClockClass), [7, 6]);
    assert_eq!(world.told(EventKind::GnssPin), [0, 1]);
}

#[test]
fn a_detach_that_does_nothing_ends_in_free_run_after_three_seconds() {
    let mut world = World::locked(own_pins());
    world.cards[0].epoch = jammed();
    world.run(2);
    assert_eq!(world.class(), 6);
    world.cards[0].epoch = Some(good()); // what was begun is finished: the pin may be out by now
    world.run(3);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    let at = |kind| world.events.iter().find(|event| event.kind == kind).unwrap().at;
    assert_eq!(at(EventKind::ClockClass) - at(EventKind::GnssPin), Nanos::from_secs(3));
    world.run(30);
    assert_eq!(world.class(), 248, "good samples of a detached pulse count for nothing");
}

#[test]
fn gnss_lost_while_the_dpll_follows_is_detached_too_and_the_holdover_began_at_the_loss() {
    let mut world = World::locked(own_pins());
    world.cards[0].epoch = Some(GnssEpoch {
        fix: GnssFix::None,
        ..good()
    });
    world.run(4);
    assert_eq!((world.class(), world.desired(0).pins), (6, GnssPin::Detached));
    world.cards[0].status = LockStatus::Holdover;
    world.run(1);
    assert_eq!(world.class(), 7);
    let view = world.core.cards(world.now()).next().unwrap();
    assert!(view.estimate.is_some());
    world.run(14_396);
    // 14 400 s after the loss, some seconds before they have passed since the DPLL's word.
    assert_eq!(world.told(EventKind::ClockClass), [7, 248]);
    let of = |kind, new| world.events.iter().find(|e| e.kind == kind && e.new == new).unwrap().at;
    let held = of(EventKind::ClockClass, 248) - of(EventKind::ClockClass, 7);
    assert!(held < Nanos::from_secs(14_398), "{held}");
}

#[test]
fn an_accuracy_that_goes_with_the_fix_is_the_loss_of_gnss_and_no_fault_of_the_phc() {
    let mut world = World::locked(own_pins());
    world.cards[0].epoch = Some(GnssEpoch {
        t_acc: Some(Nanos(2_000_000)),
        ..good()
    });
    world.run(6);
    assert_eq!((world.class(), world.desired(0).pins), (6, GnssPin::Detached));
    world.cards[0].status = LockStatus::Holdover;
    world.run(1);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
}

#[test]
fn without_holdover_acquired_or_without_the_pin_a_jammed_receiver_is_free_run_at_once() {
    let mut world = World::locked(own_pins());
    world.cards[0].status = LockStatus::Locked;
    world.run(20);
    world.cards[0].epoch = jammed();
    world.run(1);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    let mut world = World::locked(Choice::default());
    world.cards[0].epoch = jammed();
    world.run(1);
    assert_eq!((world.class(), world.desired(0).pins), (248, GnssPin::NotOurs));
    assert_eq!(world.told(EventKind::GnssPin), []);
}

#[test]
fn a_holdover_does_not_follow_a_spoofed_pulse_either() {
    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover;
    world.run(30);
    world.cards[0].epoch = jammed();
    world.run(5);
    assert_eq!(world.class(), 7, "the DPLL holds, whatever the receiver is told");
    world.cards[0].status = LockStatus::Locked;
    world.run(1);
    assert_eq!(world.told(EventKind::ClockClass), [7, 248]);
}

#[test]
fn a_holdover_does_not_follow_a_pulse_without_a_fix_for_longer_than_the_grace_time() {
    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover;
    world.cards[0].epoch = None;
    world.run(30);
    world.cards[0].status = LockStatus::Locked;
    world.run(2);
    assert_eq!(world.class(), 7);
    world.run(2);
    assert_eq!(world.told(EventKind::ClockClass), [7, 248]);
}

#[test]
fn func_tgm006_r1_a_second_that_disagrees_after_a_changed_utc_offset_is_not_announced() {
    let mut world = World::locked(Choice::default());
    world.cards[0].epoch = Some(GnssEpoch {
        leap: Some(tgm_time::Seconds(17)),
        ..good()
    });
    world.run(4);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
}

fn two(on_fault: OnFault, compat: Compat) -> World {
    World::locked(Choice {
        followers: 1,
        card: CardPolicy {
            on_fault,
            ..CardPolicy::default()
        },
        policy: Policy {
            compat,
            ..Policy::default()
        },
        ..Choice::default()
    })
}

#[test]
fn a_follower_takes_its_node_with_it_or_is_isolated_or_makes_it_free_run() {
    let loses_its_cable = |world: &mut World| {
        world.cards[1].status = LockStatus::Holdover;
        world.run(2);
    };
    let mut world = two(OnFault::Node, Compat::None);
    loses_its_cable(&mut world);
    assert_eq!((world.class(), world.desired(1).isolated), (7, false));

    let mut world = two(OnFault::Isolate, Compat::None);
    loses_its_cable(&mut world);
    assert_eq!((world.class(), world.told(EventKind::ClockClass)), (6, vec![]));
    assert!(world.desired(1).isolated && !world.desired(0).isolated);
    let event = world
        .events
        .iter()
        .find(|event| event.kind == EventKind::Isolated)
        .unwrap();
    assert_eq!((event.port, event.old, event.new), (Port(1), 0, 1));
    world.cards[0].status = LockStatus::Unlocked; // the leader is no better any more
    world.run(1);
    assert_eq!((world.class(), world.told(EventKind::Isolated)), (248, vec![1, 0]));

    let mut world = two(OnFault::Node, Compat::Openshift);
    loses_its_cable(&mut world);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(world.told(EventKind::LockState), [0]);
    world.cards[0].status = LockStatus::Holdover; // then neither is LOCKED: worst-of again
    world.run(1);
    assert_eq!(world.class(), 7);
}

#[test]
fn flapping_is_told_when_it_begins_and_when_the_losses_are_forgotten() {
    let mut world = World::locked(Choice::default());
    for _ in 0..2 {
        world.cards[0].status = LockStatus::Unlocked;
        world.run(1);
        world.cards[0].status = LockStatus::LockedHoAcq;
        world.run(30);
        assert_eq!(world.class(), 6);
    }
    assert_eq!(world.told(EventKind::Flapping), [1]);
    world.run(600);
    assert_eq!(world.told(EventKind::Flapping), [1, 0]);
    let at: Vec<_> = world
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Flapping)
        .map(|e| e.at)
        .collect();
    assert_eq!(
        at[1] - at[0],
        Nanos::from_secs(600) - Nanos::from_secs(31),
        "ten minutes after the first loss"
    );
}

fn degraded(out_of_spec: OutOfSpec, profile: Profile, quality: Option<InputQuality>) -> World {
    let policy = Policy {
        profile,
        ..Policy::default()
    };
    let mut world = World::locked(Choice {
        limits: short(),
        out_of_spec,
        policy,
        ..Choice::default()
    });
    let (ms, origin) = (world.second * 1_000 + 900, Origin::Notification);
    if let Some(quality) = quality {
        world.see(ms, 0, Reading::EecQuality { quality, origin });
    }
    // The PPS DPLL holds; the EEC goes on following, and something proves it each second.
    let (dpll, status) = (DpllKind::Pps, Some(LockStatus::Holdover));
    world.see(ms, 0, Reading::DpllLock { dpll, status, origin });
    world
}

fn held(world: &mut World, seconds: i64) {
    world.run(seconds);
}

#[test]
fn func_tgm003_r2_each_class_out_of_specification_and_what_it_traces_to() {
    use InputQuality::{Category1, Category2, Category3, Unknown};
    for (out, profile, quality, class, traceable) in [
        (OutOfSpec::Auto, Profile::G8275, Some(Category1), 140, true),
        (OutOfSpec::Auto, Profile::G8275, Some(Category2), 150, false),
        (OutOfSpec::Auto, Profile::G8275, Some(Category3), 160, false),
        (OutOfSpec::Auto, Profile::G8275, Some(Unknown), 248, false),
        (OutOfSpec::Auto, Profile::G8275, None, 248, false),
        (OutOfSpec::None, Profile::G8275, Some(Category1), 248, true),
        (OutOfSpec::Category1, Profile::G8275, None, 140, true),
        (OutOfSpec::Category3, Profile::G8275, Some(Category1), 160, false),
        (OutOfSpec::None, Profile::Default1588, None, 52, false),
        (OutOfSpec::None, Profile::Default1588MayFollow, None, 187, false),
    ] {
        let mut world = degraded(out, profile, quality);
        held(&mut world, 21);
        let announce = world.announce();
        let got = (announce.class.0, announce.frequency_traceable, announce.time_traceable);
        assert_eq!(got, (class, traceable, false), "{out:?} {profile:?} {quality:?}");
        assert_eq!(world.told(EventKind::ClockClass), [7, i64::from(class)]);
    }
}

#[test]
fn a_class_that_was_had_from_the_eec_follows_its_quality_and_goes_with_its_lock() {
    let mut world = degraded(OutOfSpec::Auto, Profile::G8275, Some(InputQuality::Category1));
    held(&mut world, 21);
    let (origin, quality) = (Origin::Notification, InputQuality::Category2);
    world.see(world.second * 1_000 + 900, 0, Reading::EecQuality { quality, origin });
    assert_eq!(world.told(EventKind::ClockClass), [7, 140, 150]);
    assert_eq!(seen_quality(&world), InputQuality::Category2);
    world.cards[0].phase = None; // nothing proves any more that the EEC is locked
    held(&mut world, 7);
    assert_eq!(world.told(EventKind::ClockClass), [7, 140, 150, 248]);
    let last = world
        .events
        .iter()
        .rev()
        .find(|event| event.kind == EventKind::ClockClass)
        .unwrap();
    assert_eq!(last.cause, Cause::EecLost);
    assert_eq!(seen_quality(&world), InputQuality::Unknown);
}

fn seen_quality(world: &World) -> InputQuality {
    world.core.cards(world.now()).next().unwrap().eec_quality
}

#[test]
fn func_tgm009_r2_accuracy_of_a_holdover_tells_the_estimate_where_that_is_chosen() {
    let policy = Policy {
        accuracy_from_estimate: true,
        ..Policy::default()
    };
    let mut world = World::locked(Choice {
        policy,
        ..Choice::default()
    });
    world.cards[0].status = LockStatus::Holdover;
    world.run(100);
    assert_eq!(world.announce().accuracy, 0x20);
    world.run(200); // 31 ns
    assert_eq!(world.announce().accuracy, 0x21);
    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover;
    world.run(100);
    assert_eq!(world.announce().accuracy, 0xfe);
}

#[test]
fn a_card_with_only_one_dpll_locks_and_holds_by_that_one() {
    for dpll in [DpllKind::Eec, DpllKind::Pps] {
        let mut world = World::new(Choice::default());
        world.cards[0].status = LockStatus::LockedHoAcq;
        world.cards[0].mute();
        let (status, origin) = (Some(LockStatus::LockedHoAcq), Origin::Notification);
        world.see(10, 0, Reading::DpllLock { dpll, status, origin });
        world.run(15);
        assert_eq!(world.class(), 6, "{dpll:?}");
        let status = Some(LockStatus::Holdover);
        world.see(
            world.second * 1_000 + 900,
            0,
            Reading::DpllLock { dpll, status, origin },
        );
        assert_eq!(world.class(), 7, "{dpll:?}");
    }
}
