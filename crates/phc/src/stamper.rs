//! The requests behind a measurement, as a seam: [`crate::Phc`] puts them to the kernel, a simulated clock answers them itself.

use std::os::fd::AsFd;

use nix::errno::Errno;
use tgm_sys::clock;
use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise, SystemSide};

use crate::device::Phc;

/// A clock that can be measured against the system's. Only the first three are asked of every clock; the others say by default
/// that they are not there.
pub trait Stamper {
    /// Both clocks at one instant.
    fn precise(&self) -> Result<SysOffsetPrecise, Errno>;
    /// `samples` readings, each between two of `CLOCK_REALTIME`.
    fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno>;
    /// `samples` readings, alternating with `CLOCK_REALTIME`.
    fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno>;

    /// `samples` readings, each between two of the clock `side`. EINVAL: not by this one.
    fn extended_on(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
        match side {
            SystemSide::Realtime => self.extended(samples),
            _ => Err(Errno::EINVAL),
        }
    }

    /// One reading between two of the clock `side`, all taken in user space.
    fn bracket(&self, side: SystemSide) -> Result<[ClockTime; 3], Errno> {
        let _ = side;
        Err(Errno::EOPNOTSUPP)
    }

    /// As [`Stamper::precise`], of the free-running counter.
    fn precise_cycles(&self) -> Result<SysOffsetPrecise, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// As [`Stamper::extended_on`], of the free-running counter.
    fn extended_cycles(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
        let _ = (samples, side);
        Err(Errno::EOPNOTSUPP)
    }
}

impl Stamper for Phc {
    fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
        ptp::sys_offset_precise(self.as_fd())
    }

    fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
        ptp::sys_offset_extended(self.as_fd(), samples, SystemSide::Realtime)
    }

    fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno> {
        ptp::sys_offset(self.as_fd(), samples)
    }

    fn extended_on(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
        ptp::sys_offset_extended(self.as_fd(), samples, side)
    }

    fn bracket(&self, side: SystemSide) -> Result<[ClockTime; 3], Errno> {
        let before = clock::side(side)?;
        let phc = clock::of_fd(self.as_fd())?;
        let after = clock::side(side)?;
        Ok([before, phc, after].map(|reading| ClockTime {
            sec: reading.sec,
            nsec: reading.nsec,
            reserved: 0,
        }))
    }

    fn precise_cycles(&self) -> Result<SysOffsetPrecise, Errno> {
        ptp::sys_offset_precise_cycles(self.as_fd())
    }

    fn extended_cycles(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
        ptp::sys_offset_extended_cycles(self.as_fd(), samples, side)
    }
}
