//! The counter below the clock, which nobody steers: read by itself, and under virtual clocks.

use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tgm_hwtest::rig::{rig, skipped};
use tgm_phc::measure_cycles;
use tgm_phc::{
    CrossMeter, CycleStamp, Method, OffsetMeter, PairMeter, Phc, PhcError, Ppb, Ppt, SAMPLES_MAX, SysRoot, SystemSide,
};
use tgm_sys::ptp;
use tgm_time::Nanos;

use crate::{clock, offering, offset, output, owned};

const SIDES: [SystemSide; 3] = [SystemSide::Realtime, SystemSide::Monotonic, SystemSide::MonotonicRaw];
/// What an oscillator that runs free may be off in the seconds of a test, beyond what is asked of it.
const SLACK: Nanos = Nanos(20_000);

/// Whether the kernel has requests for counters at all (6.12 has not, 7.2 has); says SKIPPED if not.
fn has_requests(test: &str, phc: &Phc) -> bool {
    let missing = ptp::sys_offset_extended_cycles(phc.as_fd(), 1, SystemSide::Realtime).err() == Some(Errno::ENOTTY);
    if missing {
        skipped(test, "this kernel has no PTP_SYS_OFFSET_EXTENDED_CYCLES");
    }
    !missing
}

fn raw(phc: &Phc) -> CycleStamp {
    measure_cycles(phc, SystemSide::MonotonicRaw, SAMPLES_MAX).unwrap()
}

/// How much more the counter counted than the system's raw clock between two readings.
fn gained(from: &CycleStamp, to: &CycleStamp) -> Nanos {
    (to.counter - from.counter) - (to.system - from.system)
}

#[test]
fn a_counter_is_read_by_the_best_request_that_there_is() {
    const NAME: &str = "a_counter_is_read_by_the_best_request_that_there_is";
    let needs = ["writes", "phc offer counter", "phc offer cross"];
    let Some(rig) = rig(NAME, &needs) else { return };
    if !has_requests(NAME, &clock(&rig)) {
        return;
    }
    rig.control("phc offer counter off; phc offer cross off").unwrap(); // it may have been loaded with them
    for side in SIDES {
        assert_eq!(measure_cycles(&clock(&rig), side, 5), Err(PhcError::Unsupported));
    }
    for (on, off, latched) in [
        ("phc offer counter on", "phc offer counter off", false),
        (
            "phc offer cross on; phc offer counter on",
            "phc offer counter off; phc offer cross off",
            true,
        ),
    ] {
        let _counter = offering(&rig, on, off);
        let phc = clock(&rig);
        for side in SIDES {
            let best = match side {
                SystemSide::Realtime | SystemSide::MonotonicRaw if latched => Method::Precise,
                _ => Method::Extended,
            };
            let stamp = measure_cycles(&phc, side, SAMPLES_MAX).unwrap();
            println!("{stamp:?}");
            assert_eq!((stamp.method, stamp.side), (best, side));
            assert_eq!(stamp.delay == Nanos::ZERO, best == Method::Precise);
            // It is another clock than the one above it.
            assert!((phc.time().unwrap().as_nanos() - stamp.counter.0).abs() > 1_000_000_000);
        }
        let precise = ptp::sys_offset_precise_cycles(phc.as_fd());
        assert_eq!(precise.is_ok(), latched, "{precise:?}");
        if latched {
            // Both requests tell the same counter, within the window of the one that has one.
            let (at_once, window) = (
                raw(&phc),
                ptp::sys_offset_extended_cycles(phc.as_fd(), 1, SystemSide::MonotonicRaw),
            );
            let [before, counter, after] =
                window.unwrap().ts[0].map(|time| time.sec * 1_000_000_000 + i64::from(time.nsec));
            let drifted = at_once.counter.0 - at_once.system.0;
            assert!(
                (counter - after - SLACK.0..=counter - before + SLACK.0).contains(&drifted),
                "{drifted} {before} {counter} {after}"
            );
        }
    }
}

#[test]
fn what_steers_the_clock_does_not_touch_the_counter() {
    const NAME: &str = "what_steers_the_clock_does_not_touch_the_counter";
    let needs = ["writes", "phc offer counter", "phc drift"];
    let Some(rig) = rig(NAME, &needs) else { return };
    if !has_requests(NAME, &clock(&rig)) {
        return;
    }
    let _counter = offering(&rig, "phc offer counter on", "phc offer counter off");
    let owned = owned(&rig);
    let phc = &owned.phc;
    let (shown, from) = (offset(phc), raw(phc));
    phc.set_frequency(owned.frequency + Ppt::from(Ppb(1_000_000))).unwrap();
    phc.step(Nanos::from_secs(3)).unwrap();
    sleep(Duration::from_millis(500));
    let (moved, to) = (offset(phc), raw(phc));
    phc.set_frequency(owned.frequency).unwrap();
    phc.step(Nanos::from_secs(-3)).unwrap();
    let counted = gained(&from, &to);
    println!(
        "the clock moved by {}, the counter by {counted}",
        moved.offset - shown.offset
    );
    assert!(moved.offset - shown.offset > Nanos::from_secs(3) + Nanos(400_000));
    assert!(
        counted.abs() <= from.uncertainty() + to.uncertainty() + SLACK,
        "{counted}"
    );

    // The oscillator's own error is in it.
    let drift = rig.temporarily("phc drift 200000000", "phc drift 0").unwrap();
    let from = raw(phc);
    sleep(Duration::from_millis(500));
    let to = raw(phc);
    drop(drift);
    let (counted, expected) = (gained(&from, &to), (to.system - from.system).0 / 5_000);
    println!(
        "drifted by {counted} in {}, 200 ppm are {expected}",
        to.system - from.system
    );
    assert!((counted.0 - expected).abs() <= (from.uncertainty() + to.uncertainty() + SLACK).0);
    assert!(expected >= 100_000);
}

/// Takes the virtual clocks away again.
struct Without<'a>(&'a SysRoot, u32);

impl Drop for Without<'_> {
    fn drop(&mut self) {
        let _ = self.0.set_vclocks(self.1, 0);
    }
}

#[test]
fn virtual_clocks_on_a_counter_leave_their_parent_to_be_steered() {
    let needs = ["writes", "phc offer counter", "phc offer cross"];
    let Some(rig) = rig("virtual_clocks_on_a_counter_leave_their_parent_to_be_steered", &needs) else {
        return;
    };
    let _counter = offering(
        &rig,
        "phc offer cross on; phc offer counter on",
        "phc offer counter off; phc offer cross off",
    );
    let (root, index) = (SysRoot::default(), rig.card().phc_index);
    let owned = owned(&rig);
    let parent = &owned.phc;
    root.set_vclocks(index, 1).unwrap();
    let _back = Without(&root, index);
    let child = root.vclocks(index).unwrap().clocks[0];
    let child = Phc::open_writable(root.phc_node(child)).unwrap();
    // Latched: the core converts what the counter showed at that instant.
    let mut meter = OffsetMeter::new(SAMPLES_MAX);
    child.set_time(parent.time().unwrap()).unwrap();
    let before = meter.measure(&child).unwrap();
    assert_eq!(before.method, Method::Precise);
    let by_window = CrossMeter::new(SystemSide::Monotonic, SAMPLES_MAX).measure(&child);
    println!("{before:?} {by_window:?}");

    parent.step(Nanos::from_secs(5)).unwrap();
    parent.set_frequency(owned.frequency + Ppt::from(Ppb(500_000))).unwrap();
    sleep(Duration::from_millis(300));
    let after = meter.measure(&child).unwrap();
    parent.set_frequency(owned.frequency).unwrap();
    parent.step(Nanos::from_secs(-5)).unwrap();
    let moved = after.offset - before.offset;
    println!("the parent was stepped by 5 s and made 500 ppm faster: its child moved by {moved}");
    assert!(moved.abs() <= SLACK, "{moved}");

    // And the other way round; a virtual clock is steered by itself.
    let shown = offset(parent);
    child.step(Nanos(-1_000_000)).unwrap();
    let stepped = meter.measure(&child).unwrap();
    child.set_frequency(Ppt::from(Ppb(-100_000))).unwrap();
    sleep(Duration::from_millis(500));
    let slower = meter.measure(&child).unwrap();
    let still = offset(parent);
    assert!((stepped.offset - after.offset + Nanos(1_000_000)).abs() <= SLACK);
    let (moved, took) = (slower.offset - stepped.offset, slower.at - stepped.at);
    println!(
        "{moved} in {took} at -100 ppm; the parent moved by {}",
        still.offset - shown.offset
    );
    // It was slower from after the first measurement on, for as long as this process slept and longer.
    let (most, least) = (-took.0 / 10_000 - SLACK.0, -50_000 + SLACK.0);
    assert!((most..=least).contains(&moved.0), "{moved} in {took}");
    let slack = SLACK + shown.uncertainty() + still.uncertainty();
    assert!((still.offset - shown.offset).abs() <= slack);
}

/// linuxptp's PTP on a virtual clock, until it is dropped.
struct Ptp4l(Child);

impl Ptp4l {
    fn start(interface: &str, clock: u32, role: &str) -> Self {
        let folder = std::env::temp_dir();
        let socket = |end: &str| folder.join(format!("tgm-phc.{interface}.{end}"));
        let child = Command::new("ptp4l")
            .args(["-2", "-q", "-i", interface, role, "1"])
            .args(["--phc_index", &clock.to_string(), "--first_step_threshold", "0.00002"])
            .args([
                "--step_threshold",
                "0.00002",
                "--logSyncInterval",
                "-2",
                "--logMinDelayReqInterval",
                "-2",
            ])
            .args(["--uds_address".as_ref(), socket("rw").as_os_str()])
            .args(["--uds_ro_address".as_ref(), socket("ro").as_os_str()])
            .spawn();
        Ptp4l(child.unwrap())
    }
}

impl Drop for Ptp4l {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The cable leads from one port of the card to the other. One end is told the time of the clock itself, the other is stamped for a virtual
/// clock, in counts of the counter: the kernel's conversion brings the virtual clock to the clock's time only if they are.
#[test]
fn frames_are_stamped_by_the_virtual_clock_of_their_socket() {
    const NAME: &str = "frames_are_stamped_by_the_virtual_clock_of_their_socket";
    let needs = ["writes", "phc offer counter", "program:ptp4l", "program:ip"];
    let Some(rig) = rig(NAME, &needs) else { return };
    let [first, second] = &rig.card().interfaces[..] else {
        panic!("{:?}", rig.card())
    };
    if rig.cards.len() > 1 {
        skipped(NAME, "with more cards the cables lead to other cards");
        return;
    }
    let _counter = offering(&rig, "phc offer counter on", "phc offer counter off");
    let (root, index) = (SysRoot::default(), rig.card().phc_index);
    let owned = owned(&rig);
    root.set_vclocks(index, 1).unwrap();
    let _back = Without(&root, index);
    let client = root.vclocks(index).unwrap().clocks[0];
    let behind = Phc::open_writable(root.phc_node(client)).unwrap();
    let time = owned.phc.time().unwrap();
    behind.set_time(time - Nanos::from_secs(7)).unwrap();
    for interface in [first, second] {
        output("ip", &["link", "set", interface, "up"]);
    }
    let mut meter = PairMeter::new(SAMPLES_MAX);
    let before = meter.measure(&owned.phc, &behind).unwrap();
    let _server = Ptp4l::start(first, index, "--serverOnly");
    let _client = Ptp4l::start(second, client, "--clientOnly");
    let patience = Instant::now() + Duration::from_secs(60);
    let after = loop {
        sleep(Duration::from_millis(500));
        let now = meter.measure(&owned.phc, &behind).unwrap();
        if now.offset.abs() <= now.uncertainty + Nanos(200) {
            break now;
        }
        assert!(Instant::now() < patience, "{before:?} {now:?}");
    };
    println!("{before:?}\n{after:?}");
    assert!(before.offset.abs() > Nanos::from_secs(6));
}
