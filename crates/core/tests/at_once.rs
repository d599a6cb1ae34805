//! What an observation changes is told with it: not by the next tick, and not by the next observation.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World, good};
use tgm_core::config::{CardPolicy, DrillPlan};
use tgm_core::*;
use tgm_time::{Femtos, Nanos, Time};

const UTC0: i64 = 1_800_000_000;

/// Milliseconds after the present second's last observation.
fn later(world: &World, ms: i64) -> i64 {
    world.second * 1_000 + 860 + ms
}

#[test]
fn an_epoch_is_judged_when_it_comes() {
    let mut world = World::locked(Choice::default());
    let jammed = GnssEpoch {
        jamming: Jamming::Critical,
        utc: Some(Time::from_parts(UTC0 + world.second, 0)),
        ..good()
    };
    let ms = later(&world, 0);
    world.see(ms, 0, Reading::Gnss(jammed));
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(world.events.last().unwrap().at, common::mono(ms));
}

#[test]
fn the_sample_that_loses_a_condition_loses_the_state() {
    let mut world = World::locked(Choice::default());
    for n in 0..3 {
        assert_eq!(world.told(EventKind::ClockClass), [], "{n}");
        let ms = later(&world, n);
        let second = UTC0 + 37 + world.second;
        let offset = Nanos(-150);
        world.see(ms, 0, Reading::Pulse { second, offset });
    }
    assert_eq!(world.told(EventKind::ClockClass), [248]);
}

#[test]
fn a_lock_status_is_judged_when_it_comes() {
    for (status, class) in [(LockStatus::Holdover, 7), (LockStatus::Unlocked, 248)] {
        let mut world = World::locked(Choice::default());
        let ms = later(&world, 0);
        let what = Reading::DpllLock {
            dpll: DpllKind::Eec,
            status: Some(status),
            origin: Origin::Notification,
        };
        world.see(ms, 0, what);
        assert_eq!(world.told(EventKind::ClockClass), [class]);
    }
}

#[test]
fn a_phase_offset_beyond_the_limit_ends_a_holdover_when_it_comes() {
    let mut world = World::locked(Choice::default());
    let origin = Origin::Notification;
    let (dpll, status) = (DpllKind::Pps, Some(LockStatus::Holdover));
    world.see(later(&world, 0), 0, Reading::DpllLock { dpll, status, origin });
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    let ms = later(&world, 10);
    let offset = Femtos(2_000_000_000); // 2 µs
    world.see(ms, 0, Reading::DpllPhase { offset, origin });
    assert_eq!(world.told(EventKind::ClockClass), [7, 248]);
    assert_eq!(world.events.last().unwrap().at, common::mono(ms));
}

#[test]
fn what_a_receiver_says_first_is_told_when_it_says_it() {
    let mut world = World::new(Choice::default());
    let mut epoch = good();
    (epoch.fix_ok, epoch.state) = (Some(false), GnssState::AntennaDisconnected);
    world.see(500, 0, Reading::Gnss(epoch));
    let told = world.told(EventKind::GnssState);
    assert_eq!(told.last(), Some(&i64::from(GnssState::AntennaDisconnected.number())));
}

fn watched() -> Choice {
    Choice {
        card: CardPolicy {
            frequency_limit: Some(2_000),
            cable: Nanos(7),
            phy: Nanos(11),
            ..CardPolicy::default()
        },
        ..Choice::default()
    }
}

/// The oscillator shows this frequency, ppb, `times` times, five seconds apart.
fn shows(world: &mut World, ppb: i64, times: usize) {
    for _ in 0..times {
        world.run(5);
        let ms = later(world, 0);
        let femtos_per_second = ppb * 1_000_000;
        world.see(ms, 0, Reading::Oscillator { femtos_per_second });
    }
}

#[test]
fn func_tgm015_r3_a_walk_in_the_oscillators_frequency_is_told_with_the_third_measurement() {
    let mut world = World::locked(watched());
    shows(&mut world, 1, 31);
    shows(&mut world, 5, 2);
    assert_eq!(world.told(EventKind::ClockClass), []);
    world.run(5);
    let ms = later(&world, 0);
    let femtos_per_second = 5_000_000;
    world.see(ms, 0, Reading::Oscillator { femtos_per_second });
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    let last = world
        .events
        .iter()
        .rfind(|event| event.kind == EventKind::ClockClass)
        .unwrap();
    assert_eq!((last.at, last.cause), (common::mono(ms), Cause::PulseWalk));
    // While it is shown, there is no way back; once nothing is shown any more, a clock that claims nothing forgets.
    shows(&mut world, 5, 10);
    assert_eq!(world.class(), 248);
    world.run(80);
    assert_eq!(world.class(), 6);
}

#[test]
fn nothing_is_learned_of_an_oscillator_before_its_clock_is_locked() {
    let mut world = World::new(watched());
    world.cards[0].phase = None; // so it does not lock
    shows(&mut world, 9, 40);
    assert_eq!(world.class(), 248);
    world.cards[0].phase = Some(2);
    world.run(15);
    assert_eq!(world.class(), 6);
    shows(&mut world, 0, 35);
    assert_eq!(world.class(), 6);
}

#[test]
fn a_holdovers_bound_begins_with_the_last_good_samples() {
    let mut world = World::locked(watched());
    let view = |world: &World| world.core.cards(world.now()).next().unwrap();
    let bound = TeBound::of(&view(&world)).unwrap();
    // tAcc 20, cable 7, Φ 2, P 3, ports 11
    assert_eq!(bound.terms().map(|(_, term)| term.0), [20, 7, 2, 3, 11, 0, 0]);
    world.cards[0].status = LockStatus::Holdover;
    world.run(100);
    let bound = TeBound::of(&view(&world)).unwrap();
    assert_eq!(
        (bound.start, bound.holdover, bound.total()),
        (Nanos(43), Nanos(10), Nanos(53))
    );
    world.cards[0].status = LockStatus::Unlocked;
    world.run(1);
    assert_eq!(TeBound::of(&view(&world)), None);
}

#[test]
fn a_receiver_that_has_said_nothing_is_failed_at_its_stale_limit_exactly() {
    let mut world = World::new(Choice::default());
    world.cards[0].epoch = None;
    world.tick(2_999);
    let before = world.told(EventKind::GnssState);
    world.tick(3_000);
    let failed = i64::from(GnssState::FailureNofix.number());
    assert_eq!(before.last(), Some(&i64::from(GnssState::AcquiringSync.number())));
    assert_eq!(world.told(EventKind::GnssState).last(), Some(&failed));
    let told = world
        .events
        .iter()
        .rfind(|event| event.kind == EventKind::GnssState)
        .unwrap();
    assert_eq!(told.at, common::mono(3_000));
}

/// Each term within its limit, and all of them together not: what is lost is the state, with the third sample.
#[test]
fn time_accuracy_counts_in_the_root_sum_of_squares() {
    for (t_acc, offset, class) in [(80, 50, 6), (80, 70, 248), (20, 70, 6), (95, 3, 6)] {
        let mut world = World::locked(Choice::default());
        let epoch = GnssEpoch {
            t_acc: Some(Nanos(t_acc)),
            ..good()
        };
        (world.cards[0].epoch, world.cards[0].pulse) = (Some(epoch), Some(offset));
        world.run(6);
        assert_eq!(world.class(), class, "{t_acc} {offset}");
    }
}

#[test]
fn how_often_a_lock_may_be_lost_is_a_limit() {
    let needed = |window: i64, times: u16| {
        let limits = config::Limits {
            flapping_window: Nanos::from_secs(window),
            flapping_times: times,
            ..config::Limits::DEFAULT
        };
        let mut world = World::locked(Choice {
            limits,
            ..Choice::default()
        });
        for _ in 0..3 {
            world.cards[0].status = LockStatus::Holdover;
            world.run(2);
            assert_eq!(world.class(), 7);
            world.cards[0].status = LockStatus::LockedHoAcq;
            while world.class() != 6 {
                world.run(1);
            }
        }
        world.cards[0].status = LockStatus::Holdover;
        world.run(2);
        world.cards[0].status = LockStatus::LockedHoAcq;
        let before = world.second;
        while world.class() != 6 {
            world.run(1);
        }
        world.second - before
    };
    let (usual, capped, off) = (needed(600, 300), needed(600, 25), needed(0, 300));
    assert!(
        (80..=83).contains(&usual),
        "{usual}: the fourth loss makes it ten times eight"
    );
    assert!((25..=28).contains(&capped), "{capped}");
    assert!((10..=13).contains(&off), "{off}");
}

#[test]
fn a_holdover_on_purpose_says_so_and_another_does_not() {
    let plan = DrillPlan {
        every: Nanos::from_secs(60),
        length: Nanos::from_secs(20),
        bound: Nanos(500),
        alone: true,
    };
    let holds = |seconds| {
        let mut world = World::locked(Choice {
            card: CardPolicy {
                owns_pins: true,
                drill: Some(plan),
                ..CardPolicy::default()
            },
            ..Choice::default()
        });
        world.run(seconds);
        let pin = world.desired(0).pins;
        assert_eq!(world.told(EventKind::ClockClass), [], "the DPLL has not said so yet");
        let what = Reading::DpllLock {
            dpll: DpllKind::Pps,
            status: Some(LockStatus::Holdover),
            origin: Origin::Notification,
        };
        world.see(later(&world, 0), 0, what);
        let mut told = world.events.iter();
        let told = told.find(|event| event.kind == EventKind::ClockClass);
        (pin, told.map(|event| (event.new, event.cause)))
    };
    assert_eq!(holds(5), (GnssPin::Attached, Some((7, Cause::DpllHoldover))));
    assert_eq!(holds(46), (GnssPin::Detached, Some((7, Cause::HoldoverDrill))));
}
