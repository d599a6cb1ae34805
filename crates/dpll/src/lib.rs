//! The kernel's dpll netlink family: typed messages, dump, monitor, resync.
#![forbid(unsafe_code)]

pub mod attrs;
pub mod device;
pub mod encode;
pub mod kinds;
mod list;
pub mod pin;

pub use attrs::{Malformed, MalformedKind, Text};
pub use device::DeviceMsg;
pub use list::List;
pub use pin::{FrequencyRange, OtherPin, ParentDevice, PinMsg};
