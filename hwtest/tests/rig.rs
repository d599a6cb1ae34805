//! Runs `antenna.sh`, a check at a time, where the virtual machine's command is given; elsewhere says that it did not.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One machine at a time: the checks have patience, but several emulated machines on few processors may ask for more.
static TURN: Mutex<()> = Mutex::new(());

/// `TGM_RIG` names the machine; `TGM_HW_REQUIRED=1` makes its absence a failure.
fn run(check: &str) {
    if std::env::var_os("TGM_RIG_SUITE").is_some() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {check}: this already is the virtual machine"
        );
        return;
    }
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("TGM_RIG") && std::env::var("TGM_HW_REQUIRED").as_deref() != Ok("1") {
        let why = "no virtual machine with a card (set TGM_RIG to the command that boots it)";
        // Not by a macro, whose output nobody sees while tests pass.
        let _ = writeln!(std::io::stderr(), "skipped: {check}: {why}");
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("antenna.sh");
    let status = Command::new(script).arg(check).status();
    assert!(status.is_ok_and(|status| status.success()), "{check}: see above");
}

#[test]
fn antenna() {
    run("antenna");
}

#[test]
fn antenna_without_a_configuration() {
    run("ubx");
}

#[test]
fn settings_stay() {
    run("settings");
}

#[test]
fn a_foreign_network_namespace() {
    run("namespace");
}

#[test]
fn latency() {
    run("latency");
}

#[test]
fn pins_are_held() {
    run("pins");
}

#[test]
fn continuity_in_locked() {
    run("continuity");
}

#[test]
fn continuity_in_holdover() {
    run("holdover");
}

#[test]
fn node_and_guardian_killed_together() {
    run("deadman");
}

#[test]
fn ptp4l_and_ts2phc_that_tgmd_runs_are_killed() {
    run("processes");
}
