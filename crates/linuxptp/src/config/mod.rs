//! Configuration files of linuxptp's programs (ptp4l(8), ts2phc(8), phc2sys(8)): read, judged against a profile, and written.
//!
//! * [`ConfigFile::parse`] reads a file as `config.c` of linuxptp does: sections in brackets, one option and its value per line.
//! * [`findings`] names every parameter of a ptp4l that its profile or safety forbids, before anything is started.
//! * [`complete`] puts in what a profile wants and nobody said; what somebody said stands, so that it is found and named.

mod file;
mod profile;

pub use file::{ConfigError, ConfigErrorKind, ConfigFile, Entry, Section};
pub use profile::{Dialect, Finding, Kind, Profile, complete, findings, ports, serving};
