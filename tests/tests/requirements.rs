//! `docs/requirements.md` names every requirement; each has a test named after it, or a reason why not. `docs/hazards.md` is made of
//! the marks in tests and scenarios and must be up to date; with `TGM_WRITE_DOCS=1` it is written anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test says what is wrong by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tgm_sim::Scenario;

/// What can go wrong, the worst first, with what it means.
const HAZARDS: [(&str, &str); 4] = [
    (
        "false 6",
        "class 6 or 7 on a time that is wrong: radios disturb each other",
    ),
    ("false 248", "FREERUN or 248 on a time that is right: radios switch off"),
    ("late", "the truth, too late"),
    ("silent", "nobody speaks any more, and the last word stands"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below `folder` with this extension, build folders left out, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|this| this == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<PathBuf> {
    let folders = ["crates", "tests", "hwtest", "benches"];
    folders
        .iter()
        .flat_map(|folder| files(&root().join(folder), "rs"))
        .collect()
}

fn scenarios() -> Vec<PathBuf> {
    files(&root().join("tests/scenarios"), "toml")
}

/// `func_tgm001_r1_and_more` → `FUNC-TGM001-R1`.
fn id_of(function: &str) -> Option<String> {
    let mut parts = function.split('_');
    let [kind, group, number] = [parts.next()?, parts.next()?, parts.next()?];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let well = matches!(kind, "func" | "perf") && group.strip_prefix("tgm").is_some_and(digits);
    (well && number.strip_prefix('r').is_some_and(digits)).then(|| format!("{kind}-{group}-{number}").to_uppercase())
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "))?;
    rest.split(['(', '<']).next()
}

/// The ids that tests and scenarios are named after.
fn shown() -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        shown.extend(text.lines().filter_map(function).filter_map(id_of));
    }
    for path in scenarios() {
        shown.extend(
            Scenario::load(&path)
                .unwrap_or_else(|error| panic!("{error}"))
                .requirements,
        );
    }
    shown
}

/// Id → reason why no test is named after it, as the document has it.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("docs/requirements.md")).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| FUNC-") || line.starts_with("| PERF-"));
    let cells = |line: &str| -> (String, String) {
        let cells: Vec<&str> = line.split(" |").collect();
        (cells[0].trim_start_matches("| ").to_owned(), cells[2].trim().to_owned())
    };
    rows.map(cells).collect()
}

#[test]
fn every_requirement_has_a_test_or_a_reason() {
    let (listed, shown) = (listed(), shown());
    assert!(listed.len() >= 60, "{} ids", listed.len());
    let bare: Vec<&String> = listed
        .iter()
        .filter(|(id, reason)| reason.is_empty() && !shown.contains(*id))
        .map(|(id, _)| id)
        .collect();
    assert!(bare.is_empty(), "neither a test nor a reason: {bare:?}");
    let unknown: Vec<&String> = shown.iter().filter(|id| !listed.contains_key(*id)).collect();
    assert!(unknown.is_empty(), "not in docs/requirements.md: {unknown:?}");
    let both = listed
        .iter()
        .filter(|(id, reason)| !reason.is_empty() && shown.contains(*id));
    let both: Vec<&String> = both.map(|(id, _)| id).collect();
    assert!(
        both.is_empty(),
        "these have a test now, take their reason out: {both:?}"
    );
}

/// Id → what a scenario that carries it must have, one of these: a bound on the true error, a happening that begins so, or an event of
/// that kind (with that value).
const SHOWN_BY: [(&str, &[&str]); 13] = [
    ("FUNC-TGM002-R1", &["lock-state HOLDOVER", "clock-class 7"]),
    ("FUNC-TGM002-R2", &["clock-class 7"]),
    ("FUNC-TGM004-R2", &["clock-class 248"]),
    ("FUNC-TGM005-R1", &["lock-state LOCKED", "clock-class 6"]),
    ("FUNC-TGM005-R2", &["clock-class 6"]),
    ("FUNC-TGM006-R1", &["lock-state FREERUN", "clock-class 248"]),
    ("FUNC-TGM012-R1", &["process "]),
    ("FUNC-TGM012-R2", &["process ts2phc"]),
    ("FUNC-TGM012-R3", &["process ptp4l"]),
    ("FUNC-TGM012-R4", &["process phc2sys"]),
    ("PERF-TGM001-R1", &["[bound]"]),
    ("PERF-TGM001-R2", &["[bound]"]),
    ("PERF-TGM002-R1", &["[bound]"]),
];

/// What happens and what must follow in a scenario, a line each, as in [`SHOWN_BY`].
fn contents(text: &str) -> Vec<String> {
    let value = |line: &str, key: &str| -> Option<String> {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
        Some(rest.trim().trim_matches('"').to_owned())
    };
    let (mut found, mut event) = (Vec::new(), String::new());
    for line in text.lines() {
        found.extend(value(line, "do"));
        found.extend((line == "[bound]").then(|| line.to_owned()));
        event = value(line, "event").unwrap_or(event);
        found.extend(value(line, "value").map(|value| format!("{event} {value}")));
    }
    found
}

#[test]
fn a_scenario_shows_what_it_is_named_after() {
    let mut bare = Vec::new();
    for path in scenarios() {
        let contents = contents(&fs::read_to_string(&path).unwrap());
        let carried = Scenario::load(&path).unwrap().requirements;
        for (id, any) in SHOWN_BY.iter().filter(|(id, _)| carried.iter().any(|this| this == id)) {
            let has = |what: &&str| contents.iter().any(|this| this.starts_with(*what));
            if !any.iter().any(has) {
                bare.push(format!("{} carries {id} and has none of {any:?}", path.display()));
            }
        }
    }
    assert!(bare.is_empty(), "\n{}\n", bare.join("\n"));
}

/// A mark: hazard, rule, and the test that carries it.
type Mark = (String, String, String);

fn mark(line: &str, comment: &str, test: &str) -> Option<Mark> {
    let told = line
        .trim_start()
        .strip_prefix(comment)?
        .trim()
        .strip_prefix("Hazard: ")?;
    let (hazard, rule) = told.trim_end_matches('.').split_once("; ")?;
    Some((hazard.to_owned(), rule.to_owned(), test.to_owned()))
}

fn marks() -> Vec<Mark> {
    let mut marks = Vec::new();
    for path in scenarios() {
        let name = format!("tests/scenarios/{}", path.file_name().unwrap().to_string_lossy());
        let text = fs::read_to_string(&path).unwrap();
        marks.extend(text.lines().filter_map(|line| mark(line, "#", &name)));
    }
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if mark(line, "//", "").is_none() {
                continue;
            }
            let of = lines[number..].iter().find_map(|line| function(line)).unwrap();
            let file = path.strip_prefix(root()).unwrap().display();
            marks.extend(mark(line, "//", &format!("{file}: {of}")));
        }
    }
    marks
}

fn hazards() -> String {
    let mut out = String::from(
        "# Hazards, the rules against them, and the tests that show these\n\n\
         Made of the marks in tests and scenarios (`Hazard: …; rule`) by `TGM_WRITE_DOCS=1 cargo test -p tgm-tests --test requirements`.\n",
    );
    let marks = marks();
    for (hazard, meaning) in HAZARDS {
        let _ = write!(out, "\n## {hazard}\n{meaning}\n\n| rule | test |\n|---|---|\n");
        for (_, rule, test) in marks.iter().filter(|(of, _, _)| of == hazard) {
            let _ = writeln!(out, "| {rule} | `{test}` |");
        }
    }
    out
}

#[test]
fn the_hazard_table_is_what_the_marks_say() {
    let marks = marks();
    for (hazard, rule, test) in &marks {
        assert!(
            HAZARDS.iter().any(|(known, _)| known == hazard),
            "`{hazard}` ({rule}) at {test} is no hazard"
        );
    }
    for (hazard, _) in HAZARDS {
        let against = marks.iter().filter(|(of, _, _)| of == hazard).count();
        assert!(against >= 3, "{hazard}: only {against} tests");
    }
    let path = root().join("docs/hazards.md");
    let made = hazards();
    if std::env::var_os("TGM_WRITE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/hazards.md is stale: run with TGM_WRITE_DOCS=1");
}

#[test]
fn names_of_tests_are_read_as_they_are_written() {
    assert_eq!(
        id_of("func_tgm001_r1_ten_good_samples").as_deref(),
        Some("FUNC-TGM001-R1")
    );
    assert_eq!(id_of("perf_tgm003_r3").as_deref(), Some("PERF-TGM003-R3"));
    assert_eq!(id_of("func_tgm009_each_state"), None);
    assert_eq!(id_of("other_tgm009_r1"), None);
    assert_eq!(function("    fn a_test() {"), Some("a_test"));
    assert_eq!(function("    let fn_ = 3;"), None);
    assert_eq!(
        contents("[[at]]\ndo = \"nmea off\"\n[[expect]]\nevent = \"clock-class\"\nvalue = 7\n[bound]\n"),
        ["nmea off", "clock-class 7", "[bound]"]
    );
    assert!(
        mark("# Hazard: late; T6: soon.", "#", "x").is_some_and(|(of, rule, _)| of == "late" && rule == "T6: soon")
    );
}
