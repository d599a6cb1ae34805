//! Who connects to an event proxy's socket: the proxy runs as root and lets nobody else write there, and the publisher has given that up.
//! So the node process connects, and hands the connection to its publisher. It reads and writes nothing of it.
//!
//! They meet on a name without a file, as the run directory is the node's alone; each checks who the other is.

use std::io::{Error, ErrorKind, IoSlice, Read as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as Name, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::Builder;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg, socket,
};
use nix::unistd::getuid;
use tgm_node::handover::check_peer;
use tokio::io::{AsyncWriteExt as _, Interest};
use tracing::warn;

use crate::exit::Fatal;

/// Memory of the thread's stack.
const STACK: usize = 128 * 1024;
/// How long the publisher may take to say which socket it wants.
const ASKS_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries after somebody was turned away: nobody is served faster than this by failing.
const RETRY: Duration = Duration::from_millis(200);

/// Where they meet: a machine has one tgmd per notification address.
fn name(listen: SocketAddr) -> Result<Name, Error> {
    Name::from_abstract_name(format!("tgm-out-{listen}"))
}

/// Connects, for the publisher of this address that runs as `user`, to the socket whose place in `sockets` it names; as long as this
/// process lives.
pub fn serve(listen: SocketAddr, user: u32, sockets: Vec<PathBuf>) -> Result<(), Fatal> {
    let cannot = |error: Error| Fatal::CannotServe(format!("connecting to event proxies: {error}"));
    let listener = name(listen)
        .and_then(|name| UnixListener::bind_addr(&name))
        .map_err(cannot)?;
    let run = move || {
        for link in listener.incoming() {
            let answered = link.and_then(|link| answer(&link, user, &sockets));
            if let Err(error) = answered {
                warn!(%error, "somebody who wants an event proxy's socket was turned away");
                std::thread::sleep(RETRY);
            }
        }
    };
    let started = Builder::new().name("connector".into()).stack_size(STACK).spawn(run);
    started.map(drop).map_err(cannot)
}

fn answer(link: &UnixStream, user: u32, sockets: &[PathBuf]) -> Result<(), Error> {
    check_peer(link, user).map_err(Error::other)?;
    link.set_read_timeout(Some(ASKS_WITHIN))?;
    let mut place = [0];
    (&*link).read_exact(&mut place)?;
    let [place] = place;
    let unknown = || Error::new(ErrorKind::InvalidInput, "no such socket is configured");
    let path = sockets.get(usize::from(place)).ok_or_else(unknown)?;
    let (errno, connected) = match connect_at_once(path) {
        Ok(connected) => (0, Some(connected)),
        Err(errno) => (errno as i32, None),
    };
    let fds: Vec<_> = connected.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let rights = if fds.is_empty() { &[][..] } else { &rights[..] };
    let bytes = errno.to_ne_bytes();
    sendmsg::<()>(
        link.as_raw_fd(),
        &[IoSlice::new(&bytes)],
        rights,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(())
}

/// Without waiting for a proxy that accepts nobody.
fn connect_at_once(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(stream)
}

/// The publisher's side.
#[derive(Debug, Clone)]
pub enum Connector {
    /// It may connect itself.
    Own(PathBuf),
    /// The node of this address connects to the socket in this place.
    Node(SocketAddr, u8),
}

impl Connector {
    /// A connection.
    pub async fn connect(&self) -> Result<tokio::net::UnixStream, Error> {
        match self {
            Connector::Own(path) => {
                let stream = UnixStream::from(connect_at_once(path)?);
                tokio::net::UnixStream::from_std(stream)
            }
            Connector::Node(listen, place) => ask(*listen, *place).await,
        }
    }
}

async fn ask(listen: SocketAddr, place: u8) -> Result<tokio::net::UnixStream, Error> {
    let node = UnixStream::connect_addr(&name(listen)?)?;
    check_peer(&node, getuid().as_raw()).map_err(Error::other)?;
    node.set_nonblocking(true)?;
    let mut node = tokio::net::UnixStream::from_std(node)?;
    node.write_all(&[place]).await?;
    let mut errno = [0; 4];
    let received = node
        .async_io(Interest::READABLE, || {
            tgm_sys::fd::receive::<1>(node.as_fd(), &mut errno).map_err(Error::from)
        })
        .await?;
    match (received, i32::from_ne_bytes(errno)) {
        ((4, [Some(stream)]), 0) => tokio::net::UnixStream::from_std(UnixStream::from(stream)),
        ((4, _), errno @ 1..) => Err(Error::from_raw_os_error(errno)),
        _ => Err(Error::new(ErrorKind::ConnectionReset, "the node does not connect")),
    }
}
