//! The simulator and the fault injector sit on the hardware thread: in their steady state they allocate nothing.
#![allow(clippy::unwrap_used)] // helpers of tests

use tgm_core::{Core, Now};
use tgm_sim::{Damage, FaultInjector, Setup, Simulation, Source};
use tgm_sys::count::{Counting, allocations};
use tgm_time::{Nanos, Time};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const START: Now = Now {
    mono: Time::from_nanos(1_000_000_000_000),
    system: Time::from_nanos(1_790_000_000_250_000_000),
};

/// Allocations and observations of ten minutes: two antenna cuts of the demonstration.
fn ten_minutes(mut source: impl Source) -> (u64, u64) {
    let mut seen = 0;
    let count = allocations(|| {
        while let Some(at) = source.next_at().filter(|at| *at <= START.mono + Nanos::from_secs(600)) {
            source.poll(at, &mut |_| seen += 1);
        }
    });
    (count, seen)
}

#[test]
fn ten_minutes_of_simulation_allocate_nothing() {
    let simulation = Simulation::new(&Setup::demo(1), START);
    let (allocations, seen) = ten_minutes(simulation);
    assert!(seen > 2_000, "{seen}");
    assert_eq!(allocations, 0);
}

#[test]
fn a_damaged_source_allocates_nothing_either() {
    let damage = Damage {
        dropped: 0.1,
        duplicated: 0.1,
        corrupted: 0.1,
        delayed: 0.5,
        ..Damage::default()
    };
    let simulation = Simulation::new(&Setup::demo(1), START);
    let (allocations, seen) = ten_minutes(FaultInjector::new(simulation, damage, 1));
    assert!(seen > 2_000, "{seen}");
    assert_eq!(allocations, 0);
}

#[test]
fn a_core_driven_by_the_simulation_allocates_nothing() {
    let setup = Setup::demo(1);
    let mut core = Core::new(&setup.core_config().unwrap());
    let mut simulation = Simulation::new(&setup, START);
    let mut events = 0;
    let end = START.mono + Nanos::from_secs(600);
    let count = allocations(|| while simulation.drive(&mut core, end, |_| events += 1).is_some() {});
    assert_eq!(count, 0);
    assert!(events > 20, "{events}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}
