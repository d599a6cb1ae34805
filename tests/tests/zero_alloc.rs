//! From the bytes to the ring nothing is allocated: ten million messages of the published mix, malformed ones and transitions
//! included, through the sources' own read paths, the core, the snapshot and the ring; then a loss with its dump, and a receiver that
//! is lost and opened again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, sendto, setsockopt,
    socket, socketpair, sockopt,
};
use tgm_benches::{CARDS, FAMILY, Message, Mix, Speaker, config, routes};
use tgm_core::{Core, Event, Instance, Now, Observation, Port, Reading};
use tgm_dpll::{Monitor, Options, ReadOutcome};
use tgm_gnss::{Demux, GnssSource, Receiver, Setup};
use tgm_node::shared::Writer;
use tgm_phc::{ExttsReader, OffsetMeter, PhcSource, Stamper};
use tgm_sys::count::{Counting, allocations};
use tgm_sys::ptp::{SysOffset, SysOffsetExtended, SysOffsetPrecise};
use tgm_time::{Mono, Nanos, Time};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Messages of the proof.
const MESSAGES: u64 = 10_000_000;
/// Messages between two reads of the sources: what a burst leaves in their queues.
const BURST: u64 = 16;

/// A PHC whose pulses come over a pipe and whose time is of no interest here.
#[derive(Debug)]
struct NoClock;

/// One card's receiver, fed from memory: its bytes have been read already.
struct Feed {
    demux: Demux,
    receiver: Receiver,
}

/// The node without its epoll: sources, core, shared memory.
struct Chain {
    core: Core,
    writer: Writer,
    monitor: Monitor,
    kernel: OwnedFd,
    feeds: Vec<Feed>,
    phcs: Vec<PhcSource<NoClock>>,
    pipes: Vec<File>,
    events: u64,
    observations: u64,
}

impl Chain {
    fn new() -> Self {
        let (ours, kernel) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_NONBLOCK).unwrap();
        let (mut phcs, mut pipes) = (vec![], vec![]);
        for card in 0..CARDS {
            let (read, write) = nix::unistd::pipe().unwrap();
            let pulses = ExttsReader::over(read, 0);
            phcs.push(PhcSource::new(
                NoClock,
                OffsetMeter::new(1),
                Some(pulses),
                Instance(0),
                Port(card.into()),
            ));
            pipes.push(File::from(write));
        }
        let feed = |_| Feed {
            demux: Demux::new(),
            receiver: Receiver::new(None),
        };
        Chain {
            core: Core::new(&config()),
            writer: Writer::create(1, Time::ZERO).unwrap(),
            monitor: Monitor::from_fd(ours, FAMILY, Options::new(routes())),
            kernel,
            feeds: (0..CARDS).map(feed).collect(),
            phcs,
            pipes,
            events: 0,
            observations: 0,
        }
    }

    /// Hands a message to its source, as the kernel would.
    fn hear(&mut self, message: &Message<'_>) {
        match message.speaker {
            Speaker::Dpll if !message.bytes.is_empty() => {
                send(self.kernel.as_raw_fd(), message.bytes, MsgFlags::empty()).unwrap();
            }
            Speaker::Dpll => {}
            Speaker::Phc(card) => self.pipes[usize::from(card)].write_all(message.bytes).unwrap(),
            Speaker::Gnss(card) => {
                let now = now(message.at);
                let Chain {
                    core,
                    writer,
                    feeds,
                    events,
                    observations,
                    ..
                } = self;
                let Feed { demux, receiver } = &mut feeds[usize::from(card)];
                demux.feed(message.bytes, |frame| {
                    let mut see = |what| {
                        let observation = Observation {
                            at: now.mono,
                            instance: Instance(0),
                            port: Port(card.into()),
                            what,
                        };
                        *observations += 1;
                        core.step(now, &observation, |event| push(writer, event, events));
                    };
                    let outcome = receiver.apply(frame, |epoch| see(Reading::Gnss(epoch.reading())));
                    if outcome.nmea {
                        see(Reading::Nmea);
                    }
                });
            }
        }
    }

    /// Reads all sources and stores what came of it.
    fn turn(&mut self, at: Time<Mono>) {
        let now = now(at);
        let Chain {
            core,
            writer,
            monitor,
            phcs,
            events,
            observations,
            ..
        } = self;
        let mut see = |observation: Observation| {
            *observations += 1;
            core.step(now, &observation, |event| push(writer, event, events));
        };
        assert_ne!(monitor.read(at, &mut see), ReadOutcome::Failed(Errno::ENOTCONN));
        for phc in phcs {
            phc.pulses(at, &mut see);
        }
        writer.store(core, at);
    }

    /// Refuses what the monitor asks for: the mix has no board to dump.
    fn refuse_requests(&mut self) {
        let mut request = [0; 256];
        while let Ok(length) = recv(self.kernel.as_raw_fd(), &mut request, MsgFlags::empty()) {
            assert!(length >= 20);
            let mut answer = [0u8; 36];
            answer[..4].copy_from_slice(&36u32.to_ne_bytes());
            answer[4..6].copy_from_slice(&2u16.to_ne_bytes()); // NLMSG_ERROR
            answer[8..12].copy_from_slice(&request[8..12]);
            answer[16..20].copy_from_slice(&(-16i32).to_ne_bytes()); // -EBUSY
            send(self.kernel.as_raw_fd(), &answer, MsgFlags::empty()).unwrap();
        }
    }
}

impl Stamper for NoClock {
    fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
        Err(Errno::EOPNOTSUPP)
    }
    fn extended(&self, _: u32) -> Result<SysOffsetExtended, Errno> {
        Err(Errno::EOPNOTSUPP)
    }
    fn basic(&self, _: u32) -> Result<SysOffset, Errno> {
        Err(Errno::EOPNOTSUPP)
    }
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

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
    let mut grown = Vec::<u8>::with_capacity(1);
    assert_eq!(allocations(|| grown.extend_from_slice(black_box(&[0; 64]))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn ten_million_messages_from_bytes_to_ring_allocate_nothing() {
    let (mut chain, mut mix) = (Chain::new(), Mix::default());
    let mut damaged = 0;
    let count = allocations(|| {
        for number in 0..MESSAGES {
            let message = mix.next_message();
            let at = message.at;
            damaged += u64::from(message.damaged);
            chain.hear(&message);
            if number % BURST == BURST - 1 {
                chain.turn(at);
            }
            if number % 1_024 == 0 {
                chain.refuse_requests();
            }
        }
    });
    assert_eq!(count, 0);
    assert!(
        chain.events > MESSAGES / 1_000,
        "the mix has transitions: {} events",
        chain.events
    );
    assert!(
        chain.observations > MESSAGES / 4,
        "most messages mean something: {}",
        chain.observations
    );
    assert!(
        chain.monitor.counters().malformed > MESSAGES / 200,
        "{:?}",
        chain.monitor.counters()
    );
    assert!((MESSAGES / 11..MESSAGES / 9).contains(&damaged));
    println!(
        "{MESSAGES} messages, {damaged} damaged, {} observations, {} events",
        chain.observations, chain.events
    );
}

#[test]
fn a_real_loss_and_the_dump_after_it_allocate_nothing() {
    // NETLINK_USERSOCK: a real netlink socket whose group any process may send to, so ENOBUFS is the kernel's own.
    let (listener, sender) = (netlink(), netlink());
    setsockopt(&listener, sockopt::RcvBuf, &0).unwrap();
    if let Err(errno) = bind(listener.as_raw_fd(), &NetlinkAddr::new(0, 1)) {
        return println!("skipped: joining a netlink group needs CAP_NET_ADMIN here: {errno}");
    }
    let mut monitor = Monitor::from_fd(listener, FAMILY, Options::new(routes()));
    let mut mix = Mix::default();
    let count = allocations(|| {
        for _ in 0..2_000 {
            let message = mix.next_message();
            let _ = sendto(
                sender.as_raw_fd(),
                message.bytes,
                &NetlinkAddr::new(0, 1),
                MsgFlags::empty(),
            );
        }
        for ms in 0..100 {
            let _ = monitor.read(Time::ZERO + Nanos::from_millis(ms * 50), &mut |_| ());
        }
    });
    assert!(
        monitor.counters().overruns > 0 && monitor.counters().resyncs > 1,
        "{:?}",
        monitor.counters()
    );
    assert_eq!(count, 0);
}

fn netlink() -> OwnedFd {
    socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkUserSock,
    )
    .unwrap()
}

#[test]
fn a_receiver_that_is_lost_and_opened_again_allocates_nothing() {
    let folder = std::env::temp_dir().join(format!("tgm-zero-alloc-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join("receiver");
    let plug = || {
        let pty = nix::pty::openpty(None, None).unwrap();
        let name = nix::unistd::ttyname(pty.slave.as_fd()).unwrap();
        let _ = std::fs::remove_file(&link); // the first time there is none
        std::os::unix::fs::symlink(name, &link).unwrap();
        pty.master
    };
    let spec = format!("pty:{}", link.display()).parse().unwrap();
    let setup = Setup {
        spec,
        own: false,
        instance: Instance(0),
        port: Port(0),
    };
    let mut source = GnssSource::new(setup).unwrap();
    let (mut epochs, mut gone, mut total) = (0u64, 0u64, 0u64);
    let mut at = Time::<Mono>::ZERO;
    for round in 0..5 {
        let mut receiver = File::from(plug());
        let mut unplugged = None;
        for step in 0..40 {
            at = at + Nanos::from_millis(500);
            if step < 20 {
                let line = format!("GPGLL,,,,,{:02}{:02}{:02}.00,A", 1 + round, 0, step);
                let sum = line.bytes().fold(0, |sum, byte| sum ^ byte);
                write!(receiver, "${line}*{sum:02X}\r\n").unwrap();
            } else if step == 20 {
                unplugged = Some(std::mem::replace(&mut receiver, File::open("/dev/null").unwrap()));
            }
            drop(unplugged.take());
            total += allocations(|| {
                let served = source.service(at, |observation| match observation.what {
                    Reading::Gnss(_) => epochs += 1,
                    Reading::GnssGone => gone += 1,
                    _ => {}
                });
                black_box(served);
            });
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(epochs > 50 && gone >= 4, "{epochs} epochs, gone {gone} times");
    assert_eq!(total, 0);
}
