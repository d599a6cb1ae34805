//! A session with its socket, for tools: asks ptp4l this and that, and hands on what it answers and what it notifies.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_time::{Mono, Time};

use crate::counters::Counters;
use crate::error::SocketError;
use crate::management::{Data, MAX_LENGTH, ManagementId, Subscription};
use crate::session::{Received, Request, Session};
use crate::socket::{Change, Locations, Socket};

/// A conversation with one ptp4l. Nothing waits: answers come through [`Client::receive`] when the descriptor is readable.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    session: Session,
    buffer: [u8; MAX_LENGTH],
}

impl Client {
    /// Opens the socket. `domain` and `major_sdo` (`transportSpecific`) are ptp4l's: it answers to nothing else.
    pub fn open(locations: &Locations, domain: u8, major_sdo: u8) -> Result<Self, SocketError> {
        let mut socket = Socket::open(locations)?;
        socket.look();
        Ok(Client {
            session: Session::new(socket.identity(), domain, major_sdo),
            socket,
            buffer: [0; MAX_LENGTH],
        })
    }

    /// Asks for data.
    pub fn get(&mut self, id: ManagementId, now: Time<Mono>) -> Result<Option<Request>, SocketError> {
        let asked = self.session.get(id, now, &mut self.buffer);
        sent(&self.socket, asked).inspect_err(|_| self.session.withdraw())
    }

    /// Sets data.
    pub fn set(&mut self, id: ManagementId, data: Data<'_>, now: Time<Mono>) -> Result<Option<Request>, SocketError> {
        let asked = self.session.set(id, data, now, &mut self.buffer);
        sent(&self.socket, asked).inspect_err(|_| self.session.withdraw())
    }

    /// Asks for notifications, or renews that.
    pub fn subscribe(&mut self, subscription: Subscription, now: Time<Mono>) -> Result<Option<Request>, SocketError> {
        let asked = self.session.subscribe(subscription, now, &mut self.buffer);
        sent(&self.socket, asked).inspect_err(|_| self.session.withdraw())
    }

    /// Takes one datagram; `None` if none waits.
    pub fn receive(&mut self) -> Option<Received<'_>> {
        let datagram = self.socket.receive()?;
        Some(self.session.receive(datagram))
    }

    /// A request that nobody answered within a second.
    pub fn expire(&mut self, now: Time<Mono>) -> Option<Request> {
        self.session.expire(now)
    }

    /// Whether another ptp4l listens than at the last look; then subscriptions are gone.
    pub fn look(&mut self) -> Option<Change> {
        let _ = self.socket.stirred();
        let change = self.socket.look();
        if change.is_some() {
            self.session.forget();
        }
        change
    }

    /// What was counted.
    pub const fn counters(&self) -> Counters {
        self.session.counters()
    }

    /// The socket.
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn sent(socket: &Socket, asked: Option<(Request, &[u8])>) -> Result<Option<Request>, SocketError> {
    let Some((request, datagram)) = asked else {
        return Ok(None);
    };
    match socket.send(datagram) {
        Ok(()) => Ok(Some(request)),
        Err(failure) => Err(socket.explain(failure)),
    }
}
