//! POSIX clocks: the system's, and those behind a file descriptor (clock_gettime(2), clock_adjtime(2)).
//!
//! An open `/dev/ptpN` is a clock too: its number is made from the descriptor (`FD_TO_CLOCKID` in the kernel's
//! tools/testing/selftests/ptp/testptp.c). Everything here only reads, [`adjust`] apart; a query is `clock_adjtime` with no mode
//! bit set.

pub mod adjust;

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use libc::clockid_t;
use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

/// Low bits of a clock number that mean "the rest is a descriptor" (`CLOCKFD`).
const CLOCKFD: clockid_t = 3;

/// A reading of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// Seconds from the clock's zero.
    pub sec: i64,
    /// Nanoseconds, 0…999 999 999.
    pub nsec: u32,
}

/// Clocks of the system that tgm reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemClock {
    /// `CLOCK_REALTIME`: UTC as POSIX counts it.
    Realtime,
    /// `CLOCK_TAI`: real time plus the kernel's TAI offset, which is 0 until somebody sets it.
    Tai,
    /// `CLOCK_MONOTONIC`: slewed, never stepped, stands still in suspend.
    Monotonic,
    /// `CLOCK_MONOTONIC_RAW`: the same, never slewed.
    MonotonicRaw,
    /// `CLOCK_BOOTTIME`: as monotonic, suspend included.
    Boottime,
}

impl SystemClock {
    const fn id(self) -> clockid_t {
        match self {
            SystemClock::Realtime => libc::CLOCK_REALTIME,
            SystemClock::Tai => libc::CLOCK_TAI,
            SystemClock::Monotonic => libc::CLOCK_MONOTONIC,
            SystemClock::MonotonicRaw => libc::CLOCK_MONOTONIC_RAW,
            SystemClock::Boottime => libc::CLOCK_BOOTTIME,
        }
    }
}

/// What `clock_adjtime` tells about a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discipline {
    /// Frequency that was dialled in, in 2⁻¹⁶ ppm; positive is faster.
    pub frequency: i64,
    /// `STA_*` bits. Zero from a PHC.
    pub status: i32,
    /// TAI − UTC as the kernel knows it, s; 0: never set. Zero from a PHC.
    pub tai_offset: i32,
    /// Upper bound of the error, µs. Zero from a PHC.
    pub max_error: i64,
    /// Estimated error, µs. Zero from a PHC.
    pub est_error: i64,
    /// `TIME_OK` 0, `TIME_INS` 1, `TIME_DEL` 2, `TIME_OOP` 3 (in the leap second), `TIME_WAIT` 4, `TIME_ERROR` 5.
    pub state: i32,
}

/// The number of the clock behind an open descriptor.
pub const fn fd_to_clockid(fd: RawFd) -> clockid_t {
    (!fd << 3) | CLOCKFD
}

/// Reads a system clock.
pub fn system(clock: SystemClock) -> Result<Reading, Errno> {
    read(clock.id())
}

/// Reads the clock behind an open descriptor. EINVAL: there is none. ENODEV: the device is gone.
pub fn of_fd(fd: BorrowedFd<'_>) -> Result<Reading, Errno> {
    read(fd_to_clockid(fd.as_raw_fd()))
}

/// How a system clock is disciplined.
pub fn system_discipline(clock: SystemClock) -> Result<Discipline, Errno> {
    query(clock.id())
}

/// Reads the clock that is the system side of a PTP request. EINVAL: this kernel has no such clock.
pub fn side(clock: crate::ptp::SystemSide) -> Result<Reading, Errno> {
    read(clock.id())
}

/// How the clock behind an open descriptor is disciplined. EBUSY: a PHC that carries virtual clocks. EACCES: a kernel that tells
/// it only to those who opened it for writing.
pub fn discipline_of_fd(fd: BorrowedFd<'_>) -> Result<Discipline, Errno> {
    query(fd_to_clockid(fd.as_raw_fd()))
}

#[allow(clippy::useless_conversion)] // `c_long` is 32 bits on some targets
fn read(id: clockid_t) -> Result<Reading, Errno> {
    let reading = clock_gettime(ClockId::from_raw(id))?;
    let nsec = u32::try_from(reading.tv_nsec()).map_err(|_| Errno::EOVERFLOW)?;
    Ok(Reading {
        sec: i64::from(reading.tv_sec()),
        nsec,
    })
}

#[allow(clippy::useless_conversion)] // `c_long` is 32 bits on some targets
fn query(id: clockid_t) -> Result<Discipline, Errno> {
    let mut timex = adjust::nothing();
    let state = adjust::adjtime(id, &mut timex)?;
    Ok(Discipline {
        frequency: i64::from(timex.freq),
        status: timex.status,
        tai_offset: timex.tai,
        max_error: i64::from(timex.maxerror),
        est_error: i64::from(timex.esterror),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn the_number_of_a_descriptors_clock() {
        // (~fd << 3) | 3, worked out by hand for 0 and 3.
        assert_eq!(fd_to_clockid(0), -5);
        assert_eq!(fd_to_clockid(3), -29);
    }

    #[test]
    fn a_file_is_no_clock() {
        let null = File::open("/dev/null").unwrap();
        assert_eq!(of_fd(null.as_fd()), Err(Errno::EINVAL));
        assert_eq!(discipline_of_fd(null.as_fd()), Err(Errno::EINVAL));
    }

    #[test]
    fn system_clocks_pass_and_differ_as_they_should() {
        for clock in [SystemClock::Monotonic, SystemClock::MonotonicRaw, SystemClock::Boottime] {
            let (a, b) = (system(clock).unwrap(), system(clock).unwrap());
            assert!(a <= b, "{clock:?}");
        }
        let offset = system_discipline(SystemClock::Realtime).unwrap().tai_offset;
        let (before, tai, after) = (
            system(SystemClock::Realtime).unwrap(),
            system(SystemClock::Tai).unwrap(),
            system(SystemClock::Realtime).unwrap(),
        );
        let tai = Reading {
            sec: tai.sec - i64::from(offset),
            ..tai
        };
        assert!(before <= tai && tai <= after);
    }
}
