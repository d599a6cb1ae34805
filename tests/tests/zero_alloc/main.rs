//! From the bytes to the ring nothing is allocated: ten million messages of the published mix, malformed ones and transitions
//! included, through every source's own read path, the core, the snapshot and the ring; clocks that are measured, losses with the
//! dumps that make them good, and receivers that are unplugged and plugged in again are part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

mod chain;
#[path = "../../../crates/dpll/tests/kernel/mod.rs"]
mod kernel;

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use chain::Chain;
use nix::fcntl::OFlag;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, sendto, setsockopt, socket, sockopt,
};
use tgm_benches::{FAMILY, Mix, Speaker, routes};
use tgm_core::{Instance, Observation, Port, Reading};
use tgm_dpll::{Kmsg, Monitor, Options};
use tgm_gnss::{GnssSource, Setup};
use tgm_node::kernel_log::{KernelLog, Watched};
use tgm_sys::count::{Counting, allocations};
use tgm_time::{Mono, Nanos, Time};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Messages of the proof.
const MESSAGES: u64 = 10_000_000;
/// Messages between two reads of the sources: what a burst leaves in their queues.
const BURST: u64 = 16;
/// Messages between two losses of notifications, and how many of the next ones are lost.
const LOSS: u64 = 1_000;
const LOST: u64 = 20;
/// Messages from one receiver that is unplugged to the next, and how long it stays so: ten seconds.
const UNPLUGGED: u64 = 5_000;
const AWAY: u64 = 500;

/// The kernel's log, chatty and with what counts among it.
#[test]
fn the_kernels_log_is_read_without_an_allocation() {
    let (read, write) = nix::unistd::pipe2(OFlag::O_DIRECT | OFlag::O_NONBLOCK).unwrap();
    let card = Watched {
        pci: "0000:51:00.0".parse().unwrap(),
        instance: Instance(0),
        port: Port(0),
    };
    let mut log = KernelLog::over(Kmsg::over(read), vec![card]);
    let (mut kernel, mut heard) = (File::from(write), 0);
    for _ in 0..1_000 {
        for record in [
            &b"3,1,1,-;ice 0000:51:00.0: EEC/PPS DPLLs periodic work disabled\n SUBSYSTEM=pci\n"[..],
            b"3,2,1,-;ice 0000:52:00.0: EEC/PPS DPLLs periodic work disabled\n",
            b"6,3,1,-;usb 1-1: new device\n",
            &[0xff; 4_096],
        ] {
            kernel.write_all(record).unwrap();
        }
        let count = allocations(|| log.read(Time::ZERO, &mut |_| heard += 1));
        assert_eq!(count, 0);
    }
    assert_eq!(heard, 1_000);
}

#[test]
fn a_planted_allocation_is_seen() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7u64)))), 1);
    let mut grown = Vec::<u8>::with_capacity(1);
    assert_eq!(allocations(|| grown.extend_from_slice(black_box(&[0; 64]))), 1);
    assert_eq!(allocations(|| ()), 0);
}

/// Runs the mix for so many messages; allocations, and how many of them were damaged on purpose.
fn run(chain: &mut Chain, mix: &mut Mix, messages: u64, seen: &mut impl FnMut(&Observation)) -> (u64, u64) {
    let mut damaged = 0;
    let count = allocations(|| {
        for number in 1..=messages {
            let message = mix.next_message();
            let at = message.at;
            damaged += u64::from(message.damaged);
            if number >= LOSS && number % LOSS < LOST && message.speaker == Speaker::Dpll {
                // lost
            } else {
                chain.hear(&message);
            }
            if number % LOSS == LOST {
                chain.overrun();
            }
            match number % UNPLUGGED {
                0 => chain.unplug(number / UNPLUGGED),
                AWAY if number > UNPLUGGED => chain.plug_in(number / UNPLUGGED),
                _ => {}
            }
            if number % BURST == BURST - 1 {
                chain.turn(at, seen);
            }
        }
    });
    (count, damaged)
}

#[test]
fn ten_million_messages_from_bytes_to_ring_allocate_nothing() {
    let (mut chain, mut mix) = (Chain::new("mix"), Mix::default());
    // First that the instrument sees one, where the sources' observations go.
    let mut planted = Some(());
    let (count, _) = run(&mut chain, &mut mix, 10_000, &mut |observation| {
        if matches!(observation.what, Reading::SystemClock { .. }) && planted.take().is_some() {
            drop(black_box(Box::new(*observation)));
        }
    });
    assert_eq!((count, planted), (1, None));

    let (mut chain, mut mix) = (Chain::new("proof"), Mix::default());
    let mut kinds = [0u64; 6];
    let (count, damaged) = run(&mut chain, &mut mix, MESSAGES, &mut |observation| {
        kinds[match observation.what {
            Reading::Gnss(_) => 0,
            Reading::Nmea => 1,
            Reading::GnssGone => 2,
            Reading::Pulse { .. } => 3,
            Reading::SystemClock { .. } => 4,
            _ => 5,
        }] += 1;
    });
    assert_eq!(count, 0);
    let (counts, counters) = (chain.counts, *chain.monitor.counters());
    println!("{MESSAGES} messages, {damaged} damaged, {counts:?}, {kinds:?}, {counters:?}");
    assert!((MESSAGES / 11..MESSAGES / 9).contains(&damaged));
    assert!(counts.events > MESSAGES / 1_000, "the mix has transitions");
    assert!(counts.observations > MESSAGES / 4, "most messages mean something");
    // Every source was read, each by all that it tells.
    let [gnss, nmea, gone, pulses, clocks, dpll] = kinds;
    assert!(gnss.min(nmea).min(pulses).min(clocks).min(dpll) > MESSAGES / 20);
    assert!(counts.unmeasured > MESSAGES / 100 && clocks == counts.measured);
    // Receivers went and came back.
    assert!(gone >= MESSAGES / UNPLUGGED && counts.opened > MESSAGES / UNPLUGGED);
    assert_eq!(gone, counts.gone);
    // Losses were answered by dumps, and the table was whole again after each.
    assert!(counters.malformed > MESSAGES / 200);
    assert!(counters.overruns >= MESSAGES / LOSS && counts.dumps >= MESSAGES / LOSS);
    assert!(counts.whole >= MESSAGES / LOSS);
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
