//! What a node process leaves behind for the next one, and for a guardian that finds it dead (requirements 7).
//!
//! A [`Checkpoint`] is taken by [`crate::Core::checkpoint`] and taken up by [`crate::Core::restore`] (T0). It says what each card's
//! state was and what was last seen of each input, with its own moment, so that the successor's judges go on where these ended; of a
//! clock that follows another it says how that stood.
//! A [`Will`] says what is to be announced by somebody who sees nothing but that its writer is gone.

use tgm_time::{Femtos, Mono, Nanos, Seconds, Time};

use crate::announce::{Announce, TgmState};
use crate::event::Cause;
use crate::ids::{Instance, MAX_CARDS, MAX_INSTANCES, Port};
use crate::leap::LeapMark;
use crate::observation::GnssEpoch;
use crate::status::{ClockClass, LockStatus};

/// Losses of Locked that are remembered.
pub const LOSSES: usize = 8;
/// A checkpoint older than this is not adopted, unless configured otherwise (`adopt_max_age`).
pub const ADOPT_MAX_AGE: Nanos = Nanos::from_secs(10);
/// A node whose heartbeat stops for this long is dead, or as good as dead.
pub const DEAD_AFTER: Nanos = Nanos::from_secs(2);
/// Longest time for which an adopted state stands that nothing has confirmed.
pub(crate) const PROBATION: Nanos = Nanos::from_secs(3);
/// Good samples that make an adopted Locked a Locked.
pub(crate) const SAMPLES: u16 = 3;

/// A holdover in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldoverMark {
    /// When it started.
    pub since: Time<Mono>,
    /// T0: the offset it started with; zero in the default model.
    pub start: Nanos,
}

/// One card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardMark {
    /// The instance it belongs to.
    pub instance: Instance,
    /// Its leading interface.
    pub port: Port,
    /// Its state.
    pub state: TgmState,
    /// Since when.
    pub since: Time<Mono>,
    /// Its holdover, in one.
    pub holdover: Option<HoldoverMark>,
    /// Lock status of the EEC; `None` where there is none or nobody knows.
    pub eec: Option<LockStatus>,
    /// Lock status of the PPS DPLL.
    pub pps: Option<LockStatus>,
    /// When it lost Locked, the latest first.
    pub losses: [Option<Time<Mono>>; LOSSES],
    /// Why its GNSS input is desired detached.
    pub detached: Option<Cause>,
    /// The receiver's last epoch.
    pub epoch: Option<(Time<Mono>, GnssEpoch)>,
    /// The last pulse: the PHC's second and the offset from it.
    pub pulse: Option<(Time<Mono>, i64, Nanos)>,
    /// PHC and receiver agreed on the second.
    pub agreed: bool,
    /// The last phase offset that the kernel told by itself.
    pub phase: Option<(Time<Mono>, Femtos)>,
    /// Its driver does not look at the DPLLs any more, and still answers from its cache.
    pub given_up: bool,
    /// It did so after the DPLL had told its holdover behind a detached pin.
    pub apart: bool,
}

/// A clock that follows another: a T-BC or T-TSC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundaryMark {
    /// The instance.
    pub instance: Instance,
    /// Its state.
    pub state: TgmState,
    /// When its holdover started, in one.
    pub since: Option<Time<Mono>>,
    /// The upstream's class, as last told.
    pub class: ClockClass,
    /// TAI − UTC, as an upstream last told it.
    pub utc_offset: Option<Seconds>,
    /// The worst of its cards' DPLLs, by phase, as a lock status; `None` where there is none or nobody knows.
    pub dpll: Option<LockStatus>,
}

impl BoundaryMark {
    /// What its ptp4l was left announcing for when it follows nobody.
    pub fn left(&self) -> ClockClass {
        Announce::of_boundary(self.state, None).class
    }
}

/// What an instance announces after its node's death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will {
    /// Whose it is.
    pub instance: Instance,
    /// What was announced.
    pub announced: Announce,
    /// Every card's receiver and DPLLs were well: what was announced may stand for a while although nobody looks.
    pub healthy: bool,
    /// Holdover-In-Spec.
    pub in_spec: Announce,
    /// Up to when.
    pub in_spec_until: Time<Mono>,
    /// What follows; Free-Run where no class is eligible that needs no looking.
    pub out_of_spec: Announce,
    /// Up to when.
    pub out_of_spec_until: Time<Mono>,
    /// Free-Run, what remains.
    pub end: Announce,
}

impl Will {
    /// What is to be announced at `now` if the writer's last heartbeat came at `heartbeat`; `None`: what is announced stands, because
    /// the writer may live or be back in time.
    pub fn due(&self, heartbeat: Time<Mono>, now: Time<Mono>, adopt_max_age: Nanos) -> Option<Announce> {
        let silent = now.since(heartbeat);
        Some(match () {
            () if silent < DEAD_AFTER => return None,
            () if !self.healthy => self.end,
            () if silent < adopt_max_age => return None,
            () if now < self.in_spec_until => self.in_spec,
            () if now < self.out_of_spec_until => self.out_of_spec,
            () => self.end,
        })
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was taken.
    pub at: Time<Mono>,
    /// A leap second that is coming or not counted yet.
    pub leap: Option<LeapMark>,
    /// The cards, in the order of the configuration.
    pub cards: [Option<CardMark>; MAX_CARDS],
    /// The instances that this core judges, in the same order.
    pub wills: [Option<Will>; MAX_INSTANCES],
    /// The instances that follow another clock, in the same order.
    pub boundaries: [Option<BoundaryMark>; MAX_INSTANCES],
}

impl Default for Checkpoint {
    fn default() -> Self {
        Checkpoint {
            at: Time::ZERO,
            leap: None,
            cards: [None; MAX_CARDS],
            wills: [None; MAX_INSTANCES],
            boundaries: [None; MAX_INSTANCES],
        }
    }
}

/// Why a checkpoint was not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is older than allowed.
    TooOld(Nanos),
    /// It was taken after now: its clock is not ours.
    FromTheFuture,
    /// Its cards are not those of the configuration.
    OtherCards,
    /// No card, and no clock that follows another, was in a state worth going on with.
    NothingToKeep,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Refusal::TooOld(age) => write!(f, "it is {} ms old", age.0 / 1_000_000),
            Refusal::FromTheFuture => f.write_str("it is from the future"),
            Refusal::OtherCards => f.write_str("its cards are not those of the configuration"),
            Refusal::NothingToKeep => f.write_str("everything was in Free-Run"),
        }
    }
}
