//! PTP hardware clocks: all that `/dev/ptpN` offers, what is around it in sysfs, and pulses.
//!
//! * [`Phc`] is an open `/dev/ptpN`. Nothing here changes a clock unless it was opened for writing and asked in so many words: setting,
//!   stepping, frequency, phase ([`Slew`] plans how to work an offset off), external timestamps, periodic outputs ([`Perout`]), pins by
//!   name, the kernel's PPS. A write on a read-only clock is [`PhcError::ReadOnly`].
//! * [`OffsetMeter`] measures PHC − `CLOCK_REALTIME` by the best request the clock offers: precise, extended, basic. [`CrossMeter`] does so
//!   against the monotonic, raw and auxiliary clocks, [`PairMeter`] against another PHC, [`measure_cycles`] for the free-running counter.
//!   Of several readings the narrowest window counts; its half is the uncertainty in the result.
//! * [`ExttsReader`] reads external timestamps beside whoever asked for them (ts2phc), without taking any away. [`PpsDevice`] reads
//!   `/dev/ppsN`. [`OnePps`] says of either whether a pulse per second is there and how far off it is.
//! * [`SysRoot`] finds what belongs together: from an interface ([`Card`]), from a clock or receiver, or all of the machine
//!   ([`TimingCard`]); clock ids of dplls without anybody typing one; virtual clocks ([`Vclocks`]).
//! * [`PhcSource`] turns samples and pulses into observations for the core; it allocates nothing once it is made.
//!
//! Structures and requests are those of include/uapi/linux/ptp_clock.h; [`tgm_sys::ptp`] has them byte for byte. What a kernel or driver does
//! not have is found out by asking: a request falls back to an older one, or the answer is [`PhcError::Unsupported`].
//!
//! ```no_run
//! use tgm_phc::{OffsetMeter, Phc, SysRoot};
//! let root = SysRoot::default();
//! for card in root.cards() {
//!     let Some(index) = card.phc else { continue };
//!     let clock = Phc::open_read_only(root.phc_node(index))?;
//!     let measured = OffsetMeter::default().measure(&clock)?;
//!     println!("{:?}: {} ± {}", card.interfaces, measured.offset, measured.uncertainty());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! * A measurement's uncertainty is that of the window. What the hardware itself is off within it (a bus whose ways there and back differ) no
//!   request tells, and [`Method::Precise`] calls its window zero.
//! * A queue of external timestamps holds 127; older ones go without a mark. Losses are found by time ([`PulseStats::missed`]), for signals of
//!   one pulse per second; a clock that was set by less than a second and a half looks like a loss.
//! * Before Linux 6.7 all readers of a clock share one queue; [`ExttsReader::open`] refuses there unless told otherwise.
//! * A signal counts as a pulse per second ([`PulseStatus::present`]) from the second pulse on; after the clock was set it takes one more.
//! * A PHC that carries virtual clocks cannot be set or steered ([`PhcError::Vclocks`]), unless its driver has a counter apart from the clock.
//! * Most drivers, an E810's among them, put out neither duty cycle nor single pulses, feed no kernel PPS and have no counter apart from the
//!   clock. All of these are tried on a real kernel, but with a simulated card below it.
//! * Linux 6.12 has no request for counters ([`measure_cycles`] is unsupported there whatever the driver has), 7.2 has.
//! * Whether a driver moves the first edge of a periodic output that lies in the past, or refuses it, is the driver's choice.
//! * The card's clock id is its PCI serial number only to root; else [`TimingCard::clock_id_among`] needs a dump of the dpll family.
//! * Offsets beyond ±292 years saturate.
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
pub use source::{PhcSource, nearest_second};
pub use stamper::Stamper;
pub use steer::Slew;
pub use tgm_sys::ptp::SystemSide;
pub use track::PulseStats;
pub use units::{Ppb, Ppt};
pub use vclock::Vclocks;
pub use watch::{PulseStatus, PulseWatch};
