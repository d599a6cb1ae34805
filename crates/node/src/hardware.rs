//! The hardware thread: one epoll loop over netlink, receivers, PHCs and a timer; observations through the core to shared memory.
//!
//! A turn reads what is ready, hands each observation to the core and tells at once what follows from it; then it lets time pass if a
//! deadline is due, passes the decisions on to ptp4l, counts and stores the snapshot. In the steady state it allocates nothing, takes
//! no lock and logs nothing; what goes wrong is counted in shared memory. A source that fails is opened again once a second.

use std::io::Read as _;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tgm_core::{Config, Core, Now, Observation};
use tgm_sim::Source as _;
use tgm_time::{Mono, Nanos, Time};

use crate::checkpoint::Keeper;
use crate::clock::{Clock, boottime};
use crate::outbox::Outbox;
use crate::shared::Writer;
use crate::sources::{Ready, Sources};

/// How often the PHCs are sampled, and how long the thread sleeps at most.
const PERIOD: Nanos = Nanos::from_secs(1);
/// How long a ptp4l may take to say that it announces Free-Run, at the end.
const RESIGNS_WITHIN: Nanos = Nanos::from_secs(1);
/// Descriptors that one turn can find ready.
const BATCH: usize = 32;
/// The stop descriptor's mark.
const STOP: u64 = u64::MAX;
/// The timer's mark.
const TIMER: u64 = u64::MAX - 1;

/// The mark of the descriptor that tells of orders.
const ORDERS: u64 = u64::MAX - 2;

/// The hardware thread's whole world.
#[derive(Debug)]
pub struct Hardware {
    core: Core,
    writer: Writer,
    outbox: Outbox,
    clock: Clock,
    sources: Sources,
    keeper: Option<Keeper>,
    /// At the end what is announced is left as it is.
    leaves: bool,
    /// Other configurations for the core, and the descriptor that is readable when one has come.
    orders: Option<(UnixStream, Receiver<Box<Config>>)>,
    epoll: Epoll,
    timer: TimerFd,
    next_sample: Time<Mono>,
    /// What the timer is set to, until it went off.
    armed: Option<Time<Mono>>,
    /// Descriptors as registered, so that a source that was opened again is registered again.
    registered: Vec<(Ready, RawFd, u64)>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Take another.
    Again,
    /// Somebody asked to stop.
    Stopped,
}

impl Hardware {
    /// Sets the loop up. `stop` becomes readable when the thread is to end; `wake`, the non-blocking end of a pipe, is
    /// written after events.
    pub fn new(
        core: Core,
        writer: Writer,
        clock: Clock,
        sources: Sources,
        wake: OwnedFd,
        stop: &OwnedFd,
    ) -> Result<Self, Errno> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(
            ClockId::CLOCK_BOOTTIME,
            TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
        )?;
        epoll.add(stop, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let next_sample = clock.now()?.mono;
        let registered = Vec::with_capacity(sources.descriptors());
        let outbox = Outbox::new(wake);
        let mut hardware = Hardware {
            core,
            writer,
            outbox,
            clock,
            sources,
            keeper: None,
            leaves: false,
            orders: None,
            epoll,
            timer,
            next_sample,
            armed: None,
            registered,
        };
        hardware.register();
        hardware.turn_over(&[])?;
        Ok(hardware)
    }

    /// Keeps a checkpoint from now on. `leaves`: what is announced is not taken back at the end, the guardians have it then.
    pub fn keep(&mut self, keeper: Option<Keeper>, leaves: bool) {
        (self.keeper, self.leaves) = (keeper, leaves);
    }

    /// Takes other configurations for the core from `orders` from now on, whenever `told`, which does not block, is readable.
    pub fn obey(&mut self, told: UnixStream, orders: Receiver<Box<Config>>) -> Result<(), Errno> {
        self.epoll.add(&told, EpollEvent::new(EpollFlags::EPOLLIN, ORDERS))?;
        self.orders = Some((told, orders));
        Ok(())
    }

    /// A reload: the core goes on under another configuration (requirements 7.5).
    fn reload(&mut self) -> Result<(), Errno> {
        let now = self.clock.now()?;
        let Hardware {
            core,
            writer,
            outbox,
            orders,
            ..
        } = self;
        let Some((told, orders)) = orders else { return Ok(()) };
        let _ = told.read(&mut [0; 16]); // how many there are, the channel knows
        while let Ok(config) = orders.try_recv() {
            writer.leap_until(config.leap_list_until);
            let _ = core.reload(&config, now, |event| outbox.keep(event, writer)); // one that does not fit changes nothing
        }
        Ok(())
    }

    /// Runs until `stop` is readable.
    pub fn run(&mut self) -> Result<(), Errno> {
        while self.turn()? == Turn::Again {}
        Ok(())
    }

    /// Sleeps until something is due or ready, and deals with it.
    pub fn turn(&mut self) -> Result<Turn, Errno> {
        self.arm()?;
        let mut ready = [EpollEvent::empty(); BATCH];
        let count = match self.epoll.wait(&mut ready, EpollTimeout::NONE) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(errno),
        };
        let ready = ready.get(..count).unwrap_or_default();
        if ready.iter().any(|event| event.data() == STOP) {
            self.resign()?;
            return Ok(Turn::Stopped);
        }
        if ready.iter().any(|event| event.data() == TIMER) {
            let _ = self.timer.wait(); // only acknowledges; a spurious one finds nothing due
            self.armed = None;
        }
        if ready.iter().any(|event| event.data() == ORDERS) {
            self.reload()?;
        }
        self.turn_over(ready)?;
        Ok(Turn::Again)
    }

    /// Takes back what is announced, and waits until each ptp4l says so, is not there, or has had its time.
    fn resign(&mut self) -> Result<(), Errno> {
        if self.leaves {
            return Ok(());
        }
        let mut now = self.clock.now()?.mono;
        let until = now + RESIGNS_WITHIN;
        if let Some(keeper) = &mut self.keeper {
            keeper.give_up();
        }
        self.sources.resign(&self.core, now);
        while !self.sources.has_resigned() && now < until {
            let mut ready = [EpollEvent::empty(); BATCH];
            let _ = self.epoll.wait(&mut ready, 10_u8); // woken or not: each is looked after
            now = self.clock.now()?.mono;
            self.sources.serve_ptp4ls(now);
        }
        match &self.keeper {
            Some(keeper) if self.sources.has_resigned() => keeper.stop(),
            _ => {} // the guardians go on trying
        }
        Ok(())
    }

    fn turn_over(&mut self, ready: &[EpollEvent]) -> Result<(), Errno> {
        let now = self.clock.now()?;
        let Hardware {
            core,
            writer,
            outbox,
            sources,
            ..
        } = self;
        let mut see = |observation: Observation| {
            core.step(now, &observation, |event| outbox.keep(event, writer));
            outbox.empty(core, now.mono, writer);
        };
        for event in ready.iter().filter(|event| event.data() < ORDERS) {
            sources.read(Ready::from_mark(event.data()), now.mono, &mut see);
        }
        sources.due(now.mono, &mut see);
        if now.mono >= self.next_sample {
            sources.sample(now.mono, &mut see);
            self.next_sample = now.mono + PERIOD;
        }
        for simulated in &mut sources.simulated {
            simulated.poll(now.mono, &mut see);
        }
        self.conclude(now)
    }

    fn conclude(&mut self, now: Now) -> Result<(), Errno> {
        let Hardware {
            core,
            writer,
            outbox,
            sources,
            keeper,
            ..
        } = self;
        if core.deadline().is_some_and(|deadline| now.mono >= deadline) {
            core.tick(now, |event| outbox.keep(event, writer));
        }
        while let Some(instance) = sources.disowned(now.mono) {
            core.disown(now, instance, |event| outbox.keep(event, writer));
        }
        outbox.empty(core, now.mono, writer);
        sources.announce(core, now.mono);
        sources.count(writer);
        writer.store(core, now.mono); // what changed without an event
        if let Some(keeper) = keeper
            && keeper.turn(core, now.mono, sources.peers())
        {
            sources.reassert(now.mono);
        }
        self.writer.beat(boottime()?);
        self.register();
        Ok(())
    }

    /// Sets the timer to the next thing that is due. [`Hardware::turn`] does it before it sleeps.
    pub fn arm(&mut self) -> Result<(), Errno> {
        let simulated = self.sources.simulated.iter().filter_map(|source| source.next_at());
        let due = [
            self.core.deadline(),
            self.sources.next_at(),
            self.keeper.as_ref().map(Keeper::next_at),
            Some(self.next_sample),
        ];
        let next = due.into_iter().flatten().chain(simulated).min();
        if next == self.armed {
            return Ok(());
        }
        let Some(moment) = next else { return Ok(()) };
        let at = self.clock.real_moment(moment).as_nanos().max(1); // zero would disarm
        let moment = TimeSpec::new(at.div_euclid(1_000_000_000), at.rem_euclid(1_000_000_000));
        self.timer
            .set(Expiration::OneShot(moment), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        self.armed = next;
        Ok(())
    }

    /// Puts descriptors that are new since the last turn into the epoll set. Closed ones left it by themselves.
    fn register(&mut self) {
        let Hardware {
            epoll,
            sources,
            registered,
            ..
        } = self;
        sources.each_descriptor(|ready, fd, generation| {
            let key = (ready, fd.as_raw_fd(), generation);
            let known = registered.iter_mut().find(|known| known.0 == ready);
            if known.as_deref() == Some(&key) {
                return;
            }
            // One that cannot be waited for (a plain file) is always ready and read when it is due.
            let _ = epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, ready.mark()));
            match known {
                Some(known) => *known = key,
                None => registered.push(key),
            }
        });
    }

    /// The writer, whose descriptors a publisher is handed.
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }
}
