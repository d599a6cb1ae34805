//! GNSS receivers: sources, NMEA and UBX demultiplexer, receiver state.
//!
//! The way of the bytes: [`Source`] reads them from a device, port, file or gpsd; [`Demux`] cuts one mixed stream into UBX, NMEA
//! and RTCM3 [`Frame`]s; [`Receiver`] keeps what they say and hands out an [`Epoch`] whenever the receiver's time moves on;
//! [`GnssSource`] joins the three and speaks in `tgm_core` observations.
//!
//! From the bytes to the epoch nothing is allocated and no clock is read: the same stream gives the same epochs, however it is
//! cut into reads.
//!
//! ```
//! use tgm_gnss::{Demux, Receiver};
//! let (mut demux, mut receiver) = (Demux::new(), Receiver::default());
//! let mut epochs = 0;
//! for time in ["120000.00,A,A*51", "120001.00,A,A*50"] {
//!     let line = format!("$GPGLL,,,,,{time}\r\n");
//!     demux.feed(line.as_bytes(), |frame| {
//!         receiver.apply(frame, |_| epochs += 1);
//!     });
//! }
//! assert_eq!((demux.counters().nmea, epochs), (2, 1)); // the first second is over, the other is open
//! ```
#![forbid(unsafe_code)]

mod checksum;
mod constellation;
mod demux;
pub mod fanout;
mod frame;
mod glue;
pub mod nmea;
mod receiver;
pub mod replay;
pub mod setup;
mod source;
pub mod ubx;

pub use constellation::Constellation;
pub use demux::Demux;
pub use frame::{Counters, DecodeError, Frame};
pub use glue::{GnssSource, Served, Setup, reading};
pub use receiver::Receiver;
pub use receiver::calendar::{DateCheck, RELEASED};
pub use receiver::epoch::{Epoch, Fresh, NextPulse, Outcome, Protocol, Survey};
pub use receiver::leap::{Leap, PendingLeap};
pub use receiver::oran;
pub use receiver::sats::{Signals, Sky, SystemSky};
pub use receiver::settle;
pub use source::backoff::Backoff;
pub use source::owner::{Owner, OwnerUnknown, who_has_open};
pub use source::spec::{Pace, Spec, SpecError};
pub use source::{OpenError, ReadError, Source};
