//! What is counted, and what is known of both sides.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// Shared by the tasks.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events that the publisher delivered.
    pub heard: AtomicU64,
    /// What was delivered and is no event.
    pub refused: AtomicU64,
    /// States that no event told, found by asking.
    pub found: AtomicU64,
    /// Messages that JetStream stored.
    pub stored: AtomicU64,
    /// Messages that it had stored already.
    pub duplicates: AtomicU64,
    /// Tries that were not acknowledged.
    pub failed: AtomicU64,
    /// Connections to the broker.
    pub connections: AtomicU64,
    /// The broker is connected.
    pub connected: AtomicBool,
    /// The streams are there, and the last try was acknowledged.
    pub stores: AtomicBool,
    /// The publisher confirms the states.
    pub node_heard: AtomicBool,
    /// Any state heard last is simulated.
    pub simulated: AtomicBool,
}
