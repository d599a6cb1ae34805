//! What is announced, from the wire: every Announce message that arrives at an interface, with its clock class and when it came.
//!
//! Decoded here by itself, so that it shows what is sent and not what a decoder of ours makes of it (IEEE 1588-2019 clause 13.5).

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};

/// Where the message type is: behind the Ethernet header.
const TYPE: usize = 14;
/// messageType Announce.
const ANNOUNCE: u8 = 0xb;
/// Where grandmasterClockQuality.clockClass is.
const CLASS: usize = TYPE + 48;

/// One Announce message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// When it came.
    pub at: Instant,
    /// grandmasterClockQuality.clockClass.
    pub class: u8,
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
        if let Some(class) = class(frame.get(..length).unwrap_or_default()) {
            let one = Heard {
                at: Instant::now(),
                class,
            };
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    }
}

/// The class of a frame that is an Announce message.
fn class(frame: &[u8]) -> Option<u8> {
    let is_announce = frame.get(TYPE)? & 0xf == ANNOUNCE;
    frame.get(CLASS).copied().filter(|_| is_announce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_read_from_announce_only() {
        let mut frame = vec![0; 78];
        frame[TYPE] = 0x0b;
        frame[CLASS] = 7;
        assert_eq!(class(&frame), Some(7));
        frame[TYPE] = 0x00; // Sync
        assert_eq!(class(&frame), None);
        assert_eq!(class(&frame[..40]), None);
    }
}
