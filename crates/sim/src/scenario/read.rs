//! From a file to a checked scenario.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};
use tgm_core::config::{CardPolicy, Compat, DrillPlan, InstanceConfig, Judge, Limits, OnFault, OutOfSpec, Policy};
use tgm_core::learn::End;
use tgm_core::{EventKind, Instance, Port};
use tgm_time::{Femtos, Nanos, Seconds, Time};
use toml::Spanned;

use super::words::{CauseWord, Kind, Span, Value, kind};
use super::{Expectation, Scenario, ScenarioError};
use crate::card::{CardSetup, Shows};
use crate::dpll::Times;
use crate::fault::Fault;
use crate::oscillator::Oscillator;
use crate::simulation::{Setup, Step};

/// A scenario lasts this much longer than the last time that it mentions.
const MARGIN: Nanos = Nanos::from_secs(5);
/// 2026-09-21T14:13:20Z, no end of a month.
const START_UNIX: i64 = 1_790_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    requirements: Spanned<Vec<Spanned<String>>>,
    card: Option<Model>,
    port: Option<String>,
    instance: Option<String>,
    #[serde(default)]
    oscillator: Kinds,
    start: Start,
    #[serde(default)]
    seed: u64,
    duration: Option<Span>,
    start_unix: Option<u32>,
    #[serde(default)]
    judge: JudgeWord,
    utc_offset: Option<i64>,
    out_of_spec_class: Option<Spanned<Value>>,
    #[serde(default)]
    owns_pins: bool,
    #[serde(default)]
    trust_learned: bool,
    frequency_limit_ppt: Option<u32>,
    #[serde(default)]
    on_fault: OnFaultWord,
    #[serde(default)]
    compat: CompatWord,
    #[serde(default)]
    synce: bool,
    #[serde(default)]
    at: Vec<At>,
    #[serde(default)]
    expect: Vec<Spanned<Expect>>,
    #[serde(default)]
    never: BTreeMap<Kind, Vec<Spanned<Value>>>,
    #[serde(default)]
    count: BTreeMap<Kind, usize>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    receiver: ReceiverTable,
    #[serde(default)]
    dpll: DpllTable,
    #[serde(default)]
    bound: BoundTable,
    #[serde(default)]
    shows: ShowsTable,
    drill: Option<DrillTable>,
    #[serde(default)]
    learned: Vec<Learned>,
    #[serde(default)]
    extra: Vec<Extra>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Model {
    #[serde(rename = "e810-xxvda4t")]
    E810Xxvda4t,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kinds {
    Tcxo,
    #[default]
    Ocxo,
    Docxo,
}

impl From<Kinds> for Oscillator {
    fn from(kind: Kinds) -> Self {
        match kind {
            Kinds::Tcxo => Oscillator::Tcxo,
            Kinds::Ocxo => Oscillator::Ocxo,
            Kinds::Docxo => Oscillator::Docxo,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Cold,
    Locked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum JudgeWord {
    #[default]
    Tgm,
    Tbc,
    Slave,
    Relay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnFaultWord {
    #[default]
    Node,
    Isolate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CompatWord {
    #[default]
    None,
    Openshift,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    time: Span,
    #[serde(rename = "do")]
    action: Action,
    port: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy)]
struct Action(Fault);

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Action).map_err(de::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    within: Spanned<(Span, Span)>,
    event: Kind,
    value: Spanned<Value>,
    from: Option<Spanned<String>>,
    cause: Option<CauseWord>,
    port: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    offset_ns: Option<u32>,
    os_clock_ns: Option<u32>,
    in_sync_times: Option<u16>,
    max_in_spec_ns: Option<u32>,
    max_holdover_ns: Option<u32>,
    holdover_timeout_s: Option<u32>,
    gnss_grace_ms: Option<u32>,
    gnss_trust_s: Option<u32>,
    reload_grace_s: Option<u32>,
    verdict_stale_s: Option<u32>,
}

impl LimitsTable {
    fn limits(&self) -> Limits {
        let ns = |n: u32| Nanos(i64::from(n));
        let s = |n: u32| Nanos::from_secs(i64::from(n));
        let usual = Limits::DEFAULT;
        Limits {
            offset: self.offset_ns.map_or(usual.offset, ns),
            os_clock: self.os_clock_ns.map_or(usual.os_clock, ns),
            in_sync_times: self.in_sync_times.unwrap_or(usual.in_sync_times),
            max_in_spec: self.max_in_spec_ns.map_or(usual.max_in_spec, ns),
            max_holdover: self.max_holdover_ns.map_or(usual.max_holdover, ns),
            holdover_timeout: self.holdover_timeout_s.map_or(usual.holdover_timeout, s),
            gnss_grace: self
                .gnss_grace_ms
                .map_or(usual.gnss_grace, |ms| Nanos::from_millis(i64::from(ms))),
            gnss_trust: self.gnss_trust_s.map_or(usual.gnss_trust, s),
            reload_grace: self.reload_grace_s.map_or(usual.reload_grace, s),
            verdict_stale: self.verdict_stale_s.map_or(usual.verdict_stale, s),
            ..usual
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiverTable {
    acquire: Option<Span>,
    fixed_position: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DpllTable {
    lock: Option<Span>,
    relock: Option<Span>,
    ho_acq: Option<Span>,
    holdover: Option<Span>,
}

/// What the cards show of their oscillators.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShowsTable {
    #[serde(default)]
    temperature: bool,
    #[serde(default)]
    frequency: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrillTable {
    every: Span,
    length: Span,
    bound_ns: u32,
    #[serde(default)]
    alone: bool,
}

/// An end of a holdover that the cards know from before.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Learned {
    length: Span,
    drift_ns: i32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundTable {
    true_error_ns: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    port: Spanned<String>,
    card: Option<Model>,
    #[serde(default)]
    oscillator: Kinds,
    /// It has a receiver of its own; else it follows the first card's 1PPS.
    #[serde(default)]
    receiver: bool,
    /// The name of an instance of its own; else it belongs to the first.
    instance: Option<String>,
}

/// What is wrong, and where in the text.
struct Wrong {
    message: String,
    span: Option<Range<usize>>,
}

impl Wrong {
    fn at<T>(place: &Spanned<T>, message: impl Into<String>) -> Self {
        Wrong {
            message: message.into(),
            span: Some(place.span()),
        }
    }
}

impl From<toml::de::Error> for Wrong {
    fn from(error: toml::de::Error) -> Self {
        Wrong {
            message: error.message().to_owned(),
            span: error.span(),
        }
    }
}

impl Scenario {
    /// Reads a scenario file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Scenario::parse(&text, path)
    }

    /// Reads the text of a scenario; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let read = || -> Result<Scenario, Wrong> { check(&toml::from_str::<File>(text)?, text) };
        read().map_err(|Wrong { message, span }| {
            let (line, column) = span.map_or((1, 1), |span| place(text, span.start));
            ScenarioError::Invalid {
                path: path.to_owned(),
                line,
                column,
                message: message.trim_end().replace('\n', "; "),
            }
        })
    }
}

/// Line and column, both from 1, of a byte of the text.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

fn check(file: &File, text: &str) -> Result<Scenario, Wrong> {
    let setup = setup(file)?;
    let expectations = file
        .expect
        .iter()
        .map(|expect| expectation(expect, &setup, text))
        .collect::<Result<Vec<_>, _>>()?;
    let mut never = Vec::new();
    for (Kind(kind), values) in &file.never {
        for value in values {
            let number = value.get_ref().of(*kind).map_err(|message| Wrong::at(value, message))?;
            never.push((*kind, number));
        }
    }
    let last_step = setup.script.last().map_or(Nanos::ZERO, |step| step.at);
    let end = |expectation: &Expectation| {
        let base = if expectation.from.is_some() {
            last_step
        } else {
            Nanos::ZERO
        };
        base + expectation.within.1
    };
    let last_window = expectations.iter().map(end).max().unwrap_or(Nanos::ZERO);
    Ok(Scenario {
        requirements: requirements(file)?,
        duration: file
            .duration
            .map_or_else(|| last_step.max(last_window) + MARGIN, |Span(duration)| duration),
        utc: Time::from_parts(file.start_unix.map_or(START_UNIX, i64::from), 0),
        setup,
        expectations,
        never,
        count: file.count.iter().map(|(Kind(kind), n)| (*kind, *n)).collect(),
        true_error: file.bound.true_error_ns.map(|ns| Nanos(i64::from(ns))),
    })
}

fn requirements(file: &File) -> Result<Vec<String>, Wrong> {
    if file.requirements.get_ref().is_empty() {
        return Err(Wrong::at(
            &file.requirements,
            "a scenario names at least one requirement",
        ));
    }
    let named = file.requirements.get_ref().iter().map(|id| {
        let known = ["FUNC-TGM", "PERF-TGM"]
            .iter()
            .any(|prefix| id.get_ref().starts_with(prefix));
        if known {
            Ok(id.get_ref().clone())
        } else {
            let message = format!("`{}` is no requirement; allowed: FUNC-TGM… and PERF-TGM…", id.get_ref());
            Err(Wrong::at(id, message))
        }
    });
    named.collect()
}

fn setup(file: &File) -> Result<Setup, Wrong> {
    let limits = file.limits.limits();
    let out_of_spec = out_of_spec(file.out_of_spec_class.as_ref())?;
    let judged = |number, judge| InstanceConfig {
        instance: Instance(number),
        judge,
        limits,
        out_of_spec,
    };
    let (judge, name) = match file.judge {
        JudgeWord::Tgm => (Judge::Tgm, "ts2phc.0.config"),
        JudgeWord::Tbc => (Judge::Tbc, "ptp4l.0.config"),
        JudgeWord::Slave => (Judge::Slave, "ptp4l.0.config"),
        JudgeWord::Relay => (Judge::Relay, "ptp4l.0.config"),
    };
    let choice = CardPolicy {
        on_fault: match file.on_fault {
            OnFaultWord::Node => OnFault::Node,
            OnFaultWord::Isolate => OnFault::Isolate,
        },
        owns_pins: file.owns_pins,
        frequency_limit: file.frequency_limit_ppt.map(i64::from),
        trust_learned: file.trust_learned,
        drill: file.drill.map(|drill| DrillPlan {
            every: drill.every.0,
            length: drill.length.0,
            bound: Nanos(i64::from(drill.bound_ns)),
            alone: drill.alone,
        }),
        ..CardPolicy::default()
    };
    let shows = Shows {
        temperature: file.shows.temperature,
        frequency: file.shows.frequency,
    };
    let mut setup = Setup {
        seed: file.seed,
        policy: Policy {
            compat: match file.compat {
                CompatWord::None => Compat::None,
                CompatWord::Openshift => Compat::Openshift,
            },
            synce: file.synce.then_some(Port(0)), // told where its first card is
            ..Policy::default()
        },
        instances: vec![(
            judged(0, judge),
            file.instance.clone().unwrap_or_else(|| name.to_owned()),
        )],
        fallback_utc_offset: file.utc_offset.map(Seconds),
        head_start: if file.start == Start::Locked {
            Setup::LOCKED
        } else {
            Nanos::ZERO
        },
        ..Setup::default()
    };
    let times = times(&file.dpll);
    let acquire = file
        .receiver
        .acquire
        .map_or(CardSetup::default().acquire, |Span(time)| time);
    let fixed_position = file.receiver.fixed_position.unwrap_or(false);
    if judge != Judge::Relay || file.card.is_some() {
        let card = CardSetup {
            // A clock that follows another by PTP has no receiver; the pulse that its DPLL follows is made of what it follows.
            has_receiver: !matches!(judge, Judge::Tbc | Judge::Slave),
            oscillator: file.oscillator.into(),
            fixed_position,
            acquire,
            times,
            shows,
            choice,
            ..CardSetup::default()
        };
        setup
            .cards
            .push((card, file.port.clone().unwrap_or_else(|| "ens1f0".to_owned())));
    }
    for extra in &file.extra {
        let Extra {
            card: Some(Model::E810Xxvda4t) | None,
            ..
        } = extra;
        if setup.cards.iter().any(|(_, name)| name == extra.port.get_ref()) {
            return Err(Wrong::at(&extra.port, "another card has this port"));
        }
        let too_many = || Wrong::at(&extra.port, "no more than 16 cards and 16 instances");
        let instance = match &extra.instance {
            None => Instance(0),
            Some(name) => {
                let number = u8::try_from(setup.instances.len()).map_err(|_| too_many())?;
                setup.instances.push((judged(number, Judge::Tgm), name.clone()));
                Instance(number)
            }
        };
        let card = CardSetup {
            instance,
            port: Port(u16::try_from(setup.cards.len()).map_err(|_| too_many())?),
            oscillator: extra.oscillator.into(),
            has_receiver: extra.receiver,
            fixed_position,
            acquire,
            times,
            shows,
            measures_system_clock: false,
            choice,
            ..CardSetup::default()
        };
        setup.cards.push((card, extra.port.get_ref().clone()));
        setup.core_config().map_err(|_| too_many())?;
    }
    for Learned { length, drift_ns } in &file.learned {
        setup.learned.push(End {
            length: length.0,
            drift: Femtos::from(Nanos(i64::from(*drift_ns))),
            ..End::default()
        });
    }
    for at in &file.at {
        let port = at.port.as_ref().map_or(Ok(Port(0)), |name| port(name, &setup))?;
        setup.script.push(Step {
            at: at.time.0,
            instance: Instance(0),
            port,
            fault: at.action.0,
        });
    }
    setup.script.sort_by_key(|step| step.at); // stable: the file's order within a moment
    Ok(setup)
}

fn times(table: &DpllTable) -> Times {
    let usual = Times::default();
    Times {
        lock: table.lock.map_or(usual.lock, |Span(time)| time),
        relock: table.relock.map_or(usual.relock, |Span(time)| time),
        ho_acq: table.ho_acq.map_or(usual.ho_acq, |Span(time)| time),
        holdover: table.holdover.map(|Span(time)| time),
    }
}

fn out_of_spec(class: Option<&Spanned<Value>>) -> Result<OutOfSpec, Wrong> {
    let Some(class) = class else {
        return Ok(OutOfSpec::None);
    };
    let other = match class.get_ref() {
        Value::Number(140) => return Ok(OutOfSpec::Category1),
        Value::Number(150) => return Ok(OutOfSpec::Category2),
        Value::Number(160) => return Ok(OutOfSpec::Category3),
        Value::Word(word) if word == "auto" => return Ok(OutOfSpec::Auto),
        Value::Number(other) => other.to_string(),
        Value::Word(other) => format!("`{other}`"),
    };
    Err(Wrong::at(
        class,
        format!("{other} is no class out of specification; allowed: 140, 150, 160, \"auto\""),
    ))
}

fn port(name: &Spanned<String>, setup: &Setup) -> Result<Port, Wrong> {
    let known = setup.cards.iter().find(|(_, known)| known == name.get_ref());
    known.map(|(card, _)| card.port).ok_or_else(|| {
        let all: Vec<&str> = setup.cards.iter().map(|(_, name)| name.as_str()).collect();
        Wrong::at(
            name,
            format!("no card has the port `{}`; allowed: {}", name.get_ref(), all.join(", ")),
        )
    })
}

fn expectation(expect: &Spanned<Expect>, setup: &Setup, text: &str) -> Result<Expectation, Wrong> {
    let line = place(text, expect.span().start).0;
    let expect = expect.get_ref();
    let Kind(kind) = expect.event;
    let (Span(first), Span(last)) = *expect.within.get_ref();
    if first > last {
        return Err(Wrong::at(&expect.within, "the window ends before it begins"));
    }
    Ok(Expectation {
        line,
        from: expect.from.as_ref().map(anchor).transpose()?,
        within: (first, last),
        kind,
        value: expect
            .value
            .get_ref()
            .of(kind)
            .map_err(|message| Wrong::at(&expect.value, message))?,
        cause: expect.cause.map(|CauseWord(cause)| cause),
        port: expect.port.as_ref().map(|name| port(name, setup)).transpose()?,
    })
}

/// `lock-state HOLDOVER`.
fn anchor(text: &Spanned<String>) -> Result<(EventKind, i64), Wrong> {
    let wrong = |message: String| Wrong::at(text, message);
    let (name, value) = text
        .get_ref()
        .split_once(' ')
        .ok_or_else(|| wrong("an event and its value, such as `lock-state HOLDOVER`".to_owned()))?;
    let kind = kind(name).map_err(wrong)?;
    let value = value
        .parse()
        .map_or_else(|_| Value::Word(value.to_owned()), Value::Number);
    Ok((kind, value.of(kind).map_err(wrong)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const GOOD: &str = r#"
requirements = ["FUNC-TGM002-R1"]
card = "e810-xxvda4t"
start = "locked"

[[at]]
time = "10s"
do = "antenna open"

[[expect]]
within = ["10s", "11.5s"]
event = "lock-state"
value = "HOLDOVER"

[never]
lock-state = ["FREERUN"]

[count]
lock-state = 1
"#;

    fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        Scenario::parse(text, &PathBuf::from("x.toml"))
    }

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read() {
        let scenario = parse(GOOD).unwrap();
        assert_eq!(scenario.requirements, ["FUNC-TGM002-R1"]);
        assert_eq!(scenario.duration, Nanos::from_millis(16_500));
        assert_eq!(scenario.expectations[0].line, 10);
        assert_eq!(scenario.expectations[0].value, 2);
        assert_eq!(scenario.never, [(EventKind::LockState, 0)]);
        assert_eq!(scenario.count, [(EventKind::LockState, 1)]);
        assert_eq!(scenario.setup.script.len(), 1);
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_allowed_keys() {
        let error = refused("start = ", "colour = 3\nstart = ");
        assert!(error.starts_with("x.toml:4:1: "), "{error}");
        assert!(error.contains("colour") && error.contains("oscillator"), "{error}");
        let error = refused("do = ", "why = \"because\"\ndo = ");
        assert!(error.starts_with("x.toml:8:1: "), "{error}");
    }

    #[test]
    fn a_bad_value_is_refused_with_line_and_allowed_values() {
        for (from, to, line, allowed) in [
            ("\"antenna open\"", "\"antenna wet\"", 8, "antenna ok|open|short"),
            ("\"10s\"\n", "\"10 seconds\"\n", 7, "ms, s, m or h"),
            ("event = \"lock-state\"", "event = \"lock\"", 12, "clock-class"),
            ("\"HOLDOVER\"", "\"HOLD\"", 13, "FREERUN, LOCKED, HOLDOVER"),
            ("\"HOLDOVER\"", "2", 13, "FREERUN, LOCKED, HOLDOVER"),
            ("[\"FREERUN\"]", "[\"free\"]", 16, "FREERUN"),
            ("lock-state = 1", "lock-status = 1", 19, "frequency-status"),
            ("lock-state = 1", "lock-state = -1", 19, ""),
            ("\"locked\"", "\"warm\"", 4, "cold"),
            ("e810-xxvda4t", "e811", 3, "e810-xxvda4t"),
            ("FUNC-TGM002-R1", "R1", 2, "PERF-TGM"),
            ("\"11.5s\"", "\"9s\"", 11, "before it begins"),
            ("start =", "out_of_spec_class = 52\nstart =", 4, "140, 150, 160"),
            ("do =", "port = \"ens9\"\ndo =", 8, "ens1f0"),
            ("value =", "from = \"lock-state GONE\"\nvalue =", 13, "HOLDOVER"),
            ("value =", "cause = \"fate\"\nvalue =", 13, "holdover-timeout"),
        ] {
            let error = refused(from, to);
            assert!(error.starts_with(&format!("x.toml:{line}:")), "{from} -> {to}: {error}");
            assert!(error.contains(allowed), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = refused("start = \"locked\"", "");
        assert!(error.contains("start"), "{error}");
        assert!(
            parse("requirements = [")
                .unwrap_err()
                .to_string()
                .starts_with("x.toml:1:")
        );
    }

    #[test]
    fn a_second_card_of_the_same_port_is_refused() {
        let error = parse(&format!("{GOOD}\n[[extra]]\nport = \"ens1f0\"\n"))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("x.toml:22:"), "{error}");
        let scenario = parse(&format!("{GOOD}\n[[extra]]\nport = \"ens2f0\"\n")).unwrap();
        assert_eq!(scenario.setup.cards[1].0.port, Port(1));
    }
}
