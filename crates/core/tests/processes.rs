//! What follows from a process that is down (requirements 6), by the core's public face.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::{Choice, World};
use tgm_core::config::{Compat, Policy};
use tgm_core::{Cause, EventKind, LockStatus, Process, Reading};
use tgm_time::Nanos;

/// `process` goes down or comes up, 900 ms into the present second.
fn told(world: &mut World, process: Process, up: bool) {
    world.see(world.second * 1_000 + 900, 0, Reading::Process { process, up });
}

fn offset_of_system_clock(world: &mut World) {
    let what = Reading::SystemClock {
        offset: Nanos::from_secs(37),
        uncertainty: Nanos(300),
    };
    world.see(world.second * 1_000 + 860, 0, what);
}

#[test]
fn func_tgm012_r1_a_downtime_within_the_threshold_tells_nothing() {
    for process in Process::ALL {
        let mut world = World::locked(Choice::default());
        told(&mut world, process, false);
        world.run(4);
        told(&mut world, process, true);
        world.run(20);
        assert_eq!(world.events, [], "{process:?}");
    }
}

#[test]
fn func_tgm012_r2_without_ts2phc_a_phc_that_is_seen_stays_locked_and_the_alarm_stands() {
    let mut world = World::locked(Choice::default());
    told(&mut world, Process::Ts2phc, false);
    world.run(30);
    assert_eq!(world.told(EventKind::ProcessesDown), [1]);
    assert_eq!(world.events[0].cause, Cause::ProcessDown);
    assert_eq!(world.events[0].at, common::mono(20_900));
    assert_eq!(world.class(), 6);
    world.cards[0].pulse = None; // nor do we see it any more
    world.run(4);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    told(&mut world, Process::Ts2phc, true);
    world.run(1); // it stays
    assert_eq!(world.told(EventKind::ProcessesDown), [1, 0]);
}

#[test]
fn func_tgm012_r3_while_ptp4l_is_down_no_class_better_than_248_is_told() {
    let mut world = World::locked(Choice::default());
    told(&mut world, Process::Ptp4l, false);
    world.run(30);
    assert_eq!(world.told(EventKind::ClockClass), [248]);
    assert_eq!(
        world.told(EventKind::LockState),
        [],
        "the clock itself is as good as before"
    );
    assert_eq!(world.announce().class.0, 6, "what the next one shall announce");
    told(&mut world, Process::Ptp4l, true);
    world.run(1); // it stays
    assert_eq!(world.told(EventKind::ClockClass), [248, 6]);
    let class = |event: &&tgm_core::Event| event.kind == EventKind::ClockClass;
    let causes: Vec<Cause> = world.events.iter().filter(class).map(|event| event.cause).collect();
    assert_eq!(causes, [Cause::ProcessDown, Cause::Reported]);
}

#[test]
fn func_tgm012_r4_without_phc2sys_the_system_clock_holds_over_and_then_runs_free() {
    let run = |compat| {
        let policy = Policy {
            compat,
            ..Policy::default()
        };
        let mut world = World::locked(Choice {
            policy,
            ..Choice::default()
        });
        offset_of_system_clock(&mut world);
        world.events.clear();
        told(&mut world, Process::Phc2sys, false);
        for _ in 0..20 {
            world.run(1);
            offset_of_system_clock(&mut world);
        }
        let e3 = world.told(EventKind::OsClockState);
        assert_eq!(e3, world.told(EventKind::SyncState), "E4 is the worst of E1 and E3");
        assert_eq!(world.told(EventKind::LockState), []);
        let at = world.events.iter().find(|event| event.kind == EventKind::OsClockState);
        (e3, at.unwrap().at)
    };
    assert_eq!(run(Compat::None), (vec![2, 0], common::mono(20_900)));
    assert_eq!(run(Compat::Openshift), (vec![0], common::mono(15_900)));
}

// Hazard: silent; processes: a monitor that died says nothing.
#[test]
fn func_tgm012_r5_without_its_monitor_a_dpll_is_unobserved_whatever_it_said_last() {
    let mut world = World::locked(Choice::default());
    told(&mut world, Process::DpllMonitor, false);
    world.cards[0].phase = None; // who does not listen hears nothing
    world.run(6);
    assert_eq!(world.told(EventKind::ClockClass), [7]);
    assert_eq!(world.told(EventKind::Frequency), [-1]);

    let mut world = World::locked(Choice::default());
    world.cards[0].status = LockStatus::Holdover;
    world.run(2);
    world.cards[0].mute();
    told(&mut world, Process::DpllMonitor, false);
    world.run(10);
    assert_eq!(world.told(EventKind::Frequency), [4, -1]);
    assert_eq!(world.told(EventKind::ClockClass), [7], "a holdover goes on");
    told(&mut world, Process::DpllMonitor, true);
    world.run(1); // it stays
    assert_eq!(world.told(EventKind::Frequency), [4, -1, 4]);
}
