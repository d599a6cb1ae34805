//! Faults that last, under tgmd's own hardware thread: what the card's state, the counters and the thread itself make of a noisy pulse, one
//! that walks away, a leap second, a receiver that talks nonsense, and devices that may not be opened any more.
//!
//! Run inside a machine with a card (see the crate's README); elsewhere each test says SKIPPED.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

mod leap;
mod node;
mod nonsense;
mod permission;
mod pulse;
mod reload;
