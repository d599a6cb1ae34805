//! What is counted of an outlet.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has become of one outlet so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutCounts {
    /// It is connected.
    pub connected: bool,
    /// Lines or messages written.
    pub written: u64,
    /// Connections made.
    pub connections: u64,
    /// Connections that failed or ended.
    pub failures: u64,
    /// Times everything was told.
    pub replays: u64,
    /// Times the proxy read too slowly, and was told the present instead of every change.
    pub fell_behind: u64,
    /// Changes that were not told, as they are simulated.
    pub withheld: u64,
}

/// A counter.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Reads.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
