//! What the incumbent's parsers read out of recorded lines (../shared/data/vectors), against ours. Every line where we read
//! something else is named here, with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests stop where it breaks

use serde_json::{Value, json};
use tgm_linuxptp::lines::{Body, Line, Message};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/");

fn vectors(file: &str) -> Option<Value> {
    let Ok(text) = std::fs::read_to_string(format!("{VECTORS}{file}")) else {
        println!("skipped: {VECTORS}{file} is missing");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn message(line: &str) -> Message<'_> {
    match Line::parse(line.as_bytes()) {
        Ok(Line::Message(message)) => message,
        other => panic!("{line}: {other:?}"),
    }
}

/// Lines that we read and the incumbent does not, by a part of them, and why.
const WIDER: &[(&str, &str)] = &[
    ("(ens1f0.100):", "names with `.` are interfaces"),
    ("(br-ex):", "names with `-` are interfaces"),
    ("[ptp4l.0.conf]", "a tag is free text"),
];

#[test]
fn recorded_lines_are_read_as_the_incumbent_reads_them() {
    let Some(vectors) = vectors("log_parse.json") else {
        return;
    };
    let (mut metrics, mut events, mut ignored, mut wider) = (0, 0, 0, 0);
    for vector in vectors.as_array().unwrap() {
        let text = vector["line"].as_str().unwrap();
        let line = Line::parse(text.as_bytes());
        let metric = line.as_ref().ok().and_then(Line::metric);
        let event = line.as_ref().ok().and_then(Line::port_event);
        if let Some(reason) = WIDER.iter().find(|(part, _)| text.contains(part)) {
            assert!(!vector["matched_metric"].as_bool().unwrap() && !vector["matched_event"].as_bool().unwrap());
            assert!(metric.is_some() || event.is_some(), "{text}: {}", reason.1);
            wider += 1;
            continue;
        }
        let ours = metric.map(|metric| {
            let process = message(text).head.process.name();
            json!({
                "from": if process == "ts2phc" { "ts2phc" } else { "" },
                "iface": metric.iface,
                "offset": metric.offset.get(),
                "maxoffset": metric.max_offset.get(),
                "freqadj": metric.frequency.0,
                "delay": metric.delay.get(),
                "clockstate": metric.state.map_or("", |state| state.name()),
                "source": metric.source,
                "status": metric.nmea.map(|nmea| json!([{ "subtype": "nmea_status", "status": u8::from(nmea) }])),
            })
        });
        assert_eq!(ours.as_ref(), vector.get("metric"), "{text}");
        assert_eq!(ours.is_some(), vector["matched_metric"], "{text}");
        let ours = event.map(|event| {
            let changes = event.role.name() != "UNKNOWN";
            json!({
                // The incumbent loses the number where the role does not change.
                "port": if changes { event.number } else { 0 },
                "port_name": event.iface.unwrap_or_default(),
                "role": event.role.number(),
                "role_name": event.role.name(),
                "clock_state": event.state.name(),
            })
        });
        assert_eq!(ours.as_ref(), vector.get("event"), "{text}");
        assert_eq!(ours.is_some(), vector["matched_event"], "{text}");
        metrics += u32::from(vector.get("metric").is_some());
        events += u32::from(vector.get("event").is_some());
        ignored += u32::from(vector.get("metric").or(vector.get("event")).is_none());
    }
    println!("log_parse: {metrics} metrics, {events} events, {ignored} ignored by both, {wider} read by us alone");
    assert!(
        metrics > 100 && events > 20 && ignored > 50,
        "{metrics} {events} {ignored}"
    );
    assert_eq!(wider, WIDER.len());
}

#[test]
fn synce_lines_are_read_as_the_incumbent_reads_them() {
    let Some(vectors) = vectors("synce.json") else { return };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (mut states, mut levels, mut others) = (0, 0, 0);
    for vector in vectors["parse_log"].as_array().unwrap() {
        let line = vector["line"].as_str().unwrap();
        let body = match Line::parse(line.as_bytes()) {
            Ok(Line::Message(message)) => Some(message.body),
            _ => None,
        };
        match body {
            Some(Body::Eec(eec)) => {
                states += 1;
                assert_eq!(Some(eec.state.name().to_owned()), text(&vector["state"]), "{line}");
                assert_eq!(eec.device.map(str::to_owned), text(&vector["device"]), "{line}");
                assert_eq!(eec.source.map(str::to_owned), text(&vector["ext_source"]), "{line}");
                assert_eq!(eec.port.map(str::to_owned), text(&vector["source"]), "{line}");
            }
            Some(Body::QualityLevel(quality)) => {
                levels += 1;
                let (key, kind) = if quality.extended { ("ext_ql", 2) } else { ("ql", 1) };
                assert_eq!(json!(quality.level), vector[key], "{line}");
                assert_eq!(vector["log_type"], kind, "{line}");
                if !quality.extended {
                    assert_eq!(quality.port, vector["source"], "{line}");
                }
            }
            _ => {
                others += 1;
                assert!(vector["state"].is_null() && vector["log_type"] == 0, "{line}");
            }
        }
    }
    println!("synce: {states} states, {levels} levels, {others} neither");
    assert!(states >= 10 && levels >= 7 && others >= 7);
    for vector in vectors["eec_to_ptp"].as_array().unwrap() {
        let line = format!(
            "synce4l[1.0]: [synce4l.0.config] {} on synce1",
            vector["eec"].as_str().unwrap()
        );
        let ours = match message(&line).body {
            Body::Eec(eec) => eec.state.clock_state().map_or("-1", |state| match state.name() {
                "FREERUN" => "s0",
                "HOLDOVER" => "s1",
                _ => "s2",
            }),
            _ => "-1",
        };
        assert_eq!(ours, vector["ptp_state"], "{line}");
    }
}

#[test]
fn lines_become_the_metrics_that_the_incumbent_makes_of_them() {
    let Some(vectors) = vectors("log_to_metrics.json") else {
        return;
    };
    let (mut metrics, mut roles, mut faults) = (0, 0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let (text, expected) = (case["line"].as_str().unwrap(), &case["observed_after_line"]);
        let line = Line::parse(text.as_bytes()).unwrap();
        if let Some(metric) = line.metric() {
            metrics += 1;
            assert_eq!(metric.offset.get(), expected["offset_ns"], "{text}");
            assert_eq!(metric.max_offset.get(), expected["max_offset_ns"], "{text}");
            assert_eq!(metric.frequency.0, expected["frequency_adjustment_ns"], "{text}");
            assert_eq!(metric.delay.get(), expected["delay_ns"], "{text}");
            assert_eq!(
                json!(metric.state.map(|state| state.metric())),
                expected["clock_state"],
                "{text}"
            );
            assert_eq!(metric.source, case["labels"]["from"], "{text}");
        } else {
            let event = line.port_event().unwrap();
            match expected["interface_role"].as_u64() {
                Some(role) => {
                    roles += 1;
                    assert_eq!(u64::from(event.role.number()), role, "{text}");
                }
                // Of a fault the vector tells the offset that the incumbent puts into its state, which is not in the line.
                None => {
                    faults += 1;
                    assert_eq!(event.role.name(), "FAULTY", "{text}");
                }
            }
        }
    }
    println!("log_to_metrics: {metrics} metrics, {roles} roles, {faults} faults");
    assert_eq!(
        (metrics + roles + faults, faults),
        (vectors["cases"].as_array().unwrap().len(), 1)
    );
}

#[test]
fn what_the_daemon_writes_is_read_back() {
    let Some(vectors) = vectors("event_log_lines.json") else {
        return;
    };
    let mut read = 0;
    for vector in vectors.as_array().unwrap() {
        let line = vector["line"].as_str().unwrap().replacen("[T]", "[1800000000]", 1);
        let (values, parsed) = (&vector["in"], Line::parse(line.as_bytes()));
        if line.split_whitespace().count() < 3 && !line.contains("CLOCK_CLASS") {
            // Written where there is nothing to tell, without a state: nobody can read it.
            assert!(parsed.is_err(), "{line}");
            continue;
        }
        let Ok(Line::Message(Message { head, body })) = parsed else {
            panic!("{line}: {parsed:?}")
        };
        read += 1;
        assert!(head.tag.unwrap().name.ends_with(".0.config"), "{line}");
        let flat = if values["values"].is_object() {
            &values["values"]
        } else {
            values
        };
        let number = |key: &str| flat[key].as_i64();
        let state = match body {
            Body::Gnss(gnss) => {
                assert_eq!(
                    (Some(i64::from(gnss.fix_number)), gnss.offset.map(|ns| ns.get())),
                    (number("gnss_status"), number("offset"))
                );
                continue; // its state is the daemon's own judgement, not in the vector
            }
            Body::Dpll(dpll) => {
                let status = |status: Option<tgm_core::LockStatus>| status.map(|status| i64::from(status.number()));
                assert_eq!(status(dpll.frequency), number("frequency_status"), "{line}");
                assert_eq!(status(dpll.phase), number("phase_status"), "{line}");
                assert_eq!(dpll.pps.map(i64::from), number("pps_status"), "{line}");
                assert_eq!(dpll.offset.map(|ns| ns.get()), number("offset"), "{line}");
                dpll.state
            }
            Body::Pulse(pulse) => {
                assert_eq!(pulse.nmea.map(i64::from), number("nmea_status"), "{line}");
                assert_eq!(pulse.offset.map(|ns| ns.get()), number("offset"), "{line}");
                pulse.state
            }
            Body::Synce(synce) => synce.state,
            Body::SynceQuality(quality) => quality.state,
            Body::ClockClass(class) => {
                assert_eq!(class.0, 6);
                continue;
            }
            other => panic!("{line}: {other:?}"),
        };
        if let Some(expected) = values["state"].as_str() {
            assert_eq!(state.clock_state().unwrap().name(), expected, "{line}");
        }
    }
    println!("event_log_lines: {read} of {}", vectors.as_array().unwrap().len());
    assert_eq!(read + 1, vectors.as_array().unwrap().len());
}

/// Every recorded line of the programs is read: what they write is never called broken. The exceptions are named.
#[test]
fn recorded_files_hold_hardly_a_broken_line() {
    let folder = format!("{VECTORS}../linuxptp");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: {folder} is missing");
        return;
    };
    let (mut lines, mut broken) = (0, Vec::new());
    for file in files.flatten() {
        let name = file.file_name().into_string().unwrap();
        if !name.ends_with(".txt") || name.starts_with("daemon_glog") {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        for line in text.lines() {
            lines += 1;
            if let Err(error) = Line::parse(line.as_bytes()) {
                broken.push(format!("{error}: {line}"));
            }
        }
    }
    println!("{lines} lines, broken:\n{}", broken.join("\n"));
    assert!(lines > 1000);
    assert!(broken.len() < 30, "{}", broken.len());
}
