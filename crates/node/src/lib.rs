//! The hardware thread: one epoll loop from sources through the core to shared memory.
#![forbid(unsafe_code)]

pub mod bell;
pub mod checkpoint;
pub mod clock;
mod devices;
pub mod finder;
pub mod handover;
mod hardware;
pub mod histories;
pub mod kernel_log;
mod outbox;
pub mod pins;
pub mod processes;
pub mod ptp4l;
pub mod shared;
pub mod shut;
pub mod sources;
pub mod synce;
pub mod upstream;
pub mod verdicts;
pub mod wire;

pub use hardware::{Hardware, Turn};
