//! Pins by name, periodic outputs as they are asked for. What comes out of them is in `looped`.

use std::fs;

use tgm_hwtest::rig::{Kind, Rig, rig};
use tgm_phc::{Perout, PeroutStart, PhcError, PinFunction};
use tgm_time::{Nanos, Time};

use crate::{clock, owned};

/// "function channel", as sysfs shows a pin.
fn in_sysfs(rig: &Rig, pin: &str) -> String {
    let path = format!("/sys/class/ptp/ptp{}/pins/{pin}", rig.card().phc_index);
    fs::read_to_string(path).unwrap().trim().to_owned()
}

#[test]
fn pins_are_told_by_name_as_sysfs_tells_them() {
    let Some(rig) = rig("pins_are_told_by_name_as_sysfs_tells_them", &[]) else {
        return;
    };
    let phc = clock(&rig);
    let pins = phc.pins().unwrap();
    assert_eq!(pins.len(), phc.caps().pins as usize);
    for pin in &pins {
        assert_eq!(
            in_sysfs(&rig, &pin.name.replace('/', "!")),
            format!("{} {}", u32::from(pin.function), pin.channel)
        );
        assert_eq!(phc.pin_named(&pin.name).as_ref(), Ok(pin));
    }
    assert_eq!(phc.pin_named("no such pin"), Err(PhcError::NoSuchPin));
    assert_eq!(phc.pin(phc.caps().pins), Err(PhcError::NoSuchPin));
}

#[test]
fn a_pin_gets_its_function_by_name_and_gives_it_up() {
    let Some(rig) = rig(
        "a_pin_gets_its_function_by_name_and_gives_it_up",
        &["writes", "pps sma1"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let (phc, before) = (&owned.phc, owned.phc.pin_named("SMA1").unwrap());
    for (function, channel, shown) in [
        (PinFunction::Perout, 1, "2 1"),
        (PinFunction::Extts, 2, "1 2"),
        (PinFunction::None, 0, "0 0"),
    ] {
        phc.set_pin_named("SMA1", function, channel).unwrap();
        assert_eq!(in_sysfs(&rig, "SMA1"), shown);
        let pin = phc.pin_named("SMA1").unwrap();
        assert_eq!((pin.function, pin.channel), (function, channel));
    }
    // Another pin that takes over function and channel takes them away.
    phc.set_pin_named("SMA1", PinFunction::Extts, 2).unwrap();
    phc.set_pin_named("SMA2", PinFunction::Extts, 2).unwrap();
    assert_eq!(
        (in_sysfs(&rig, "SMA1").as_str(), in_sysfs(&rig, "SMA2").as_str()),
        ("0 0", "1 2")
    );
    phc.set_pin_named("SMA2", PinFunction::None, 0).unwrap();

    let channels = phc.caps().extts_channels;
    assert_eq!(
        phc.set_pin_named("SMA1", PinFunction::Extts, channels),
        Err(PhcError::NoSuchChannel {
            channel: channels,
            channels
        })
    );
    assert_eq!(
        phc.set_pin_named("no such pin", PinFunction::None, 0),
        Err(PhcError::NoSuchPin)
    );
    assert_eq!(
        phc.set_pin(phc.caps().pins, PinFunction::None, 0),
        Err(PhcError::NoSuchPin)
    );
    // The receiver's pin only takes pulses in; nothing here has a PHY to synchronise.
    assert_eq!(
        phc.set_pin_named("GNSS", PinFunction::Perout, 0),
        Err(PhcError::Unsupported)
    );
    assert_eq!(
        phc.set_pin_named("SMA1", PinFunction::PhySync, 0),
        Err(PhcError::Unsupported)
    );
    assert_eq!(
        phc.set_pin_named("SMA1", PinFunction::Unknown(77), 0),
        Err(PhcError::Unsupported)
    );
    phc.set_pin_named("SMA1", before.function, before.channel).unwrap();
}

#[test]
fn a_periodic_output_starts_and_stops_as_the_card_sees_it() {
    let Some(rig) = rig(
        "a_periodic_output_starts_and_stops_as_the_card_sees_it",
        &["writes", "pps sma1"],
    ) else {
        return;
    };
    let owned = owned(&rig);
    let phc = &owned.phc;
    phc.set_pin_named("SMA1", PinFunction::Perout, 1).unwrap();
    // One of the simulated cards tells what it puts out.
    let expect = |wanted: Option<[&str; 2]>| {
        if rig.kind != Kind::E810sim {
            return;
        }
        let state = rig.state();
        let line = state.lines().find(|line| line.starts_with("perout1"));
        let as_wanted = match (line, wanted) {
            (Some(line), Some([period, start])) => line.contains(period) && line.contains(start),
            (None, None) => true,
            _ => false,
        };
        assert!(as_wanted, "{line:?} instead of {wanted:?}");
    };
    expect(None);

    let start = Time::from_parts(phc.time().unwrap().secs() + 2, 0);
    phc.start_perout(1, Perout::new(Nanos::from_millis(1_500), PeroutStart::At(start)))
        .unwrap();
    expect(Some([
        "period=1.500000000",
        &format!("start={}.000000000", start.secs()),
    ]));
    phc.start_perout(1, Perout::new(Nanos::from_secs(1), PeroutStart::Phase(Nanos(250))))
        .unwrap();
    expect(Some(["period=1.000000000", "start=0.000000250"]));

    // Duty cycle and one shot: put out, or refused by name; never something else instead.
    let signal = Perout::new(Nanos::from_secs(1), PeroutStart::Phase(Nanos::ZERO));
    for special in [signal.high_for(Nanos::from_millis(100)), signal.once()] {
        let answer = phc.start_perout(1, special);
        println!("{special:?}: {answer:?}");
        assert!(matches!(answer, Ok(()) | Err(PhcError::Unsupported)), "{answer:?}");
    }
    phc.stop_perout(1).unwrap();
    expect(None);

    let channels = phc.caps().periodic_outputs;
    assert_eq!(
        phc.start_perout(channels, signal),
        Err(PhcError::NoSuchChannel {
            channel: channels,
            channels
        })
    );
    assert_eq!(
        phc.start_perout(1, signal.high_for(Nanos::from_secs(1))),
        Err(PhcError::Period)
    );
    phc.set_pin_named("SMA1", PinFunction::None, 0).unwrap();
}
