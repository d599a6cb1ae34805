//! The family's enums, typed: names and numbers of include/uapi/linux/dpll.h, spelled as its YAML specification and `dpll -j` do.
//!
//! A number without a name here is `Unknown(n)`: data, not an error. The lock status itself is the core's [`LockStatus`].

use tgm_core::LockStatus;
use tgm_sys::dpll as n;

macro_rules! kernel_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:path, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value this version does not know.
            Unknown(u32),
        }

        impl $name {
            /// All values that have a name.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The kernel's number.
            pub const fn number(self) -> u32 {
                match self { $(Self::$variant => $number,)+ Self::Unknown(number) => number }
            }

            /// The kernel's spelling; "unknown" for what has none.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ Self::Unknown(_) => UNKNOWN }
            }
        }

        impl From<u32> for $name {
            #[inline]
            fn from(number: u32) -> Self {
                match number { $($number => Self::$variant,)+ other => Self::Unknown(other) }
            }
        }
    };
}

/// What `dpll -j` prints for a number it has no name for.
pub const UNKNOWN: &str = "unknown";

/// The kernel's spelling of a lock status.
pub const fn lock_status_name(status: LockStatus) -> &'static str {
    match status {
        LockStatus::Unlocked => "unlocked",
        LockStatus::Locked => "locked",
        LockStatus::LockedHoAcq => "locked-ho-acq",
        LockStatus::Holdover => "holdover",
        LockStatus::Unknown(_) => UNKNOWN,
    }
}

kernel_enum! {
    /// How a DPLL chooses its input (`enum dpll_mode`).
    Mode {
        /// By request.
        Manual = n::mode::MANUAL, "manual";
        /// The valid input of the best priority.
        Automatic = n::mode::AUTOMATIC, "automatic";
    }
}

kernel_enum! {
    /// Why the lock was lost (`enum dpll_lock_status_error`); sent only with unlocked and holdover.
    LockStatusError {
        /// Without any error.
        None = n::lock_status_error::NONE, "none";
        /// The driver cannot say.
        Undefined = n::lock_status_error::UNDEFINED, "undefined";
        /// The port the clock was recovered from went down.
        MediaDown = n::lock_status_error::MEDIA_DOWN, "media-down";
        /// The input's frequency is too far off.
        FfoTooHigh = n::lock_status_error::FRACTIONAL_FREQUENCY_OFFSET_TOO_HIGH, "fractional-frequency-offset-too-high";
    }
}

kernel_enum! {
    /// What a DPLL disciplines (`enum dpll_type`).
    DpllType {
        /// The pulse per second.
        Pps = n::dpll_type::PPS, "pps";
        /// The Ethernet equipment clock.
        Eec = n::dpll_type::EEC, "eec";
        /// Neither.
        Generic = n::dpll_type::GENERIC, "generic";
    }
}

kernel_enum! {
    /// Quality of the oscillator behind a DPLL (`enum dpll_clock_quality_level`, ITU-T G.8264 table 11-7).
    ClockQualityLevel {
        /// QL-PRC.
        ItuOpt1Prc = n::clock_quality_level::ITU_OPT1_PRC, "itu-opt1-prc";
        /// QL-SSU-A.
        ItuOpt1SsuA = n::clock_quality_level::ITU_OPT1_SSU_A, "itu-opt1-ssu-a";
        /// QL-SSU-B.
        ItuOpt1SsuB = n::clock_quality_level::ITU_OPT1_SSU_B, "itu-opt1-ssu-b";
        /// QL-EEC1.
        ItuOpt1Eec1 = n::clock_quality_level::ITU_OPT1_EEC1, "itu-opt1-eec1";
        /// QL-PRTC.
        ItuOpt1Prtc = n::clock_quality_level::ITU_OPT1_PRTC, "itu-opt1-prtc";
        /// QL-ePRTC.
        ItuOpt1Eprtc = n::clock_quality_level::ITU_OPT1_EPRTC, "itu-opt1-eprtc";
        /// QL-eEEC.
        ItuOpt1Eeec = n::clock_quality_level::ITU_OPT1_EEEC, "itu-opt1-eeec";
        /// QL-ePRC.
        ItuOpt1Eprc = n::clock_quality_level::ITU_OPT1_EPRC, "itu-opt1-eprc";
    }
}

kernel_enum! {
    /// A switchable function of a device (`enum dpll_feature_state`).
    FeatureState {
        /// Off.
        Disable = n::feature_state::DISABLE, "disable";
        /// On.
        Enable = n::feature_state::ENABLE, "enable";
    }
}

kernel_enum! {
    /// What a pin is connected to (`enum dpll_pin_type`).
    PinType {
        /// Other pins.
        Mux = n::pin_type::MUX, "mux";
        /// A connector.
        Ext = n::pin_type::EXT, "ext";
        /// The clock recovered by an Ethernet port.
        SynceEthPort = n::pin_type::SYNCE_ETH_PORT, "synce-eth-port";
        /// An oscillator on the device.
        IntOscillator = n::pin_type::INT_OSCILLATOR, "int-oscillator";
        /// A GNSS receiver.
        Gnss = n::pin_type::GNSS, "gnss";
        /// A numerically controlled oscillator on the device.
        IntNco = n::pin_type::INT_NCO, "int-nco";
    }
}

kernel_enum! {
    /// Which way a pin carries its signal, seen from the DPLL (`enum dpll_pin_direction`).
    PinDirection {
        /// Into the DPLL.
        Input = n::pin_direction::INPUT, "input";
        /// Out of it.
        Output = n::pin_direction::OUTPUT, "output";
    }
}

kernel_enum! {
    /// What is wanted of a pin; on kernels without [`OperState`], also whether it is in use (`enum dpll_pin_state`).
    PinState {
        /// In use.
        Connected = n::pin_state::CONNECTED, "connected";
        /// Never used.
        Disconnected = n::pin_state::DISCONNECTED, "disconnected";
        /// May be chosen.
        Selectable = n::pin_state::SELECTABLE, "selectable";
    }
}

kernel_enum! {
    /// What the hardware does with a pin (`enum dpll_pin_operstate`, 7.1 and later).
    OperState {
        /// In use.
        Active = n::pin_operstate::ACTIVE, "active";
        /// Good and not in use.
        Standby = n::pin_operstate::STANDBY, "standby";
        /// Nothing arrives.
        NoSignal = n::pin_operstate::NO_SIGNAL, "no-signal";
        /// Not good enough.
        QualFailed = n::pin_operstate::QUAL_FAILED, "qual-failed";
    }
}

bitflags::bitflags! {
    /// What may be set on a pin (`enum dpll_pin_capabilities`). Bits without a name are kept.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct PinCapabilities: u32 {
        /// Its direction.
        const DIRECTION_CAN_CHANGE = n::pin_capabilities::DIRECTION_CAN_CHANGE;
        /// Its priority.
        const PRIORITY_CAN_CHANGE = n::pin_capabilities::PRIORITY_CAN_CHANGE;
        /// Its state.
        const STATE_CAN_CHANGE = n::pin_capabilities::STATE_CAN_CHANGE;
        /// Connecting it overrides automatic selection.
        const STATE_CONNECTED_OVERRIDE = n::pin_capabilities::STATE_CONNECTED_OVERRIDE;
        const _ = !0;
    }
}

impl PinCapabilities {
    /// The kernel's spellings, in the order `dpll -j` prints them.
    pub const NAMES: [(Self, &'static str); 4] = [
        (Self::STATE_CAN_CHANGE, "state-can-change"),
        (Self::PRIORITY_CAN_CHANGE, "priority-can-change"),
        (Self::DIRECTION_CAN_CHANGE, "direction-can-change"),
        (Self::STATE_CONNECTED_OVERRIDE, "state-connected-override"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! round_trips {
        ($($name:ident)+) => { $(
            for value in $name::KNOWN {
                assert_eq!($name::from(value.number()), *value);
                assert_ne!(value.name(), UNKNOWN);
            }
            assert_eq!($name::from(77), $name::Unknown(77));
            assert_eq!(($name::Unknown(77).number(), $name::Unknown(77).name()), (77, UNKNOWN));
        )+ };
    }

    #[test]
    fn numbers_and_back() {
        round_trips!(Mode LockStatusError DpllType ClockQualityLevel FeatureState PinType PinDirection PinState OperState);
    }

    #[test]
    fn the_cores_lock_status_has_the_kernels_numbers() {
        let kernel = [
            n::lock_status::UNLOCKED,
            n::lock_status::LOCKED,
            n::lock_status::LOCKED_HO_ACQ,
            n::lock_status::HOLDOVER,
        ];
        let names = kernel.map(|number| lock_status_name(LockStatus::from(number)));
        assert_eq!(names, ["unlocked", "locked", "locked-ho-acq", "holdover"]);
    }

    #[test]
    fn capabilities_keep_bits_without_a_name() {
        assert_eq!(PinCapabilities::from_bits_retain(0x86).bits(), 0x86);
        assert_eq!(PinCapabilities::all().bits(), u32::MAX);
    }
}
