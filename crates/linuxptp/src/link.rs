//! A reconciler with its socket: what a hardware loop drives.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_time::{Mono, Time};

use crate::error::SocketError;
use crate::peer::Peer;
use crate::reconcile::{Alarm, Mode, Options, Reconciler};
use crate::settings::Settings;
use crate::socket::{Change, Failure, Locations, Socket};

/// Datagrams read, and written, in one turn.
const TURN: usize = 32;

/// One ptp4l, kept at what is desired. It allocates nothing once it is open.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
    reconciler: Reconciler,
    /// The ptp4l that has answered.
    peer: Option<Peer>,
}

impl Link {
    /// Opens the socket. ptp4l need not run yet.
    pub fn open(locations: &Locations, options: Options, now: Time<Mono>) -> Result<Self, SocketError> {
        let mut socket = Socket::open(locations)?;
        let mut reconciler = Reconciler::new(options, socket.identity(), now);
        match socket.look() {
            Some(Change::Appeared) => reconciler.appeared(now),
            _ => reconciler.failed(Failure::Missing, now),
        }
        Ok(Link {
            socket,
            reconciler,
            peer: None,
        })
    }

    /// Says what is desired from now on, and sends it if that changes anything.
    pub fn desire(&mut self, settings: Settings, now: Time<Mono>) {
        self.reconciler.desire(settings, now);
        self.send(now);
    }

    /// Does what is due: to be called when [`Self::as_fd`] is readable and at [`Self::next_at`].
    pub fn turn(&mut self, now: Time<Mono>) {
        let _ = self.socket.stirred();
        // Before an answer is taken: a new ptp4l's must not be judged as if the old one had changed its mind.
        self.look(now);
        for _ in 0..TURN {
            let Some(datagram) = self.socket.receive() else { break };
            let answers = self.reconciler.counters().answers;
            self.reconciler.receive(datagram, now);
            if self.reconciler.counters().answers != answers {
                self.heard();
            }
        }
        self.send(now);
    }

    /// An answer came: from whom?
    fn heard(&mut self) {
        let pid = self.socket.sender().unwrap_or(0);
        if self.peer.is_none_or(|peer| peer.pid != pid) {
            self.peer = Some(Peer::new(pid, self.socket.file()));
        }
    }

    /// The ptp4l that has answered, while its socket is the same.
    pub const fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// Somebody else may have set something in our stead, and for good reason: what is desired is set again whatever ptp4l has now.
    pub fn reassert(&mut self, now: Time<Mono>) {
        self.reconciler.reassert(now);
        self.send(now);
    }

    fn look(&mut self, now: Time<Mono>) {
        let change = self.socket.look();
        if change.is_some() {
            self.peer = None;
        }
        match change {
            Some(Change::Appeared) => self.reconciler.appeared(now),
            Some(Change::Vanished) => self.reconciler.failed(Failure::Missing, now),
            None => {}
        }
    }

    fn send(&mut self, now: Time<Mono>) {
        if self.reconciler.next_at().is_none_or(|at| now < at) {
            return;
        }
        for _ in 0..TURN {
            let Some(datagram) = self.reconciler.poll(now) else {
                break;
            };
            if let Err(failure) = self.socket.send(datagram) {
                self.reconciler.not_sent(failure, now);
                break;
            }
        }
    }

    /// When [`Self::turn`] is to be called at the latest.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.reconciler.next_at()
    }

    /// What is known.
    pub const fn reconciler(&self) -> &Reconciler {
        &self.reconciler
    }

    /// Why ptp4l cannot be reached, if it cannot.
    pub fn failure(&self) -> Option<Failure> {
        match self.reconciler.status().alarm {
            Some(Alarm::Unreachable(failure)) => Some(failure),
            _ => None,
        }
    }

    /// The socket, for its path and its words about a failure.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// How far it may go.
    pub fn mode(&self) -> Mode {
        self.reconciler.status().mode
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
