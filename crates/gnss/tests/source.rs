//! Sources on real descriptors: pseudo terminals, files, a TCP peer; and what a receiver on one tells the core.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // clippy takes helpers of tests for the product

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{nav_eoe, nav_pvt, nav_status, nmea};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tgm_core::{GnssFix, GnssState, Instance, Observation, Port, Reading};
use tgm_gnss::{GnssSource, OpenError, ReadError, Receiver, Setup, Source, Spec};
use tgm_time::{Mono, Nanos, Time};

const NOON: u32 = 43_218_000;

/// A pseudo terminal in raw mode: our end, and the other's path.
fn pty() -> (File, File, PathBuf) {
    let pair = openpty(None, None).unwrap();
    let mut settings = tcgetattr(&pair.slave).unwrap();
    cfmakeraw(&mut settings);
    tcsetattr(&pair.slave, SetArg::TCSANOW, &settings).unwrap();
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    (File::from(pair.master), File::from(pair.slave), path)
}

fn setup(spec: &str) -> Setup {
    Setup {
        spec: spec.parse().unwrap(),
        own: true,
        instance: Instance(2),
        port: Port(7),
    }
}

/// Reads until `count` bytes came; a generous limit stands in for "never".
fn read_all(source: &mut Source, count: usize) -> Vec<u8> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 256]);
    let start = Instant::now();
    while bytes.len() < count && start.elapsed() < Duration::from_secs(20) {
        match source.read(&mut buffer) {
            Ok(read) => bytes.extend(&buffer[..read]),
            Err(ReadError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(other) => panic!("{other}"),
        }
    }
    bytes
}

fn scratch(name: &str, content: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tgm-gnss-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_pty_gives_its_bytes_and_its_end() {
    let (mut master, slave, path) = pty();
    let mut source = Source::open(Spec::Pty(path), false).unwrap();
    drop(slave);
    assert!(source.as_fd().is_some());
    assert_eq!(source.read(&mut [0; 16]), Err(ReadError::WouldBlock));
    master.write_all(b"\xb5\x62\r\n\x00$").unwrap();
    assert_eq!(read_all(&mut source, 6), b"\xb5\x62\r\n\x00$");
    drop(master);
    assert_eq!(source.read(&mut [0; 16]), Err(ReadError::Gone));
    assert!(!source.is_open());
    assert_eq!(source.read(&mut [0; 16]), Err(ReadError::Closed));
    assert_eq!(source.reopen(), Err(OpenError::NoDevice));
}

#[cfg(feature = "serial")]
#[test]
fn a_tty_is_put_in_raw_mode_and_locked() {
    let pair = openpty(None, None).unwrap(); // as it comes: it echoes, and turns CR into LF
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    let mut master = File::from(pair.master);
    let spec = Spec::Tty { path, baud: 9600 };
    let mut source = Source::open(spec.clone(), false).unwrap();
    master.write_all(b"\r\x00\xff\n").unwrap();
    assert_eq!(read_all(&mut source, 4), b"\r\x00\xff\n");
    assert_eq!(Source::open(spec, false).err(), Some(OpenError::Busy));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let error = |spec: &str| Source::open(spec.parse().unwrap(), true).err().unwrap();
    assert_eq!(error("dev:/dev/no-such-gnss"), OpenError::NoDevice);
    assert_eq!(error("pty:/nonexistent/pts"), OpenError::NoDevice);
    let file = scratch("plain", b"");
    assert_eq!(error(&format!("dev:{}", file.display())), OpenError::NotADevice);
    std::fs::remove_file(file).unwrap();
    #[cfg(feature = "serial")]
    assert_eq!(error("tty:/dev/null"), OpenError::Line);
}

#[test]
fn a_character_device_needs_no_terminal() {
    let mut source = Source::open(Spec::Device("/dev/zero".into()), true).unwrap();
    assert_eq!(source.read(&mut [1; 8]), Ok(8));
}

#[test]
fn a_device_that_another_reads_is_left_alone() {
    let pair = openpty(None, None).unwrap(); // a character device of our own
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    let mut reader = std::process::Command::new("sleep")
        .arg("60")
        .stdin(File::from(pair.slave))
        .spawn()
        .unwrap();
    let refused = Source::open(Spec::Device(path.clone()), false).err();
    let owned = Source::open(Spec::Device(path), true).map(|source| source.is_open());
    reader.kill().unwrap();
    reader.wait().unwrap();
    match refused.unwrap() {
        OpenError::Owned(owner) => assert_eq!((owner.pid, owner.comm()), (reader.id(), "sleep")),
        OpenError::OwnerUnknown(unknown) => println!("skipped: {unknown}"),
        other => panic!("{other}"),
    }
    assert_eq!(owned, Ok(true), "gnss.own opens it all the same");
}

#[test]
fn gpsd_is_asked_for_raw_bytes_and_its_own_lines_are_skipped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .write_all(b"{\"class\":\"VERSION\",\"proto_major\":3}\r\n")
            .unwrap();
        let mut request = [0; 32];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"{\"class\":\"WATCH\",\"raw\":2}\r\n").unwrap();
        stream
            .write_all(&[nav_pvt(NOON, 0, 0, 3, true, 9), nav_eoe(NOON)].concat())
            .unwrap();
        request.to_vec()
    });
    let mut gnss = GnssSource::new(setup(&format!("gpsd://{address}"))).unwrap();
    let mut seen = Vec::new();
    let start = Instant::now();
    let mut lost = None;
    while lost.is_none() && start.elapsed() < Duration::from_secs(20) {
        lost = gnss.service(Time::ZERO, |observation| seen.push(observation.what)).lost;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(peer.join().unwrap(), b"?WATCH={\"enable\":true,\"raw\":2};\n"[..32]);
    assert_eq!(lost, Some(ReadError::Gone));
    assert!(matches!(seen[0], Reading::Gnss(epoch) if epoch.fix == GnssFix::ThreeD));
    assert_eq!((gnss.counters().ubx, gnss.counters().checksum_errors), (2, 0));
}

#[test]
fn gpsd_that_is_not_there_is_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut gnss = GnssSource::new(setup(&format!("gpsd://{closed}"))).unwrap();
    let start = Instant::now();
    let mut failed = false;
    while !failed && start.elapsed() < Duration::from_secs(20) {
        let served = gnss.service(Time::ZERO, |_| {});
        failed = served.failed.is_some() || served.lost.is_some();
    }
    assert!(gnss.deadline() > Some(Time::ZERO));
}

/// A receiver on a pty, and what it told.
struct Rig {
    master: File,
    _slave: File,
    gnss: Box<GnssSource>,
    told: Vec<Observation>,
}

impl Rig {
    fn new() -> Self {
        let (master, slave, path) = pty();
        let gnss = GnssSource::new(setup(&format!("pty:{}", path.display()))).unwrap();
        Rig {
            master,
            _slave: slave,
            gnss,
            told: Vec::new(),
        }
    }

    fn at(&mut self, millis: i64, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
        let now = Time::<Mono>::from_nanos(Nanos::from_millis(millis).0);
        let mut left = bytes.len();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            let served = self.gnss.service(now, |observation| self.told.push(observation));
            left = left.saturating_sub(served.bytes);
            if left == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{left} bytes did not arrive");
    }

    fn fixes(&self) -> Vec<GnssFix> {
        let fix = |observation: &Observation| match observation.what {
            Reading::Gnss(epoch) => Some(epoch.fix),
            _ => None,
        };
        self.told.iter().filter_map(fix).collect()
    }
}

#[test]
fn an_epoch_becomes_one_observation() {
    let mut rig = Rig::new();
    let sentences = [
        nmea("GNRMC,120000.00,A,,,,,,,221126,,,A"),
        nmea("GNZDA,120000.00,22,11,2026,00,00"),
    ]
    .concat();
    let burst = [nav_pvt(NOON, 0, 0, 3, true, 9), sentences, nav_eoe(NOON)].concat();
    rig.at(50, &burst);
    let [epoch, live] = rig.told[..] else {
        panic!("{:?}", rig.told)
    };
    assert_eq!(
        (epoch.at, epoch.instance, epoch.port),
        (Time::from_nanos(50_000_000), Instance(2), Port(7))
    );
    assert_eq!(live.what, Reading::Nmea, "once per call");
    let Reading::Gnss(epoch) = epoch.what else { panic!() };
    assert_eq!((epoch.fix, epoch.fix_ok, epoch.used), (GnssFix::ThreeD, Some(true), 9));
    assert_eq!(epoch.t_acc, Some(Nanos(25)));
    assert!(epoch.utc.is_some());
}

#[test]
fn a_loss_does_not_wait_for_the_end_of_the_epoch() {
    let mut rig = Rig::new();
    rig.at(0, &[nav_pvt(NOON, 0, 0, 3, true, 9), nav_eoe(NOON)].concat());
    rig.at(1000, &nav_status(NOON + 1000, 0, false, 1, 5));
    assert_eq!(rig.fixes(), [GnssFix::ThreeD, GnssFix::None]);
    rig.at(1100, &nav_eoe(NOON + 1000));
    assert_eq!(rig.fixes().len(), 3);
}

#[test]
fn a_late_epoch_has_no_utc() {
    let mut rig = Rig::new();
    for second in 0..4u8 {
        rig.at(
            i64::from(second) * 1000,
            &nav_pvt(NOON + u32::from(second) * 1000, second, 0, 3, true, 9),
        );
    }
    let utc: Vec<bool> = rig
        .told
        .iter()
        .filter_map(|observation| match observation.what {
            Reading::Gnss(epoch) => Some(epoch.utc.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(utc, [false, false, true, true]);
}

/// A node that was restarted has three seconds to prove that its time is right; where NMEA's bursts end it does not know for two.
#[test]
fn nmea_tells_the_date_from_its_first_burst_on() {
    let mut rig = Rig::new();
    let mut dated = Vec::new();
    for second in 0..5 {
        let before = rig.told.len();
        let burst = [
            nmea(&format!("GNRMC,12000{second}.00,A,,,,,,,221126,,,A")),
            nmea("GNGSA,A,3,01,02,03,04,,,,,,,,,1.0,1.0,1.0,1"),
            nmea(&format!("GNZDA,12000{second}.00,22,11,2026,00,00")),
        ];
        rig.at(second * 1000, &burst.concat());
        let utc = rig
            .told
            .iter()
            .skip(before)
            .filter_map(|observation| match observation.what {
                Reading::Gnss(epoch) => epoch.utc.filter(|_| epoch.fix == GnssFix::ThreeD),
                _ => None,
            });
        dated.push(utc.map(|utc| utc.as_nanos() / 1_000_000_000 % 60).collect::<Vec<_>>());
    }
    // Once a second and never twice, neither at the beginning nor when the end of bursts is known.
    assert_eq!(dated, [[0], [1], [2], [3], [4]]);
    let mut other = Rig::new();
    other.at(0, &nmea("GNRMC,120000.00,V,,,,,,,221126,,,N"));
    assert!(other.fixes().is_empty(), "without a fix the burst is waited for");
}

#[test]
fn an_unplugged_receiver_is_gone_and_waited_for() {
    let mut rig = Rig::new();
    rig.at(0, &[nav_pvt(NOON, 0, 0, 3, true, 9), nav_eoe(NOON)].concat());
    let Rig {
        master,
        _slave,
        mut gnss,
        ..
    } = rig;
    drop((master, _slave));
    let mut told = Vec::new();
    let now = Time::from_nanos(1_000_000_000);
    let served = gnss.service(now, |observation| told.push(observation.what));
    assert_eq!((served.lost, told), (Some(ReadError::Gone), vec![Reading::GnssGone]));
    assert!(gnss.as_fd().is_none());
    let next = gnss.deadline().unwrap();
    assert_eq!(next, now + Nanos::from_millis(100));
    assert_eq!(gnss.service(now, |_| {}).failed, None, "not before its time");
    assert_eq!(gnss.service(next, |_| {}).failed, Some(OpenError::NoDevice));
    assert_eq!(gnss.deadline().unwrap(), next + Nanos::from_millis(200));
}

#[test]
fn a_position_held_by_configuration_is_held_from_the_first_epoch_on_and_after_a_reset() {
    let path = scratch("held", &[nav_pvt(NOON, 0, 0, 2, true, 9), nav_eoe(NOON)].concat());
    let epoch = |held: bool| {
        let mut gnss = GnssSource::new(setup(&format!("file:{}", path.display()))).unwrap();
        if held {
            gnss.set_position_held();
        }
        let mut told = vec![];
        while let Some(now) = gnss.deadline() {
            gnss.service(now, |observation| {
                if let Reading::Gnss(epoch) = observation.what {
                    told.push((epoch.fix, epoch.fixed_position, epoch.state));
                }
            });
        }
        told
    };
    assert_eq!(epoch(false), [(GnssFix::TwoD, false, GnssState::AcquiringSync)]);
    assert_eq!(epoch(true), [(GnssFix::TwoD, true, GnssState::Synchronized)]);
    std::fs::remove_file(path).unwrap();
    let mut receiver = Receiver::new(None);
    receiver.set_position_held();
    receiver.reset();
    assert!(receiver.epoch().fixed_position);
}

#[test]
fn a_recording_is_replayed_fast_or_an_epoch_a_second() {
    let mut capture = b"# comment with $GPRMC in it\n".to_vec();
    for second in 0..5u8 {
        let itow = NOON + u32::from(second) * 1000;
        capture.extend([nav_pvt(itow, second, 0, 3, true, 9), nav_eoe(itow)].concat());
    }
    let path = scratch("replay", &capture);
    let mut fast = GnssSource::new(setup(&format!("file:{}", path.display()))).unwrap();
    let mut epochs = 0;
    let mut count = |observation: Observation| epochs += u32::from(matches!(observation.what, Reading::Gnss(_)));
    while let Some(now) = fast.deadline() {
        assert!(fast.as_fd().is_none());
        fast.service(now, &mut count);
    }
    assert_eq!((epochs, fast.counters().skipped), (5, 0));

    let mut real = GnssSource::new(setup(&format!("file:{}@real", path.display()))).unwrap();
    let mut times = Vec::new();
    while let Some(now) = real.deadline() {
        real.service(now, |observation| {
            if matches!(observation.what, Reading::Gnss(_)) {
                times.push(observation.at.secs());
            }
        });
    }
    std::fs::remove_file(path).unwrap();
    assert_eq!(times, [0, 1, 2, 3, 4]);
}
