//! The monitor's socket: non-blocking, with a receive buffer of its own, and datagrams that did not fit or were not the kernel's
//! told apart.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, send, setsockopt, socket, sockopt,
};
use tgm_sys::netlink;

use crate::error::Error;

/// Largest datagram: the kernel fills dump replies up to 32 KiB if the reader has shown that it takes as much.
pub const DATAGRAM: usize = 32 * 1024;

/// One receive.
#[derive(Debug)]
pub enum Received<'a> {
    /// A datagram.
    Datagram(&'a [u8]),
    /// A datagram that was longer than the buffer, and is lost.
    Truncated,
    /// A datagram of another process.
    Foreign,
    /// The other end of a socket pair is gone.
    Closed,
}

/// A netlink socket, or for tests one end of a socket pair that speaks netlink.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    buffer: Box<[u8]>,
}

impl Socket {
    /// Opens a generic-netlink socket with a receive queue of about `queue` bytes.
    pub fn open(queue: usize) -> Result<Self, Error> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            flags,
            SockProtocol::NetlinkGeneric,
        )
        .map_err(failed("socket"))?;
        // Beyond rmem_max only with CAP_NET_ADMIN; a shorter queue only means earlier resyncs.
        let _ = setsockopt(&fd, sockopt::RcvBufForce, &queue).or_else(|_| setsockopt(&fd, sockopt::RcvBuf, &queue));
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(failed("bind"))?;
        netlink::ext_ack(&fd, true).map_err(|error| failed("NETLINK_EXT_ACK")(errno(&error)))?;
        Ok(Socket::new(fd))
    }

    /// Takes over an open socket.
    pub fn new(fd: OwnedFd) -> Self {
        Socket {
            fd,
            buffer: vec![0; DATAGRAM].into_boxed_slice(),
        }
    }

    /// Joins a multicast group.
    pub fn join(&self, group: u32) -> Result<(), Error> {
        netlink::add_membership(&self.fd, group).map_err(|error| failed("NETLINK_ADD_MEMBERSHIP")(errno(&error)))
    }

    /// Receives one datagram without waiting.
    pub fn receive(&mut self) -> Result<Received<'_>, Errno> {
        let received = netlink::receive(&self.fd, &mut self.buffer).map_err(|error| errno(&error))?;
        Ok(match (received.sender, self.buffer.get(..received.length)) {
            (Some(1..), _) => Received::Foreign,
            (None, Some([])) => Received::Closed,
            (_, Some(datagram)) => Received::Datagram(datagram),
            (_, None) => Received::Truncated,
        })
    }

    /// Sends one request without waiting.
    pub fn send(&self, request: &[u8]) -> Result<(), Errno> {
        send(
            self.fd.as_raw_fd(),
            request,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        )
        .map(|_| ())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn failed(what: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Socket { what, errno }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
