//! Settings that change what a DPLL does: embedded sync, reference-sync pairs, averaging. Each is set, read back, notified, and has its
//! effect; where it is not offered it is refused.

use std::time::{Duration, Instant};

use tgm_dpll::kinds::PinState;
use tgm_dpll::{Control, DeviceSet, Error, OtherSet, ParentSet, PinSet};
use tgm_hwtest::rig::{Rig, Undo, rig, skipped};

use crate::stage::{self, Ear};

/// Longer than anything here takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(60);
/// 10 MHz.
const TEN: u64 = 10_000_000;
/// A poll so rare that nothing is notified but what is set.
const RARE: &str = "poll_ms 60000";
/// And one so frequent that an effect is seen soon.
const OFTEN: &str = "poll_ms 50";

/// Puts the pins and DPLLs back that the tests of this file change.
const BACK: &str = "pps gnss on; pps sma1 off; pin SMA1 phase 0; pin SMA1 signal off; pin CVL-SDP20 signal off; dpll pps auto; poll_ms 500";

/// A card that locks soon, with a pulse at SMA1.
fn prepared(rig: &Rig) -> Undo<'_> {
    rig.temporarily("lock_s 1; hoacq_s 1; pps sma1 on; pin SMA1 signal on", BACK)
        .unwrap()
}

fn set_pin(control: &mut Control, id: u32, what: impl FnOnce(&mut PinSet)) -> Result<(), Error> {
    let mut set = PinSet::new(id);
    what(&mut set);
    control.change_pin(&set)
}

/// A frequency that is set back to 1 Hz in the end.
struct Frequency(u32);

impl Drop for Frequency {
    fn drop(&mut self) {
        let mut control = Control::open().unwrap();
        let _ = set_pin(&mut control, self.0, |set| set.frequency = Some(1)); // after a test that failed
    }
}

fn at_ten(control: &mut Control, pin: u32) -> Frequency {
    set_pin(control, pin, |set| set.frequency = Some(TEN)).unwrap();
    Frequency(pin)
}

/// Does something that the kernel tells everybody of, and nothing else does meanwhile.
fn notified(rig: &Rig, ear: &mut Ear, what: impl FnOnce()) {
    rig.control(RARE).unwrap();
    ear.listen(1, |_| false);
    let before = ear.monitor.counters().notifications;
    what();
    let heard = ear.listen(10, |ear| ear.monitor.counters().notifications > before);
    rig.control(OFTEN).unwrap();
    assert!(heard, "a change that nobody was told of");
}

pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether the device follows an input.
fn is_locked(control: &mut Control, device: u32) -> bool {
    let status = control.device(device, |device| device.lock_status).unwrap();
    status.is_some_and(tgm_core::LockStatus::is_locked)
}

/// What the device makes of the pin.
fn state(control: &mut Control, pin: u32, device: u32) -> Option<PinState> {
    let of = |parent: &tgm_dpll::ParentDevice| parent.parent_id == Some(device);
    let read = control.pin(pin, |pin| pin.parent_devices.iter().find(of)).unwrap();
    read.and_then(|parent| parent.state)
}

#[test]
fn embedded_sync_makes_a_second_of_10_mhz() {
    const NAME: &str = "embedded_sync_makes_a_second_of_10_mhz";
    let needs = [
        "device:dpll",
        "writes",
        "poll_ms 50",
        "pps gnss off",
        "pin SMA1 signal on",
    ];
    let Some(rig) = rig(NAME, &needs) else { return };
    let _back = prepared(&rig);
    let mut control = Control::open().unwrap();
    let (sma1, pps) = (stage::pin(&rig, &mut control, "SMA1"), stage::pps(&rig, &mut control));
    let mut ear = Ear::open(&rig);
    ear.synced();
    // With 1 Hz there is nothing to embed a pulse in: not offered, not sent, and refused by the driver where it is sent.
    let unasked = set_pin(&mut control, sma1, |set| set.esync_frequency = Some(1));
    assert!(matches!(unasked, Err(Error::NotAllowed { .. })), "{unasked:?}");
    let mut set = PinSet::new(sma1);
    set.esync_frequency = Some(1);
    let refused = control.set_pin(&set);
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    println!("{}: {}; {}", rig.kernel, unasked.unwrap_err(), refused.unwrap_err());
    let _frequency = at_ten(&mut control, sma1);
    let read = |control: &mut Control| {
        let read = control.pin(sma1, |pin| {
            let offered: Vec<_> = pin.esync_frequency_supported.iter().collect();
            (
                pin.esync_frequency,
                pin.esync_pulse.filter(|pulse| *pulse != 0),
                offered,
            )
        });
        read.unwrap()
    };
    let (none, no_pulse, offered) = read(&mut control);
    assert_eq!((none, no_pulse), (Some(0), None));
    assert!(offered.iter().any(|range| range.contains(1)), "{offered:?}");
    rig.control("pps gnss off").unwrap();
    rig.control(OFTEN).unwrap();
    until("10 MHz alone are no second", || !is_locked(&mut control, pps));
    notified(&rig, &mut ear, || {
        set_pin(&mut control, sma1, |set| set.esync_frequency = Some(1)).unwrap();
    });
    let (set, pulse, _) = read(&mut control);
    assert_eq!((set, pulse), (Some(1), Some(25)), "Hz, and per cent of a period");
    until("the lock on the embedded pulse", || is_locked(&mut control, pps));
    assert_eq!(state(&mut control, sma1, pps), Some(PinState::Connected));
    notified(&rig, &mut ear, || {
        set_pin(&mut control, sma1, |set| set.esync_frequency = Some(0)).unwrap();
    });
    until("the pulse is gone", || !is_locked(&mut control, pps));
    assert_eq!(read(&mut control).0, Some(0));
}

#[test]
fn a_reference_sync_pair_is_clock_and_pulse() {
    const NAME: &str = "a_reference_sync_pair_is_clock_and_pulse";
    let needs = [
        "device:dpll",
        "writes",
        "poll_ms 50",
        "pps gnss off",
        "pin CVL-SDP20 signal on",
    ];
    let Some(rig) = rig(NAME, &needs) else { return };
    let _back = prepared(&rig);
    let mut control = Control::open().unwrap();
    let (sma1, sdp20) = (
        stage::pin(&rig, &mut control, "SMA1"),
        stage::pin(&rig, &mut control, "CVL-SDP20"),
    );
    let pps = stage::pps(&rig, &mut control);
    // Which of the two names the other is the driver's choice.
    let other_of = |control: &mut Control, pin: u32, other: u32| {
        let read = control.pin(pin, |pin| {
            pin.reference_sync.iter().find(|known| known.id == Some(other))
        });
        read.unwrap().and_then(|known| known.state)
    };
    let ways = [(sdp20, sma1), (sma1, sdp20)];
    let found = ways
        .into_iter()
        .find(|(pin, other)| other_of(&mut control, *pin, *other).is_some());
    let Some((pin, other)) = found else {
        return skipped(NAME, &format!("{} has no reference-sync pairs", rig.kernel));
    };
    let mut ear = Ear::open(&rig);
    ear.synced();
    let _frequency = at_ten(&mut control, sdp20);
    let towards = |control: &mut Control, state: PinState| {
        let mut set = PinSet::new(sma1);
        set.parent_devices.push(ParentSet {
            parent_id: pps,
            state: Some(state),
            ..ParentSet::default()
        });
        control.change_pin(&set).unwrap();
    };
    // By itself SMA1 would do.
    towards(&mut control, PinState::Disconnected);
    rig.control("pps gnss off; pin CVL-SDP20 signal on; pin SMA1 phase 3000")
        .unwrap();
    rig.control(OFTEN).unwrap();
    until("a clock alone is no second", || !is_locked(&mut control, pps));
    let pair = |control: &mut Control, state: PinState| {
        set_pin(control, pin, |set| {
            set.reference_sync.push(OtherSet { id: other, state })
        })
    };
    notified(&rig, &mut ear, || pair(&mut control, PinState::Connected).unwrap());
    assert_eq!(other_of(&mut control, pin, other), Some(PinState::Connected));
    until("the lock on the pair", || is_locked(&mut control, pps));
    assert_eq!(state(&mut control, sdp20, pps), Some(PinState::Connected));
    notified(&rig, &mut ear, || pair(&mut control, PinState::Disconnected).unwrap());
    assert_eq!(other_of(&mut control, pin, other), Some(PinState::Disconnected));
    until("the pair is none any more", || !is_locked(&mut control, pps));
    towards(&mut control, PinState::Selectable);
    let alone = pair(&mut control, PinState::Selectable);
    println!("{}: {alone:?}", rig.kernel);
    assert!(alone.is_err(), "a pair is connected or not");
}

#[test]
fn a_phase_offset_is_averaged_by_its_factor() {
    const NAME: &str = "a_phase_offset_is_averaged_by_its_factor";
    let needs = [
        "device:dpll",
        "writes",
        "poll_ms 60000",
        "dpll offer on",
        "dpll pps phase 0",
    ];
    let Some(rig) = rig(NAME, &needs) else { return };
    let _offer = rig.temporarily("dpll offer on", "dpll offer off").unwrap();
    let _back = prepared(&rig);
    let mut control = Control::open().unwrap();
    let (gnss, pps) = (
        stage::pin(&rig, &mut control, "GNSS-1PPS"),
        stage::pps(&rig, &mut control),
    );
    let factor = |control: &mut Control| control.device(pps, |device| device.phase_offset_avg_factor).unwrap();
    let Some(before) = factor(&mut control) else {
        return skipped(NAME, &format!("{} knows no averaging factor", rig.kernel));
    };
    rig.control("pps gnss on").unwrap();
    stage::settled(&rig, &mut control);
    let mut ear = Ear::open(&rig);
    ear.synced();
    let set = |control: &mut Control, factor: u32| {
        let mut set = DeviceSet::new(pps);
        set.phase_offset_avg_factor = Some(factor);
        control.change_device(&set)
    };
    // The card looks once for each phase that it is told, and not by itself meanwhile.
    let shows = |control: &mut Control, ps: i64| {
        rig.control(&format!("{RARE}; dpll pps phase {ps}")).unwrap();
        let of = |parent: &tgm_dpll::ParentDevice| parent.parent_id == Some(pps);
        let read = control.pin(gnss, |pin| pin.parent_devices.iter().find(of)).unwrap();
        read.and_then(|parent| parent.phase_offset).map(|offset| offset.0)
    };
    set(&mut control, 0).unwrap();
    assert_eq!(shows(&mut control, 0), Some(0));
    notified(&rig, &mut ear, || set(&mut control, 2).unwrap());
    assert_eq!(factor(&mut control), Some(2));
    // A quarter of what is new, each time: fs of 16 ns.
    let averaged = [4_000_000, 7_000_000, 9_250_000];
    for expected in averaged {
        assert_eq!(shows(&mut control, 16_000), Some(expected));
    }
    set(&mut control, 0).unwrap();
    assert_eq!(shows(&mut control, 16_000), Some(16_000_000));
    let refused = set(&mut control, 16).unwrap_err();
    println!("{refused}");
    assert!(refused.to_string().contains("averaging factor"), "{refused}");
    assert_eq!(factor(&mut control), Some(0));
    set(&mut control, before).unwrap();
}
