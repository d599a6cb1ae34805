//! Handing the shared memory to the publisher: three descriptors over a UNIX socket (unix(7), `SCM_RIGHTS`).
//!
//! The connection stays open as long as both live: each side learns of the other's death from its end-of-file. The publisher answers
//! one byte, [`READY`], once it serves.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, getsockopt, sendmsg, sockopt};

/// What the node says first.
pub const HELLO: &[u8; 4] = b"tgm1";
/// What the publisher answers once it serves.
pub const READY: u8 = b'R';

/// The handover failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// A system call failed.
    #[error("handing the shared memory over failed: {0}")]
    Socket(#[from] Errno),
    /// What arrived is not what a node sends.
    #[error("the peer on the publisher's socket is no tgmd of this version")]
    NotANode,
    /// The peer runs as somebody who has no business here.
    #[error("the peer on the publisher's socket runs as user {0}, neither root nor ours")]
    Stranger(u32),
}

/// What the publisher works with.
#[derive(Debug)]
pub struct Shared {
    /// The snapshot's memfd.
    pub snapshot: OwnedFd,
    /// The ring's memfd.
    pub ring: OwnedFd,
    /// An eventfd that is readable after events.
    pub wake: OwnedFd,
}

/// Sends the three descriptors.
pub fn send(to: &UnixStream, snapshot: BorrowedFd<'_>, ring: BorrowedFd<'_>, wake: BorrowedFd<'_>) -> Result<(), HandoverError> {
    let fds = [snapshot.as_raw_fd(), ring.as_raw_fd(), wake.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(HELLO)], &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives them.
pub fn receive(from: &UnixStream) -> Result<Shared, HandoverError> {
    let mut hello = [0; HELLO.len()];
    let (read, fds) = tgm_sys::fd::receive::<3>(from.as_fd(), &mut hello)?;
    match (read, &hello, fds) {
        (4, HELLO, [Some(snapshot), Some(ring), Some(wake)]) => Ok(Shared { snapshot, ring, wake }),
        _ => Err(HandoverError::NotANode),
    }
}

/// Refuses a peer that is neither root nor runs as `own` user.
pub fn check_peer(peer: &UnixStream, own: u32) -> Result<u32, HandoverError> {
    let credentials = getsockopt(peer, sockopt::PeerCredentials)?;
    let user = credentials.uid();
    if user == 0 || user == own { Ok(user) } else { Err(HandoverError::Stranger(user)) }
}
