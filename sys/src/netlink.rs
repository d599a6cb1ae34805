//! Netlink socket options that nix does not offer (include/uapi/linux/netlink.h, netlink(7)).
//!
//! Everything else a netlink socket needs – socket, bind, receive with address and truncation flag, SO_RCVBUFFORCE – is safe in nix.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Length of a value as `setsockopt` wants it.
const INT_LEN: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

/// Joins a multicast group by its number, as resolved from the family (groups above 32 have no bit in `sockaddr_nl`).
pub fn add_membership(fd: impl AsFd, group: u32) -> io::Result<()> {
    set(fd, libc::NETLINK_ADD_MEMBERSHIP, group.cast_signed())
}

/// Leaves a multicast group.
pub fn drop_membership(fd: impl AsFd, group: u32) -> io::Result<()> {
    set(fd, libc::NETLINK_DROP_MEMBERSHIP, group.cast_signed())
}

/// Asks for the kernel's own words in error replies (NLMSGERR_ATTR_MSG), and for replies without the whole request in them.
pub fn ext_ack(fd: impl AsFd, on: bool) -> io::Result<()> {
    let fd = fd.as_fd();
    set(fd, libc::NETLINK_EXT_ACK, on.into())?;
    set(fd, libc::NETLINK_CAP_ACK, on.into())
}

/// Has the kernel check dump requests as strictly as others.
pub fn get_strict_chk(fd: impl AsFd, on: bool) -> io::Result<()> {
    set(fd, libc::NETLINK_GET_STRICT_CHK, on.into())
}

fn set(fd: impl AsFd, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let pointer = (&raw const value).cast();
    // SAFETY: `pointer` is valid for `INT_LEN` bytes during the call, which only reads them; the descriptor is open because
    // `fd` is borrowed. On a socket of another family the kernel refuses the option.
    let result = unsafe { libc::setsockopt(fd.as_fd().as_raw_fd(), libc::SOL_NETLINK, option, pointer, INT_LEN) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket, socketpair};

    #[test]
    fn a_netlink_socket_takes_every_option() {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkGeneric,
        )
        .unwrap();
        ext_ack(&fd, true).unwrap();
        get_strict_chk(&fd, true).unwrap();
        add_membership(&fd, 16).unwrap(); // nlctrl's own group, always there
        drop_membership(&fd, 16).unwrap();
    }

    #[test]
    fn another_socket_refuses_with_an_error() {
        let (fd, _other) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::empty()).unwrap();
        assert!(add_membership(&fd, 16).is_err());
        assert!(ext_ack(&fd, true).is_err());
    }
}
