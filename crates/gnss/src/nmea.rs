//! NMEA 0183 sentences that carry time, fix, satellites and antenna status: RMC ZDA GGA GNS GSA GSV GLL VTG TXT, of any talker.
//!
//! Field order: NMEA 0183 4.11 as the u-blox interface descriptions repeat it. An empty field is `None`; second 60 is a second;
//! GNS may have a mode letter for each of up to [`MAX_MODES`] systems. Positions are not read: time does not need them.

mod fields;
mod fixed;
mod sentences;
mod signal;
mod split;

pub use fields::{Date, TimeOfDay};
pub use sentences::{
    AntennaNote, Gga, Gll, Gns, Gsa, Gsv, MAX_MODES, Message, Mode, Modes, Rmc, SatInView, Txt, Vtg, Zda,
};
pub use signal::signal_name;

/// A sentence whose checksum was right: what stood between `$` and `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence<'a> {
    body: &'a [u8],
}

impl<'a> Sentence<'a> {
    /// Over the bytes between `$` and `*`, both exclusive.
    pub const fn new(body: &'a [u8]) -> Self {
        Sentence { body }
    }

    /// The bytes between `$` and `*`.
    pub const fn body(self) -> &'a [u8] {
        self.body
    }

    /// Talker and formatter (`GN`, `RMC`) of a standard sentence; `None` for a proprietary or odd one.
    pub fn address(self) -> Option<([u8; 2], [u8; 3])> {
        match *self.body {
            [t0, t1, f0, f1, f2] | [t0, t1, f0, f1, f2, b',', ..] if t0 != b'P' => Some(([t0, t1], [f0, f1, f2])),
            _ => None,
        }
    }
}
