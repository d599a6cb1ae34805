//! tgmd beside a ptp4l: what it desires is announced, foreign changes and a restart are dealt with, and all of it is told.
//!
//! The ptp4l is a fake that answers management messages; the real one is tried in the linuxptp crate.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use common::ptp4l::Ptp4l;
use common::pty::Receiver;
use common::{Folder, Tgmd, program, run, until};

fn config(folder: &Folder, announce: &str) -> String {
    format!(
        "[[instance]]\n[instance.ptp4l]\nannounce = \"{announce}\"\nsocket = \"{}\"\n\
         [[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
        folder.path("ptp4l").display(),
        folder.path("receiver").display()
    )
}

/// A node in Free-Run beside a ptp4l, with a receiver that says nothing.
fn start(announce: &str) -> (Tgmd, Receiver) {
    let folder = Folder::new();
    let receiver = Receiver::plug_in(&folder.path("receiver"));
    let file = folder.write("tgmd.toml", &config(&folder, announce));
    let tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    (tgmd, receiver)
}

fn ptp4l_of(tgmd: &Tgmd) -> serde_json::Value {
    tgmd.status()["instances"][0]["ptp4l"].clone()
}

#[test]
fn own_announces_free_run_whatever_ptp4l_said_before_and_after_its_restart() {
    let (mut tgmd, _receiver) = start("own");
    until("its absence is told", || ptp4l_of(&tgmd)["alarm"] == "no socket");
    assert_eq!(tgmd.metric("tgm_announce_alarm"), Some(1.0));
    tgmd.says("ptp4l does not run");
    // A class that nobody backs any more is taken back.
    let ptp4l = Ptp4l::start(&tgmd.folder.path("ptp4l"), 6);
    until("248", || ptp4l.class() == 248);
    until("its word", || tgmd.metric("tgm_announce_agreed") == Some(1.0));
    assert_eq!(ptp4l_of(&tgmd)["clock_class"], 248);
    // Somebody claims more: taken back, and counted.
    ptp4l.set(6);
    until("248 again", || ptp4l.class() == 248);
    until("the count", || {
        tgmd.metric("tgm_announce_foreign_changes_total") == Some(1.0)
    });
    // A new one.
    drop(ptp4l);
    let ptp4l = Ptp4l::start(&tgmd.folder.path("ptp4l"), 7);
    until("248 once more", || ptp4l.class() == 248);
    until("its appearance", || {
        tgmd.metric("tgm_announce_appearances_total") >= Some(2.0)
    });
    assert!(tgmd.node_lives());
    assert_eq!(tgmd.terminate().code(), Some(0));
    let left = std::fs::read_dir(&tgmd.folder.0).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".ptp"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "its address is left behind");
}

#[test]
fn verify_sets_nothing_and_tells_the_difference() {
    let (tgmd, _receiver) = start("verify");
    let ptp4l = Ptp4l::start(&tgmd.folder.path("ptp4l"), 6);
    until("the alarm", || ptp4l_of(&tgmd)["alarm"] == "differs");
    assert_eq!(ptp4l.class(), 6);
    assert_eq!(tgmd.metric("tgm_announce_sets_total"), Some(0.0));
    assert_eq!(tgmd.metric("tgm_announce_clock_class"), Some(6.0));
}

#[test]
fn off_asks_nothing_and_tells_nothing() {
    let (tgmd, _receiver) = start("off");
    assert_eq!(ptp4l_of(&tgmd), serde_json::Value::Null);
    assert_eq!(tgmd.metric("tgm_announce_agreed"), None);
}

#[test]
fn a_recording_is_never_announced() {
    let folder = Folder::new();
    let recording = folder.write("receiver.log", "");
    let text = config(&folder, "own").replace("pty:", "file:").replace(
        &folder.path("receiver").display().to_string(),
        &recording.display().to_string(),
    );
    let file = folder.write("tgmd.toml", &text);
    let mut tgmd = program("tgmd");
    tgmd.args([
        "--config",
        file.to_str().unwrap(),
        "--run-dir",
        folder.path("run").to_str().unwrap(),
    ]);
    let (code, _, error) = run(tgmd);
    assert_eq!(code, Some(3), "{error}");
    assert!(error.contains("recorded receiver"), "{error}");
}
