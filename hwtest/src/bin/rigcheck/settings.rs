//! tgmd changes no setting of the hardware: its system calls are traced, and the card's settings compared.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tgm_hwtest::card::Card;
use tgm_hwtest::program::Program;
use tgm_hwtest::report::Report;
use tgm_hwtest::trace::{CALLS, Findings, judge};

use crate::node::{INTERFACE, Receiver, command, file, folder};

/// How long tgmd runs: start, fifteen seconds to its own word about hearing, and some.
const RUN: Duration = Duration::from_secs(20);

/// Runs it.
pub fn run(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let folder = folder()?;
    Card::first()?; // only here are settings ours to look at
    // Without a configuration, so with everything as it comes.
    let before = settings();
    let seen = traced("tgmd", &folder, command(tgmd, &folder, Receiver::Ubx)?, RUN)?;
    let after = settings();
    println!("  reads: {}", seen.reads.join(", "));
    println!(
        "  SIOCETHTOOL: {} (what it asks is not in the trace; the settings below are)",
        seen.ethtool
    );
    report.check(
        "PHC, DPLL and receiver were read",
        READ.iter()
            .all(|part| seen.reads.iter().any(|read| read.contains(part))),
        || format!("{:?}", seen.reads),
    );
    report.equal("no system call changes a setting", &seen.changes, &Vec::<String>::new());
    report.check("there are settings to compare", before.lines().count() > 20, || {
        before.clone()
    });
    report.check(
        "pins of PHC and DPLL, time stamping and PHC adjustment are as before",
        before == after,
        || difference(&before, &after),
    );

    // The counter-test: asked for external timestamps, tgmd does change something, and that is found.
    let text = format!("[control]\nextts = true\n[[instance]]\n[[instance.card]]\ninterface = \"{INTERFACE}\"\n");
    let mut asking = Command::new(tgmd);
    asking
        .env("NODE_NAME", "node1")
        .arg("--config")
        .arg(file(&folder, "asking.toml", &text)?);
    let seen = traced("asking", &folder, asking, Duration::from_secs(5))?;
    let only = matches!(seen.changes.as_slice(), [open, request] if open.contains("O_RDWR") && request.contains("PTP_EXTTS_REQUEST"));
    report.check(
        "with control.extts it opens the PHC for writing, asks for timestamps, and nothing else",
        only,
        || format!("{:?}", seen.changes),
    );
    Ok(())
}

/// What must be among the reads, or the trace is worth nothing.
const READ: [&str; 4] = [
    "PTP_SYS_OFFSET",
    "PTP_MASK_EN_SINGLE",
    "dpll command 2",
    "open /dev/gnss0",
];

fn traced(name: &str, folder: &Path, program: Command, run: Duration) -> Result<Findings, String> {
    let out = folder.join(format!("{name}.trace"));
    let mut strace = Command::new("strace");
    // -D: the traced program is our child, so that it is the one that is asked to end.
    strace
        .args(["-D", "-f", "-yy", "-x", "-s", "128", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-o")
        .arg(&out);
    strace.arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        if let Some(value) = value {
            strace.env(key, value);
        }
    }
    let mut traced = Program::start(name, folder, strace)?;
    let ready = traced.says(" ready ", Duration::from_secs(30));
    if !ready {
        return Err(format!("{name} is not ready under strace:\n{}", traced.tail(20)));
    }
    std::thread::sleep(run);
    traced.stop();
    let trace = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("  {name}: {} system calls traced", trace.lines().count());
    Ok(judge(&trace))
}

/// The card's settings as other programs show them, without what moves by itself.
fn settings() -> String {
    let mut all = String::new();
    let pins = "/sys/class/ptp/ptp0/pins";
    let mut names: Vec<_> = std::fs::read_dir(pins)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    names.sort();
    for path in names {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        all.push_str(&format!("{}: {text}", path.display()));
    }
    for words in [
        &["dpll", "pin", "show"][..],
        &["dpll", "device", "show"],
        &["ethtool", "-T", INTERFACE],
        &["phc_ctl", "/dev/ptp0", "freq"],
    ] {
        let Some((program, arguments)) = words.split_first() else {
            continue;
        };
        if let Ok(output) = Command::new(program).args(arguments).output() {
            all.push_str(&String::from_utf8_lossy(&output.stdout));
        }
    }
    let moves = |line: &&str| {
        !["phase-offset", "fractional", "temp", "lock-status", "measured"]
            .iter()
            .any(|what| line.contains(what))
    };
    // phc_ctl begins its line with the time.
    all.lines()
        .filter(moves)
        .map(|line| line.split_once("]: ").map_or(line, |(_, rest)| rest).to_owned() + "\n")
        .collect()
}

fn difference(before: &str, after: &str) -> String {
    let only = |a: &str, b: &str, sign| {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(|line| format!("{sign} {line}"))
            .collect::<Vec<_>>()
    };
    [only(before, after, '-'), only(after, before, '+')].concat().join("; ")
}
