//! SUBSCRIBE_EVENTS_NP: which notifications ptp4l sends by itself (linuxptp's notification.h, `struct subscribe_events_np`).
//!
//! A subscription belongs to the port identity that asked; it runs out after its duration unless it is renewed, and a ptp4l that
//! starts anew knows none.

use crate::bytes::{Reader, Writer};
use crate::error::Malformed;
use crate::management::ManagementId;

/// Bytes of the bit mask.
const MASK: usize = 64;

bitflags::bitflags! {
    /// What can be notified. The first eight of 512 bits; linuxptp has meanings for four.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Events: u8 {
        /// A port changed its state: PORT_DATA_SET.
        const PORT_STATE = 1;
        /// The servo has run: TIME_STATUS_NP.
        const TIME_SYNC = 2;
        /// Parent or grandmaster changed: PARENT_DATA_SET; from linuxptp 4.0, older ones stay silent.
        const PARENT_DATA_SET = 4;
        /// A peer delay service changed.
        const CMLDS = 8;
        /// Bits without a meaning here are kept as they are.
        const _ = !0;
    }
}

impl Events {
    /// True if a message with this id is what one of these events sends.
    pub const fn sends(self, id: ManagementId) -> bool {
        match id {
            ManagementId::PortDataSet => self.contains(Events::PORT_STATE),
            ManagementId::TimeStatusNp => self.contains(Events::TIME_SYNC),
            ManagementId::ParentDataSet => self.contains(Events::PARENT_DATA_SET),
            _ => false,
        }
    }
}

/// SUBSCRIBE_EVENTS_NP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subscription {
    /// How long it lasts, seconds; 0: it is over, 0xffff: for ever.
    pub seconds: u16,
    /// What is notified.
    pub events: Events,
}

impl Subscription {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let seconds = from.u16()?;
        let [events, ..] = from.array::<MASK>()?;
        Ok(Subscription {
            seconds,
            events: Events::from_bits_retain(events),
        })
    }

    pub(crate) fn write(&self, to: &mut Writer<'_>) {
        to.put(&self.seconds.to_be_bytes());
        to.put(&[self.events.bits()]);
        to.zeroes(MASK - 1);
    }
}
