//! Management messages (IEEE 1588-2019 clause 15.4) and the data they carry.

mod data;
mod datasets;
mod events;
mod id;
mod linuxptp;
mod message;

pub use data::Data;
pub use datasets::{CurrentDataSet, DefaultDataSet, ParentDataSet, PortDataSet, TimePropertiesDataSet};
pub use events::{Events, Subscription};
pub use id::ManagementId;
pub use linuxptp::{ExternalGrandmaster, GrandmasterSettings, PhaseChange, PortProperties, Text, TimeStatus};
pub use message::{Action, Message, Tlv};

/// Longest management message that [`Message::encode`] makes, bytes: one port's properties with the longest name.
pub const MAX_LENGTH: usize = 384;
