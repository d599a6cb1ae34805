//! What is handed out for each epoch of the receiver.

use tgm_core::leap::{LeapAhead, LeapWord};
use tgm_core::{Antenna, GnssEpoch, GnssFix, GnssState, Jamming, Spoofing};
use tgm_time::civil::Civil;
use tgm_time::{Nanos, Time, Utc};

use super::calendar::DateCheck;
use super::leap::Leap;
use super::sats::{Signals, Sky};
use crate::ubx::Raim;

/// Seconds of a day without a leap second.
const DAY: i64 = 86_400;
/// How far from the end of a day an announced leap second may be said to be.
const OFF_MIDNIGHT: u64 = 3;

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

    /// UTC with the week roll-over corrected; `None` where that is not plausible.
    fn utc(&self) -> Option<Time<Utc>> {
        self.date.corrected(self.time?.to_utc())
    }

    /// What it says of leap seconds to come, where it may be believed: the event lies at the end of a UTC day.
    fn leap_word(&self) -> LeapWord {
        let Some((told, utc)) = self.leap.trusted.zip(self.utc()) else {
            return LeapWord::SILENT;
        };
        if self.leap.told != Some(told) || !self.leap.knows_ahead {
            return LeapWord::SILENT;
        }
        let Some(pending) = self.leap.pending else {
            return LeapWord::NONE;
        };
        let moment = utc.secs().saturating_add(i64::from(pending.in_secs));
        // Its count of seconds may be of this epoch or the next.
        let at = (moment + DAY / 2).div_euclid(DAY) * DAY;
        if moment.abs_diff(at) > OFF_MIDNIGHT {
            return LeapWord::SILENT;
        }
        LeapWord::of(LeapAhead {
            at,
            insert: pending.change > 0,
        })
    }

    /// The epoch as the core takes it: date corrected or left out, leap seconds only where trusted.
    pub fn reading(&self) -> GnssEpoch {
        let byte = |count: u16| u8::try_from(count).unwrap_or(u8::MAX);
        GnssEpoch {
            utc: self.utc(),
            fix: self.fix,
            fix_ok: self.fix_ok,
            fixed_position: self.fixed_position,
            simulated: self.simulated,
            t_acc: self.t_acc,
            clock_bias: self.clock_bias,
            clock_drift: self.clock_drift.map(|drift| Nanos(drift.into())),
            adrift: self.adrift,
            leap: self.leap.trusted,
            leap_word: self.leap_word(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn func_tgm009_r5_a_leap_second_is_a_word_where_it_ends_a_day_and_its_source_is_believed() {
        use super::super::leap::PendingLeap;
        use crate::ubx::LeapChangeSource;
        let noon = Civil::from(Time::from_parts(1_798_761_600 - 43_200, 0));
        let epoch = |change, in_secs| Epoch {
            time: Some(noon),
            date: DateCheck::Plausible,
            leap: Leap {
                told: Some(tgm_time::Seconds(18)),
                trusted: Some(tgm_time::Seconds(18)),
                source: None,
                pending: Some(PendingLeap {
                    change,
                    in_secs,
                    source: LeapChangeSource::Gps,
                }),
                knows_ahead: true,
            },
            ..Epoch::default()
        };
        for (change, insert) in [(1, true), (-1, false)] {
            let expected = LeapWord::of(LeapAhead {
                at: 1_798_761_600,
                insert,
            });
            for in_secs in [43_198, 43_200, 43_202] {
                assert_eq!(epoch(change, in_secs).reading().leap_word, expected);
            }
            assert_eq!(
                epoch(change, 40_000).reading().leap_word,
                LeapWord::SILENT,
                "in the middle of a day"
            );
        }
        let mut none = epoch(1, 43_200);
        none.leap.pending = None;
        assert_eq!(none.reading().leap_word, LeapWord::NONE);
        none.leap.knows_ahead = false;
        assert_eq!(none.reading().leap_word, LeapWord::SILENT);
        let mut doubtful = epoch(1, 43_200);
        doubtful.leap.trusted = None;
        assert_eq!(doubtful.reading().leap_word, LeapWord::SILENT);
    }
}
