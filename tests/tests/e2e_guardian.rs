//! Guardians as processes: `tgmd guardian` beside a checkpoint whose heartbeat stops, and a fake ptp4l that announces class 6.
//!
//! The node is played by the test. No time is asserted but what must not happen before something else.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use common::ptp4l::Ptp4l;
use common::{Folder, binaries, program, until};
use tgm_core::checkpoint::Will;
use tgm_core::config::OutOfSpec;
use tgm_core::synce::QualityLevel;
use tgm_core::{Announce, Instance, TgmState};
use tgm_linuxptp::synce4l::set_command;
use tgm_node::checkpoint::{CheckpointFile, Record, SLOT};
use tgm_node::clock::boottime;
use tgm_time::{Nanos, Seconds};

const NODE: u64 = 17;

/// A node's checkpoint, whose heart beats until it is told to stop.
struct Heart {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    fn beating(folder: &Folder) -> Self {
        let file = CheckpointFile::open(&folder.path("checkpoint")).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let stop = over.clone();
        let beat = move || {
            while !stop.load(Ordering::Relaxed) {
                file.beat(boottime().unwrap());
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        Heart {
            over,
            thread: Some(std::thread::spawn(beat)),
        }
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Guardian(Child);

impl Guardian {
    fn start(folder: &Folder, extra: &[&str]) -> Self {
        let server = serde_json::json!({
            "instance": 0, "servers": [folder.path("ptp4l")], "folder": null, "domain": 24, "major_sdo": 0
        });
        let mut command = program("tgmd");
        command.args(["guardian", "--node", &NODE.to_string(), "--adopt-max-age", "3"]);
        command.arg("--file").arg(folder.path("checkpoint"));
        command.args(["--ptp4l", &server.to_string()]).args(extra);
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.path("log"))
            .unwrap();
        Guardian(command.stderr(log).stdout(Stdio::null()).spawn().unwrap())
    }

    fn ends(&mut self) {
        until("the guardian's end", || self.0.try_wait().unwrap().is_some());
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A checkpoint left by a node that was Locked, with `budget` left.
fn leave(folder: &Folder, healthy: bool, budget: Nanos) -> CheckpointFile {
    binaries(); // built before any time counts
    let file = CheckpointFile::open(&folder.path("checkpoint")).unwrap();
    let by = |state| Announce::of(state, OutOfSpec::None, Some(Seconds(37)));
    let now = boottime().unwrap();
    let mut record = Record::new([0; 16], 0);
    record.core.at = now;
    record.core.wills[0] = Some(Will {
        instance: Instance(0),
        announced: by(TgmState::Locked),
        healthy,
        in_spec: by(TgmState::HoldoverInSpec),
        in_spec_until: now + budget,
        out_of_spec: by(TgmState::FreeRun),
        out_of_spec_until: now + budget,
        end: by(TgmState::FreeRun),
    });
    file.write(&mut record, 1, &mut Box::new([0; SLOT])).unwrap();
    file.take_over(NODE, now);
    file
}

const LONG: Nanos = Nanos::from_secs(1_000);
/// Class 7 stands from two seconds after it was written until then.
const BUDGET: Nanos = Nanos::from_secs(12);

/// The classes that ptp4l goes through until it has `last`.
fn classes(ptp4l: &Ptp4l, last: u8) -> Vec<u8> {
    let mut seen = vec![ptp4l.class()];
    until("the last class", || {
        let class = ptp4l.class();
        if seen.last() != Some(&class) {
            seen.push(class);
        }
        class == last
    });
    seen
}

// Hazard: silent; dead man: a node that was killed, or whose hardware loop hangs, beats no more and is taken over from; where GNSS or DPLL was not well, 248.
// Hazard: false 248; dead man: while the heart beats nobody touches ptp4l.
#[test]
fn a_heart_that_beats_is_left_alone_and_one_that_stops_is_not() {
    let folder = Folder::new();
    let _file = leave(&folder, false, LONG);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let mut heart = Heart::beating(&folder);
    let _guardian = Guardian::start(&folder, &[]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((ptp4l.class(), ptp4l.gets()), (6, 0), "nothing is even asked");
    heart.stop();
    assert_eq!(classes(&ptp4l, 248), [6, 248], "GNSS or DPLL was not well");
}

// Hazard: false 6; dead man: what a dead node left is class 7 for its budget and 248 after it.
#[test]
fn what_was_well_holds_over_and_ends_with_its_budget() {
    let folder = Folder::new();
    let _file = leave(&folder, true, BUDGET);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let _guardian = Guardian::start(&folder, &[]);
    assert_eq!(classes(&ptp4l, 248), [6, 7, 248]);
}

// Hazard: false 248; dead man: a node that hung and goes on announces for itself again.
#[test]
fn a_node_that_turns_again_is_let_go() {
    let folder = Folder::new();
    let _file = leave(&folder, false, LONG);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let mut guardian = Guardian::start(&folder, &[]);
    until("248", || ptp4l.class() == 248);
    let _heart = Heart::beating(&folder);
    let log = folder.path("log");
    until("its word", || {
        std::fs::read_to_string(&log).unwrap().contains("the node is back")
    });
    ptp4l.set(6);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(ptp4l.class(), 6);
    assert!(guardian.lives());
}

// Hazard: false 6; dead man: it gives no class that was not announced.
#[test]
fn a_class_is_taken_back_and_never_given() {
    let folder = Folder::new();
    let _file = leave(&folder, true, LONG);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 248);
    let _guardian = Guardian::start(&folder, &[]);
    until("it is asked", || ptp4l.gets() > 3);
    assert_eq!(ptp4l.class(), 248, "nobody said 7 before");
}

// Hazard: silent; dead man: with node and first guardian killed, the second takes the class back.
#[test]
fn the_last_guardian_acts_when_the_first_is_gone_as_well() {
    let folder = Folder::new();
    let begun = std::time::Instant::now();
    let file = leave(&folder, true, LONG);
    file.beat_of_guardian(boottime().unwrap());
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let _last = Guardian::start(&folder, &["--last"]);
    assert_eq!(classes(&ptp4l, 248), [6, 248]);
    assert!(
        begun.elapsed() > Duration::from_secs(10),
        "another node had its time to come"
    );
}

#[test]
fn it_ends_with_another_node_and_with_an_orderly_end() {
    let folder = Folder::new();
    let file = leave(&folder, true, LONG);
    let mut guardian = Guardian::start(&folder, &[]);
    file.take_over(NODE + 1, boottime().unwrap());
    guardian.ends();
    file.take_over(NODE, boottime().unwrap());
    let mut guardian = Guardian::start(&folder, &[]);
    file.stop();
    guardian.ends();
}

// Hazard: silent; dead man: one that is asked to end without a node leaves no class behind.
#[test]
fn asked_to_end_without_a_node_it_takes_the_class_back_first() {
    let folder = Folder::new();
    let _file = leave(&folder, true, LONG);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let mut guardian = Guardian::start(&folder, &[]);
    let pid = nix::unistd::Pid::from_raw(guardian.0.id().cast_signed());
    until("its signals are blocked", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        let blocked = blocked.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        blocked.is_some_and(|mask| mask >> (nix::sys::signal::Signal::SIGTERM as u32 - 1) & 1 == 1)
    });
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    guardian.ends();
    assert_eq!(ptp4l.class(), 248);
}

// Hazard: false 6; dead man: a checkpoint that cannot be read is Free-Run.
#[test]
fn a_checkpoint_that_cannot_be_read_is_free_run() {
    let folder = Folder::new();
    let file = CheckpointFile::open(&folder.path("checkpoint")).unwrap();
    file.take_over(NODE, boottime().unwrap());
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let _guardian = Guardian::start(&folder, &[]);
    assert_eq!(classes(&ptp4l, 248), [6, 248]);
}

/// Takes what is set, as synce4l does.
fn synce4l(folder: &Folder) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let listener = UnixListener::bind(folder.path("synce4l")).unwrap();
    let told = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let keeps = told.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut command = vec![0; 256];
            let length = client.read(&mut command).unwrap();
            command.truncate(length);
            keeps.lock().unwrap().push(command.clone());
            let _ = client.write_all(&command);
        }
    });
    told
}

/// The words for a source whose levels are option 1's.
fn source(folder: &Folder) -> String {
    let source = serde_json::json!({
        "instance": 0, "socket": folder.path("synce4l"), "device": "synce1", "source": "GNSS",
        "out_of_spec": [11, 34], "free_run": [11, 255]
    });
    source.to_string()
}

// Hazard: false 6; SyncE: a dead node's quality level does not stand.
#[test]
fn func_tgm014_r2_a_dead_nodes_quality_level_is_taken_back_with_its_class() {
    let folder = Folder::new();
    let _file = leave(&folder, false, LONG);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let mut heart = Heart::beating(&folder);
    let _guardian = Guardian::start(&folder, &["--synce", &source(&folder)]);
    heart.stop();
    // It is told as soon as it listens; ptp4l does not wait for that.
    assert_eq!(classes(&ptp4l, 248), [6, 248]);
    let told = synce4l(&folder);
    until("its level", || !told.lock().unwrap().is_empty());
    let level = QualityLevel {
        ssm: 0xb,
        extended: 0xff,
    };
    assert_eq!(told.lock().unwrap()[0], set_command("synce1", "GNSS", level).unwrap());
}

#[test]
fn func_tgm014_r2_while_the_budget_lasts_the_level_stands_as_the_class_does() {
    let folder = Folder::new();
    let _file = leave(&folder, true, BUDGET);
    let ptp4l = Ptp4l::start(&folder.path("ptp4l"), 6);
    let told = synce4l(&folder);
    let mut heart = Heart::beating(&folder);
    let _guardian = Guardian::start(&folder, &["--synce", &source(&folder)]);
    heart.stop();
    until("class 7", || ptp4l.class() == 7);
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(classes(&ptp4l, 248), [7, 248]);
    until("its level", || !told.lock().unwrap().is_empty());
    let level = QualityLevel {
        ssm: 0xb,
        extended: 0xff,
    };
    assert_eq!(told.lock().unwrap()[0], set_command("synce1", "GNSS", level).unwrap());
}
