//! From an interface to everything on its card and back, without anybody typing a clock id.

use std::collections::BTreeMap;

use tgm_hwtest::rig::rig;
use tgm_phc::{ClockId, SysRoot};
use tgm_sys::ethtool;

use crate::output;

/// What the dpll tool of iproute2 tells: module and clock id of each device, clock id of each pin.
fn dplls() -> (Vec<(String, ClockId)>, BTreeMap<u32, ClockId>) {
    let list = |what: &str| -> Vec<serde_json::Value> {
        let said: serde_json::Value = serde_json::from_str(&output("dpll", &["-j", what, "show"])).unwrap();
        said[what].as_array().unwrap().clone()
    };
    let id = |value: &serde_json::Value| ClockId(value["clock-id"].as_u64().unwrap());
    let devices = list("device");
    let devices = devices
        .iter()
        .map(|device| (device["module-name"].as_str().unwrap().to_owned(), id(device)));
    let pins = list("pin");
    let pins = pins
        .iter()
        .map(|pin| (u32::try_from(pin["id"].as_u64().unwrap()).unwrap(), id(pin)));
    (devices.collect(), pins.collect())
}

#[test]
fn every_interface_leads_to_its_clock_receiver_and_dpll_and_back() {
    let Some(rig) = rig(
        "every_interface_leads_to_its_clock_receiver_and_dpll_and_back",
        &["device:gnss", "device:dpll", "program:dpll"],
    ) else {
        return;
    };
    let root = SysRoot::default();
    let cards = root.cards();
    println!("{cards:#?}");
    assert_eq!(cards.iter().filter(|card| card.phc.is_some()).count(), rig.cards.len());
    let (devices, pins) = dplls();
    let named: Vec<(&str, ClockId)> = devices.iter().map(|(module, id)| (module.as_str(), *id)).collect();
    let mut ids = vec![];
    for expected in &rig.cards {
        let card = root.card_of_phc(expected.phc_index).unwrap();
        assert_eq!(card.interfaces, expected.interfaces);
        let gnss: Vec<_> = card.gnss.iter().map(|index| root.gnss_node(*index)).collect();
        assert_eq!(gnss.first(), expected.gnss.as_ref());
        for index in &card.gnss {
            assert_eq!(root.card_of_gnss(*index).as_ref(), Some(&card));
        }
        assert_eq!(root.interfaces_of_phc(expected.phc_index), card.interfaces);
        assert!(card.gnss.iter().all(|index| root.gnss_type(*index).is_some()));
        for interface in &card.interfaces {
            // Each way by itself, so that neither hides the other's failure. In sysfs only one of a card's functions may have its clock.
            let in_sysfs = SysRoot::new("/sys/..").phc_of(interface).unwrap();
            let owner = interface == expected.interface();
            assert!(in_sysfs == Some(expected.phc_index) || in_sysfs.is_none() && !owner);
            let told = ethtool::ts_info(interface).unwrap().phc_index;
            assert_eq!(u32::try_from(told).ok(), Some(expected.phc_index));
            assert_eq!(root.phc_of(interface), Ok(card.phc));
            assert_eq!(root.driver_of(interface), Ok(card.driver.clone()));
        }
        assert!(card.driver.is_some() && card.device.is_some() && card.clock_name.is_some());
        let id = card.clock_id_among(&named, |pin| pins.get(&pin).copied()).unwrap();
        assert!(
            named.contains(&(card.driver.as_deref().unwrap(), id)),
            "{id} in {named:?}"
        );
        ids.push(id);
    }
    // No two cards have one clock id, and the first card's is the one that anybody else finds for it.
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!(unique, ids);
    for (id, expected) in ids.iter().zip(&rig.cards) {
        assert_eq!(Some(id.0), expected.clock_id, "{expected:?}");
    }
}

#[test]
fn an_interface_without_a_card_has_none() {
    let Some(_rig) = rig("an_interface_without_a_card_has_none", &[]) else {
        return;
    };
    let root = SysRoot::default();
    assert_eq!((root.phc_of("lo"), root.dpll_pin_of("lo")), (Ok(None), None));
    assert!(
        root.cards()
            .iter()
            .all(|card| !card.interfaces.contains(&"lo".to_owned()))
    );
}
