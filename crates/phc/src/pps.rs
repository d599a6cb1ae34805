//! Pulses as the kernel's PPS subsystem stamps them: `/dev/ppsN` (RFC 2783).
//!
//! The stamps are of `CLOCK_REALTIME` and taken by an interrupt, so they are good to microseconds; external timestamps of a PHC
//! ([`crate::ExttsReader`]) are good to nanoseconds. The kernel keeps the last pulse only.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use tgm_sys::pps::{self, KTime};
use tgm_time::{Mono, Nanos, Time, Utc};

use crate::device::open_error;
use crate::error::{OpenError, PhcError, unless_interrupted};
use crate::watch::{PulseStatus, PulseWatch};

/// Which edge of a pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PpsEdge {
    /// The rising one, "assert".
    #[default]
    Assert,
    /// The falling one, "clear".
    Clear,
}

/// A pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PpsEvent {
    /// How many there were since the source was registered; wraps.
    pub sequence: u32,
    /// When it came, by `CLOCK_REALTIME`.
    pub time: Time<Utc>,
}

/// An open `/dev/ppsN`, read-only.
#[derive(Debug)]
pub struct PpsDevice {
    file: File,
    edge: PpsEdge,
    last: Option<u32>,
    missed: u64,
    watch: PulseWatch,
}

impl PpsDevice {
    /// Opens a source. [`OpenError::NotPps`]: it is something else.
    pub fn open(path: impl AsRef<Path>, edge: PpsEdge) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits() | OFlag::O_NOCTTY.bits())
            .open(path)
            .map_err(|error| refused(path, Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
        let captured = unless_interrupted(|| pps::capabilities(file.as_fd())).map_err(|errno| refused(path, errno))?;
        let needed = match edge {
            PpsEdge::Assert => pps::PPS_CAPTUREASSERT,
            PpsEdge::Clear => pps::PPS_CAPTURECLEAR,
        };
        if captured & needed == 0 {
            return Err(OpenError::NoSuchEdge(path.to_path_buf()));
        }
        Ok(PpsDevice {
            file,
            edge,
            last: None,
            missed: 0,
            watch: PulseWatch::new(),
        })
    }

    /// The last pulse; `None` before the first. Never waits.
    pub fn last(&self) -> Result<Option<PpsEvent>, PhcError> {
        Ok(self.event(&unless_interrupted(|| pps::fetch(self.as_fd()))?))
    }

    /// Takes notice of the last pulse if it is a new one, and answers it. To be called twice a second or more. Never waits,
    /// allocates nothing.
    pub fn poll(&mut self, now: Time<Mono>) -> Result<Option<PpsEvent>, PhcError> {
        Ok(self.last()?.filter(|event| self.note(now, *event)))
    }

    /// Waits up to `timeout` for the next pulse and answers it; `None`: none came.
    pub fn wait(&self, timeout: Nanos) -> Result<Option<PpsEvent>, PhcError> {
        let time: Time<Mono> = Time::from_nanos(timeout.get().max(1)); // for its parts only; zero would not wait
        let timeout = KTime {
            sec: time.secs(),
            nsec: i32::try_from(time.subsec_nanos()).unwrap_or(0),
            flags: 0,
        };
        match pps::fetch_within(self.as_fd(), timeout) {
            Ok(info) => Ok(self.event(&info)),
            Err(Errno::ETIMEDOUT | Errno::EINTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the pulse is there and how far off it is, by what [`PpsDevice::poll`] saw.
    pub fn status(&self, now: Time<Mono>) -> PulseStatus {
        self.watch.status(now)
    }

    /// Pulses that came between two polls and were overwritten by the next.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    fn note(&mut self, now: Time<Mono>, event: PpsEvent) -> bool {
        let known = self.last.replace(event.sequence);
        match known.map(|last| event.sequence.wrapping_sub(last)) {
            Some(0) => return false,
            // Half the range back: the source was registered anew.
            Some(passed) if passed < u32::MAX / 2 => {
                self.missed = self.missed.saturating_add(u64::from(passed.saturating_sub(1)));
            }
            _ => {}
        }
        // The pulse of before the first poll may be long gone; only a new one says that there is a signal.
        if known.is_some() {
            self.watch.note(now, event.time - Time::ZERO);
        }
        known.is_some()
    }

    fn event(&self, info: &pps::Info) -> Option<PpsEvent> {
        let (sequence, time) = match self.edge {
            PpsEdge::Assert => (info.assert_sequence, info.assert),
            PpsEdge::Clear => (info.clear_sequence, info.clear),
        };
        (sequence != 0 || time.sec != 0).then(|| PpsEvent {
            sequence,
            time: Time::from_nanos(Nanos::from_secs(time.sec).0.saturating_add(i64::from(time.nsec))),
        })
    }
}

impl AsFd for PpsDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn refused(path: &Path, errno: Errno) -> OpenError {
    match errno {
        Errno::ENOTTY | Errno::EINVAL | Errno::EISDIR | Errno::ENOTDIR => OpenError::NotPps(path.to_path_buf()),
        errno => open_error(path, errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> PpsDevice {
        PpsDevice {
            file: File::open("/dev/null").unwrap(),
            edge: PpsEdge::Assert,
            last: None,
            missed: 0,
            watch: PulseWatch::new(),
        }
    }

    fn event(sequence: u32, second: i64) -> PpsEvent {
        PpsEvent {
            sequence,
            time: Time::from_parts(second, 40),
        }
    }

    fn at(second: i64) -> Time<Mono> {
        Time::from_parts(second, 0)
    }

    #[test]
    fn a_pulse_of_before_is_no_signal_and_two_new_ones_are() {
        let mut device = device();
        assert!(!device.note(at(0), event(7, 1_800_000_000)));
        assert!(!device.note(at(1), event(7, 1_800_000_000)));
        assert_eq!(device.status(at(1)).age, None);
        assert!(device.note(at(2), event(8, 1_800_000_001)));
        assert!(device.note(at(3), event(9, 1_800_000_002)));
        let status = device.status(at(3));
        assert_eq!((status.present, status.offset), (true, Some(Nanos(40))));
        assert_eq!(device.missed(), 0);
    }

    #[test]
    fn pulses_that_were_overwritten_are_counted_across_the_wrap() {
        let mut device = device();
        for (sequence, second) in [(u32::MAX - 1, 10), (2, 14), (1, 20)] {
            device.note(at(second), event(sequence, second));
        }
        assert_eq!(device.missed(), 3);
    }

    #[test]
    fn before_the_first_pulse_there_is_none() {
        let mut info = pps::Info::default();
        assert_eq!(device().event(&info), None);
        info.clear_sequence = 3;
        assert_eq!(device().event(&info), None, "another edge's");
        info.assert_sequence = 1;
        info.assert.sec = 5;
        info.assert.nsec = 6;
        assert_eq!(
            device().event(&info),
            Some(PpsEvent {
                sequence: 1,
                time: Time::from_parts(5, 6)
            })
        );
    }

    #[test]
    fn what_is_no_source_says_so() {
        let refusal = |path| PpsDevice::open(path, PpsEdge::Assert).unwrap_err();
        assert_eq!(refusal("/dev/null"), OpenError::NotPps("/dev/null".into()));
        assert_eq!(
            refusal("/dev/pps-nosuch"),
            OpenError::NoSuchDevice("/dev/pps-nosuch".into())
        );
        assert!(refusal("/dev/null").to_string().contains("/sys/class/pps"));
        assert_eq!(device().last(), Err(PhcError::Unsupported));
    }
}
