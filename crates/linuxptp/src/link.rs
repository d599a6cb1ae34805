//! A reconciler, or another dialogue with a ptp4l, with its socket: what a hardware loop drives.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_time::{Mono, Time};

use crate::counters::Counters;
use crate::error::SocketError;
use crate::header::ClockIdentity;
use crate::peer::Peer;
use crate::reconcile::{Alarm, Mode, Options, Reconciler};
use crate::settings::Settings;
use crate::socket::{Change, Failure, Locations, Socket};
use crate::upstream::Follower;

/// Datagrams read, and written, in one turn.
const TURN: usize = 32;

/// What is said to one ptp4l, and what becomes of its answers: without clock or socket.
pub trait Dialogue {
    /// The next datagram to send, if one is due. To be called until it says `None`.
    fn poll(&mut self, now: Time<Mono>) -> Option<&[u8]>;
    /// Takes a datagram from ptp4l.
    fn receive(&mut self, datagram: &[u8], now: Time<Mono>);
    /// The datagram that [`Self::poll`] gave last could not be sent.
    fn not_sent(&mut self, failure: Failure, now: Time<Mono>);
    /// A ptp4l has begun to listen: its socket is a new one.
    fn appeared(&mut self, now: Time<Mono>);
    /// The socket is gone.
    fn failed(&mut self, failure: Failure, now: Time<Mono>);
    /// When [`Self::poll`] is to be called at the latest; `None`: only after something else happened.
    fn next_at(&self) -> Option<Time<Mono>>;
    /// What was counted.
    fn counters(&self) -> Counters;
}

/// One ptp4l, kept at what is desired, or asked by another dialogue. It allocates nothing once it is open.
#[derive(Debug)]
pub struct Link<D = Reconciler> {
    socket: Socket,
    dialogue: D,
    /// The ptp4l that has answered.
    peer: Option<Peer>,
}

impl Link {
    /// Opens the socket. ptp4l need not run yet.
    pub fn open(locations: &Locations, options: Options, now: Time<Mono>) -> Result<Self, SocketError> {
        Link::over(locations, |own| Reconciler::new(options, own, now), now)
    }

    /// Says what is desired from now on, and sends it if that changes anything.
    pub fn desire(&mut self, settings: Settings, now: Time<Mono>) {
        self.dialogue.desire(settings, now);
        self.send(now);
    }

    /// Somebody else may have set something in our stead, and for good reason: what is desired is set again whatever ptp4l has now.
    pub fn reassert(&mut self, now: Time<Mono>) {
        self.dialogue.reassert(now);
        self.send(now);
    }

    /// What is known.
    pub const fn reconciler(&self) -> &Reconciler {
        &self.dialogue
    }

    /// Why ptp4l cannot be reached, if it cannot.
    pub fn failure(&self) -> Option<Failure> {
        match self.dialogue.status().alarm {
            Some(Alarm::Unreachable(failure)) => Some(failure),
            _ => None,
        }
    }

    /// How far it may go.
    pub fn mode(&self) -> Mode {
        self.dialogue.status().mode
    }
}

impl Link<Follower> {
    /// Opens the socket for questions about an upstream. `domain` and `major_sdo` (transportSpecific) are ptp4l's.
    pub fn follow(locations: &Locations, domain: u8, major_sdo: u8, now: Time<Mono>) -> Result<Self, SocketError> {
        Link::over(locations, |own| Follower::new(own, domain, major_sdo, now), now)
    }
}

impl<D: Dialogue> Link<D> {
    fn over(
        locations: &Locations,
        dialogue: impl FnOnce(ClockIdentity) -> D,
        now: Time<Mono>,
    ) -> Result<Self, SocketError> {
        let mut socket = Socket::open(locations)?;
        let mut dialogue = dialogue(socket.identity());
        match socket.look() {
            Some(Change::Appeared) => dialogue.appeared(now),
            _ => dialogue.failed(Failure::Missing, now),
        }
        Ok(Link {
            socket,
            dialogue,
            peer: None,
        })
    }

    /// What is known.
    pub const fn dialogue(&self) -> &D {
        &self.dialogue
    }

    /// The same, to fetch what is new.
    pub const fn dialogue_mut(&mut self) -> &mut D {
        &mut self.dialogue
    }

    /// Does what is due: to be called when [`Self::as_fd`] is readable and at [`Self::next_at`].
    pub fn turn(&mut self, now: Time<Mono>) {
        let _ = self.socket.stirred();
        // Before an answer is taken: a new ptp4l's must not be judged as if the old one had changed its mind.
        self.look(now);
        for _ in 0..TURN {
            let Some(datagram) = self.socket.receive() else { break };
            let answers = self.dialogue.counters().answers;
            self.dialogue.receive(datagram, now);
            if self.dialogue.counters().answers != answers {
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

    fn look(&mut self, now: Time<Mono>) {
        let change = self.socket.look();
        if change.is_some() {
            self.peer = None;
        }
        match change {
            Some(Change::Appeared) => self.dialogue.appeared(now),
            Some(Change::Vanished) => self.dialogue.failed(Failure::Missing, now),
            None => {}
        }
    }

    fn send(&mut self, now: Time<Mono>) {
        if self.dialogue.next_at().is_none_or(|at| now < at) {
            return;
        }
        for _ in 0..TURN {
            let Some(datagram) = self.dialogue.poll(now) else {
                break;
            };
            if let Err(failure) = self.socket.send(datagram) {
                self.dialogue.not_sent(failure, now);
                break;
            }
        }
    }

    /// When [`Self::turn`] is to be called at the latest.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        self.dialogue.next_at()
    }

    /// The socket, for its path and its words about a failure.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl<D> AsFd for Link<D> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
