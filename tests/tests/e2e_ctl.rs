//! `tgmctl` as it is built: status of a running node, decoders, a scenario.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::process::{Command, Stdio};

use common::{Folder, Tgmd, free_address, program, pty, run};
use serde_json::Value;
use tgm_dpll::encode::AttrWriter;
use tgm_sys::dpll::a;

fn tgmctl(words: &[&str]) -> Command {
    let mut command = program("tgmctl");
    command.args(words);
    command
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_status_of_a_running_node_and_of_none() {
    let tgmd = Tgmd::start(Folder::new(), &["--simulate"]);
    let metrics = tgmd.metrics.to_string();
    let (code, out, err) = run(tgmctl(&["status", "--metrics", &metrics]));
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.starts_with("SIMULATED") && out.contains("node_alive true  sync_state "),
        "{out}"
    );
    let (code, out, _) = run(tgmctl(&["status", "--json", "--metrics", &metrics]));
    assert_eq!(code, Some(0));
    let status: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["node"], "node1");
    assert_eq!(
        status["sync_state"],
        tgmd.current("/sync/sync-status/sync-state").unwrap()
    );
    let (code, _, err) = run(tgmctl(&["status", "--metrics", &free_address().to_string()]));
    assert_ne!(code, Some(0));
    assert!(err.contains("no tgmd answers"), "{err}");
}

#[test]
fn a_consumer_subscribes_takes_events_and_leaves_nothing_behind() {
    let tgmd = Tgmd::start(Folder::new(), &["--simulate", "--speed", "3"]);
    let api = tgmd.listen.to_string();
    // A cold start: the initial states, then the way to the lock.
    let (code, out, err) = run(tgmctl(&[
        "subscribe",
        "/sync/ptp-status/lock-state",
        "--count",
        "2",
        "--api",
        &api,
    ]));
    assert_eq!(code, Some(0), "{err}");
    let told = lines(&out);
    assert_eq!(told.len(), 3, "the present, the initial notification, a change: {out}");
    let value = |event: &Value| event["data"]["values"][0]["value"].as_str().unwrap().to_owned();
    assert_eq!(value(&told[1]), "FREERUN", "{out}");
    assert_eq!(value(&told[2]), "LOCKED", "{out}");
    assert_eq!(tgmd.subscriptions(), 0, "its subscription ended with it");

    let (code, _, err) = run(tgmctl(&["subscribe", "/no/such/thing", "--api", &api]));
    assert!(code == Some(1) && err.contains("refuses (404)"), "{err}");
    let nobody = free_address().to_string();
    let (code, _, err) = run(tgmctl(&["subscribe", "--api", &nobody]));
    assert!(code == Some(1) && err.contains("no notification API answers"), "{err}");
}

#[test]
fn a_recording_is_decoded() {
    let folder = Folder::new();
    let text: String = (0..5).map(|second| pty::second(second, second < 3)).collect();
    let file = folder.write("capture.log", &text);
    let (code, out, err) = run(tgmctl(&["gnss", "decode", file.to_str().unwrap()]));
    assert_eq!(code, Some(0), "{err}");
    let decoded = lines(&out);
    assert_eq!(decoded.len(), 6, "an epoch per second and the counts: {out}");
}

#[test]
fn messages_are_decoded_line_by_line() {
    let mut buffer = [0; 64];
    let mut writer = AttrWriter::new(&mut buffer);
    writer.u32(a::ID, 3);
    writer.u32(a::LOCK_STATUS, 3);
    let hex: String = writer
        .finish()
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = Folder::new();
    let input = folder.write("input", &format!("device {hex}\ndevice 0g\n"));
    let mut command = tgmctl(&["dpll", "decode"]);
    command.stdin(Stdio::from(std::fs::File::open(input).unwrap()));
    let (code, out, _) = run(command);
    let decoded = lines(&out);
    assert_eq!(decoded[0]["id"], 3);
    assert_eq!(decoded[0]["lock-status"], "locked-ho-acq");
    assert!(decoded[1]["error"].as_str().unwrap().contains("hexadecimal"));
    assert_eq!(code, Some(1), "one line was wrong");
}

#[test]
fn a_scenario_is_run() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/001-cold-start.toml");
    let (code, out, err) = run(tgmctl(&["scenario", "run", "--json", file]));
    assert_eq!(code, Some(0), "{err}");
    assert!(lines(&out).len() > 5, "{out}");
    let (code, _, err) = run(tgmctl(&["scenario", "run", "/nonexistent.toml"]));
    assert_ne!(code, Some(0));
    assert!(err.contains("/nonexistent.toml"), "{err}");
}
