//! Changing the clock behind an open descriptor (clock_settime(2), clock_adjtime(2)).
//!
//! **Everything here changes hardware**, for every user of the clock. The descriptor must have been opened for writing; the kernel
//! answers EACCES otherwise. EBUSY: the clock carries virtual clocks and runs free. EOPNOTSUPP: the driver has no such operation.

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_long, clockid_t, timex};
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

use super::{Reading, fd_to_clockid};

/// Sets the clock. EINVAL: no normalised time.
#[allow(clippy::unnecessary_fallible_conversions)] // `c_long` is 32 bits on some targets
pub fn set(fd: BorrowedFd<'_>, to: Reading) -> Result<(), Errno> {
    let sec = libc::time_t::try_from(to.sec).map_err(|_| Errno::EOVERFLOW)?;
    let nsec = c_long::try_from(to.nsec).map_err(|_| Errno::EOVERFLOW)?;
    let id = ClockId::from_raw(fd_to_clockid(fd.as_raw_fd()));
    clock_settime(id, TimeSpec::new(sec, nsec))
}

/// Moves the clock by `sec` s and `nsec` ns, both added; `nsec` below 10⁹, so −1 ns is −1 s and 999 999 999 ns. EINVAL otherwise.
#[allow(clippy::unnecessary_fallible_conversions)] // `c_long` is 32 bits on some targets
pub fn step(fd: BorrowedFd<'_>, sec: i64, nsec: u32) -> Result<(), Errno> {
    let mut change = nothing();
    change.modes = libc::ADJ_SETOFFSET | libc::ADJ_NANO;
    change.time.tv_sec = libc::time_t::try_from(sec).map_err(|_| Errno::EOVERFLOW)?;
    // With ADJ_NANO the field of microseconds holds nanoseconds.
    change.time.tv_usec = libc::suseconds_t::try_from(nsec).map_err(|_| Errno::EOVERFLOW)?;
    of(fd, &mut change)
}

/// Dials in a frequency, in 2⁻¹⁶ ppm; positive is faster. ERANGE: more than the clock can.
pub fn frequency(fd: BorrowedFd<'_>, scaled_ppm: i64) -> Result<(), Errno> {
    let mut change = nothing();
    change.modes = libc::ADJ_FREQUENCY;
    change.freq = c_long::try_from(scaled_ppm).map_err(|_| Errno::ERANGE)?;
    of(fd, &mut change)
}

/// Has the clock remove a phase offset by itself, in ns. ERANGE: more than it can.
pub fn phase(fd: BorrowedFd<'_>, offset: i32) -> Result<(), Errno> {
    let mut change = nothing();
    change.modes = libc::ADJ_OFFSET | libc::ADJ_NANO;
    change.offset = c_long::from(offset);
    of(fd, &mut change)
}

fn of(fd: BorrowedFd<'_>, change: &mut timex) -> Result<(), Errno> {
    adjtime(fd_to_clockid(fd.as_raw_fd()), change).map(drop)
}

/// No mode bit set: only tell.
pub(super) fn nothing() -> timex {
    // SAFETY: `timex` holds integers only; zeroes are a value of it.
    unsafe { std::mem::zeroed() }
}

/// Changes and asks; the answer is the clock's state.
pub(super) fn adjtime(id: clockid_t, change: &mut timex) -> Result<i32, Errno> {
    let pointer: *mut timex = change;
    // SAFETY: the kernel reads and writes one `timex`, which is ours alone for the call. The clock number has no pointer in it.
    let state = unsafe { libc::clock_adjtime(id, pointer) };
    Errno::result(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_no_clock_to_change() {
        let null = File::open("/dev/null").unwrap();
        let fd = null.as_fd();
        assert_eq!(set(fd, Reading { sec: 1, nsec: 2 }), Err(Errno::EINVAL));
        assert_eq!(step(fd, -1, 999_999_999), Err(Errno::EINVAL));
        assert_eq!(frequency(fd, 1), Err(Errno::EINVAL));
        assert_eq!(phase(fd, 1), Err(Errno::EINVAL));
    }
}
