//! Deliveries through trouble: consumers crash, the network is cut, the publisher is killed, changes come faster than anybody takes them.
//! In the end every consumer holds the truth, and none was told an older state after a newer one over the same connection.
//!
//! `TGM_CHANGES` and `TGM_KILLS` make it longer: `tests/soak.sh` does.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::ErrorKind;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::erratic::{Erratic, Temper};
use common::{Folder, PATIENCE, binaries, until};
use tgm_benches::published::{Published, ROOT, ask};

const PHASE: &str = "/sync/ptp-status/phase-status";
const LOCK: &str = "/sync/ptp-status/lock-state";

fn number(name: &str, or: u64) -> u64 {
    std::env::var(name).map_or(or, |text| text.parse().unwrap())
}

/// What the consumers' threads find wrong is found by nobody else.
fn watch_panics() -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let (counted, before) = (seen.clone(), take_hook());
    set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    seen
}

fn current(node: &Published, resource: &str) -> String {
    let answer = ask(node.listen, "GET", &format!("{ROOT}{resource}/CurrentState"), "").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    value(answer.split_once("\r\n\r\n").unwrap().1)
}

/// Says one of four lock states, as soon as the node takes it.
fn say(node: &Published, change: u64) {
    while let Err(error) = node.kernel.say(1 + u32::try_from(change % 4).unwrap()) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn value(event: &str) -> String {
    common::http::value(event)
}

#[test]
fn everybody_ends_in_the_true_state_whatever_dies() {
    let (changes, kills) = (number("TGM_CHANGES", 20_000), number("TGM_KILLS", 10));
    let panics = watch_panics();
    // The watch sees what happens in other threads.
    let planted = std::thread::spawn(|| panic!("planted, to see that it is seen")).join();
    assert!(planted.is_err() && catch_unwind(|| ()).is_ok());
    assert_eq!(panics.swap(0, Ordering::SeqCst), 1);

    let folder = Folder::new();
    let mut node = Published::start(&binaries().join("tgmd"), &folder.0).unwrap();
    let tempers = [
        Temper::CALM,
        Temper {
            crash: 60,
            ..Temper::CALM
        },
        Temper {
            cut: 60,
            ..Temper::CALM
        },
        Temper {
            refuse: 20,
            ..Temper::CALM
        },
        Temper {
            crash: 150,
            cut: 150,
            refuse: 30,
            ..Temper::CALM
        },
        Temper {
            dawdle: 10,
            ..Temper::CALM
        },
    ];
    let consumers: Vec<Erratic> = (1..)
        .zip(tempers)
        .map(|(seed, temper)| Erratic::new(temper, seed))
        .collect();
    for _ in 0..10 {
        node.kernel.answer_dumps().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    node.kernel.say(1).unwrap();
    until("the card is known", || {
        ask(node.listen, "GET", &format!("{ROOT}{PHASE}/CurrentState"), "")
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    });
    for consumer in &consumers {
        for resource in [PHASE, LOCK] {
            node.subscribe(resource, &consumer.endpoint).unwrap();
        }
        consumer.be_calm(false);
    }

    let begun = Instant::now();
    for round in 0..kills {
        for change in 0..changes / kills {
            say(&node, change);
            if change % 64 == 0 {
                node.kernel.answer_dumps().unwrap();
                // So that what is told varies: a publisher that is always behind would only ever tell the newest.
                std::thread::sleep(Duration::from_millis(4));
            }
        }
        // The truth that stays for a while; the publisher dies before everybody was told.
        say(&node, round);
        node.kill_publisher().unwrap();
        consumers.iter().for_each(|consumer| consumer.be_calm(true));
        for (at, consumer) in consumers.iter().enumerate() {
            for resource in [PHASE, LOCK] {
                let (mut truth, mut told) = (String::new(), None);
                let waited = Instant::now();
                while told.as_ref() != Some(&truth) || truth.is_empty() {
                    assert!(
                        waited.elapsed() < PATIENCE,
                        "round {round}: {resource} is {truth}, consumer {at} was told {told:?}: {}",
                        ask(node.metrics, "GET", "/metrics", "").unwrap()
                    );
                    node.kernel.answer_dumps().unwrap();
                    truth = current(&node, resource);
                    told = consumer.last(resource).map(|event| value(&event));
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        consumers.iter().for_each(|consumer| consumer.be_calm(false));
    }
    let took = begun.elapsed();
    let sum = |pick: fn(&Erratic) -> u64| consumers.iter().map(pick).sum::<u64>();
    println!(
        "{changes} changes in {:.1} s, publisher killed {kills} times, {} crashes and {} cuts of consumers, {} POSTs taken",
        took.as_secs_f64(),
        sum(|one| one.crashes.load(Ordering::SeqCst)),
        sum(|one| one.cuts.load(Ordering::SeqCst)),
        sum(|one| one.taken.load(Ordering::SeqCst)),
    );
    assert!(sum(|one| one.crashes.load(Ordering::SeqCst)) > 0 && sum(|one| one.cuts.load(Ordering::SeqCst)) > 0);
    assert_eq!(
        panics.load(Ordering::SeqCst),
        0,
        "a consumer saw a resource go back in time"
    );
}
