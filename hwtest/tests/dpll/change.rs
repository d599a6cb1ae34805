//! Changes: each kind set and read back, refusals before the kernel and by it.

use tgm_dpll::kinds::{FeatureState, Mode, PinCapabilities, PinDirection, PinState};
use tgm_dpll::{Control, DeviceSet, Error, NotAllowed, OtherSet, ParentSet, PinSet};
use tgm_hwtest::rig::{Kind, rig};

use crate::stage;

const NEEDS: [&str; 3] = ["device:dpll", "writes", "dpll pps auto"];

fn towards(pin: u32, parent: ParentSet) -> PinSet {
    let mut set = PinSet::new(pin);
    set.parent_devices.push(parent);
    set
}

#[test]
fn a_pin_takes_every_kind_of_change() {
    let Some(rig) = rig("a_pin_takes_every_kind_of_change", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let (sma1, parent_id) = (stage::pin(&rig, &mut control, "SMA1"), stage::pps(&rig, &mut control));
    let change = |control: &mut Control, what: &dyn Fn(&mut PinSet)| {
        let mut set = PinSet::new(sma1);
        what(&mut set);
        control.change_pin(&set).unwrap_or_else(|error| panic!("{error}"));
    };
    for ps in [8578, -16_723, 16_723, 0] {
        change(&mut control, &|set| set.phase_adjust = Some(ps));
    }
    change(&mut control, &|set| set.frequency = Some(10_000_000));
    for hz in [1, 0] {
        change(&mut control, &|set| set.esync_frequency = Some(hz));
    }
    change(&mut control, &|set| set.frequency = Some(1));
    let whole = ParentSet {
        parent_id,
        prio: Some(5),
        state: Some(PinState::Disconnected),
        direction: None,
    };
    control.change_pin(&towards(sma1, whole)).unwrap();
    let (prio, state) = (Some(3), Some(PinState::Selectable));
    control
        .change_pin(&towards(sma1, ParentSet { prio, state, ..whole }))
        .unwrap();
    let turns = control
        .pin(sma1, |pin| {
            pin.capabilities
                .is_some_and(|flags| flags.contains(PinCapabilities::DIRECTION_CAN_CHANGE))
        })
        .unwrap();
    for direction in [PinDirection::Output, PinDirection::Input]
        .into_iter()
        .filter(|_| turns)
    {
        let way = ParentSet {
            parent_id,
            direction: Some(direction),
            ..ParentSet::default()
        };
        control.change_pin(&towards(sma1, way)).unwrap();
    }
    let mut pair = None;
    control
        .pins(|pin| {
            pair = pair.or(pin
                .reference_sync
                .iter()
                .next()
                .and_then(|other| Some((pin.id?, other.id?))))
        })
        .unwrap();
    let (pin, id) = pair.expect("a reference-sync pair");
    for state in [PinState::Connected, PinState::Disconnected] {
        let mut set = PinSet::new(pin);
        set.reference_sync.push(OtherSet { id, state });
        control.change_pin(&set).unwrap();
    }
}

#[test]
fn a_pin_below_a_mux_takes_its_state() {
    let Some(_rig) = rig("a_pin_below_a_mux_takes_its_state", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let mut child = None;
    control
        .pins(|pin| child = child.or(pin.parent_pins.iter().next().and_then(|mux| Some((pin.id?, mux.id?)))))
        .unwrap();
    let (pin, id) = child.expect("a recovered clock below a mux");
    for state in [PinState::Connected, PinState::Disconnected] {
        let mut set = PinSet::new(pin);
        set.parent_pins.push(OtherSet { id, state });
        control.change_pin(&set).unwrap();
    }
}

#[test]
fn a_device_takes_what_this_kernel_knows() {
    let Some(rig) = rig("a_device_takes_what_this_kernel_knows", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let pps = stage::pps(&rig, &mut control);
    let before = |control: &mut Control| {
        control
            .device(pps, |d| {
                (
                    d.mode,
                    d.phase_offset_monitor,
                    d.phase_offset_avg_factor,
                    d.frequency_monitor,
                )
            })
            .unwrap()
    };
    let (mode, phase, factor, frequency) = before(&mut control);
    let listed: Vec<Mode> = control
        .device(pps, |d| d.mode_supported.iter().copied().collect())
        .unwrap();
    let mut offered = 0;
    let mut turn = |offers: bool, there: DeviceSet, back: DeviceSet| {
        let taken = control.change_device(&there);
        assert_eq!(taken.is_ok(), offers, "{taken:?}");
        if offers {
            offered += 1;
            control.change_device(&back).unwrap();
        } else {
            println!("{}", taken.unwrap_err());
        }
    };
    let set = |change: &dyn Fn(&mut DeviceSet)| {
        let mut set = DeviceSet::new(pps);
        change(&mut set);
        set
    };
    let on = Some(FeatureState::Enable);
    turn(
        phase.is_some(),
        set(&|s| s.phase_offset_monitor = on),
        set(&|s| s.phase_offset_monitor = phase),
    );
    turn(
        frequency.is_some(),
        set(&|s| s.frequency_monitor = on),
        set(&|s| s.frequency_monitor = frequency),
    );
    turn(
        factor.is_some(),
        set(&|s| s.phase_offset_avg_factor = Some(4)),
        set(&|s| s.phase_offset_avg_factor = factor),
    );
    // Where only one mode is listed the other is refused here already.
    turn(
        listed.contains(&Mode::Manual),
        set(&|s| s.mode = Some(Mode::Manual)),
        set(&|s| s.mode = mode),
    );
    println!("{offered} of 4 device settings on {}", rig.kernel);
    assert_eq!(before(&mut control), (mode, phase, factor, frequency));
}

#[test]
fn what_is_not_offered_is_not_sent() {
    let Some(rig) = rig("what_is_not_offered_is_not_sent", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let gnss = stage::pin(&rig, &mut control, "GNSS-1PPS");
    let mut refused = |change: &dyn Fn(&mut PinSet)| {
        let mut set = PinSet::new(gnss);
        change(&mut set);
        match control.change_pin(&set) {
            Err(Error::NotAllowed { why, .. }) => {
                println!("{why}");
                why
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(
        refused(&|s| s.frequency = Some(10_000_000)),
        NotAllowed::Frequency { .. }
    ));
    assert!(matches!(
        refused(&|s| s.phase_adjust = Some(i32::MAX)),
        NotAllowed::PhaseRange { .. }
    ));
    let direction = Some(PinDirection::Output);
    let parent_id = 0x00ff_ffff;
    let nobody = ParentSet {
        parent_id,
        direction,
        ..ParentSet::default()
    };
    assert!(matches!(
        refused(&|s| s.parent_devices.push(nobody)),
        NotAllowed::NoSuch { .. }
    ));
}

/// What only the driver knows comes back in its words; what the kernel's policy refuses names the attribute.
#[test]
fn the_kernels_refusal_is_handed_on() {
    let Some(rig) = rig("the_kernels_refusal_is_handed_on", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let (gnss, parent_id) = (
        stage::pin(&rig, &mut control, "GNSS-1PPS"),
        stage::pps(&rig, &mut control),
    );
    let own = ParentSet {
        parent_id,
        ..ParentSet::default()
    };
    let mut refused = |parent: ParentSet| match control.set_pin(&towards(gnss, parent)) {
        Err(error @ Error::Refused { .. }) => {
            println!("{error}");
            error.to_string()
        }
        other => panic!("{other:?}"),
    };
    if rig.kind == Kind::E810sim {
        let prio = refused(ParentSet { prio: Some(99), ..own }); // which only its driver refuses
        assert!(prio.contains("EINVAL") && prio.contains("prio"), "{prio}");
    }
    let state = Some(PinState::Unknown(9));
    let policy = refused(ParentSet { state, ..own });
    assert!(policy.contains("parent-device.state"), "{policy}");
}

/// Priorities at the top of the message are accepted and change nothing: why they are only written into the nest.
#[test]
fn a_priority_outside_its_nest_would_be_ignored() {
    use tgm_dpll::encode::message;
    use tgm_sys::dpll::{a_pin, cmd};
    let Some(rig) = rig("a_priority_outside_its_nest_would_be_ignored", &NEEDS) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let sma1 = stage::pin(&rig, &mut control, "SMA1");
    let parents = |control: &mut Control| {
        control
            .pin(sma1, |pin| {
                pin.parent_devices.iter().map(|p| p.prio).collect::<Vec<_>>()
            })
            .unwrap()
    };
    let before = parents(&mut control);
    let mut buffer = [0; 128];
    let request = message(&mut buffer, control.family().id, 5, 1, cmd::PIN_SET, |w| {
        w.u32(a_pin::ID, sma1);
        w.u32(a_pin::PRIO, 9);
    });
    let answer = crate::speed::exchange(request.unwrap());
    let errno = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    assert_eq!((errno, parents(&mut control)), (0, before), "success, and no change");
}
