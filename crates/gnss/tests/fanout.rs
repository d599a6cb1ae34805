//! The fan-out: borders and losses as a property, then the service on real pseudo terminals and sockets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{mon_rf, nav_clock, nav_eoe, nav_pvt, nmea, rtcm, ubx};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use proptest::prelude::*;
use tgm_core::{Instance, Port, Reading};
use tgm_gnss::fanout::{Cutter, Queue, Service, ServiceConfig, WritePolicy};
use tgm_gnss::setup::{Command, Plan, Report};
use tgm_gnss::{Demux, Frame, GnssSource, OpenError, Setup};
use tgm_time::{Mono, Time};

/// Frames that can be told from each other.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let frame = |n: u32| match n % 5 {
        0 => nav_pvt(n, 0, 0, 3, true, 9),
        1 => nmea(&format!("GPTXT,01,01,02,{n}")),
        2 => nav_clock(n, 1, 2),
        3 => rtcm(&[&n.to_be_bytes(), [7; 150].as_slice()].concat()),
        _ => nav_eoe(n),
    };
    (0..count).map(frame).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Each reader gets a sequence of whole frames in order; what is missing is counted, frame by frame and byte by byte.
    #[test]
    fn a_reader_gets_the_stream_or_counted_gaps_between_frames(
        count in 1u32..120,
        limit in 300usize..3_000,
        turns in proptest::collection::vec((1usize..700, 0usize..900), 1..200),
    ) {
        let sent = frames(count);
        let stream = sent.concat();
        let (mut cutter, mut queue) = (Cutter::default(), Queue::new(limit));
        let (mut got, mut rest) = (Vec::new(), stream.as_slice());
        for (chunk, read) in turns.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*chunk).min(rest.len()));
            cutter.feed(now, |piece| queue.put(piece));
            rest = later;
            let head = queue.head();
            let taken = head.len().min(*read);
            got.extend(&head[..taken]);
            queue.consume(taken);
        }
        while !queue.is_empty() {
            let head = queue.head().to_vec();
            queue.consume(head.len());
            got.extend(head);
        }
        let lost = queue.lost();
        prop_assert_eq!(got.len() as u64 + lost.bytes, stream.len() as u64);
        let (mut at, mut missing) = (0, 0);
        for frame in &sent {
            if got[at..].starts_with(frame) {
                at += frame.len();
            } else {
                missing += 1;
            }
        }
        prop_assert_eq!((at, missing), (got.len(), lost.frames));
    }
}

#[test]
fn a_reader_that_keeps_up_gets_noise_too() {
    let stream = [
        b"boot\xb5\xd3\x04$no".as_slice(),
        &nmea("GPTXT,1"),
        b"\x00\xff",
        &nav_eoe(5),
    ]
    .concat();
    let (mut cutter, mut queue) = (Cutter::default(), Queue::new(4096));
    for chunk in stream.chunks(3) {
        cutter.feed(chunk, |piece| queue.put(piece));
    }
    assert_eq!(queue.head(), stream);
    assert_eq!(queue.lost().frames, 0);
}

/// A receiver's end of a pseudo terminal, the source and the service on its other one, and where they are.
struct Bench {
    receiver: File,
    _slave: File,
    gnss: Box<GnssSource>,
    service: Service,
    folder: PathBuf,
    now: Time<Mono>,
    epochs: u32,
    told: Vec<String>,
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tgm-fanout-{}-{name}", std::process::id()))
}

fn config(folder: &std::path::Path, write: WritePolicy) -> ServiceConfig {
    ServiceConfig {
        ptys: vec![folder.join("gnss0")],
        socket: Some(folder.join("gnss0.sock")),
        write,
        ..ServiceConfig::default()
    }
}

impl Bench {
    fn new(name: &str, config: impl FnOnce(&std::path::Path) -> ServiceConfig) -> Self {
        let folder = folder(name);
        let pair = openpty(None, None).unwrap();
        let mut settings = tcgetattr(&pair.slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&pair.slave, SetArg::TCSANOW, &settings).unwrap();
        let path = nix::unistd::ttyname(&pair.slave).unwrap();
        let spec = format!("pty:{}", path.display()).parse().unwrap();
        let mut gnss = GnssSource::new(Setup {
            spec,
            own: true,
            instance: Instance(0),
            port: Port(0),
        })
        .unwrap();
        let (tap, service) = Service::new(config(&folder)).unwrap();
        gnss.set_tap(tap, true);
        let mut bench = Bench {
            receiver: File::from(pair.master),
            _slave: File::from(pair.slave),
            gnss,
            service,
            folder,
            now: Time::ZERO,
            epochs: 0,
            told: vec![],
        };
        bench.turn();
        bench
    }

    fn turn(&mut self) {
        let epochs = &mut self.epochs;
        self.gnss.service(self.now, |observation| {
            *epochs += u32::from(matches!(observation.what, Reading::Gnss(_)))
        });
        let told = &mut self.told;
        self.service.turn(self.now, |report| match report {
            Report::Command { command, outcome } => told.push(format!("{command}: {outcome}")),
            Report::Finished(tally) => told.push(format!("{tally:?}")),
            _ => {}
        });
    }

    /// The receiver speaks; everything is passed on.
    fn speak(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(1024) {
            self.receiver.write_all(chunk).unwrap();
            self.turn();
        }
        self.turn();
    }

    /// Turns until `done` says so; a generous limit stands in for "never".
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
            self.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn connect(&mut self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.join("gnss0.sock")).unwrap();
        stream.set_nonblocking(true).unwrap();
        self.turn();
        stream
    }

    fn open(&mut self) -> File {
        let path = self.folder.join("gnss0");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
            .open(path)
            .unwrap();
        self.turn();
        file
    }

    fn figure(&self, of: fn(&tgm_gnss::fanout::Figures) -> &std::sync::atomic::AtomicU64) -> u64 {
        of(self.gnss.tap().unwrap().figures()).load(Ordering::Relaxed)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What is there to read now.
fn drain(from: &mut impl Read, into: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => into.extend(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_reader_gets_every_byte_and_our_own_keeps_its_epochs() {
    let mut bench = Bench::new("all", |folder| config(folder, WritePolicy::None));
    let (mut one, mut two, mut tty) = (bench.connect(), bench.connect(), bench.open());
    let mut got = [vec![], vec![], vec![]];
    let mut sent = Vec::new();
    for second in 0..30u8 {
        let itow = 43_218_000 + u32::from(second) * 1000;
        let burst = [
            nav_pvt(itow, second, 0, 3, true, 9),
            nmea(&format!("GNRMC,1200{second:02}.00,A,,,,,,,221126,,,A")),
            mon_rf(&[(1, 2, 1)], 24),
            nav_eoe(itow),
        ]
        .concat();
        sent.extend(&burst);
        bench.speak(&burst);
        drain(&mut one, &mut got[0]);
        drain(&mut two, &mut got[1]);
        drain(&mut tty, &mut got[2]);
    }
    let length = sent.len();
    bench.until("all bytes", |_| {
        drain(&mut one, &mut got[0]);
        drain(&mut two, &mut got[1]);
        drain(&mut tty, &mut got[2]);
        got.iter().all(|got| got.len() >= length)
    });
    assert!(got.iter().all(|got| *got == sent));
    assert_eq!((bench.epochs, bench.figure(|figures| &figures.readers)), (30, 3));
    assert_eq!(
        (
            bench.figure(|figures| &figures.lost_frames),
            bench.figure(|figures| &figures.tap_lost)
        ),
        (0, 0)
    );
}

#[test]
fn a_reader_that_hangs_loses_whole_frames_and_nobody_else_does() {
    let mut bench = Bench::new("hang", |folder| config(folder, WritePolicy::None));
    let (mut hung, mut quick, hung_tty) = (bench.connect(), bench.connect(), bench.open());
    let sent = frames(12_000);
    let mut got = Vec::new();
    for frame in &sent {
        bench.speak(frame);
        drain(&mut quick, &mut got);
    }
    let whole = sent.concat();
    let length = whole.len();
    bench.until("all bytes", |_| {
        drain(&mut quick, &mut got);
        got.len() >= length
    });
    assert!(got == whole, "the quick one has everything");
    assert!(bench.figure(|figures| &figures.lost_frames) > 1_000);
    // What the slow one has is whole frames, from the first on.
    let mut late = Vec::new();
    bench.until("the rest", |bench| {
        drain(&mut hung, &mut late);
        bench.turn();
        let before = late.len();
        drain(&mut hung, &mut late);
        before == late.len() && before > 0
    });
    let mut demux = Demux::new();
    let mut read = 0u64;
    demux.feed(&late, |_: Frame<'_>| read += 1);
    let counters = demux.counters();
    assert_eq!((counters.skipped, counters.checksum_errors), (0, 0));
    let mut rest = late.as_slice();
    for frame in &sent {
        rest = rest.strip_prefix(frame.as_slice()).unwrap_or(rest);
    }
    assert!(rest.is_empty() && read > 100, "whole frames, in order");
    drop(hung_tty);
}

#[test]
fn writes_reach_the_receiver_whole_or_not_at_all() {
    let mut bench = Bench::new("write", |folder| config(folder, WritePolicy::UbxPoll));
    let (mut one, mut tty) = (bench.connect(), bench.open());
    nix::fcntl::fcntl(
        &bench.receiver,
        nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK),
    )
    .unwrap();
    let (poll, long) = (ubx(0x0a, 4, &[]), ubx(6, 0x8b, &[0; 200]));
    one.write_all(&long[..100]).unwrap();
    bench.turn();
    tty.write_all(&poll).unwrap(); // between the halves of the other's
    bench.turn();
    one.write_all(&ubx(6, 4, &[0xff, 0xff, 0, 0])).unwrap(); // swallowed by the frame that is open, which is then none
    one.write_all(&long).unwrap();
    one.write_all(b"half a \xb5\x62\x06").unwrap();
    let mut heard = Vec::new();
    bench.until("both", |bench| {
        drain(&mut bench.receiver, &mut heard);
        heard.len() >= poll.len() + long.len()
    });
    drop(one);
    for _ in 0..5 {
        bench.turn();
    }
    drain(&mut bench.receiver, &mut heard);
    assert_eq!(heard, [poll, long].concat());
    assert_eq!(bench.figure(|figures| &figures.written), 2);
    assert_eq!(bench.figure(|figures| &figures.refused), 1, "the reset");
}

#[test]
fn a_pseudo_terminal_starts_fresh_for_each_reader_under_the_same_name() {
    let mut bench = Bench::new("fresh", |folder| config(folder, WritePolicy::All));
    bench.speak(&nav_eoe(1)); // nobody there: not kept
    let mut got = Vec::new();
    for round in 2..5 {
        let mut tty = bench.open();
        let mut cooked = tcgetattr(&tty).unwrap();
        assert!(
            !cooked.local_flags.contains(nix::sys::termios::LocalFlags::ECHO),
            "raw again"
        );
        bench.speak(&nav_eoe(round));
        bench.until("its frame", |_| {
            drain(&mut tty, &mut got);
            got.len() >= 12
        });
        assert_eq!(got, nav_eoe(round));
        got.clear();
        bench.speak(&nav_eoe(99)); // not read
        cooked
            .local_flags
            .insert(nix::sys::termios::LocalFlags::ECHO | nix::sys::termios::LocalFlags::ICANON);
        tcsetattr(&tty, SetArg::TCSANOW, &cooked).unwrap();
        drop(tty);
        bench.until("its going", |bench| bench.figure(|figures| &figures.readers) == 0);
    }
    let Bench {
        service, gnss, folder, ..
    } = &mut bench;
    assert!(std::fs::symlink_metadata(folder.join("gnss0")).unwrap().is_symlink());
    let _ = (service, gnss);
}

#[test]
fn names_are_taken_back_but_never_from_others() {
    let place = folder("names");
    std::fs::create_dir_all(&place).unwrap();
    let started = Service::new(config(&place, WritePolicy::None)).unwrap();
    assert!(
        Service::new(ServiceConfig {
            ptys: vec![],
            ..config(&place, WritePolicy::None)
        })
        .is_err(),
        "somebody serves there"
    );
    drop(started);
    assert!(std::fs::read_dir(&place).unwrap().next().is_none(), "nothing is left");
    std::fs::write(place.join("gnss0"), "somebody's file").unwrap();
    let refused = Service::new(config(&place, WritePolicy::None)).unwrap_err().to_string();
    assert!(refused.contains("no symbolic link"), "{refused}");
    assert_eq!(std::fs::read(place.join("gnss0")).unwrap(), b"somebody's file");
    std::fs::remove_file(place.join("gnss0")).unwrap();
    // What a killed process left is no obstacle.
    std::os::unix::fs::symlink("/dev/pts/nowhere", place.join("gnss0")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(place.join("gnss0.sock")).unwrap());
    drop(Service::new(config(&place, WritePolicy::None)).unwrap());
    std::fs::remove_dir_all(place).unwrap();
}

/// A receiver that acknowledges every configuration, and says who it is.
fn answer(heard: &mut Vec<u8>, demux: &mut Demux) -> Vec<u8> {
    let mut out = Vec::new();
    demux.feed(heard, |frame| {
        let Frame::Ubx(message) = frame else { return };
        match (message.class, message.id) {
            (0x0a, 4) => {
                let mut payload = vec![0; 70];
                payload[40..53].copy_from_slice(b"PROTVER=29.20");
                out.extend(ubx(0x0a, 4, &payload));
            }
            (6, id) => out.extend(ubx(5, 1, &[6, id])),
            _ => {}
        }
    });
    heard.clear();
    out
}

#[test]
fn the_receiver_is_set_up_while_readers_wait_and_again_when_it_comes_back() {
    let plan = Plan {
        commands: vec![Command::CableDelay(40)],
        ..Plan::default()
    };
    let mut bench = Bench::new("setup", |folder| ServiceConfig {
        plan: Some(plan),
        ..config(folder, WritePolicy::All)
    });
    nix::fcntl::fcntl(
        &bench.receiver,
        nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK),
    )
    .unwrap();
    assert_eq!(bench.figure(|figures| &figures.setup), 1);
    let mut reader = bench.connect();
    let theirs = ubx(6, 0x8a, &[0, 1, 0, 0, 1, 0, 3, 0x20, 2]);
    reader.write_all(&theirs).unwrap();
    let (mut heard, mut all, mut demux) = (Vec::new(), Vec::new(), Demux::new());
    bench.until("set up", |bench| {
        drain(&mut bench.receiver, &mut heard);
        all.extend(&heard);
        let out = answer(&mut heard, &mut demux);
        bench.speak(&out);
        bench.figure(|figures| &figures.setup) == 2 && all.windows(theirs.len()).any(|at| at == theirs)
    });
    assert_eq!(bench.told[0], "antenna cable delay 40 ns: acknowledged");
    let order: Vec<u8> = {
        let mut ids = vec![];
        Demux::new().feed(&all, |frame| {
            if let Frame::Ubx(message) = frame {
                ids.push(message.id);
            }
        });
        ids
    };
    assert_eq!(order, [4, 0x8a, 0x8a], "theirs comes last");

    // Unplugged: closed on both sides, and nothing is written any more.
    let Bench {
        receiver,
        _slave,
        gnss,
        service,
        now,
        ..
    } = &mut bench;
    let spare = openpty(None, None).unwrap();
    *receiver = File::from(spare.master);
    *_slave = File::from(spare.slave);
    let served = gnss.service(*now, |_| {});
    assert!(served.lost.is_some());
    service.turn(*now, |_| {});
    let next = gnss.deadline().unwrap();
    assert_eq!(gnss.service(next, |_| {}).failed, Some(OpenError::NoDevice));
    service.turn(next, |_| {});
}

#[test]
fn the_thread_ends_when_the_reading_one_does() {
    let place = folder("end");
    let (tap, service) = Service::new(config(&place, WritePolicy::None)).unwrap();
    let thread = std::thread::spawn(move || service.run(|| Time::ZERO, |_| {}));
    tap.up(None);
    tap.bytes(b"$");
    tap.down();
    drop(tap);
    thread.join().unwrap().unwrap();
    std::fs::remove_dir_all(place).unwrap();
}
