//! tgmd tells synce4l the quality level of its external source; synce4l is a stub that answers as it does.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::pty::Receiver;
use common::{Folder, Tgmd, until};
use tgm_core::synce::QualityLevel;
use tgm_linuxptp::synce4l::{get_command, set_command};

/// EEC1: Free-Run's in option 1.
const EEC1: QualityLevel = QualityLevel {
    ssm: 0xb,
    extended: 0xff,
};

/// Takes SETs and says what was set when asked, `count` times, and then listens no more; the SETs.
fn synce4l(socket: &Path, count: usize) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).unwrap();
    let told = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let keeps = told.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().take(count).flatten() {
            let mut command = vec![0; 256];
            let length = client.read(&mut command).unwrap();
            command.truncate(length);
            if command == get_command("synce1").unwrap() {
                let last = keeps.lock().unwrap().last().cloned();
                client.write_all(&last.unwrap_or(command)).unwrap(); // one that knows nothing makes no sense
                continue;
            }
            keeps.lock().unwrap().push(command.clone());
            let _ = client.write_all(&command); // who asked may have ended
        }
    });
    told
}

fn config(folder: &Folder, more: &str) -> String {
    format!(
        "[[instance]]\n{more}\n[instance.synce]\nsocket = \"{}\"\n\
         [[instance.card]]\ninterface = \"gnss-test0\"\nphc = \"none\"\ndpll = \"none\"\ngnss = \"pty:{}\"\n",
        folder.path("synce4l").display(),
        folder.path("receiver").display()
    )
}

#[test]
fn func_tgm014_r3_what_synce4l_says_it_sends_is_told_and_its_silence_too() {
    let folder = Folder::new();
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let socket = folder.path("synce4l");
    let file = folder.write(
        "tgmd.toml",
        &config(&folder, "process.synce4l.downtime_threshold_s = 1"),
    );
    let tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    let state = |leaf: &str| tgmd.current_state(&format!("/sync/synce-status/{leaf}"));
    // The state is the clock's; the level nobody has said yet.
    until("E6", || state("lock-state").is_some());
    let values = state("lock-state").unwrap()["data"]["values"].clone();
    assert_eq!(values[0]["value"], "FREERUN");
    assert!(
        values[0]["ResourceAddress"]
            .as_str()
            .unwrap()
            .ends_with("/synce1/gnss-test0"),
        "{values}"
    );
    assert_eq!(state("clock-quality"), None);
    let levels = || {
        let values = state("clock-quality")?["data"]["values"].clone();
        Some((
            values[0]["value"].as_str()?.to_owned(),
            values[1]["value"].as_str()?.to_owned(),
        ))
    };
    let is = |ssm: &str, extended: &str| levels() == Some((ssm.to_owned(), extended.to_owned()));
    let _synce4l = synce4l(&socket, 4);
    until("EEC1", || is("11", "255"));
    tgmd.says("synce-clock-quality");
    // It has answered four times and is gone.
    until("do not use", || is("15", "255"));
    let _synce4l = synce4l(&socket, 1_000);
    until("EEC1 again", || is("11", "255"));
}

#[test]
fn func_tgm014_r2_free_run_is_told_at_the_start_to_a_new_synce4l_and_at_the_end() {
    let folder = Folder::new();
    let _receiver = Receiver::plug_in(&folder.path("receiver"));
    let socket = folder.path("synce4l");
    let file = folder.write("tgmd.toml", &config(&folder, ""));
    let mut tgmd = Tgmd::start(folder, &["--config", file.to_str().unwrap()]);
    until("its absence is told", || {
        tgmd.log().contains("synce4l does not listen there")
    });
    let expected = set_command("synce1", "GNSS", EEC1).unwrap();
    let first = synce4l(&socket, 1);
    until("the level", || !first.lock().unwrap().is_empty());
    assert_eq!(first.lock().unwrap()[0], expected);
    until("the log", || tgmd.log().contains("SyncE quality level set"));
    // It starts anew, and knows nothing.
    let second = synce4l(&socket, 1_000);
    until("the level again", || !second.lock().unwrap().is_empty());
    assert_eq!(second.lock().unwrap()[0], expected);
    let before = second.lock().unwrap().len();
    assert_eq!(tgmd.terminate().code(), Some(0));
    until("told once more at the end", || second.lock().unwrap().len() > before);
}
