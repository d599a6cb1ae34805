//! Keeping the checkpoint allocates nothing, and what is kept is what the core is in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use std::hint::black_box;
use std::path::PathBuf;

use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Core, Instance, Now, Port};
use tgm_node::checkpoint::{CheckpointFile, Keeper, Record, SLOT};
use tgm_sys::count::{Counting, allocations};
use tgm_time::{Mono, Nanos, Time};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn core() -> Core {
    let mut config = Config::default();
    let instance = InstanceConfig {
        instance: Instance(0),
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    config.instance(instance).unwrap();
    let card = CardConfig {
        instance: Instance(0),
        port: Port(0),
        phc_on_dpll: true,
        has_gnss: true,
        has_dpll: true,
        simulated: false,
    };
    config.card(card).unwrap();
    Core::new(&config)
}

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
}

#[test]
fn it_beats_and_writes_four_times_a_second_and_allocates_nothing() {
    let place = Place(std::env::temp_dir().join(format!("tgm-keeper-{}", std::process::id())));
    let file = CheckpointFile::open(&place.0).unwrap();
    let mut core = core();
    let mut keeper = Keeper::new(CheckpointFile::open(&place.0).unwrap(), Record::new([7; 16], 9), 0);
    let at = |ms: i64| -> Time<Mono> { Time::from_parts(100, 0) + Nanos::from_millis(ms) };
    let mut buffer = Box::new([0; SLOT]);
    let (mut beats, mut written) = (vec![], vec![]);
    for ms in (0..3_000).step_by(50) {
        let now = at(ms);
        if ms == 0 {
            core.tick(
                Now {
                    mono: now,
                    system: Time::from_nanos(0),
                },
                |_| {},
            ); // events: Free-Run is told
        }
        let count = allocations(|| assert!(!keeper.turn(&core, now, std::iter::empty())));
        assert_eq!(count, 0);
        beats.push(file.head().heartbeat);
        written.push(file.read(&mut buffer).unwrap().1.core.at);
    }
    beats.dedup();
    written.dedup();
    assert_eq!(beats.len(), 12);
    assert_eq!(written, beats);
    assert_eq!(written[..3], [at(0), at(250), at(500)]);
    let (_, record) = file.read(&mut buffer).unwrap();
    assert_eq!((record.boot, record.shape), ([7; 16], 9));
    assert_eq!(record.core.cards.iter().flatten().count(), 1);
    // After a silence in which a guardian may have acted it says so, once.
    assert!(keeper.turn(&core, at(5_000), std::iter::empty()));
    assert!(!keeper.turn(&core, at(5_250), std::iter::empty()));
}
