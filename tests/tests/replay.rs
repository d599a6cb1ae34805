//! A recorded day: what is played back through decoders and core tells the same events byte for byte, each time and as it was told live.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test says what is wrong by panicking

use tgm_benches::day::{DAY, Day, FAULTS, START, setup};
use tgm_core::{Core, Event, EventKind};
use tgm_sim::Simulation;

fn written(events: &[Event]) -> Vec<u8> {
    format!("{events:#?}").into_bytes()
}

/// The edges of a kind, old and new.
fn edges(events: &[Event], kind: EventKind) -> Vec<(i64, i64)> {
    events
        .iter()
        .filter(|event| event.kind == kind)
        .map(|event| (event.old, event.new))
        .collect()
}

#[test]
fn a_day_with_a_hundred_faults_replays_the_same_twice_and_as_live() {
    assert_eq!(setup().script.len(), 20 * FAULTS.len());
    let (day, live) = Day::record(DAY);
    let replayed = || {
        let mut events = Vec::new();
        day.replay(|event| events.push(*event));
        written(&events)
    };
    let live_bytes = written(&live);
    assert!(replayed() == live_bytes, "a replay differs from what was told live");
    assert!(replayed() == live_bytes, "a second replay differs");
    assert!(live.len() > 500, "{}", live.len());

    // And the bytes say what the simulated card meant: a core that takes its observations directly goes through the same states.
    let mut core = Core::new(&setup().core_config().unwrap());
    let mut simulation = Simulation::new(&setup(), START);
    let mut direct = Vec::new();
    core.tick(START, |_| ());
    while simulation
        .drive(&mut core, START.mono + DAY, |event| direct.push(*event))
        .is_some()
    {}
    for kind in [EventKind::LockState, EventKind::ClockClass] {
        let (there, here) = (edges(&direct, kind), edges(&live, kind));
        let longest = there.iter().zip(&here).take_while(|(a, b)| a == b).count();
        assert_eq!(here.len(), there.len(), "{kind:?} differs from edge {longest} on");
        assert_eq!(here, there, "{kind:?} differs from edge {longest} on");
        assert!(there.len() > 50, "{there:?}");
    }
}
