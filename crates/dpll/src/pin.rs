//! A pin message: the body of PIN_GET replies and of the PIN_*_NTF notifications.

use tgm_sys::dpll::a_pin as a;
use tgm_time::Femtos;

use crate::attrs::{Attr, Attrs, Malformed, Text};
use crate::kinds::{OperState, PinCapabilities, PinDirection, PinState, PinType};
use crate::nests::{Nest, Nests};

/// A pin as one of its devices sees it (PARENT_DEVICE). An E810 input has two: EEC and PPS; match by `parent_id`, never by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ParentDevice {
    /// Handle of the device.
    pub parent_id: Option<u32>,
    /// Input or output.
    pub direction: Option<PinDirection>,
    /// Priority, the lower wins.
    pub prio: Option<u32>,
    /// What is wanted of the pin; without [`OperState`], also whether it is in use.
    pub state: Option<PinState>,
    /// What the hardware does with the pin.
    pub operstate: Option<OperState>,
    /// Phase of the pin against the device, negative when the pin is earlier. Meaningless on the EEC of an E810.
    pub phase_offset: Option<Femtos>,
    /// Frequency of the pin against the device, ppm.
    pub ffo: Option<i64>,
    /// Frequency of the pin against the device, parts in 10^12.
    pub ffo_ppt: Option<i64>,
}

impl ParentDevice {
    /// Whether the device follows this pin: an input that is connected (older kernels) or operationally active (newer ones).
    pub fn is_active_input(&self) -> bool {
        self.direction == Some(PinDirection::Input)
            && (self.state == Some(PinState::Connected) || self.operstate == Some(OperState::Active))
    }
}

impl Nest for ParentDevice {
    const EMPTY: Self = NO_PARENT;

    #[inline]
    fn fill(&mut self, nest: &Attr<'_>) -> Result<(), Malformed> {
        for attr in nest.nested() {
            let attr = attr?;
            match attr.kind {
                a::PARENT_ID => self.parent_id = Some(attr.u32()?),
                a::DIRECTION => self.direction = Some(attr.u32()?.into()),
                a::PRIO => self.prio = Some(attr.u32()?),
                a::STATE => self.state = Some(attr.u32()?.into()),
                a::OPERSTATE => self.operstate = Some(attr.u32()?.into()),
                a::PHASE_OFFSET => self.phase_offset = Some(Femtos(attr.i64()?)),
                a::FRACTIONAL_FREQUENCY_OFFSET => self.ffo = Some(attr.sint()?),
                a::FRACTIONAL_FREQUENCY_OFFSET_PPT => self.ffo_ppt = Some(attr.sint()?),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Another pin and the state towards it: a mux pin above (PARENT_PIN) or a partner (REFERENCE_SYNC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherPin {
    /// Handle of the other pin.
    pub id: Option<u32>,
    /// State towards it.
    pub state: Option<PinState>,
}

impl Nest for OtherPin {
    const EMPTY: Self = OtherPin { id: None, state: None };

    fn fill(&mut self, nest: &Attr<'_>) -> Result<(), Malformed> {
        let id = if nest.kind == a::REFERENCE_SYNC {
            a::ID
        } else {
            a::PARENT_ID
        };
        for attr in nest.nested() {
            let attr = attr?;
            match attr.kind {
                kind if kind == id => self.id = Some(attr.u32()?),
                a::STATE => self.state = Some(attr.u32()?.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A range of frequencies, Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrequencyRange {
    /// Lowest.
    pub min: Option<u64>,
    /// Highest.
    pub max: Option<u64>,
}

impl FrequencyRange {
    /// True if the range has both ends and `hz` is not outside.
    pub fn contains(&self, hz: u64) -> bool {
        self.min.is_some_and(|min| min <= hz) && self.max.is_some_and(|max| hz <= max)
    }
}

impl Nest for FrequencyRange {
    const EMPTY: Self = FrequencyRange { min: None, max: None };

    fn fill(&mut self, nest: &Attr<'_>) -> Result<(), Malformed> {
        for attr in nest.nested() {
            let attr = attr?;
            match attr.kind {
                a::FREQUENCY_MIN => self.min = Some(attr.u64()?),
                a::FREQUENCY_MAX => self.max = Some(attr.u64()?),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Everything a pin message can say. `None`: this message does not say it, and that means nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinMsg<'a> {
    /// Handle of the pin until its driver is reloaded.
    pub id: Option<u32>,
    /// Driver.
    pub module_name: Option<Text<'a>>,
    /// Identity of the board, stable over reloads and reboots.
    pub clock_id: Option<u64>,
    /// Label on the board.
    pub board_label: Option<Text<'a>>,
    /// Label on the panel.
    pub panel_label: Option<Text<'a>>,
    /// Label on the chip.
    pub package_label: Option<Text<'a>>,
    /// What the pin is connected to.
    pub pin_type: Option<PinType>,
    /// Frequency, Hz.
    pub frequency: Option<u64>,
    /// Frequencies it can have.
    pub frequency_supported: Nests<'a, FrequencyRange>,
    /// What may be set.
    pub capabilities: Option<PinCapabilities>,
    /// The devices it serves.
    pub parent_devices: Nests<'a, ParentDevice, 2>,
    /// The mux pins above it.
    pub parent_pins: Nests<'a, OtherPin>,
    /// Least settable phase, ps.
    pub phase_adjust_min: Option<i32>,
    /// Greatest settable phase, ps.
    pub phase_adjust_max: Option<i32>,
    /// Step of the settable phase, ps.
    pub phase_adjust_gran: Option<u32>,
    /// Phase set, ps.
    pub phase_adjust: Option<i32>,
    /// Frequency offset of the pin's own signal, ppm.
    pub ffo: Option<i64>,
    /// Frequency offset of the pin's own signal, parts in 10^12.
    pub ffo_ppt: Option<i64>,
    /// Measured frequency, mHz; only while the frequency monitor of the pin's first device is on (the kernel asks no other).
    pub measured_frequency: Option<u64>,
    /// Embedded synchronisation, Hz.
    pub esync_frequency: Option<u64>,
    /// Embedded synchronisation it can have.
    pub esync_frequency_supported: Nests<'a, FrequencyRange>,
    /// High time of the embedded pulse, percent.
    pub esync_pulse: Option<u32>,
    /// Partner pins.
    pub reference_sync: Nests<'a, OtherPin>,
    /// Attributes that belong into a parent-device nest, found outside one (no kernel sends them there).
    pub outside: ParentDevice,
}

impl<'a> PinMsg<'a> {
    /// A message that says nothing.
    pub const EMPTY: PinMsg<'static> = PinMsg {
        id: None,
        module_name: None,
        clock_id: None,
        board_label: None,
        panel_label: None,
        package_label: None,
        pin_type: None,
        frequency: None,
        frequency_supported: Nests::NONE,
        capabilities: None,
        parent_devices: Nests::NONE,
        parent_pins: Nests::NONE,
        phase_adjust_min: None,
        phase_adjust_max: None,
        phase_adjust_gran: None,
        phase_adjust: None,
        ffo: None,
        ffo_ppt: None,
        measured_frequency: None,
        esync_frequency: None,
        esync_frequency_supported: Nests::NONE,
        esync_pulse: None,
        reference_sync: Nests::NONE,
        outside: NO_PARENT,
    };

    /// Decodes the attributes of a pin message (what follows the generic-netlink header). See [`crate::attrs`] for what is
    /// malformed and what is not.
    #[inline]
    pub fn decode(attributes: &'a [u8]) -> Result<Self, Malformed> {
        let mut msg = PinMsg::EMPTY;
        msg.fill(attributes)?;
        Ok(msg)
    }

    /// Out of line, so that the message stays in memory and the registers are the walk's: half the instructions.
    #[inline(never)]
    fn fill(&mut self, attributes: &'a [u8]) -> Result<(), Malformed> {
        let mut attrs = Attrs::new(attributes);
        loop {
            let from = attrs.rest();
            match attrs.next() {
                Some(attr) => self.take(&attr?, from)?,
                None => return Ok(()),
            }
        }
    }

    /// `from`: the message from this attribute on.
    #[inline(always)]
    fn take(&mut self, attr: &Attr<'a>, from: &'a [u8]) -> Result<(), Malformed> {
        match attr.kind {
            a::ID => self.id = Some(attr.u32()?),
            a::MODULE_NAME => self.module_name = Some(attr.text()),
            a::CLOCK_ID => self.clock_id = Some(attr.u64()?),
            a::BOARD_LABEL => self.board_label = Some(attr.text()),
            a::PANEL_LABEL => self.panel_label = Some(attr.text()),
            a::PACKAGE_LABEL => self.package_label = Some(attr.text()),
            a::TYPE => self.pin_type = Some(attr.u32()?.into()),
            a::FREQUENCY => self.frequency = Some(attr.u64()?),
            a::FREQUENCY_SUPPORTED => self.frequency_supported.take(attr, from)?,
            a::CAPABILITIES => self.capabilities = Some(PinCapabilities::from_bits_retain(attr.u32()?)),
            a::PARENT_DEVICE => self.parent_devices.take(attr, from)?,
            a::PARENT_PIN => self.parent_pins.take(attr, from)?,
            a::PHASE_ADJUST_MIN => self.phase_adjust_min = Some(attr.i32()?),
            a::PHASE_ADJUST_MAX => self.phase_adjust_max = Some(attr.i32()?),
            a::PHASE_ADJUST_GRAN => self.phase_adjust_gran = Some(attr.u32()?),
            a::PHASE_ADJUST => self.phase_adjust = Some(attr.i32()?),
            a::FRACTIONAL_FREQUENCY_OFFSET => self.ffo = Some(attr.sint()?),
            a::FRACTIONAL_FREQUENCY_OFFSET_PPT => self.ffo_ppt = Some(attr.sint()?),
            a::MEASURED_FREQUENCY => self.measured_frequency = Some(attr.u64()?),
            a::ESYNC_FREQUENCY => self.esync_frequency = Some(attr.u64()?),
            a::ESYNC_FREQUENCY_SUPPORTED => self.esync_frequency_supported.take(attr, from)?,
            a::ESYNC_PULSE => self.esync_pulse = Some(attr.u32()?),
            a::REFERENCE_SYNC => self.reference_sync.take(attr, from)?,
            a::PARENT_ID => self.outside.parent_id = Some(attr.u32()?),
            a::DIRECTION => self.outside.direction = Some(attr.u32()?.into()),
            a::PRIO => self.outside.prio = Some(attr.u32()?),
            a::STATE => self.outside.state = Some(attr.u32()?.into()),
            a::OPERSTATE => self.outside.operstate = Some(attr.u32()?.into()),
            a::PHASE_OFFSET => self.outside.phase_offset = Some(Femtos(attr.i64()?)),
            _ => {} // padding, or newer than this version
        }
        Ok(())
    }
}

const NO_PARENT: ParentDevice = ParentDevice {
    parent_id: None,
    direction: None,
    prio: None,
    state: None,
    operstate: None,
    phase_offset: None,
    ffo: None,
    ffo_ppt: None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::MalformedKind;
    use crate::encode::AttrWriter;

    fn body(write: impl FnOnce(&mut AttrWriter<'_>)) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let mut writer = AttrWriter::new(&mut buffer);
        write(&mut writer);
        writer.finish().unwrap().to_vec()
    }

    #[test]
    fn both_parents_are_kept_apart() {
        let bytes = body(|w| {
            w.u32(a::ID, 6);
            for (parent, offset) in [(0, 406_616_064_733_390), (1, -1_870_360)] {
                w.nest(a::PARENT_DEVICE, |w| {
                    w.u32(a::PARENT_ID, parent);
                    w.u32(a::DIRECTION, 1);
                    w.u32(a::STATE, 1);
                    w.i64(a::PHASE_OFFSET, offset);
                });
            }
        });
        let msg = PinMsg::decode(&bytes).unwrap();
        let seen: Vec<_> = msg
            .parent_devices
            .iter()
            .map(|p| (p.parent_id, p.phase_offset))
            .collect();
        assert_eq!(
            seen,
            [
                (Some(0), Some(Femtos(406_616_064_733_390))),
                (Some(1), Some(Femtos(-1_870_360)))
            ]
        );
        assert!(msg.parent_devices.iter().all(|parent| parent.is_active_input()));
    }

    #[test]
    fn a_nest_that_ends_early_is_kept_as_far_as_it_goes() {
        let bytes = body(|w| w.nest(a::PARENT_DEVICE, |w| w.u32(a::PARENT_ID, 1)));
        let parent = PinMsg::decode(&bytes).unwrap().parent_devices.iter().next().unwrap();
        assert_eq!(
            parent,
            ParentDevice {
                parent_id: Some(1),
                ..ParentDevice::default()
            }
        );
        assert!(!parent.is_active_input());
    }

    #[test]
    fn there_is_no_greatest_number_of_parents() {
        let bytes = body(|w| {
            for id in 0..70 {
                w.nest(a::PARENT_DEVICE, |w| w.u32(a::PARENT_ID, id));
                w.u32(a::PRIO, 7); // others between them do not count
            }
        });
        let parents = PinMsg::decode(&bytes).unwrap().parent_devices;
        assert_eq!(parents.len(), 70);
        assert!(parents.iter().map(|parent| parent.parent_id).eq((0..70).map(Some)));
    }

    #[test]
    fn a_bad_value_in_a_nest_is_placed() {
        let bytes = body(|w| {
            w.u32(a::ID, 0);
            w.nest(a::PARENT_DEVICE, |w| w.bytes(a::PHASE_OFFSET, &[0; 4]));
        });
        let kind = MalformedKind::Value(a::PHASE_OFFSET);
        assert_eq!(PinMsg::decode(&bytes), Err(Malformed { kind, offset: 12 }));
    }

    #[test]
    fn the_partner_of_a_reference_sync_is_its_id_not_its_parent() {
        let bytes = body(|w| {
            w.nest(a::REFERENCE_SYNC, |w| {
                w.u32(a::ID, 5);
                w.u32(a::STATE, 2);
            });
            w.nest(a::PARENT_PIN, |w| {
                w.u32(a::PARENT_ID, 2);
                w.u32(a::STATE, 1);
            });
        });
        let msg = PinMsg::decode(&bytes).unwrap();
        let pin = |id, state| OtherPin {
            id: Some(id),
            state: Some(state),
        };
        assert!(msg.reference_sync.iter().eq([pin(5, PinState::Disconnected)]));
        assert!(msg.parent_pins.iter().eq([pin(2, PinState::Connected)]));
    }
}
