//! What can go wrong with a PTP hardware clock, and what to do about it.

use std::path::PathBuf;

use nix::errno::Errno;
use tgm_time::Nanos;

use crate::units::{Ppb, Ppt};

/// A clock could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such device.
    #[error("{}: no such device; is the driver loaded, and is /dev of the host visible here?", .0.display())]
    NoSuchDevice(PathBuf),
    /// It may not be opened.
    #[error("{}: permission denied; run as root, or give this user the device by a udev rule or the pod's device list", .0.display())]
    Permission(PathBuf),
    /// It is something else.
    #[error("{}: no PTP hardware clock; /sys/class/ptp lists those there are", .0.display())]
    NotPtp(PathBuf),
    /// It is something else than a pulse source.
    #[error("{}: no pulse-per-second source; /sys/class/pps lists those there are", .0.display())]
    NotPps(PathBuf),
    /// The pulse source does not stamp this edge.
    #[error("{}: this source does not stamp that edge; take the other", .0.display())]
    NoSuchEdge(PathBuf),
    /// All open files of this clock share one queue of external timestamps (Linux before 6.7): reading them takes them away from
    /// others.
    #[error("{}: this kernel has one queue of external timestamps for all; reading it here would take pulses away from ts2phc. \
             Use a kernel with a queue per open file, or allow the shared queue if nobody else reads", .0.display())]
    SharedQueue(PathBuf),
    /// The clock has fewer channels.
    #[error("{}: there is no external timestamp channel {channel}; it has {channels}", .path.display())]
    NoSuchChannel {
        /// The device.
        path: PathBuf,
        /// What was asked for.
        channel: u32,
        /// How many there are.
        channels: u32,
    },
    /// Anything else.
    #[error("{}: {errno}", .path.display())]
    Kernel {
        /// The device.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
}

/// An open clock did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhcError {
    /// The device is gone (unplugged, driver removed or reloaded). Open it again once it is back.
    #[error("the clock's device is gone; open it again once the driver is back")]
    Gone,
    /// The clock or the kernel cannot do this.
    #[error("this clock or kernel cannot do this")]
    Unsupported,
    /// The system clock was set while it was measured; the next measurement will do.
    #[error("the system clock was set during the measurement; measure again")]
    Stepped,
    /// The clock was opened read-only.
    #[error("the clock was opened read-only; open it for writing if its settings are to be changed")]
    ReadOnly,
    /// Virtual clocks ride on this one, which leaves it free-running; ask them instead.
    #[error("the clock carries virtual clocks (n_vclocks) and runs free; use those")]
    Vclocks,
    /// The clock cannot be made so fast or so slow.
    #[error(
        "a frequency adjustment of {asked} is asked for, the clock can do ±{limit} (max_adj); step it, or work the offset off in longer"
    )]
    FrequencyRange {
        /// What was asked for.
        asked: Ppt,
        /// What it can do, either way.
        limit: Ppb,
    },
    /// The clock's own servo does not remove so much at once.
    #[error("a phase adjustment of {asked} is asked for, the clock can do ±{limit} (max_phase_adj); step it first")]
    PhaseRange {
        /// What was asked for.
        asked: Nanos,
        /// What it can do, either way.
        limit: Nanos,
    },
    /// It has no pin of this name or number.
    #[error("the clock has no such pin; Phc::pins tells their names")]
    NoSuchPin,
    /// It has fewer channels.
    #[error("there is no channel {channel}, the clock has {channels} of this kind")]
    NoSuchChannel {
        /// What was asked for.
        channel: u32,
        /// How many there are.
        channels: u32,
    },
    /// The clock cannot carry so many virtual clocks.
    #[error("{asked} virtual clocks are asked for, the clock can carry {max} (max_vclocks)")]
    VclockRange {
        /// What was asked for.
        asked: u32,
        /// How many there may be.
        max: u32,
    },
    /// The times of a periodic output do not fit each other.
    #[error("a periodic output needs a period above zero, and a phase and a time high below the period")]
    Period,
    /// The kernel wants a right that this process does not have.
    #[error(
        "not permitted; this needs CAP_SYS_TIME (setting time, kernel PPS), and on some kernels a clock opened for writing"
    )]
    Permission,
    /// The kernel's answer, otherwise.
    #[error("the kernel answered {0}")]
    Kernel(Errno),
}

impl From<Errno> for PhcError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENODEV | Errno::ENXIO => PhcError::Gone,
            Errno::EOPNOTSUPP | Errno::ENOTTY => PhcError::Unsupported,
            Errno::EPERM | Errno::EACCES => PhcError::Permission,
            other => PhcError::Kernel(other),
        }
    }
}

/// Repeats a call that a signal interrupted, a bounded number of times.
pub(crate) fn unless_interrupted<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    const TRIES: u32 = 8;
    for _ in 1..TRIES {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
    call()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_is_repeated_but_not_for_ever() {
        let mut left = 3;
        let answer = unless_interrupted(|| {
            left -= 1;
            if left > 0 { Err(Errno::EINTR) } else { Ok(7) }
        });
        assert_eq!((answer, left), (Ok(7), 0));

        let mut calls = 0;
        let never = unless_interrupted(|| -> Result<(), Errno> {
            calls += 1;
            Err(Errno::EINTR)
        });
        assert_eq!((never, calls), (Err(Errno::EINTR), 8));
    }

    #[test]
    fn unplugging_is_told_apart() {
        assert_eq!(PhcError::from(Errno::ENODEV), PhcError::Gone);
        assert_eq!(PhcError::from(Errno::EIO), PhcError::Kernel(Errno::EIO));
    }
}
