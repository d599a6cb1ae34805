//! tgmd in a network namespace that is not the card's: dumps are answered there, notifications never come. It must not trust them.
//!
//! This check runs inside such a namespace itself (`unshare --net`), or nobody could ask tgmd anything.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tgm_hwtest::program::Program;
use tgm_hwtest::report::Report;

use crate::node::{Receiver, Stage, card_with_ts2phc, command, file, folder, metrics};

/// What tgmd says of the DPLL it cannot hear, 15 s after its start.
const WARNING: &str = "no dpll notification was heard";
/// As long again as a lock takes: it must not come later either.
const LATER: Duration = Duration::from_secs(12);

/// A configuration that needs no interface to find anything.
const NAMED: &str = "[leap]\nutc_offset_s = 37\n[[instance]]\n[[instance.card]]\ninterface = \"ens1f0\"\nphc = \"/dev/ptp0\"\ngnss = \"dev:/dev/gnss0\"\n";

/// Longest wait for the card's lock.
const LOCKS: Duration = Duration::from_secs(60);

/// Runs it.
pub fn run(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    if !up.is_ok_and(|status| status.success()) {
        return Err("the loopback does not come up: this check needs root and a network namespace of its own".into());
    }
    let foreign = std::fs::read_link("/proc/self/ns/net").ok() != std::fs::read_link("/proc/1/ns/net").ok();
    report.check("this is another network namespace", foreign, String::new);
    let folder = folder()?;
    let (card, ts2phc) = card_with_ts2phc(&folder)?;

    // Found by its interface the card cannot be: interfaces belong to a namespace.
    let refused = command(tgmd, &folder, Receiver::Nmea)?
        .output()
        .map_err(|error| error.to_string())?;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    println!("  by interface: exit code {:?}, {}", refused.status.code(), why.trim());
    report.equal(
        "by its interface it is not found (exit code 4)",
        &refused.status.code(),
        &Some(4),
    );
    report.check(
        "and says that this may be the namespace's doing",
        why.contains("hostNetwork"),
        || why.clone(),
    );

    // With each device named, everything opens and nothing is heard. A DPLL that locked after the first dump would be known as the
    // dump had it, so it locks before.
    let begun = Instant::now();
    while !card.state().contains("locked-ho-acq") && begun.elapsed() < LOCKS {
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut named = Command::new(tgmd);
    named
        .env("NODE_NAME", "node1")
        .arg("--config")
        .arg(file(&folder, "named.toml", NAMED)?);
    let mut node = Program::start("tgmd", &folder, named)?;
    let warned = node.says(WARNING, Duration::from_secs(60));
    report.check("tgmd warns that it hears no dpll notification", warned, || {
        node.tail(20)
    });
    std::thread::sleep(LATER);
    report.check(
        "the card is locked all the while",
        card.state().contains("locked-ho-acq"),
        || card.state(),
    );
    let page = metrics()?;
    let zero = page
        .lines()
        .find(|line| line.starts_with("tgm_dpll_notifications_total"))
        .map(str::to_owned);
    report.check(
        "no notification was counted",
        zero.as_ref().is_some_and(|line| line.ends_with(" 0")),
        || format!("{zero:?}"),
    );
    let stage = Stage::read()?;
    println!("  {stage:?}");
    report.equal("not locked", &(stage.gm, stage.class), &(0, 248));
    report.equal(
        "frequency, phase and pulse are not claimed",
        &(stage.frequency, stage.phase, stage.pps),
        &(-1, -1, 0),
    );
    report.equal(
        "the receiver, which has nothing to do with namespaces, is",
        &(stage.gnss, stage.fix),
        &(1, 3),
    );
    for line in node.log().lines().filter(|line| line.contains("WARN")) {
        println!("  {line}");
    }
    drop(ts2phc);
    Ok(())
}
