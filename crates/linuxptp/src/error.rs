//! What can be wrong with bytes, and with the way to ptp4l.

use std::path::PathBuf;

use nix::errno::Errno;

/// Why bytes are no message, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Malformed {
    /// What is wrong.
    pub kind: MalformedKind,
    /// Where, bytes from the start of the message.
    pub offset: usize,
}

impl Malformed {
    pub(crate) const fn new(kind: MalformedKind, offset: usize) -> Self {
        Malformed { kind, offset }
    }
}

/// What is wrong with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedKind {
    /// Fewer bytes than the message or the field says it has.
    #[error("cut short")]
    Truncated,
    /// Not version 2 of PTP.
    #[error("not PTP version 2")]
    Version,
    /// Another type of message than asked for.
    #[error("another type of message")]
    MessageType,
    /// A length that cannot be.
    #[error("impossible length")]
    Length,
    /// A management message without a management TLV.
    #[error("no management TLV")]
    NoManagement,
    /// A frame that carries no PTP.
    #[error("no PTP in this frame")]
    NotPtp,
}

/// Why ptp4l cannot be talked to, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// There is no socket.
    #[error(
        "{}: no such socket: ptp4l does not run, or its uds_address is another (newer versions: /var/run/ptp/ptp4l)", path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The socket is left over from a process that is gone.
    #[error("{}: nobody listens: ptp4l has ended without removing its socket", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
    },
    /// The process may not write to the socket.
    #[error("{}: permission denied: run as ptp4l's user or group, or widen its uds_file_mode (uds_ro_file_mode to read only)", path.display())]
    Permission {
        /// The socket, or the folder of our own.
        path: PathBuf,
    },
    /// ptp4l does not read its socket.
    #[error("{}: full: ptp4l has not read its socket for a while", path.display())]
    Full {
        /// The socket.
        path: PathBuf,
    },
    /// The address of our own cannot be made; without one ptp4l cannot answer.
    #[error("{}: cannot bind an address of our own: {errno}; name a folder that this process and ptp4l can write", path.display())]
    Bind {
        /// The address.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
    /// Another call failed.
    #[error("{}: {what}: {errno}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        errno: Errno,
    },
}
