//! How long Free-Run has to be announced before this process, and what it manages, may go: two intervals.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_linuxptp::management::{Data, ManagementId, Tlv};
use tgm_linuxptp::{Client, Received};
use tgm_node::clock::boottime;
use tgm_time::Time;

use super::{GuardianArgs, Server};

/// How long a ptp4l may take to say how often it announces.
const ANSWERS_WITHIN: Duration = Duration::from_millis(300);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits until each ptp4l has announced at least twice. One that says nothing is not waited for.
pub fn wait(args: &GuardianArgs) {
    let intervals = args.ptp4ls.iter().filter_map(interval);
    if let Some(longest) = intervals.max() {
        std::thread::sleep((longest * 2).min(LONGEST));
    }
}

/// The longest interval of a ptp4l's ports.
fn interval(server: &Server) -> Option<Duration> {
    let mut client = Client::open(&server.locations(), server.domain, server.major_sdo).ok()?;
    client
        .get(ManagementId::PortDataSet, boottime().unwrap_or(Time::ZERO))
        .ok()?;
    let until = Instant::now() + ANSWERS_WITHIN;
    let mut longest = None;
    loop {
        while let Some(received) = client.receive() {
            if let Received::Answer { message, .. } = received
                && let Tlv::Management {
                    data: Data::Port(port), ..
                } = message.tlv
            {
                longest = longest.max(Some(seconds(port.log_announce_interval)));
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || longest.is_some() {
            return longest;
        }
        let timeout = u16::try_from(left.as_millis()).unwrap_or(u16::MAX).max(1);
        let _ = poll(
            &mut [PollFd::new(client.as_fd(), PollFlags::POLLIN)],
            PollTimeout::from(timeout),
        ); // woken or not: it looks
    }
}

/// 2 to the power of `log`, from 1/128 s to 4 s.
fn seconds(log: i8) -> Duration {
    let shift = u32::from((log.clamp(-7, 2) + 7).unsigned_abs());
    Duration::from_nanos((1_000_000_000 << shift) >> 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_power_of_two() {
        assert_eq!(seconds(-3), Duration::from_millis(125));
        assert_eq!(seconds(1), Duration::from_secs(2));
        assert_eq!(seconds(127), Duration::from_secs(4));
    }
}
