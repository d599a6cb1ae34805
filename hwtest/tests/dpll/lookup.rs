//! Handles: one by one, by key, and what the kernel says when there is none or more than one.

use tgm_dpll::kinds::{DpllType, PinType};
use tgm_dpll::{Control, DeviceKey, Error, PinKey};
use tgm_hwtest::rig::rig;

use crate::stage;

#[test]
fn every_device_and_pin_is_found_by_its_key() {
    let Some(_rig) = rig("every_device_and_pin_is_found_by_its_key", &["device:dpll"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let mut devices = vec![];
    control
        .devices(|device| devices.push((DeviceKey::of(device), device.id.unwrap())))
        .unwrap();
    assert!(devices.len() >= 2, "{devices:?}");
    for (key, id) in &devices {
        assert_eq!(control.find_device(key).unwrap(), *id, "{key}");
        assert!(control.device(*id, |device| key.fits(device)).unwrap(), "{key}");
    }
    let mut pins = vec![];
    control
        .pins(|pin| pins.push((PinKey::of(pin), pin.id.unwrap())))
        .unwrap();
    assert!(pins.len() >= 12, "{pins:?}");
    let labelled = |key: &PinKey| key.board_label.is_some();
    for (key, id) in &pins {
        assert!(control.pin(*id, |pin| key.fits(pin)).unwrap(), "{key}");
        if labelled(key) {
            assert_eq!(control.find_pin(key).unwrap(), *id, "{key}");
        }
    }
    println!(
        "{} devices, {} pins, {} of them with a board label",
        devices.len(),
        pins.len(),
        pins.iter().filter(|(key, _)| labelled(key)).count()
    );
}

#[test]
fn none_and_several_are_told_apart() {
    let Some(rig) = rig("none_and_several_are_told_apart", &["device:dpll"]) else {
        return;
    };
    let mut control = Control::open().unwrap();
    let board = stage::board(&rig);
    let fitting = |error: Error| match error {
        Error::NotFound { matches, .. } => {
            println!("{error}");
            matches
        }
        other => panic!("{other}"),
    };
    let none = PinKey::new(board, "NO-SUCH-LABEL");
    assert_eq!(fitting(control.find_pin(&none).unwrap_err()), 0);
    let none = DeviceKey::new(board ^ 1, DpllType::Pps);
    assert_eq!(fitting(control.find_device(&none).unwrap_err()), 0);
    let several = PinKey {
        clock_id: Some(board),
        pin_type: Some(PinType::Ext),
        ..PinKey::default()
    };
    assert!(fitting(control.find_pin(&several).unwrap_err()) > 1);
    let several = DeviceKey {
        clock_id: Some(board),
        ..DeviceKey::default()
    };
    assert!(fitting(control.find_device(&several).unwrap_err()) > 1);
    assert_eq!(fitting(control.pin(0x00ff_ffff, |_| ()).unwrap_err()), 0);
    assert_eq!(fitting(control.device(0x00ff_ffff, |_| ()).unwrap_err()), 0);
}
