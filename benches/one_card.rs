//! A node with one card that has nothing but a DPLL, and what it adds to the way from the kernel to the ring.
//!
//! The share is measured on the very frame that is received: the hardware thread itself receives the frame, leaving it there, takes the
//! time, and has its turn. As soon as an event can be read from the ring the turn writes to whoever waits; here that is a socket on
//! which the kernel notes when it was written to, and nobody waits, so that waking others is no part of it. What the same thread needs
//! to be told of the frame by epoll and to receive it once more, which is all that a bare loop does, is the noise floor.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, setsockopt, socketpair,
};
use tgm_core::config::{CardConfig, Config, InstanceConfig, Judge, Limits, OutOfSpec};
use tgm_core::{Core, Instance, Port};
use tgm_node::Hardware;
use tgm_node::clock::{Clock, boottime};
use tgm_node::shared::{Next, Reader, Writer, WriterError};
use tgm_node::sources::{CardSources, DpllSlot, Sources};

/// Whose the card is, and its name's number.
pub const OWNER: (Instance, Port) = (Instance(0), Port(0));

/// A node before its hardware thread is set up.
#[derive(Debug)]
pub struct Parts {
    /// Judges the card.
    pub core: Core,
    /// Its shared memory; the card is named `ens1f0`.
    pub writer: Writer,
    /// The DPLL.
    pub sources: Sources,
}

/// A node that judges one card by `dpll` alone.
pub fn one_card(dpll: DpllSlot) -> Result<Parts, WriterError> {
    let (instance, port) = OWNER;
    let mut config = Config::default();
    let judged = InstanceConfig {
        instance,
        judge: Judge::Tgm,
        limits: Limits::DEFAULT,
        out_of_spec: OutOfSpec::None,
    };
    let card = CardConfig {
        instance,
        port,
        phc_on_dpll: true,
        has_gnss: false,
        has_dpll: true,
        simulated: false,
    };
    let _ = (config.instance(judged), config.card(card)); // the first fit
    let mut writer = Writer::create(std::process::id(), boottime()?)?;
    writer.intern("ens1f0")?;
    let name = writer.intern("ptp4l.0.config")?;
    writer.name_instance(instance, name);
    let sources = Sources {
        dpll: Some(dpll),
        cards: vec![CardSources::default()],
        ..Sources::default()
    };
    Ok(Parts {
        core: Core::new(&config),
        writer,
        sources,
    })
}

/// A frame that brought an event.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// When it was received.
    pub received: Instant,
    /// What it takes to be told of it and to look at it once more.
    pub floor: Duration,
    /// From its being received to its event in the ring.
    pub ours: Duration,
}

/// A hardware thread whose share is measured.
#[derive(Debug)]
pub struct Measured {
    hardware: Hardware,
    frames: OwnedFd,
    again: Epoll,
    ring: Reader,
    /// Its messages carry the moment at which they were written.
    woken: OwnedFd,
    stop: OwnedFd,
}

impl Measured {
    /// Sets it up; it ends once `stop` is readable or closed.
    pub fn new(parts: Parts, stop: OwnedFd) -> Result<Self, WriterError> {
        let mut frames = Err(Errno::ENOTCONN);
        parts.sources.each_descriptor(|_, fd, _| {
            frames = fd.try_clone_to_owned().map_err(|_| Errno::EMFILE);
        });
        let frames = frames?;
        let again = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        again.add(&frames, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let ring = Reader::open(parts.writer.snapshot_file(), parts.writer.ring_file()).map_err(|_| Errno::EPROTO)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (woken, wake) = socketpair(AddressFamily::Unix, SockType::Datagram, None, flags)?;
        setsockopt(&woken, ReceiveTimestampns, &true)?;
        let hardware = Hardware::new(parts.core, parts.writer, Clock::real()?, parts.sources, wake, &stop)?;
        Ok(Measured {
            hardware,
            frames,
            again,
            ring,
            woken,
            stop,
        })
    }

    /// Receives the frame as a bare loop does, and leaves it there.
    fn look(&self) {
        let _ = recv(self.frames.as_raw_fd(), &mut [0; 8192], MsgFlags::MSG_PEEK);
    }

    /// Waits for a frame and deals with it: its share, if it brought an event. What time alone brings waits for the next frame, so
    /// that no frame is met by a turn that has begun. `Err`: asked to stop, or it failed.
    pub fn turn(&mut self) -> Result<Option<Share>, Errno> {
        self.hardware.arm()?; // before it sleeps, as in its own loop
        let mut waited = [&self.frames, &self.stop].map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN));
        poll(&mut waited, PollTimeout::NONE)?;
        let [_, stop] = waited;
        if stop.any() != Some(false) {
            return Err(Errno::ECANCELED);
        }
        self.look();
        let received = Instant::now();
        self.again.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO)?;
        self.look();
        let floor = received.elapsed();
        while self.written().is_some() {}
        let from = SystemTime::now();
        self.hardware.turn()?;
        let at = self.written();
        let told = matches!(self.ring.next_event(), Next::Event(_));
        while self.ring.next_event() != Next::Empty {}
        Ok(at.filter(|_| told).map(|at| Share {
            received,
            floor,
            ours: at.duration_since(from).unwrap_or_default(),
        }))
    }

    /// When the turn first wrote, and a message less.
    fn written(&self) -> Option<SystemTime> {
        let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(self.woken.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty()).ok()?;
        let stamp = message.cmsgs().ok()?.find_map(|part| match part {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        })?;
        Some(UNIX_EPOCH + Duration::from(stamp))
    }
}

/// Microseconds at 50, 90, 99 and 100 per cent; sorts.
pub fn percentiles(times: &mut [Duration]) -> [f64; 4] {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    [50, 90, 99, 100].map(|percent| {
        times
            .get(last * percent / 100)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    })
}
