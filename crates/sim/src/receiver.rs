//! A GNSS receiver under a sky that can be taken away: fix, accuracy, time of day and pulse.
//!
//! The numbers are those of a timing receiver such as the ZED-F9T on an E810: one epoch per second, told 100–150 ms after it
//! (UBX-NAV-PVT, NAV-CLOCK, MON-RF together), a time accuracy of 15–30 ns, a pulse that is sent only while there is a fix.

use tgm_core::leap::LeapWord;
use tgm_core::{Antenna, GnssEpoch, GnssFix, GnssState, Jamming, Spoofing};
use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::fault::{Fault, PulseMode};
use crate::rng::Rng;

/// GPS − UTC since 2017.
const LEAP: Seconds = Seconds(18);

/// The receiver.
#[derive(Debug, Clone, Copy)]
pub struct Receiver {
    acquire: Nanos,
    fixed_position: bool,
    antenna: Antenna,
    fix_lost: bool,
    forced_fix: Option<GnssFix>,
    unplugged: bool,
    silent: bool,
    nmea: bool,
    t_acc: Option<Nanos>,
    jamming: Jamming,
    spoofing: Spoofing,
    leap: Option<Seconds>,
    leap_word: LeapWord,
    jump: Seconds,
    drift: Nanos,
    adrift: bool,
    pulse: PulseMode,
    /// When the present search ends with a fix; `None` while nothing can be searched.
    fix_at: Option<Time<Mono>>,
    /// It had a fix once since power came, so it knows the time.
    knows_time: bool,
}

impl Receiver {
    /// One that starts to search at `now` and needs `acquire` for a fix. `fixed_position`: it reports time-only fixes.
    pub fn new(now: Time<Mono>, acquire: Nanos, fixed_position: bool) -> Self {
        Receiver {
            acquire,
            fixed_position,
            antenna: Antenna::Ok,
            fix_lost: false,
            forced_fix: None,
            unplugged: false,
            silent: false,
            nmea: true,
            t_acc: None,
            jamming: Jamming::Ok,
            spoofing: Spoofing::None,
            leap: Some(LEAP),
            leap_word: LeapWord::SILENT,
            jump: Seconds::ZERO,
            drift: Nanos(120),
            adrift: false,
            pulse: PulseMode::Auto,
            fix_at: Some(now + acquire),
            knows_time: false,
        }
    }

    /// Takes what concerns a receiver; false if it is none of its business.
    pub fn apply(&mut self, now: Time<Mono>, fault: Fault) -> bool {
        match fault {
            Fault::Antenna(antenna) => self.antenna = antenna,
            Fault::Fix(None) => self.fix_lost = true,
            Fault::Fix(Some(fix)) => {
                self.fix_lost = false;
                self.forced_fix = (fix != GnssFix::ThreeD).then_some(fix);
            }
            Fault::ReceiverSilent(silent) => self.silent = silent,
            Fault::ReceiverUnplugged(unplugged) => {
                self.unplugged = unplugged;
                self.knows_time &= !unplugged;
            }
            Fault::ReceiverSecond(by) => self.jump = self.jump + by,
            Fault::ReceiverDrift(drift) => self.drift = drift,
            Fault::ReceiverAdrift(adrift) => self.adrift = adrift,
            Fault::Nmea(on) => self.nmea = on,
            Fault::TimeAccuracy(t_acc) => self.t_acc = t_acc,
            Fault::Jamming(jamming) => self.jamming = jamming,
            Fault::Spoofing(spoofing) => self.spoofing = spoofing,
            Fault::Leap(leap) => self.leap = leap,
            Fault::LeapAhead(word) => self.leap_word = word,
            Fault::Pulse(mode) => self.pulse = mode,
            _ => return false,
        }
        if !self.can_search() {
            self.fix_at = None;
        } else if self.fix_at.is_none() {
            self.fix_at = Some(now + self.acquire);
        }
        true
    }

    fn can_search(&self) -> bool {
        self.antenna == Antenna::Ok && !self.unplugged && !self.fix_lost
    }

    fn has_fix(&self, now: Time<Mono>) -> bool {
        self.fix_at.is_some_and(|at| now >= at)
    }

    /// True while it sends a pulse.
    pub fn pulses(&self, now: Time<Mono>) -> bool {
        match self.pulse {
            PulseMode::Auto => self.has_fix(now) && self.kind_of_fix(now) >= GnssFix::ThreeD,
            PulseMode::On => true,
            PulseMode::Off => false,
        }
    }

    /// True while a second's NMEA sentences come.
    pub const fn sends_nmea(&self) -> bool {
        self.nmea && !self.silent && !self.unplugged && self.knows_time
    }

    fn kind_of_fix(&self, now: Time<Mono>) -> GnssFix {
        match self.forced_fix {
            _ if !self.has_fix(now) => GnssFix::None,
            Some(forced) => forced,
            None if self.fixed_position => GnssFix::TimeOnly,
            None => GnssFix::ThreeD,
        }
    }

    fn state(&self, now: Time<Mono>) -> GnssState {
        match self.antenna {
            Antenna::Open => GnssState::AntennaDisconnected,
            Antenna::Short => GnssState::AntennaShortCircuit,
            _ if self.fix_lost => GnssState::FailureNofix,
            _ if self.kind_of_fix(now) >= GnssFix::ThreeD => GnssState::Synchronized,
            _ => GnssState::AcquiringSync,
        }
    }

    /// What it says about the epoch `utc` (a full second of true time) at `now`; `None` while it says nothing.
    pub fn epoch(&mut self, now: Time<Mono>, utc: Time<Utc>, rng: &mut Rng) -> Option<GnssEpoch> {
        if self.silent || self.unplugged {
            return None;
        }
        let fix = self.kind_of_fix(now);
        let good = fix >= GnssFix::ThreeD;
        self.knows_time |= good;
        let usual = if good {
            Nanos(rng.between(15, 31))
        } else {
            Nanos(rng.between(1_000_000, 2_000_000)) // a solution that is none says so
        };
        let (used, seen) = if good {
            (rng.between(9, 15), rng.between(15, 20))
        } else if self.antenna == Antenna::Ok {
            (0, rng.between(0, 6))
        } else {
            (0, 0)
        };
        Some(GnssEpoch {
            utc: self.knows_time.then(|| utc + Nanos::from_secs(self.jump.0)),
            fix,
            fix_ok: Some(good),
            fixed_position: self.fixed_position,
            simulated: false, // the signal is; the receiver does not know
            t_acc: Some(self.t_acc.unwrap_or(usual)),
            clock_bias: Some(Nanos(rng.between(-20, 21))),
            clock_drift: Some(self.drift),
            adrift: self.adrift,
            leap: self.leap.filter(|_| self.knows_time),
            used: u8::try_from(used).unwrap_or(0),
            seen: u8::try_from(seen).unwrap_or(0),
            antenna: self.antenna,
            jamming: self.jamming,
            spoofing: self.spoofing,
            state: self.state(now),
            leap_word: if self.knows_time {
                self.leap_word
            } else {
                LeapWord::SILENT
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    const UTC: Time<Utc> = Time::from_nanos(1_800_000_000_000_000_000);

    #[test]
    fn a_fix_comes_after_the_search_and_goes_with_the_antenna() {
        let mut rng = Rng::new(1, 0);
        let mut receiver = Receiver::new(at(0), Nanos::from_secs(3), false);
        let early = receiver.epoch(at(2), UTC, &mut rng).unwrap();
        assert_eq!(
            (early.fix, early.state, early.utc),
            (GnssFix::None, GnssState::AcquiringSync, None)
        );
        assert!(!receiver.pulses(at(2)));
        let fixed = receiver.epoch(at(3), UTC, &mut rng).unwrap();
        assert_eq!(
            (fixed.fix, fixed.state, fixed.utc),
            (GnssFix::ThreeD, GnssState::Synchronized, Some(UTC))
        );
        assert!(receiver.pulses(at(3)));
        receiver.apply(at(10), Fault::Antenna(Antenna::Open));
        let cut = receiver.epoch(at(10), UTC, &mut rng).unwrap();
        assert_eq!(
            (cut.fix, cut.state, cut.antenna),
            (GnssFix::None, GnssState::AntennaDisconnected, Antenna::Open)
        );
        assert!(!receiver.pulses(at(10)));
        receiver.apply(at(20), Fault::Antenna(Antenna::Ok));
        assert_eq!(
            receiver.epoch(at(22), UTC, &mut rng).unwrap().state,
            GnssState::AcquiringSync
        );
        assert!(receiver.pulses(at(23)));
    }

    #[test]
    fn the_pulse_of_a_coasting_receiver_outlives_its_fix() {
        let mut receiver = Receiver::new(at(0), Nanos::ZERO, true);
        receiver.apply(at(1), Fault::Pulse(PulseMode::On));
        receiver.apply(at(1), Fault::Fix(None));
        assert!(receiver.pulses(at(2)));
        let epoch = receiver.epoch(at(2), UTC, &mut Rng::new(1, 0)).unwrap();
        assert_eq!((epoch.fix_ok, epoch.state), (Some(false), GnssState::FailureNofix));
    }

    #[test]
    fn what_is_none_of_its_business_is_left_alone() {
        let mut receiver = Receiver::new(at(0), Nanos::ZERO, true);
        assert!(!receiver.apply(at(1), Fault::DpllReload));
    }
}
