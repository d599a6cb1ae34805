//! Lines as we write them for readers of the daemon's: byte for byte as the daemon does (../shared/data/vectors), and read back the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use proptest::prelude::*;
use serde_json::Value;
use tgm_core::{ClockClass, LockStatus};
use tgm_linuxptp::lines::{
    Body, BoundaryStatus, DaemonLine, DpllStatus, EecState, GnssStatus, GrandmasterStatus, Line, Process, PulseStatus,
    Status, SynceQuality, SynceStatus,
};
use tgm_time::Nanos;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/vectors/event_log_lines.json"
);

/// What the vector's input is as one of our values; `None` for the one without data.
fn body(input: &Value) -> Option<(Process<'_>, Body<'_>)> {
    let values = &input["values"];
    let iface = input["iface"].as_str().unwrap_or_default();
    let flag = |key: &str| values[key].as_u64().map(|value| value == 1);
    let lock = |key: &str| {
        values[key]
            .as_u64()
            .map(|value| LockStatus::from(u32::try_from(value).unwrap()))
    };
    let byte = |key: &str| values[key].as_u64().map(|value| u8::try_from(value).unwrap());
    let offset = values["offset"].as_i64().map(Nanos);
    let state = match input["state"].as_str() {
        Some("LOCKED") => Status::Locked,
        Some("HOLDOVER") => Status::Holdover,
        _ => Status::Freerun,
    };
    if let Some(class) = input["class"].as_u64() {
        return Some((
            Process::Ptp4l,
            Body::ClockClass(ClockClass(u8::try_from(class).unwrap())),
        ));
    }
    let word = |key: &str| values[key].as_str();
    Some(match input["source"].as_str()? {
        "gnss" => {
            let fix = u8::try_from(input["gnss_status"].as_u64().unwrap()).unwrap();
            let usable = fix >= 3 && input["source_lost"] == false;
            let gnss = GnssStatus {
                iface,
                fix_number: fix,
                offset: input["offset"].as_i64().map(Nanos),
                state: if usable { Status::Locked } else { Status::Freerun },
            };
            (Process::Gnss, Body::Gnss(gnss))
        }
        "dpll" if values.is_object() => {
            let dpll = DpllStatus {
                iface,
                frequency: lock("frequency_status"),
                phase: lock("phase_status"),
                offset,
                pps: flag("pps_status"),
                state,
            };
            (Process::Dpll, Body::Dpll(dpll))
        }
        "ts2phc" => {
            let pulse = PulseStatus {
                iface,
                nmea: flag("nmea_status"),
                pps: None,
                offset,
                state,
            };
            (Process::Ts2phc, Body::Pulse(pulse))
        }
        "synce4l" => match word("eec_state") {
            Some(eec) => {
                assert_eq!(eec, "EEC_LOCKED");
                let synce = SynceStatus {
                    iface,
                    device: word("device"),
                    eec: EecState::Locked,
                    network_option: byte("network_option"),
                    state,
                };
                (Process::Synce4l, Body::Synce(synce))
            }
            None => {
                let quality = SynceQuality {
                    iface,
                    device: word("device"),
                    quality: word("clock_quality"),
                    level: byte("ql").unwrap(),
                    extended: byte("ext_ql"),
                    network_option: byte("network_option"),
                    state,
                };
                (Process::Synce4l, Body::SynceQuality(quality))
            }
        },
        _ => return None,
    })
}

#[test]
fn the_daemons_lines_are_written_byte_for_byte() {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("SKIPPED: {VECTORS} is missing");
        return;
    };
    let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut without = Vec::new();
    for vector in &vectors {
        let (input, line) = (&vector["in"], vector["line"].as_str().unwrap());
        let Some((process, body)) = body(input) else {
            without.push(line);
            continue;
        };
        let written = DaemonLine::new(process, 1_700_000_000, input["config"].as_str().unwrap(), body).unwrap();
        assert_eq!(format!("{written}\n"), line.replacen("[T]", "[1700000000]", 1));
    }
    // The daemon's own slip, a source without data; its reader drops the line, and there is no value of ours that would make it.
    assert_eq!(without, ["dpll[T]:[ts2phc.0.config] ens1f0\n"]);
    assert!(vectors.len() >= 33);
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Freerun), Just(Status::Holdover), Just(Status::Locked)]
}

fn lock() -> impl Strategy<Value = Option<LockStatus>> {
    proptest::option::of(prop_oneof![
        (0..=4_u32).prop_map(LockStatus::from),
        Just(LockStatus::from(u32::MAX))
    ])
}

fn offset() -> impl Strategy<Value = Option<Nanos>> {
    proptest::option::of(any::<i64>().prop_map(Nanos))
}

fn any_body() -> impl Strategy<Value = (Process<'static>, Body<'static>)> {
    const IFACE: &str = "ens1f0np0.100";
    let flag = proptest::option::of(any::<bool>());
    let (device, option) = (Just(Some("synce1")), proptest::option::of(1..=2_u8)); // the daemon always names the device
    let dpll = (lock(), lock(), offset(), flag.clone(), status()).prop_map(|(frequency, phase, offset, pps, state)| {
        let iface = IFACE;
        (
            Process::Dpll,
            Body::Dpll(DpllStatus {
                iface,
                frequency,
                phase,
                offset,
                pps,
                state,
            }),
        )
    });
    let gnss = (0..=5_u8, offset(), status()).prop_map(|(fix_number, offset, state)| {
        (
            Process::Gnss,
            Body::Gnss(GnssStatus {
                iface: IFACE,
                fix_number,
                offset,
                state,
            }),
        )
    });
    let pulse = (any::<bool>(), offset(), status()).prop_map(|(nmea, offset, state)| {
        let (nmea, offset) = (Some(nmea), Some(offset.unwrap_or(Nanos::ZERO)));
        (
            Process::Ts2phc,
            Body::Pulse(PulseStatus {
                iface: IFACE,
                nmea,
                pps: None,
                offset,
                state,
            }),
        )
    });
    let whole = status().prop_map(|state| {
        (
            Process::Grandmaster,
            Body::Grandmaster(GrandmasterStatus { iface: IFACE, state }),
        )
    });
    let boundary = (offset(), status()).prop_map(|(offset, state)| {
        (
            Process::BoundaryClock,
            Body::Boundary(BoundaryStatus {
                iface: IFACE,
                offset,
                state,
            }),
        )
    });
    let synce = (device, option.clone(), status()).prop_map(|(device, network_option, state)| {
        let eec = EecState::LockedHoAcq;
        (
            Process::Synce4l,
            Body::Synce(SynceStatus {
                iface: IFACE,
                device,
                eec,
                network_option,
                state,
            }),
        )
    });
    let quality = (device, option, any::<u8>(), proptest::option::of(any::<u8>()), status()).prop_map(
        |(device, network_option, level, extended, state)| {
            let (iface, quality) = (IFACE, Some("PRTC"));
            let body = SynceQuality {
                iface,
                device,
                quality,
                level,
                extended,
                network_option,
                state,
            };
            (Process::Synce4l, Body::SynceQuality(body))
        },
    );
    let class = any::<u8>().prop_map(|class| (Process::Ptp4l, Body::ClockClass(ClockClass(class))));
    let process = any::<bool>().prop_map(|up| (Process::Other("gpsd"), Body::Process { up }));
    let ha = any::<bool>().prop_map(|active| (Process::Phc2sys, Body::HaProfile { profile: "bc", active }));
    prop_oneof![dpll, gnss, pulse, whole, boundary, synce, quality, class, process, ha]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same((process, body) in any_body(), seconds in 0..4_000_000_000_i64) {
        let written = DaemonLine::new(process, seconds, "ts2phc.0.config", body).unwrap().to_string();
        match Line::parse(written.as_bytes()) {
            Ok(Line::Message(message)) => {
                prop_assert_eq!(message.head.process, process, "{}", written);
                prop_assert_eq!(message.head.tag.map(|tag| tag.name), Some("ts2phc.0.config"));
                prop_assert_eq!(message.body, body, "{}", written);
            }
            other => prop_assert!(false, "{}: {:?}", written, other),
        }
    }
}

#[test]
fn a_programs_own_lines_are_not_the_daemons() {
    assert_eq!(
        DaemonLine::new(Process::Ptp4l, 0, "ptp4l.0.config", Body::Other("x")),
        None
    );
}
