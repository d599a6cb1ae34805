//! A receiver on a pty, from its bytes to a consumer's events: recorded receivers at (nearly) their own pace, and one made up here.
//!
//! An epoch takes 50 ms, so that the recordings take seconds; `TGM_REAL_PACE=1` takes the second that it took. The recordings are
//! older than this program, so their dates are not believed: the time stays unknown, fix and sentences are told all the same.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::time::{Duration, Instant};

use common::consumer::Consumer;
use common::pty::{self, Receiver};
use common::{Folder, Tgmd, until};

const GNSS: &str = "/sync/gnss-status/gnss-sync-status";
const FIX: &str = "/sync/gnss-status/gnss-fix";
const NMEA: &str = "/sync/gnss-status/nmea-status";

fn pace() -> Duration {
    match std::env::var_os("TGM_REAL_PACE") {
        Some(_) => Duration::from_secs(1),
        None => Duration::from_millis(50),
    }
}

struct Watched {
    tgmd: Tgmd,
    receiver: Receiver,
    gnss: Consumer,
    fix: Consumer,
    /// Only of a receiver that speaks NMEA.
    nmea: Option<Consumer>,
    /// When it last said something, and the longest that it was silent.
    said: Instant,
    longest: Duration,
}

impl Watched {
    /// A node that watches a pty; consumers from the first fix on.
    fn start(first: &[u8], speaks_nmea: bool) -> Self {
        let folder = Folder::new();
        let path = folder.path("receiver");
        let mut receiver = Receiver::plug_in(&path);
        let config = format!(
            "[[instance]]\n[[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
            path.display()
        );
        let config = folder.write("tgmd.toml", &config);
        let tgmd = Tgmd::start(folder, &["--config", config.to_str().unwrap()]);
        receiver.say(first);
        let said = Instant::now();
        // All recordings begin with a good fix. Before the first epoch is whole, nothing is settled yet.
        until("its state is told", || {
            tgmd.current(GNSS).as_deref() == Some("SYNCHRONIZED") && tgmd.current(FIX).is_some()
        });
        if speaks_nmea {
            until("its sentences too", || tgmd.current(NMEA).as_deref() == Some("1"));
        }
        let subscribe = |resource: &str| {
            let consumer = Consumer::new();
            let answer = tgmd.subscribe(resource, &consumer.endpoint).unwrap();
            assert_eq!(answer.status, 201, "{}", answer.body);
            consumer
        };
        let nmea = speaks_nmea.then(|| subscribe(NMEA));
        let (gnss, fix) = (subscribe(GNSS), subscribe(FIX));
        Watched {
            tgmd,
            receiver,
            gnss,
            fix,
            nmea,
            said,
            longest: Duration::ZERO,
        }
    }

    fn say(&mut self, epoch: &[u8]) {
        self.longest = self.longest.max(self.said.elapsed());
        self.said = Instant::now();
        self.receiver.say(epoch);
    }

    /// The machine did not stand still for as long as makes a receiver silent (3 s), until now.
    fn was_heard_all_the_time(&self) -> bool {
        self.longest.max(self.said.elapsed()) < Duration::from_secs(2)
    }

    fn stop(mut self) {
        assert!(self.tgmd.node_lives());
        assert_eq!(self.tgmd.terminate().code(), Some(0));
    }
}

/// A recording without its comments, one element per second of the receiver, cut where a message tells another time.
fn capture(name: &str) -> Option<Vec<Vec<u8>>> {
    let path = format!("{}/../../shared/data/gnss/{name}.log", env!("CARGO_MANIFEST_DIR"));
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: no recording {name} beside this repository");
        return None;
    };
    let mut data = bytes.as_slice();
    while data.first() == Some(&b'#') {
        let end = data
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(data.len(), |end| end + 1);
        data = &data[end..];
    }
    let mut seconds: Vec<Vec<u8>> = vec![vec![]];
    let (mut time, mut from) = (None, 0);
    for at in 0..data.len().saturating_sub(10) {
        // UBX-NAV messages begin with the time of week.
        if data[at..].starts_with(&[0xb5, 0x62, 0x01]) {
            let told = &data[at + 6..at + 10];
            if time.is_some_and(|time| time != told) {
                seconds.last_mut().unwrap().extend(&data[from..at]);
                seconds.push(vec![]);
                from = at;
            }
            time = Some(told);
        }
    }
    seconds.last_mut().unwrap().extend(&data[from..]);
    Some(seconds)
}

/// Plays a recording again where the machine stood still meanwhile: then the receiver was rightly called silent.
fn play(mut recording: impl FnMut() -> bool) {
    assert!((0..5).any(|_| recording()), "the machine stands still again and again");
}

fn changes(values: &[String]) -> Vec<&str> {
    let mut changes: Vec<&str> = values.iter().map(String::as_str).collect();
    changes.dedup();
    changes
}

#[test]
fn a_recorded_receiver_loses_its_fix_and_finds_it_again() {
    let Some(seconds) = capture("navisys-gr701w") else {
        return;
    };
    assert!(seconds.len() > 70, "{} seconds", seconds.len());
    let mut watched = Watched::start(&seconds[..3].concat(), false);
    for second in &seconds[3..] {
        watched.say(second);
        std::thread::sleep(pace());
    }
    until("the fix is back", || {
        watched.fix.values().len() > 1 && watched.fix.values().last().unwrap() == "3"
    });
    let fix = watched.fix.values();
    assert_eq!(fix.first().map(String::as_str), Some("3"), "{fix:?}");
    let lost = fix.iter().position(|value| value == "0").expect("the loss is told");
    assert!(fix[lost..].iter().any(|value| value == "3"), "{fix:?}");
    until("the receiver is as it began", || {
        let gnss = watched.gnss.values();
        gnss.len() > 1 && gnss[1..].contains(&gnss[0])
    });
    let gnss = watched.gnss.values();
    assert!(gnss.iter().any(|value| value.starts_with("ACQUIRING")), "{gnss:?}");
    println!("fix {:?}, receiver {:?}", changes(&fix), changes(&gnss));
    println!("time: {}", watched.tgmd.status()["cards"][0]["time"]);
    assert_ne!(watched.tgmd.current(NMEA).as_deref(), Some("1"), "it speaks no NMEA");
    // It goes silent: no fix of long ago is told as one of now.
    until("the silence is told", || watched.fix.values().last().unwrap() == "0");
    until("and what it means", || watched.gnss.values().last() != gnss.first());
    watched.stop();
}

#[test]
fn a_recorded_timing_receiver_is_steady() {
    let Some(seconds) = capture("ublox-zed-f9t-ubx_nmea_l5") else {
        return;
    };
    assert!(seconds.len() > 5, "{} seconds", seconds.len());
    play(|| is_steady(&seconds));
}

fn is_steady(seconds: &[Vec<u8>]) -> bool {
    let mut watched = Watched::start(&seconds[..2].concat(), true);
    for second in &seconds[2..] {
        watched.say(second);
        std::thread::sleep(pace());
    }
    std::thread::sleep(Duration::from_millis(200));
    println!("status {}", watched.tgmd.status()["cards"][0]);
    let nmea = || watched.nmea.as_ref().unwrap().values();
    let told = (watched.fix.values(), watched.gnss.values(), nmea());
    if !watched.was_heard_all_the_time() {
        return false;
    }
    assert_eq!(told.0, ["3"]);
    assert_eq!(told.1, ["SYNCHRONIZED"]);
    assert_eq!(told.2, ["1"]);
    assert!(watched.tgmd.metric("tgm_gnss_frames_total").unwrap() > 10.0);
    assert!(watched.tgmd.metric("tgm_gnss_sentences_total").unwrap() > 10.0);
    assert_eq!(watched.tgmd.metric("tgm_gnss_checksum_errors_total"), Some(0.0));
    until("its silence is told", || nmea() == ["1", "0"]);
    watched.stop();
    true
}

#[test]
fn a_made_up_receiver_loses_its_fix_and_finds_it_again() {
    play(loses_its_fix_and_finds_it_again);
}

fn loses_its_fix_and_finds_it_again() -> bool {
    let seconds = |from: u32, to: u32, fixed| (from..to).map(move |number| pty::second(number, fixed));
    let mut watched = Watched::start(seconds(0, 3, true).collect::<String>().as_bytes(), true);
    for second in seconds(3, 20, true)
        .chain(seconds(20, 40, false))
        .chain(seconds(40, 60, true))
    {
        watched.say(second.as_bytes());
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut told = Default::default();
    until("fix and receiver are back", || {
        told = (watched.fix.values(), watched.gnss.values());
        let is_back = |values: &[String]| values.len() > 2 && values.first() == values.last();
        is_back(&told.0) && is_back(&told.1) || !watched.was_heard_all_the_time()
    });
    let nmea = watched.nmea.as_ref().unwrap().values();
    if !watched.was_heard_all_the_time() {
        return false;
    }
    assert_eq!(changes(&told.0), ["3", "0", "3"]);
    assert_eq!(changes(&told.1), ["SYNCHRONIZED", "FAILURE-NOFIX", "SYNCHRONIZED"]);
    assert_eq!(nmea, ["1"], "sentences came all the time");
    watched.stop();
    true
}
