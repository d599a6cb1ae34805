//! The event source: a non-blocking socket that hears every change of the node's DPLLs and knows what it missed.
//!
//! It subscribes first and dumps then, so that nothing falls between; both arrive through the same queue in the order in which the
//! kernel took them, and the last value wins. A loss (ENOBUFS) is counted and answered by another dump. Reading allocates nothing
//! and does bounded work, on good and bad input, dumps included.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_generic::constants::{CTRL_CMD_DELFAMILY, CTRL_CMD_NEWFAMILY, GENL_ID_CTRL};
use nix::errno::Errno;
use tgm_core::Observation;
use tgm_time::{Mono, Time};

use crate::control::Control;
use crate::counters::Counters;
use crate::error::Error;
use crate::family::{CTRL_GROUP, Family};
use crate::frame::{Body, Frame, Frames};
use crate::kinds::DpllType;
use crate::observe::{Observer, Want};
use crate::request::{REQUEST_LEN, Request};
use crate::route::Routes;
use crate::socket::{Received, Socket};
use crate::sync::{Ended, Sync};
use crate::table::{Device, Table};
use crate::watch::Life;

/// How to monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whose DPLLs, and where their observations go.
    pub routes: Routes,
    /// Room for what is not read yet, bytes. A notification takes about 1 KiB in the kernel.
    pub queue: usize,
    /// Most datagrams per [`Monitor::read`].
    pub batch: usize,
}

impl Options {
    /// 1 MiB of queue, 64 datagrams at a time.
    pub const fn new(routes: Routes) -> Self {
        Options {
            routes,
            queue: 1 << 20,
            batch: 64,
        }
    }
}

/// What [`Monitor::read`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ReadOutcome {
    /// Everything was read; wait for the descriptor or [`Monitor::deadline`].
    Drained,
    /// The batch is full and there may be more.
    More,
    /// The socket does not work any more; open another monitor.
    Failed(Errno),
}

/// Listens to the dpll family.
#[derive(Debug)]
pub struct Monitor {
    socket: Socket,
    family: Family,
    sync: Sync,
    observer: Observer,
    batch: usize,
}

impl Monitor {
    /// Resolves the family, opens a socket and subscribes. The first [`Monitor::read`] asks for everything. Blocks for the
    /// resolution, less than a millisecond.
    pub fn open(options: Options) -> Result<Self, Error> {
        let family = Control::open()?.family();
        let group = family.group.ok_or(Error::GroupMissing)?;
        let socket = Socket::open(options.queue)?;
        socket.join(group)?;
        socket.join(CTRL_GROUP)?;
        Ok(Monitor::new(socket, family, options))
    }

    /// Monitors over an open socket that is subscribed already: one end of a socket pair (datagrams or seqpacket) in tests.
    pub fn from_fd(fd: OwnedFd, family_id: u16, options: Options) -> Self {
        let family = Family {
            id: family_id,
            group: None,
        };
        Monitor::new(Socket::new(fd), family, options)
    }

    fn new(socket: Socket, family: Family, options: Options) -> Self {
        Monitor {
            socket,
            family,
            sync: Sync::new(),
            observer: Observer::new(options.routes),
            batch: options.batch.max(1),
        }
    }

    /// Reads what is there, up to a batch, and asks for what is missing. Every observation is stamped `now`.
    pub fn read(&mut self, now: Time<Mono>, sink: &mut impl FnMut(Observation)) -> ReadOutcome {
        self.ask(now);
        let mut outcome = ReadOutcome::More;
        for _ in 0..self.batch {
            let Monitor {
                socket,
                family,
                sync,
                observer,
                ..
            } = self;
            let counters = &mut observer.counters;
            let step = match socket.receive() {
                Ok(Received::Datagram(datagram)) => {
                    counters.datagrams = counters.datagrams.saturating_add(1);
                    Reader {
                        family,
                        sync,
                        observer,
                        now,
                    }
                    .datagram(datagram, sink)
                }
                Ok(Received::Truncated) => {
                    counters.truncated = counters.truncated.saturating_add(1);
                    sync.want();
                    Step::default()
                }
                Ok(Received::Foreign) => {
                    counters.foreign_sender = counters.foreign_sender.saturating_add(1);
                    Step::default()
                }
                Ok(Received::Closed) => return ReadOutcome::Failed(Errno::ENOTCONN),
                Err(Errno::EAGAIN) => {
                    outcome = ReadOutcome::Drained;
                    break;
                }
                Err(Errno::EINTR) => Step::default(),
                Err(Errno::ENOBUFS) => {
                    counters.overruns = counters.overruns.saturating_add(1);
                    sync.want();
                    Step::default()
                }
                Err(errno) => return ReadOutcome::Failed(errno),
            };
            self.follow_up(step, now);
        }
        self.ask(now);
        outcome
    }

    /// Asks for everything again, with the next [`Monitor::read`] that may (dumps keep a distance of 100 ms). It need not be asked for
    /// after a loss: that the monitor sees by itself.
    pub const fn resync(&mut self) {
        self.sync.want();
    }

    /// When to call [`Monitor::read`] although the descriptor is quiet: a dump is due or overdue.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        self.sync.deadline()
    }

    /// Counts since the start.
    pub const fn counters(&self) -> &Counters {
        &self.observer.counters
    }

    /// Devices and pins as last known.
    pub const fn table(&self) -> &Table {
        &self.observer.table
    }

    /// When the kernel last spoke by itself; `None` may mean that this network namespace hears nothing (notifications go to the
    /// initial one only).
    pub const fn heard(&self) -> Option<Time<Mono>> {
        self.observer.heard
    }

    /// Whether the driver of a device looks at it ([`crate::watch`] says who judges by that: not this crate). `None`: no such device.
    pub fn life(&self, clock_id: u64, dpll_type: DpllType, now: Time<Mono>) -> Option<Life> {
        let is_it = |device: &&Device| (device.clock_id, device.dpll_type) == (Some(clock_id), Some(dpll_type));
        let status = self.table().devices().iter().find(is_it)?.lock_status;
        let watch = self.observer.watches.get(clock_id, dpll_type)?;
        Some(watch.life(now, Some(dpll_type), status))
    }

    /// True while UNLOCKED of this device tells nothing, because its driver was reloaded less than a minute ago.
    pub fn is_reloading(&self, clock_id: u64, dpll_type: DpllType, now: Time<Mono>) -> bool {
        let watch = self.observer.watches.get(clock_id, dpll_type);
        watch.is_some_and(|watch| watch.is_reloading(now))
    }

    /// The kernel's log ([`crate::Kmsg`]) says that the driver of this board polls no more.
    pub fn gave_up(&mut self, clock_id: u64, now: Time<Mono>) {
        self.observer.watches.gave_up(clock_id, now);
    }

    /// True while the table is known to be whole.
    pub const fn is_synced(&self) -> bool {
        self.sync.is_synced()
    }

    /// True if the kernel refused the last dump for want of CAP_NET_ADMIN; notifications still come, and it is asked again every ten
    /// seconds. A capability that this process did not have when it opened the monitor does not count: then open another one.
    pub const fn is_listening_only(&self) -> bool {
        self.sync.is_forbidden()
    }

    fn ask(&mut self, now: Time<Mono>) {
        if let Some((request, seq)) = self.sync.next(now) {
            self.send(request, seq, now);
        }
    }

    fn send(&mut self, request: Request, seq: u32, now: Time<Mono>) {
        let counters = &mut self.observer.counters;
        if request == Request::DumpDevices {
            self.observer.table.begin_round();
            counters.resyncs = counters.resyncs.saturating_add(1);
        }
        let mut buffer = [0; REQUEST_LEN];
        let encoded = request.encode(self.family.id, seq, &mut buffer);
        if encoded.is_none_or(|bytes| self.socket.send(bytes).is_err()) {
            counters.refused = counters.refused.saturating_add(1);
            self.sync.unsent(now);
        }
    }

    fn follow_up(&mut self, step: Step, now: Time<Mono>) {
        if let Some(group) = step.join {
            // Without the group there are only dumps; the count tells.
            if self.socket.join(group).is_err() {
                self.observer.counters.refused = self.observer.counters.refused.saturating_add(1);
            }
        }
        if let Some((request, seq)) = step.send {
            self.send(request, seq, now);
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What is to be done on the socket after a datagram.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    send: Option<(Request, u32)>,
    join: Option<u32>,
}

/// Reads the family's datagrams without a socket: those of a recording. Nothing is asked, so what it knows of devices and pins is what
/// was recorded of them.
#[derive(Debug)]
pub struct Recorded {
    family: Family,
    sync: Sync,
    observer: Observer,
}

impl Recorded {
    /// For datagrams of the family `family_id`.
    pub fn new(family_id: u16, routes: Routes) -> Self {
        Recorded {
            family: Family {
                id: family_id,
                group: None,
            },
            sync: Sync::new(),
            observer: Observer::new(routes),
        }
    }

    /// Takes one datagram; every observation is stamped `now`.
    pub fn datagram(&mut self, now: Time<Mono>, datagram: &[u8], sink: &mut impl FnMut(Observation)) {
        let Recorded { family, sync, observer } = self;
        let reader = Reader {
            family,
            sync,
            observer,
            now,
        };
        let _ = reader.datagram(datagram, sink); // what it would ask for, nobody can answer
    }

    /// What was counted.
    pub const fn counters(&self) -> &Counters {
        &self.observer.counters
    }
}

/// Everything of a monitor but its socket, while a datagram lies in the socket's buffer.
struct Reader<'m> {
    family: &'m mut Family,
    sync: &'m mut Sync,
    observer: &'m mut Observer,
    now: Time<Mono>,
}

impl Reader<'_> {
    fn datagram(mut self, datagram: &[u8], sink: &mut impl FnMut(Observation)) -> Step {
        let mut step = Step::default();
        for frame in Frames::new(datagram) {
            match frame {
                Ok(frame) => self.frame(&frame, &mut step, sink),
                Err(_) => self.malformed(),
            }
        }
        step
    }

    fn frame(&mut self, frame: &Frame<'_>, step: &mut Step, sink: &mut impl FnMut(Observation)) {
        if frame.interrupted {
            self.sync.interrupted();
        }
        let now = self.now;
        match frame.body {
            Body::Genl {
                family,
                command,
                attributes,
            } if family == self.family.id => {
                let want = self
                    .observer
                    .message(command, attributes, now, self.sync.is_synced(), sink);
                if want == Want::Resync {
                    self.sync.want();
                }
            }
            Body::Genl {
                family: GENL_ID_CTRL,
                command,
                attributes,
            } => self.controller(command, attributes, step, sink),
            Body::Genl { .. } | Body::Noop => {}
            Body::Done { errno, .. } => {
                let (ended, request) = self.sync.done(frame.seq, errno, now);
                step.send = request.or(step.send);
                self.ended(ended, sink);
            }
            Body::Error { errno, .. } => {
                let ended = self.sync.error(frame.seq, errno, now);
                self.ended(ended, sink);
            }
            Body::Overrun => {
                self.observer.counters.overruns = self.observer.counters.overruns.saturating_add(1);
                self.sync.want();
            }
        }
    }

    fn ended(&mut self, ended: Ended, sink: &mut impl FnMut(Observation)) {
        match ended {
            Ended::Complete => self.observer.complete(self.now, sink),
            Ended::Refused => self.observer.counters.refused = self.observer.counters.refused.saturating_add(1),
            Ended::Nothing | Ended::Holed => {}
        }
    }

    fn controller(&mut self, command: u8, attributes: &[u8], step: &mut Step, sink: &mut impl FnMut(Observation)) {
        let family = match Family::decode(attributes) {
            Ok(Some(family)) => family,
            Ok(None) => return,
            Err(_) => return self.malformed(),
        };
        match command {
            CTRL_CMD_NEWFAMILY => {
                if family.group != self.family.group {
                    step.join = family.group;
                }
                *self.family = family;
                self.sync.find_family(self.now);
            }
            CTRL_CMD_DELFAMILY => {
                self.family.group = None;
                self.sync.lose_family();
                self.observer.all_gone(self.now, sink);
            }
            _ => {}
        }
    }

    fn malformed(&mut self) {
        self.observer.counters.malformed = self.observer.counters.malformed.saturating_add(1);
    }
}
