//! What a netlink socket needs and nix does not offer: its own options and a receive that tells the sender and a datagram cut short
//! (include/uapi/linux/netlink.h, netlink(7)). The rest – socket, bind, send, SO_RCVBUFFORCE – is safe in nix, whose `recvmsg` however
//! reports an address also where the kernel gave none.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Length of a value as `setsockopt` wants it.
const INT_LEN: libc::socklen_t = length_of::<libc::c_int>();

/// Length of a structure as socket calls want it.
#[allow(clippy::cast_possible_truncation)] // structures of a few bytes
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

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

/// Bounds how long a receive that waits may wait; it then fails with EAGAIN.
pub fn receive_timeout(fd: &impl AsRawFd, limit: Duration) -> io::Result<()> {
    let value = libc::timeval {
        tv_sec: libc::time_t::try_from(limit.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: limit.subsec_micros().into(),
    };
    // SAFETY: the kernel reads a timeval from `value`, which lives until the call returns; a number that is no descriptor is refused.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const value).cast(),
            length_of::<libc::timeval>(),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// One datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its whole length, bytes; what is above the buffer's is lost.
    pub length: usize,
    /// Netlink port of the sender, 0 for the kernel; `None` on a socket of another family.
    pub sender: Option<u32>,
}

/// Receives one datagram without waiting.
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    // SAFETY: every field of the structure is an integer or an array of them; all zeros is AF_UNSPEC.
    let mut address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut address_length = length_of::<libc::sockaddr_storage>();
    let (to, room) = (buffer.as_mut_ptr().cast(), buffer.len());
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC; // TRUNC: return the whole length
    let from = (&raw mut address).cast();
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `room` bytes to `to` and `address_length` to `from`, both borrowed mutably here.
    let result = unsafe { libc::recvfrom(fd, to, room, flags, from, &raw mut address_length) };
    let length = usize::try_from(result).map_err(|_| io::Error::last_os_error())?;
    let is_netlink =
        i32::from(address.ss_family) == libc::AF_NETLINK && address_length >= length_of::<libc::sockaddr_nl>();
    let sender = is_netlink.then(|| {
        // SAFETY: the storage is initialised, larger than the structure and aligned for any address; all its bit patterns are valid.
        let address = unsafe { (&raw const address).cast::<libc::sockaddr_nl>().read() };
        address.nl_pid
    });
    Ok(Received { length, sender })
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
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, send, sendto,
        socket, socketpair,
    };

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
    fn a_datagram_tells_its_whole_length_and_no_sender_outside_netlink() {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::empty()).unwrap();
        send(theirs.as_raw_fd(), &[7; 9], MsgFlags::empty()).unwrap();
        let mut buffer = [0; 4];
        let received = receive(&ours, &mut buffer).unwrap();
        assert_eq!(
            (received, buffer),
            (
                Received {
                    length: 9,
                    sender: None
                },
                [7; 4]
            )
        );
        assert_eq!(
            receive(&ours, &mut buffer).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
    }

    #[test]
    fn the_kernels_port_is_zero_and_anothers_is_not() {
        let open = || {
            let fd = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                SockFlag::empty(),
                SockProtocol::NetlinkGeneric,
            )
            .unwrap();
            bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
            fd
        };
        let fd = open();
        // NLMSG_NOOP with a request for an acknowledgement.
        let noop = [16, 0, 0, 0, 1, 0, 5, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        send(fd.as_raw_fd(), &noop, MsgFlags::empty()).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(
            receive(&fd, &mut buffer).unwrap(),
            Received {
                length: 36,
                sender: Some(0)
            }
        );
        let to: NetlinkAddr = getsockname(fd.as_raw_fd()).unwrap();
        let other = open();
        let from: NetlinkAddr = getsockname(other.as_raw_fd()).unwrap();
        match sendto(other.as_raw_fd(), &noop, &to, MsgFlags::empty()) {
            Ok(_) => assert_eq!(
                receive(&fd, &mut buffer).unwrap(),
                Received {
                    length: 16,
                    sender: Some(from.pid())
                }
            ),
            Err(errno) => println!("skipped: a process without CAP_NET_ADMIN cannot pretend: {errno}"),
        }
    }

    #[test]
    fn another_socket_refuses_with_an_error() {
        let (fd, _other) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::empty()).unwrap();
        assert!(add_membership(&fd, 16).is_err());
        assert!(ext_ack(&fd, true).is_err());
    }
}
