//! Another daemon's lines out of a file and out of the journal, from the line to what consumers and dashboards are told.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::{Folder, Tgmd, until};

const LOCK: &str = "/sync/ptp-status/lock-state";
const OS_CLOCK: &str = "/sync/sync-status/os-clock-sync-state";

fn append(path: &Path, line: &str) {
    let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn is(tgmd: &Tgmd, resource: &str, value: &str) {
    until(&format!("{resource} is {value}"), || {
        tgmd.current(resource).as_deref() == Some(value)
    });
}

#[test]
fn lines_in_files_and_of_units_are_those_of_who_connects() {
    let folder = Folder::new();
    let log = folder.write("linuxptp.log", "GM[1]:[ts2phc.0.config] ens2f0 T-GM-STATUS s0\n");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    let missing = folder.path("missing.log");
    // What phc2sys hands to syslog(3), without a tag of its own.
    let entry =
        r#"{"SYSLOG_IDENTIFIER":"phc2sys","MESSAGE":"[1.5] CLOCK_REALTIME phc offset 20 s2 freq -78368 delay 1100"}"#;
    let journalctl = folder.write("journalctl", &format!("#!/bin/sh\necho '{entry}'\nexec sleep 1000\n"));
    fs::set_permissions(&journalctl, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!(
        "[lines]\nsocket = \"\"\ndaemon = \"\"\njournalctl = [\"{}\"]\n[[lines.follow]]\nfile = \"{}\"\n[[lines.follow]]\nfile = \"{}\"\n[[lines.follow]]\nunit = \"phc2sys.service\"\nconfig = \"ptp4l.0.config\"\n[[instance]]\nauthority = \"relay\"\n[[instance.card]]\ninterface = \"ens2f0\"\n",
        journalctl.display(),
        log.display(),
        missing.display(),
    );
    let config = folder.write("tgmd.toml", &config);
    let mut tgmd = Tgmd::start(folder, &["--config", config.to_str().unwrap()]);
    let source = |metric: &str, path: &Path| format!("{metric}{{source=\"file:{}\"}}", path.display());
    until("the file is open", || {
        tgmd.metric(&source("tgm_line_source_up", &log)) == Some(1.0)
    });
    assert_eq!(
        tgmd.metric(&source("tgm_line_source_silence_seconds", &log)),
        None,
        "what stood there is history, and it has not spoken yet"
    );
    append(
        &log,
        "2026-11-28T12:00:00.1Z stdout F GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2",
    );
    is(&tgmd, LOCK, "LOCKED");
    // After the lock, as phc2sys tells every second: a clock is no better than the one that it follows.
    let phc2sys = "Nov 28 12:00:00 node1 phc2sys: [2.5] [ptp4l.0.config:6] CLOCK_REALTIME phc offset 20 s2 freq -78368 delay 1100";
    append(&log, phc2sys);
    is(&tgmd, OS_CLOCK, "LOCKED");
    until("the file's age", || {
        tgmd.metric(&source("tgm_line_source_silence_seconds", &log))
            .is_some_and(|age| age >= 0.0)
    });
    until("the unit has spoken", || {
        tgmd.metric("tgm_line_source_silence_seconds{source=\"unit:phc2sys.service\"}")
            .is_some()
    });
    assert_eq!(tgmd.metric(&source("tgm_line_source_up", &missing)), Some(0.0));
    let log_text = tgmd.log();
    assert!(
        log_text.contains("missing.log") && log_text.contains("No such file"),
        "{log_text}"
    );
    let sources = tgmd.status()["line_sources"].clone();
    assert!(
        sources
            .as_array()
            .unwrap()
            .iter()
            .any(|source| source["name"] == "unit:phc2sys.service" && source["up"] == true)
    );
    // The one that was not there comes.
    append(&missing, "GM[1689282763]:[ts2phc.0.config] ens2f0 T-GM-STATUS s1");
    fs::set_permissions(&missing, fs::Permissions::from_mode(0o644)).unwrap();
    is(&tgmd, LOCK, "HOLDOVER");
    assert_eq!(tgmd.metric("tgm_lines_unreadable_total"), Some(0.0));
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.terminate().code(), Some(0));
}

#[test]
fn lines_are_read_though_no_instance_is_named() {
    let folder = Folder::new();
    let log = folder.path("linuxptp.log");
    let config = format!(
        "[lines]\nsocket = \"\"\ndaemon = \"\"\n[[lines.follow]]\nfile = \"{}\"\n",
        log.display()
    );
    let config = folder.write("tgmd.toml", &config);
    let mut tgmd = Tgmd::start(folder, &["--config", config.to_str().unwrap()]);
    let up = format!("tgm_line_source_up{{source=\"file:{}\"}}", log.display());
    until("the file is missed", || tgmd.metric(&up) == Some(0.0));
    append(&log, "GM[1689282762]:[ts2phc.0.config] ens2f0 T-GM-STATUS s2");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    is(&tgmd, LOCK, "LOCKED");
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.terminate().code(), Some(0));
}
