//! The clock's pulse through the kernel's PPS subsystem, `/dev/ppsN`.

use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use tgm_hwtest::rig::rig;
use tgm_phc::{OnePps, OpenError, Phc, PhcError, PpsDevice, PpsEdge, PpsEvent, PulseStatus};
use tgm_sys::{clock, pps, ptp};
use tgm_time::{Mono, Nanos, Time};

use crate::{clock, offering, offset, owned};

const SECOND: i64 = 1_000_000_000;

fn now() -> Time<Mono> {
    let reading = clock::system(clock::SystemClock::Boottime).unwrap();
    Time::from_parts(reading.sec, reading.nsec)
}

/// The source that the kernel made for a clock.
fn source_of(index: u32) -> Option<PathBuf> {
    let mut sources = fs::read_dir("/sys/class/pps").ok()?.filter_map(Result::ok);
    let ours = sources.find(|source| {
        fs::read_to_string(source.path().join("name")).is_ok_and(|name| name.trim() == format!("ptp{index}"))
    })?;
    Some(PathBuf::from("/dev").join(ours.file_name()))
}

/// Polls as a daemon does, until the pulse is there or not there as expected.
fn watch(signal: &mut OnePps, present: bool) -> PulseStatus {
    for _ in 0..200 {
        let status = signal.poll(now()).unwrap();
        if status.present == present {
            return status;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("not {present} within 10 s: {:?}", signal.poll(now()));
}

/// How far from a full second of the clock the pulse came, by what both clocks show before and after.
fn from_second(phc: &Phc, device: &PpsDevice) -> (PpsEvent, Nanos, Nanos) {
    let before = offset(phc);
    let event = device.wait(Nanos::from_secs(3)).unwrap().expect("no pulse");
    let after = offset(phc);
    let middle = before.offset + Nanos((after.offset - before.offset).0 / 2);
    let shown = (event.time.as_nanos() + middle.0).rem_euclid(SECOND);
    let off = Nanos(if shown > SECOND / 2 { shown - SECOND } else { shown });
    // And how much the clocks moved against each other meanwhile.
    let slack = before.uncertainty() + after.uncertainty() + (after.offset - before.offset).abs();
    (event, off, slack + Nanos(1_000))
}

#[test]
fn a_clock_that_feeds_no_kernels_pps_says_so() {
    let Some(rig) = rig("a_clock_that_feeds_no_kernels_pps_says_so", &["writes"]) else {
        return;
    };
    let owned = owned(&rig);
    if owned.phc.caps().pps {
        assert!(source_of(rig.card().phc_index).is_some());
        return;
    }
    assert_eq!(owned.phc.enable_kernel_pps(true), Err(PhcError::Unsupported));
    assert_eq!(ptp::enable_pps(owned.phc.as_fd(), false), Err(Errno::EOPNOTSUPP));
    assert_eq!(source_of(rig.card().phc_index), None);
}

#[test]
fn the_kernels_pulse_is_the_clocks_second() {
    let Some(rig) = rig("the_kernels_pulse_is_the_clocks_second", &["writes", "phc offer pps"]) else {
        return;
    };
    let _pps = offering(&rig, "phc offer pps on", "phc offer pps off");
    let owned = owned(&rig);
    let phc = &owned.phc;
    assert!(phc.caps().pps && clock(&rig).caps().pps);
    let path = source_of(rig.card().phc_index).expect("the kernel made no source");
    let device = PpsDevice::open(&path, PpsEdge::Assert).unwrap();
    assert_eq!(
        PpsDevice::open(&path, PpsEdge::Clear).unwrap_err(),
        OpenError::NoSuchEdge(path.clone())
    );
    assert_ne!(pps::capabilities(device.as_fd()).unwrap() & pps::PPS_CANWAIT, 0);
    assert_eq!(
        (device.last(), device.wait(Nanos::from_millis(1_500))),
        (Ok(None), Ok(None))
    );

    assert_eq!(clock(&rig).enable_kernel_pps(true), Err(PhcError::ReadOnly));
    phc.enable_kernel_pps(true).unwrap();
    let mut first = None;
    for by in [0, 250_000, -250_000] {
        phc.step(Nanos(by)).unwrap();
        let (event, off, slack) = from_second(phc, &device);
        println!("stepped by {by}: {event:?}, {off} ± {slack} off the clock's second");
        assert!(off.abs() <= slack, "{off} ± {slack}");
        first.get_or_insert(event);
    }
    let event = device.wait(Nanos::from_secs(3)).unwrap().unwrap();
    assert!(event.sequence >= first.unwrap().sequence + 3);
    phc.enable_kernel_pps(false).unwrap();
    let _ = device.wait(Nanos::from_millis(100)); // one that was on its way
    assert_eq!(device.wait(Nanos::from_millis(2_500)), Ok(None));
}

#[test]
fn presence_and_offset_are_told_from_a_source_of_the_kernel() {
    let Some(rig) = rig(
        "presence_and_offset_are_told_from_a_source_of_the_kernel",
        &["writes", "phc offer pps"],
    ) else {
        return;
    };
    let _pps = offering(&rig, "phc offer pps on", "phc offer pps off");
    let owned = owned(&rig);
    let path = source_of(rig.card().phc_index).expect("the kernel made no source");
    let mut signal = OnePps::from_pps(PpsDevice::open(path, PpsEdge::Assert).unwrap());
    assert!(!signal.poll(now()).unwrap().present);
    owned.phc.enable_kernel_pps(true).unwrap();
    let there = watch(&mut signal, true);
    // The pulse is early by the system's clock as far as the PHC is ahead of it.
    let ahead = offset(&owned.phc);
    let sum = (there.offset.unwrap() + ahead.offset).0.rem_euclid(SECOND);
    let sum = Nanos(sum.min(SECOND - sum));
    println!("{there:?}, the clock is {ahead:?}");
    assert!(sum <= ahead.uncertainty() + Nanos(100_000), "{sum}");
    assert!(
        there
            .spacing
            .is_some_and(|spacing| (spacing - Nanos(SECOND)).abs() < Nanos(200_000))
    );

    owned.phc.enable_kernel_pps(false).unwrap();
    let gone = watch(&mut signal, false);
    assert!(gone.age > Some(Nanos::from_millis(1_500)), "{gone:?}");
    owned.phc.enable_kernel_pps(true).unwrap();
    watch(&mut signal, true);
    owned.phc.enable_kernel_pps(false).unwrap();
}

#[test]
fn a_source_that_goes_says_so() {
    let Some(rig) = rig("a_source_that_goes_says_so", &["writes", "phc offer pps"]) else {
        return;
    };
    let undo = offering(&rig, "phc offer pps on", "phc offer pps off");
    let path = source_of(rig.card().phc_index).expect("the kernel made no source");
    assert!(PpsDevice::open(&path, PpsEdge::Assert).is_ok());
    drop(undo);
    assert_eq!(source_of(rig.card().phc_index), None);
    assert_eq!(
        PpsDevice::open(&path, PpsEdge::Assert).unwrap_err(),
        OpenError::NoSuchDevice(path)
    );
}

/// For a machine with any `/dev/pps0`, whatever feeds it: a serial line whose carrier never changes is enough.
#[test]
fn a_pulse_source_answers_and_tells_that_there_is_no_pulse() {
    let Some(_rig) = rig("a_pulse_source_answers_and_tells_that_there_is_no_pulse", &[]) else {
        return;
    };
    let device = match PpsDevice::open("/dev/pps0", PpsEdge::Assert) {
        Ok(device) => device,
        Err(error) => {
            assert_eq!(error, OpenError::NoSuchDevice("/dev/pps0".into()));
            println!("no /dev/pps0");
            return;
        }
    };
    let params = pps::params(device.as_fd()).unwrap();
    println!("{params:?}, last {:?}", device.last());
    assert_eq!(params.api_version, 1);
    let capabilities = pps::capabilities(device.as_fd()).unwrap();
    assert_ne!(capabilities & pps::PPS_CANWAIT, 0, "{capabilities:#x}");
    let before = now();
    let pulse = device.wait(Nanos::from_millis(1_500)).unwrap();
    if pulse.is_none() {
        assert!(now() - before >= Nanos::from_millis(1_400), "it did not wait");
        let mut signal = OnePps::from_pps(device);
        assert!(!signal.poll(now()).unwrap().present);
    }
}
