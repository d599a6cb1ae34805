//! Two cards in one machine: which is which, and a real ptp4l from one to the other.
//!
//! Run inside a machine with `--param cards=2` (see the crate's README); elsewhere each test says SKIPPED.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // tests: stop where it breaks

mod apart;
mod ptp;

use std::time::{Duration, Instant};

/// Longer than anything here takes, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits for what a test asserts.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
