//! What an E810's driver does not offer and others do: temperature, clock quality, the choice of an input by hand, measured frequencies,
//! operational states, a pin's direction. Each is read, set where it can be, and has its effect.

use tgm_core::status::InputQuality;
use tgm_core::{Origin, Reading};
use tgm_dpll::kinds::{
    ClockQualityLevel, DpllType, FeatureState, LockStatusError, Mode, OperState, PinCapabilities, PinDirection,
    PinState,
};
use tgm_dpll::{Control, DeviceKey, DeviceSet, Error, ParentDevice, ParentSet, PinSet};
use tgm_hwtest::rig::{Rig, Undo, rig, skipped};

use crate::effect::until;
use crate::stage::{self, Ear};

const NEEDS: [&str; 5] = [
    "device:dpll",
    "writes",
    "dpll offer on",
    "poll_ms 50",
    "pin SMA1 signal on",
];

/// A card that offers everything, locks soon and looks often.
fn offering(rig: &Rig) -> Undo<'_> {
    rig.temporarily(
        "dpll offer on; lock_s 1; hoacq_s 1; poll_ms 50",
        "pin SMA1 signal off; pin SMA1 ffo 0; dpll pps auto; poll_ms 500; dpll offer off",
    )
    .unwrap()
}

/// Whether this kernel has what came with 7.x; without the suite's name nothing is asked of it.
fn is_newest(rig: &Rig) -> bool {
    rig.suite.as_deref() == Some("sid")
}

fn eec(rig: &Rig, control: &mut Control) -> u32 {
    let key = DeviceKey::new(stage::board(rig), DpllType::Eec);
    control.find_device(&key).expect("an EEC")
}

/// The pin as one device has it.
fn towards(control: &mut Control, pin: u32, device: u32) -> ParentDevice {
    let of = |parent: &ParentDevice| parent.parent_id == Some(device);
    let read = control.pin(pin, |pin| pin.parent_devices.iter().find(of)).unwrap();
    read.expect("a parent")
}

fn set_towards(control: &mut Control, pin: u32, parent: ParentSet) {
    let mut set = PinSet::new(pin);
    set.parent_devices.push(parent);
    control.change_pin(&set).unwrap();
}

#[test]
fn temperature_quality_and_the_reason_of_a_loss_are_told() {
    const NAME: &str = "temperature_quality_and_the_reason_of_a_loss_are_told";
    let needs = [
        NEEDS.as_slice(),
        &["dpll eec temp 1", "dpll eec quality 1", "dpll pps error 1"],
    ]
    .concat();
    let Some(rig) = rig(NAME, &needs) else { return };
    let _back = offering(&rig);
    let mut control = Control::open().unwrap();
    stage::settled(&rig, &mut control);
    let (eec, pps) = (eec(&rig, &mut control), stage::pps(&rig, &mut control));
    let (temp, level) = control
        .device(eec, |device| {
            (device.temp, device.clock_quality_level.iter().next().copied())
        })
        .unwrap();
    let temp = temp.expect("a temperature");
    let mut ear = Ear::open(&rig);
    ear.synced();

    let undo = format!("dpll eec temp {temp}");
    let back = rig.temporarily("dpll eec temp 61234", &undo).unwrap();
    assert_eq!(control.device(eec, |device| device.temp).unwrap(), Some(61_234));
    let hot = |ear: &Ear| {
        let told = |what: &Reading| matches!(what, Reading::Temperature { millicelsius: 61_234 });
        ear.told.iter().any(|(_, what)| told(what))
    };
    assert!(ear.listen(10, hot), "{:?}", ear.told);
    drop(back);
    assert_eq!(control.device(eec, |device| device.temp).unwrap(), Some(temp));

    if let Some(level) = level {
        // Option I levels, and the category that each is worth.
        let levels = [
            (ClockQualityLevel::ItuOpt1SsuA, InputQuality::Category2),
            (ClockQualityLevel::ItuOpt1Prtc, InputQuality::Category1),
            (ClockQualityLevel::ItuOpt1Eec1, InputQuality::Unknown),
        ];
        let undo = format!("dpll eec quality {}", level.number());
        for (level, category) in levels {
            ear.told.clear();
            let _back = rig
                .temporarily(&format!("dpll eec quality {}", level.number()), &undo)
                .unwrap();
            let read = control.device(eec, |device| device.clock_quality_level.iter().copied().collect());
            let read: Vec<_> = read.unwrap();
            assert_eq!(read, [level]);
            let told = |ear: &Ear| {
                let is = |what: &Reading| matches!(what, Reading::EecQuality { quality, origin: Origin::Notification } if *quality == category);
                ear.told.iter().any(|(_, what)| is(what))
            };
            assert!(ear.listen(10, told), "{level:?}: {:?}", ear.told);
        }
    } else {
        assert!(!is_newest(&rig));
        skipped(NAME, &format!("{} knows no clock quality", rig.kernel));
    }

    // Only with unlocked and holdover does the kernel send it.
    let why = |control: &mut Control| control.device(pps, |device| device.lock_status_error).unwrap();
    let media = LockStatusError::MediaDown;
    let _none = rig
        .temporarily(&format!("dpll pps error {}", media.number()), "dpll pps error 0")
        .unwrap();
    assert_eq!(why(&mut control), None);
    let _auto = rig.temporarily("dpll pps force holdover", "dpll pps auto").unwrap();
    assert_eq!(why(&mut control), Some(media));
    let known = |ear: &Ear| {
        let device = ear.monitor.table().device(pps);
        device.is_some_and(|device| device.lock_status_error == Some(media))
    };
    assert!(ear.listen(10, known), "{:?}", ear.monitor.table().device(pps));
}

/// Also where nothing arrives: a pin without a signal must not take the others with it.
#[test]
fn frequencies_are_measured_at_every_input_with_a_signal_and_without() {
    const NAME: &str = "frequencies_are_measured_at_every_input_with_a_signal_and_without";
    let Some(rig) = rig(NAME, &NEEDS) else { return };
    let _back = offering(&rig);
    let mut control = Control::open().unwrap();
    let (eec, pps) = (eec(&rig, &mut control), stage::pps(&rig, &mut control));
    let known = control.device(pps, |device| device.frequency_monitor).unwrap();
    if known.is_none() {
        assert!(!is_newest(&rig));
        return skipped(NAME, &format!("{} knows no frequency monitor", rig.kernel));
    }
    let monitor = |control: &mut Control, state| {
        // The kernel asks the first device of a pin only, whichever that is.
        for device in [eec, pps] {
            let mut set = DeviceSet::new(device);
            set.frequency_monitor = Some(state);
            control.change_device(&set).unwrap();
            assert_eq!(
                control.device(device, |device| device.frequency_monitor).unwrap(),
                Some(state)
            );
        }
    };
    let board = stage::board(&rig);
    let measured = |control: &mut Control, label: &str| {
        let mut found = None;
        control
            .pins(|pin| {
                let is_it =
                    pin.clock_id == Some(board) && pin.board_label.is_some_and(|text| text.to_string() == label);
                if is_it {
                    found = Some(pin.measured_frequency);
                }
            })
            .unwrap();
        found.expect("a pin of this label")
    };
    let ppm = 1_000_000;
    rig.control(&format!("pin SMA1 signal on; pin SMA1 ffo {}", 500 * ppm))
        .unwrap();
    let sma1 = stage::pin(&rig, &mut control, "SMA1");
    let mut ten = PinSet::new(sma1);
    ten.frequency = Some(10_000_000);
    control.change_pin(&ten).unwrap();
    assert_eq!(measured(&mut control, "SMA1"), None, "nobody measures yet");
    monitor(&mut control, FeatureState::Enable);
    let mhz = measured(&mut control, "SMA1").expect("a measurement");
    assert!(mhz.abs_diff(10_005_000_000) <= 1_000, "{mhz} mHz of 10 MHz + 500 ppm");
    assert_eq!(measured(&mut control, "GNSS-1PPS"), Some(1_000));
    rig.control("pin SMA1 signal off").unwrap();
    assert_eq!(measured(&mut control, "SMA1"), Some(0), "nothing arrives");
    monitor(&mut control, FeatureState::Disable);
    assert_eq!(measured(&mut control, "SMA1"), None);
    ten.frequency = Some(1);
    control.change_pin(&ten).unwrap();
}

/// A device whose input is chosen by hand, until this is dropped.
struct ByHand(u32);

impl ByHand {
    fn begin(device: u32) -> Self {
        set_mode(device, Mode::Manual).unwrap();
        ByHand(device)
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = set_mode(self.0, Mode::Automatic); // also after a test that failed
    }
}

fn set_mode(device: u32, mode: Mode) -> Result<(), Error> {
    let mut set = DeviceSet::new(device);
    set.mode = Some(mode);
    Control::open()?.change_device(&set)
}

#[test]
fn an_input_is_followed_by_hand_and_says_what_it_does() {
    const NAME: &str = "an_input_is_followed_by_hand_and_says_what_it_does";
    let Some(rig) = rig(NAME, &NEEDS) else { return };
    let _back = offering(&rig);
    let mut control = Control::open().unwrap();
    stage::settled(&rig, &mut control);
    let pps = stage::pps(&rig, &mut control);
    let (gnss, sma1) = (
        stage::pin(&rig, &mut control, "GNSS-1PPS"),
        stage::pin(&rig, &mut control, "SMA1"),
    );
    let offered: Vec<Mode> = control
        .device(pps, |device| device.mode_supported.iter().copied().collect())
        .unwrap();
    if !offered.contains(&Mode::Manual) {
        assert!(!is_newest(&rig));
        return skipped(NAME, &format!("{} sets no mode", rig.kernel));
    }
    let does = |control: &mut Control, pin| towards(control, pin, pps).operstate;
    assert_eq!(does(&mut control, gnss), Some(OperState::Active));
    assert_eq!(does(&mut control, sma1), Some(OperState::NoSignal));
    rig.control("pin SMA1 signal on").unwrap();
    assert_eq!(does(&mut control, sma1), Some(OperState::Standby));
    let connect = |control: &mut Control, pin| {
        let parent = ParentSet {
            parent_id: pps,
            state: Some(PinState::Connected),
            ..ParentSet::default()
        };
        set_towards(control, pin, parent);
    };
    let by_hand = ByHand::begin(pps);
    assert_eq!(control.device(pps, |device| device.mode).unwrap(), Some(Mode::Manual));
    connect(&mut control, sma1);
    until("SMA1 is followed", || {
        does(&mut control, sma1) == Some(OperState::Active)
    });
    assert_eq!(does(&mut control, gnss), Some(OperState::Standby));
    drop(by_hand);
    assert_eq!(
        control.device(pps, |device| device.mode).unwrap(),
        Some(Mode::Automatic)
    );
    until("the first in priority is followed", || {
        does(&mut control, gnss) == Some(OperState::Active)
    });
}

#[test]
fn a_pin_that_is_turned_round_is_no_input_any_more() {
    const NAME: &str = "a_pin_that_is_turned_round_is_no_input_any_more";
    let Some(rig) = rig(NAME, &NEEDS) else { return };
    let _back = offering(&rig);
    let mut control = Control::open().unwrap();
    let (pps, sma1) = (stage::pps(&rig, &mut control), stage::pin(&rig, &mut control, "SMA1"));
    let flags = control.pin(sma1, |pin| pin.capabilities).unwrap();
    if !flags.is_some_and(|flags| flags.contains(PinCapabilities::DIRECTION_CAN_CHANGE)) {
        return skipped(
            NAME,
            "the card was loaded without `extras=1`: no pin can be turned round",
        );
    }
    rig.control("pin SMA1 signal on").unwrap();
    let _gnss = rig.temporarily("pps gnss off", "pps gnss on").unwrap();
    let state = |control: &mut Control| towards(control, sma1, pps).state;
    until("SMA1 is followed", || state(&mut control) == Some(PinState::Connected));
    let turn = |control: &mut Control, direction| {
        let parent = ParentSet {
            parent_id: pps,
            direction: Some(direction),
            ..ParentSet::default()
        };
        set_towards(control, sma1, parent);
        assert_eq!(towards(control, sma1, pps).direction, Some(direction));
    };
    turn(&mut control, PinDirection::Output);
    until("nothing is followed", || {
        state(&mut control) != Some(PinState::Connected)
    });
    turn(&mut control, PinDirection::Input);
    until("SMA1 is followed again", || {
        state(&mut control) == Some(PinState::Connected)
    });
}
