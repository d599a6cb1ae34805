//! Which PTP hardware clock stamps an interface's packets (include/uapi/linux/ethtool.h, `ETHTOOL_GET_TS_INFO`).
//!
//! sysfs tells only the function that owns the clock; every port of a card answers this request.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

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

/// Time stamping of the interface `name`. ENODEV: no such interface. EOPNOTSUPP: it has none. EINVAL: no possible name.
pub fn ts_info(name: &str) -> Result<TsInfo, Errno> {
    let mut request = ifreq(name)?;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut info = TsInfo {
        cmd: GET_TS_INFO,
        ..TsInfo::default()
    };
    let answer: *mut TsInfo = &mut info;
    request.ifr_ifru.ifru_data = answer.cast();
    let argument: *mut libc::ifreq = &mut request;
    // SAFETY: the socket is open; the kernel reads one `ifreq` and, for this command, writes at most the 44 bytes of `TsInfo`
    // that `ifru_data` points to; both live to the end of this function and are ours alone for the call.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, argument) };
    Errno::result(answer)?;
    Ok(info)
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
}
