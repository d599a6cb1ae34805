//! PTP hardware clocks: what they can do, how far they are from the system clock, when pulses came in.
//!
//! * [`Phc`] is an open `/dev/ptpN`. Nothing here changes a clock unless it was opened for writing and asked in so many words.
//! * [`OffsetMeter`] measures PHC − `CLOCK_REALTIME` by the best request the clock offers: precise, extended, basic.
//! * [`ExttsReader`] reads external timestamps beside whoever asked for them (ts2phc), without taking any away.
//! * [`SysRoot`] finds the clock, the receiver and the dpll clock id that belong to an interface.
//! * [`PhcSource`] turns samples and pulses into observations for the core; it allocates nothing once it is made.
//!
//! Structures and requests are those of include/uapi/linux/ptp_clock.h; [`tgm_sys::ptp`] has them byte for byte.
#![forbid(unsafe_code)]

mod caps;
mod device;
mod discover;
mod error;
mod extts;
mod offset;
mod pci;
mod source;
mod track;

pub use caps::{Caps, Pin, PinFunction, Ppb, Ppt};
pub use device::{Edge, Phc};
pub use discover::{Card, DiscoverError, SysRoot};
pub use error::{OpenError, PhcError};
pub use extts::{ExttsEvent, ExttsFlags, ExttsReader, PULSES_PER_READ, SharedQueue, Stamp};
pub use offset::{Method, OffsetMeter, SAMPLES_DEFAULT, SAMPLES_MAX, Stamper, SysOffset};
pub use pci::{ClockId, PciAddress};
pub use source::PhcSource;
pub use track::PulseStats;
