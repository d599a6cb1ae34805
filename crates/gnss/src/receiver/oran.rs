//! The receiver in O-RAN's words (O-Cloud Notification API v04.00, gnss-sync-status).
//!
//! In this order; the first rule that fits decides:
//!
//! | | rule | verdict |
//! |---|---|---|
//! | 1 | jamming critical, spoofing indicated, or signals simulated: no time may be trusted | FAILURE-NOFIX |
//! | 2 | the position is held, and the one told is 30 m (100 ns) or more away from it for 10 s | FAILURE-MULTIPATH |
//! | 3 | solution good for time: fix 3, 4 or 5, or any fix at a held position, and gpsFixOk | SYNCHRONIZED |
//! | 4 | antenna short | ANTENNA-SHORT-CIRCUIT |
//! | 5 | antenna open | ANTENNA-DISCONNECTED |
//! | 6 | never fixed, started less than 30 s ago, no time, nothing seen | BOOTING |
//! | 7 | fixed before, or 20 min old: four or more satellites of 30 dBHz or more, half of them reflected | FAILURE-MULTIPATH |
//! | 8 | a fix, not good for time | ACQUIRING-SYNC |
//! | 9 | never fixed, started less than 20 min ago | ACQUIRING-SYNC |
//! | 10 | satellites heard, but none with 25 dBHz or more | FAILURE-LOW-SNR |
//! | 11 | else | FAILURE-NOFIX |
//!
//! A satellite counts as reflected if RXM-MEASX calls its reflections high, or if NAV-SAT has its range 15 m or more from the one
//! expected. When a verdict becomes the state that is told: [`super::settle`].
//!
//! The core looks at the receiver from outside and adds three rules (`tgm_core`, E5), in this order:
//!
//! | rule | state |
//! |---|---|
//! | silent for 3 s, or gone | FAILURE-NOFIX |
//! | SYNCHRONIZED by its own word, but its time accuracy is beyond the limit for three epochs | ACQUIRING-SYNC |
//! | SYNCHRONIZED, but the DPLL behind it holds over or runs free: for 2.5 s if it followed this receiver before, else when its time to lock (42 s) is over | **FAILURE-PLL** |
//!
//! The receiver alone never gives FAILURE-PLL, and the core never overrules a receiver that explains its own failure.
//!
//! An antenna fault explains a missing solution and does not deny a good one: behind a splitter that blocks direct current, `open`
//! is the normal state. `off` is no fault: who switches the supply off feeds the antenna otherwise.

use tgm_core::{Antenna, GnssFix, GnssState, Jamming, Spoofing};

/// A receiver that starts is booting for at most this long, ms.
pub const BOOTING: u64 = 30_000;
/// A cold start takes at most this long: the almanac alone takes 12.5 minutes. In ms.
pub const ACQUIRING: u64 = 1_200_000;

/// What the rules look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Kind of fix.
    pub fix: GnssFix,
    /// gpsFixOk, or what NMEA has for it.
    pub fix_ok: bool,
    /// The position is known and held.
    pub fixed_position: bool,
    /// Simulated signals.
    pub simulated: bool,
    /// Antenna.
    pub antenna: Antenna,
    /// Jamming.
    pub jamming: Jamming,
    /// Spoofing.
    pub spoofing: Spoofing,
    /// There was a good fix since the receiver started.
    pub ever_fixed: bool,
    /// Since the receiver started, or was first heard, ms.
    pub age: u64,
    /// It tells a time, sees a satellite or has a fix.
    pub awake: bool,
    /// What it hears is too weak.
    pub weak: bool,
    /// Half of what it hears well is reflected.
    pub reflected: bool,
    /// It holds its position and tells one far from it.
    pub adrift: bool,
}

impl Facts {
    /// The solution is good for time, and nothing says that it is a lie.
    pub fn is_usable(&self) -> bool {
        let enough = self.fix >= GnssFix::ThreeD || (self.fixed_position && self.fix != GnssFix::None);
        enough && self.fix_ok && !self.is_untrusted() && !self.adrift
    }

    fn is_untrusted(&self) -> bool {
        let spoofed = matches!(self.spoofing, Spoofing::Indicated | Spoofing::Multiple);
        spoofed || self.jamming == Jamming::Critical || self.simulated
    }

    /// The state.
    pub fn state(&self) -> GnssState {
        if self.is_untrusted() {
            GnssState::FailureNofix
        } else if self.adrift {
            GnssState::FailureMultipath
        } else if self.is_usable() {
            GnssState::Synchronized
        } else if self.antenna == Antenna::Short {
            GnssState::AntennaShortCircuit
        } else if self.antenna == Antenna::Open {
            GnssState::AntennaDisconnected
        } else if !self.ever_fixed && self.age < BOOTING && !self.awake {
            GnssState::Booting
        } else if self.reflected && (self.ever_fixed || self.age >= ACQUIRING) {
            GnssState::FailureMultipath
        } else if self.fix != GnssFix::None || (!self.ever_fixed && self.age < ACQUIRING) {
            GnssState::AcquiringSync
        } else if self.weak {
            GnssState::FailureLowSnr
        } else {
            GnssState::FailureNofix
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Facts = Facts {
        fix: GnssFix::ThreeD,
        fix_ok: true,
        fixed_position: false,
        simulated: false,
        antenna: Antenna::Ok,
        jamming: Jamming::Ok,
        spoofing: Spoofing::None,
        ever_fixed: true,
        age: 3_600_000,
        awake: true,
        weak: false,
        reflected: false,
        adrift: false,
    };
    const LOST: Facts = Facts {
        fix: GnssFix::None,
        fix_ok: false,
        ..GOOD
    };

    #[test]
    fn a_good_fix_is_synchronized_whatever_the_supervisor_says() {
        assert_eq!(GOOD.state(), GnssState::Synchronized);
        assert_eq!(
            Facts {
                antenna: Antenna::Open,
                ..GOOD
            }
            .state(),
            GnssState::Synchronized
        );
        assert_eq!(
            Facts {
                fix: GnssFix::TimeOnly,
                ..GOOD
            }
            .state(),
            GnssState::Synchronized
        );
        assert_eq!(
            Facts {
                fix: GnssFix::TwoD,
                fixed_position: true,
                ..GOOD
            }
            .state(),
            GnssState::Synchronized
        );
    }

    #[test]
    fn no_time_is_trusted_under_jamming_spoofing_or_simulation() {
        assert_eq!(
            Facts {
                jamming: Jamming::Critical,
                ..GOOD
            }
            .state(),
            GnssState::FailureNofix
        );
        assert_eq!(
            Facts {
                spoofing: Spoofing::Indicated,
                ..GOOD
            }
            .state(),
            GnssState::FailureNofix
        );
        assert_eq!(
            Facts {
                spoofing: Spoofing::Multiple,
                ..GOOD
            }
            .state(),
            GnssState::FailureNofix
        );
        assert_eq!(
            Facts {
                simulated: true,
                ..GOOD
            }
            .state(),
            GnssState::FailureNofix
        );
        assert_eq!(
            Facts {
                jamming: Jamming::Warning,
                ..GOOD
            }
            .state(),
            GnssState::Synchronized
        );
    }

    #[test]
    fn a_lost_fix_is_explained() {
        assert_eq!(LOST.state(), GnssState::FailureNofix);
        assert_eq!(
            Facts {
                antenna: Antenna::Open,
                ..LOST
            }
            .state(),
            GnssState::AntennaDisconnected
        );
        assert_eq!(
            Facts {
                antenna: Antenna::Short,
                ..LOST
            }
            .state(),
            GnssState::AntennaShortCircuit
        );
        assert_eq!(
            Facts {
                antenna: Antenna::Off,
                ..LOST
            }
            .state(),
            GnssState::FailureNofix
        );
        assert_eq!(Facts { weak: true, ..LOST }.state(), GnssState::FailureLowSnr);
    }

    #[test]
    fn a_fix_not_good_for_time_is_acquiring() {
        assert_eq!(
            Facts {
                fix: GnssFix::TwoD,
                ..GOOD
            }
            .state(),
            GnssState::AcquiringSync
        );
        assert_eq!(
            Facts {
                fix: GnssFix::DeadReckoning,
                ..GOOD
            }
            .state(),
            GnssState::AcquiringSync
        );
        assert_eq!(Facts { fix_ok: false, ..GOOD }.state(), GnssState::AcquiringSync);
    }

    #[test]
    fn from_start_to_first_fix() {
        let start = Facts {
            ever_fixed: false,
            age: 0,
            awake: false,
            ..LOST
        };
        assert_eq!(start.state(), GnssState::Booting);
        assert_eq!(Facts { awake: true, ..start }.state(), GnssState::AcquiringSync);
        assert_eq!(Facts { age: BOOTING, ..start }.state(), GnssState::AcquiringSync);
        assert_eq!(
            Facts {
                age: ACQUIRING,
                ..start
            }
            .state(),
            GnssState::FailureNofix
        );
    }
}
