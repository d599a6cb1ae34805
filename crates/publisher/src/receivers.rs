//! The threads that set receivers up and hand their bytes on; what a receiver answers goes to the log.

use std::thread::{Builder, JoinHandle};

use tgm_gnss::fanout::Service;
use tgm_gnss::setup::{Outcome, Report};
use tgm_node::clock::boottime;
use tgm_time::Time;
use tracing::{error, info, warn};

use crate::exit::Fatal;

/// Memory of such a thread's stack.
const STACK: usize = 256 * 1024;

/// Starts a thread for each. They end when the hardware thread does, and take their names in the file system back.
pub fn start(services: Vec<(String, Service)>) -> Result<Vec<JoinHandle<()>>, Fatal> {
    let start = |(card, service): (String, Service)| {
        let run = move || {
            // A clock that cannot be read has never been seen; time that stands still only means no timeout.
            let now = || boottime().unwrap_or(Time::ZERO);
            if let Err(errno) = service.run(now, |report| tell(&card, report)) {
                error!(card, "the receiver's readers are not served any more: {errno}");
            }
        };
        Builder::new().name("receiver".into()).stack_size(STACK).spawn(run)
    };
    let started: Result<Vec<_>, _> = services.into_iter().map(start).collect();
    started.map_err(|error| Fatal::Runtime(format!("starting a receiver's thread: {error}")))
}

fn tell(card: &str, report: Report<'_>) {
    match report {
        Report::Version(version) => info!(card, "receiver: {version}"),
        Report::Restarted => warn!(card, "the receiver started by itself: it is set up anew"),
        Report::Silent => warn!(
            card,
            "the receiver does not say which version it is, so it is not set up; is it a u-blox, and is UBX input on?"
        ),
        Report::Command { command, outcome } if outcome.is_good() => {
            info!(card, "receiver set-up: {command}: {outcome}")
        }
        Report::Command {
            command,
            outcome: Outcome::NotSupported,
        } => {
            warn!(card, "receiver set-up: {command}: {}", Outcome::NotSupported);
        }
        Report::Command { command, outcome } => warn!(card, "receiver set-up: {command}: {outcome}"),
        Report::Finished(tally) if tally.is_clean() => info!(card, settings = tally.good, "the receiver is set up"),
        Report::Finished(tally) => warn!(
            card,
            settings = tally.good,
            refused = tally.refused,
            unanswered = tally.unanswered,
            "the receiver is set up but for what is named above"
        ),
        Report::Surveyed {
            position,
            accuracy,
            duration,
        } => {
            info!(
                card,
                ?position,
                accuracy_tenth_mm = accuracy,
                duration_s = duration,
                "the survey-in is over"
            );
        }
        Report::Moved { distance, resurvey } => warn!(
            card,
            distance_mm = distance,
            resurvey,
            "the antenna is not where it was said to be: its time is wrong by up to the way that light takes"
        ),
        Report::Returned => info!(card, "the antenna is where it should be again"),
        other => info!(card, "receiver: {other:?}"),
    }
}
