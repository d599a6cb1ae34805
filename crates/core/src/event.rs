//! What the core tells the world: edges only, each once, in order.

use tgm_time::{Mono, Nanos, Time, Utc};

use crate::ids::{Instance, Port};
use crate::leap::LeapNotice;
use crate::status::{ClockState, GnssState};
use crate::wire::OnWire;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)+ }

        impl $name {
            /// The word in logs and JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Back from the number in the ring; `None` for any other.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

numbered! {
    /// What changed. The comment names the O-RAN event where there is one; the value is what `old` and `new` hold.
    EventKind {
        /// E1: lock state of an instance. [`crate::ClockState`] number.
        LockState = 1, "lock-state";
        /// E2: clock class of an instance.
        ClockClass = 2, "clock-class";
        /// E3: state of the operating system's clock. [`crate::ClockState`] number.
        OsClockState = 3, "os-clock-sync-state";
        /// E4: worst of E1 and E3. [`crate::ClockState`] number.
        SyncState = 4, "sync-state";
        /// E5: the receiver. [`crate::GnssState`] number.
        GnssState = 5, "gnss-sync-status";
        /// Kind of fix, 0…5.
        GnssFix = 6, "gnss-status";
        /// EEC lock status, −1…4.
        Frequency = 7, "frequency-status";
        /// PPS DPLL lock status, −1…4.
        Phase = 8, "phase-status";
        /// A pulse is followed, 0/1.
        Pps = 9, "pps-status";
        /// Time-bearing NMEA arrives, 0/1.
        Nmea = 10, "nmea-status";
        /// Class and state of a relayed daemon contradict each other, 0/1.
        Mismatch = 11, "verdict-mismatch";
        /// A card loses lock so often that locking takes longer, 0/1.
        Flapping = 12, "flapping";
        /// A follower is worse than its leader and left the worst-of; its own ports announce Free-Run, 0/1.
        Isolated = 13, "isolated";
        /// The GNSS input of a card whose pins are ours is desired attached, 0/1.
        GnssPin = 14, "gnss-pin";
        /// Processes of an instance that are down beyond their thresholds: the sum of [`crate::Process::bit`]s, 0 for none.
        ProcessesDown = 15, "processes-down";
        /// What a port sends against what is meant. [`OnWire`] number.
        Wire = 16, "on-wire";
        /// What is announced of a leap second to come. [`LeapNotice`] number.
        Leap = 17, "leap-second";
        /// E6: SyncE of an instance. [`crate::ClockState`] number.
        SynceState = 18, "synce-lock-state";
        /// E7: the quality level that SyncE sends: [`crate::synce::QualityLevel::value`].
        SynceQuality = 19, "synce-clock-quality";
    }
}

numbered! {
    /// Why it changed.
    Cause {
        /// The node starts (transition T1).
        Start = 0, "start";
        /// The source itself reported the new value.
        Reported = 1, "reported";
        /// A source fell silent: the value is what silence implies, not what anybody said.
        Stale = 2, "stale";
        /// All inputs have been good for long enough (T2, T5, T8).
        AllLocked = 3, "all-locked";
        /// The DPLL reports holdover (T3a).
        DpllHoldover = 4, "dpll-holdover";
        /// The DPLL cannot be observed any more, or the PHC that it clocks (T3b).
        Unobserved = 5, "unobserved";
        /// The DPLL runs free (T4a, T7, T9).
        DpllFreerun = 6, "dpll-freerun";
        /// The PHC is off its reference (T4a, T7, T9).
        PhcOffset = 7, "phc-offset";
        /// The DPLL's phase offset is beyond its limit, or walks towards it faster than an oscillator can (T4a).
        PhaseOffset = 8, "phase-offset";
        /// The PHC's second is not the receiver's (T4a, T7, T9).
        TimeOfDay = 9, "time-of-day";
        /// The receiver's signal is jammed or spoofed (L3).
        GnssUntrusted = 10, "gnss-untrusted";
        /// GNSS is lost and the DPLL went on following its pulse (L3).
        GnssLost = 11, "gnss-lost";
        /// The PHC on its own crystal cannot be seen any more (T4c).
        PhcUnseen = 12, "phc-unseen";
        /// The holdover's estimated offset crossed its limit (T6, T7, T9).
        HoldoverOffset = 13, "holdover-offset";
        /// The holdover lasted too long (T6).
        HoldoverTimeout = 14, "holdover-timeout";
        /// Worst of what it is made of.
        Composite = 15, "composite";
        /// The device or driver is gone.
        Gone = 16, "gone";
        /// The EEC is not seen any more to follow a clock that a class out of specification could be had from (T9).
        EecLost = 17, "eec-lost";
        /// A process has been down for too long.
        ProcessDown = 18, "process-down";
        /// The card goes into holdover on purpose, to learn how it does.
        HoldoverDrill = 19, "holdover-drill";
        /// The pulse moves in a way that no oscillator can, whatever its receiver says (L3).
        PulseWalk = 20, "pulse-walk";
        /// No port follows the upstream any more.
        UpstreamLost = 21, "upstream-lost";
        /// A state of the node process before this one goes on (T0).
        Adopted = 32, "adopted";
        /// A state of the node process before this one was on probation, and turned out not to be had any more (T1).
        NotAdopted = 33, "not-adopted";
        /// Nobody saw for a while whether the reference was followed: no node process ran.
        Unwatched = 34, "unwatched";
    }
}

numbered! {
    /// Which clock stamped an event.
    TimeSource {
        /// `CLOCK_REALTIME`.
        SystemClock = 0, "system";
        /// The PHC, which showed TAI within limits, less the known UTC offset.
        Phc = 1, "phc";
    }
}

impl EventKind {
    /// Those that are statuses of a card, in the order in which they are told.
    pub(crate) const OF_CARD: [EventKind; 8] = [
        EventKind::GnssState,
        EventKind::GnssFix,
        EventKind::Nmea,
        EventKind::Pps,
        EventKind::Phase,
        EventKind::Frequency,
        EventKind::Flapping,
        EventKind::GnssPin,
    ];

    /// The word for a value of this kind, where its values have words.
    pub fn word(self, value: i64) -> Option<&'static str> {
        let number = u8::try_from(value).ok()?;
        match self {
            EventKind::LockState | EventKind::OsClockState | EventKind::SyncState | EventKind::SynceState => {
                ClockState::from_metric(number).map(ClockState::name)
            }
            EventKind::GnssState => GnssState::from_number(number).map(GnssState::name),
            EventKind::Leap => LeapNotice::from_number(number).map(LeapNotice::name),
            EventKind::Wire => OnWire::from_number(number).map(OnWire::name),
            _ => None,
        }
    }
}

/// One edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Counts events of this node process from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Time<Mono>,
    /// When it happened, on the clock that `time_source` names.
    pub time: Time<Utc>,
    /// Which clock that was.
    pub time_source: TimeSource,
    /// What changed.
    pub kind: EventKind,
    /// Why.
    pub cause: Cause,
    /// Whose.
    pub instance: Instance,
    /// Where; [`Port::NODE`] for the node's own.
    pub port: Port,
    /// The value before; [`Event::NONE`] where there was none.
    pub old: i64,
    /// The value now.
    pub new: i64,
    /// The offset that goes with it (E1: PHC offset or modelled holdover offset; E3: OS clock offset; E5: tAcc), if known.
    pub offset: Option<Nanos>,
    /// The signal or the clock behind it is simulated.
    pub simulated: bool,
}

impl Event {
    /// `old` of a first value.
    pub const NONE: i64 = i64::MIN;
}
