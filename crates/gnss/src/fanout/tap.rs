//! From the thread that reads the receiver to the one that serves the readers.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

/// What is counted on both sides. Each is a total, unless it says otherwise.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes that the service was too slow to take.
    pub tap_lost: AtomicU64,
    /// Readers now.
    pub readers: AtomicU64,
    /// Frames that readers were too slow to take.
    pub lost_frames: AtomicU64,
    /// Frames of readers that were passed on to the receiver.
    pub written: AtomicU64,
    /// Frames of readers that were not: not allowed, or no room.
    pub refused: AtomicU64,
    /// Set-up of the receiver: 0 not asked for, 1 under way, 2 done, 3 done but for what was refused or not answered, 4 the receiver
    /// does not say who it is.
    pub setup: AtomicU64,
    /// The antenna is not where it was said to be: 1.
    pub moved: AtomicU64,
}

/// What there is to write to.
#[derive(Debug, Default)]
pub(super) enum Link {
    /// As before.
    #[default]
    Same,
    /// The receiver was opened; `None`: it cannot be written to.
    Up(Option<OwnedFd>),
    /// It went.
    Down,
}

/// The reading thread's end. Never waits, and allocates nothing.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
    link: Arc<Mutex<Link>>,
    figures: Arc<Figures>,
}

/// The service's end.
#[derive(Debug)]
pub(super) struct Feed {
    socket: OwnedFd,
    link: Arc<Mutex<Link>>,
    pub(super) figures: Arc<Figures>,
}

/// Both ends.
pub(super) fn pair() -> Result<(Tap, Feed), Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    // Packets, so that what is lost is lost whole; in sequence, so that the end of the other side shows.
    let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    let (link, figures) = (Arc::<Mutex<Link>>::default(), Arc::<Figures>::default());
    let tap = Tap {
        socket: near,
        link: Arc::clone(&link),
        figures: Arc::clone(&figures),
    };
    Ok((
        tap,
        Feed {
            socket: far,
            link,
            figures,
        },
    ))
}

impl Tap {
    /// Hands on what was read.
    pub fn bytes(&self, bytes: &[u8]) {
        if !bytes.is_empty() && self.send(bytes).is_err() {
            self.figures.tap_lost.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }

    /// The receiver was opened; `device` can be written to.
    pub fn up(&self, device: Option<OwnedFd>) {
        self.tell(Link::Up(device));
    }

    /// It went.
    pub fn down(&self) {
        self.tell(Link::Down);
    }

    /// What was counted.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The lock is held for the time of a swap, here and there, and only when a receiver comes or goes.
    fn tell(&self, link: Link) {
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
        let _ = self.send(&[]); // full: then the service is about to look anyway
    }

    fn send(&self, bytes: &[u8]) -> Result<usize, Errno> {
        send(
            self.socket.as_raw_fd(),
            bytes,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        )
    }
}

impl Feed {
    pub(super) fn link(&self) -> Link {
        std::mem::take(&mut *self.link.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next packet: how many bytes; nothing there: `None`.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Option<usize> {
        recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).ok()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
