//! Whether a device or pin offers what is to be set, and whether it then has it.
//!
//! The kernel refuses most of what is not offered with a bare EINVAL; here each refusal names what is allowed. A driver may refuse
//! more (ice: priorities above 15, connecting an input by hand in automatic mode), and then its own words are in
//! [`crate::Error::Refused`].

use std::fmt;

use crate::change::{DeviceSet, PinSet};
use crate::device::DeviceMsg;
use crate::kinds::{FeatureState, PinCapabilities, PinState};
use crate::nests::Nests;
use crate::pin::{FrequencyRange, OtherPin, ParentDevice, PinMsg};

/// What a device or pin does not offer, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAllowed {
    /// No range has this frequency.
    #[error("{what} {hz} Hz is not offered; allowed: {allowed}")]
    Frequency {
        /// "frequency" or "esync frequency".
        what: &'static str,
        /// Wanted, Hz.
        hz: u64,
        /// The ranges.
        allowed: String,
    },
    /// The pin's phase cannot be set at all.
    #[error("the phase of this pin cannot be adjusted")]
    PhaseFixed,
    /// Out of range.
    #[error("phase adjust {ps} ps is out of range; allowed: {min} to {max} ps")]
    PhaseRange {
        /// Wanted, ps.
        ps: i32,
        /// Least, ps.
        min: i32,
        /// Greatest, ps.
        max: i32,
    },
    /// No whole number of steps.
    #[error("phase adjust {ps} ps is no multiple of {step} ps; nearest allowed: {nearest} ps")]
    PhaseStep {
        /// Wanted, ps.
        ps: i32,
        /// Step, ps.
        step: u32,
        /// The nearest that is in range, ps.
        nearest: i64,
    },
    /// The pin's capabilities do not have it.
    #[error("the {what} of this pin cannot be changed; what can: {allowed}")]
    Capability {
        /// "priority", "direction" or "state".
        what: &'static str,
        /// The capabilities.
        allowed: String,
    },
    /// The pin has no such parent or partner.
    #[error("this pin has no {what} {id}; it has: {allowed}")]
    NoSuch {
        /// "parent device", "parent pin" or "reference-sync partner".
        what: &'static str,
        /// Wanted handle.
        id: u32,
        /// The handles there are.
        allowed: String,
    },
    /// The device cannot do this mode.
    #[error("mode {mode} is not offered; allowed: {allowed}")]
    Mode {
        /// Wanted.
        mode: &'static str,
        /// The modes.
        allowed: String,
    },
    /// The device has no such function (or the kernel is too old to know it).
    #[error("this device, or this kernel, has no {what}")]
    Feature {
        /// The function.
        what: &'static str,
    },
    /// A value that has no name.
    #[error("{what} has no value {number}; allowed: {allowed}")]
    Value {
        /// Of what.
        what: &'static str,
        /// Wanted.
        number: u32,
        /// The names.
        allowed: &'static str,
    },
}

/// What reads back otherwise than it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What was set.
    pub what: &'static str,
    /// As it was set.
    pub set: String,
    /// As it is read; `None`: not told.
    pub read: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = self.read.as_deref().unwrap_or("nothing");
        write!(f, "{}: set {}, reads {read}", self.what, self.set)
    }
}

/// Whether the device offers all of `set`.
pub fn device(now: &DeviceMsg<'_>, set: &DeviceSet) -> Result<(), NotAllowed> {
    if let Some(mode) = set.mode
        && !now.mode_supported.as_slice().contains(&mode)
    {
        return Err(NotAllowed::Mode {
            mode: mode.name(),
            allowed: join(now.mode_supported.iter().map(|mode| mode.name())),
        });
    }
    let features = [
        (
            "phase offset monitor",
            set.phase_offset_monitor,
            now.phase_offset_monitor.is_some(),
        ),
        (
            "frequency monitor",
            set.frequency_monitor,
            now.frequency_monitor.is_some(),
        ),
    ];
    for (what, wanted, offered) in features {
        match wanted {
            Some(_) if !offered => return Err(NotAllowed::Feature { what }),
            Some(FeatureState::Unknown(number)) => {
                let allowed = "disable, enable";
                return Err(NotAllowed::Value { what, number, allowed });
            }
            _ => {}
        }
    }
    if set.phase_offset_avg_factor.is_some() && now.phase_offset_avg_factor.is_none() {
        let what = "phase offset averaging factor";
        return Err(NotAllowed::Feature { what });
    }
    Ok(())
}

/// Whether the pin offers all of `set`.
pub fn pin(now: &PinMsg<'_>, set: &PinSet) -> Result<(), NotAllowed> {
    frequency("frequency", set.frequency, &now.frequency_supported)?;
    frequency("esync frequency", set.esync_frequency, &now.esync_frequency_supported)?;
    if let Some(ps) = set.phase_adjust {
        phase(now, ps)?;
    }
    for parent in set.parent_devices.iter() {
        known(
            "parent device",
            parent.parent_id,
            now.parent_devices.iter().map(|p| p.parent_id),
        )?;
        let wants = [
            (
                "direction",
                parent.direction.is_some(),
                PinCapabilities::DIRECTION_CAN_CHANGE,
            ),
            ("priority", parent.prio.is_some(), PinCapabilities::PRIORITY_CAN_CHANGE),
            ("state", parent.state.is_some(), PinCapabilities::STATE_CAN_CHANGE),
        ];
        for (what, wanted, flag) in wants {
            if wanted {
                capable(now, what, flag)?;
            }
        }
    }
    for other in set.parent_pins.iter() {
        known("parent pin", other.id, now.parent_pins.iter().map(|pin| pin.id))?;
        capable(now, "state", PinCapabilities::STATE_CAN_CHANGE)?;
        binary("state towards a parent pin", other.state)?;
    }
    for other in set.reference_sync.iter() {
        known(
            "reference-sync partner",
            other.id,
            now.reference_sync.iter().map(|pin| pin.id),
        )?;
        binary("state of a reference sync", other.state)?;
    }
    Ok(())
}

/// What of `set` the device does not have.
pub fn device_differences(now: &DeviceMsg<'_>, set: &DeviceSet) -> Vec<Difference> {
    let mut found = Differences::default();
    found.same("mode", set.mode, now.mode, |mode| mode.name().to_owned());
    let name = |state: FeatureState| state.name().to_owned();
    found.same(
        "phase offset monitor",
        set.phase_offset_monitor,
        now.phase_offset_monitor,
        name,
    );
    found.same("frequency monitor", set.frequency_monitor, now.frequency_monitor, name);
    let (set, now) = (set.phase_offset_avg_factor, now.phase_offset_avg_factor);
    found.same("phase offset averaging factor", set, now, |n| n.to_string());
    found.0
}

/// What of `set` the pin does not have. A pin that was made selectable may read as connected: the device chose it.
pub fn pin_differences(now: &PinMsg<'_>, set: &PinSet) -> Vec<Difference> {
    let mut found = Differences::default();
    found.same("frequency", set.frequency, now.frequency, |hz| format!("{hz} Hz"));
    found.same("phase adjust", set.phase_adjust, now.phase_adjust, |ps| {
        format!("{ps} ps")
    });
    let hz = |hz: u64| format!("{hz} Hz");
    found.same("esync frequency", set.esync_frequency, now.esync_frequency, hz);
    let name = |state: PinState| state.name().to_owned();
    for parent in set.parent_devices.iter() {
        let is_it = |known: &ParentDevice| known.parent_id == Some(parent.parent_id);
        let read = now.parent_devices.iter().find(is_it).unwrap_or_default();
        found.same("direction", parent.direction, read.direction, |way| {
            way.name().to_owned()
        });
        found.same("priority", parent.prio, read.prio, |prio| prio.to_string());
        let chosen = parent.state == Some(PinState::Selectable) && read.state == Some(PinState::Connected);
        if !chosen {
            found.same("state", parent.state, read.state, name);
        }
    }
    let pairs = [
        ("state towards a parent pin", &set.parent_pins, &now.parent_pins),
        ("state of a reference sync", &set.reference_sync, &now.reference_sync),
    ];
    for (what, set, now) in pairs {
        for other in set.iter() {
            let is_it = |known: &OtherPin| known.id == Some(other.id);
            let read = now.iter().find(is_it).and_then(|pin| pin.state);
            found.same(what, Some(other.state), read, name);
        }
    }
    found.0
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn same<T: Copy + PartialEq>(
        &mut self,
        what: &'static str,
        set: Option<T>,
        read: Option<T>,
        say: impl Fn(T) -> String,
    ) {
        if let Some(value) = set
            && read != set
        {
            self.0.push(Difference {
                what,
                set: say(value),
                read: read.map(say),
            });
        }
    }
}

fn frequency(what: &'static str, hz: Option<u64>, ranges: &Nests<'_, FrequencyRange>) -> Result<(), NotAllowed> {
    let Some(hz) = hz else { return Ok(()) };
    if ranges.iter().any(|range| range.contains(hz)) {
        return Ok(());
    }
    let allowed = join(ranges.iter().map(|range| match (range.min, range.max) {
        (Some(min), Some(max)) if min == max => format!("{min} Hz"),
        (min, max) => format!("{} to {} Hz", min.unwrap_or(0), max.unwrap_or(u64::MAX)),
    }));
    Err(NotAllowed::Frequency { what, hz, allowed })
}

fn phase(now: &PinMsg<'_>, ps: i32) -> Result<(), NotAllowed> {
    if now.phase_adjust.is_none() {
        return Err(NotAllowed::PhaseFixed);
    }
    let (min, max) = (
        now.phase_adjust_min.unwrap_or(i32::MIN),
        now.phase_adjust_max.unwrap_or(i32::MAX),
    );
    if ps < min || ps > max {
        return Err(NotAllowed::PhaseRange { ps, min, max });
    }
    let step = now.phase_adjust_gran.unwrap_or(0);
    match nearest_step(ps.into(), step, (min, max)) {
        nearest if nearest == i64::from(ps) => Ok(()),
        nearest => Err(NotAllowed::PhaseStep { ps, step, nearest }),
    }
}

/// The multiple of `step` (ps; 0 and 1: any) in `range` that is nearest to `ps`, of two the one farther from zero. A range without any
/// multiple gives a limit.
pub fn nearest_step(ps: i64, step: u32, range: (i32, i32)) -> i64 {
    let (min, max) = (i64::from(range.0), i64::from(range.1));
    let step = i64::from(step.max(1));
    let half = step / 2 * ps.signum();
    let rounded = (ps + half) / step * step;
    // Towards zero first, then into the range from either side.
    let highest = max.div_euclid(step) * step;
    let lowest = -((-min).div_euclid(step) * step);
    rounded.min(highest).max(lowest).clamp(min, max.max(min))
}

fn capable(now: &PinMsg<'_>, what: &'static str, flag: PinCapabilities) -> Result<(), NotAllowed> {
    let has = now.capabilities.unwrap_or(PinCapabilities::empty());
    if has.contains(flag) {
        return Ok(());
    }
    let names = PinCapabilities::NAMES.iter().filter(|(flag, _)| has.contains(*flag));
    let allowed = join(names.map(|(_, name)| *name));
    Err(NotAllowed::Capability { what, allowed })
}

fn known(what: &'static str, id: u32, mut there: impl Iterator<Item = Option<u32>> + Clone) -> Result<(), NotAllowed> {
    let all = there.clone();
    if there.any(|known| known == Some(id)) {
        return Ok(());
    }
    let allowed = join(all.flatten().map(|id| id.to_string()));
    Err(NotAllowed::NoSuch { what, id, allowed })
}

fn binary(what: &'static str, state: PinState) -> Result<(), NotAllowed> {
    match state {
        PinState::Connected | PinState::Disconnected => Ok(()),
        other => Err(NotAllowed::Value {
            what,
            number: other.number(),
            allowed: "connected, disconnected",
        }),
    }
}

fn join<T: AsRef<str>>(parts: impl Iterator<Item = T>) -> String {
    let parts: Vec<T> = parts.collect();
    if parts.is_empty() {
        return "nothing".to_owned();
    }
    parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{OtherSet, ParentSet};
    use crate::encode::AttrWriter;
    use crate::kinds::{Mode, PinDirection};
    use tgm_sys::dpll::a_pin;

    /// An input of device 4 with a partner, 1 Hz or 10 to 20 MHz, ±1000 ps in steps of 7, priority and state free.
    fn body(step: u32) -> Vec<u8> {
        let mut buffer = [0; 512];
        let mut w = AttrWriter::new(&mut buffer);
        for (min, max) in [(1, 1), (10_000_000, 20_000_000)] {
            w.nest(a_pin::FREQUENCY_SUPPORTED, |w| {
                w.u64(a_pin::FREQUENCY_MIN, min);
                w.u64(a_pin::FREQUENCY_MAX, max);
            });
        }
        w.u32(a_pin::CAPABILITIES, 6);
        w.u64(a_pin::FREQUENCY, 1);
        w.i32(a_pin::PHASE_ADJUST_MIN, -1000);
        w.i32(a_pin::PHASE_ADJUST_MAX, 1000);
        w.u32(a_pin::PHASE_ADJUST_GRAN, step);
        w.i32(a_pin::PHASE_ADJUST, 14);
        w.nest(a_pin::PARENT_DEVICE, |w| {
            w.u32(a_pin::PARENT_ID, 4);
            w.u32(a_pin::PRIO, 3);
            w.u32(a_pin::STATE, PinState::Connected.number());
        });
        w.nest(a_pin::REFERENCE_SYNC, |w| w.u32(a_pin::ID, 9));
        w.finish().unwrap().to_vec()
    }

    fn refused(change: impl FnOnce(&mut PinSet)) -> Option<String> {
        let bytes = body(7);
        let mut set = PinSet::new(1);
        change(&mut set);
        let why = pin(&PinMsg::decode(&bytes).unwrap(), &set).err()?;
        Some(why.to_string())
    }

    fn parent(parent: ParentSet) -> Option<String> {
        refused(|set| set.parent_devices.push(parent))
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        let says = |why: Option<String>, part: &str| assert!(why.as_ref().is_some_and(|w| w.contains(part)), "{why:?}");
        says(refused(|set| set.frequency = Some(2)), "1 Hz, 10000000 to 20000000 Hz");
        says(refused(|set| set.esync_frequency = Some(1)), "allowed: nothing");
        says(refused(|set| set.phase_adjust = Some(1001)), "-1000 to 1000 ps");
        says(refused(|set| set.phase_adjust = Some(20)), "nearest allowed: 21 ps");
        let direction = Some(PinDirection::Input);
        let id = ParentSet {
            parent_id: 4,
            ..ParentSet::default()
        };
        says(
            parent(ParentSet { direction, ..id }),
            "state-can-change, priority-can-change",
        );
        says(
            parent(ParentSet { parent_id: 5, ..id }),
            "no parent device 5; it has: 4",
        );
        let other = |id, state| OtherSet { id, state };
        says(
            refused(|set| set.parent_pins.push(other(1, PinState::Connected))),
            "it has: nothing",
        );
        says(
            refused(|set| set.reference_sync.push(other(9, PinState::Selectable))),
            "connected, disconnected",
        );
    }

    #[test]
    fn what_is_offered_passes() {
        for hz in [1, 10_000_000, 15_000_000, 20_000_000] {
            assert_eq!(refused(|set| set.frequency = Some(hz)), None);
        }
        for ps in [-994, 0, 994] {
            assert_eq!(refused(|set| set.phase_adjust = Some(ps)), None);
        }
        let whole = ParentSet {
            parent_id: 4,
            direction: None,
            prio: Some(0),
            state: Some(PinState::Disconnected),
        };
        assert_eq!(parent(whole), None);
        let partner = OtherSet {
            id: 9,
            state: PinState::Connected,
        };
        assert_eq!(refused(|set| set.reference_sync.push(partner)), None);
        assert_eq!(pin(&PinMsg::EMPTY, &PinSet::new(1)), Ok(()));
        let mut set = PinSet::new(1);
        set.phase_adjust = Some(0);
        assert_eq!(pin(&PinMsg::EMPTY, &set), Err(NotAllowed::PhaseFixed));
    }

    #[test]
    fn steps_are_rounded_to_the_nearest_in_range() {
        let near = |ps, step| nearest_step(ps, step, (-1000, 1000));
        assert_eq!([near(20, 7), near(17, 7), near(18, 7)], [21, 14, 21]);
        assert_eq!([near(-20, 7), near(5, 10), near(-5, 10)], [-21, 10, -10]);
        assert_eq!([near(5000, 7), near(-5000, 7), near(13, 0)], [994, -994, 13]);
        assert_eq!(nearest_step(5, 1000, (1, 900)), 900, "no multiple: a limit");
        assert_eq!(nearest_step(5, u32::MAX, (i32::MIN, i32::MAX)), 0);
    }

    #[test]
    fn a_value_that_did_not_stay_is_told() {
        let bytes = body(0);
        let now = PinMsg::decode(&bytes).unwrap();
        let mut set = PinSet::new(1);
        (set.frequency, set.phase_adjust) = (Some(1), Some(15));
        let state = Some(PinState::Selectable);
        set.parent_devices.push(ParentSet {
            parent_id: 4,
            prio: Some(2),
            state, // reads connected: chosen
            direction: None,
        });
        let told: Vec<_> = pin_differences(&now, &set).iter().map(Difference::to_string).collect();
        assert_eq!(
            told,
            ["phase adjust: set 15 ps, reads 14 ps", "priority: set 2, reads 3"]
        );
        set = PinSet::new(1);
        set.reference_sync.push(OtherSet {
            id: 9,
            state: PinState::Connected,
        });
        let told = pin_differences(&now, &set);
        assert_eq!(
            told[0].to_string(),
            "state of a reference sync: set connected, reads nothing"
        );
    }

    #[test]
    fn a_device_is_asked_only_for_what_it_shows() {
        let mut now = DeviceMsg::EMPTY;
        now.mode_supported.push(Mode::Automatic);
        let mut set = DeviceSet::new(0);
        set.mode = Some(Mode::Manual);
        let why = device(&now, &set).unwrap_err().to_string();
        assert_eq!(why, "mode manual is not offered; allowed: automatic");
        set.mode = Some(Mode::Automatic);
        assert_eq!(device(&now, &set), Ok(()));
        set.frequency_monitor = Some(FeatureState::Enable);
        assert_eq!(
            device(&now, &set),
            Err(NotAllowed::Feature {
                what: "frequency monitor"
            })
        );
        now.frequency_monitor = Some(FeatureState::Disable);
        assert_eq!(device(&now, &set), Ok(()));
        assert_eq!(
            device_differences(&now, &set)
                .iter()
                .map(|d| d.what)
                .collect::<Vec<_>>(),
            ["mode", "frequency monitor"]
        );
    }
}
