//! The PTP character device `/dev/ptpN` (include/uapi/linux/ptp_clock.h): structures, ioctl numbers, calls.
//!
//! Every call takes a [`BorrowedFd`] and answers with the kernel's error number; nothing is retried and nothing is allocated.
//! Calls that read work on a read-only descriptor. The four that change what the clock does ([`request_extts`],
//! [`request_perout`], [`set_pin`], [`enable_pps`]) need one opened for writing; the kernel answers EACCES otherwise.

mod abi;
pub mod number;

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_ulong};
use nix::errno::Errno;

use abi::Plain;
pub use abi::{
    CROSS_SAMPLES_MAX, ClockCaps, ClockTime, EXTTS_EVENT_SIZE, EXTTS_EVENTS_PER_READ, EXTTS_QUEUE, ExttsEvent,
    ExttsRequest, PIN_NAME_SIZE, PeroutRequest, PinDesc, SysOffset, SysOffsetExtended, SysOffsetPrecise,
};

/// First clock id of the auxiliary clocks (`CLOCK_AUX` in include/uapi/linux/time.h).
const CLOCK_AUX: i32 = 16;

/// The clock the system side of [`sys_offset_extended`] is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SystemSide {
    /// `CLOCK_REALTIME`, the only one before Linux 6.12.
    #[default]
    Realtime,
    /// `CLOCK_MONOTONIC`, EINVAL before Linux 6.12.
    Monotonic,
    /// `CLOCK_MONOTONIC_RAW`, EINVAL before Linux 6.12.
    MonotonicRaw,
    /// `CLOCK_AUX` + n, n 0…7: a clock that an administrator switched on (`/sys/kernel/time/aux_clocks`). EINVAL on kernels
    /// that have none, ENODEV while it is off.
    Aux(u8),
}

impl SystemSide {
    /// The clock's number in the request (`clockid_t`).
    pub const fn id(self) -> i32 {
        match self {
            SystemSide::Realtime => libc::CLOCK_REALTIME,
            SystemSide::Monotonic => libc::CLOCK_MONOTONIC,
            SystemSide::MonotonicRaw => libc::CLOCK_MONOTONIC_RAW,
            SystemSide::Aux(n) => CLOCK_AUX + n as i32,
        }
    }
}

/// What the clock can do. ENOTTY or EINVAL: no PTP device.
pub fn caps(fd: BorrowedFd<'_>) -> Result<ClockCaps, Errno> {
    let mut caps = ClockCaps::default();
    call(fd, number::PTP_CLOCK_GETCAPS, &mut caps)?;
    Ok(caps)
}

/// Alternating readings of `CLOCK_REALTIME` and the clock; `samples` 1…[`CROSS_SAMPLES_MAX`], EINVAL above. Every clock has it.
pub fn sys_offset(fd: BorrowedFd<'_>, samples: u32) -> Result<SysOffset, Errno> {
    let mut arg = SysOffset {
        n_samples: samples,
        ..SysOffset::default()
    };
    call(fd, number::PTP_SYS_OFFSET, &mut arg)?;
    Ok(arg)
}

/// Readings of the clock, each between two of the system clock taken by the driver next to the register access; `samples`
/// 1…[`CROSS_SAMPLES_MAX`], EINVAL above. EOPNOTSUPP: the driver has none. ENOTTY: Linux before 5.0.
pub fn sys_offset_extended(fd: BorrowedFd<'_>, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
    extended(fd, number::PTP_SYS_OFFSET_EXTENDED, samples, side)
}

/// As [`sys_offset_extended`], of the free-running counter under the clock. EOPNOTSUPP: the driver has none that it tells
/// apart. ENOTTY: the kernel is older than the request.
pub fn sys_offset_extended_cycles(
    fd: BorrowedFd<'_>,
    samples: u32,
    side: SystemSide,
) -> Result<SysOffsetExtended, Errno> {
    extended(fd, number::PTP_SYS_OFFSET_EXTENDED_CYCLES, samples, side)
}

fn extended(fd: BorrowedFd<'_>, number: u32, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
    let mut arg = SysOffsetExtended {
        n_samples: samples,
        clockid: side.id(),
        ..SysOffsetExtended::default()
    };
    call(fd, number, &mut arg)?;
    Ok(arg)
}

/// Both clocks at one instant, latched by hardware. EOPNOTSUPP: the hardware cannot. ENODEV is also what the kernel answers
/// while the system runs on another clock source than the one the hardware latches (get_device_system_crosststamp).
pub fn sys_offset_precise(fd: BorrowedFd<'_>) -> Result<SysOffsetPrecise, Errno> {
    let mut arg = SysOffsetPrecise::default();
    call(fd, number::PTP_SYS_OFFSET_PRECISE, &mut arg)?;
    Ok(arg)
}

/// As [`sys_offset_precise`], of the free-running counter under the clock. EOPNOTSUPP: the driver has none that it tells
/// apart. ENOTTY: the kernel is older than the request.
pub fn sys_offset_precise_cycles(fd: BorrowedFd<'_>) -> Result<SysOffsetPrecise, Errno> {
    let mut arg = SysOffsetPrecise::default();
    call(fd, number::PTP_SYS_OFFSET_PRECISE_CYCLES, &mut arg)?;
    Ok(arg)
}

/// Name, function and channel of the pin `index`. EINVAL: there is no such pin.
pub fn pin(fd: BorrowedFd<'_>, index: u32) -> Result<PinDesc, Errno> {
    let mut arg = PinDesc {
        index,
        ..PinDesc::default()
    };
    call(fd, number::PTP_PIN_GETFUNC, &mut arg)?;
    Ok(arg)
}

/// Gives a pin its function; whatever else had that function and channel loses it. **Changes the hardware**, for every user of
/// the clock. EINVAL: no such pin or channel. EOPNOTSUPP: the pin cannot.
pub fn set_pin(fd: BorrowedFd<'_>, desc: PinDesc) -> Result<(), Errno> {
    newest(fd, number::PTP_PIN_SETFUNC2, Some(number::PTP_PIN_SETFUNC), desc)
}

/// Starts or stops external timestamps. **Changes the hardware**, for every user of the clock. With the second version of the
/// request flags that the driver cannot honour are refused, not ignored; Linux before 5.4 has the first only.
pub fn request_extts(fd: BorrowedFd<'_>, request: ExttsRequest) -> Result<(), Errno> {
    newest(fd, number::PTP_EXTTS_REQUEST2, Some(number::PTP_EXTTS_REQUEST), request)
}

/// Starts or stops a periodic output. **Changes the hardware**, for every user of the clock. Linux before 5.4 has the first
/// version of the request only, which knows no flags: with flags it is not tried.
pub fn request_perout(fd: BorrowedFd<'_>, request: PeroutRequest) -> Result<(), Errno> {
    let first = (request.flags == 0).then_some(number::PTP_PEROUT_REQUEST);
    newest(fd, number::PTP_PEROUT_REQUEST2, first, request)
}

/// Issues the second version of a request, and the first one where the kernel does not know the second.
fn newest<T: Plain>(fd: BorrowedFd<'_>, second: u32, first: Option<u32>, arg: T) -> Result<(), Errno> {
    match (call(fd, second, &mut { arg }), first) {
        (Err(Errno::ENOTTY), Some(first)) => call(fd, first, &mut { arg }),
        (answer, _) => answer,
    }
}

/// Sends the clock's pulse to the kernel's PPS subsystem, or stops it. **Changes the hardware.** EPERM: needs CAP_SYS_TIME.
/// EOPNOTSUPP: the driver has no pulse of its own.
pub fn enable_pps(fd: BorrowedFd<'_>, on: bool) -> Result<(), Errno> {
    let on = c_int::from(on);
    // SAFETY: the request takes its argument by value and no memory; the descriptor is open as long as it is borrowed.
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(number::PTP_ENABLE_PPS), on) };
    Errno::result(answer).map(drop)
}

/// Stops the delivery of events of every channel to this open file; others keep theirs. ENOTTY: Linux before 6.7, where all
/// open files share one queue.
pub fn mask_clear_all(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the request takes no argument; the descriptor is open as long as it is borrowed.
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(number::PTP_MASK_CLEAR_ALL)) };
    Errno::result(answer).map(drop)
}

/// Allows the delivery of events of `channel` (below 2048) to this open file. ENOTTY: Linux before 6.7.
pub fn mask_enable(fd: BorrowedFd<'_>, mut channel: u32) -> Result<(), Errno> {
    call(fd, number::PTP_MASK_EN_SINGLE, &mut channel)
}

/// Issues a request whose argument is a `T`. `number` must be one of those that carry the size of `T`: a request of another
/// size is a mistake in this file and is refused with ENOTTY before the kernel sees it.
fn call<T: Plain>(fd: BorrowedFd<'_>, number: u32, arg: &mut T) -> Result<(), Errno> {
    if number::size(number) != size_of::<T>() {
        return Err(Errno::ENOTTY);
    }
    let arg: *mut T = arg;
    // SAFETY: the descriptor is open as long as it is borrowed. The kernel reads and writes at most the size encoded in the
    // number, which is that of the `T` behind `arg`, exclusively ours for the call; any bytes are a valid `T` (`Plain`).
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(number), arg) };
    Errno::result(answer).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_no_ptp_device_says_so() {
        let null = File::open("/dev/null").unwrap();
        let fd = null.as_fd();
        assert_eq!(caps(fd), Err(Errno::ENOTTY));
        assert_eq!(sys_offset(fd, 1).err(), Some(Errno::ENOTTY));
        assert_eq!(
            sys_offset_extended(fd, 1, SystemSide::Realtime).err(),
            Some(Errno::ENOTTY)
        );
        assert_eq!(sys_offset_precise(fd).err(), Some(Errno::ENOTTY));
        assert_eq!(pin(fd, 0).err(), Some(Errno::ENOTTY));
        assert_eq!(mask_clear_all(fd), Err(Errno::ENOTTY));
        assert_eq!(mask_enable(fd, 0), Err(Errno::ENOTTY));
        assert_eq!(sys_offset_precise_cycles(fd).err(), Some(Errno::ENOTTY));
        let cycles = sys_offset_extended_cycles(fd, 1, SystemSide::Realtime);
        assert_eq!(cycles.err(), Some(Errno::ENOTTY));
        assert_eq!(set_pin(fd, PinDesc::default()), Err(Errno::ENOTTY));
        assert_eq!(request_extts(fd, ExttsRequest::default()), Err(Errno::ENOTTY));
        assert_eq!(request_perout(fd, PeroutRequest::default()), Err(Errno::ENOTTY));
        assert_eq!(enable_pps(fd, false), Err(Errno::ENOTTY));
    }

    #[test]
    fn the_number_of_every_system_side() {
        let ids = [
            SystemSide::Realtime,
            SystemSide::Monotonic,
            SystemSide::MonotonicRaw,
            SystemSide::Aux(0),
            SystemSide::Aux(7),
        ]
        .map(SystemSide::id);
        assert_eq!(ids, [0, 1, 4, 16, 23]);
    }

    #[test]
    fn a_request_of_another_size_never_reaches_the_kernel() {
        // FIGETBSZ (0, 2) would answer on any file; the size in its number is 0.
        let file = File::open("/proc/self/exe").unwrap();
        assert_eq!(call(file.as_fd(), 0x0002, &mut 0u32), Err(Errno::ENOTTY));
    }
}
