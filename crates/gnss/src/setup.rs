//! Receiver set-up over UBX: what a plan wants, sent command by command, each answer told.
//!
//! A [`SetUp`] does no input or output and reads no clock: it is given the receiver's frames and the time, and hands out the frames to
//! send. It first asks for the version (MON-VER), because that decides how everything else is said: from protocol 27 on (generation
//! 9) by key and value (CFG-VALSET), before by one message per subject, read from the receiver, changed and written back. Every
//! command ends in a [`Report`]: acknowledged, refused, unanswered, or not possible on this receiver. Nothing else is ever sent.
//!
//! Layouts and keys: u-blox interface descriptions, protocol versions 13 to 29. Runs on a thread of its own, and allocates.

mod change;
mod command;
pub mod encode;
mod exchange;
pub mod keys;
mod machine;
mod plan;
mod position;
mod raw;
mod report;
mod version;
mod watch;

pub use command::{Antenna, Command, Constellations, TimeMode};
pub use machine::SetUp;
pub use plan::{Layers, Plan, Watch};
pub use position::{Position, PositionError};
pub use raw::{Raw, RawError};
pub use report::{Outcome, Report, Tally};
pub use version::{Generation, Version};
