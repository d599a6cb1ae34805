//! The antenna is switched off and on again. What a consumer is told, in which order, and what the metrics show meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use tgm_hwtest::consumer::Notice;
use tgm_hwtest::report::Report;

use crate::node::{INTERFACE, LOCK, Node, RESOURCES, Receiver, Stage};

/// Longest wait for what follows the antenna: the receiver tells once a second, and is stale after three.
const SOON: Duration = Duration::from_secs(10);
/// How long the antenna stays off once everything has been told: whether the holdover lasts.
const HELD: Duration = Duration::from_secs(8);

/// Runs it.
pub fn run(tgmd: &Path, receiver: Receiver, report: &mut Report) -> Result<(), String> {
    let mut node = Node::start(tgmd, receiver)?;
    node.subscribe()?;
    let told = node.consumer.wait(SOON, |all| {
        RESOURCES
            .iter()
            .all(|resource| all.iter().any(|n| n.source == *resource))
    });
    report.check("each resource was told on subscribing", told, || {
        transcript(Instant::now(), &node.consumer.notices())
    });
    discovered(&mut node, report);
    if !report.check("it locks", node.wait_locked(), || {
        format!("{:?}\n{}", Stage::read(), node.tails())
    }) {
        return Ok(());
    }
    let before = node.consumer.notices().len();
    let told_before = transcript(Instant::now(), &node.consumer.notices());
    println!("until locked:\n{told_before}");

    let off = Instant::now();
    node.card.control("gnss antenna off")?;
    let since = |all: &[Notice]| all.iter().skip(before).cloned().collect::<Vec<_>>();
    node.consumer.wait(SOON, |all| {
        DOWN.iter()
            .all(|(what, value)| place(&since(all), what, value).is_some())
    });
    stage("holdover", Stage::HOLDOVER, report);
    std::thread::sleep(HELD);
    stage("still holdover", Stage::HOLDOVER, report);
    let down = since(&node.consumer.notices());
    println!("antenna off:\n{}", transcript(off, &down));

    let middle = node.consumer.notices().len();
    let on = Instant::now();
    node.card.control("gnss antenna on")?;
    let since = |all: &[Notice]| all.iter().skip(middle).cloned().collect::<Vec<_>>();
    node.consumer.wait(LOCK, |all| {
        UP.iter().all(|(what, value)| place(&since(all), what, value).is_some())
    });
    stage("locked again", Stage::LOCKED, report);
    let up = since(&node.consumer.notices());
    println!("antenna on:\n{}", transcript(on, &up));

    judge_down(&down, report);
    judge_up(&up, report);
    let all = node.consumer.notices();
    let never = all
        .iter()
        .skip(before)
        .find(|notice| notice.value == "FREERUN" || notice.value == "248");
    report.check("never FREERUN in between", never.is_none(), || format!("{never:?}"));
    let marked = all.iter().find(|notice| notice.simulated);
    report.check(
        "nothing is marked as simulated: the kernel's interfaces are real",
        marked.is_none(),
        || format!("{marked:?}"),
    );
    let mut ids: Vec<&str> = all.iter().map(|notice| notice.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    report.equal("each notification came once", &ids.len(), &all.len());
    report.equal("nothing else came", &node.consumer.garbage(), &Vec::<String>::new());
    Ok(())
}

/// What must follow the antenna's end.
const DOWN: [(&str, &str); 9] = [
    ("gnss-sync-status", "ANTENNA-DISCONNECTED"),
    ("gnss-fix", "0"),
    ("pps-status", "0"),
    ("phase-status", "4"),
    ("frequency-status", "4"),
    ("lock-state", "HOLDOVER"),
    ("clock-class", "7"),
    ("os-clock-sync-state", "HOLDOVER"),
    ("sync-state", "HOLDOVER"),
];
/// What must follow its return.
const UP: [(&str, &str); 9] = [
    ("gnss-fix", "3"),
    ("gnss-sync-status", "SYNCHRONIZED"),
    ("pps-status", "1"),
    ("phase-status", "3"),
    ("frequency-status", "3"),
    ("lock-state", "LOCKED"),
    ("clock-class", "6"),
    ("os-clock-sync-state", "LOCKED"),
    ("sync-state", "LOCKED"),
];

fn judge_down(down: &[Notice], report: &mut Report) {
    println!("order after the antenna was switched off:");
    for (what, value) in DOWN {
        report.check(
            &format!("{what} becomes {value}"),
            place(down, what, value).is_some(),
            || values(down, what),
        );
    }
    // In NMEA the antenna's state comes in a sentence of its own behind the fix, so FAILURE-NOFIX may be told first.
    let gnss = all_values(down, "gnss-sync-status");
    let ends = matches!(
        gnss.as_slice(),
        ["ANTENNA-DISCONNECTED"] | ["FAILURE-NOFIX", "ANTENNA-DISCONNECTED"]
    );
    report.check("gnss-sync-status ends in ANTENNA-DISCONNECTED", ends, || {
        format!("{gnss:?}")
    });
    // Of the two DPLLs the kernel may tell either first; the first that holds over ends the lock. The receiver tells of the same
    // second 120 ms later, because it speaks only after it.
    let dpll = [("frequency-status", "4"), ("phase-status", "4")];
    let first = dpll
        .into_iter()
        .min_by_key(|(what, value)| place(down, what, value).unwrap_or(usize::MAX));
    before(down, first.unwrap_or_default(), ("lock-state", "HOLDOVER"), report);
    before(down, ("pps-status", "0"), ("phase-status", "4"), report);
    before(down, ("lock-state", "HOLDOVER"), ("clock-class", "7"), report);
    before(down, ("lock-state", "HOLDOVER"), ("sync-state", "HOLDOVER"), report);
    for (what, expected) in [
        ("lock-state", ["HOLDOVER"]),
        ("clock-class", ["7"]),
        ("pps-status", ["0"]),
        ("sync-state", ["HOLDOVER"]),
    ] {
        report.equal(
            &format!("{what} is told once"),
            &all_values(down, what),
            &expected.to_vec(),
        );
    }
}

fn judge_up(up: &[Notice], report: &mut Report) {
    println!("order after it was switched on again:");
    for (what, value) in UP {
        report.check(
            &format!("{what} becomes {value}"),
            place(up, what, value).is_some(),
            || values(up, what),
        );
    }
    before(up, ("gnss-fix", "3"), ("lock-state", "LOCKED"), report);
    before(
        up,
        ("gnss-sync-status", "SYNCHRONIZED"),
        ("lock-state", "LOCKED"),
        report,
    );
    before(up, ("pps-status", "1"), ("lock-state", "LOCKED"), report);
    before(up, ("phase-status", "3"), ("lock-state", "LOCKED"), report);
    before(up, ("frequency-status", "3"), ("lock-state", "LOCKED"), report);
    before(up, ("lock-state", "LOCKED"), ("clock-class", "6"), report);
    before(up, ("lock-state", "LOCKED"), ("sync-state", "LOCKED"), report);
    for (what, expected) in [
        ("lock-state", ["LOCKED"]),
        ("clock-class", ["6"]),
        ("pps-status", ["1"]),
        ("sync-state", ["LOCKED"]),
    ] {
        report.equal(
            &format!("{what} is told once"),
            &all_values(up, what),
            &expected.to_vec(),
        );
    }
}

/// Where a state was told first.
fn place(notices: &[Notice], what: &str, value: &str) -> Option<usize> {
    notices
        .iter()
        .position(|notice| notice.what() == what && notice.value == value)
}

fn before(notices: &[Notice], first: (&str, &str), then: (&str, &str), report: &mut Report) {
    let (a, b) = (place(notices, first.0, first.1), place(notices, then.0, then.1));
    let holds = matches!((a, b), (Some(a), Some(b)) if a < b);
    report.check(
        &format!("{} {} comes before {} {}", first.0, first.1, then.0, then.1),
        holds,
        || format!("places {a:?} and {b:?}"),
    );
}

fn all_values<'a>(notices: &'a [Notice], what: &str) -> Vec<&'a str> {
    notices
        .iter()
        .filter(|notice| notice.what() == what)
        .map(|notice| notice.value.as_str())
        .collect()
}

fn values(notices: &[Notice], what: &str) -> String {
    format!("{:?}", all_values(notices, what))
}

/// The metrics are asked now, after what belongs to them was told.
fn stage(name: &str, expected: Stage, report: &mut Report) {
    match Stage::read() {
        Ok(seen) => report.equal(&format!("/metrics while {name}"), &seen, &expected),
        Err(error) => report.check(&format!("/metrics while {name}"), false, || error),
    };
}

/// tgmd found the card's devices by the interface.
fn discovered(node: &mut Node, report: &mut Report) {
    let folder = format!("/proc/{}/fd", node.tgmd.pid());
    let open: Vec<String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(std::fs::read_link(entry.path()).ok()?.display().to_string()))
        .collect();
    for device in ["/dev/ptp0", "/dev/gnss0"] {
        let there = open.iter().any(|path| path == device);
        report.check(
            &format!("{device} was found by the interface {INTERFACE}"),
            there,
            || format!("{open:?}"),
        );
    }
    let heard = node.tgmd.says("the dpll family is heard", Duration::from_secs(30));
    report.check("tgmd proves that it hears the DPLL", heard, || node.tgmd.tail(20));
}

/// One line per notification, with the time since `from`.
fn transcript(from: Instant, notices: &[Notice]) -> String {
    let line = |notice: &Notice| {
        let after = match notice.at.checked_duration_since(from) {
            Some(after) => format!("+{:8.3} s", after.as_secs_f64()),
            None => format!("-{:8.3} s", from.duration_since(notice.at).as_secs_f64()),
        };
        format!("  {after}  {:20} {:22} {}", notice.what(), notice.value, notice.time)
    };
    notices.iter().map(line).collect::<Vec<_>>().join("\n")
}
