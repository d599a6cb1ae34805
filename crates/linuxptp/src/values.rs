//! Numbers with a meaning: IEEE 1588-2019 clauses 7.6.2, 8.2.15, 15.5.4.4 and table 3, 5, 6; linuxptp's own where it has added some.
//!
//! A number without a name here is `Unknown(n)`: data, not an error.

use tgm_time::Nanos;

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A number this version has no name for.
            Unknown($repr),
        }

        impl $name {
            /// The number on the wire.
            pub const fn number(self) -> $repr {
                match self { $(Self::$variant => $number,)+ Self::Unknown(number) => number }
            }

            /// What the number means.
            pub const fn from_number(number: $repr) -> Self {
                match number { $($number => Self::$variant,)+ other => Self::Unknown(other) }
            }
        }
    };
}

numbers! {
    /// clockAccuracy (table 5): the time is right to within this.
    ClockAccuracy: u8 {
        /// 1 ps.
        Ps1 = 0x17,
        /// 2.5 ps.
        Ps2_5 = 0x18,
        /// 10 ps.
        Ps10 = 0x19,
        /// 25 ps.
        Ps25 = 0x1a,
        /// 100 ps.
        Ps100 = 0x1b,
        /// 250 ps.
        Ps250 = 0x1c,
        /// 1 ns.
        Ns1 = 0x1d,
        /// 2.5 ns.
        Ns2_5 = 0x1e,
        /// 10 ns.
        Ns10 = 0x1f,
        /// 25 ns.
        Ns25 = 0x20,
        /// 100 ns.
        Ns100 = 0x21,
        /// 250 ns.
        Ns250 = 0x22,
        /// 1 µs.
        Us1 = 0x23,
        /// 2.5 µs.
        Us2_5 = 0x24,
        /// 10 µs.
        Us10 = 0x25,
        /// 25 µs.
        Us25 = 0x26,
        /// 100 µs.
        Us100 = 0x27,
        /// 250 µs.
        Us250 = 0x28,
        /// 1 ms.
        Ms1 = 0x29,
        /// 2.5 ms.
        Ms2_5 = 0x2a,
        /// 10 ms.
        Ms10 = 0x2b,
        /// 25 ms.
        Ms25 = 0x2c,
        /// 100 ms.
        Ms100 = 0x2d,
        /// 250 ms.
        Ms250 = 0x2e,
        /// 1 s.
        S1 = 0x2f,
        /// 10 s.
        S10 = 0x30,
        /// More than 10 s.
        MoreThan10S = 0x31,
        /// Not known.
        NotKnown = 0xfe,
    }
}

numbers! {
    /// timeSource (table 6).
    TimeSource: u8 {
        /// An atomic clock.
        AtomicClock = 0x10,
        /// A satellite system.
        Gnss = 0x20,
        /// Radio on the ground.
        TerrestrialRadio = 0x30,
        /// IRIG or another serial time code.
        SerialTimeCode = 0x39,
        /// PTP of another domain.
        Ptp = 0x40,
        /// NTP.
        Ntp = 0x50,
        /// Set by hand.
        HandSet = 0x60,
        /// None of the others.
        Other = 0x90,
        /// The clock's own oscillator.
        InternalOscillator = 0xa0,
    }
}

numbers! {
    /// portState (table 20), with linuxptp's own after it.
    PortState: u8 {
        /// INITIALIZING.
        Initializing = 1,
        /// FAULTY.
        Faulty = 2,
        /// DISABLED.
        Disabled = 3,
        /// LISTENING.
        Listening = 4,
        /// PRE_MASTER.
        PreMaster = 5,
        /// MASTER.
        Master = 6,
        /// PASSIVE.
        Passive = 7,
        /// UNCALIBRATED.
        Uncalibrated = 8,
        /// SLAVE.
        Slave = 9,
        /// GRAND_MASTER, which linuxptp tells apart from MASTER inside.
        GrandMaster = 10,
    }
}

numbers! {
    /// delayMechanism (table 21).
    DelayMechanism: u8 {
        /// Request and response, end to end.
        EndToEnd = 1,
        /// Peer to peer.
        PeerToPeer = 2,
        /// Peer to peer over a service common to several domains.
        CommonP2p = 3,
        /// linuxptp's `NO_MECHANISM`, and the standard's.
        None = 0xfe,
    }
}

numbers! {
    /// How a port stamps its packets (linuxptp's `enum timestamp_type`).
    Timestamping: u8 {
        /// By the kernel.
        Software = 0,
        /// By the hardware.
        Hardware = 1,
        /// By the hardware, in an old way.
        LegacyHardware = 2,
        /// By the hardware, which puts the stamp into the packet.
        OneStep = 3,
        /// As before, peer delay responses too.
        P2p1Step = 4,
    }
}

numbers! {
    /// managementErrorId (table 109).
    ManagementError: u16 {
        /// The answer would not fit.
        ResponseTooBig = 1,
        /// No such id.
        NoSuchId = 2,
        /// The data has another length.
        WrongLength = 3,
        /// The data has an impossible value.
        WrongValue = 4,
        /// It cannot be set.
        NotSetable = 5,
        /// It is not supported; ptp4l also says so of a SET on its read-only socket.
        NotSupported = 6,
        /// Anything else.
        GeneralError = 0xfffe,
    }
}

/// A duration in nanoseconds × 2^16 (`TimeInterval`, clause 5.3.2); ±39 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeInterval(pub i64);

impl TimeInterval {
    /// Whole nanoseconds, towards minus infinity.
    pub const fn to_nanos(self) -> Nanos {
        Nanos(self.0 >> 16)
    }
}

bitflags::bitflags! {
    /// Flags of timePropertiesDS, as the second octet of flagField carries them (table 37).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct TimeFlags: u8 {
        /// The last minute of the day has 61 seconds.
        const LEAP_61 = 0x01;
        /// The last minute of the day has 59 seconds.
        const LEAP_59 = 0x02;
        /// currentUtcOffset is right.
        const UTC_OFFSET_VALID = 0x04;
        /// The time is TAI.
        const PTP_TIMESCALE = 0x08;
        /// The time is traceable to a primary reference.
        const TIME_TRACEABLE = 0x10;
        /// The frequency is traceable to a primary reference.
        const FREQUENCY_TRACEABLE = 0x20;
        /// The time may be wrong just now (in Announce only; IEEE 1588-2019 clause 7.6.4.4).
        const SYNCHRONIZATION_UNCERTAIN = 0x40;
        /// Bits without a meaning here are kept as they are.
        const _ = !0;
    }
}

/// grandmasterClockQuality (`ClockQuality`, clause 5.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockQuality {
    /// clockClass: lower is better.
    pub class: tgm_core::ClockClass,
    /// clockAccuracy.
    pub accuracy: ClockAccuracy,
    /// offsetScaledLogVariance: 2^8 · log2 of the PTP variance in s², plus 0x8000; 0xffff: not computed.
    pub variance: u16,
}
