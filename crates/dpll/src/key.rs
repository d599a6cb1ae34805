//! Who a device or a pin is, whatever its handle: what stays the same when its driver is reloaded.
//!
//! Handles are given out anew at each registration, so nobody should keep them longer than a driver lives. A key is what the kernel
//! looks a handle up by (DEVICE_ID_GET, PIN_ID_GET): driver, board, and type or label.

use std::fmt;

use tgm_sys::dpll::{a, a_pin};

use crate::device::DeviceMsg;
use crate::encode::AttrWriter;
use crate::kinds::{DpllType, PinType};
use crate::pin::PinMsg;

/// Who a device is. What is `None` is not looked at; the kernel refuses a key that fits several devices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DeviceKey {
    /// Driver, "ice" for instance.
    pub module_name: Option<String>,
    /// Board.
    pub clock_id: Option<u64>,
    /// What it disciplines.
    pub dpll_type: Option<DpllType>,
}

/// Who a pin is. What is `None` is not looked at; the kernel refuses a key that fits several pins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PinKey {
    /// Driver, "ice" for instance.
    pub module_name: Option<String>,
    /// Board.
    pub clock_id: Option<u64>,
    /// Label on the board.
    pub board_label: Option<String>,
    /// Label on the panel.
    pub panel_label: Option<String>,
    /// Label on the chip.
    pub package_label: Option<String>,
    /// What it is connected to.
    pub pin_type: Option<PinType>,
}

impl DeviceKey {
    /// The device of this type on this board.
    pub fn new(clock_id: u64, dpll_type: DpllType) -> Self {
        DeviceKey {
            clock_id: Some(clock_id),
            dpll_type: Some(dpll_type),
            ..DeviceKey::default()
        }
    }

    /// Everything the message says of who sends it.
    pub fn of(msg: &DeviceMsg<'_>) -> Self {
        DeviceKey {
            module_name: msg.module_name.map(|text| text.to_string()),
            clock_id: msg.clock_id,
            dpll_type: msg.dpll_type,
        }
    }

    /// True if nothing the key names is otherwise in the message.
    pub fn fits(&self, msg: &DeviceMsg<'_>) -> bool {
        let module = msg.module_name.map(|text| text.bytes());
        told(self.module_name.as_deref().map(str::as_bytes), module)
            && told(self.clock_id, msg.clock_id)
            && told(self.dpll_type, msg.dpll_type)
    }

    pub(crate) fn write(&self, w: &mut AttrWriter<'_>) {
        if let Some(module) = &self.module_name {
            w.text(a::MODULE_NAME, module);
        }
        if let Some(clock_id) = self.clock_id {
            w.u64(a::CLOCK_ID, clock_id);
        }
        if let Some(kind) = self.dpll_type {
            w.u32(a::TYPE, kind.number());
        }
    }
}

impl PinKey {
    /// The pin with this label on this board.
    pub fn new(clock_id: u64, board_label: &str) -> Self {
        PinKey {
            clock_id: Some(clock_id),
            board_label: Some(board_label.to_owned()),
            ..PinKey::default()
        }
    }

    /// Everything the message says of who sends it.
    pub fn of(msg: &PinMsg<'_>) -> Self {
        PinKey {
            module_name: msg.module_name.map(|text| text.to_string()),
            clock_id: msg.clock_id,
            board_label: msg.board_label.map(|text| text.to_string()),
            panel_label: msg.panel_label.map(|text| text.to_string()),
            package_label: msg.package_label.map(|text| text.to_string()),
            pin_type: msg.pin_type,
        }
    }

    /// True if nothing the key names is otherwise in the message.
    pub fn fits(&self, msg: &PinMsg<'_>) -> bool {
        let texts = [
            (&self.module_name, msg.module_name),
            (&self.board_label, msg.board_label),
            (&self.panel_label, msg.panel_label),
            (&self.package_label, msg.package_label),
        ];
        texts
            .into_iter()
            .all(|(ours, theirs)| told(ours.as_deref().map(str::as_bytes), theirs.map(|text| text.bytes())))
            && told(self.clock_id, msg.clock_id)
            && told(self.pin_type, msg.pin_type)
    }

    /// True if nothing this key names is otherwise in `other`.
    pub fn covers(&self, other: &PinKey) -> bool {
        let texts = [
            (&self.module_name, &other.module_name),
            (&self.board_label, &other.board_label),
            (&self.panel_label, &other.panel_label),
            (&self.package_label, &other.package_label),
        ];
        texts
            .into_iter()
            .all(|(ours, theirs)| told(ours.as_deref(), theirs.as_deref()))
            && told(self.clock_id, other.clock_id)
            && told(self.pin_type, other.pin_type)
    }

    pub(crate) fn write(&self, w: &mut AttrWriter<'_>) {
        let texts = [
            (a_pin::MODULE_NAME, &self.module_name),
            (a_pin::BOARD_LABEL, &self.board_label),
            (a_pin::PANEL_LABEL, &self.panel_label),
            (a_pin::PACKAGE_LABEL, &self.package_label),
        ];
        for (kind, text) in texts {
            if let Some(text) = text {
                w.text(kind, text);
            }
        }
        if let Some(clock_id) = self.clock_id {
            w.u64(a_pin::CLOCK_ID, clock_id);
        }
        if let Some(kind) = self.pin_type {
            w.u32(a_pin::TYPE, kind.number());
        }
    }
}

/// What is not named fits anything; what is named fits only itself.
fn told<T: PartialEq>(key: Option<T>, msg: Option<T>) -> bool {
    key.is_none() || key == msg
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dpll device")?;
        let kind = self.dpll_type.map(|kind| kind.name().to_owned());
        words(f, self.clock_id, [("module", &self.module_name), ("type", &kind)])
    }
}

impl fmt::Display for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dpll pin")?;
        let kind = self.pin_type.map(|kind| kind.name().to_owned());
        let named = [
            ("board label", &self.board_label),
            ("panel label", &self.panel_label),
            ("package label", &self.package_label),
            ("module", &self.module_name),
            ("type", &kind),
        ];
        words(f, self.clock_id, named)
    }
}

fn words<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    clock_id: Option<u64>,
    named: [(&str, &Option<String>); N],
) -> fmt::Result {
    for (name, text) in named {
        if let Some(text) = text {
            write!(f, " {name} \"{text}\"")?;
        }
    }
    clock_id.map_or(Ok(()), |clock_id| write!(f, " clock id {clock_id:#018x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::Text;

    #[test]
    fn a_key_fits_its_own_message_and_no_other_label() {
        let msg = PinMsg {
            module_name: Some(Text::new(b"ice\0")),
            clock_id: Some(7),
            board_label: Some(Text::new(b"SMA1\0")),
            pin_type: Some(PinType::Ext),
            ..PinMsg::EMPTY
        };
        let key = PinKey::of(&msg);
        assert!(key.fits(&msg));
        assert!(PinKey::new(7, "SMA1").fits(&msg) && PinKey::default().fits(&msg));
        assert!(!PinKey::new(7, "SMA").fits(&msg) && !PinKey::new(8, "SMA1").fits(&msg));
        assert!(
            !key.fits(&PinMsg::EMPTY),
            "what a message does not say is not what the key names"
        );
    }

    #[test]
    fn a_key_is_written_as_the_messages_are_read() {
        let key = PinKey {
            module_name: Some("zl3073x_i2c".to_owned()),
            clock_id: Some(u64::MAX),
            package_label: Some("REF0P".to_owned()),
            pin_type: Some(PinType::Gnss),
            ..PinKey::default()
        };
        let mut buffer = [0; 128];
        let mut w = AttrWriter::new(&mut buffer);
        key.write(&mut w);
        assert_eq!(PinKey::of(&PinMsg::decode(w.finish().unwrap()).unwrap()), key);
        let key = DeviceKey {
            module_name: Some("ice".to_owned()),
            ..DeviceKey::new(9, DpllType::Eec)
        };
        let mut w = AttrWriter::new(&mut buffer);
        key.write(&mut w);
        assert_eq!(DeviceKey::of(&DeviceMsg::decode(w.finish().unwrap()).unwrap()), key);
    }

    #[test]
    fn a_key_can_be_read_aloud() {
        assert_eq!(
            PinKey::new(0x50, "SMA1").to_string(),
            "dpll pin board label \"SMA1\" clock id 0x0000000000000050"
        );
        assert_eq!(
            DeviceKey::new(1, DpllType::Pps).to_string(),
            "dpll device type \"pps\" clock id 0x0000000000000001"
        );
    }
}
