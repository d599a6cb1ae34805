//! What the sidecar counts beside its deliveries.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tgm_ocloud::Resource;

/// Counters that its tasks share.
#[derive(Debug, Default)]
pub struct Counts {
    /// Events that came in, by resource.
    pub received: [AtomicU64; Resource::COUNT],
    /// What came in and was no event of this node.
    pub refused: AtomicU64,
    /// Questions for a state.
    pub asked: AtomicU64,
    /// Connections made to the publisher, for states.
    pub connections: Arc<AtomicU64>,
    /// Resources that the publisher keeps a subscription of for this sidecar.
    pub subscribed: AtomicU64,
}
