//! What is handed out for each epoch of the receiver.

use tgm_core::{Antenna, GnssEpoch, GnssFix, GnssState, Jamming, Spoofing};
use tgm_time::Nanos;
use tgm_time::civil::Civil;

use super::calendar::DateCheck;
use super::leap::Leap;
use super::sats::{Signals, Sky};
use crate::ubx::Raim;

bitflags::bitflags! {
    /// What a message of this very epoch told; the rest is what was told last.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Fresh: u16 {
        /// Kind of fix.
        const FIX = 1;
        /// UTC.
        const TIME = 1 << 1;
        /// Time accuracy.
        const T_ACC = 1 << 2;
        /// Clock bias and drift.
        const CLOCK = 1 << 3;
        /// Leap seconds.
        const LEAP = 1 << 4;
        /// Satellites.
        const SATELLITES = 1 << 5;
        /// Antenna.
        const ANTENNA = 1 << 6;
        /// Jamming.
        const JAMMING = 1 << 7;
        /// Spoofing.
        const SPOOFING = 1 << 8;
        /// Survey-in.
        const SURVEY = 1 << 9;
        /// The next pulse, with its quantisation error.
        const Q_ERR = 1 << 10;
        /// A valid time-bearing NMEA sentence.
        const NMEA = 1 << 11;
    }
}

/// Whose messages tell the fix and end the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// NMEA, while no UBX message with a time comes.
    #[default]
    Nmea,
    /// UBX; NMEA beside it only shows that it lives.
    Ubx,
}

/// Survey of the antenna's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// Still going on.
    pub active: bool,
    /// The position found is valid.
    pub valid: bool,
    /// Duration so far, s.
    pub duration: u32,
    /// Observations used.
    pub observations: u32,
    /// Standard deviation of the mean position so far, mm: the survey ends when it is below what was configured.
    pub accuracy: u32,
}

/// The next time pulse (TIM-TP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextPulse {
    /// Week in which it comes.
    pub week: u16,
    /// Time of week at which it comes, ms.
    pub tow: u32,
    /// That time is UTC; else a GNSS's own.
    pub utc: bool,
    /// Integrity check of the pulse.
    pub raim: Raim,
    /// Its quantisation error, ps (see [`crate::ubx::TimTp::q_err`]); `None` if the receiver marks it invalid.
    pub q_err: Option<i32>,
}

/// One epoch: all that the receiver said until its time moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epoch {
    /// Who told it.
    pub protocol: Protocol,
    /// UTC of the epoch as the receiver says it, to the millisecond; second 60 in a leap second.
    pub time: Option<Civil>,
    /// What that date is worth.
    pub date: DateCheck,
    /// Kind of fix.
    pub fix: GnssFix,
    /// The fix is within the receiver's limits; `None` while no message tells a fix.
    pub fix_ok: Option<bool>,
    /// The position is known and held.
    pub fixed_position: bool,
    /// The signals are simulated, says the receiver.
    pub simulated: bool,
    /// Accuracy of the time; `None` if not told for 3 s.
    pub t_acc: Option<Nanos>,
    /// Bias of the receiver's own clock.
    pub clock_bias: Option<Nanos>,
    /// Drift of the receiver's own clock, ns/s.
    pub clock_drift: Option<i32>,
    /// Leap seconds.
    pub leap: Leap,
    /// Satellites used.
    pub used: u16,
    /// Satellites seen.
    pub seen: u16,
    /// Signals (NAV-SIG).
    pub signals: Option<Signals>,
    /// Antenna.
    pub antenna: Antenna,
    /// Jamming.
    pub jamming: Jamming,
    /// Spoofing.
    pub spoofing: Spoofing,
    /// Survey-in.
    pub survey: Option<Survey>,
    /// The next time pulse.
    pub pulse: Option<NextPulse>,
    /// How far the position is from where it is held, cm; `None` while it is not held.
    pub drift: Option<u32>,
    /// That has been farther than configured for as long as configured.
    pub adrift: bool,
    /// Satellites, system by system.
    pub sky: Sky,
    /// O-RAN's word for all this; see [`super::oran`].
    pub state: GnssState,
    /// What of it is of this epoch.
    pub fresh: Fresh,
    /// It was handed out only because the next one had begun.
    pub late: bool,
}

impl Epoch {
    /// Quantisation error of the next pulse, ps, while it is known.
    pub fn q_err(&self) -> Option<i32> {
        self.pulse?.q_err
    }

    /// The epoch as the core takes it: date corrected or left out, leap seconds only where trusted.
    pub fn reading(&self) -> GnssEpoch {
        let byte = |count: u16| u8::try_from(count).unwrap_or(u8::MAX);
        GnssEpoch {
            utc: self.time.and_then(|time| self.date.corrected(time.to_utc())),
            fix: self.fix,
            fix_ok: self.fix_ok,
            fixed_position: self.fixed_position,
            simulated: self.simulated,
            t_acc: self.t_acc,
            clock_bias: self.clock_bias,
            clock_drift: self.clock_drift.map(|drift| Nanos(drift.into())),
            adrift: self.adrift,
            leap: self.leap.trusted,
            used: byte(self.used),
            seen: byte(self.seen),
            antenna: self.antenna,
            jamming: self.jamming,
            spoofing: self.spoofing,
            state: self.state,
        }
    }
}

/// What one frame did, beside ending epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// It was a valid time-bearing NMEA sentence.
    pub nmea: bool,
    /// Something got worse against the last epoch handed out (fix, jamming, spoofing, antenna): worth telling before the epoch ends.
    pub worse: bool,
    /// The date and a valid fix are known, and where this stream's epochs end is not, so that the epoch would come a second late: after
    /// an opening, that second may be what a node has to prove that its time is right.
    pub dated: bool,
}
