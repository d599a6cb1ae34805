//! Second opinion on NMEA: the `nmea` crate. What both read must mean the same; what it refuses must be a known difference.
//!
//! What only we read, see [`is_known`]: second 60, GNS with more than two mode letters, GSV that lists no satellite. ZDA both read
//! sentence by sentence (it is `nmea`'s stateful parser that does not take it). Years 80…99 are 1980…1999 to us, 2080…2099 to `nmea`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use ::nmea::ParseResult;
use ::nmea::sentences::gsa::GsaMode2;
use ::nmea::sentences::rmc::RmcStatusOfFix;
use ::nmea::sentences::{FaaMode, FixType};
use proptest::prelude::*;
use tgm_gnss::nmea::{Date, Message, Mode, Sentence, TimeOfDay};
use tgm_gnss::replay::HeadComments;
use tgm_gnss::{Demux, Frame};

/// Verdict of comparing one sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Both read it and agree.
    Same,
    /// It is none that both know.
    Unknown,
    /// Only we read it.
    OnlyOurs,
    /// We refuse it, `nmea` reads it.
    OnlyTheirs,
    /// Neither reads it.
    Neither,
}

fn time(ours: Option<TimeOfDay>) -> Option<String> {
    ours.map(|time| {
        format!(
            "{:02}:{:02}:{:02}.{:03}",
            time.hour,
            time.minute,
            time.second,
            time.nanos / 1_000_000
        )
    })
}

/// `nmea` reads the second as a float: compared to the millisecond.
fn time_text(theirs: Option<impl std::fmt::Display>) -> Option<String> {
    theirs.map(|time| {
        let text = time.to_string();
        let (second, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("0.{fraction:0<9}");
        let millis = (digits.parse::<f64>().unwrap() * 1000.0).round();
        format!("{second}.{millis:03}")
    })
}

fn date(ours: Option<Date>) -> Option<String> {
    ours.map(|date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day))
}

fn mode(theirs: FaaMode) -> Mode {
    match theirs {
        FaaMode::Autonomous => Mode::Autonomous,
        FaaMode::Differential => Mode::Differential,
        FaaMode::Estimated => Mode::Estimated,
        FaaMode::FloatRtk => Mode::Float,
        FaaMode::Manual => Mode::Manual,
        FaaMode::DataNotValid => Mode::NotValid,
        FaaMode::Precise => Mode::Precise,
        FaaMode::FixedRtk => Mode::Rtk,
        FaaMode::Simulator => Mode::Simulated,
        FaaMode::Caution => Mode::Unknown(b'C'),
        _ => Mode::Unknown(b'U'),
    }
}

fn quality(theirs: FixType) -> u16 {
    match theirs {
        FixType::Invalid => 0,
        FixType::Gps => 1,
        FixType::DGps => 2,
        FixType::Pps => 3,
        FixType::Rtk => 4,
        FixType::FloatRtk => 5,
        FixType::Estimated => 6,
        FixType::Manual => 7,
        FixType::Simulation => 8,
    }
}

/// Compares one sentence; panics where both read it and differ.
fn compare(body: &[u8]) -> Verdict {
    let line = common::nmea(str::from_utf8(body).unwrap());
    let ours = Sentence::new(body).decode();
    let theirs = ::nmea::parse_bytes(&line);
    let (ours, theirs) = match (ours, theirs) {
        (Ok(Message::Other), _) => return Verdict::Unknown,
        (Ok(_), Err(_) | Ok(ParseResult::Unsupported(_))) => return Verdict::OnlyOurs,
        (Err(_), Ok(_)) => return Verdict::OnlyTheirs,
        (Err(_), Err(_)) => return Verdict::Neither,
        (Ok(ours), Ok(theirs)) => (ours, theirs),
    };
    let text = String::from_utf8_lossy(&line).into_owned();
    match (ours, theirs) {
        (Message::Rmc(ours), ParseResult::RMC(theirs)) => {
            assert_eq!(time(ours.time), time_text(theirs.fix_time), "{text}");
            // `nmea` takes 80…99 for 2080…2099.
            if ours.date.is_none_or(|date| date.year >= 2000) {
                assert_eq!(date(ours.date), theirs.fix_date.map(|date| date.to_string()), "{text}");
            }
            assert_eq!(
                ours.valid.unwrap_or(false),
                theirs.status_of_fix != RmcStatusOfFix::Invalid,
                "{text}"
            );
            assert_eq!(ours.mode, theirs.faa_mode.map(mode), "{text}");
        }
        (Message::Zda(ours), ParseResult::ZDA(theirs)) => {
            assert_eq!(time(ours.time), time_text(theirs.utc_time), "{text}");
            let parts = theirs.year.zip(theirs.month).zip(theirs.day);
            let theirs = parts.map(|((year, month), day)| Date { year, month, day });
            assert_eq!(ours.date, theirs, "{text}");
        }
        (Message::Gga(ours), ParseResult::GGA(theirs)) => {
            assert_eq!(time(ours.time), time_text(theirs.fix_time), "{text}");
            assert_eq!(ours.quality, theirs.fix_type.map(quality), "{text}");
            assert_eq!(ours.used.map(u32::from), theirs.fix_satellites, "{text}");
        }
        (Message::Gns(ours), ParseResult::GNS(theirs)) => {
            assert_eq!(time(ours.time), time_text(theirs.fix_time), "{text}");
            assert_eq!(ours.used, Some(theirs.nsattelites), "{text}");
            let combined = match ours.modes.combined() {
                Some(Mode::Autonomous) => FixType::Gps,
                Some(Mode::Differential) => FixType::DGps,
                _ => FixType::Invalid,
            };
            assert_eq!(combined, FixType::from(theirs.faa_modes), "{text}");
        }
        (Message::Gsa(ours), ParseResult::GSA(theirs)) => {
            let nav_mode = match theirs.mode2 {
                GsaMode2::NoFix => 1,
                GsaMode2::Fix2D => 2,
                GsaMode2::Fix3D => 3,
            };
            assert_eq!(ours.nav_mode, Some(nav_mode), "{text}");
            let numbers: Vec<u32> = ours
                .satellites
                .iter()
                .flatten()
                .map(|number| u32::from(*number))
                .collect();
            assert_eq!(numbers.as_slice(), theirs.fix_sats_prn.as_slice(), "{text}");
        }
        (Message::Gsv(ours), ParseResult::GSV(theirs)) => {
            assert_eq!(ours.total, Some(theirs.number_of_sentences), "{text}");
            assert_eq!(ours.number, Some(theirs.sentence_num), "{text}");
            assert_eq!(ours.in_view, Some(theirs.sats_in_view), "{text}");
            let listed: Vec<_> = ours
                .satellites
                .iter()
                .flatten()
                .map(|sat| (u32::from(sat.id), sat.cno.map(f32::from)))
                .collect();
            let theirs: Vec<_> = theirs
                .sats_info
                .iter()
                .flatten()
                .map(|sat| (sat.prn(), sat.snr()))
                .collect();
            assert_eq!(listed, theirs, "{text}");
        }
        (Message::Gll(ours), ParseResult::GLL(theirs)) => {
            assert_eq!(time(ours.time), time_text(theirs.fix_time), "{text}");
            assert_eq!(ours.valid, Some(theirs.valid), "{text}");
            assert_eq!(ours.mode, theirs.faa_mode.map(mode), "{text}");
        }
        (Message::Vtg(_), ParseResult::VTG(_)) => {}
        (Message::Txt(ours), ParseResult::TXT(theirs)) => assert_eq!(ours.text, theirs.text.as_bytes(), "{text}"),
        (ours, theirs) => panic!("{text}: {ours:?} against {theirs:?}"),
    }
    Verdict::Same
}

/// True for what `nmea` 0.8 is known to refuse.
fn is_known(body: &[u8]) -> bool {
    let text = str::from_utf8(body).unwrap();
    let fields: Vec<&str> = text.split(',').collect();
    match text.get(2..5) {
        Some("RMC" | "GGA" | "ZDA") => fields[1].get(4..6) == Some("60"),
        Some("GNS") => fields[1].get(4..6) == Some("60") || fields[6].len() > 2,
        Some("GLL") => fields[5].get(4..6) == Some("60"),
        Some("GSV") => fields.len() == 4,
        _ => false,
    }
}

#[test]
fn recorded_sentences_mean_the_same_to_both() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/gnss"));
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let mut bodies = Vec::new();
    for file in files
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|ext| ext == "log"))
    {
        let bytes = std::fs::read(file.path()).unwrap();
        Demux::new().feed(HeadComments::default().strip(&bytes), |frame| {
            if let Frame::Nmea(sentence) = frame {
                bodies.push(sentence.body().to_vec());
            }
        });
    }
    let verdicts: Vec<Verdict> = bodies.iter().map(|body| compare(body)).collect();
    let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
    println!(
        "{} sentences, {} the same, {} of other kinds",
        bodies.len(),
        count(Verdict::Same),
        count(Verdict::Unknown)
    );
    for (body, verdict) in bodies.iter().zip(&verdicts) {
        let explained = *verdict == Verdict::OnlyOurs && is_known(body);
        assert!(
            explained || matches!(verdict, Verdict::Same | Verdict::Unknown),
            "{verdict:?}: {}",
            String::from_utf8_lossy(body)
        );
    }
    assert!(count(Verdict::Same) > 3000);
}

#[test]
fn what_only_we_read() {
    for body in [
        "GNRMC,235960.00,A,4717.11,N,00833.91,E,0.004,77.52,311216,,,A",
        "GNGGA,235960.00,4717.11,N,00833.91,E,1,08,1.01,499.6,M,48.0,M,,",
        "GNZDA,235960.00,31,12,2016,00,00",
        "GPGSV,1,1,00",
        "GNGNS,103600.01,5114.51,N,00012.29,W,AAAANN,19,0.6,150.7,45.6,,,V",
    ] {
        assert_eq!(compare(body.as_bytes()), Verdict::OnlyOurs, "{body}");
        assert!(is_known(body.as_bytes()), "{body}");
    }
}

/// A sentence as a receiver would write it.
fn sentence() -> impl Strategy<Value = String> {
    let time = prop_oneof![
        9 => (0..24u8, 0..60u8, 0..60u8, 0..100u8).prop_map(|(h, m, s, c)| format!("{h:02}{m:02}{s:02}.{c:02}")),
        1 => Just(String::new()),
    ];
    let day = (1..29u8, 1..13u8, 0..80u8);
    let number = |most: u16| prop_oneof![4 => (0..most).prop_map(|n| format!("{n:02}")), 1 => Just(String::new())];
    let modes = "[ADEFMNPRS]";
    let rmc = (time.clone(), "[AV]", day.clone(), modes);
    let gga = (time.clone(), 0..9u8, 0..40u8);
    let gsv = (
        1..4u8,
        1..4u8,
        0..16u8,
        prop::collection::vec((1..99u8, number(60)), 0..5),
        prop::option::of(1..9u8),
    );
    let gsa = (
        "[AM]",
        1..4u8,
        prop::collection::vec(number(99), 12),
        prop::option::of(1..6u8),
    );
    prop_oneof![
        rmc.prop_map(|(t, s, (d, m, y), mode)| format!(
            "GNRMC,{t},{s},4717.11,N,00833.91,E,0.004,77.52,{d:02}{m:02}{y:02},,,{mode}"
        )),
        (time.clone(), day).prop_map(|(t, (d, m, y))| format!("GPZDA,{t},{d:02},{m:02},20{y:02},00,00")),
        gga.prop_map(|(t, q, n)| format!("GNGGA,{t},4717.11,N,00833.91,E,{q},{n:02},1.01,499.6,M,48.0,M,,")),
        (time.clone(), "[ADN]{1,2}", 0..40u8)
            .prop_map(|(t, modes, n)| format!("GNGNS,{t},5114.51,N,00012.29,W,{modes},{n:02},0.6,150.7,45.6,,")),
        (time, "[AV]", modes).prop_map(|(t, s, mode)| format!("GNGLL,4717.11,N,00833.91,E,{t},{s},{mode}")),
        "[ADEN]".prop_map(|mode| format!("GNVTG,77.52,T,,M,0.004,N,0.008,K,{mode}")),
        ("0[0127]", "[A-Z =.]{1,40}").prop_map(|(severity, text)| format!("GNTXT,01,01,{severity},{text}")),
        gsa.prop_map(|(a, mode, ids, system)| {
            let system = system.map_or(String::new(), |system| format!(",{system}"));
            format!("GNGSA,{a},{mode},{},1.94,1.18,1.54{system}", ids.join(","))
        }),
        gsv.prop_map(|(total, number, seen, sats, signal)| {
            let sats: String = sats
                .iter()
                .take(4)
                .map(|(id, cno)| format!(",{id:02},40,083,{cno}"))
                .collect();
            let signal = signal.map_or(String::new(), |signal| format!(",{signal}"));
            format!("GPGSV,{total},{number},{seen:02}{sats}{signal}")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn well_formed_sentences_mean_the_same_to_both(body in sentence()) {
        let verdict = if is_known(body.as_bytes()) { Verdict::OnlyOurs } else { Verdict::Same };
        prop_assert_eq!(compare(body.as_bytes()), verdict, "{}", body);
    }
}
