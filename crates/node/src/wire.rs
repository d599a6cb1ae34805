//! A port of ours that is listened to.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tgm_core::{Announce, Instance, Observation, OnWire, Port, Reading};
use tgm_linuxptp::witness::{Fault, Passing, Witness};
use tgm_linuxptp::{Differences, Settings};
use tgm_time::{Mono, Nanos, Time};

use crate::shared::{WireRead, Writer};

/// Between two tries to open what failed.
const RETRY: Nanos = Nanos::from_secs(1);
/// Frames read in one turn.
const TURN: usize = 32;
/// Bytes of a frame that are looked at: an Announce with its headers has a hundred, and TLVs behind it do not matter.
const KEPT: usize = 512;

/// One port.
#[derive(Debug)]
pub struct WireSlot {
    instance: Instance,
    port: Port,
    /// The card whose ports alone the ptp4l behind it serves.
    card: Option<Port>,
    interface: String,
    witness: Witness,
    socket: Option<OwnedFd>,
    /// Why it cannot be listened to.
    failed: Option<Errno>,
    retry: Time<Mono>,
    generation: u64,
    told: OnWire,
}

impl WireSlot {
    /// The port of `instance` with the name `interface`, interned as `port`, that sends in `domain`. `margin`: how much longer than an
    /// Announce interval it may differ.
    pub fn new(instance: Instance, port: Port, interface: String, domain: u8, margin: Nanos, now: Time<Mono>) -> Self {
        WireSlot {
            instance,
            port,
            card: None,
            interface,
            witness: Witness::new(domain, margin, now),
            socket: None,
            failed: None,
            retry: now,
            generation: 0,
            told: OnWire::AsMeant,
        }
    }

    /// The ptp4l behind it serves the ports of one card alone.
    #[must_use]
    pub fn of_card(self, card: Option<Port>) -> Self {
        WireSlot { card, ..self }
    }

    /// The card whose ports alone the ptp4l behind it serves; `None`: the instance's.
    pub const fn card(&self) -> Option<Port> {
        self.card
    }

    /// Begins to listen; if that fails, the hardware thread goes on trying.
    pub fn open_now(&mut self, now: Time<Mono>) -> Result<(), Errno> {
        self.retry = now + RETRY;
        match tgm_sys::packet::open_sent(&self.interface) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.failed = None;
                self.generation += 1;
                self.witness.listens(now);
                Ok(())
            }
            Err(errno) => {
                self.failed = Some(errno);
                Err(errno)
            }
        }
    }

    /// Whose class it sends.
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// The socket, with a number that changes whenever it is opened again.
    pub fn descriptor(&self) -> Option<(BorrowedFd<'_>, u64)> {
        Some((self.socket.as_ref()?.as_fd(), self.generation))
    }

    /// Says what the core decided, and what the port passes on while its clock follows another.
    pub fn mean(&mut self, announce: &Announce, passes: Option<Passing>, now: Time<Mono>) {
        self.witness.mean(Settings::from(announce), passes, now);
    }

    /// Reads what was sent, does what is due, and tells what is new.
    pub fn turn(&mut self, now: Time<Mono>, see: &mut impl FnMut(Observation)) {
        if self.socket.is_none() && now >= self.retry {
            let _ = self.open_now(now); // told as `failed`, and tried again
        }
        self.read(now);
        if self.socket.is_some() {
            self.witness.turn(now);
        }
        let state = self.state();
        if std::mem::replace(&mut self.told, state) != state {
            see(Observation {
                at: now,
                instance: self.instance,
                port: self.port,
                what: Reading::Wire(state),
            });
        }
    }

    fn read(&mut self, now: Time<Mono>) {
        let mut frame = [0; KEPT];
        for _ in 0..TURN {
            let Some(socket) = &self.socket else { return };
            match recv(socket.as_raw_fd(), &mut frame, MsgFlags::empty()) {
                Ok(length) => self.witness.sent(frame.get(..length).unwrap_or_default(), now),
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(errno) => {
                    // The interface went down, or away: a socket bound to one that is gone never hears again.
                    self.socket = None;
                    self.failed = Some(errno);
                    self.retry = now + RETRY;
                }
            }
        }
    }

    /// What is sent against what is meant. While it cannot be heard, what was last heard stands.
    fn state(&self) -> OnWire {
        match self.witness.fault() {
            _ if self.socket.is_none() => self.told,
            None => OnWire::AsMeant,
            Some(Fault::Differs(_)) => OnWire::Differs,
            Some(Fault::Relays) => OnWire::AnotherClock,
            Some(Fault::Silent) => OnWire::Silent,
            Some(Fault::NoSync) => OnWire::NoSync,
        }
    }

    /// When it has something to do without a frame.
    pub fn next_at(&self) -> Option<Time<Mono>> {
        match self.socket {
            Some(_) => self.witness.next_at(),
            None => Some(self.retry),
        }
    }

    /// Puts what is known of it into shared memory, at `place`.
    pub fn tell(&self, place: usize, writer: &Writer) {
        let last = self.witness.last();
        let counts = self.witness.counts();
        let differences = match self.witness.fault() {
            Some(Fault::Differs(differences)) => differences,
            _ => Differences::empty(),
        };
        let read = WireRead {
            port: Some((self.instance, self.port)),
            listens: self.socket.is_some(),
            errno: self.failed.map_or(0, |errno| errno as i32),
            state: self.told,
            differences,
            sent: last.map(|last| (last.quality.class.0, last.quality.accuracy.number())),
            flags: last.map_or(0, |last| last.time.flags.bits()),
            utc_offset: last.map_or(0, |last| i16::try_from(last.time.utc_offset.0).unwrap_or(i16::MAX)),
            announces: counts.announces,
            differing: counts.differing,
            syncs: counts.syncs,
            foreign: counts.foreign,
            malformed: counts.malformed,
        };
        writer.wire(place, &read);
    }
}
