//! What may be changed about a device (DEVICE_SET) and about a pin (PIN_SET).
//!
//! A change names only what is to be another: `None` leaves as it is. It lives where it stands, without a heap.

use tgm_sys::dpll::{a, a_pin};

use crate::encode::AttrWriter;
use crate::kinds::{FeatureState, Mode, PinDirection, PinState};
use crate::list::List;

/// What to change about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceSet {
    /// Handle of the device.
    pub id: u32,
    /// How it chooses its input. Kernel 6.19 and later.
    pub mode: Option<Mode>,
    /// Whether inputs not in use are measured too.
    pub phase_offset_monitor: Option<FeatureState>,
    /// N of the phase averaging: avg = prev·(2^N−1)/2^N + new/2^N. How large it may be is the driver's own.
    pub phase_offset_avg_factor: Option<u32>,
    /// Whether input frequencies are measured.
    pub frequency_monitor: Option<FeatureState>,
}

impl DeviceSet {
    /// Changes nothing about device `id`.
    pub const fn new(id: u32) -> Self {
        DeviceSet {
            id,
            mode: None,
            phase_offset_monitor: None,
            phase_offset_avg_factor: None,
            frequency_monitor: None,
        }
    }

    pub(crate) fn write(&self, w: &mut AttrWriter<'_>) {
        w.u32(a::ID, self.id);
        let numbers = [
            (a::MODE, self.mode.map(Mode::number)),
            (
                a::PHASE_OFFSET_MONITOR,
                self.phase_offset_monitor.map(FeatureState::number),
            ),
            (a::PHASE_OFFSET_AVG_FACTOR, self.phase_offset_avg_factor),
            (a::FREQUENCY_MONITOR, self.frequency_monitor.map(FeatureState::number)),
        ];
        for (kind, number) in numbers {
            if let Some(number) = number {
                w.u32(kind, number);
            }
        }
    }
}

/// What to change about a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinSet {
    /// Handle of the pin.
    pub id: u32,
    /// Frequency, Hz.
    pub frequency: Option<u64>,
    /// Phase, ps.
    pub phase_adjust: Option<i32>,
    /// Embedded synchronisation, Hz.
    pub esync_frequency: Option<u64>,
    /// Per device. Direction, priority and state count only here: at the top of the message the kernel accepts and ignores them.
    pub parent_devices: List<ParentSet, 8>,
    /// Per mux pin above.
    pub parent_pins: List<OtherSet, 4>,
    /// Per partner of a reference-sync pair.
    pub reference_sync: List<OtherSet, 4>,
}

/// What to change about a pin towards one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParentSet {
    /// Handle of the device.
    pub parent_id: u32,
    /// Input or output.
    pub direction: Option<PinDirection>,
    /// Priority, the lower wins.
    pub prio: Option<u32>,
    /// Connected, disconnected or selectable.
    pub state: Option<PinState>,
}

/// What to change about a pin towards another pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherSet {
    /// Handle of the other pin.
    pub id: u32,
    /// State towards it.
    pub state: PinState,
}

impl PinSet {
    /// Changes nothing about pin `id`.
    pub const fn new(id: u32) -> Self {
        const NO_ONE: OtherSet = OtherSet {
            id: 0,
            state: PinState::Unknown(0),
        };
        PinSet {
            id,
            frequency: None,
            phase_adjust: None,
            esync_frequency: None,
            parent_devices: List::new(ParentSet {
                parent_id: 0,
                direction: None,
                prio: None,
                state: None,
            }),
            parent_pins: List::new(NO_ONE),
            reference_sync: List::new(NO_ONE),
        }
    }

    pub(crate) fn write(&self, w: &mut AttrWriter<'_>) {
        w.u32(a_pin::ID, self.id);
        if let Some(ps) = self.phase_adjust {
            w.i32(a_pin::PHASE_ADJUST, ps);
        }
        if let Some(hz) = self.esync_frequency {
            w.u64(a_pin::ESYNC_FREQUENCY, hz);
        }
        if let Some(hz) = self.frequency {
            w.u64(a_pin::FREQUENCY, hz);
        }
        for parent in self.parent_devices.iter() {
            w.nest(a_pin::PARENT_DEVICE, |w| {
                w.u32(a_pin::PARENT_ID, parent.parent_id);
                if let Some(state) = parent.state {
                    w.u32(a_pin::STATE, state.number());
                }
                if let Some(prio) = parent.prio {
                    w.u32(a_pin::PRIO, prio);
                }
                if let Some(direction) = parent.direction {
                    w.u32(a_pin::DIRECTION, direction.number());
                }
            });
        }
        for (nest, id, others) in [
            (a_pin::PARENT_PIN, a_pin::PARENT_ID, &self.parent_pins),
            (a_pin::REFERENCE_SYNC, a_pin::ID, &self.reference_sync),
        ] {
            for other in others.iter() {
                w.nest(nest, |w| {
                    w.u32(id, other.id);
                    w.u32(a_pin::STATE, other.state.number());
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceMsg, OtherPin, PinMsg};

    #[test]
    fn a_device_change_says_what_changes_and_no_more() {
        let mut set = DeviceSet::new(3);
        set.phase_offset_monitor = Some(FeatureState::Enable);
        set.phase_offset_avg_factor = Some(4);
        let mut buffer = [0; 64];
        let mut w = AttrWriter::new(&mut buffer);
        set.write(&mut w);
        let expected = DeviceMsg {
            id: Some(3),
            phase_offset_monitor: Some(FeatureState::Enable),
            phase_offset_avg_factor: Some(4),
            ..DeviceMsg::EMPTY
        };
        assert_eq!(DeviceMsg::decode(w.finish().unwrap()), Ok(expected));
    }

    #[test]
    fn a_partner_goes_by_id_and_a_parent_by_parent_id() {
        let mut set = PinSet::new(6);
        let state = PinState::Connected;
        set.parent_pins.push(OtherSet { id: 2, state });
        set.reference_sync.push(OtherSet { id: 5, state });
        let mut buffer = [0; 64];
        let mut w = AttrWriter::new(&mut buffer);
        set.write(&mut w);
        let bytes = w.finish().unwrap();
        assert_eq!(bytes[8..16], [20, 0, 19, 0x80, 8, 0, 2, 0]);
        let pin = PinMsg::decode(bytes).unwrap();
        let other = |id| OtherPin {
            id: Some(id),
            state: Some(state),
        };
        assert!(pin.parent_pins.iter().eq([other(2)]));
        assert!(pin.reference_sync.iter().eq([other(5)]));
    }
}
