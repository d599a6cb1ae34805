//! Pulse-per-second sources of the kernel, `/dev/ppsN` (include/uapi/linux/pps.h, after RFC 2783).
//!
//! Only what asks: nothing here changes a source. The kernel stamps a pulse by `CLOCK_REALTIME` and keeps the last of either edge
//! with a count; there is no queue.

use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_ulong};
use nix::errno::Errno;

const MAGIC: u8 = b'p';

/// The source's edges and what else is set. The number announces a pointer, not the structure behind it.
pub const PPS_GETPARAMS: u32 = ioctl_sys::ior!(MAGIC, 0xa1, size_of::<*mut Params>());
/// What the source can do.
pub const PPS_GETCAP: u32 = ioctl_sys::ior!(MAGIC, 0xa3, size_of::<*mut c_int>());
/// The last pulses, after waiting for one if asked to.
pub const PPS_FETCH: u32 = ioctl_sys::iorw!(MAGIC, 0xa4, size_of::<*mut Fetch>());

/// The source stamps the rising edge, "assert" (in [`Params::mode`] and in the capabilities).
pub const PPS_CAPTUREASSERT: i32 = 0x01;
/// The source stamps the falling edge, "clear".
pub const PPS_CAPTURECLEAR: i32 = 0x02;
/// Fetches can wait for a pulse.
pub const PPS_CANWAIT: i32 = 0x100;

/// A point in time by `CLOCK_REALTIME` (`struct pps_ktime`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KTime {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds.
    pub nsec: i32,
    /// `INVALID`.
    pub flags: u32,
}

impl KTime {
    /// Of a timeout: wait for ever.
    pub const INVALID: u32 = 1;
}

/// The last pulses (`struct pps_kinfo`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Info {
    /// Rising edges so far; wraps.
    pub assert_sequence: u32,
    /// Falling edges so far; wraps.
    pub clear_sequence: u32,
    /// When the last rising edge came; zero before the first.
    pub assert: KTime,
    /// When the last falling edge came; zero before the first.
    pub clear: KTime,
    /// Edges that are stamped now.
    pub current_mode: i32,
    #[cfg(not(target_arch = "x86"))]
    padding: u32,
}

/// Argument of [`PPS_FETCH`] (`struct pps_fdata`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetch {
    /// The answer.
    pub info: Info,
    /// How long to wait for a pulse; zero: not at all.
    pub timeout: KTime,
}

/// Settings of a source (`struct pps_kparams`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params {
    /// 1.
    pub api_version: i32,
    /// Edges that are stamped, whether their offsets count, what is echoed.
    pub mode: i32,
    /// Added to stamps of the rising edge.
    pub assert_offset: KTime,
    /// Added to stamps of the falling edge.
    pub clear_offset: KTime,
}

const _: () = assert!(size_of::<KTime>() == 16);
const _: () = assert!(size_of::<Params>() == 40);
#[cfg(not(target_arch = "x86"))]
const _: () = {
    assert!(size_of::<Info>() == 48 && size_of::<Fetch>() == 64);
    assert!(core::mem::offset_of!(Info, assert) == 8);
    assert!(core::mem::offset_of!(Info, clear) == 24);
    assert!(core::mem::offset_of!(Info, current_mode) == 40);
    assert!(core::mem::offset_of!(Fetch, timeout) == 48);
    assert!(core::mem::offset_of!(Params, assert_offset) == 8);
};

/// The last pulses, now; never waits. ENOTTY: no pulse source. ENODEV: it is gone.
pub fn fetch(fd: BorrowedFd<'_>) -> Result<Info, Errno> {
    fetch_within(fd, KTime::default())
}

/// The last pulses, after waiting up to `timeout` for the next one. ETIMEDOUT: none came. EINTR: a signal did.
pub fn fetch_within(fd: BorrowedFd<'_>, timeout: KTime) -> Result<Info, Errno> {
    let mut arg = Fetch {
        timeout,
        ..Fetch::default()
    };
    let pointer: *mut Fetch = &mut arg;
    // SAFETY: the descriptor is open as long as it is borrowed; the kernel reads and writes one `struct pps_fdata`, whose layout
    // is that of `Fetch` (asserted above), behind a pointer that is exclusively ours for the call; any bytes are a `Fetch`.
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(PPS_FETCH), pointer) };
    Errno::result(answer)?;
    Ok(arg.info)
}

/// What the source can do, `PPS_*` bits. ENOTTY: no pulse source.
pub fn capabilities(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    let mut mode: c_int = 0;
    let pointer: *mut c_int = &mut mode;
    // SAFETY: the descriptor is open as long as it is borrowed; the kernel writes one `int` behind a pointer that is ours alone.
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(PPS_GETCAP), pointer) };
    Errno::result(answer)?;
    Ok(mode)
}

/// The source's settings. ENOTTY: no pulse source.
pub fn params(fd: BorrowedFd<'_>) -> Result<Params, Errno> {
    let mut params = Params::default();
    let pointer: *mut Params = &mut params;
    // SAFETY: the descriptor is open as long as it is borrowed; the kernel writes one `struct pps_kparams`, whose layout is that of
    // `Params` (asserted above), behind a pointer that is ours alone; any bytes are a `Params`.
    let answer = unsafe { ioctl_sys::ioctl(fd.as_raw_fd(), c_ulong::from(PPS_GETPARAMS), pointer) };
    Errno::result(answer)?;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    #[cfg(all(
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    ))]
    fn numbers_agree_with_nix_and_the_kernels_header() {
        let table: [(u32, u64, u32); 3] = [
            (PPS_GETPARAMS, nix::request_code_read!(b'p', 0xa1, 8), 0x8008_70a1),
            (PPS_GETCAP, nix::request_code_read!(b'p', 0xa3, 8), 0x8008_70a3),
            (PPS_FETCH, nix::request_code_readwrite!(b'p', 0xa4, 8), 0xc008_70a4),
        ];
        for (ours, nix, header) in table {
            assert_eq!((u64::from(ours), ours), (nix, header));
        }
    }

    #[test]
    fn what_is_no_pulse_source_says_so() {
        let null = File::open("/dev/null").unwrap();
        assert_eq!(fetch(null.as_fd()), Err(Errno::ENOTTY));
        assert_eq!(capabilities(null.as_fd()), Err(Errno::ENOTTY));
        assert_eq!(params(null.as_fd()), Err(Errno::ENOTTY));
    }
}
