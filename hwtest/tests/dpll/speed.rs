//! How long a whole dump takes, against the least that a program must do: send the same requests and read the same bytes. Printed,
//! not asserted: in an emulator both are slow. Use an optimised build.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};
use tgm_dpll::request::{REQUEST_LEN, Request};
use tgm_dpll::{Control, Monitor, Options, ReadOutcome};
use tgm_hwtest::rig::rig;
use tgm_time::{Mono, Time};

/// Rounds, each with all of the ways in turn.
const ROUNDS: i64 = 201;

fn open() -> OwnedFd {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )
    .unwrap();
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
    fd
}

/// Sends one request and gives back the first answer.
pub fn exchange(request: &[u8]) -> Vec<u8> {
    let (fd, mut answer) = (open(), vec![0; 4096]);
    send(fd.as_raw_fd(), request, MsgFlags::empty()).unwrap();
    let length = recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty()).unwrap();
    answer.truncate(length);
    answer
}

/// Reads the whole answer and looks at nothing but each datagram's last message type. Its length, bytes.
fn bare(fd: &OwnedFd, request: &[u8], buffer: &mut [u8]) -> usize {
    const DONE: [u8; 2] = 3u16.to_ne_bytes();
    send(fd.as_raw_fd(), request, MsgFlags::empty()).unwrap();
    let mut sum = 0;
    loop {
        let length = recv(fd.as_raw_fd(), buffer, MsgFlags::empty()).unwrap();
        sum += length;
        let mut at = 0;
        while at < length {
            if buffer[at + 4..at + 6] == DONE {
                return sum;
            }
            let message = u32::from_ne_bytes(buffer[at..at + 4].try_into().unwrap());
            at += usize::try_from(message).unwrap().next_multiple_of(4);
        }
    }
}

/// The times of one way.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn take(&mut self, once: impl FnOnce()) {
        let start = Instant::now();
        once();
        self.0.push(start.elapsed());
    }

    /// The quickest, which nothing else has disturbed, and the median.
    fn told(mut self) -> (Duration, Duration) {
        self.0.sort();
        (self.0[0], self.0[self.0.len() / 2])
    }
}

fn say(who: &str, (quickest, median): (Duration, Duration), least: (Duration, Duration)) {
    println!(
        "  {who:8} quickest {quickest:?} ({:.2} times), median {median:?} ({:.2} times)",
        quickest.as_secs_f64() / least.0.as_secs_f64(),
        median.as_secs_f64() / least.1.as_secs_f64()
    );
}

#[test]
fn a_dump_against_bare_reading() {
    let Some(rig) = rig("a_dump_against_bare_reading", &["device:dpll"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let family = control.family().id;
    let (mut first, mut second) = ([0; REQUEST_LEN], [0; REQUEST_LEN]);
    let devices = Request::DumpDevices.encode(family, 1, &mut first).unwrap();
    let pins = Request::DumpPins.encode(family, 2, &mut second).unwrap();
    let (fd, mut buffer, mut bytes) = (open(), vec![0; 32 * 1024], 0);
    let mut monitor = Monitor::open(Options::new(crate::stage::routes(&rig))).unwrap();
    let (mut least, mut controlled, mut monitored) = (Times::default(), Times::default(), Times::default());
    let (mut seen, mut phases, mut told) = (0u32, 0u32, 0u32);
    for round in 0..ROUNDS {
        // It keeps its dumps 100 ms apart by the time that it is told.
        let now = |step: i64| Time::<Mono>::from_nanos(round * 1_000_000_000 + step);
        while monitor.read(now(0), &mut |_| ()) != ReadOutcome::Drained || !monitor.is_synced() {}
        let resyncs = monitor.counters().resyncs;

        least.take(|| bytes = bare(&fd, devices, &mut buffer) + bare(&fd, pins, &mut buffer));
        controlled.take(|| {
            control.devices(|_| seen += 1).unwrap();
            control
                .pins(|pin| phases += u32::from(pin.parent_devices.iter().any(|parent| parent.phase_offset.is_some())))
                .unwrap();
        });
        monitor.resync();
        monitored.take(|| {
            let later = now(500_000_000);
            while monitor.read(later, &mut |_| told += 1) != ReadOutcome::Drained || !monitor.is_synced() {}
        });
        assert_eq!(monitor.counters().resyncs, resyncs + 1, "one dump, not two");
    }
    assert!(seen > 0 && phases > 0 && told > 0);
    let least = least.told();
    println!("{}: whole dump, {bytes} bytes", rig.kernel);
    say("bare", least, least);
    say("control", controlled.told(), least);
    say("monitor", monitored.told(), least);
}
