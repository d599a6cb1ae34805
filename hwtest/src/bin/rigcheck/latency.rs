//! How long it takes from a change in the kernel to the notification at a consumer, through netlink, core, shared memory and HTTP.

use std::path::Path;
use std::time::{Duration, Instant};

use tgm_hwtest::report::Report;

use crate::node::{Node, Receiver, Stage};

/// Changes that are measured.
const CHANGES: u32 = 100;
/// Between two of them, so that none waits for the one before; not a divisor of the second, so that they meet everything else.
const PAUSE: Duration = Duration::from_millis(73);
/// A notification that takes longer is lost.
const LOST: Duration = Duration::from_secs(20);

/// Runs it. The time is measured, not judged: it is this machine's.
pub fn run(tgmd: &Path, report: &mut Report) -> Result<(), String> {
    let node = Node::start(tgmd, Receiver::Nmea)?;
    node.subscribe()?;
    if !report.check("it locks", node.wait_locked(), || {
        format!("{:?}\n{}", Stage::read(), node.tails())
    }) {
        return Ok(());
    }
    let mut taken = Vec::new();
    for n in 0..CHANGES {
        let (status, value) = if n % 2 == 0 {
            ("locked", "2")
        } else {
            ("locked-ho-acq", "3")
        };
        let before = node.consumer.notices().len();
        let from = Instant::now();
        node.card.control(&format!("dpll pps force {status}"))?;
        let mut came = None;
        node.consumer.wait(LOST, |all| {
            let told = all
                .iter()
                .skip(before)
                .find(|notice| notice.what() == "phase-status" && notice.value == value);
            came = told.map(|notice| notice.at.saturating_duration_since(from));
            came.is_some()
        });
        taken.extend(came);
        std::thread::sleep(PAUSE);
    }
    report.equal(
        "every change was told",
        &taken.len(),
        &usize::try_from(CHANGES).unwrap_or(usize::MAX),
    );
    taken.sort_unstable();
    let at = |percent: usize| {
        taken
            .get((taken.len().saturating_sub(1)) * percent / 100)
            .map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
    };
    println!(
        "  from writing the card's control file to the last byte at the consumer, {} changes: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, most {:.2} ms",
        taken.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
    Ok(())
}
