//! What the controller of generic netlink (`nlctrl`, include/uapi/linux/genetlink.h) says about the dpll family: replies to
//! GETFAMILY and the NEWFAMILY and DELFAMILY notifications, all with the same attributes.

use netlink_packet_generic::constants::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID,
    CTRL_ATTR_MCAST_GRP_NAME,
};
use tgm_sys::dpll;

use crate::attrs::{Attr, Attrs, Malformed, MalformedKind};

/// Number of the controller's own multicast group; fixed, like the controller's family number.
pub const CTRL_GROUP: u32 = 16;

/// Numbers of the dpll family on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Message type of the family's messages.
    pub id: u16,
    /// Multicast group that carries the notifications.
    pub group: Option<u32>,
}

impl Family {
    /// Reads a controller message; `None` if it is about another family.
    pub fn decode(attributes: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut family = Family { id: 0, group: None };
        let mut ours = false;
        for attr in Attrs::new(attributes) {
            let attr = attr?;
            match attr.kind {
                CTRL_ATTR_FAMILY_ID => family.id = id(&attr)?,
                CTRL_ATTR_FAMILY_NAME => ours = attr.text().bytes() == dpll::FAMILY_NAME.as_bytes(),
                CTRL_ATTR_MCAST_GROUPS => family.group = monitor_group(&attr)?,
                _ => {}
            }
        }
        Ok((ours && family.id != 0).then_some(family))
    }
}

fn id(attr: &Attr<'_>) -> Result<u16, Malformed> {
    attr.value.try_into().map(u16::from_ne_bytes).map_err(|_| Malformed {
        kind: MalformedKind::Value(attr.kind),
        offset: attr.offset,
    })
}

fn monitor_group(groups: &Attr<'_>) -> Result<Option<u32>, Malformed> {
    let mut monitor = None;
    for group in groups.nested() {
        let (mut number, mut ours) = (None, false);
        for attr in group?.nested() {
            let attr = attr?;
            match attr.kind {
                CTRL_ATTR_MCAST_GRP_ID => number = Some(attr.u32()?),
                CTRL_ATTR_MCAST_GRP_NAME => ours = attr.text().bytes() == dpll::MCGRP_MONITOR.as_bytes(),
                _ => {}
            }
        }
        if ours {
            monitor = number;
        }
    }
    Ok(monitor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::AttrWriter;

    fn message(name: &str) -> Vec<u8> {
        let mut buffer = [0; 128];
        let mut w = AttrWriter::new(&mut buffer);
        w.bytes(CTRL_ATTR_FAMILY_ID, &31u16.to_ne_bytes());
        w.text(CTRL_ATTR_FAMILY_NAME, name);
        w.nest(CTRL_ATTR_MCAST_GROUPS, |w| {
            for (index, (name, id)) in [("other", 8), ("monitor", 9)].iter().enumerate() {
                w.nest(u16::try_from(index + 1).unwrap(), |w| {
                    w.u32(CTRL_ATTR_MCAST_GRP_ID, *id);
                    w.text(CTRL_ATTR_MCAST_GRP_NAME, name);
                });
            }
        });
        w.finish().unwrap().to_vec()
    }

    #[test]
    fn the_family_and_its_group_are_found_by_name() {
        assert_eq!(
            Family::decode(&message("dpll")),
            Ok(Some(Family { id: 31, group: Some(9) }))
        );
        assert_eq!(Family::decode(&message("ethtool")), Ok(None));
        assert_eq!(Family::decode(&[]), Ok(None));
    }

    #[test]
    fn a_cut_message_is_malformed() {
        let bytes = message("dpll");
        assert!(Family::decode(&bytes[..bytes.len() - 4]).is_err());
    }
}
