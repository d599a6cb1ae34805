//! Every scenario in `tests/scenarios` through the core, in virtual time; and that the runner can fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test says what is wrong by panicking

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tgm_core::{Core, Event, Now};
use tgm_sim::{Scenario, Simulation, run};
use tgm_time::{Nanos, Time};

/// There were this many when this was written; fewer means that files got lost.
const AT_LEAST: usize = 84;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn scenarios() -> Vec<(String, Scenario)> {
    let load = |path: PathBuf| {
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        (path.file_name().unwrap().to_string_lossy().into_owned(), scenario)
    };
    files().into_iter().map(load).collect()
}

#[test]
fn every_scenario_passes() {
    let mut failures = Vec::new();
    for (name, scenario) in scenarios() {
        let report = run(&scenario, |_| ());
        failures.extend(report.failures.iter().map(|failure| format!("{name}: {failure}")));
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn scenarios_have_numbers_of_their_own_and_each_expects_something() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= AT_LEAST, "{} scenarios", scenarios.len());
    let mut numbers = BTreeSet::new();
    for (name, scenario) in &scenarios {
        let number = name.split_once('-').map(|(number, _)| number);
        let number = number
            .filter(|number| number.len() == 3)
            .and_then(|number| number.parse::<u16>().ok());
        assert!(
            number.is_some_and(|number| numbers.insert(number)),
            "{name}: three digits that no other has"
        );
        let expected = scenario.expectations.len() + scenario.never.len() + scenario.count.len();
        assert!(expected > 0, "{name} expects nothing");
    }
}

#[test]
fn the_states_and_their_loss_are_covered() {
    let shown: BTreeSet<String> = scenarios()
        .into_iter()
        .flat_map(|(_, scenario)| scenario.requirements)
        .collect();
    for id in [
        "FUNC-TGM001-R1",
        "FUNC-TGM002-R1",
        "FUNC-TGM003-R1",
        "FUNC-TGM004-R1",
        "FUNC-TGM005-R1",
        "FUNC-TGM006-R1",
        "FUNC-TGM007-R3",
        "FUNC-TGM009-R4",
        "FUNC-TGM010-R1",
        "FUNC-TGM012-R2",
        "FUNC-TGM015-R3",
        "PERF-TGM001-R1",
        "PERF-TGM002-R1",
    ] {
        assert!(shown.contains(id), "no scenario shows {id}");
    }
}

/// A scenario that is true, with one line exchanged for one that is not.
fn twisted(file: &str, from: &str, to: &str) -> Vec<String> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    let scenario = Scenario::parse(&text.replace(from, to), &path).unwrap();
    run(&scenario, |_| ())
        .failures
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_wrong_expectation_fails() {
    const CUT: &str = "003-antenna-cut.toml";
    assert_eq!(twisted(CUT, "[count]", "[count]"), Vec::<String>::new());
    let failures = twisted(
        "037-four-hours-of-holdover.toml",
        "true_error_ns = 1500",
        "true_error_ns = 10",
    );
    assert!(
        failures.iter().any(|failure| failure.contains("true time error")),
        "{failures:?}"
    );
    for (from, to, complaint) in [
        (
            "value = 7\n",
            "value = 248\n",
            "expected clock-class 248 within 20s … 21s",
        ),
        (
            "\"97s\", \"100s\"",
            "\"80s\", \"85s\"",
            "expected lock-state LOCKED within 80s … 85s",
        ),
        (
            "lock-state = [\"FREERUN\"]",
            "lock-state = [\"HOLDOVER\"]",
            "must never be told",
        ),
        ("lock-state = 2", "lock-state = 3", "was told 2 times, expected 3"),
        (
            "cause = \"dpll-holdover\"",
            "cause = \"stale\"",
            "expected lock-state HOLDOVER (stale)",
        ),
    ] {
        let failures = twisted(CUT, from, to);
        assert!(
            failures.iter().any(|failure| failure.contains(complaint)),
            "{to}: {failures:?}"
        );
    }
}

#[test]
fn the_same_scenario_tells_the_same_events() {
    let path = folder().join("003-antenna-cut.toml");
    let scenario = Scenario::load(&path).unwrap();
    let (first, second) = (run(&scenario, |_| ()), run(&scenario, |_| ()));
    assert!(!first.events.is_empty());
    assert_eq!(first.events, second.events);
}

/// Runs a scenario with ticks at the core's deadlines only, or with many more.
fn events(scenario: &Scenario, tick_every: Option<Nanos>) -> Vec<Event> {
    let start = Now {
        mono: Time::from_parts(1_000, 0),
        system: scenario.utc,
    };
    let mut core = Core::new(&scenario.setup.core_config().unwrap());
    let mut simulation = Simulation::new(&scenario.setup, start);
    let mut events = Vec::new();
    simulation.warm_up(&mut core, |event| events.push(*event));
    core.tick(simulation.now(start.mono), |event| events.push(*event));
    let end = start.mono + scenario.duration.min(Nanos::from_secs(300));
    let mut reached = start.mono;
    while reached < end {
        reached = tick_every.map_or(end, |every| end.min(reached + every));
        while simulation
            .drive(&mut core, reached, |event| events.push(*event))
            .is_some()
        {}
        if tick_every.is_some() {
            core.tick(simulation.now(reached), |event| events.push(*event));
        }
    }
    events
}

// Hazard: late; deadlines: nothing is told later for want of a tick.
#[test]
fn the_core_misses_no_moment_between_its_deadlines() {
    for (name, scenario) in scenarios() {
        let few = events(&scenario, None);
        let many = events(&scenario, Some(Nanos::from_millis(37)));
        for (a, b) in few.iter().zip(&many) {
            assert_eq!(a, b, "{name}");
        }
        assert_eq!(few.len(), many.len(), "{name}");
    }
}

#[test]
fn each_event_begins_where_the_last_of_its_kind_ended() {
    for (name, scenario) in scenarios() {
        let mut last = std::collections::HashMap::new();
        for (seq, event) in (1..).zip(events(&scenario, None)) {
            assert_eq!(event.seq, seq, "{name}");
            assert_ne!(event.old, event.new, "{name}: {event:?}");
            if let Some(value) = last.insert((event.kind, event.instance, event.port), event.new) {
                assert_eq!(event.old, value, "{name}: {event:?}");
            }
        }
    }
}
