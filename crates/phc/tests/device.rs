//! Against a real kernel: `/dev/ptp0`, or the clock that TGM_PTP names. Skipped where there is none.
//!
//! Tests that change a clock's settings run on the simulated card only (`/sys/kernel/debug/e810sim`), never on hardware.
//! Under the rig: `CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="rig run --" cargo test -p tgm-phc --test device`; with
//! `rig run --modargs xts=1 --` the card latches both clocks. Two tests are asked for by name: `-- --ignored overflow` (with
//! `rig run --warp --`, it takes two minutes of the guest's time) and `-- --ignored unplug` (it removes the driver).
#![allow(clippy::unwrap_used)] // clippy's leave for tests does not reach their helpers

use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use tgm_core::{Instance, Port, Reading};
use tgm_phc::{
    Edge, ExttsEvent, ExttsReader, Method, OffsetMeter, OpenError, Phc, PhcError, PhcSource, PinFunction, Ppb, Ppt,
    SharedQueue, Stamp, Stamper, SysOffset, SysRoot,
};
use tgm_sys::clock::{self, SystemClock};
use tgm_sys::{ethtool, ptp};
use tgm_time::{Nanos, Time, Utc};

/// One test at a time: they share the card.
static CARD: Mutex<()> = Mutex::new(());
/// Controls of the simulated card.
const CONTROL: &str = "/sys/kernel/debug/e810sim/card0/ctl";
/// Channel of the simulated card that the receiver's pulse comes in on.
const GNSS_CHANNEL: u32 = 0;

fn device() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    let path = PathBuf::from(std::env::var_os("TGM_PTP").unwrap_or_else(|| "/dev/ptp0".into()));
    if path.exists() {
        Some((path, CARD.lock().unwrap_or_else(PoisonError::into_inner)))
    } else {
        println!("skipped: no {}", path.display());
        None
    }
}

fn simulated() -> Option<(PathBuf, MutexGuard<'static, ()>)> {
    let device = device()?;
    if fs::metadata(CONTROL).is_ok() && device.0.as_os_str() == "/dev/ptp0" {
        Some(device)
    } else {
        println!(
            "skipped: {} is no simulated card, and real ones are not changed",
            device.0.display()
        );
        None
    }
}

fn control(command: &str) {
    fs::write(CONTROL, command).unwrap();
}

fn realtime() -> Time<Utc> {
    let now = clock::system(SystemClock::Realtime).unwrap();
    Time::from_parts(now.sec, now.nsec)
}

fn measure(phc: &Phc) -> SysOffset {
    OffsetMeter::default().measure(phc).unwrap()
}

/// Waits until a pulse is there or `seconds` have passed.
fn wait(reader: &ExttsReader, seconds: u16) -> bool {
    let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, seconds * 1_000).unwrap() > 0
}

fn collect(reader: &mut ExttsReader, wanted: usize) -> Vec<ExttsEvent> {
    let mut events = Vec::new();
    while events.len() < wanted && wait(reader, 5) {
        events.extend_from_slice(reader.read().unwrap());
    }
    events.truncate(wanted); // one more may have come meanwhile
    events
}

#[test]
fn capabilities() {
    let Some((path, _card)) = device() else { return };
    let phc = Phc::open_read_only(&path).unwrap();
    println!(
        "{:?}\n{:?}\nfrequency {:?}",
        phc.caps(),
        phc.pins().unwrap(),
        phc.frequency()
    );
    assert_eq!(phc.pins().unwrap().len(), phc.caps().pins as usize);
    assert!(phc.pin(phc.caps().pins).is_err());
    if fs::metadata(CONTROL).is_ok() {
        let caps = phc.caps();
        assert_eq!(
            (caps.max_adjustment, caps.extts_channels, caps.pins),
            (Ppb(100_000_000), 3, 5)
        );
        assert_eq!(
            (caps.periodic_outputs, caps.pps, caps.phase_adjustment),
            (4, false, None)
        );
        let pin = phc.pin(0).unwrap();
        assert_eq!(
            (pin.name.as_str(), pin.function, pin.channel),
            ("GNSS", PinFunction::Extts, GNSS_CHANNEL)
        );
        assert_eq!(phc.frequency(), Ok(Ppt(0)));
    }
}

#[test]
fn the_offset_agrees_with_reading_both_clocks_one_after_the_other() {
    let Some((path, _card)) = device() else { return };
    let phc = Phc::open_read_only(&path).unwrap();
    for _ in 0..20 {
        let before = realtime();
        let time = phc.time().unwrap();
        let after = realtime();
        let measured = measure(&phc);
        // What reading by hand allows: PHC minus anything between before and after. The clocks drift apart by less than 1 µs
        // in between (100 ppm for 10 ms).
        let most = Nanos(time.as_nanos() - before.as_nanos() + 1_000);
        let least = Nanos(time.as_nanos() - after.as_nanos() - 1_000);
        let (low, high) = (
            measured.offset - measured.uncertainty(),
            measured.offset + measured.uncertainty(),
        );
        assert!(low <= most && high >= least, "{measured:?} not within {least} … {most}");
        assert!(measured.at >= after);
    }
}

#[test]
fn the_best_method_is_what_the_clock_says_it_has() {
    let Some((path, _card)) = device() else { return };
    let phc = Phc::open_read_only(&path).unwrap();
    let mut meter = OffsetMeter::default();
    let measured = meter.measure(&phc).unwrap();
    println!("{measured:?}");
    assert_eq!(meter.method(), Some(measured.method));
    if phc.caps().cross_timestamping {
        assert_eq!((measured.method, measured.delay), (Method::Precise, Nanos::ZERO));
    } else {
        assert_eq!(Stamper::precise(&phc), Err(Errno::EOPNOTSUPP));
        assert_ne!(measured.method, Method::Precise);
    }
}

#[test]
fn extended_and_basic_agree_within_their_windows() {
    let Some((path, _card)) = device() else { return };
    let phc = Phc::open_read_only(&path).unwrap();
    /// Leaves out the better methods.
    struct Only<'a>(&'a Phc, Method);
    impl Stamper for Only<'_> {
        fn precise(&self) -> Result<ptp::SysOffsetPrecise, Errno> {
            Err(Errno::EOPNOTSUPP)
        }
        fn extended(&self, samples: u32) -> Result<ptp::SysOffsetExtended, Errno> {
            if self.1 == Method::Extended {
                self.0.extended(samples)
            } else {
                Err(Errno::EOPNOTSUPP)
            }
        }
        fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno> {
            self.0.basic(samples)
        }
    }
    let basic = OffsetMeter::default().measure(&Only(&phc, Method::Basic)).unwrap();
    assert_eq!(basic.method, Method::Basic);
    let Ok(extended) = OffsetMeter::new(25).measure(&Only(&phc, Method::Extended)) else {
        return;
    };
    println!("{extended:?}\n{basic:?}");
    let apart = (extended.offset - basic.offset).abs();
    assert!(apart <= extended.uncertainty() + basic.uncertainty() + Nanos(1_000));
}

#[test]
fn a_step_of_the_clock_is_seen_whole() {
    let Some((path, _card)) = simulated() else { return };
    let phc = Phc::open_read_only(path).unwrap();
    let before = measure(&phc);
    control("phc step 250000000");
    let after = measure(&phc);
    control("phc step -250000000");
    let step = after.offset - before.offset;
    assert!(
        (step - Nanos(250_000_000)).abs() < before.uncertainty() + after.uncertainty() + Nanos(1_000),
        "{step}"
    );
}

#[test]
fn a_fault_is_an_error_that_passes() {
    let Some((path, _card)) = simulated() else { return };
    let phc = Phc::open_read_only(path).unwrap();
    if phc.caps().cross_timestamping {
        println!("skipped: the simulated fault does not concern the latch");
        return;
    }
    let mut source = PhcSource::new(phc, OffsetMeter::default(), None, Instance(0), Port(0));
    control("phc error on");
    let during = source.sample(Time::ZERO);
    control("phc error off");
    assert_eq!(
        (during, source.last_error()),
        (None, Some(PhcError::Kernel(Errno::EIO)))
    );
    assert!(matches!(
        source.sample(Time::ZERO).map(|seen| seen.what),
        Some(Reading::SystemClock { .. })
    ));
}

#[test]
fn a_read_only_clock_cannot_be_changed() {
    let Some((path, _card)) = simulated() else { return };
    let phc = Phc::open_read_only(path).unwrap();
    assert_eq!(phc.request_extts(GNSS_CHANNEL, Edge::Rising), Err(PhcError::ReadOnly));
    // The kernel thinks the same.
    let request = ptp::ExttsRequest {
        index: GNSS_CHANNEL,
        flags: 3,
        rsv: [0; 2],
    };
    assert_eq!(ptp::request_extts(phc.as_fd(), request), Err(Errno::EACCES));
    assert_eq!(ptp::set_pin(phc.as_fd(), ptp::PinDesc::default()), Err(Errno::EACCES));
    assert_eq!(
        ptp::request_perout(phc.as_fd(), ptp::PeroutRequest::default()),
        Err(Errno::EACCES)
    );
}

#[test]
fn two_readers_get_every_pulse_that_a_third_asked_for() {
    let Some((path, _card)) = simulated() else { return };
    let owner = Phc::open_writable(&path).unwrap();
    let mut first = ExttsReader::open(&path, GNSS_CHANNEL, SharedQueue::Refuse).unwrap();
    let mut second = ExttsReader::open(&path, GNSS_CHANNEL, SharedQueue::Refuse).unwrap();
    let mut deaf = ExttsReader::open(&path, 2, SharedQueue::Refuse).unwrap();
    owner.request_extts(GNSS_CHANNEL, Edge::Rising).unwrap();
    let seen = collect(&mut first, 3);
    let also = collect(&mut second, 3);
    // The owner's own queue, which nobody masked, as ts2phc would read it.
    let mut ours = ExttsReader::over(owner.as_fd().try_clone_to_owned().unwrap(), GNSS_CHANNEL);
    let owned = collect(&mut ours, 3);
    owner.stop_extts(GNSS_CHANNEL).unwrap();
    println!("{seen:#?}");
    assert_eq!(seen.len(), 3);
    assert_eq!(seen, also);
    assert_eq!(seen, owned);
    for pair in seen.windows(2) {
        let [Stamp::At(a), Stamp::At(b)] = [pair[0].stamp, pair[1].stamp] else {
            panic!("offsets: {pair:?}")
        };
        assert_eq!(b - a, Nanos::from_secs(1));
    }
    assert!(seen.iter().all(|event| event.channel == GNSS_CHANNEL));
    assert_eq!(
        (first.stats().stamps, first.stats().missed, first.stats().irregular),
        (3, 0, 0)
    );
    // Another channel's reader was not woken.
    assert_eq!(deaf.read(), Ok(&[][..]));
}

#[test]
fn reading_an_empty_queue_does_not_wait() {
    let Some((path, _card)) = device() else { return };
    match ExttsReader::open(&path, 0, SharedQueue::Refuse) {
        Ok(mut reader) => {
            // In a thread, because a read that waits would wait for ever.
            let (done, when) = std::sync::mpsc::channel();
            std::thread::spawn(move || done.send(reader.read().map(<[ExttsEvent]>::len)));
            assert!(matches!(when.recv_timeout(Duration::from_secs(5)), Ok(Ok(_))));
        }
        Err(error) => println!("skipped: {error}"),
    }
}

#[test]
fn a_channel_that_is_not_there_is_refused() {
    let Some((path, _card)) = device() else { return };
    let channels = Phc::open_read_only(&path).unwrap().caps().extts_channels;
    let refused = ExttsReader::open(&path, channels, SharedQueue::Refuse).unwrap_err();
    assert_eq!(
        refused,
        OpenError::NoSuchChannel {
            path,
            channel: channels,
            channels
        }
    );
}

#[test]
fn a_source_tells_pulses_with_their_second() {
    let Some((path, _card)) = simulated() else { return };
    let owner = Phc::open_writable(&path).unwrap();
    let reader = ExttsReader::open(&path, GNSS_CHANNEL, SharedQueue::Refuse).unwrap();
    let phc = Phc::open_read_only(&path).unwrap();
    let mut source = PhcSource::new(phc, OffsetMeter::default(), Some(reader), Instance(1), Port(2));
    control("pps gnss offset 150");
    owner.request_extts(GNSS_CHANNEL, Edge::Rising).unwrap();
    let mut fds = [PollFd::new(source.pulse_fd().unwrap(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, 5_000u16).unwrap();
    let shown = source.clock().time().unwrap();
    let mut seen = Vec::new();
    source.pulses(Time::from_nanos(7), |observation| seen.push(observation));
    owner.stop_extts(GNSS_CHANNEL).unwrap();
    control("pps gnss offset 0");
    println!("{seen:?}, the clock showed {shown:?}");
    assert_eq!((ready, seen.len()), (1, 1));
    let Reading::Pulse { second, offset } = seen[0].what else {
        panic!("{:?}", seen[0])
    };
    assert_eq!(
        (seen[0].at, seen[0].instance, seen[0].port),
        (Time::from_nanos(7), Instance(1), Port(2))
    );
    // The card starts at true time and its clock is as good as the crystal that the test left alone.
    assert!((offset - Nanos(150)).abs() < Nanos(10_000), "{offset}");
    assert!((shown.secs() - second).abs() <= 1);
}

#[test]
fn the_interface_leads_to_clock_and_receiver() {
    let Some((path, _card)) = simulated() else { return };
    let root = SysRoot::default();
    for interface in ["ens1f0", "ens1f1"] {
        // Each way by itself, so that neither hides the other's failure.
        assert_eq!(ethtool::ts_info(interface).unwrap().phc_index, 0);
        assert_eq!(SysRoot::new("/sys/..").phc_of(interface), Ok(Some(0)));
        let card = root.card(interface).unwrap();
        println!("{card:?}");
        assert_eq!(
            (card.phc, card.gnss, card.pci, card.clock_id),
            (Some(0), Some(0), None, None)
        );
    }
    assert_eq!(root.phc_node(0), path);
    assert!(root.gnss_node(0).exists());
    assert!(root.phc_name(0).unwrap().contains("e810sim"));
    assert_eq!(
        (root.gnss_type(0).as_deref(), root.phcs().as_slice()),
        (Some("UBX"), &[0][..])
    );
    assert_eq!(root.phc_of("lo"), Ok(None));
}

#[test]
fn every_number_of_readings_works_and_tells_its_cost() {
    let Some((path, _card)) = device() else { return };
    let phc = Phc::open_read_only(&path).unwrap();
    for samples in [1, 5, 25] {
        let mut meter = OffsetMeter::new(samples);
        meter.measure(&phc).unwrap();
        let start = Instant::now();
        let narrowest = (0..200).map(|_| meter.measure(&phc).unwrap().delay).min().unwrap();
        println!(
            "{samples} readings: {:?} each, narrowest window {narrowest}",
            start.elapsed() / 200
        );
    }
}

#[test]
#[ignore = "takes 135 s of the guest's time"]
fn overflow_of_the_queue_shows_as_missed_pulses() {
    let Some((path, _card)) = simulated() else { return };
    let owner = Phc::open_writable(&path).unwrap();
    let mut reader = ExttsReader::open(&path, GNSS_CHANNEL, SharedQueue::Refuse).unwrap();
    owner.request_extts(GNSS_CHANNEL, Edge::Rising).unwrap();
    assert_eq!(collect(&mut reader, 1).len(), 1);
    sleep(Duration::from_secs(135));
    owner.stop_extts(GNSS_CHANNEL).unwrap();
    let mut late = 0;
    loop {
        match reader.read().unwrap().len() {
            0 => break,
            n => late += n,
        }
    }
    println!("{late} stamps were left, {:?}", reader.stats());
    assert_eq!(late, ptp::EXTTS_QUEUE);
    assert!(reader.stats().missed >= 6);
    assert_eq!(reader.stats().stamps + reader.stats().missed, 136);
}

#[test]
#[ignore = "removes the simulated card's driver"]
fn unplugging_is_told_by_sample_and_by_pulse() {
    let Some((path, _card)) = simulated() else { return };
    let source = || {
        let reader = ExttsReader::open(&path, GNSS_CHANNEL, SharedQueue::Refuse).unwrap();
        let phc = Phc::open_read_only(&path).unwrap();
        PhcSource::new(phc, OffsetMeter::default(), Some(reader), Instance(0), Port(0))
    };
    let (mut sampled, mut listened) = (source(), source());
    assert!(sampled.sample(Time::ZERO).is_some());
    let module = if fs::exists("/sys/module/e810sim").unwrap() {
        "e810sim"
    } else {
        "ice"
    };
    let removed = Command::new("/rig/bin/busybox")
        .args(["rmmod", module])
        .status()
        .unwrap();
    assert!(removed.success());
    assert_eq!(sampled.sample(Time::ZERO).map(|seen| seen.what), Some(Reading::PhcGone));
    let mut seen = Vec::new();
    assert_eq!(
        listened.pulses(Time::ZERO, |observation| seen.push(observation.what)),
        1
    );
    assert_eq!(seen, [Reading::PhcGone]);
    assert_eq!(Phc::open_read_only(&path).unwrap_err(), OpenError::NoSuchDevice(path));
}
