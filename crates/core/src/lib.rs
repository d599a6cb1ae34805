//! The T-GM event core: observations in, events and desired state out.
//!
//! * [`Observation`] says what a source saw, and when; [`Core::step`] takes it with the present [`Now`] and hands [`Event`]s to the
//!   caller; [`Core::deadline`] says when to call [`Core::tick`] although nothing came.
//! * The core has no clock, does no I/O, allocates nothing and cannot panic: a recorded run replays to the same events.
//! * Everything is keyed by [`Instance`] (one per ptp4l/ts2phc configuration) and [`Port`] (an interned interface).
//! * An instance is judged by `Tgm` (from its cards' hardware), by `Tbc` or `Slave` (from its upstream and its cards' DPLLs) or by
//!   `Relay` (another daemon's verdict); see [`config::Judge`].
//!
//! Follow the data: [`observation`] → `gnss`, `dpll`, `limit`, `tod` (one judge per input) → `card` (the T-GM state machine) →
//! `node` (worst of cards, OS clock, edges) → [`event`], [`view`] and [`desired`].
#![no_std]
#![forbid(unsafe_code)]

mod alias;
pub mod announce;
mod bound;
mod boundary;
mod card;
pub mod checkpoint;
pub mod config;
pub mod desired;
mod dpll;
pub mod event;
pub mod fnv;
mod fresh;
mod gnss;
pub mod holdover;
pub mod ids;
pub mod leap;
pub mod learn;
mod limit;
mod node;
pub mod observation;
mod osclock;
mod physics;
pub mod process;
mod relay;
mod soonest;
pub mod status;
pub mod synce;
mod tod;
pub mod view;
mod walk;
pub mod wire;

pub use alias::Alias;
pub use announce::{Announce, TgmState};
pub use bound::TeBound;
pub use checkpoint::{BoundaryMark, Checkpoint, Refusal, Will};
pub use config::Config;
pub use desired::{Desired, GnssPin};
pub use event::{Cause, Event, EventKind, TimeSource};
pub use ids::{Instance, Port};
pub use learn::{Forecast, History};
pub use node::{Core, MAX_TOLD, Now};
pub use observation::{GnssEpoch, Observation, Origin, Reading, Upstream};
pub use process::Process;
pub use status::{
    Antenna, ClockClass, ClockState, DpllKind, GnssFix, GnssState, InputQuality, Jamming, LockStatus, Spoofing,
};
pub use view::{CardView, InstanceView, Names, NodeView, Picture, SynceView, ToldOf, ToldView};
pub use wire::OnWire;
