//! Handing the shared memory to the publisher: three descriptors over a UNIX socket (unix(7), `SCM_RIGHTS`).
//!
//! The connection stays open as long as both live: each side learns of the other's death from its end-of-file. The publisher answers
//! one byte, [`READY`], once it serves.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, getsockopt, sendmsg, sockopt};

/// What the node says first; the publisher's command line follows, a word a line, so that one with other settings can leave.
pub const HELLO: &[u8; 5] = b"tgm1\n";
/// Longest greeting.
const LONGEST: usize = 8 * 1024;
/// The publisher answers: it serves.
pub const READY: u8 = b'R';
/// The publisher answers: it was started with other settings and leaves.
pub const LEAVING: u8 = b'L';
/// The publisher answers: it serves another node, which is alive.
pub const BUSY: u8 = b'B';
/// The node says: stop.
pub const STOP: u8 = b'S';

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
    /// The reading end of a pipe that is readable after events.
    pub wake: OwnedFd,
    /// The command line with which the node would start a publisher, a word a line.
    pub words: String,
}

/// Sends the three descriptors, with the publisher's command line.
pub fn send(
    to: &UnixStream,
    words: &str,
    snapshot: BorrowedFd<'_>,
    ring: BorrowedFd<'_>,
    wake: BorrowedFd<'_>,
) -> Result<(), HandoverError> {
    let fds = [snapshot.as_raw_fd(), ring.as_raw_fd(), wake.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let parts = [IoSlice::new(HELLO), IoSlice::new(words.as_bytes())];
    sendmsg::<()>(to.as_raw_fd(), &parts, &rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives them. On a non-blocking socket, [`Errno::EAGAIN`] means that nothing has come yet.
pub fn receive(from: &impl AsFd) -> Result<Shared, HandoverError> {
    let mut greeting = [0; LONGEST];
    let (read, fds) = tgm_sys::fd::receive::<3>(from.as_fd(), &mut greeting)?;
    let words = greeting.get(..read).and_then(|greeting| greeting.strip_prefix(HELLO));
    let words = words.and_then(|words| std::str::from_utf8(words).ok());
    match (words, fds) {
        (Some(words), [Some(snapshot), Some(ring), Some(wake)]) => Ok(Shared {
            snapshot,
            ring,
            wake,
            words: words.to_owned(),
        }),
        _ => Err(HandoverError::NotANode),
    }
}

/// Refuses a peer that is neither root nor runs as `own` user.
pub fn check_peer(peer: &impl AsFd, own: u32) -> Result<u32, HandoverError> {
    let credentials = getsockopt(peer, sockopt::PeerCredentials)?;
    let user = credentials.uid();
    if user == 0 || user == own {
        Ok(user)
    } else {
        Err(HandoverError::Stranger(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let (near, far) = UnixStream::pair().unwrap();
        let (a, b) = UnixStream::pair().unwrap();
        send(&near, "publish\n--listen", a.as_fd(), b.as_fd(), near.as_fd()).unwrap();
        assert_eq!(receive(&far).unwrap().words, "publish\n--listen");
        assert_eq!(
            check_peer(&far, nix::unistd::getuid().as_raw()).unwrap(),
            nix::unistd::getuid().as_raw()
        );
    }

    #[test]
    fn a_stranger_who_says_something_else_is_refused() {
        use std::io::Write;
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        assert!(matches!(receive(&far), Err(HandoverError::NotANode)));
        drop(near);
        assert!(matches!(receive(&far), Err(HandoverError::NotANode)));
    }
}
