//! Agreement with iproute2's `dpll` on every device and every pin, field by field, at the same moment.

use std::process::Command;

use serde_json::{Map, Value, json};
use tgm_dpll::kinds::{FeatureState, PinCapabilities, lock_status_name};
use tgm_dpll::{Control, DeviceMsg, FrequencyRange, OtherPin, ParentDevice, PinMsg};
use tgm_hwtest::rig::rig;

use crate::stage;

/// An object of what is there.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let told = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(told.collect::<Map<_, _>>())
}

fn list(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value::Array(values))
}

fn device(msg: &DeviceMsg<'_>) -> Value {
    object([
        ("id", msg.id.map(Value::from)),
        ("module-name", msg.module_name.map(|text| json!(text.to_string()))),
        ("mode", msg.mode.map(|mode| json!(mode.name()))),
        (
            "mode-supported",
            list(msg.mode_supported.iter().map(|mode| json!(mode.name())).collect()),
        ),
        ("clock-id", msg.clock_id.map(Value::from)),
        ("type", msg.dpll_type.map(|kind| json!(kind.name()))),
        ("lock-status", msg.lock_status.map(|lock| json!(lock_status_name(lock)))),
        ("lock-status-error", msg.lock_status_error.map(|why| json!(why.name()))),
        (
            "clock-quality-level",
            list(
                msg.clock_quality_level
                    .iter()
                    .map(|level| json!(level.name()))
                    .collect(),
            ),
        ),
        ("temp", msg.temp.map(Value::from)),
        (
            "phase-offset-monitor",
            msg.phase_offset_monitor.map(|state| json!(state.name())),
        ),
        ("phase-offset-avg-factor", msg.phase_offset_avg_factor.map(Value::from)),
        (
            "frequency-monitor",
            msg.frequency_monitor.map(|state| json!(state.name())),
        ),
    ])
}

fn pin(msg: &PinMsg<'_>) -> Value {
    let range = |range: FrequencyRange| json!({"frequency-min": range.min, "frequency-max": range.max});
    let capabilities = msg.capabilities.map(|flags| {
        let named = PinCapabilities::NAMES.iter().filter(|(flag, _)| flags.contains(*flag));
        named.map(|(_, name)| json!(name)).collect()
    });
    let other = |key: &'static str| {
        move |pin: OtherPin| {
            let state = pin.state.map(|state| json!(state.name()));
            object([(key, pin.id.map(Value::from)), ("state", state)])
        }
    };
    object([
        ("id", msg.id.map(Value::from)),
        ("module-name", msg.module_name.map(|text| json!(text.to_string()))),
        ("clock-id", msg.clock_id.map(Value::from)),
        ("board-label", msg.board_label.map(|text| json!(text.to_string()))),
        ("panel-label", msg.panel_label.map(|text| json!(text.to_string()))),
        ("package-label", msg.package_label.map(|text| json!(text.to_string()))),
        ("type", msg.pin_type.map(|kind| json!(kind.name()))),
        ("frequency", msg.frequency.map(Value::from)),
        (
            "frequency-supported",
            list(msg.frequency_supported.iter().map(range).collect()),
        ),
        ("capabilities", capabilities.map(Value::Array)), // an empty list where no bit is set
        ("phase-adjust-min", msg.phase_adjust_min.map(Value::from)),
        ("phase-adjust-max", msg.phase_adjust_max.map(Value::from)),
        ("phase-adjust-gran", msg.phase_adjust_gran.map(Value::from)),
        ("phase-adjust", msg.phase_adjust.map(Value::from)),
        ("fractional-frequency-offset", msg.ffo.map(Value::from)),
        ("fractional-frequency-offset-ppt", msg.ffo_ppt.map(Value::from)),
        ("measured-frequency", msg.measured_frequency.map(Value::from)),
        ("esync-frequency", msg.esync_frequency.map(Value::from)),
        (
            "esync-frequency-supported",
            list(msg.esync_frequency_supported.iter().map(range).collect()),
        ),
        ("esync-pulse", msg.esync_pulse.map(Value::from)),
        ("parent-device", list(msg.parent_devices.iter().map(parent).collect())),
        (
            "parent-pin",
            list(msg.parent_pins.iter().map(other("parent-id")).collect()),
        ),
        (
            "reference-sync",
            list(msg.reference_sync.iter().map(other("id")).collect()),
        ),
    ])
}

fn parent(parent: ParentDevice) -> Value {
    object([
        ("parent-id", parent.parent_id.map(Value::from)),
        ("direction", parent.direction.map(|way| json!(way.name()))),
        ("prio", parent.prio.map(Value::from)),
        ("state", parent.state.map(|state| json!(state.name()))),
        ("operstate", parent.operstate.map(|state| json!(state.name()))),
        ("phase-offset", parent.phase_offset.map(|offset| json!(offset.0))),
        ("fractional-frequency-offset", parent.ffo.map(Value::from)),
        ("fractional-frequency-offset-ppt", parent.ffo_ppt.map(Value::from)),
    ])
}

fn theirs(what: &str) -> Vec<Value> {
    let output = Command::new("dpll").args(["-j", what, "show"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    shown[what].as_array_mut().map(std::mem::take).unwrap()
}

fn ours() -> (Vec<Value>, Vec<Value>) {
    let (mut devices, mut pins) = (vec![], vec![]);
    let mut control = Control::open().unwrap();
    control.devices(|msg| devices.push(device(msg))).unwrap();
    control.pins(|msg| pins.push(pin(msg))).unwrap();
    (devices, pins)
}

/// The measured phase moves every half second, so their answer must be one of ours before and after; tried a few times.
fn agrees(what: &str) {
    let mut last = None;
    for _ in 0..10 {
        let pick = |(devices, pins): (Vec<Value>, Vec<Value>)| if what == "device" { devices } else { pins };
        let (before, shown, after) = (pick(ours()), theirs(what), pick(ours()));
        assert_eq!(before.len(), shown.len());
        let odd = shown
            .iter()
            .find(|one| !before.contains(one) && !after.contains(one))
            .cloned();
        let Some(odd) = odd else {
            println!("{} {what}s agree", shown.len());
            return;
        };
        let mine = before.iter().find(|one| one["id"] == odd["id"]).cloned();
        last = Some((odd, mine));
    }
    panic!("theirs and ours: {last:#?}");
}

#[test]
fn every_device_agrees() {
    let Some(rig) = rig("every_device_agrees", &["device:dpll", "program:dpll"]) else {
        return;
    };
    stage::settled(&rig, &mut Control::open().unwrap());
    agrees("device");
}

#[test]
fn every_pin_agrees() {
    let Some(rig) = rig("every_pin_agrees", &["device:dpll", "program:dpll"]) else {
        return;
    };
    stage::settled(&rig, &mut Control::open().unwrap());
    agrees("pin");
}

/// With embedded synchronisation, the frequency monitor and a disconnected pin, the attributes that rest by default appear too.
#[test]
fn what_rests_by_default_agrees() {
    let needs = ["device:dpll", "program:dpll", "writes", "pin LABEL ffo"];
    let Some(rig) = rig("what_rests_by_default_agrees", &needs) else {
        return;
    };
    let mut control = Control::open().unwrap();
    stage::settled(&rig, &mut control);
    let sma1 = stage::pin(&rig, &mut control, "SMA1");
    let mut set = tgm_dpll::PinSet::new(sma1);
    set.frequency = Some(10_000_000);
    control.change_pin(&set).unwrap();
    let mut esync = tgm_dpll::PinSet::new(sma1);
    esync.esync_frequency = Some(1);
    control.change_pin(&esync).unwrap();
    // The kernel looks at the first device of a pin only, whichever that is: all of them.
    let mut parents = vec![];
    control
        .pin(sma1, |pin| {
            parents.extend(pin.parent_devices.iter().filter_map(|p| p.parent_id))
        })
        .unwrap();
    let monitor = |state| {
        let taken = parents.iter().map(|id| {
            let mut set = tgm_dpll::DeviceSet::new(*id);
            set.frequency_monitor = Some(state);
            Control::open().unwrap().change_device(&set)
        });
        taken.fold(true, |all, taken| all & taken.is_ok())
    };
    let monitored = monitor(FeatureState::Enable); // 7.0 and later
    let _ffo = rig.temporarily("pin SMA1 ffo -250000", "pin SMA1 ffo 0").unwrap();
    agrees("device");
    agrees("pin");
    let seen = control
        .pin(sma1, |pin| {
            (
                pin.esync_frequency,
                pin.esync_pulse,
                pin.measured_frequency,
                pin.ffo_ppt,
            )
        })
        .unwrap();
    println!("esync, pulse, measured, ppt: {seen:?}, frequency monitor {monitored}");
    assert_eq!((seen.0, seen.1), (Some(1), Some(25)));
    assert_eq!(seen.2.is_some(), monitored, "measured while the monitor is on");
    assert_eq!(monitor(FeatureState::Disable), monitored);
    set.frequency = Some(1);
    control.change_pin(&set).unwrap();
}
