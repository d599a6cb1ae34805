//! A device message: the body of DEVICE_GET replies and of the DEVICE_*_NTF notifications.

use tgm_core::LockStatus;
use tgm_sys::dpll::a;

use crate::attrs::{Attrs, Malformed, Text};
use crate::kinds::{ClockQualityLevel, DpllType, FeatureState, LockStatusError, Mode};
use crate::list::List;

/// Everything a device message can say. `None`: this message does not say it, and that means nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMsg<'a> {
    /// Handle of the device until its driver is reloaded.
    pub id: Option<u32>,
    /// Driver.
    pub module_name: Option<Text<'a>>,
    /// Identity of the board, stable over reloads and reboots.
    pub clock_id: Option<u64>,
    /// What the device disciplines.
    pub dpll_type: Option<DpllType>,
    /// How it chooses its input.
    pub mode: Option<Mode>,
    /// How it could.
    pub mode_supported: List<Mode, 4>,
    /// Its lock status. Absent in incomplete notifications of some drivers, which is no free-run.
    pub lock_status: Option<LockStatus>,
    /// Why the lock was lost.
    pub lock_status_error: Option<LockStatusError>,
    /// Temperature, m°C.
    pub temp: Option<i32>,
    /// Quality of the clock in holdover, by every list the driver knows.
    pub clock_quality_level: List<ClockQualityLevel, 8>,
    /// Whether inputs not in use are measured too.
    pub phase_offset_monitor: Option<FeatureState>,
    /// N of the phase averaging: avg = prev·(2^N−1)/2^N + new/2^N.
    pub phase_offset_avg_factor: Option<u32>,
    /// Whether input frequencies are measured.
    pub frequency_monitor: Option<FeatureState>,
}

impl<'a> DeviceMsg<'a> {
    /// A message that says nothing.
    pub const EMPTY: DeviceMsg<'static> = DeviceMsg {
        id: None,
        module_name: None,
        clock_id: None,
        dpll_type: None,
        mode: None,
        mode_supported: List::new(Mode::Unknown(0)),
        lock_status: None,
        lock_status_error: None,
        temp: None,
        clock_quality_level: List::new(ClockQualityLevel::Unknown(0)),
        phase_offset_monitor: None,
        phase_offset_avg_factor: None,
        frequency_monitor: None,
    };

    /// Decodes the attributes of a device message (what follows the generic-netlink header). See [`crate::attrs`] for what is
    /// malformed and what is not.
    #[inline]
    pub fn decode(attributes: &'a [u8]) -> Result<Self, Malformed> {
        let mut msg = DeviceMsg::EMPTY;
        for attr in Attrs::new(attributes) {
            let attr = attr?;
            match attr.kind {
                a::ID => msg.id = Some(attr.u32()?),
                a::MODULE_NAME => msg.module_name = Some(attr.text()),
                a::CLOCK_ID => msg.clock_id = Some(attr.u64()?),
                a::TYPE => msg.dpll_type = Some(attr.u32()?.into()),
                a::MODE => msg.mode = Some(attr.u32()?.into()),
                a::MODE_SUPPORTED => msg.mode_supported.push(attr.u32()?.into()),
                a::LOCK_STATUS => msg.lock_status = Some(attr.u32()?.into()),
                a::LOCK_STATUS_ERROR => msg.lock_status_error = Some(attr.u32()?.into()),
                a::TEMP => msg.temp = Some(attr.i32()?),
                a::CLOCK_QUALITY_LEVEL => msg.clock_quality_level.push(attr.u32()?.into()),
                a::PHASE_OFFSET_MONITOR => msg.phase_offset_monitor = Some(attr.u32()?.into()),
                a::PHASE_OFFSET_AVG_FACTOR => msg.phase_offset_avg_factor = Some(attr.u32()?),
                a::FREQUENCY_MONITOR => msg.frequency_monitor = Some(attr.u32()?.into()),
                _ => {} // padding, or newer than this version
            }
        }
        Ok(msg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::MalformedKind;
    use crate::encode::AttrWriter;

    fn body(write: impl FnOnce(&mut AttrWriter<'_>)) -> Vec<u8> {
        let mut buffer = [0; 256];
        let mut writer = AttrWriter::new(&mut buffer);
        write(&mut writer);
        writer.finish().unwrap().to_vec()
    }

    #[test]
    fn a_missing_lock_status_is_none() {
        let bytes = body(|w| {
            w.u32(a::ID, 3);
            w.u64(a::CLOCK_ID, 7);
        });
        let msg = DeviceMsg::decode(&bytes).unwrap();
        assert_eq!((msg.id, msg.clock_id, msg.lock_status), (Some(3), Some(7), None));
        assert_eq!(DeviceMsg::decode(&[]), Ok(DeviceMsg::EMPTY));
    }

    #[test]
    fn unknown_attributes_and_values_are_no_errors() {
        let bytes = body(|w| {
            w.u32(a::LOCK_STATUS, 9);
            w.bytes(60, &[1, 2, 3]);
            w.u32(a::TYPE, 8);
            w.bytes(a::PAD, &[]);
        });
        let msg = DeviceMsg::decode(&bytes).unwrap();
        assert_eq!(msg.lock_status, Some(LockStatus::Unknown(9)));
        assert_eq!(msg.dpll_type, Some(DpllType::Unknown(8)));
    }

    #[test]
    fn a_known_attribute_of_another_length_is_malformed() {
        let bytes = body(|w| {
            w.u32(a::ID, 0);
            w.bytes(a::LOCK_STATUS, &[3, 0]);
        });
        let kind = MalformedKind::Value(a::LOCK_STATUS);
        assert_eq!(DeviceMsg::decode(&bytes), Err(Malformed { kind, offset: 8 }));
    }

    #[test]
    fn repeated_attributes_are_gathered() {
        let bytes = body(|w| {
            (1..=6).for_each(|mode| w.u32(a::MODE_SUPPORTED, mode));
            w.u32(a::CLOCK_QUALITY_LEVEL, 7);
            w.i32(a::TEMP, -1500);
        });
        let msg = DeviceMsg::decode(&bytes).unwrap();
        assert_eq!(
            (msg.mode_supported.as_slice().len(), msg.mode_supported.dropped()),
            (4, 2)
        );
        assert_eq!(msg.clock_quality_level.as_slice(), [ClockQualityLevel::ItuOpt1Eeec]);
        assert_eq!(msg.temp, Some(-1500));
    }
}
