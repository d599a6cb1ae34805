//! Requests, encoded with netlink-packet from a payload that is `Copy`: no heap, so that the hardware thread may ask again
//! whenever it lost something.

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_generic::constants::{CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_ID_CTRL};
use netlink_packet_generic::{GenlFamily, GenlMessage};
use tgm_sys::dpll::{self, cmd};

use crate::change::{DeviceSet, PinSet};
use crate::encode::AttrWriter;

/// Room that every request fits in.
pub const REQUEST_LEN: usize = 640;

/// Version of the controller's own messages.
const CTRL_VERSION: u8 = 2;

/// What to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)] // a box would be a heap
pub enum Request {
    /// Every device.
    DumpDevices,
    /// Every pin. (The kernel ignores a device id in this request; who wants one device's pins looks at their parents.)
    DumpPins,
    /// Change a device.
    SetDevice(DeviceSet),
    /// Change a pin.
    SetPin(PinSet),
    /// The number of the dpll family and of its multicast group, from the controller of generic netlink.
    FindFamily,
}

impl Request {
    /// Writes the request with its headers into `buffer`. `None` if it does not fit, which no request in [`REQUEST_LEN`] does.
    pub fn encode(self, family: u16, seq: u32, buffer: &mut [u8; REQUEST_LEN]) -> Option<&[u8]> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST
            | match self {
                Request::DumpDevices | Request::DumpPins => NLM_F_DUMP,
                Request::SetDevice(_) | Request::SetPin(_) => NLM_F_ACK,
                Request::FindFamily => 0,
            };
        header.sequence_number = seq;
        let mut message = GenlMessage::from_payload(self);
        message.set_resolved_family_id(family);
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        message.finalize();
        let place = buffer.get_mut(..message.buffer_len())?;
        message.serialize(place);
        Some(place)
    }

    fn attributes(self, buffer: &mut [u8]) -> usize {
        let mut w = AttrWriter::new(buffer);
        match self {
            Request::DumpDevices | Request::DumpPins => {}
            Request::SetDevice(set) => set.write(&mut w),
            Request::SetPin(set) => set.write(&mut w),
            Request::FindFamily => w.text(CTRL_ATTR_FAMILY_NAME, dpll::FAMILY_NAME),
        }
        w.finish().map_or(0, <[u8]>::len)
    }
}

impl GenlFamily for Request {
    fn family_name() -> &'static str {
        dpll::FAMILY_NAME
    }

    fn family_id(&self) -> u16 {
        match self {
            Request::FindFamily => GENL_ID_CTRL,
            _ => 0, // as resolved
        }
    }

    fn command(&self) -> u8 {
        match self {
            Request::FindFamily => CTRL_CMD_GETFAMILY,
            Request::DumpDevices => cmd::DEVICE_GET,
            Request::DumpPins => cmd::PIN_GET,
            Request::SetDevice(_) => cmd::DEVICE_SET,
            Request::SetPin(_) => cmd::PIN_SET,
        }
    }

    fn version(&self) -> u8 {
        match self {
            Request::FindFamily => CTRL_VERSION,
            _ => dpll::FAMILY_VERSION,
        }
    }
}

impl Emitable for Request {
    fn buffer_len(&self) -> usize {
        self.attributes(&mut [0; REQUEST_LEN])
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{OtherSet, ParentSet};
    use crate::frame::{Body, Frames};
    use crate::kinds::{PinDirection, PinState};

    #[test]
    fn a_dump_is_two_headers() {
        let mut buffer = [0xff; REQUEST_LEN];
        let bytes = Request::DumpPins.encode(27, 5, &mut buffer).unwrap();
        let header = [
            20u32.to_ne_bytes(),
            [27, 0, 1, 3],
            5u32.to_ne_bytes(),
            [0; 4],
            [cmd::PIN_GET, 1, 0, 0],
        ];
        assert_eq!(bytes, header.concat());
    }

    #[test]
    fn the_family_is_asked_for_by_name_at_the_controller() {
        let mut buffer = [0xff; REQUEST_LEN];
        let bytes = Request::FindFamily.encode(27, 1, &mut buffer).unwrap();
        assert_eq!((bytes[4], bytes[16]), (16, CTRL_CMD_GETFAMILY));
        assert_eq!(bytes[20..], [9, 0, 2, 0, b'd', b'p', b'l', b'l', 0, 0, 0, 0]);
    }

    #[test]
    fn the_largest_request_fits() {
        let mut set = PinSet::new(88);
        (set.frequency, set.phase_adjust, set.esync_frequency) = (Some(1), Some(-1), Some(1));
        for parent_id in 0..8 {
            let direction = Some(PinDirection::Input);
            set.parent_devices.push(ParentSet {
                parent_id,
                direction,
                prio: Some(255),
                state: Some(PinState::Selectable),
            });
        }
        for id in 0..4 {
            set.parent_pins.push(OtherSet {
                id,
                state: PinState::Connected,
            });
            set.reference_sync.push(OtherSet {
                id,
                state: PinState::Disconnected,
            });
        }
        let mut buffer = [0; REQUEST_LEN];
        let bytes = Request::SetPin(set).encode(27, 1, &mut buffer).unwrap();
        let Some(Ok(frame)) = Frames::new(bytes).next() else {
            panic!("no frame")
        };
        let Body::Genl {
            command, attributes, ..
        } = frame.body
        else {
            panic!("{frame:?}")
        };
        let pin = crate::PinMsg::decode(attributes).unwrap();
        assert_eq!((command, pin.id, pin.parent_devices.len()), (cmd::PIN_SET, Some(88), 8));
        assert_eq!(pin.parent_devices.iter().nth(7).unwrap().prio, Some(255));
        assert_eq!((pin.parent_pins.len(), pin.reference_sync.len()), (4, 4));
        assert_eq!(
            pin.outside,
            crate::ParentDevice::default(),
            "nothing where the kernel ignores it"
        );
    }
}
