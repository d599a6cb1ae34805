//! The simulator and the fault injector sit on the hardware thread: in their steady state they allocate nothing.
#![allow(unsafe_code)] // a global allocator is an unsafe trait
#![allow(clippy::unwrap_used)] // helpers of tests

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tgm_core::{Core, Now};
use tgm_sim::{Damage, FaultInjector, Setup, Simulation, Source};
use tgm_time::{Nanos, Time};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts what this thread asks of the system's allocator.
struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator, which fulfils the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` by `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const START: Now = Now {
    mono: Time::from_nanos(1_000_000_000_000),
    system: Time::from_nanos(1_790_000_000_250_000_000),
};

/// Allocations and observations of ten minutes: two antenna cuts of the demonstration.
fn ten_minutes(mut source: impl Source) -> (u64, u64) {
    let before = COUNT.with(Cell::get);
    let mut seen = 0;
    while let Some(at) = source.next_at().filter(|at| *at <= START.mono + Nanos::from_secs(600)) {
        source.poll(at, &mut |_| seen += 1);
    }
    (COUNT.with(Cell::get) - before, seen)
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
    let before = COUNT.with(Cell::get);
    let end = START.mono + Nanos::from_secs(600);
    while simulation.drive(&mut core, end, |_| events += 1).is_some() {}
    assert_eq!(COUNT.with(Cell::get) - before, 0);
    assert!(events > 20, "{events}");
}

#[test]
fn the_counter_counts() {
    let before = COUNT.with(Cell::get);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.with(Cell::get) - before, 1);
}
