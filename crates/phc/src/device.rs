//! An open `/dev/ptpN`.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use tgm_sys::ptp::ExttsRequest;
use tgm_sys::{clock, ptp};
use tgm_time::{Phc as PhcScale, Time};

use crate::caps::Caps;
use crate::error::{OpenError, PhcError, unless_interrupted};
use crate::units::Ppt;

/// Which edges of a pulse are stamped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The rising one, as 1PPS outputs of receivers have it.
    Rising,
    /// The falling one.
    Falling,
    /// Both; two stamps per pulse.
    Both,
}

/// An open PTP hardware clock.
#[derive(Debug)]
pub struct Phc {
    file: File,
    writable: bool,
    caps: Caps,
}

impl Phc {
    /// Opens a clock for reading: capabilities, offsets, pins, external timestamps that others asked for.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open(path.as_ref(), false)
    }

    /// Opens a clock so that its settings can be changed. Only where the configuration says that they are ours.
    pub fn open_writable(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open(path.as_ref(), true)
    }

    fn open(path: &Path, writable: bool) -> Result<Self, OpenError> {
        // Non-blocking, so that a path to something else (a fifo, a modem) does not keep us waiting.
        let file = OpenOptions::new()
            .read(true)
            .write(writable)
            .custom_flags(OFlag::O_NONBLOCK.bits() | OFlag::O_NOCTTY.bits())
            .open(path)
            .map_err(|error| open_error(path, Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
        match unless_interrupted(|| ptp::caps(file.as_fd())) {
            Ok(caps) => Ok(Phc {
                file,
                writable,
                caps: Caps::from(caps),
            }),
            Err(errno) => Err(open_error(path, errno)),
        }
    }

    /// What it can do, as asked when it was opened.
    pub const fn caps(&self) -> &Caps {
        &self.caps
    }

    /// What it can do now. Drivers add abilities when their firmware comes up.
    pub fn query_caps(&self) -> Result<Caps, PhcError> {
        Ok(Caps::from(unless_interrupted(|| ptp::caps(self.as_fd()))?))
    }

    /// True if it was opened for writing.
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The descriptor for a call that changes something.
    pub(crate) fn writable(&self) -> Result<BorrowedFd<'_>, PhcError> {
        if self.writable {
            Ok(self.as_fd())
        } else {
            Err(PhcError::ReadOnly)
        }
    }

    /// What it shows now.
    pub fn time(&self) -> Result<Time<PhcScale>, PhcError> {
        let reading = unless_interrupted(|| clock::of_fd(self.as_fd()))?;
        Ok(Time::from_parts(reading.sec, reading.nsec))
    }

    /// Frequency adjustment that was dialled in last, by whomever; positive is faster.
    pub fn frequency(&self) -> Result<Ppt, PhcError> {
        match unless_interrupted(|| clock::discipline_of_fd(self.as_fd())) {
            Ok(discipline) => Ok(Ppt::from_scaled_ppm(discipline.frequency)),
            Err(Errno::EBUSY) => Err(PhcError::Vclocks),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Starts external timestamps of a channel. **Changes the hardware**, for every user of the clock.
    pub fn request_extts(&self, channel: u32, edge: Edge) -> Result<(), PhcError> {
        let edges = match edge {
            Edge::Rising => ExttsRequest::RISING,
            Edge::Falling => ExttsRequest::FALLING,
            Edge::Both => ExttsRequest::RISING | ExttsRequest::FALLING,
        };
        self.extts(channel, ExttsRequest::ENABLE | edges)
    }

    /// Stops external timestamps of a channel. **Changes the hardware**, for every user of the clock.
    pub fn stop_extts(&self, channel: u32) -> Result<(), PhcError> {
        self.extts(channel, 0)
    }

    fn extts(&self, channel: u32, flags: u32) -> Result<(), PhcError> {
        let fd = self.writable()?;
        let channels = self.caps.extts_channels;
        if channel >= channels {
            return Err(PhcError::NoSuchChannel { channel, channels });
        }
        let request = ExttsRequest {
            index: channel,
            flags,
            ..ExttsRequest::default()
        };
        Ok(unless_interrupted(|| ptp::request_extts(fd, request))?)
    }

    /// Sends the clock's pulse to the kernel's PPS subsystem (`/dev/ppsN`, see [`crate::PpsDevice`]), or stops it. Needs
    /// CAP_SYS_TIME and a clock with [`Caps::pps`]. **Changes the hardware**, for every user of the clock.
    pub fn enable_kernel_pps(&self, on: bool) -> Result<(), PhcError> {
        let fd = self.writable()?;
        Ok(unless_interrupted(|| ptp::enable_pps(fd, on))?)
    }
}

impl AsFd for Phc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<Phc> for OwnedFd {
    fn from(phc: Phc) -> Self {
        phc.file.into()
    }
}

pub(crate) fn open_error(path: &Path, errno: Errno) -> OpenError {
    let path = path.to_path_buf();
    match errno {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => OpenError::NoSuchDevice(path),
        Errno::EACCES | Errno::EPERM => OpenError::Permission(path),
        Errno::ENOTTY | Errno::EINVAL | Errno::EISDIR | Errno::ENOTDIR => OpenError::NotPtp(path),
        errno => OpenError::Kernel { path, errno },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &str) -> OpenError {
        Phc::open_read_only(path).unwrap_err()
    }

    #[test]
    fn why_a_path_cannot_be_opened_is_told_with_what_to_do() {
        assert_eq!(
            refusal("/dev/ptp-nosuch"),
            OpenError::NoSuchDevice("/dev/ptp-nosuch".into())
        );
        for path in ["/dev/null", "/etc/passwd", "/etc", "/etc/passwd/ptp0"] {
            assert_eq!(refusal(path), OpenError::NotPtp(path.into()));
        }
        assert!(refusal("/dev/null").to_string().contains("/sys/class/ptp"));
        assert_eq!(
            open_error(Path::new("p"), Errno::EACCES),
            OpenError::Permission("p".into())
        );
        assert_eq!(
            open_error(Path::new("p"), Errno::EMFILE),
            OpenError::Kernel {
                path: "p".into(),
                errno: Errno::EMFILE
            }
        );
    }
}
