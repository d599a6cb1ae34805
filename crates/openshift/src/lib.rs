//! Configuration of the OpenShift PTP operator, read as it is: PtpConfig and PtpOperatorConfig, and the daemon's own file of profiles
//! (`/etc/linuxptp/<node>`, JSON, which is YAML too).
//!
//! [`File::read`] names every problem with line, column and what is allowed, rather than the first; [`File::of_node`] says which
//! profiles a node gets. What they mean for tgmd is the caller's. [`messages`] are what the newer daemon tells its publisher.
#![forbid(unsafe_code)]

mod choose;
mod e810;
mod fields;
mod file;
pub mod messages;
mod problem;
mod profile;
mod yaml;

pub use choose::{Match, Recommend};
pub use e810::{Connector, E810, Interconnection, Use};
pub use file::{File, config_map};
pub use problem::Problem;
pub use profile::{ClockType, Control, PROGRAMS, Profile, Program, Threshold};
