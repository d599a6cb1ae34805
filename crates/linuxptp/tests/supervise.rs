//! Supervision, with shell scripts in the programs' places.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // tests: stop where it breaks

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tgm_core::{Instance, Process};
use tgm_linuxptp::lines::{Body, Line};
use tgm_linuxptp::supervise::{Group, Program, Report, Run};

/// Longest wait for anything that has to happen. Not a measure.
const PATIENCE: Duration = Duration::from_secs(30);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tgm-supervise-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A script that is a process.
fn script(process: Process, text: &str) -> Program {
    let words = ["sh", "-c", text].map(str::to_owned).to_vec();
    Program {
        instance: Instance(0),
        process,
        name: format!("{}-0", process.name()),
        run: Run::Manage {
            words,
            config: None,
            priority: None,
            waits: process == Process::Phc2sys,
            files: 0,
        },
    }
}

/// What happened, as words.
#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn take(&mut self, program: &Program, report: &Report<'_>) {
        let name = program.process.name();
        self.0.push(match report {
            Report::Up { pid, adopted: false } => format!("{name} up {pid}"),
            Report::Up { pid, adopted: true } => format!("{name} adopted {pid}"),
            Report::Down { end, last } => format!("{name} down {end} after {last:?}"),
            Report::Failed(error) => format!("{name} failed {error}"),
            Report::Said(text) => format!("{name} said {text}"),
            Report::Line(Line::Message(message)) => match message.body {
                Body::Offset(offset) => format!("{name} offset {} {:?}", offset.offset.0, offset.state),
                other => format!("{name} line {}", other.kind()),
            },
            Report::Line(other) => format!("{name} {other:?}"),
        });
    }

    fn count(&self, begin: &str) -> usize {
        self.0.iter().filter(|line| line.starts_with(begin)).count()
    }

    fn pid(&self, begin: &str) -> i32 {
        let line = self.0.iter().rev().find(|line| line.starts_with(begin)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

/// Turns until `done` holds.
fn until(group: &mut Group, seen: &mut Seen, what: &str, done: impl Fn(&Seen) -> bool) {
    let (_keep, stop) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    while !done(seen) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:#?}", seen.0);
        let goes_on = group.turn(&stop, &|_| false, &mut |program, report| seen.take(program, &report));
        assert!(goes_on.unwrap());
    }
}

fn begin(programs: Vec<Program>, folder: &Folder) -> (Group, Seen) {
    let mut seen = Seen::default();
    let group = Group::new(programs, folder.0.clone(), &mut |program, report| {
        seen.take(program, &report)
    });
    (group, seen)
}

fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next())
        .is_some_and(|state| state != "Z")
}

const IDLE: &str = "exec sleep 600";

#[test]
fn func_tgm007_r2_the_order_is_ts2phc_ptp4l_and_phc2sys_once_the_phc_is_locked() {
    let folder = Folder::new();
    let go = folder.0.join("go");
    let ts2phc = format!(
        "echo 'ts2phc[1.5]: [ts2phc.0.config] ens1f0 master offset 9 s0 freq +1'; while [ ! -e {} ]; do sleep 0.02; done; \
         echo 'ts2phc[2.5]: [ts2phc.0.config] ens1f0 master offset -2 s2 freq +1'; {IDLE}",
        go.display()
    );
    let programs = vec![
        script(Process::Ts2phc, &ts2phc),
        script(Process::Ptp4l, IDLE),
        script(Process::Phc2sys, IDLE),
        script(Process::Synce4l, IDLE),
    ];
    let (mut group, mut seen) = begin(programs, &folder);
    until(&mut group, &mut seen, "a line", |seen| {
        seen.count("ts2phc offset 9") == 1 && seen.count("synce4l up") == 1
    });
    assert_eq!(seen.count("phc2sys"), 0, "the servo is not locked: {:?}", seen.0);
    std::fs::write(&go, "").unwrap();
    until(&mut group, &mut seen, "phc2sys", |seen| seen.count("phc2sys up") == 1);
    let at = |begin: &str| seen.0.iter().position(|line| line.starts_with(begin)).unwrap();
    assert!(
        at("ts2phc up") < at("ptp4l up") && at("ptp4l up") < at("phc2sys up"),
        "{:?}",
        seen.0
    );
    assert!(at("ts2phc offset -2 Locked") < at("phc2sys up"));
    let pids = ["ts2phc", "ptp4l", "phc2sys", "synce4l"].map(|name| seen.pid(&format!("{name} up")));
    group.stop(false);
    assert!(pids.iter().all(|pid| !lives(*pid)));
}

#[test]
fn func_tgm011_r3_what_ends_is_restarted_alone_and_how_it_ended_is_told() {
    let folder = Folder::new();
    let programs = vec![
        script(Process::Ts2phc, IDLE),
        script(Process::Ptp4l, "echo 'bad thing happened'; exit 3"),
    ];
    let (mut group, mut seen) = begin(programs, &folder);
    until(&mut group, &mut seen, "three starts", |seen| {
        seen.count("ptp4l up") == 3
    });
    assert_eq!(seen.count("ts2phc up"), 1);
    assert_eq!(
        seen.0.iter().find(|line| line.contains("down")).unwrap(),
        "ptp4l down exit code 3 after \"bad thing happened\""
    );
    let first = seen.pid("ts2phc up");
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    until(&mut group, &mut seen, "its restart", |seen| {
        seen.count("ts2phc up") == 2
    });
    assert_eq!(seen.count("ts2phc down signal 9"), 1);
    group.stop(false);
}

#[test]
fn a_program_that_is_not_there_is_told_and_tried_again_and_holds_nobody_up() {
    let folder = Folder::new();
    let mut missing = script(Process::Ts2phc, "");
    let Run::Manage { words, .. } = &mut missing.run else {
        panic!()
    };
    *words = vec!["/nonexistent/ts2phc".into()];
    let (mut group, mut seen) = begin(vec![missing, script(Process::Ptp4l, IDLE)], &folder);
    until(&mut group, &mut seen, "tries", |seen| {
        seen.count("ts2phc failed No such file") == 2
    });
    assert_eq!(seen.count("ptp4l up"), 1);
    group.stop(false);
}

#[test]
fn func_tgm011_r4_a_child_survives_its_supervisor_and_is_adopted_if_it_is_the_same() {
    let folder = Folder::new();
    let chatty = "while :; do echo 'ptp4l[1.5]: [ptp4l.0.config] rms 3 max 4 freq 5 +/- 1'; sleep 0.02; done";
    let programs = || vec![script(Process::Ptp4l, chatty), script(Process::Synce4l, IDLE)];
    let (mut group, mut seen) = begin(programs(), &folder);
    until(&mut group, &mut seen, "both", |seen| {
        seen.count("ptp4l line summary") > 3 && seen.count("synce4l up") == 1
    });
    let (talker, idler) = (seen.pid("ptp4l up"), seen.pid("synce4l up"));
    drop(group); // as by a crash: nothing is ended, nobody reads
    std::thread::sleep(Duration::from_millis(200));
    assert!(
        lives(talker) && lives(idler),
        "writing without a reader must not end it"
    );
    // The same words: the same process, and its lines go on.
    let other = script(Process::Synce4l, "sleep 599");
    let (mut group, mut seen) = begin(vec![script(Process::Ptp4l, chatty), other], &folder);
    assert_eq!(seen.0, [format!("ptp4l adopted {talker}")]);
    assert!(!lives(idler), "started as something else: ended");
    until(&mut group, &mut seen, "lines", |seen| {
        seen.count("ptp4l line summary") > 3 && seen.count("synce4l up") == 1
    });
    // Its death is noticed though it is nobody's child here.
    kill(Pid::from_raw(talker), Signal::SIGKILL).unwrap();
    until(&mut group, &mut seen, "its successor", |seen| {
        seen.count("ptp4l up") == 1
    });
    let new = seen.pid("ptp4l up");
    // What is no longer configured is ended by the next.
    drop(group);
    let (group, seen) = begin(vec![], &folder);
    assert_eq!(seen.0.len(), 0);
    assert!(!lives(new));
    group.stop(false);
}

// Requirements 7.5: who is announced longest changes last.
#[test]
fn func_tgm011_r6_of_several_that_changed_ptp4l_is_started_anew_last() {
    let folder = Folder::new();
    let all = |text: &str| {
        let mut all: Vec<Program> = [Process::Ts2phc, Process::Ptp4l, Process::Synce4l]
            .map(|process| script(process, text))
            .into();
        all.iter_mut().for_each(|program| {
            if let Run::Manage { files, .. } = &mut program.run {
                *files = u64::from(text != IDLE);
            }
        });
        all
    };
    let (mut group, mut seen) = begin(all(IDLE), &folder);
    until(&mut group, &mut seen, "all", |seen| seen.count("synce4l up") == 1);
    seen.0.clear();
    group.replace(all("exec sleep 601"));
    until(&mut group, &mut seen, "all anew", |seen| {
        ["ts2phc up", "ptp4l up", "synce4l up"]
            .iter()
            .all(|up| seen.count(up) == 1)
    });
    let place = |begin: &str| seen.0.iter().position(|line| line.starts_with(begin)).unwrap();
    assert!(
        place("ptp4l down") > place("ts2phc up") && place("ptp4l down") > place("synce4l up"),
        "{:#?}",
        seen.0
    );
    // One that cannot be started holds nobody up, and who did not change runs on.
    seen.0.clear();
    let mut broken = all("exec sleep 602");
    if let Run::Manage { words, .. } = &mut broken[0].run {
        *words = vec!["/nonexistent/ts2phc".to_owned()];
    }
    broken[2] = all("exec sleep 601").remove(2);
    group.replace(broken);
    until(&mut group, &mut seen, "another ptp4l", |seen| {
        seen.count("ptp4l up") == 1
    });
    assert_eq!(
        (seen.count("synce4l"), seen.count("ts2phc up")),
        (0, 0),
        "{:#?}",
        seen.0
    );
    group.stop(false);
}

#[test]
fn func_tgm015_r2_a_change_restarts_that_program_alone() {
    let folder = Folder::new();
    let with = |files: u64| {
        let mut ptp4l = script(Process::Ptp4l, IDLE);
        let Run::Manage { files: slot, .. } = &mut ptp4l.run else {
            panic!()
        };
        *slot = files;
        vec![script(Process::Ts2phc, IDLE), ptp4l]
    };
    let (mut group, mut seen) = begin(with(0), &folder);
    until(&mut group, &mut seen, "both", |seen| seen.count("ptp4l up") == 1);
    group.replace(with(0));
    group.replace(with(7));
    until(&mut group, &mut seen, "its restart", |seen| seen.count("ptp4l up") == 2);
    assert_eq!(
        (
            seen.count("ptp4l down"),
            seen.count("ts2phc up"),
            seen.count("ts2phc down")
        ),
        (1, 1, 0)
    );
    group.stop(true);
    let (one, two) = (seen.pid("ts2phc up"), seen.pid("ptp4l up"));
    assert!(lives(one) && lives(two), "left at the end where that is wanted");
    begin(vec![], &folder).0.stop(false);
    assert!(!lives(one) && !lives(two));
}

#[test]
fn a_program_of_others_is_watched_and_never_ended() {
    let folder = Folder::new();
    let argument = format!("{}.25", 100_000 + std::process::id()); // nobody else's
    let watched = Program {
        run: Run::Watch {
            program: "sleep".into(),
            config: Some(argument.clone().into()),
        },
        ..script(Process::Ptp4l, "")
    };
    let (mut group, mut seen) = begin(vec![watched], &folder);
    let run = || std::process::Command::new("sleep").arg(&argument).spawn().unwrap();
    let mut first = run();
    until(&mut group, &mut seen, "it is found", |seen| {
        seen.count("ptp4l adopted") == 1
    });
    first.kill().unwrap();
    first.wait().unwrap();
    until(&mut group, &mut seen, "its end", |seen| seen.count("ptp4l down") == 1);
    let mut second = run();
    until(&mut group, &mut seen, "the next", |seen| {
        seen.count("ptp4l adopted") == 2
    });
    group.stop(false);
    assert!(second.try_wait().unwrap().is_none());
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn func_tgm011_r2_phc2sys_is_not_started_again_either_while_the_phc_is_not_locked() {
    let folder = Folder::new();
    let (mut group, mut seen) = begin(vec![script(Process::Phc2sys, IDLE)], &folder);
    let (_keep, stop) = UnixStream::pair().unwrap();
    let locked = std::cell::Cell::new(true);
    let turn = |group: &mut Group, seen: &mut Seen| {
        let goes_on = group.turn(&stop, &|_| locked.get(), &mut |program, report| {
            seen.take(program, &report)
        });
        assert!(goes_on.unwrap());
    };
    let begun = Instant::now();
    while seen.count("phc2sys up") == 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", seen.0);
        turn(&mut group, &mut seen);
    }
    locked.set(false);
    let pid = Pid::from_raw(seen.pid("phc2sys up"));
    kill(pid, Signal::SIGKILL).unwrap();
    // Looked at many times after it is due again, and left alone.
    let mut looks = 0;
    while looks < 20 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", seen.0);
        turn(&mut group, &mut seen);
        looks += seen.count("phc2sys down");
    }
    assert_eq!(seen.count("phc2sys up"), 1, "{:?}", seen.0);
    locked.set(true);
    while seen.count("phc2sys up") == 1 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", seen.0);
        turn(&mut group, &mut seen);
    }
    group.stop(false);
}
