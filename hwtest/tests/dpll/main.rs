//! The dpll client against a real kernel: every command, agreement with iproute2's `dpll` at the same moment, changes read back,
//! notifications, floods, a driver reload, an unprivileged user and another network namespace.
//!
//! Run inside a machine with a card (see the crate's README); elsewhere each test says SKIPPED.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

mod change;
mod child;
mod iproute2;
mod listen;
mod lookup;
mod speed;
mod stage;
