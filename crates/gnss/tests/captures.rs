//! Recorded receivers against what gpsd made of the same bytes (../shared/data/gnss).
//!
//! Every epoch of each capture but the first and the last is compared: kind of fix, time only, leap seconds, satellites used, clock
//! bias. Where we differ, `differences` says why; a difference that no longer exists is an error too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tgm_core::{GnssFix, GnssState};
use tgm_gnss::replay::HeadComments;
use tgm_gnss::{Counters, Demux, Epoch, Protocol, Receiver};

const CAPTURES: [&str; 14] = [
    "navisys-gr701w",
    "u-blox-m8t-time",
    "ublox-8",
    "ublox-8-time",
    "ublox-lea-4h",
    "ublox-lea-5h",
    "ublox-lea-5q",
    "ublox-neo-m8n",
    "ublox-neo-m8t",
    "ublox-neo-m9n-nmea",
    "ublox-zed-f9p-hp",
    "ublox-zed-f9r",
    "ublox-zed-f9t-ubx_nmea_l5",
    "ublox8-uniqid-monhw",
];

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/gnss"));
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

fn capture(folder: &std::path::Path, name: &str) -> Vec<u8> {
    let bytes = fs::read(folder.join(format!("{name}.log"))).unwrap();
    HeadComments::default().strip(&bytes).to_vec()
}

/// What gpsd says about one time.
#[derive(Debug, Clone)]
struct Gpsd {
    mode: i64,
    status: Option<i64>,
    leap: Option<i64>,
    used: Option<i64>,
    bias: Option<i64>,
}

fn gpsd(folder: &std::path::Path, name: &str) -> Vec<(String, Gpsd)> {
    let text = fs::read_to_string(folder.join(format!("{name}.epochs.jsonl"))).unwrap();
    text.lines()
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).unwrap();
            let epoch = Gpsd {
                mode: json["mode"].as_i64().unwrap(),
                status: json["status"].as_i64(),
                leap: json["leapseconds"].as_i64(),
                used: json["uSat_max"].as_i64(),
                bias: json["clockbias"].as_i64(),
            };
            (json["time"].as_str().unwrap().to_owned(), epoch)
        })
        .collect()
}

/// Everything a stream gives: epochs, then counters.
fn decode<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Epoch>, Counters, u64) {
    let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
    let mut epochs = Vec::new();
    for chunk in chunks {
        demux.feed(chunk, |frame| {
            receiver.apply(frame, |epoch| epochs.push(*epoch));
        });
    }
    demux.finish(|frame| {
        receiver.apply(frame, |epoch| epochs.push(*epoch));
    });
    epochs.extend(receiver.finish());
    (epochs, demux.counters(), receiver.malformed())
}

fn decode_whole(bytes: &[u8]) -> (Vec<Epoch>, Counters, u64) {
    decode(std::iter::once(bytes))
}

/// Time as gpsd writes it.
fn key(epoch: &Epoch) -> Option<String> {
    let text = epoch.time?.rfc3339().to_string();
    Some(format!("{}Z", &text[..23]))
}

/// `(capture, what, epochs, cause)`: where we differ from gpsd, how often, and why.
const DIFFERENCES: [(&str, &str, usize, &str); 1] = [(
    "ublox-lea-4h",
    "fix",
    4,
    "GSA says 2D. gpsd makes it 3D because GGA has an altitude, and no fix at the end of the piece because the next one begins with V",
)];

/// What gpsd's count of used satellites is to be held against. What is not in [`USED`] is held against the same epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    /// The same epoch.
    Same,
    /// The next epoch: gpsd tells the list before the time that it belongs to, and it was booked under the time before.
    Next,
    /// Signals that are locked: where NAV-SIG comes, gpsd calls each of them a satellite and locked ones used.
    Locked,
}

const USED: [(&str, Used); 8] = [
    ("u-blox-m8t-time", Used::Next),
    ("ublox-8", Used::Next),
    ("ublox-lea-4h", Used::Next),
    ("ublox-lea-5h", Used::Next),
    ("ublox-neo-m9n-nmea", Used::Next),
    ("ublox-zed-f9p-hp", Used::Next),
    ("ublox-zed-f9r", Used::Locked),
    ("ublox-zed-f9t-ubx_nmea_l5", Used::Locked),
];

fn fix_class_agrees(ours: GnssFix, mode: i64) -> bool {
    match mode {
        0 | 1 => ours == GnssFix::None,
        2 => matches!(ours, GnssFix::DeadReckoning | GnssFix::TwoD),
        _ => ours >= GnssFix::ThreeD,
    }
}

#[test]
fn every_epoch_agrees_with_gpsd_or_the_difference_is_explained() {
    let Some(folder) = folder() else { return };
    let mut found: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for name in CAPTURES {
        let (epochs, counters, malformed) = decode_whole(&capture(&folder, name));
        let timed: Vec<(String, Epoch)> = epochs.iter().filter_map(|epoch| Some((key(epoch)?, *epoch))).collect();
        let theirs = gpsd(&folder, name);
        let inner = theirs.len().saturating_sub(1).max(1);
        let mut compared = 0;
        for (time, theirs) in theirs.get(1..inner).unwrap_or_default() {
            let mut differ = |what: &'static str, text: String| found.entry((name, what)).or_default().push(text);
            let Some((_, ours)) = timed.iter().find(|(at, _)| at == time) else {
                differ("missing", time.clone());
                continue;
            };
            compared += 1;
            if !fix_class_agrees(ours.fix, theirs.mode) {
                differ("fix", format!("{time}: {:?}, gpsd mode {}", ours.fix, theirs.mode));
            }
            if (theirs.status == Some(7)) != (ours.fix == GnssFix::TimeOnly) {
                differ(
                    "time only",
                    format!("{time}: {:?}, gpsd status {:?}", ours.fix, theirs.status),
                );
            }
            if theirs.leap.is_some() && theirs.leap != ours.leap.told.map(|leap| leap.get()) {
                differ("leap", format!("{time}: {:?}, gpsd {:?}", ours.leap, theirs.leap));
            }
            if theirs.bias.is_some() && theirs.bias != ours.clock_bias.map(|bias| bias.get()) {
                differ("bias", format!("{time}: {:?}, gpsd {:?}", ours.clock_bias, theirs.bias));
            }
            let rule = USED
                .iter()
                .find(|(capture, _)| *capture == name)
                .map_or(Used::Same, |(_, rule)| *rule);
            let used = match rule {
                Used::Same => Some(ours.used),
                Used::Next => {
                    // A piece of the capture may end behind its RMC: then the list of the piece behind it, or its own.
                    let mut later = timed.iter().skip_while(|(at, _)| at != time).skip(1);
                    let next = later.find(|(_, next)| next.used > 0).map(|(_, next)| next.used);
                    next.or(Some(ours.used))
                }
                Used::Locked => ours.signals.map(|signals| signals.locked),
            };
            if theirs.used.is_some() && theirs.used != used.map(i64::from) {
                differ("used", format!("{time}: {used:?}, gpsd {:?}", theirs.used));
            }
        }
        println!(
            "{name}: {} epochs, {compared} compared, {} by gpsd; {counters:?}, malformed {malformed}",
            epochs.len(),
            theirs.len()
        );
        assert_eq!(malformed, 0, "{name}");
    }
    for (what, texts) in &found {
        println!(
            "{what:?}: {} – {}",
            texts.len(),
            texts.iter().take(4).cloned().collect::<Vec<_>>().join("; ")
        );
    }
    let found: Vec<_> = found
        .iter()
        .map(|((name, what), texts)| (*name, *what, texts.len()))
        .collect();
    let explained: Vec<_> = DIFFERENCES
        .iter()
        .map(|(name, what, count, _)| (*name, *what, *count))
        .collect();
    assert_eq!(found, explained);
}

#[test]
fn a_receiver_without_a_fix_never_claims_one() {
    let Some(folder) = folder() else { return };
    let (epochs, ..) = decode_whole(&capture(&folder, "ublox-lea-5q"));
    assert_eq!(epochs.len(), 10);
    for epoch in epochs {
        assert_eq!((epoch.fix, epoch.fix_ok), (GnssFix::None, Some(false)));
        assert_ne!(epoch.state, GnssState::Synchronized);
    }
}

#[test]
fn a_position_that_is_held_by_configuration_makes_plain_2d_fixes_good_for_time_and_nothing_else() {
    let Some(folder) = folder() else { return };
    let states = |name: &str, held: bool| {
        let (mut demux, mut receiver) = (Demux::new(), Receiver::new(None));
        if held {
            receiver.set_position_held();
        }
        let mut states = vec![];
        demux.feed(&capture(&folder, name), |frame| {
            receiver.apply(frame, |epoch| {
                states.push((epoch.fix, epoch.fixed_position, epoch.state))
            });
        });
        states
    };
    let good =
        |states: &[(GnssFix, bool, GnssState)]| states.iter().filter(|told| told.2 == GnssState::Synchronized).count();
    let (told, configured) = (states("ublox-8-time", false), states("ublox-8-time", true));
    assert!(told.len() > 5 && told.len() == configured.len());
    assert_eq!(good(&told), 0, "nothing in its bytes says that it holds its position");
    assert!(
        told.iter().all(|(fix, held, _)| *fix == GnssFix::TwoD && !held),
        "{told:?}"
    );
    assert!(good(&configured) + 2 >= configured.len(), "{configured:?}");
    assert!(configured.iter().all(|(_, held, _)| *held));
    // One without a fix has none at a held position either.
    assert_eq!(good(&states("ublox-lea-5q", true)), 0);
}

#[test]
fn loss_and_return_of_the_fix_show_in_the_state() {
    let Some(folder) = folder() else { return };
    let (epochs, ..) = decode_whole(&capture(&folder, "navisys-gr701w"));
    let mut states: Vec<GnssState> = epochs.iter().map(|epoch| epoch.state).collect();
    states.dedup();
    assert_eq!(states.first(), Some(&GnssState::Synchronized), "{states:?}");
    assert_eq!(states.last(), Some(&GnssState::Synchronized), "{states:?}");
    assert!(states.contains(&GnssState::AcquiringSync), "{states:?}");
    println!("{states:?}");
}

#[test]
fn epochs_end_with_their_last_message_once_that_is_known() {
    let Some(folder) = folder() else { return };
    for name in CAPTURES {
        let (epochs, ..) = decode_whole(&capture(&folder, name));
        let late = epochs.iter().filter(|epoch| epoch.late).count();
        println!("{name}: {late} of {} late", epochs.len());
        assert!(
            late <= 4,
            "{name}: {late} of {} epochs were handed out late",
            epochs.len()
        );
    }
}

#[test]
fn with_ubx_alive_nmea_tells_no_epoch() {
    let Some(folder) = folder() else { return };
    let (epochs, ..) = decode_whole(&capture(&folder, "ublox-zed-f9t-ubx_nmea_l5"));
    assert!(epochs.iter().all(|epoch| epoch.protocol == Protocol::Ubx));
}

#[test]
fn byte_by_byte_is_the_same_as_at_once() {
    let Some(folder) = folder() else { return };
    for name in CAPTURES {
        let bytes = capture(&folder, name);
        assert_eq!(decode_whole(&bytes), decode(bytes.chunks(1)), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_chunks_are_the_same_as_at_once(cuts in proptest::collection::vec(1usize..700, 1..40), which in 0..CAPTURES.len()) {
        let Some(folder) = folder() else { return Ok(()) };
        let bytes = capture(&folder, CAPTURES[which]);
        let mut rest = bytes.as_slice();
        let mut sizes = cuts.iter().cycle();
        let chunks = std::iter::from_fn(|| {
            let (chunk, tail) = rest.split_at((*sizes.next()?).min(rest.len()));
            rest = tail;
            (!chunk.is_empty()).then_some(chunk)
        });
        prop_assert_eq!(decode_whole(&bytes), decode(chunks));
    }
}
