//! Which PTP hardware clock stamps an interface's packets, and which driver it has (include/uapi/linux/ethtool.h,
//! `ETHTOOL_GET_TS_INFO` and `ETHTOOL_GDRVINFO`).
//!
//! sysfs tells the clock only of the function that owns it, and the driver only of a device that a bus has matched with one; every
//! port of a card answers these requests.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `ETHTOOL_GDRVINFO`.
const GDRVINFO: u32 = 0x03;
/// `ETHTOOL_GET_TS_INFO`.
const GET_TS_INFO: u32 = 0x41;

/// Answer to `ETHTOOL_GET_TS_INFO`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TsInfo {
    cmd: u32,
    /// `SOF_TIMESTAMPING_*` bits the interface can do.
    pub so_timestamping: u32,
    /// N of `/dev/ptpN`, −1: none.
    pub phc_index: i32,
    /// Bit n: transmit mode n (`HWTSTAMP_TX_*`).
    pub tx_types: u32,
    tx_reserved: [u32; 3],
    /// Bit n: receive filter n (`HWTSTAMP_FILTER_*`).
    pub rx_filters: u32,
    rx_reserved: [u32; 3],
}

const _: () = assert!(size_of::<TsInfo>() == 44);
const _: () = assert!(std::mem::offset_of!(TsInfo, phc_index) == 8);
const _: () = assert!(std::mem::offset_of!(TsInfo, rx_filters) == 28);

/// Answer to `ETHTOOL_GDRVINFO`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverInfo {
    cmd: u32,
    driver: [u8; 32],
    version: [u8; 32],
    firmware: [u8; 32],
    bus: [u8; 32],
    erom: [u8; 32],
    reserved: [u8; 12],
    counts: [u32; 5],
}

const _: () = assert!(size_of::<DriverInfo>() == 196);
const _: () = assert!(std::mem::offset_of!(DriverInfo, bus) == 100);
const _: () = assert!(std::mem::offset_of!(DriverInfo, counts) == 176);

impl DriverInfo {
    /// The driver's name.
    pub fn driver(&self) -> &[u8] {
        until_zero(&self.driver)
    }

    /// The device's name on its bus (`0000:51:00.0`); empty if it is on none.
    pub fn bus(&self) -> &[u8] {
        until_zero(&self.bus)
    }
}

fn until_zero(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Time stamping of the interface `name`. ENODEV: no such interface. EOPNOTSUPP: it has none. EINVAL: no possible name.
pub fn ts_info(name: &str) -> Result<TsInfo, Errno> {
    let mut info = TsInfo {
        cmd: GET_TS_INFO,
        ..TsInfo::default()
    };
    ask(name, &mut info)?;
    Ok(info)
}

/// Driver of the interface `name`. ENODEV: no such interface. EOPNOTSUPP: it does not tell. EINVAL: no possible name.
pub fn driver_info(name: &str) -> Result<DriverInfo, Errno> {
    let mut info = DriverInfo {
        cmd: GDRVINFO,
        driver: [0; 32],
        version: [0; 32],
        firmware: [0; 32],
        bus: [0; 32],
        erom: [0; 32],
        reserved: [0; 12],
        counts: [0; 5],
    };
    ask(name, &mut info)?;
    Ok(info)
}

/// What an ethtool command may fill: C layout, no padding, any bytes are a value, and it begins with a command that writes no more
/// than the structure holds.
trait Answer: Copy {}
impl Answer for TsInfo {}
impl Answer for DriverInfo {}

fn ask<T: Answer>(name: &str, answer: &mut T) -> Result<(), Errno> {
    let mut request = ifreq(name)?;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let answer: *mut T = answer;
    request.ifr_ifru.ifru_data = answer.cast();
    let argument: *mut libc::ifreq = &mut request;
    // SAFETY: the socket is open; the kernel reads one `ifreq` and, for the command that `answer` begins with, writes at most the
    // structure that `ifru_data` points to (`Answer`); both live to the end of this function and are ours alone for the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, argument) };
    Errno::result(answer).map(drop)
}

/// An `ifreq` that names the interface.
fn ifreq(name: &str) -> Result<libc::ifreq, Errno> {
    // SAFETY: `ifreq` holds integers, arrays of them and a raw pointer; zeroes are a value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero and closes the name.
    let room = request.ifr_name.len() - 1;
    if name.is_empty() || name.len() > room || name.bytes().any(|byte| byte == 0 || byte == b'/') {
        return Err(Errno::EINVAL);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]); // signed on x86, unsigned on ARM
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_such_interface() {
        assert_eq!(ts_info("tgm-nosuch0"), Err(Errno::ENODEV));
        assert_eq!(driver_info("tgm-nosuch0").err(), Some(Errno::ENODEV));
    }

    #[test]
    fn names_that_cannot_be() {
        for name in ["", "a/b", "sixteen-bytes-xx", "nul\0"] {
            assert_eq!(ts_info(name), Err(Errno::EINVAL), "{name:?}");
        }
    }

    #[test]
    fn the_loopback_has_no_hardware_clock() {
        match ts_info("lo") {
            Ok(info) => assert_eq!(info.phc_index, -1),
            Err(errno) => assert_eq!(errno, Errno::EOPNOTSUPP),
        }
    }

    #[test]
    fn texts_end_at_the_zero_or_with_their_room() {
        assert_eq!(until_zero(b"ice\0junk"), b"ice");
        assert_eq!(until_zero(b"\0"), b"");
        assert_eq!(until_zero(b"full"), b"full");
    }
}
