//! Names of the attributes, as the kernel spells them (Documentation/netlink/specs/dpll.yaml), and which attribute of a request an
//! extended acknowledgement points at.

use tgm_sys::dpll::a_pin;

use crate::attrs::{Attr, Attrs};

/// Names of the device attributes, by number from 1.
pub const DEVICE: [&str; 14] = [
    "id",
    "module-name",
    "pad",
    "clock-id",
    "mode",
    "mode-supported",
    "lock-status",
    "temp",
    "type",
    "lock-status-error",
    "clock-quality-level",
    "phase-offset-monitor",
    "phase-offset-avg-factor",
    "frequency-monitor",
];

/// Names of the pin attributes, by number from 1.
pub const PIN: [&str; 32] = [
    "id",
    "parent-id",
    "module-name",
    "pad",
    "clock-id",
    "board-label",
    "panel-label",
    "package-label",
    "type",
    "direction",
    "frequency",
    "frequency-supported",
    "frequency-min",
    "frequency-max",
    "prio",
    "state",
    "capabilities",
    "parent-device",
    "parent-pin",
    "phase-adjust-min",
    "phase-adjust-max",
    "phase-adjust",
    "phase-offset",
    "fractional-frequency-offset",
    "esync-frequency",
    "esync-frequency-supported",
    "esync-pulse",
    "reference-sync",
    "phase-adjust-gran",
    "fractional-frequency-offset-ppt",
    "measured-frequency",
    "operstate",
];

/// Name of the attribute with this number, or the number.
pub fn name(names: &[&str], kind: u16) -> String {
    let index = usize::from(kind).checked_sub(1);
    let known = index.and_then(|index| names.get(index));
    known.map_or_else(|| format!("attribute {kind}"), |name| (*name).to_owned())
}

/// The attribute at `offset` of a request's attributes, with its nest: "parent-device.state".
pub fn at(names: &[&str], attributes: &[u8], offset: usize) -> Option<String> {
    let holds = |attr: &Attr<'_>| attr.offset <= offset && offset < attr.offset.saturating_add(4 + attr.value.len());
    let outer = Attrs::new(attributes).flatten().find(holds)?;
    if outer.offset == offset {
        return Some(name(names, outer.kind));
    }
    if !is_nest(outer.kind) {
        return None;
    }
    let inner = outer.nested().flatten().find(|attr| attr.offset == offset)?;
    Some(format!("{}.{}", name(names, outer.kind), name(names, inner.kind)))
}

/// Whether a request's attribute of this type is a nest. No device attribute has these numbers.
pub(crate) const fn is_nest(kind: u16) -> bool {
    matches!(kind, a_pin::PARENT_DEVICE | a_pin::PARENT_PIN | a_pin::REFERENCE_SYNC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::AttrWriter;
    use tgm_sys::dpll::a;

    #[test]
    fn names_stand_at_their_numbers() {
        assert_eq!(name(&DEVICE, a::FREQUENCY_MONITOR), "frequency-monitor");
        assert_eq!(name(&DEVICE, a::LOCK_STATUS_ERROR), "lock-status-error");
        assert_eq!(name(&PIN, a_pin::OPERSTATE), "operstate");
        assert_eq!(name(&PIN, a_pin::PHASE_OFFSET), "phase-offset");
        assert_eq!(name(&PIN, a_pin::ESYNC_PULSE), "esync-pulse");
        assert_eq!(
            (name(&PIN, 0), name(&PIN, 33)),
            ("attribute 0".into(), "attribute 33".into())
        );
    }

    #[test]
    fn an_offset_points_at_an_attribute_or_into_a_nest() {
        let mut buffer = [0; 64];
        let mut w = AttrWriter::new(&mut buffer);
        w.u32(a_pin::ID, 1);
        w.nest(a_pin::PARENT_DEVICE, |w| {
            w.u32(a_pin::PARENT_ID, 0);
            w.u32(a_pin::STATE, 9);
        });
        let bytes = w.finish().unwrap();
        let at = |offset| at(&PIN, bytes, offset);
        assert_eq!(at(0).as_deref(), Some("id"));
        assert_eq!(at(8).as_deref(), Some("parent-device"));
        assert_eq!(at(20).as_deref(), Some("parent-device.state"));
        assert_eq!((at(4), at(14), at(400)), (None, None, None));
    }
}
