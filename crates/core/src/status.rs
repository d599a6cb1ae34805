//! The statuses that sources report and consumers read, with the numbers that metrics and events carry.

/// Lock status of a DPLL (`enum dpll_lock_status`, include/uapi/linux/dpll.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockStatus {
    /// Follows no input; the output frequency is the oscillator's own.
    Unlocked,
    /// Follows an input.
    Locked,
    /// Follows an input and has learned enough to hold over.
    LockedHoAcq,
    /// Lost its input and keeps what it learned.
    Holdover,
    /// A value this version does not know. Kept, shown, never taken for a fault.
    Unknown(u32),
}

impl LockStatus {
    /// True while an input is followed.
    pub const fn is_locked(self) -> bool {
        matches!(self, LockStatus::Locked | LockStatus::LockedHoAcq)
    }

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        match self {
            LockStatus::Unlocked => 1,
            LockStatus::Locked => 2,
            LockStatus::LockedHoAcq => 3,
            LockStatus::Holdover => 4,
            LockStatus::Unknown(n) => n,
        }
    }

    /// `openshift_ptp_frequency_status` and `_phase_status`: the kernel's 1…4, 0 for its 0 (invalid), −1 for anything unknown.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // 1…4
    pub const fn metric(self) -> i8 {
        match self {
            LockStatus::Unknown(0) => 0,
            LockStatus::Unknown(_) => UNKNOWN,
            known => known.number() as i8,
        }
    }
}

impl From<u32> for LockStatus {
    fn from(number: u32) -> Self {
        match number {
            1 => LockStatus::Unlocked,
            2 => LockStatus::Locked,
            3 => LockStatus::LockedHoAcq,
            4 => LockStatus::Holdover,
            other => LockStatus::Unknown(other),
        }
    }
}

/// The number of a status that nobody has told, or that is too old to be believed.
pub const UNKNOWN: i8 = -1;

/// What a DPLL disciplines (`enum dpll_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DpllKind {
    /// Frequency: the Ethernet equipment clock.
    Eec,
    /// Phase: the one pulse per second.
    Pps,
}

/// How good the clock is that an EEC follows, as far as a class out of specification depends on it (G.8275.1 table 2). Ordered: a
/// larger one is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum InputQuality {
    /// Nobody said, or a quality that no class is made for (QL-EEC1, QL-DNU).
    #[default]
    Unknown = 0,
    /// Category 3: QL-SSU-B.
    Category3 = 1,
    /// Category 2: QL-SSU-A.
    Category2 = 2,
    /// Category 1: QL-PRC, QL-PRTC, QL-ePRTC, QL-ePRC.
    Category1 = 3,
}

impl InputQuality {
    /// The word in recordings.
    pub const fn name(self) -> &'static str {
        match self {
            InputQuality::Unknown => "unknown",
            InputQuality::Category3 => "category3",
            InputQuality::Category2 => "category2",
            InputQuality::Category1 => "category1",
        }
    }

    /// All of them, by number.
    const ALL: [Self; 4] = [Self::Unknown, Self::Category3, Self::Category2, Self::Category1];

    /// Back from the word; `None` for any other.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| quality.name() == name)
    }

    /// Back from the number; `None` for any other.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// State of a clock, with the numbers of `openshift_ptp_clock_state`. Larger is *not* better: see [`ClockState::worst`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum ClockState {
    /// Not traceable to a reference.
    #[default]
    Freerun = 0,
    /// Traceable now.
    Locked = 1,
    /// Keeps what it learned while it was locked.
    Holdover = 2,
}

impl ClockState {
    /// The number of `openshift_ptp_clock_state`.
    pub const fn metric(self) -> u8 {
        self as u8
    }

    /// Back from the number; `None` for any other.
    pub const fn from_metric(number: u8) -> Option<Self> {
        match number {
            0 => Some(ClockState::Freerun),
            1 => Some(ClockState::Locked),
            2 => Some(ClockState::Holdover),
            _ => None,
        }
    }

    /// The worse of two: FREERUN < HOLDOVER < LOCKED.
    pub const fn worst(self, other: Self) -> Self {
        match (self, other) {
            (ClockState::Freerun, _) | (_, ClockState::Freerun) => ClockState::Freerun,
            (ClockState::Holdover, _) | (_, ClockState::Holdover) => ClockState::Holdover,
            _ => ClockState::Locked,
        }
    }

    /// O-RAN's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            ClockState::Freerun => "FREERUN",
            ClockState::Locked => "LOCKED",
            ClockState::Holdover => "HOLDOVER",
        }
    }
}

/// IEEE 1588 clockClass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockClass(pub u8);

/// Kind of fix, in the numbers of UBX gpsFix and `openshift_ptp_gnss_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum GnssFix {
    /// No fix.
    #[default]
    None = 0,
    /// Dead reckoning only.
    DeadReckoning = 1,
    /// Position in two dimensions.
    TwoD = 2,
    /// Position in three dimensions.
    ThreeD = 3,
    /// GNSS and dead reckoning.
    GnssDeadReckoning = 4,
    /// Time only: the position is known and fixed.
    TimeOnly = 5,
}

impl GnssFix {
    /// The number of `openshift_ptp_gnss_status`.
    pub const fn metric(self) -> u8 {
        self as u8
    }

    /// Back from UBX gpsFix; numbers above 5 are reserved and mean no fix.
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => GnssFix::DeadReckoning,
            2 => GnssFix::TwoD,
            3 => GnssFix::ThreeD,
            4 => GnssFix::GnssDeadReckoning,
            5 => GnssFix::TimeOnly,
            _ => GnssFix::None,
        }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)+ }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling that consumers see.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The number that shared memory and metrics carry.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// Back from the number; `None` for any other.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named! {
    /// State of the GNSS receiver as O-RAN notifies it (O-Cloud Notification API v04.00, gnss-sync-status).
    GnssState {
        /// Time and frequency are given.
        Synchronized = 0, "SYNCHRONIZED";
        /// Searching, or position known but time not yet good enough.
        #[default]
        AcquiringSync = 1, "ACQUIRING-SYNC";
        /// No antenna, or its cable is cut.
        AntennaDisconnected = 2, "ANTENNA-DISCONNECTED";
        /// The antenna feed is shorted.
        AntennaShortCircuit = 3, "ANTENNA-SHORT-CIRCUIT";
        /// The receiver starts.
        Booting = 4, "BOOTING";
        /// Reflected signals make the solution unusable.
        FailureMultipath = 5, "FAILURE-MULTIPATH";
        /// No usable solution.
        FailureNofix = 6, "FAILURE-NOFIX";
        /// Satellites in view, too weak.
        FailureLowSnr = 7, "FAILURE-LOW-SNR";
        /// The receiver is fine, the PLL behind it does not follow.
        FailurePll = 8, "FAILURE-PLL";
    }
}

named! {
    /// Antenna as the receiver's supervisor sees it (UBX-MON-RF antStatus and antPower, NMEA TXT).
    Antenna {
        /// Never told.
        #[default]
        Unknown = 0, "unknown";
        /// Connected.
        Ok = 1, "ok";
        /// No current flows.
        Open = 2, "open";
        /// Too much current flows.
        Short = 3, "short";
        /// The supply is switched off.
        Off = 4, "off";
    }
}

named! {
    /// Jamming as the receiver judges it (UBX-MON-RF, UBX-SEC-SIG).
    Jamming {
        /// Never told, or the monitor is off.
        #[default]
        Unknown = 0, "unknown";
        /// No significant jamming.
        Ok = 1, "ok";
        /// Interference visible, fix good.
        Warning = 2, "warning";
        /// Interference visible, no reliable fix.
        Critical = 3, "critical";
    }
}

named! {
    /// Spoofing as the receiver judges it (UBX-NAV-STATUS, UBX-SEC-SIG).
    Spoofing {
        /// Never told, or the detector is off.
        #[default]
        Unknown = 0, "unknown";
        /// None indicated.
        None = 1, "none";
        /// Indicated.
        Indicated = 2, "indicated";
        /// Indicated by several detectors.
        Multiple = 3, "multiple";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_is_by_trust_not_by_number() {
        use ClockState::{Freerun, Holdover, Locked};
        assert_eq!(Locked.worst(Holdover), Holdover);
        assert_eq!(Holdover.worst(Freerun), Freerun);
        assert_eq!(Locked.worst(Locked), Locked);
        assert_eq!(Freerun.worst(Locked), Freerun);
    }

    #[test]
    fn lock_status_numbers_are_the_seeds() {
        let numbers: [i8; 6] = core::array::from_fn(|n| LockStatus::from(u32::try_from(n).unwrap()).metric());
        assert_eq!(numbers, [0, 1, 2, 3, 4, UNKNOWN]);
    }

    #[test]
    fn the_nine_gnss_states_keep_their_numbers() {
        for state in GnssState::ALL {
            assert_eq!(GnssState::from_number(state.number()), Some(*state));
        }
        assert_eq!(GnssState::ALL.len(), 9);
        assert_eq!(GnssState::from_number(9), None);
    }
}
