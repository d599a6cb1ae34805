//! The dpll client against a real kernel: every command, agreement with iproute2's `dpll` at the same moment, changes read back,
//! notifications, floods, a driver reload, an unprivileged user and another network namespace.
//!
//! Run inside a machine with a card (see the crate's README); elsewhere each test says SKIPPED.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

#[path = "dpll/change.rs"]
mod change;
#[path = "dpll/child.rs"]
mod child;
#[path = "dpll/effect.rs"]
mod effect;
#[path = "dpll/extras.rs"]
mod extras;
#[path = "dpll/iproute2.rs"]
mod iproute2;
#[path = "dpll/listen.rs"]
mod listen;
#[path = "dpll/lookup.rs"]
mod lookup;
#[path = "dpll/speed.rs"]
mod speed;
#[path = "dpll/stage.rs"]
mod stage;

#[global_allocator]
static ALLOCATOR: tgm_sys::count::Counting = tgm_sys::count::Counting;
