//! Numbers with a meaning. One that this version does not know stays as it came.

use tgm_core::{GnssFix, Spoofing};

macro_rules! values {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value this version does not know.
            Unknown(u8),
        }

        impl From<u8> for $name {
            fn from(number: u8) -> Self {
                match number { $($number => $name::$variant,)+ other => $name::Unknown(other) }
            }
        }

        impl $name {
            /// The number as it is sent.
            pub const fn number(self) -> u8 {
                match self { $($name::$variant => $number,)+ $name::Unknown(number) => number }
            }
        }
    };
}

values! {
    /// Kind of fix of NAV-STATUS, NAV-SOL and NAV-PVT.
    FixType {
        /// None.
        None = 0,
        /// Dead reckoning only.
        DeadReckoning = 1,
        /// Two dimensions.
        TwoD = 2,
        /// Three dimensions.
        ThreeD = 3,
        /// GNSS and dead reckoning.
        GnssDeadReckoning = 4,
        /// Time only: the position is held.
        TimeOnly = 5,
    }
}

impl From<FixType> for GnssFix {
    /// A kind that is not known is no fix.
    fn from(fix: FixType) -> Self {
        GnssFix::from_number(fix.number())
    }
}

values! {
    /// Antenna supervisor of MON-HW and MON-RF.
    AntennaStatus {
        /// Just started.
        Init = 0,
        /// Not supervised.
        DontKnow = 1,
        /// Connected.
        Ok = 2,
        /// Too much current.
        Short = 3,
        /// No current.
        Open = 4,
    }
}

values! {
    /// Antenna supply of MON-HW and MON-RF.
    AntennaPower {
        /// Switched off.
        Off = 0,
        /// Switched on.
        On = 1,
        /// Not known.
        DontKnow = 2,
    }
}

values! {
    /// Spoofing of NAV-STATUS and SEC-SIG.
    SpoofingState {
        /// Not known, or the detector is off.
        NotKnown = 0,
        /// None indicated.
        None = 1,
        /// Indicated.
        Indicated = 2,
        /// Indicated by several detectors, or affirmed.
        Multiple = 3,
    }
}

impl From<SpoofingState> for Spoofing {
    fn from(state: SpoofingState) -> Self {
        Spoofing::from_number(state.number()).unwrap_or_default()
    }
}

values! {
    /// Where NAV-TIMELS has its current GPS − UTC from.
    LeapSource {
        /// Hardcoded in the firmware.
        Firmware = 0,
        /// The difference of GPS and GLONASS time.
        Glonass = 1,
        /// GPS.
        Gps = 2,
        /// SBAS.
        Sbas = 3,
        /// BeiDou.
        BeiDou = 4,
        /// Galileo.
        Galileo = 5,
        /// Aiding data.
        Aided = 6,
        /// Configuration.
        Configured = 7,
        /// NavIC.
        NavIc = 8,
        /// None.
        NoSource = 255,
    }
}

values! {
    /// Where NAV-TIMELS has the announced leap second from.
    LeapChangeSource {
        /// None.
        NoSource = 0,
        /// GPS.
        Gps = 2,
        /// SBAS.
        Sbas = 3,
        /// BeiDou.
        BeiDou = 4,
        /// Galileo.
        Galileo = 5,
        /// GLONASS.
        Glonass = 6,
        /// NavIC.
        NavIc = 7,
    }
}

values! {
    /// Reflections in RXM-MEASX.
    Reflection {
        /// Not measured.
        NotMeasured = 0,
        /// Low.
        Low = 1,
        /// Medium.
        Medium = 2,
        /// High.
        High = 3,
    }
}

values! {
    /// Integrity check of the time pulse (RAIM) in TIM-TP.
    Raim {
        /// Not told.
        NotTold = 0,
        /// Not active.
        Inactive = 1,
        /// Active.
        Active = 2,
    }
}

values! {
    /// Severity of an INF message: its id.
    Severity {
        /// Error.
        Error = 0,
        /// Warning.
        Warning = 1,
        /// Notice.
        Notice = 2,
        /// Test output.
        Test = 3,
        /// Debug output.
        Debug = 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        for number in 0..=u8::MAX {
            assert_eq!(FixType::from(number).number(), number);
            assert_eq!(AntennaStatus::from(number).number(), number);
            assert_eq!(LeapSource::from(number).number(), number);
            assert_eq!(LeapChangeSource::from(number).number(), number);
            assert_eq!(Severity::from(number).number(), number);
        }
    }

    #[test]
    fn what_is_not_known_claims_nothing() {
        assert_eq!(GnssFix::from(FixType::from(6)), GnssFix::None);
        assert_eq!(GnssFix::from(FixType::from(5)), GnssFix::TimeOnly);
        assert_eq!(Spoofing::from(SpoofingState::from(4)), Spoofing::Unknown);
        assert_eq!(Spoofing::from(SpoofingState::from(3)), Spoofing::Multiple);
        assert_eq!(LeapChangeSource::from(1), LeapChangeSource::Unknown(1));
    }
}
