//! Either process is killed a hundred times with no warning; the other goes on with the truth.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::time::{Duration, Instant};

use common::consumer::Consumer;
use common::{Folder, Tgmd, publishers, until};

const TIMES: usize = 100;
/// How long a publisher serves before it is killed: as one does that is not simply broken (those are not started at full speed).
const SERVES: Duration = Duration::from_millis(300);
const SYNC_STATE: &str = "/sync/sync-status/sync-state";

/// A card that is locked when the node starts, or one that has been switched on just now.
fn scenario(locked: bool) -> String {
    let start = if locked { "locked" } else { "cold" };
    format!("requirements = [\"FUNC-TGM007-R3\"]\ncard = \"e810-xxvda4t\"\nstart = \"{start}\"\nseed = 7\n")
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{what} {} times; back after: median {:?}, longest {:?}",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
}

#[test]
fn a_publisher_killed_a_hundred_times_is_back_each_time() {
    let folder = Folder::new();
    let file = folder.write("scenario.toml", &scenario(true));
    let mut tgmd = Tgmd::start(folder, &["--simulate", "--scenario", file.to_str().unwrap()]);
    let consumer = Consumer::new();
    assert_eq!(tgmd.subscribe(SYNC_STATE, &consumer.endpoint).unwrap().status, 201);
    let mut times = Vec::new();
    for _ in 0..TIMES {
        std::thread::sleep(SERVES);
        let before = tgmd.publisher_pid().unwrap();
        let killed = Instant::now();
        tgmd.kill_publisher();
        until("the old publisher is gone", || {
            !publishers(tgmd.listen).contains(&before)
        });
        tgmd.wait_until_healthy();
        times.push(killed.elapsed());
        assert_ne!(tgmd.publisher_pid().unwrap(), before);
        assert_eq!(tgmd.current(SYNC_STATE).as_deref(), Some("LOCKED"));
        assert_eq!(tgmd.subscriptions(), 1, "the subscription outlives its publisher");
        assert!(tgmd.node_lives(), "the node goes on");
    }
    report("publisher killed", times);
    let values = consumer.values();
    assert!(values.iter().all(|value| value == "LOCKED"), "{values:?}");
    let listen = tgmd.listen;
    assert_eq!(tgmd.terminate().code(), Some(0));
    assert!(publishers(listen).is_empty(), "a publisher is left behind");
}

// Hazard: silent; kill -9: the state of a node that was killed is not told as the present one.
#[test]
fn a_node_killed_a_hundred_times_leaves_a_publisher_that_tells_the_next_ones_truth() {
    let folder = Folder::new();
    let file = folder.write("scenario.toml", &scenario(true));
    let mut tgmd = Tgmd::start(folder, &["--simulate", "--scenario", file.to_str().unwrap()]);
    let consumer = Consumer::new();
    assert_eq!(tgmd.subscribe(SYNC_STATE, &consumer.endpoint).unwrap().status, 201);
    let publisher = tgmd.publisher_pid().unwrap();
    let mut times = Vec::new();
    for round in 1..=TIMES {
        let locked = round % 2 == 0;
        let (old, new) = if locked {
            ("FREERUN", "LOCKED")
        } else {
            ("LOCKED", "FREERUN")
        };
        std::fs::write(&file, scenario(locked)).unwrap();
        tgmd.kill_node();
        assert_eq!(
            tgmd.current(SYNC_STATE).as_deref(),
            Some(old),
            "its last words stand for a while"
        );
        let killed = Instant::now();
        tgmd.start_again();
        until("the new node's truth", || {
            tgmd.current(SYNC_STATE).as_deref() == Some(new)
        });
        until("the consumer hears", || {
            consumer.values().last().is_some_and(|last| last == new)
        });
        times.push(killed.elapsed());
        assert_eq!(tgmd.publisher_pid(), Some(publisher), "the publisher goes on");
        assert_eq!(tgmd.subscriptions(), 1);
    }
    report("node killed", times);
    let values = consumer.distinct();
    assert_eq!(values.len(), TIMES + 1, "each change once: {values:?}");
    let alternate = values.iter().zip(["LOCKED", "FREERUN"].into_iter().cycle());
    assert!(
        alternate.into_iter().all(|(told, expected)| told == expected),
        "{values:?}"
    );

    tgmd.kill_node();
    assert_eq!(tgmd.metric("tgm_node_up"), Some(0.0), "metrics tell at once");
    until("health says that no node lives", || {
        tgmd.get("/health").is_some_and(|answer| answer.status == 503)
    });
    assert_eq!(tgmd.get(&format!("{SYNC_STATE}/CurrentState")).unwrap().status, 503);
    tgmd.start_again();
    tgmd.wait_until_healthy();
    assert_eq!(tgmd.current(SYNC_STATE).as_deref(), Some("LOCKED"));
    let listen = tgmd.listen;
    assert_eq!(tgmd.terminate().code(), Some(0));
    until("no publisher is left behind", || publishers(listen).is_empty());
}
