//! The node without its epoll: every source by its own read path, the core, the snapshot and the ring, and what stands at the
//! sources' other ends – a kernel that answers dumps, clocks, and receivers that are unplugged and plugged in again.

use std::cell::Cell;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use tgm_benches::{CARDS, Message, Speaker, clock_id, config, routes};
use tgm_core::{Core, Event, Instance, Now, Observation, Port};
use tgm_dpll::encode::AttrWriter;
use tgm_dpll::{Monitor, ReadOutcome};
use tgm_gnss::{GnssSource, Setup};
use tgm_node::shared::Writer;
use tgm_phc::{ExttsReader, OffsetMeter, PhcSource, Stamper};
use tgm_sys::dpll::{a_pin, cmd};
use tgm_sys::ptp::{self, ClockTime, SysOffset, SysOffsetExtended, SysOffsetPrecise};
use tgm_time::{Mono, Nanos, Time, Utc};

use crate::kernel::{Kernel, device};

/// What happened, by kind.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub events: u64,
    pub observations: u64,
    /// Measurements of a PHC against the system clock, and such that failed.
    pub measured: u64,
    pub unmeasured: u64,
    /// A receiver that went, and one that was opened.
    pub gone: u64,
    pub opened: u64,
    /// Dumps of pins that were answered: the second half of a resync.
    pub dumps: u64,
    /// How often the table became whole.
    pub whole: u64,
}

/// One card's clock and receiver.
struct Card {
    phc: PhcSource<Clock>,
    pulses: File,
    gnss: Box<GnssSource>,
    fifo: CString,
    receiver: Option<OwnedFd>,
}

pub struct Chain {
    core: Core,
    writer: Writer,
    pub monitor: Monitor,
    kernel: Kernel,
    cards: Vec<Card>,
    pub counts: Counts,
    synced: bool,
    folder: PathBuf,
}

impl Chain {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tgm-zero-alloc-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (kernel, monitor) = Kernel::routed(routes());
        Chain {
            core: Core::new(&config()),
            writer: Writer::create(1, Time::ZERO).unwrap(),
            monitor,
            kernel,
            cards: (0..CARDS).map(|number| Card::new(number, &folder)).collect(),
            counts: Counts::default(),
            synced: false,
            folder,
        }
    }

    /// Hands a message to its source, as the kernel would.
    pub fn hear(&mut self, message: &Message<'_>) {
        match message.speaker {
            Speaker::Dpll if !message.bytes.is_empty() => self.kernel.send(message.bytes),
            Speaker::Dpll => {}
            Speaker::Phc(card) => self.cards[usize::from(card)].pulses.write_all(message.bytes).unwrap(),
            Speaker::Gnss(card) => {
                if let Some(receiver) = &self.cards[usize::from(card)].receiver {
                    assert_eq!(nix::unistd::write(receiver, message.bytes), Ok(message.bytes.len()));
                }
            }
        }
    }

    /// Notifications were lost.
    pub fn overrun(&self) {
        self.kernel.overrun();
    }

    pub fn unplug(&mut self, turn: u64) {
        self.card(turn).receiver = None;
    }

    pub fn plug_in(&mut self, turn: u64) {
        self.card(turn).plug_in();
    }

    /// Whose turn it is.
    fn card(&mut self, turn: u64) -> &mut Card {
        let index = turn % u64::from(CARDS);
        &mut self.cards[usize::try_from(index).unwrap()]
    }

    /// Reads all sources and stores what came of it; then the kernel answers what it was asked. `seen` looks at each observation.
    pub fn turn(&mut self, at: Time<Mono>, seen: &mut impl FnMut(&Observation)) {
        let now = now(at);
        let Chain {
            core,
            writer,
            monitor,
            kernel,
            cards,
            counts,
            synced,
            ..
        } = self;
        let Counts {
            events, observations, ..
        } = counts;
        let mut see = |observation: Observation| {
            *observations += 1;
            seen(&observation);
            core.step(now, &observation, |event| push(writer, event, events));
        };
        assert_ne!(monitor.read(at, &mut see), ReadOutcome::Failed(Errno::ENOTCONN));
        let (mut measured, mut unmeasured, mut gone, mut opened) = (0, 0, 0, 0);
        for card in &mut *cards {
            card.phc.clock().system.set(now.system);
            match card.phc.sample(at) {
                Some(reading) => {
                    measured += 1;
                    see(reading);
                }
                None => unmeasured += 1,
            }
            card.phc.pulses(at, &mut see);
            let served = card.gnss.service(at, &mut see);
            gone += u64::from(served.lost.is_some());
            opened += u64::from(served.opened);
        }
        writer.store(core, at);
        counts.measured += measured;
        counts.unmeasured += unmeasured;
        counts.gone += gone;
        counts.opened += opened;
        counts.whole += u64::from(monitor.is_synced() && !*synced);
        *synced = monitor.is_synced();
        while let Some((command, seq)) = kernel.request() {
            if command == i16::from(cmd::DEVICE_GET) {
                dump_devices(kernel, seq);
            } else {
                assert_eq!(command, i16::from(cmd::PIN_GET));
                dump_pins(kernel, seq);
                counts.dumps += 1;
            }
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder); // no test fails for it
    }
}

impl Card {
    fn new(number: u8, folder: &Path) -> Self {
        let (read, write) = nix::unistd::pipe().unwrap();
        let (instance, port) = (Instance(0), Port(number.into()));
        let pulses = Some(ExttsReader::over(read.try_clone().unwrap(), 0));
        let clock = Clock {
            number,
            no_clock: read,
            system: Cell::new(Time::ZERO),
            asked: Cell::new(0),
        };
        let path = folder.join(format!("receiver{number}"));
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        let setup = Setup {
            spec: format!("pty:{}", path.display()).parse().unwrap(),
            own: false,
            instance,
            port,
        };
        let mut card = Card {
            phc: PhcSource::new(clock, OffsetMeter::default(), pulses, instance, port),
            pulses: File::from(write),
            gnss: GnssSource::new(setup).unwrap(),
            fifo: CString::new(path.to_str().unwrap()).unwrap(),
            receiver: None,
        };
        card.plug_in();
        card
    }

    /// A pipe with a name is a receiver that allocates nothing on this side either. Its writing end reads too, or it could not be opened
    /// before the source is.
    fn plug_in(&mut self) {
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        self.receiver = Some(open(self.fifo.as_c_str(), flags, Mode::empty()).unwrap());
    }
}

/// A clock that runs with the mix and shows TAI. Each card's knows another method, the last none: it puts the real requests to a
/// descriptor that is no clock. One measurement in sixteen fails.
struct Clock {
    number: u8,
    no_clock: OwnedFd,
    system: Cell<Time<Utc>>,
    asked: Cell<u32>,
}

impl Clock {
    /// The system's time `after` the moment, and 37 s on if it is the card's.
    fn stamp(&self, after: i64, card: bool) -> ClockTime {
        let time = self.system.get() + Nanos(after) + Nanos::from_secs(if card { 37 } else { 0 });
        ClockTime {
            sec: time.secs(),
            nsec: time.subsec_nanos(),
            reserved: 0,
        }
    }

    fn answers(&self, number: u8) -> Result<(), Errno> {
        if self.number != number {
            return Err(Errno::EOPNOTSUPP);
        }
        self.asked.set(self.asked.get() + 1);
        if self.asked.get().is_multiple_of(16) {
            Err(Errno::EIO)
        } else {
            Ok(())
        }
    }
}

impl Stamper for Clock {
    fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
        if self.number == CARDS - 1 {
            return ptp::sys_offset_precise(self.no_clock.as_fd());
        }
        self.answers(0)?;
        Ok(SysOffsetPrecise {
            device: self.stamp(0, true),
            sys_realtime: self.stamp(0, false),
            ..SysOffsetPrecise::default()
        })
    }

    fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
        if self.number == CARDS - 1 {
            return ptp::sys_offset_extended(self.no_clock.as_fd(), samples, ptp::SystemSide::Realtime);
        }
        self.answers(1)?;
        let mut stamps = SysOffsetExtended {
            n_samples: samples,
            ..SysOffsetExtended::default()
        };
        for (ts, width) in stamps.ts.iter_mut().zip(1..) {
            *ts = [(-800 * width, false), (0, true), (900 * width, false)].map(|(at, card)| self.stamp(at, card));
        }
        Ok(stamps)
    }

    fn basic(&self, samples: u32) -> Result<SysOffset, Errno> {
        if self.number == CARDS - 1 {
            return ptp::sys_offset(self.no_clock.as_fd(), samples);
        }
        self.answers(2)?;
        let mut stamps = SysOffset {
            n_samples: samples,
            ..SysOffset::default()
        };
        for (number, ts) in (0..).zip(stamps.ts.iter_mut()) {
            *ts = self.stamp(1_000 * number, number % 2 == 1);
        }
        Ok(stamps)
    }
}

/// All cards' devices, locked; the number of each as in the mix.
fn dump_devices(kernel: &Kernel, seq: u32) {
    for card in 0..CARDS {
        for (id, kind) in [(0, 2), (1, 1)] {
            let part = device(u32::from(card) * 2 + id, clock_id(card), kind, Some(3));
            kernel.part(cmd::DEVICE_GET, seq, part);
        }
    }
    kernel.done(seq);
}

/// And the receivers' pins.
fn dump_pins(kernel: &Kernel, seq: u32) {
    for card in 0..CARDS {
        kernel.part(cmd::PIN_GET, seq, |w: &mut AttrWriter<'_>| {
            w.u32(a_pin::ID, 6 + 20 * u32::from(card));
            w.u64(a_pin::CLOCK_ID, clock_id(card));
            w.text(a_pin::BOARD_LABEL, "GNSS-1PPS");
            w.u32(a_pin::TYPE, 5);
            for id in [0, 1] {
                w.nest(a_pin::PARENT_DEVICE, |w| {
                    w.u32(a_pin::PARENT_ID, u32::from(card) * 2 + id);
                    w.u32(a_pin::DIRECTION, 1);
                    w.u32(a_pin::STATE, 1);
                    w.i64(a_pin::PHASE_OFFSET, -1_870_360);
                });
            }
        });
    }
    kernel.done(seq);
}

fn push(writer: &Writer, event: &Event, events: &mut u64) {
    *events += 1;
    writer.push(event);
}

fn now(mono: Time<Mono>) -> Now {
    Now {
        mono,
        system: Time::from_parts(1_800_000_000, 0) + (mono - Time::ZERO),
    }
}
