//! gpsd as a source: its raw watch hands the receiver's bytes on unchanged, between lines of JSON that the demultiplexer skips.

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, getsockopt, recv, send,
    socket, sockopt,
};

use super::OpenError;

/// Asks for the receiver's bytes as they are ("raw":2; gpsd's protocol, WATCH).
const WATCH: &[u8] = b"?WATCH={\"enable\":true,\"raw\":2};\n";

/// A connection, perhaps still being made: gpsd greets first, so the greeting shows that it stands.
#[derive(Debug)]
pub(super) struct Gpsd {
    socket: OwnedFd,
    watching: bool,
}

/// The address of a name. Waits for the resolver and allocates: for start-up only.
pub(super) fn resolve(host: &str, port: u16) -> Result<SocketAddr, OpenError> {
    let mut addresses = (host, port).to_socket_addrs().map_err(|_| OpenError::Resolve)?;
    addresses.next().ok_or(OpenError::Resolve)
}

impl Gpsd {
    /// Begins to connect.
    pub(super) fn connect(address: SocketAddr) -> Result<Self, OpenError> {
        let family = if address.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
        match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS) => Ok(Gpsd {
                socket,
                watching: false,
            }),
            Err(Errno::ECONNREFUSED) => Err(OpenError::NoDevice),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if !self.watching {
            match Errno::from_raw(getsockopt(&self.socket, sockopt::SocketError)?) {
                Errno::UnknownErrno => {} // 0: none
                errno => return Err(errno),
            }
            match send(
                self.socket.as_raw_fd(),
                WATCH,
                MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(sent) if sent == WATCH.len() => self.watching = true,
                Ok(_) => return Err(Errno::EIO), // a new connection has room for a line
                Err(Errno::ENOTCONN | Errno::EAGAIN) => return Err(Errno::EAGAIN),
                Err(errno) => return Err(errno),
            }
        }
        recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)
    }
}
