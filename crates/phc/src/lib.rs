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
mod cards;
mod cross;
mod device;
mod discover;
mod error;
mod extts;
mod offset;
mod one_pps;
mod pair;
mod pci;
mod perout;
mod pins;
mod pps;
mod rtnl;
mod source;
mod stamper;
mod steer;
mod track;
mod units;
mod vclock;
mod watch;
mod window;

pub use caps::Caps;
pub use cards::TimingCard;
pub use cross::{CrossMeter, CrossStamp, CycleStamp, Method, SAMPLES_DEFAULT, SAMPLES_MAX, measure_cycles};
pub use device::{Edge, Phc};
pub use discover::{Card, DiscoverError, SysRoot};
pub use error::{OpenError, PhcError};
pub use extts::{ExttsEvent, ExttsFlags, ExttsReader, PULSES_PER_READ, SharedQueue, Stamp};
pub use offset::{OffsetMeter, SysOffset};
pub use one_pps::OnePps;
pub use pair::{PairMeter, PhcDifference};
pub use pci::{ClockId, PciAddress};
pub use perout::{Perout, PeroutStart};
pub use pins::{Pin, PinFunction};
pub use pps::{PpsDevice, PpsEdge, PpsEvent};
pub use source::PhcSource;
pub use stamper::Stamper;
pub use steer::Slew;
pub use tgm_sys::ptp::SystemSide;
pub use track::PulseStats;
pub use units::{Ppb, Ppt};
pub use vclock::Vclocks;
pub use watch::{PulseStatus, PulseWatch};
