//! The seed daemon's recorded answers (../shared/data/vectors): both our decoders must read the same out of the same bytes.
//!
//! The recording has 0 or "" where an attribute was absent; ours has `None`. Spelling differs deliberately where the seed's is not the
//! kernel's ("locked-ho-acquired", "fto-too-high", "ssua"); the numbers are compared instead.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod second;

use neli::FromBytesWithInput;
use neli::genl::{Genlmsghdr, NoUserHeader};
use serde_json::Value;
use tgm_dpll::cards::e810::XXVDA4T;
use tgm_dpll::cards::{Compensation, Connector, Model};
use tgm_dpll::kinds::{DpllType, Mode, OperState, PinDirection, PinState, PinType, lock_status_name};
use tgm_dpll::request::{REQUEST_LEN, Request};
use tgm_dpll::{DeviceMsg, FrequencyRange, OtherPin, ParentDevice, ParentSet, PinMsg, PinSet, Text};
use tgm_time::Femtos;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/vectors/");

fn load(name: &str) -> Option<Value> {
    let path = format!("{SHARED}{name}.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) => {
            println!("skipped: {path}: {error}");
            None
        }
    }
}

fn hex(record: &Value) -> Vec<u8> {
    let text = record["attrs_hex"].as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn number(value: Option<impl Into<i128>>) -> i128 {
    value.map_or(0, Into::into)
}

fn told(record: &Value, key: &str) -> i128 {
    let value = &record[key];
    value
        .as_i64()
        .map(i128::from)
        .or(value.as_u64().map(i128::from))
        .unwrap_or_else(|| panic!("{key}: {value}"))
}

fn same(record: &Value, key: &str, ours: Option<impl Into<i128>>) {
    assert_eq!(told(record, key), number(ours), "{key} in {record}");
}

fn same_text(record: &Value, key: &str, ours: Option<Text<'_>>) {
    assert_eq!(
        record[key].as_str().unwrap(),
        ours.unwrap_or_default().as_str().unwrap(),
        "{key}"
    );
}

fn list(record: &Value, key: &str) -> Vec<Value> {
    record[key].as_array().cloned().unwrap_or_default()
}

/// neli's own reading of the same attributes: how many, and the unsigned ones by type.
fn neli_u32(attributes: &[u8], kind: u16) -> Option<u32> {
    let bytes = [&[6, 1, 0, 0], attributes].concat();
    let length = bytes.len();
    let msg =
        Genlmsghdr::<u8, u16, NoUserHeader>::from_bytes_with_input(&mut std::io::Cursor::new(bytes), length).unwrap();
    msg.attrs().get_attr_handle().get_attr_payload_as::<u32>(kind).ok()
}

#[test]
fn every_device_record_agrees() {
    let Some(records) = load("dpll_device_decode") else {
        return;
    };
    let records = records.as_array().unwrap();
    assert!(records.len() >= 14);
    for record in records {
        let bytes = hex(record);
        let ours = DeviceMsg::decode(&bytes).unwrap();
        assert_eq!(second::device(&bytes), Some(ours));
        assert_eq!(neli_u32(&bytes, 1), ours.id);
        assert_eq!(neli_u32(&bytes, 7), ours.lock_status.map(|status| status.number()));
        let theirs = &record["decoded"];
        same(theirs, "ID", ours.id);
        same_text(theirs, "ModuleName", ours.module_name);
        same(theirs, "ClockID", ours.clock_id);
        same(theirs, "Mode", ours.mode.map(Mode::number));
        same(theirs, "LockStatus", ours.lock_status.map(|status| status.number()));
        same(theirs, "Temp", ours.temp);
        same(theirs, "Type", ours.dpll_type.map(DpllType::number));
        same(
            theirs,
            "LockStatusError",
            ours.lock_status_error.map(|error| error.number()),
        );
        same(
            theirs,
            "PhaseOffsetMonitor",
            ours.phase_offset_monitor.map(|state| state.number()),
        );
        same(theirs, "PhaseOffsetAverageFactor", ours.phase_offset_avg_factor);
        same(
            theirs,
            "FrequencyMonitor",
            ours.frequency_monitor.map(|state| state.number()),
        );
        let modes: Vec<_> = ours
            .mode_supported
            .iter()
            .map(|mode| Value::from(mode.number()))
            .collect();
        assert_eq!(list(theirs, "ModeSupported"), modes);
        let levels: Vec<_> = ours
            .clock_quality_level
            .iter()
            .map(|level| Value::from(level.number()))
            .collect();
        assert_eq!(list(theirs, "ClockQualityLevel"), levels);
        let name = record["name"].as_str().unwrap();
        assert_eq!(
            name.contains("no lock status"),
            ours.lock_status.is_none() && !name.contains("unknown attr"),
            "{name}"
        );
    }
}

fn same_parent(theirs: &Value, ours: &ParentDevice) {
    same(theirs, "ParentID", ours.parent_id);
    same(theirs, "Direction", ours.direction.map(PinDirection::number));
    same(theirs, "Prio", ours.prio);
    same(theirs, "State", ours.state.map(PinState::number));
    same(theirs, "Operstate", ours.operstate.map(OperState::number));
    same(theirs, "FractionalFrequencyOffset", ours.ffo);
    same(theirs, "FractionalFrequencyOffsetPPT", ours.ffo_ppt);
    // The seed writes the greatest number where the attribute is absent.
    let phase = told(theirs, "PhaseOffset");
    assert_eq!(
        ours.phase_offset.map_or(i128::from(i64::MAX), |offset| offset.0.into()),
        phase,
        "{theirs}"
    );
}

fn same_ranges(theirs: &[Value], ours: &[FrequencyRange]) {
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(ours) {
        same(theirs, "frequencyMin", ours.min);
        same(theirs, "frequencyMax", ours.max);
    }
}

fn same_pins(theirs: &[Value], id: &str, state: &str, ours: &[OtherPin]) {
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(ours) {
        same(theirs, id, ours.id);
        same(theirs, state, ours.state.map(PinState::number));
    }
}

#[test]
fn every_pin_record_agrees() {
    let Some(records) = load("dpll_pin_decode") else { return };
    let records = records.as_array().unwrap();
    assert!(records.len() >= 23);
    for record in records {
        let bytes = hex(record);
        let ours = PinMsg::decode(&bytes).unwrap();
        assert_eq!(second::pin(&bytes), second::apart(&bytes));
        assert_eq!(neli_u32(&bytes, 1), ours.id);
        assert_eq!(neli_u32(&bytes, 9), ours.pin_type.map(PinType::number));
        let theirs = &record["decoded"];
        same(theirs, "ID", ours.id);
        same(theirs, "ParentID", ours.outside.parent_id);
        same_text(theirs, "ModuleName", ours.module_name);
        same(theirs, "ClockID", ours.clock_id);
        same_text(theirs, "BoardLabel", ours.board_label);
        same_text(theirs, "PanelLabel", ours.panel_label);
        same_text(theirs, "PackageLabel", ours.package_label);
        same(theirs, "Type", ours.pin_type.map(PinType::number));
        same(theirs, "Direction", ours.outside.direction.map(PinDirection::number));
        same(theirs, "Frequency", ours.frequency);
        same(theirs, "Prio", ours.outside.prio);
        same(theirs, "State", ours.outside.state.map(PinState::number));
        same(theirs, "Operstate", ours.outside.operstate.map(OperState::number));
        same(theirs, "Capabilities", ours.capabilities.map(|flags| flags.bits()));
        same(theirs, "PhaseAdjustMin", ours.phase_adjust_min);
        same(theirs, "PhaseAdjustMax", ours.phase_adjust_max);
        same(theirs, "PhaseAdjust", ours.phase_adjust);
        same(theirs, "PhaseAdjustGran", ours.phase_adjust_gran);
        same(theirs, "PhaseOffset", ours.outside.phase_offset.map(|offset| offset.0));
        same(theirs, "FractionalFrequencyOffset", ours.ffo);
        same(theirs, "FractionalFrequencyOffsetPPT", ours.ffo_ppt);
        same(theirs, "EsyncFrequency", ours.esync_frequency);
        same(theirs, "EsyncPulse", ours.esync_pulse);
        same(theirs, "MeasuredFrequency", ours.measured_frequency);
        same_ranges(
            &list(theirs, "FrequencySupported"),
            &ours.frequency_supported.iter().collect::<Vec<_>>(),
        );
        same_ranges(
            &list(theirs, "EsyncFrequencySupported"),
            &ours.esync_frequency_supported.iter().collect::<Vec<_>>(),
        );
        same_pins(
            &list(theirs, "ParentPin"),
            "ParentID",
            "State",
            &ours.parent_pins.iter().collect::<Vec<_>>(),
        );
        // The seed looks for a reference-sync's state under another number and reads 0; the bytes say 1. Ours reads the bytes.
        let partners: Vec<_> = ours
            .reference_sync
            .iter()
            .map(|pin| OtherPin { state: None, ..pin })
            .collect();
        same_pins(&list(theirs, "ReferenceSync"), "id", "state", &partners);
        assert!(
            ours.reference_sync
                .iter()
                .all(|pin| pin.state == Some(PinState::Connected))
        );
        let parents = list(theirs, "ParentDevice");
        assert_eq!(parents.len(), ours.parent_devices.len());
        parents
            .iter()
            .zip(ours.parent_devices.iter())
            .for_each(|(theirs, ours)| same_parent(theirs, &ours));
    }
}

#[test]
fn enum_names_agree_where_the_seed_spells_as_the_kernel_does() {
    let Some(names) = load("dpll_enum_names") else { return };
    let check = |key: &str, ours: &dyn Fn(u32) -> &'static str, upto: u32| {
        for (index, name) in names[key]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .take(upto as usize + 1)
        {
            assert_eq!(name.as_str().unwrap(), ours(index as u32), "{key} {index}");
        }
    };
    check("mode", &|n| Mode::from(n).name(), 4);
    check("type", &|n| DpllType::from(n).name(), 2); // 3 is "generic" since 7.2
    check("pin_type", &|n| PinType::from(n).name(), 5); // 6 is "int-nco" since 7.3
    check("pin_direction", &|n| PinDirection::from(n).name(), 3);
    check("pin_state", &|n| PinState::from(n).name(), 4);
    check("pin_operstate", &|n| OperState::from(n).name(), 5);
    let lock = |n: u32| lock_status_name(n.into());
    check("lock_status", &lock, 2); // then "locked-ho-acquired", which the kernel spells "locked-ho-acq"
    assert_eq!(
        (names["lock_status"][4].as_str(), lock(4)),
        (Some("holdover"), "holdover")
    );
}

#[test]
fn phase_offsets_convert_as_the_seed_does_or_better_by_rounding() {
    let Some(records) = load("dpll_phase_offset_convert") else {
        return;
    };
    for record in records.as_array().unwrap() {
        let raw = Femtos(record["netlink_phase_offset"].as_i64().unwrap());
        let theirs = record["reported_ns"].as_i64().unwrap();
        assert_eq!(raw.to_nanos_truncated().0, theirs);
        assert!((raw.to_nanos().0 - theirs).abs() <= 1);
    }
}

#[test]
fn every_pin_change_is_encoded_byte_for_byte() {
    let Some(records) = load("dpll_pin_set_encode") else {
        return;
    };
    for record in records.as_array().unwrap() {
        let request = &record["request"];
        let number = |value: &Value| value.as_i64();
        let mut set = PinSet::new(told(request, "ID") as u32);
        set.frequency = request["Frequency"].as_u64();
        set.phase_adjust = number(&request["PhaseAdjust"]).map(|ps| ps as i32);
        set.esync_frequency = request["EsyncFrequency"].as_u64();
        for parent in list(request, "PinParentCtl") {
            set.parent_devices.push(ParentSet {
                parent_id: told(&parent, "PinParentID") as u32,
                direction: number(&parent["Direction"]).map(|n| PinDirection::from(n as u32)),
                prio: number(&parent["Prio"]).map(|n| n as u32),
                state: number(&parent["State"]).map(|n| PinState::from(n as u32)),
            });
        }
        let mut buffer = [0; REQUEST_LEN];
        let bytes = Request::SetPin(set).encode(20, 1, &mut buffer).unwrap();
        assert_eq!(bytes[20..], hex(record), "{record}");
    }
}

#[test]
fn the_active_input_is_chosen_as_the_seed_does() {
    let Some(records) = load("dpll_active_pin") else { return };
    for record in records.as_array().unwrap() {
        let zero = |key| Some(told(record, key) as u32).filter(|n| *n != 0);
        let parent = ParentDevice {
            direction: zero("direction").map(PinDirection::from),
            state: zero("state").map(PinState::from),
            operstate: zero("operstate").map(OperState::from),
            ..ParentDevice::default()
        };
        let ours = record["parent"] == "pps-same" && record["pin_clock_matches"] == true && parent.is_active_input();
        assert_eq!(Value::from(ours), record["active"], "{record}");
    }
}

/// Recommended settings, as changes of the pins of real cards. A pin that is never to be chosen has priority 255 there and is
/// disconnected here, because drivers whose greatest priority is 15 refuse the other.
#[test]
fn recommended_settings_of_e810_pins_agree() {
    let Some(data) = load("e810_pins") else { return };
    let mut seen = 0;
    for command in data["set_pin_defaults"]["commands"].as_array().unwrap() {
        let label = command["label"].as_str().unwrap();
        let bytes = hex(command);
        let theirs = PinMsg::decode(&bytes).unwrap();
        let parents: Vec<_> = theirs.parent_devices.iter().collect();
        let [eec, pps] = &parents[..] else { panic!("{command}") };
        let handles = (theirs.id.unwrap(), eec.parent_id.unwrap(), pps.parent_id.unwrap());
        let pin = XXVDA4T.pin(label).unwrap_or_else(|| panic!("{label}"));
        let ours = pin.default_change(handles.0, handles.1, handles.2).unwrap();
        for (theirs, ours) in parents.iter().zip(ours.parent_devices.iter()) {
            if theirs.prio == Some(255) {
                assert_eq!((ours.prio, ours.state), (None, Some(PinState::Disconnected)), "{label}");
            } else {
                assert_eq!((ours.prio, ours.state), (theirs.prio, theirs.state), "{label}");
            }
            assert_eq!(Some(ours.parent_id), theirs.parent_id);
        }
        seen += 1;
    }
    let cards = data["gnss_clock_ids"].as_array().unwrap().len();
    let recommended = XXVDA4T.pins.iter().filter(|pin| pin.default.is_some()).count();
    assert_eq!(
        seen,
        cards * recommended,
        "every recommendation of ours is one of theirs"
    );
}

/// Labels, ways, types and frequencies of real cards' pins.
#[test]
fn tables_of_e810_pins_agree() {
    let Some(data) = load("e810_pins") else { return };
    for card in data["gnss_clock_ids"].as_array().unwrap() {
        // The list has connectors as second names of pins; the first of a handle is the pin's own.
        let mut handles = vec![];
        let mut of_card = |pin: &&Value| {
            let own = pin["clock_id"] == *card && !handles.contains(&pin["id"]);
            handles.push(pin["id"].clone());
            own && !pin["label"].as_str().unwrap_or("").is_empty()
        };
        let pins: Vec<_> = data["pins"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|pin| of_card(pin))
            .collect();
        let labels = pins.iter().map(|pin| pin["label"].as_str().unwrap());
        assert_eq!(Model::recognise(labels.clone()), Some(&XXVDA4T));
        assert_eq!(XXVDA4T.missing(labels), []);
        for theirs in pins {
            let ours = XXVDA4T.pin(theirs["label"].as_str().unwrap()).unwrap();
            assert_eq!(
                ours.pin_type.map(|kind| kind.number() as i128),
                Some(told(theirs, "type"))
            );
            for parent in list(theirs, "parents") {
                assert_eq!(ours.direction.number() as i128, told(&parent, "direction"), "{theirs}");
            }
            let frequencies: Vec<_> = list(theirs, "frequency_supported")
                .iter()
                .map(|range| {
                    assert_eq!(range["frequencyMin"], range["frequencyMax"]);
                    range["frequencyMin"].as_u64().unwrap()
                })
                .collect();
            assert_eq!(ours.frequencies, frequencies, "{theirs}");
        }
    }
}

/// Delays of cables and of the card, summed as phase adjustments.
#[test]
fn delay_compensations_of_e810_profiles_agree() {
    let Some(data) = load("e810_pins") else { return };
    let mut seen = 0;
    for profile in data["delay_compensation"].as_array().unwrap() {
        let mut ours = vec![];
        let mut put = |card: &Value, connector: Connector, way, cable| {
            let found = Compensation::new(&XXVDA4T, connector, way, cable).unwrap();
            ours.push((
                card["id"].as_str().unwrap().to_owned(),
                found.label.to_owned(),
                i64::from(found.ps),
            ));
        };
        // A profile without any outputs compensates nothing.
        let cards = list(profile, "interconnections");
        for card in &cards {
            assert_eq!(card["Part"], XXVDA4T.name);
            if card["gnssInput"] == true {
                put(card, Connector::Gnss, PinDirection::Input, 0);
            }
            let input = &card["inputConnector"];
            if let Some(connector) = Connector::parse(input["connector"].as_str().unwrap_or("")) {
                put(
                    card,
                    connector,
                    PinDirection::Input,
                    input["delayPs"].as_i64().unwrap_or(0),
                );
            }
            for name in list(card, "phaseOutputConnectors") {
                let connector = Connector::parse(name.as_str().unwrap()).unwrap();
                put(card, connector, PinDirection::Output, 0);
            }
        }
        let mut theirs: Vec<_> = list(profile, "compensations")
            .iter()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                (text("iface"), text("pin"), one["delay_ps"].as_i64().unwrap())
            })
            .collect();
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs, "{}", profile["profile"]);
        seen += ours.len();
    }
    assert!(seen > 10);
}
