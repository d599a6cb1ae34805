//! One receiver, many programs: each reads the whole stream, and may write whole frames.
//!
//! /dev/gnssN has one queue for all its readers (drivers/gnss/core.c), so only tgmd reads it, and hands the bytes on: through pseudo
//! terminals, which ts2phc and gpsd take for a serial port, and through a UNIX stream socket.
//!
//! ```text
//!  hardware thread ── Tap ──► Service (a thread of its own) ──► readers: each its bounded queue
//!       (reads the device)        │  ▲                                │
//!                                 ▼  └── whole frames, if allowed ◄───┘
//!                         writes the device
//! ```
//!
//! A thread of its own, because writing to /dev/gnssN waits: the driver passes the bytes on over I²C, five at a time, before write()
//! comes back, and O_NONBLOCK changes nothing about that. The hardware thread's share is one send per read, which never waits and
//! allocates nothing; a service that hangs costs it a counter.
//!
//! A reader that is slower than the receiver loses whole frames, counted; nobody else notices.

mod cut;
mod device;
mod gate;
mod pty;
mod queue;
mod reader;
mod service;
mod socket;
mod tap;

pub use cut::Cutter;
pub use gate::{Gate, WritePolicy};
pub use queue::{Lost, Queue};
pub use service::{Service, ServiceConfig, ServiceError};
pub use tap::{Figures, Tap};
