//! The kernel's dpll netlink family: typed messages, dump, monitor, resync, look-ups and changes.
//!
//! * [`Monitor`] is the event source of the hardware thread: a non-blocking socket that turns notifications and dumps into the
//!   core's observations. It allocates nothing once it is open.
//! * [`Control`] is for start-up and tools: it blocks, and its errors are for people.
//! * [`DeviceMsg`] and [`PinMsg`] are the family's messages, borrowed from the bytes; [`attrs`] says what counts as malformed.
//!
//! * [`DeviceKey`] and [`PinKey`] find a handle again after its driver was reloaded; nobody should keep a handle longer.
//! * [`check`] knows what a device or pin offers; [`Control::change_device`] and [`Control::change_pin`] ask it before they send, and
//!   read back what they sent.
//! * [`hold`] keeps pins as they are wished: over driver reloads, and against who else writes.
//! * [`cards`] knows E810 and other cards beforehand: pins, recommended priorities, delays, connectors.
//! * [`watch`] tells a frozen driver from an unchanged DPLL, with [`Kmsg`], the kernel's log, as another witness.
//!
//! **Who judges.** This crate reports: observations to the core, and [`Life`] to people. Whether a card is locked, in holdover, free or
//! unobserved is decided in `tgm_core` alone, by its own limit for a proof of life; nothing here makes or overrides that verdict. What
//! the two share are the rules: a missing lock status says nothing, a dump proves nothing, a phase offset that repeats to the femtosecond
//! proves nothing, UNLOCKED right after a driver reload says nothing.
//!
//! **What it needs.** Listening needs no capability; each request, also one that reads, needs CAP_NET_ADMIN ([`Error::Permission`]).
//! Notifications reach the initial network namespace only, while dumps are answered in each.
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
mod dump;
pub mod encode;
mod error;
mod family;
pub mod frame;
pub mod hold;
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
pub use hold::{Attach, Found, Hand, Holder, Seen, Toward, Wish};
pub use key::{DeviceKey, PinKey};
pub use kmsg::{GaveUp, Kmsg};
pub use list::List;
pub use monitor::{Monitor, Options, ReadOutcome, Recorded};
pub use nests::Nests;
pub use pin::{FrequencyRange, OtherPin, ParentDevice, PinMsg};
pub use route::{MAX_ROUTES, Routes, TooManyRoutes};
pub use watch::{Frozen, Life, Watch};
