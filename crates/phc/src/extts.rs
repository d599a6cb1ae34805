//! External timestamps: when pulses came in, by the PHC.
//!
//! Since Linux 6.7 each open file of a clock has a queue and a channel mask of its own, so a monitor can listen beside
//! ts2phc. Three traps: older kernels have one queue for all, and reading it takes pulses away from others; `read` ignores
//! O_NONBLOCK and waits, so it is asked only after `poll`; and a full queue drops its oldest stamp without a mark
//! (see [`PulseStats`]).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tgm_sys::clock::{SystemClock, system};
use tgm_sys::ptp::{self, EXTTS_EVENT_SIZE, EXTTS_EVENTS_PER_READ};
use tgm_time::{Mono, Nanos, Phc as PhcScale, Time};

use crate::device::Phc;
use crate::error::{OpenError, PhcError, unless_interrupted};
use crate::track::{PulseStats, PulseTrack};

/// Most stamps that one [`ExttsReader::read`] hands over.
pub const PULSES_PER_READ: usize = EXTTS_EVENTS_PER_READ;

bitflags::bitflags! {
    /// Flags of a stamp; bits without a name here are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ExttsFlags: u32 {
        /// Set on every stamp by kernels that set flags at all; its absence says nothing.
        const VALID = ptp::ExttsEvent::VALID;
        /// The stamp is an offset.
        const EXT_OFFSET = ptp::ExttsEvent::EXT_OFFSET;
        const _ = !0;
    }
}

/// When a pulse came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The PHC showed this.
    At(Time<PhcScale>),
    /// The PHC was this far off the pulse, as measured by hardware that does not count seconds.
    Offset(Nanos),
}

/// One external timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExttsEvent {
    /// Channel the pulse came in on.
    pub channel: u32,
    /// When.
    pub stamp: Stamp,
    /// What the kernel says about it.
    pub flags: ExttsFlags,
}

impl ExttsEvent {
    /// Reads one event out of the bytes that the device delivered. Any bytes are an event.
    pub fn parse(bytes: &[u8; EXTTS_EVENT_SIZE]) -> Self {
        let raw = ptp::ExttsEvent::from_bytes(bytes);
        let flags = ExttsFlags::from_bits_retain(raw.flags);
        let stamp = if flags.contains(ExttsFlags::EXT_OFFSET) {
            // Of a negative offset the kernel leaves a negative remainder in the unsigned field.
            let rest = i64::from(raw.t.nsec.cast_signed());
            Stamp::Offset(Nanos::from_secs(raw.t.sec) + Nanos(rest))
        } else {
            Stamp::At(Time::from_parts(raw.t.sec, raw.t.nsec))
        };
        ExttsEvent {
            channel: raw.index,
            stamp,
            flags,
        }
    }
}

/// What to do on a kernel where all open files of a clock share one queue (before 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SharedQueue {
    /// Do not read: each stamp read here is one that ts2phc never sees.
    #[default]
    Refuse,
    /// Read: nobody else does.
    Accept,
}

/// Reads the external timestamps of one channel. It never asks for any: somebody else does, or [`Phc::request_extts`].
#[derive(Debug)]
pub struct ExttsReader {
    fd: OwnedFd,
    channel: u32,
    bytes: [u8; EXTTS_EVENT_SIZE * EXTTS_EVENTS_PER_READ],
    events: [ExttsEvent; EXTTS_EVENTS_PER_READ],
    track: PulseTrack,
    pace: Pace,
}

/// How long the stamps that wait can have been waiting.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Not known: they come from a recording or a simulated card, whose time is another.
    Unknown,
    /// Since the queue was found empty for the last time.
    Since(Time<Mono>),
}

impl Pace {
    fn within(self) -> Option<Nanos> {
        match self {
            Pace::Unknown => None,
            Pace::Since(empty) => Some(monotonic().since(empty)),
        }
    }

    fn empty_now(&mut self) {
        if let Pace::Since(empty) = self {
            *empty = monotonic();
        }
    }
}

/// Zero where the clock cannot be read, which no kernel does: stamps then wait no time at all.
fn monotonic() -> Time<Mono> {
    system(SystemClock::Boottime).map_or(Time::ZERO, |now| Time::from_parts(now.sec, now.nsec))
}

impl ExttsReader {
    /// Opens a clock read-only and listens to `channel`. Pulses of before are not in the queue.
    pub fn open(path: impl AsRef<Path>, channel: u32, shared: SharedQueue) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let phc = Phc::open_read_only(path)?;
        let channels = phc.caps().extts_channels;
        if channel >= channels {
            return Err(OpenError::NoSuchChannel {
                path: path.to_path_buf(),
                channel,
                channels,
            });
        }
        match listen_to(phc.as_fd(), channel) {
            Ok(()) => {}
            Err(Errno::ENOTTY | Errno::EINVAL) if shared == SharedQueue::Accept => {}
            Err(Errno::ENOTTY | Errno::EINVAL) => return Err(OpenError::SharedQueue(path.to_path_buf())),
            Err(errno) => {
                return Err(OpenError::Kernel {
                    path: path.to_path_buf(),
                    errno,
                });
            }
        }
        Ok(ExttsReader {
            pace: Pace::Since(monotonic()),
            ..Self::over(OwnedFd::from(phc), channel)
        })
    }

    /// Reads events in the kernel's format from something else that can be polled: a simulated card's pipe, a recording.
    pub fn over(fd: OwnedFd, channel: u32) -> Self {
        let nothing = ExttsEvent {
            channel,
            stamp: Stamp::At(Time::ZERO),
            flags: ExttsFlags::empty(),
        };
        ExttsReader {
            fd,
            channel,
            bytes: [0; EXTTS_EVENT_SIZE * EXTTS_EVENTS_PER_READ],
            events: [nothing; EXTTS_EVENTS_PER_READ],
            track: PulseTrack::default(),
            pace: Pace::Unknown,
        }
    }

    /// The channel it listens to.
    pub const fn channel(&self) -> u32 {
        self.channel
    }

    /// What it counted.
    pub const fn stats(&self) -> PulseStats {
        self.track.stats
    }

    /// The stamps that are waiting, oldest first, at most [`PULSES_PER_READ`]; none if none are. Never waits.
    pub fn read(&mut self) -> Result<&[ExttsEvent], PhcError> {
        if !is_readable(self.fd.as_fd())? {
            self.pace.empty_now();
            return Ok(&[]);
        }
        let within = self.pace.within();
        let length = unless_interrupted(|| nix::unistd::read(&self.fd, &mut self.bytes))?;
        if length == 0 {
            return Err(PhcError::Gone); // the end of a pipe; a device never gives it
        }
        let delivered = self.bytes.get(..length).unwrap_or_default();
        let (whole, rest) = delivered.as_chunks::<EXTTS_EVENT_SIZE>();
        self.track.stats.malformed = self.track.stats.malformed.saturating_add(rest.len() as u64);
        let mut count = 0;
        // A shared queue has other channels in it too.
        let ours = whole
            .iter()
            .map(ExttsEvent::parse)
            .filter(|event| event.channel == self.channel);
        for (slot, event) in self.events.iter_mut().zip(ours) {
            match event.stamp {
                Stamp::At(time) => self.track.note(time, within),
                Stamp::Offset(_) => self.track.note_untimed(),
            }
            *slot = event;
            count += 1;
        }
        if whole.len() < EXTTS_EVENTS_PER_READ {
            self.pace.empty_now();
        }
        Ok(self.events.get(..count).unwrap_or_default())
    }
}

impl AsFd for ExttsReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn listen_to(fd: BorrowedFd<'_>, channel: u32) -> Result<(), Errno> {
    ptp::mask_clear_all(fd)?;
    ptp::mask_enable(fd, channel)
}

/// True if a read would not wait. A device that is gone gives POLLERR.
fn is_readable(fd: BorrowedFd<'_>) -> Result<bool, PhcError> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    unless_interrupted(|| poll(&mut fds, PollTimeout::ZERO))?;
    let [answer] = fds;
    let flags = answer.revents().unwrap_or(PollFlags::empty());
    if flags.contains(PollFlags::POLLIN) {
        Ok(true)
    } else if flags.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
        Err(PhcError::Gone)
    } else {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};
    use proptest::prelude::*;

    fn bytes(sec: i64, nsec: u32, index: u32, flags: u32) -> [u8; EXTTS_EVENT_SIZE] {
        let mut bytes = [0; EXTTS_EVENT_SIZE];
        bytes[0..8].copy_from_slice(&sec.to_ne_bytes());
        bytes[8..12].copy_from_slice(&nsec.to_ne_bytes());
        bytes[16..20].copy_from_slice(&index.to_ne_bytes());
        bytes[20..24].copy_from_slice(&flags.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_stamp_is_a_time_unless_it_says_offset() {
        let event = ExttsEvent::parse(&bytes(1_800_000_000, 25, 2, 1));
        assert_eq!(event.stamp, Stamp::At(Time::from_parts(1_800_000_000, 25)));
        assert_eq!((event.channel, event.flags), (2, ExttsFlags::VALID));
        let offset = |sec, nsec| ExttsEvent::parse(&bytes(sec, nsec, 0, 17)).stamp;
        assert_eq!(offset(0, 30), Stamp::Offset(Nanos(30)));
        assert_eq!(offset(0, (-30i32).cast_unsigned()), Stamp::Offset(Nanos(-30)));
        assert_eq!(offset(-1, 999_999_970), Stamp::Offset(Nanos(-30)));
    }

    #[test]
    fn kernels_without_flags_and_flags_without_a_name_are_fine() {
        assert_eq!(ExttsEvent::parse(&bytes(1, 0, 0, 0)).flags, ExttsFlags::empty());
        assert_eq!(ExttsEvent::parse(&bytes(1, 0, 0, 0x101)).flags.bits(), 0x101);
    }

    #[test]
    fn an_empty_queue_gives_nothing_and_does_not_wait() {
        let (from, _to) = pipe().unwrap();
        assert_eq!(ExttsReader::over(from, 0).read(), Ok(&[][..]));
    }

    #[test]
    fn only_the_own_channel_counts_and_at_most_thirty_at_a_time() {
        let (from, to) = pipe().unwrap();
        let mut reader = ExttsReader::over(from, 1);
        for second in 0..40 {
            write(&to, &bytes(second, 7, u32::from(second % 4 != 0), 1)).unwrap();
        }
        let first = reader.read().unwrap();
        assert_eq!(first.len(), 22); // of thirty events, those of seconds 0, 4, … 28 are another channel's
        assert_eq!(first[0].stamp, Stamp::At(Time::from_parts(1, 7)));
        assert_eq!(reader.read().unwrap().len(), 8);
        assert_eq!(reader.read().unwrap().len(), 0);
        assert_eq!((reader.stats().stamps, reader.stats().missed), (30, 9));
    }

    #[test]
    fn a_closed_source_is_gone_after_its_last_event() {
        let (from, to) = pipe().unwrap();
        let mut reader = ExttsReader::over(from, 0);
        write(&to, &bytes(1, 0, 0, 1)).unwrap();
        write(&to, &[1, 2, 3]).unwrap();
        drop(to);
        assert_eq!(reader.read().unwrap().len(), 1);
        assert_eq!(reader.stats().malformed, 3);
        assert_eq!(reader.read(), Err(PhcError::Gone));
    }

    #[test]
    fn what_is_no_clock_cannot_be_listened_to() {
        let refused = ExttsReader::open("/dev/null", 0, SharedQueue::Accept).unwrap_err();
        assert_eq!(refused, OpenError::NotPtp("/dev/null".into()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event(bytes in any::<[u8; EXTTS_EVENT_SIZE]>()) {
            let event = ExttsEvent::parse(&bytes);
            prop_assert_eq!(event.flags.contains(ExttsFlags::EXT_OFFSET), matches!(event.stamp, Stamp::Offset(_)));
        }
    }
}
