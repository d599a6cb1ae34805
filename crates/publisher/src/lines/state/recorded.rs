//! What cloud-event-proxy made of recorded lines, line by line, against what is made of them here. Where the two differ on purpose, the
//! difference is in docs/differences.md and a test shows it.

use std::collections::{BTreeMap, BTreeSet};

use tgm_core::EventKind;

use super::bench::{Bench, instance};
use super::config::Relayed;

/// One recorded line, and what was made of it.
#[derive(Debug, Default)]
struct Step {
    line: String,
    /// Resource, value, offset.
    events: Vec<(String, String, Option<String>)>,
    metrics: BTreeMap<String, f64>,
}

fn recording(name: &str) -> Option<Vec<Step>> {
    let path = format!("{}/../../../shared/data/proxy/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: no recording {name} beside this repository");
        return None;
    };
    let mut steps: Vec<Step> = vec![];
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("LINE  ") {
            steps.push(Step {
                line: line.to_owned(),
                ..Step::default()
            });
            continue;
        }
        let Some(step) = steps.last_mut() else { continue };
        if let Some(event) = line.strip_prefix("  EVENT ") {
            let part = |mark: &str| -> Vec<String> {
                event
                    .split(mark)
                    .skip(1)
                    .map(|rest| rest.split('"').next().unwrap().to_owned())
                    .collect()
            };
            let mut values = part("\"value\":\"").into_iter();
            let source = part("\"source\":\"").remove(0);
            step.events.push((source, values.next().unwrap(), values.next()));
        } else if let Some((series, value)) = line.strip_prefix("  METRIC ").and_then(|line| line.split_once("} ")) {
            let value = value.split(' ').next().unwrap();
            step.metrics.insert(format!("{series}}}"), value.parse().unwrap());
        }
    }
    assert!(steps.len() > 20);
    Some(steps)
}

/// What differs at a line.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    line: String,
    what: String,
    there: Option<String>,
    here: Option<String>,
}

/// Replays a recording; everything that differs.
fn replay(name: &str, relayed: &[Relayed]) -> Option<Vec<Difference>> {
    let mut bench = Bench::new(relayed);
    let mut differences = vec![];
    let mut differ = |step: &Step, what: &str, there: Option<String>, here: Option<String>| {
        if there != here {
            differences.push(Difference {
                line: step.line.clone(),
                what: what.to_owned(),
                there,
                here,
            });
        }
    };
    let mut os_clock = None;
    for step in &recording(name)? {
        let before = bench.page();
        match step.line.strip_prefix("@sleep ") {
            Some(seconds) => bench.sleep(seconds.parse().unwrap()),
            None => bench.say(&step.line),
        }
        let after = bench.page();
        let told = |resource: &str| {
            let of = step.events.iter().filter(|(source, ..)| source == resource);
            let told: Vec<_> = of
                .map(|(_, value, offset)| format!("{value} {}", offset.as_deref().unwrap_or("-")))
                .collect();
            (!told.is_empty()).then(|| told.join(", "))
        };
        for (resource, kind) in [
            ("/sync/ptp-status/lock-state", EventKind::LockState),
            ("/sync/ptp-status/clock-class", EventKind::ClockClass),
        ] {
            let ours: Vec<_> = bench
                .told(kind)
                .into_iter()
                .map(|(value, offset)| {
                    let word = kind.word(value).map_or(value.to_string(), str::to_owned);
                    format!("{word} {}", offset.map_or("-".to_owned(), |offset| offset.to_string()))
                })
                .collect();
            differ(
                step,
                resource,
                told(resource),
                (!ours.is_empty()).then(|| ours.join(", ")),
            );
        }
        // There the system clock is judged when phc2sys has a line or a process ends, here at once: it is compared then.
        let of_os_clock = "/sync/sync-status/os-clock-sync-state";
        for (_, value, _) in step.events.iter().filter(|(source, ..)| source == of_os_clock) {
            os_clock = Some(value.clone());
        }
        if step.line.contains("CLOCK_REALTIME") || step.line.contains("PTP_PROCESS_STATUS") && os_clock.is_some() {
            differ(
                step,
                of_os_clock,
                os_clock.clone(),
                Some(bench.os_clock().name().to_owned()),
            );
        }
        let is_cores =
            |series: &str| series.contains("clock_class{") || series.contains("clock_state{iface=\"CLOCK_REALTIME\"");
        let mut changed: BTreeSet<&String> = step.metrics.keys().filter(|series| !is_cores(series)).collect();
        changed.extend(
            before
                .iter()
                .filter(|(series, value)| after.get(*series) != Some(value))
                .map(|(series, _)| series),
        );
        changed.extend(after.keys().filter(|series| !before.contains_key(*series)));
        for series in changed {
            // Recorded are changes only: what is not, stayed.
            let there = step.metrics.get(series).or(before.get(series));
            differ(
                step,
                series,
                there.map(f64::to_string),
                after.get(series).map(f64::to_string),
            );
        }
    }
    Some(differences)
}

/// Why something differs, and how it is known.
type Excuse<'a> = (&'a str, &'a dyn Fn(&Difference) -> bool);

/// Takes away what `excuse` knows; the rest must be nothing, and each excuse must have been needed.
fn excused(mut differences: Vec<Difference>, excuses: &[Excuse<'_>]) {
    for (why, excuse) in excuses {
        let before = differences.len();
        differences.retain(|difference| !excuse(difference));
        assert!(differences.len() < before, "nothing differs by: {why}");
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Of a process that ended, what it told is gone: there it stays, or becomes a number that is no offset.
fn is_of_the_dead(difference: &Difference) -> bool {
    let ended = difference.line.contains("PTP_PROCESS_STATUS:0");
    let says = |said: &Option<String>, what| said.as_deref() == Some(what);
    let gone = difference.here.is_none() && difference.what.starts_with("openshift_ptp_");
    let free = difference.what.contains("clock_state{") && says(&difference.here, "0");
    let no_offset = says(&difference.there, "FREERUN -9999999999999999") && says(&difference.here, "FREERUN -");
    ended && (gone || free || no_offset)
}

/// The recording began while the proxy had these series already.
fn was_there(difference: &Difference) -> bool {
    let later = ["phc2sys[1.007]", "ptp4l[1.003]", "ptp4l[5199193.912]"];
    later.iter().any(|line| difference.line.starts_with(line)) && difference.there.is_none()
}

/// A system clock holds over for a while when phc2sys ends, and a grandmaster's ptp4l that ends is no loss of its time.
fn is_patient(difference: &Difference) -> bool {
    let ended = difference.line.contains("PTP_PROCESS_STATUS") && difference.line.contains("[ptp4l.");
    ended && difference.what.ends_with("os-clock-sync-state") && difference.here.as_deref() == Some("LOCKED")
}

fn is_greatest(difference: &Difference) -> bool {
    difference.what.contains("max_offset_ns{")
}

const GREATEST: Excuse<'static> = ("the greatest offset is one by size", &is_greatest);
const THERE: Excuse<'static> = ("the recording began before", &was_there);
const PATIENT: Excuse<'static> = ("a process that ends is no loss of time", &is_patient);
const DEAD: Excuse<'static> = ("what a process told ends with it", &is_of_the_dead);

#[test]
fn a_recorded_ordinary_clock_makes_the_same_events_and_series() {
    let ours = [instance(0, "ptp4l.1.config", "ens1f0", 200, 3)];
    if let Some(differences) = replay("oc", &ours) {
        excused(differences, &[GREATEST, DEAD, THERE]);
    }
}

#[test]
fn a_recorded_clock_that_ran_free_in_silence_says_so_here() {
    let ours = [instance(0, "ptp4l.1.config", "ens1f0", 200, 3)];
    if let Some(differences) = replay("oc_silent_freerun", &ours) {
        let told = |difference: &Difference| difference.line.contains("  9000 s0") && difference.there.is_none();
        let stale = |difference: &Difference| {
            difference.line == "@sleep 3.5" && difference.here.as_deref() == Some("FREERUN 9000")
        };
        excused(
            differences,
            &[
                GREATEST,
                DEAD,
                THERE,
                PATIENT,
                ("a servo that does not follow ends a holdover, and that is told", &told),
                ("the offset is the last one", &stale),
            ],
        );
    }
}

#[test]
fn a_recorded_grandmaster_makes_the_same_events_and_series() {
    let ours = [instance(0, "ptp4l.0.config", "ens2f0", 100, 5)];
    if let Some(differences) = replay("tgm", &ours) {
        let severity = |difference: &Difference| difference.line.contains("[ts2phc.0.config:6]");
        let device = |difference: &Difference| {
            difference.line.contains(" /dev/ptp6 ") && difference.what.ends_with("lock-state")
        };
        let sample = |difference: &Difference| difference.line.contains("phc offset       100 s2");
        let holds = |difference: &Difference| {
            difference.what.ends_with("os-clock-sync-state") && difference.here.as_deref() == Some("HOLDOVER")
        };
        excused(
            differences,
            &[
                GREATEST,
                DEAD,
                THERE,
                PATIENT,
                ("a severity is no interface", &severity),
                ("clocks of one configuration make one state", &device),
                ("one sample beyond the limit is no loss of the system's clock", &sample),
                ("a system clock that follows a holdover is in holdover", &holds),
            ],
        );
    }
}
