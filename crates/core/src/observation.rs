//! What sources tell the core: small `Copy` values, each with the moment it was seen.

use tgm_time::{Femtos, Mono, Nanos, Seconds, Time, Utc};

use crate::ids::{Instance, Port};
use crate::leap::LeapWord;
use crate::process::Process;
use crate::status::{
    Antenna, ClockClass, ClockState, DpllKind, GnssFix, GnssState, InputQuality, Jamming, LockStatus, Spoofing,
};
use crate::synce::QualityLevel;
use crate::wire::OnWire;

/// One thing that one source saw at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// When the source saw it. Never ahead of the `now` it is handed over with.
    pub at: Time<Mono>,
    /// Whose it is.
    pub instance: Instance,
    /// The card's (leading) interface.
    pub port: Port,
    /// What was seen.
    pub what: Reading,
}

/// Where a DPLL reading comes from. A dump repeats what the driver cached and proves nothing about the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An answer to our question.
    Dump,
    /// The kernel spoke by itself.
    Notification,
}

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Lock status of a DPLL; `None` where the message carried none (which says nothing, least of all freerun).
    DpllLock {
        /// Which of the card's DPLLs.
        dpll: DpllKind,
        /// Its status.
        status: Option<LockStatus>,
        /// Asked or told.
        origin: Origin,
    },
    /// Phase offset of the active input on the PPS parent; negative: the pin is earlier than the DPLL.
    DpllPhase {
        /// The offset.
        offset: Femtos,
        /// Asked or told.
        origin: Origin,
    },
    /// Whether the PPS DPLL has an active input, that is: whether it follows a pulse.
    DpllInput {
        /// True while an input pin is the active one.
        active: bool,
        /// Asked or told.
        origin: Origin,
    },
    /// How good the clock is that the EEC follows (the kernel's `clock-quality-level`, or what ESMC says of the port it came from).
    /// It counts only while the EEC is seen to be locked.
    EecQuality {
        /// Its quality.
        quality: InputQuality,
        /// Asked or told.
        origin: Origin,
    },
    /// The DPLL was deleted (driver removed or reloaded), or its family is gone.
    DpllGone {
        /// Which of the card's DPLLs.
        dpll: DpllKind,
    },
    /// Nobody hears the DPLL: the family's socket failed. Whatever comes when it is heard again may be from the same driver.
    DpllUnheard {
        /// Which of the card's DPLLs.
        dpll: DpllKind,
    },
    /// The card's driver says in the kernel's log that it does not look at the card's DPLLs any more.
    DpllGivenUp,
    /// One epoch of the receiver.
    Gnss(GnssEpoch),
    /// A valid time-bearing NMEA sentence came.
    Nmea,
    /// The receiver was unplugged or its device cannot be read any more.
    GnssGone,
    /// An external timestamp of the PHC: the pulse came when the PHC showed `second` plus `offset`.
    Pulse {
        /// The full PHC second nearest to the pulse.
        second: i64,
        /// Distance of the PHC reading from that second, −0.5 s … +0.5 s.
        offset: Nanos,
    },
    /// The frequency of the oscillator itself while its clock is locked, where a card shows one: what the loop corrects, with its sign
    /// turned round. Positive: it runs fast.
    Oscillator {
        /// Against its nominal frequency, fs/s (1 ppb is a million).
        femtos_per_second: i64,
    },
    /// The temperature beside the oscillator.
    Temperature {
        /// In thousandths of a degree Celsius.
        millicelsius: i32,
    },
    /// The PHC against `CLOCK_REALTIME`.
    SystemClock {
        /// PHC − `CLOCK_REALTIME`; the UTC offset (37 s) is in it while the PHC shows TAI.
        offset: Nanos,
        /// Half the width of the measuring window.
        uncertainty: Nanos,
    },
    /// What phc2sys says of `CLOCK_REALTIME`, through the lines of another daemon. Counts only where no card is ours to measure by.
    SystemClockTold {
        /// System clock − its source, with the UTC offset taken out.
        offset: Nanos,
        /// Its servo follows.
        follows: bool,
    },
    /// The PHC's device is gone.
    PhcGone,
    /// What a ptp4l says of the clock that it follows, for an instance judged by `Tbc` or `Slave`; with each change, and each second.
    Upstream(Upstream),
    /// A program of the instance was seen to be up or down, by whoever supervises or watches it.
    Process {
        /// Which.
        process: Process,
        /// It runs.
        up: bool,
    },
    /// The quality level that SyncE is said to send, by whoever sends it (synce4l), for an instance; `None`: nobody sends one any more.
    SynceQuality {
        /// The level.
        level: Option<QualityLevel>,
    },
    /// What the port sends, as a witness beside it says; told with each change.
    Wire(OnWire),
    /// Another daemon's verdict, for an instance judged by `Relay`.
    Verdict {
        /// Its state, where the message told one.
        state: Option<ClockState>,
        /// Its clock class, where the message told one.
        class: Option<ClockClass>,
        /// The offset that it goes by, where the message told one.
        offset: Option<Nanos>,
    },
    /// Another daemon is heard of no more that nobody had named: the instance that its verdicts made goes.
    VerdictEnds,
    /// A receiver as another daemon says.
    ReceiverTold {
        /// Its state.
        state: GnssState,
        /// Kind of fix, 0…5, where the message told one.
        fix: Option<u8>,
        /// The offset, where the message told one.
        offset: Option<Nanos>,
    },
    /// A SyncE clock as another daemon says.
    SynceTold {
        /// Its state, where the message told one.
        state: Option<ClockState>,
        /// The level that is sent, where the message told one.
        level: Option<QualityLevel>,
    },
}

/// The clock that a ptp4l follows: its PORT_DATA_SETs, PARENT_DATA_SET, TIME_STATUS_NP and TIME_PROPERTIES_DATA_SET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream {
    /// A port is in SLAVE.
    pub followed: bool,
    /// grandmasterClockQuality.clockClass.
    pub class: ClockClass,
    /// master_offset, while a port follows.
    pub offset: Option<Nanos>,
    /// currentUtcOffset, while a port follows a clock that calls it valid.
    pub utc_offset: Option<Seconds>,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream {
            followed: false,
            class: crate::announce::FREE_RUN,
            offset: None,
            utc_offset: None,
        }
    }
}

/// What a receiver said about one epoch. `None` and `Unknown`: this receiver never said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct GnssEpoch {
    /// UTC of the epoch, week roll-over corrected; `None` while the receiver has no valid or plausible time.
    pub utc: Option<Time<Utc>>,
    /// Time accuracy estimate (tAcc).
    pub t_acc: Option<Nanos>,
    /// Clock bias (NAV-CLOCK clkB).
    pub clock_bias: Option<Nanos>,
    /// Drift of the receiver's own crystal (NAV-CLOCK clkD), per second.
    pub clock_drift: Option<Nanos>,
    /// GPS − UTC, only from a source the receiver trusts.
    pub leap: Option<Seconds>,
    /// A position was configured or surveyed and is held: a 2D or missing position is then no fault.
    pub fixed_position: bool,
    /// The receiver says that its signals are simulated.
    pub simulated: bool,
    /// The receiver's own word that the fix is within its masks (gpsFixOk).
    pub fix_ok: Option<bool>,
    /// Kind of fix.
    pub fix: GnssFix,
    /// Antenna.
    pub antenna: Antenna,
    /// Jamming.
    pub jamming: Jamming,
    /// Spoofing.
    pub spoofing: Spoofing,
    /// What all this is in O-RAN's words, as far as the receiver alone can tell.
    pub state: GnssState,
    /// Satellites used in the solution.
    pub used: u8,
    /// Satellites seen.
    pub seen: u8,
    /// It is farther from its fixed position than it may be: signals that move an antenna that does not move.
    pub adrift: bool,
    /// What it says of leap seconds to come, only from a source the receiver trusts.
    pub leap_word: LeapWord,
}

impl GnssEpoch {
    /// True if both say the same in what the judges look at, apart from times and their accuracy.
    #[inline]
    pub(crate) fn judged_as(&self, other: &Self) -> bool {
        self.judged() == other.judged()
    }

    /// All of that as one number; the fields lie in this order, so it takes one load.
    #[inline]
    fn judged(&self) -> u64 {
        u64::from_ne_bytes([
            u8::from(self.fixed_position),
            u8::from(self.simulated),
            self.fix_ok.map_or(2, u8::from),
            self.fix as u8,
            self.antenna as u8,
            self.jamming as u8,
            self.spoofing as u8,
            self.state as u8,
        ])
    }
}
