//! `tgmctl scenario run FILE [--json]`: tries a scenario on the core in virtual time and shows what it told.
//!
//! With `--json`, one line per event and a last one with the result; else a table. Times count from the scenario's start.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tgm_core::{Event, EventKind, Port};
use tgm_sim::scenario::words::word;
use tgm_sim::scenario::{Report, Told};
use tgm_sim::{Scenario, ScenarioError, Setup};
use tgm_time::Nanos;
use tgm_time::civil::Civil;

/// Why a scenario could not be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The file is no scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// An event as a JSON line.
#[derive(Debug, Serialize)]
struct EventLine<'a> {
    /// Seconds since the start.
    time: f64,
    /// The event's own time stamp.
    rfc3339: String,
    seq: u64,
    kind: &'static str,
    subject: &'a str,
    old: Option<Value>,
    new: Value,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_ns: Option<i64>,
}

/// A value: its name where it has one.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Value {
    Word(&'static str),
    Number(i64),
}

impl Value {
    fn of(kind: EventKind, value: i64) -> Self {
        word(kind, value).map_or(Value::Number(value), Value::Word)
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Word(word) => f.pad(word),
            Value::Number(number) => f.pad(&number.to_string()),
        }
    }
}

/// The result as the last JSON line.
#[derive(Debug, Serialize)]
struct ResultLine {
    result: &'static str,
    requirements: Vec<String>,
    duration_s: f64,
    events: usize,
    expected: usize,
    met: usize,
    failures: Vec<String>,
}

/// Runs the scenario in the file `path`; true if everything came out as it says.
pub fn run(path: &Path, json: bool, out: &mut impl Write) -> Result<bool, RunError> {
    let scenario = Scenario::load(path)?;
    let mut written = Ok(());
    if !json {
        table_head(out)?;
    }
    let report = tgm_sim::run(&scenario, |told| {
        if written.is_ok() {
            written = if json {
                json_line(out, &line(told, &scenario.setup))
            } else {
                table_row(out, &line(told, &scenario.setup))
            };
        }
    });
    written?;
    if json {
        json_line(out, &result(&scenario, &report))?;
    } else {
        table_foot(out, &scenario, &report)?;
    }
    out.flush()?;
    Ok(report.passed())
}

fn line<'a>(told: &Told, setup: &'a Setup) -> EventLine<'a> {
    let Event { kind, .. } = told.event;
    EventLine {
        time: seconds(told.at),
        rfc3339: Civil::from(told.event.time).rfc3339().to_string(),
        seq: told.event.seq,
        kind: kind.name(),
        subject: subject(&told.event, setup),
        old: (told.event.old != Event::NONE).then(|| Value::of(kind, told.event.old)),
        new: Value::of(kind, told.event.new),
        cause: told.event.cause.name(),
        offset_ns: told.event.offset.map(Nanos::get),
    }
}

/// The interface, else the instance for its own events, else the node.
fn subject<'a>(event: &Event, setup: &'a Setup) -> &'a str {
    let card = setup.cards.iter().find(|(card, _)| card.port == event.port);
    let instance = setup
        .instances
        .iter()
        .find(|(config, _)| config.instance == event.instance);
    match (event.kind, card, instance) {
        (EventKind::OsClockState | EventKind::SyncState, ..) => "node",
        (_, Some((_, port)), _) if event.port != Port::NODE => port,
        (_, _, Some((_, name))) => name,
        _ => "node",
    }
}

/// Seconds as JSON has numbers; exact to the nanosecond for a hundred days.
#[allow(clippy::cast_precision_loss)] // see above; a scenario lasts thirty at most
fn seconds(nanos: Nanos) -> f64 {
    nanos.0 as f64 / 1e9
}

/// Seconds with nine places.
fn decimal(nanos: Nanos) -> String {
    let sign = if nanos.0 < 0 { "-" } else { "" };
    let magnitude = nanos.abs().0;
    format!("{sign}{}.{:09}", magnitude / 1_000_000_000, magnitude % 1_000_000_000)
}

fn result(scenario: &Scenario, report: &Report) -> ResultLine {
    ResultLine {
        result: if report.passed() { "passed" } else { "failed" },
        requirements: scenario.requirements.clone(),
        duration_s: seconds(scenario.duration),
        events: report.events.len(),
        expected: report.expected,
        met: report.met(),
        failures: report.failures.iter().map(ToString::to_string).collect(),
    }
}

fn json_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

fn table_head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>14}  {:<20} {:<16} {:>22} → {:<22} cause",
        "seconds", "event", "subject", "old", "new"
    )
}

fn table_row(out: &mut impl Write, line: &EventLine<'_>) -> io::Result<()> {
    let old = line.old.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    writeln!(
        out,
        "{:>14.9}  {:<20} {:<16} {:>22} → {:<22} {}",
        line.time, line.kind, line.subject, old, line.new, line.cause
    )
}

fn table_foot(out: &mut impl Write, scenario: &Scenario, report: &Report) -> io::Result<()> {
    for failure in &report.failures {
        writeln!(out, "failed: {failure}")?;
    }
    writeln!(
        out,
        "{}: {} of {} expectations met, {} events in {} s ({})",
        if report.passed() { "passed" } else { "failed" },
        report.met(),
        report.expected,
        report.events.len(),
        decimal(scenario.duration),
        scenario.requirements.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str, expected_class: u8) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("tgmctl-{}-{name}.toml", std::process::id()));
        let text = format!(
            "requirements = [\"FUNC-TGM007-R3\"]\ncard = \"e810-xxvda4t\"\nstart = \"cold\"\n\
             [[expect]]\nwithin = [\"0s\", \"0s\"]\nevent = \"clock-class\"\nvalue = {expected_class}\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn output(path: &Path, json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let passed = run(path, json, &mut out).unwrap();
        (passed, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_event_is_a_json_line_and_the_last_line_is_the_result() {
        let path = scenario("json", 248);
        let (passed, text) = output(&path, true);
        std::fs::remove_file(&path).unwrap();
        assert!(passed, "{text}");
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (last, events) = lines.split_last().unwrap();
        let class = events.iter().find(|line| line["kind"] == "clock-class").unwrap();
        assert_eq!((&class["time"], &class["new"]), (&0.0.into(), &248.into()));
        assert_eq!(class["rfc3339"], "2026-09-21T14:13:20.000000000Z");
        assert_eq!(class["subject"], "ens1f0");
        assert!(class["old"].is_null());
        let state = events.iter().find(|line| line["kind"] == "lock-state").unwrap();
        assert_eq!((&state["new"], &state["cause"]), (&"FREERUN".into(), &"start".into()));
        let sync = events.iter().find(|line| line["kind"] == "sync-state").unwrap();
        assert_eq!(sync["subject"], "node");
        assert_eq!((&last["result"], &last["met"]), (&"passed".into(), &1.into()));
        assert_eq!(last["events"], events.len());
    }

    #[test]
    fn a_scenario_that_fails_says_so_and_why() {
        let path = scenario("fails", 6);
        let (passed, text) = output(&path, false);
        std::fs::remove_file(&path).unwrap();
        assert!(!passed);
        assert!(text.contains("failed: line 4: expected clock-class 6"), "{text}");
        assert!(text.contains("0 of 1 expectations met"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let error = run(Path::new("/nowhere.toml"), true, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere.toml: "));
    }
}
