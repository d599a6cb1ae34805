//! The present truth, as `Copy` values for the snapshot.

use tgm_time::{Mono, Nanos, Seconds, Time, Utc};

use crate::announce::{Announce, TgmState};
use crate::ids::{Instance, Port};
use crate::learn::Forecast;
use crate::status::{Antenna, ClockClass, ClockState, GnssState, InputQuality, Jamming, Spoofing};
use crate::synce::QualityLevel;

/// One card. The small fields lie together and in the order of the words in shared memory, so that a word is stored at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct CardView {
    /// Its leading interface.
    pub port: Port,
    /// The instance it belongs to.
    pub instance: Instance,
    /// Its T-GM state.
    pub state: TgmState,
    /// The receiver's usability for time, as LOCKED or FREERUN.
    pub gnss_clock: ClockState,
    /// The DPLLs together, as a clock state.
    pub dpll_clock: ClockState,
    /// Its signals are simulated.
    pub simulated: bool,
    /// A receiver is fed to it.
    pub has_gnss: bool,
    /// EEC lock status, −1…4.
    pub frequency: i8,
    /// PPS DPLL lock status, −1…4.
    pub phase: i8,
    /// A pulse is followed, 0/1.
    pub pps: i8,
    /// Time-bearing NMEA arrives, 0/1; −1 without a receiver.
    pub nmea: i8,
    /// Kind of fix, 0…5; −1 without a receiver.
    pub fix: i8,
    /// Satellites used.
    pub used: u8,
    /// Satellites seen.
    pub seen: u8,
    /// Losses of lock follow each other so fast that locking takes longer.
    pub flapping: bool,
    /// E5; `None` without a receiver.
    pub gnss_state: Option<GnssState>,
    /// Antenna.
    pub antenna: Antenna,
    /// Jamming.
    pub jamming: Jamming,
    /// Spoofing.
    pub spoofing: Spoofing,
    /// What is to be expected of a holdover, the present one or the next.
    pub forecast: Forecast,
    /// Since when it is in its T-GM state.
    pub since: Time<Mono>,
    /// Phase offset of the active input, while fresh.
    pub phase_offset: Option<Nanos>,
    /// PHC against the pulse, while fresh.
    pub phc_offset: Option<Nanos>,
    /// Modelled holdover offset, in a holdover.
    pub estimate: Option<Nanos>,
    /// Time accuracy of the receiver, while fresh.
    pub t_acc: Option<Nanos>,
    /// Clock bias of the receiver, while fresh.
    pub clock_bias: Option<Nanos>,
    /// UTC of the receiver's last epoch, while fresh.
    pub utc: Option<Time<Utc>>,
    /// TAI − UTC.
    pub utc_offset: Option<Seconds>,
    /// Bound of the time error when the holdover began, in a holdover.
    pub start_bound: Option<Nanos>,
    /// Uncertainty of the delay of antenna and cable, by configuration.
    pub cable: Nanos,
    /// Asymmetry of the ports, by configuration.
    pub phy: Nanos,
    /// How good the clock is that the EEC is seen to follow; unknown where the driver does not say (an E810).
    pub eec_quality: InputQuality,
}

/// One instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceView {
    /// Its id.
    pub instance: Instance,
    /// The interface its lock state is told for: the first card's.
    pub port: Port,
    /// E1; `None` while a relayed daemon has told nothing.
    pub lock_state: Option<ClockState>,
    /// E2; `None` while a relayed daemon has told nothing.
    pub class: Option<ClockClass>,
    /// The offset that goes with E1: PHC offset, or in a holdover the modelled one.
    pub offset: Option<Nanos>,
    /// What ptp4l should announce; `None` for a relayed instance.
    pub announce: Option<Announce>,
    /// SyncE beside it; `None` where there is none.
    pub synce: Option<SynceView>,
    /// Another daemon decides.
    pub relayed: bool,
}

/// SyncE of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynceView {
    /// Where it is told.
    pub port: Port,
    /// E6.
    pub state: ClockState,
    /// E7: the quality level that is sent; `None` while nobody has said.
    pub level: Option<QualityLevel>,
}

/// A receiver or a SyncE clock that another daemon tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldView {
    /// Whose.
    pub instance: Instance,
    /// Where it is told.
    pub port: Port,
    /// What was told.
    pub of: ToldOf,
}

/// What another daemon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldOf {
    /// Of a receiver.
    Receiver {
        /// E5.
        state: GnssState,
        /// Kind of fix, 0…5, where it is told.
        fix: Option<u8>,
        /// Offset that goes with it, where it is told.
        offset: Option<Nanos>,
    },
    /// Of a SyncE clock.
    Synce {
        /// E6; `None` while nobody has said.
        state: Option<ClockState>,
        /// E7; `None` while nobody has said.
        level: Option<QualityLevel>,
    },
}

/// The node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeView {
    /// `seq` of the last event, 0 before the first.
    pub seq: u64,
    /// When this view was true.
    pub at: Time<Mono>,
    /// Worst E1 over the instances; `None` while there is none.
    pub lock_state: Option<ClockState>,
    /// E3.
    pub os_clock: ClockState,
    /// System clock − PHC in UTC, while fresh.
    pub os_clock_offset: Option<Nanos>,
    /// E4.
    pub sync_state: ClockState,
    /// Something behind this is simulated.
    pub simulated: bool,
}

/// Names behind the small ids; the node interns them, whoever speaks to people looks them up.
pub trait Names {
    /// The interface's name, such as `ens1f0`; `unknown` for an id that nobody interned.
    fn port(&self, port: Port) -> &str;
    /// The configuration's name, such as `ts2phc.0.config`.
    fn instance(&self, instance: Instance) -> &str;
}

/// Everything that is true at one moment, lent to those who tell it: notifications, metrics, status.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// The node.
    pub node: NodeView,
    /// Its instances.
    pub instances: &'a [InstanceView],
    /// Their cards.
    pub cards: &'a [CardView],
    /// Receivers and SyncE clocks that another daemon tells of.
    pub told: &'a [ToldView],
    /// The names of all of them.
    pub names: &'a dyn Names,
}

impl core::fmt::Debug for Picture<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut out = f.debug_struct("Picture");
        out.field("node", &self.node)
            .field("instances", &self.instances)
            .field("cards", &self.cards)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
