//! The configuration file: TOML, every key optional, unknown keys refused with line and column.

mod check;
mod file;
mod process;
mod receiver;

pub use check::check;
pub use file::{AnnounceMode, Card, Config, Devices, Instance, Leap, OutOfSpecClass, Ptp4l, Stop, read};
pub use process::{Process, Rules, Who};
