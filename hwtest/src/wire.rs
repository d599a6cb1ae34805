//! What is announced, from the wire: every Announce message that arrives at an interface, with what it says and when it came.
//!
//! Decoded here by itself, so that it shows what is sent and not what a decoder of ours makes of it (IEEE 1588-2019 clauses 13.3, 13.5).

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

/// Where the message type is: behind the Ethernet header.
const TYPE: usize = 14;
/// messageType Announce.
const ANNOUNCE: u8 = 0xb;
/// Where the second octet of flagField is.
const FLAGS: usize = TYPE + 7;
/// Where currentUtcOffset is, two octets.
const UTC_OFFSET: usize = TYPE + 44;
/// Where grandmasterClockQuality begins: class, accuracy, variance.
const QUALITY: usize = TYPE + 48;
/// Where timeSource is.
const TIME_SOURCE: usize = TYPE + 63;

/// What an Announce message says of its grandmaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// grandmasterClockQuality.clockClass.
    pub class: u8,
    /// grandmasterClockQuality.clockAccuracy.
    pub accuracy: u8,
    /// grandmasterClockQuality.offsetScaledLogVariance.
    pub variance: u16,
    /// The second octet of flagField: leap61, leap59, currentUtcOffsetValid, ptpTimescale, timeTraceable, frequencyTraceable from its lowest bit.
    pub flags: u8,
    /// currentUtcOffset, seconds.
    pub utc_offset: i16,
    /// timeSource.
    pub time_source: u8,
}

/// One Announce message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// When it came.
    pub at: Instant,
    /// The same as logs have it: seconds of the day, UTC, by the system's clock.
    pub of_day: f64,
    /// grandmasterClockQuality.clockClass.
    pub class: u8,
    /// All that it says.
    pub said: Said,
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Wire {
    heard: Arc<Mutex<Vec<Heard>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Listens at `interface`.
    pub fn listen(interface: &str) -> Result<Self, String> {
        let socket = tgm_sys::packet::open(interface).map_err(|errno| format!("listening at {interface}: {errno}"))?;
        let (heard, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (all, stop) = (heard.clone(), over.clone());
        let thread = std::thread::spawn(move || run(&socket, &all, &stop));
        Ok(Wire {
            heard,
            over,
            thread: Some(thread),
        })
    }

    /// Everything since `then`.
    pub fn since(&self, then: Instant) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().copied().filter(|one| one.at >= then).collect()
    }

    /// The classes since `then`, each change once.
    pub fn classes(&self, then: Instant) -> Vec<u8> {
        let mut classes: Vec<u8> = self.since(then).iter().map(|one| one.class).collect();
        classes.dedup();
        classes
    }

    /// Waits for the first message with `class` after `then`; how long after, or nothing within `patience`.
    pub fn wait(&self, class: u8, then: Instant, patience: Duration) -> Option<Duration> {
        let until = Instant::now() + patience;
        loop {
            let first = self.since(then).into_iter().find(|one| one.class == class);
            if let Some(first) = first {
                return Some(first.at - then);
            }
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it panicked at worst
        }
    }
}

fn run(socket: &OwnedFd, heard: &Mutex<Vec<Heard>>, over: &AtomicBool) {
    let mut frame = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(socket), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(100_u16)).unwrap_or(0) < 1 {
            continue;
        }
        let Ok(length) = recv(socket.as_raw_fd(), &mut frame, MsgFlags::MSG_DONTWAIT) else {
            continue;
        };
        if let Some(said) = said(frame.get(..length).unwrap_or_default()) {
            let one = Heard {
                at: Instant::now(),
                of_day: of_day(),
                class: said.class,
                said,
            };
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    }
}

fn of_day() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() % 86_400.0
}

/// What a frame says that is an Announce message.
fn said(frame: &[u8]) -> Option<Said> {
    if frame.get(TYPE)? & 0xf != ANNOUNCE {
        return None;
    }
    let (class, rest) = frame.get(QUALITY..)?.split_first()?;
    let (accuracy, rest) = rest.split_first()?;
    Some(Said {
        class: *class,
        accuracy: *accuracy,
        variance: u16::from_be_bytes(*rest.first_chunk()?),
        flags: *frame.get(FLAGS)?,
        utc_offset: i16::from_be_bytes(*frame.get(UTC_OFFSET..)?.first_chunk()?),
        time_source: *frame.get(TIME_SOURCE)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_from_announce_only() {
        let mut frame = vec![0; 78];
        frame[TYPE] = 0x0b;
        frame[TYPE + 7] = 0x3c;
        frame[TYPE + 44..TYPE + 46].copy_from_slice(&[0, 37]);
        frame[TYPE + 48..TYPE + 52].copy_from_slice(&[7, 0xfe, 0x4e, 0x5d]);
        frame[TYPE + 63] = 0x20;
        let wants = Said {
            class: 7,
            accuracy: 0xfe,
            variance: 0x4e5d,
            flags: 0x3c,
            utc_offset: 37,
            time_source: 0x20,
        };
        assert_eq!(said(&frame), Some(wants));
        assert_eq!(said(&frame[..77]), None);
        frame[TYPE] = 0x00; // Sync
        assert_eq!(said(&frame), None);
    }
}
