//! `tgmctl lines parse`: lines of linuxptp's programs and of the OpenShift linuxptp-daemon, one JSON object each.
//!
//! `metric` and `event` are what readers of such lines take from them (`matched_…` says whether there is one); `kind` and `values` are
//! all that the line says. A line that cannot be read is `{"error":…,"line":…}`, one that is too long `{"error":…}`.

use std::io::{self, BufWriter, Read, Write};

use serde_json::{Map, Value, json};
use tgm_core::synce::{NetworkOption, QualityLevel};
use tgm_linuxptp::lines::{
    Body, Chrony, Line, LineError, LineSplitter, Metric, PortEvent, PortText, Process, Role, Stamp, SynceQuality,
};

/// Bytes per read.
const READ: usize = 64 * 1024;

/// Reads `input` to its end and writes its lines to `out`.
pub fn run(mut input: impl Read, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut failed = Ok(());
    let mut each = |line: Result<&[u8], LineError>| {
        if failed.is_ok() {
            failed = writeln!(out, "{}", object(line));
        }
    };
    let mut splitter = LineSplitter::new();
    let mut buffer = vec![0; READ];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => splitter.feed(buffer.get(..read).unwrap_or_default(), &mut each),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    splitter.finish(&mut each);
    failed?;
    out.flush()
}

fn object(bytes: Result<&[u8], LineError>) -> Value {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let text = String::from_utf8_lossy(bytes);
    let line = match Line::parse(bytes) {
        Ok(line) => line,
        Err(error) => return json!({ "error": error.to_string(), "line": text }),
    };
    let (metric, event) = (line.metric(), line.port_event());
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| _ = object.insert(key.to_owned(), value);
    put("line", json!(text));
    put("matched_event", json!(event.is_some()));
    put("matched_metric", json!(metric.is_some()));
    if let Some(metric) = metric {
        put("metric", metric_object(&line, &metric));
    }
    if let Some(event) = event {
        put("event", event_object(&event));
    }
    let Line::Message(message) = line else {
        put("kind", json!("command"));
        return object.into();
    };
    put("process", json!(message.head.process.name()));
    put("tag", json!(message.head.tag.map(|tag| tag.name)));
    put("severity", json!(message.head.tag.and_then(|tag| tag.severity)));
    match message.head.stamp {
        Stamp::Monotonic(time) => put("monotonic_ns", json!(time.as_nanos())),
        Stamp::Utc(time) => put("unix_s", json!(time.secs())),
        Stamp::Pid(pid) => put("pid", json!(pid)),
    }
    put("kind", json!(message.body.kind()));
    put("values", values(&message.body));
    // Under a tag that is no configuration's nobody counts it.
    if message.body == Body::SourceTimeInvalid && message.head.tag.is_some_and(|tag| tag.name.ends_with(".config")) {
        put("no_source_ts", json!(true));
    }
    object.into()
}

fn metric_object(line: &Line<'_>, metric: &Metric<'_>) -> Value {
    let of_ts2phc = matches!(line, Line::Message(message) if message.head.process == Process::Ts2phc);
    json!({
        "from": if of_ts2phc { "ts2phc" } else { "" },
        "iface": metric.iface,
        "offset": metric.offset.get(),
        "maxoffset": metric.max_offset.get(),
        "freqadj": metric.frequency.0,
        "delay": metric.delay.get(),
        "clockstate": metric.state.map_or("", |state| state.name()),
        "source": metric.source,
        "status": metric.nmea.map(|nmea| json!([{ "subtype": "nmea_status", "status": u8::from(nmea) }])),
    })
}

fn event_object(event: &PortEvent<'_>) -> Value {
    json!({
        // As it has always been: no number where the role does not change.
        "port": if event.role == Role::Unknown { 0 } else { event.number },
        "port_name": event.iface.unwrap_or_default(),
        "role": event.role.number(),
        "role_name": event.role.name(),
        "clock_state": event.state.name(),
    })
}

/// All that a line says, in nanoseconds and parts per billion.
fn values(body: &Body<'_>) -> Value {
    match body {
        Body::Offset(offset) => json!({
            "clock": offset.clock,
            "source": offset.source.name(),
            "offset_ns": offset.offset.get(),
            "servo_state": offset.state.number(),
            "frequency_ppb": offset.frequency.0,
            "delay_ns": offset.delay.map(|delay| delay.get()),
            "holdover": offset.holdover,
        }),
        Body::Summary(summary) => json!({
            "clock": summary.clock,
            "rms_ns": summary.rms.get(),
            "max_ns": summary.max.get(),
            "frequency_ppb": summary.frequency.0,
            "frequency_deviation_ppb": summary.frequency_deviation.0,
            "delay_ns": summary.delay.map(|(mean, _)| mean.get()),
            "delay_deviation_ns": summary.delay.map(|(_, deviation)| deviation.get()),
        }),
        Body::Port(port) => {
            let (key, value) = match port.text {
                PortText::Change { from, to, event } => (
                    "change",
                    json!({ "from": format!("{from:?}"), "to": format!("{to:?}"), "event": event }),
                ),
                PortText::Link { up } => ("link", json!(up)),
                PortText::ForeignMaster(port) => ("foreign_master", json!(port.to_string())),
                PortText::Grandmaster => ("grandmaster", json!(true)),
                PortText::Fault(text) => ("fault", json!(text)),
                PortText::Other(text) => ("text", json!(text)),
                _ => ("text", Value::Null),
            };
            json!({ "port": port.number, "name": port.name, key: value })
        }
        Body::BestMaster { clock, local } => json!({ "clock": clock.to_string(), "local": local }),
        Body::DomainSource { clock, active } => json!({ "clock": clock, "active": active }),
        Body::NmeaDelay(delay) => json!({ "delay_ns": delay.get() }),
        Body::Eec(eec) => json!({
            "eec_state": eec.state.name(), "device": eec.device, "source": eec.source, "port": eec.port,
        }),
        Body::QualityLevel(quality) => {
            json!({ "port": quality.port, "level": quality.level, "extended": quality.extended })
        }
        Body::Chrony(Chrony::Selected(source)) => json!({ "source": source }),
        Body::Chrony(Chrony::NoSource) => json!({ "source": null }),
        Body::Dpll(dpll) => json!({
            "iface": dpll.iface,
            "frequency_status": dpll.frequency.map(|status| status.metric()),
            "phase_status": dpll.phase.map(|status| status.metric()),
            "pps_status": dpll.pps,
            "offset_ns": dpll.offset.map(|offset| offset.get()),
            "state": format!("{:?}", dpll.state),
        }),
        Body::Gnss(gnss) => json!({
            "iface": gnss.iface,
            "gnss_status": gnss.fix_number,
            "offset_ns": gnss.offset.map(|offset| offset.get()),
            "state": format!("{:?}", gnss.state),
        }),
        Body::Pulse(pulse) => json!({
            "iface": pulse.iface,
            "nmea_status": pulse.nmea,
            "pps_status": pulse.pps,
            "offset_ns": pulse.offset.map(|offset| offset.get()),
            "state": format!("{:?}", pulse.state),
        }),
        Body::Grandmaster(whole) => json!({ "iface": whole.iface, "state": format!("{:?}", whole.state) }),
        Body::Boundary(whole) => json!({
            "iface": whole.iface,
            "offset_ns": whole.offset.map(|offset| offset.get()),
            "state": format!("{:?}", whole.state),
        }),
        Body::Synce(synce) => json!({
            "iface": synce.iface,
            "device": synce.device,
            "eec_state": synce.eec.name(),
            "network_option": synce.network_option,
            "state": format!("{:?}", synce.state),
        }),
        Body::SynceQuality(quality) => json!({
            "iface": quality.iface,
            "device": quality.device,
            "clock_quality": quality.quality.or_else(|| level_name(quality)),
            "ql": quality.level,
            "ext_ql": quality.extended,
            "network_option": quality.network_option,
            "state": format!("{:?}", quality.state),
        }),
        Body::ClockClass(class) => json!({ "clock_class": class.0 }),
        Body::Process { up } => json!({ "up": up }),
        Body::HaProfile { profile, active } => json!({ "profile": profile, "active": active }),
        Body::Other(text) => json!({ "text": text }),
        _ => json!({}),
    }
}

/// What the level of a line is called that does not call it anything itself.
fn level_name(quality: &SynceQuality<'_>) -> Option<&'static str> {
    let option = match quality.network_option? {
        1 => NetworkOption::One,
        2 => NetworkOption::Two,
        _ => return None,
    };
    let (ssm, extended) = (quality.level, quality.extended.unwrap_or(0xff));
    QualityLevel { ssm, extended }.name(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_named_where_its_line_does_not() {
        let unnamed = SynceQuality {
            iface: "ens7f0",
            device: None,
            quality: None,
            level: 1,
            extended: Some(0x20),
            network_option: Some(2),
            state: tgm_linuxptp::lines::Status::Locked,
        };
        assert_eq!(level_name(&unnamed), Some("PRTC"));
    }

    fn parse(input: &[u8]) -> Vec<Value> {
        let mut out = Vec::new();
        run(input, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_is_an_object_in_its_place() {
        let mut input = b"ptp4l[3.5]: [ptp4l.0.config:6] master offset -9 s2 freq +70 path delay 401\r\n".to_vec();
        input.extend(b"dpll[1800000000]:[ts2phc.0.config] ens9f0 phase_status 3 pps_status 1 s2\n");
        input.resize(input.len() + 70_000, b'x');
        input.extend(b"\nptp4l[3.5]: [ptp4l.0.config] master offset x\nCMD RESTART\n\xff");
        let objects = parse(&input);
        assert_eq!(objects.len(), 6);
        assert_eq!(objects[0]["metric"]["delay"], 401);
        assert_eq!(objects[0]["monotonic_ns"], 3_500_000_000_u64);
        assert_eq!(
            (&objects[0]["matched_metric"], &objects[0]["matched_event"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(objects[1]["unix_s"], 1_800_000_000);
        assert_eq!(objects[1]["values"]["phase_status"], 3);
        assert_eq!(objects[2], json!({ "error": "line too long at byte 4096" }));
        assert_eq!(objects[3]["error"], "not an offset at byte 43");
        assert_eq!(objects[4]["kind"], "command");
        assert_eq!(objects[5]["error"], "not text at byte 0");
    }

    /// The incumbent's recorded readings. Where it reads nothing and we something, the interface has a name that it misses, or the
    /// tag is none of its own; where it says nothing of a broken line, we say so.
    #[test]
    fn recorded_lines_have_the_recorded_keys() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/data/vectors/log_parse.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("skipped: {path} is missing");
            return;
        };
        let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
        let input: Vec<&str> = vectors.iter().map(|vector| vector["line"].as_str().unwrap()).collect();
        let objects = parse((input.join("\n") + "\n").as_bytes());
        assert_eq!(objects.len(), vectors.len());
        let (mut same, mut wider, mut broken) = (0, 0, 0);
        for (ours, vector) in objects.iter().zip(&vectors) {
            let line = &vector["line"];
            if ["(ens1f0.100)", "(br-ex)", ".conf]"]
                .iter()
                .any(|part| line.as_str().unwrap().contains(part))
            {
                assert!(
                    ours["matched_event"] == true || ours["matched_metric"] == true,
                    "{line}"
                );
                wider += 1;
            } else if ours.get("error").is_some() {
                assert!(
                    vector["matched_event"] == false && vector["matched_metric"] == false,
                    "{line}"
                );
                broken += 1;
            } else {
                for key in [
                    "line",
                    "process",
                    "matched_event",
                    "matched_metric",
                    "metric",
                    "event",
                    "no_source_ts",
                ] {
                    assert_eq!(ours.get(key), vector.get(key), "{key} of {line}");
                }
                same += 1;
            }
        }
        println!("{same} the same, {wider} read by us alone, {broken} broken");
        assert!(same > 400 && wider == 3 && broken < 10);
    }
}
