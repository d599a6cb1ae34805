//! The kernel's dpll netlink family: typed messages, dump, monitor, resync.
//!
//! * [`Monitor`] is the event source of the hardware thread: a non-blocking socket that turns notifications and dumps into the
//!   core's observations. It allocates nothing once it is open.
//! * [`Control`] is for start-up and tools: it blocks, and its errors are for people.
//! * [`DeviceMsg`] and [`PinMsg`] are the family's messages, borrowed from the bytes; [`attrs`] says what counts as malformed.
//!
//! The numbers are in `tgm_sys::dpll`; the format is the kernel's include/uapi/linux/{netlink,genetlink,dpll}.h.
#![forbid(unsafe_code)]

mod ask;
pub mod attrs;
pub mod cards;
pub mod change;
pub mod check;
mod control;
mod counters;
pub mod device;
pub mod encode;
mod error;
mod family;
pub mod frame;
pub mod key;
pub mod kinds;
pub mod kmsg;
mod list;
mod monitor;
pub mod names;
pub mod nests;
mod observe;
pub mod pin;
pub mod request;
mod route;
mod socket;
mod sync;
pub mod table;
pub mod watch;

pub use attrs::{Malformed, MalformedKind, Text};
pub use change::{DeviceSet, OtherSet, ParentSet, PinSet};
pub use check::{Difference, NotAllowed};
pub use control::Control;
pub use counters::Counters;
pub use device::DeviceMsg;
pub use error::Error;
pub use family::Family;
pub use key::{DeviceKey, PinKey};
pub use kmsg::{GaveUp, Kmsg};
pub use list::List;
pub use monitor::{Monitor, Options, ReadOutcome};
pub use nests::Nests;
pub use pin::{FrequencyRange, OtherPin, ParentDevice, PinMsg};
pub use route::{MAX_ROUTES, Routes, TooManyRoutes};
pub use watch::{Frozen, Life, Watch};
