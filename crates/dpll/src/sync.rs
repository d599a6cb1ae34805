//! When to ask the kernel for everything, as a machine without a socket: it says what to send next and is told what came back.
//!
//! Devices first, then pins. A dump is wanted at the start, after every loss, when a device appears, and again if the table changed
//! under it. Two dumps are at least [`PAUSE`] apart; one that gets no end within [`PATIENCE`] is given up and wanted again. One that is
//! refused for want of CAP_NET_ADMIN is wanted again after ten seconds: the kernel looks at what the process may do now, and at what it
//! could when it opened the socket.

use nix::errno::Errno;
use tgm_time::{Mono, Nanos, Time};

use crate::request::Request;

/// Least time from the beginning of one dump to that of the next.
pub const PAUSE: Nanos = Nanos::from_millis(100);
/// Longest time for a dump; afterwards it counts as lost.
pub const PATIENCE: Nanos = Nanos::from_secs(2);
/// Time to the next try after a request was refused.
const RETRY: Nanos = Nanos::from_secs(1);
/// And after it was refused for want of the capability, which may be given back.
const FORBIDDEN_RETRY: Nanos = Nanos::from_secs(10);

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Family,
    Devices,
    Pins,
}

/// What the end of a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing for the table: not ours, or only the first half.
    Nothing,
    /// A whole dump came in; what it did not mention does not exist.
    Complete,
    /// A dump came in with holes and is wanted again.
    Holed,
    /// The kernel refused.
    Refused,
}

/// The state of resynchronisation.
#[derive(Debug, Clone, Copy)]
pub struct Sync {
    phase: Phase,
    seq: u32,
    wanted: bool,
    family_lost: bool,
    holes: bool,
    forbidden: bool,
    synced: bool,
    began: Time<Mono>,
    not_before: Time<Mono>,
}

impl Sync {
    /// A dump is wanted as soon as possible.
    pub const fn new() -> Self {
        Sync {
            phase: Phase::Idle,
            seq: 0,
            wanted: true,
            family_lost: false,
            holes: false,
            forbidden: false,
            synced: false,
            began: Time::ZERO,
            not_before: Time::from_nanos(i64::MIN),
        }
    }

    /// Something was lost or is new: dump again. Whatever is under way goes on, but its end will not count as whole.
    pub const fn want(&mut self) {
        self.wanted = true;
        self.holes = true;
    }

    /// The family is gone; ask for it until it is back.
    pub const fn lose_family(&mut self) {
        self.family_lost = true;
        self.synced = false;
        self.phase = Phase::Idle;
        self.want();
    }

    /// The family is (back) there.
    pub const fn find_family(&mut self, now: Time<Mono>) {
        self.family_lost = false;
        self.phase = Phase::Idle;
        self.not_before = now;
        self.want();
    }

    /// True from the end of a whole dump until something is lost.
    pub const fn is_synced(&self) -> bool {
        self.synced && !self.wanted && !self.is_dumping()
    }

    /// True if the kernel did not let us dump when it was last asked: notifications are all there is.
    pub const fn is_forbidden(&self) -> bool {
        self.forbidden
    }

    /// True from the request for devices to the last pin.
    pub const fn is_dumping(&self) -> bool {
        matches!(self.phase, Phase::Devices | Phase::Pins)
    }

    /// What to send now, if anything, and its sequence number. A dump of devices begins a new round.
    pub fn next(&mut self, now: Time<Mono>) -> Option<(Request, u32)> {
        if self.phase != Phase::Idle {
            if now < self.began + PATIENCE {
                return None;
            }
            self.phase = Phase::Idle;
            self.wanted = true;
        }
        if !self.wanted || now < self.not_before {
            return None;
        }
        self.began = now;
        if self.family_lost {
            self.phase = Phase::Family;
            self.not_before = now + RETRY;
            return Some((Request::FindFamily, self.bump()));
        }
        self.phase = Phase::Devices;
        self.wanted = false;
        self.holes = false;
        self.not_before = now + PAUSE;
        Some((Request::DumpDevices, self.bump()))
    }

    /// The request could not be sent: later again.
    pub fn unsent(&mut self, now: Time<Mono>) {
        self.phase = Phase::Idle;
        self.wanted = true;
        self.not_before = now + PAUSE;
    }

    /// A message says that the table changed while it was dumped.
    pub const fn interrupted(&mut self) {
        self.want();
    }

    /// The end of a dump came. May want a request sent, the pins after the devices.
    pub fn done(&mut self, seq: u32, errno: i32, now: Time<Mono>) -> (Ended, Option<(Request, u32)>) {
        if seq != self.seq {
            return (Ended::Nothing, None);
        }
        match self.phase {
            Phase::Devices | Phase::Pins if errno != 0 => (self.refused(errno, now), None),
            Phase::Devices => {
                self.forbidden = false;
                self.phase = Phase::Pins;
                let seq = self.bump();
                (Ended::Nothing, Some((Request::DumpPins, seq)))
            }
            Phase::Pins => {
                self.phase = Phase::Idle;
                self.synced |= !self.holes;
                (if self.holes { Ended::Holed } else { Ended::Complete }, None)
            }
            Phase::Idle | Phase::Family => (Ended::Nothing, None),
        }
    }

    /// The kernel answered a request with an error number (0: an acknowledgement).
    pub fn error(&mut self, seq: u32, errno: i32, now: Time<Mono>) -> Ended {
        if seq != self.seq || self.phase == Phase::Idle || errno == 0 {
            return Ended::Nothing;
        }
        self.refused(errno, now)
    }

    fn refused(&mut self, errno: i32, now: Time<Mono>) -> Ended {
        let dumping = self.is_dumping();
        self.phase = Phase::Idle;
        match Errno::from_raw(errno) {
            Errno::EPERM | Errno::EACCES => self.forbidden = true,
            Errno::ENOENT if dumping => self.family_lost = true, // no family of this number any more
            _ => {}
        }
        self.want();
        self.not_before = now
            + match Errno::from_raw(errno) {
                Errno::EBUSY => PAUSE,
                Errno::EPERM | Errno::EACCES => FORBIDDEN_RETRY,
                _ => RETRY,
            };
        Ended::Refused
    }

    /// When [`Sync::next`] may have something to send although nothing arrived.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        match self.phase {
            Phase::Idle => self.wanted.then_some(self.not_before),
            _ => Some(self.began + PATIENCE),
        }
    }

    fn bump(&mut self) -> u32 {
        self.seq = self.seq.wrapping_add(1).max(1); // 0 is a notification's
        self.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Time<Mono> {
        Time::from_nanos(ms * 1_000_000)
    }

    fn whole_dump(sync: &mut Sync, now: Time<Mono>) -> Ended {
        let (request, seq) = sync.next(now).unwrap();
        assert_eq!(request, Request::DumpDevices);
        let (ended, next) = sync.done(seq, 0, now);
        assert_eq!(ended, Ended::Nothing);
        let (request, seq) = next.unwrap();
        assert_eq!(request, Request::DumpPins);
        sync.done(seq, 0, now).0
    }

    #[test]
    fn devices_then_pins_then_rest() {
        let mut sync = Sync::new();
        assert!(!sync.is_synced());
        assert_eq!(whole_dump(&mut sync, at(0)), Ended::Complete);
        assert!(sync.is_synced());
        assert_eq!((sync.next(at(9_999)), sync.deadline()), (None, None));
    }

    #[test]
    fn dumps_keep_their_distance() {
        let mut sync = Sync::new();
        whole_dump(&mut sync, at(0));
        sync.want();
        assert!(!sync.is_synced());
        assert_eq!((sync.next(at(99)), sync.deadline()), (None, Some(at(100))));
        assert_eq!(whole_dump(&mut sync, at(100)), Ended::Complete);
        assert!(sync.is_synced());
    }

    #[test]
    fn a_loss_during_a_dump_makes_another() {
        let mut sync = Sync::new();
        let (_, seq) = sync.next(at(0)).unwrap();
        sync.want();
        let (_, pins) = sync.done(seq, 0, at(1));
        assert_eq!(sync.done(pins.unwrap().1, 0, at(2)).0, Ended::Holed);
        assert!(!sync.is_synced());
        assert_eq!(whole_dump(&mut sync, at(100)), Ended::Complete);
    }

    #[test]
    fn a_dump_without_end_is_given_up() {
        let mut sync = Sync::new();
        let (_, old) = sync.next(at(0)).unwrap();
        assert_eq!((sync.next(at(1_999)), sync.deadline()), (None, Some(at(2_000))));
        let (request, _) = sync.next(at(2_000)).unwrap();
        assert_eq!(request, Request::DumpDevices);
        assert_eq!(
            sync.done(old, 0, at(2_001)),
            (Ended::Nothing, None),
            "an end that comes late is nobody's"
        );
    }

    #[test]
    fn without_the_capability_it_asks_now_and_then_until_it_is_given_back() {
        let mut sync = Sync::new();
        let (_, seq) = sync.next(at(0)).unwrap();
        assert_eq!(sync.error(seq, libc_eperm(), at(0)), Ended::Refused);
        assert!(sync.is_forbidden());
        assert_eq!((sync.next(at(9_999)), sync.deadline()), (None, Some(at(10_000))));
        let (_, seq) = sync.next(at(10_000)).unwrap();
        assert_eq!(sync.error(seq, libc_eperm(), at(10_001)), Ended::Refused);
        assert!(sync.is_forbidden() && !sync.is_synced());
        assert_eq!(whole_dump(&mut sync, at(20_001)), Ended::Complete);
        assert!(!sync.is_forbidden() && sync.is_synced());
    }

    /// It is lost in the middle: what was known is not taken back, and is not called whole any more.
    #[test]
    fn a_capability_that_is_lost_shows_with_the_next_dump() {
        let mut sync = Sync::new();
        whole_dump(&mut sync, at(0));
        sync.want();
        let (_, seq) = sync.next(at(100)).unwrap();
        assert_eq!(sync.error(seq, libc_eperm(), at(100)), Ended::Refused);
        assert!(sync.is_forbidden() && !sync.is_synced());
    }

    #[test]
    fn a_lost_family_is_looked_for_every_second() {
        let mut sync = Sync::new();
        let (_, seq) = sync.next(at(0)).unwrap();
        assert_eq!(sync.error(seq, Errno::ENOENT as i32, at(0)), Ended::Refused);
        assert_eq!(sync.next(at(999)), None);
        let (request, seq) = sync.next(at(1_000)).unwrap();
        assert_eq!(request, Request::FindFamily);
        sync.error(seq, Errno::ENOENT as i32, at(1_001));
        assert_eq!(
            sync.next(at(2_001)).map(|(request, _)| request),
            Some(Request::FindFamily)
        );
        sync.find_family(at(2_002));
        assert_eq!(whole_dump(&mut sync, at(2_002)), Ended::Complete);
    }

    #[test]
    fn what_cannot_be_sent_is_sent_later() {
        let mut sync = Sync::new();
        sync.next(at(0)).unwrap();
        sync.unsent(at(0));
        assert_eq!(sync.next(at(99)), None);
        assert_eq!(whole_dump(&mut sync, at(100)), Ended::Complete);
    }

    fn libc_eperm() -> i32 {
        Errno::EPERM as i32
    }
}
