//! What delivery has done so far, as counters that tasks share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::resource::Resource;

/// Upper bounds of the latency histogram's buckets, in seconds; one more bucket holds the rest.
pub const BOUNDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 1.0, 5.0, 60.0,
];

/// Shared counters.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) events: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) initial_failed: AtomicU64,
    /// POSTs taken and not, by resource.
    attempts: [[AtomicU64; 2]; Resource::COUNT],
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Counters {
    /// Counts `n` of one kind.
    pub(crate) fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Relaxed);
    }

    /// Counts one attempt to deliver an event of this resource.
    pub(crate) fn attempted(&self, resource: Resource, taken: bool) {
        Self::add(if taken { &self.delivered } else { &self.failed }, 1);
        if let Some([delivered, failed]) = self.attempts.get(resource.index()) {
            Self::add(if taken { delivered } else { failed }, 1);
        }
    }

    /// Counts one change that reached a consumer this long after it happened.
    pub(crate) fn took(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.nanos
            .fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn read(&self, live: Live, changes: [u64; Resource::COUNT]) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        Stats {
            events: get(&self.events),
            delivered: get(&self.delivered),
            failed: get(&self.failed),
            coalesced: get(&self.coalesced),
            initial_failed: get(&self.initial_failed),
            buckets: std::array::from_fn(|at| self.buckets.get(at).map_or(0, get)),
            seconds: Duration::from_nanos(get(&self.nanos)).as_secs_f64(),
            attempts: std::array::from_fn(|at| {
                let of = self.attempts.get(at);
                of.map_or([0; 2], |[delivered, failed]| [get(delivered), get(failed)])
            }),
            changes,
            live,
        }
    }
}

/// What is true right now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Live {
    /// Subscriptions.
    pub subscriptions: usize,
    /// Endpoints they lead to.
    pub subscribers: usize,
    /// Endpoints that have failed for so long that only their latest states are kept.
    pub suspended: usize,
    /// Events that wait, over all endpoints.
    pub queued: usize,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
}

/// One reading of everything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Events encoded for delivery.
    pub events: u64,
    /// POSTs that a consumer answered with 2xx.
    pub delivered: u64,
    /// Attempts that were not.
    pub failed: u64,
    /// Events that a newer one of the same resource made superfluous before they were delivered.
    pub coalesced: u64,
    /// Subscriptions refused because their initial notification failed.
    pub initial_failed: u64,
    /// Changes by the time from occurrence to the consumer's answer; not cumulative, bounded by [`BOUNDS`], the last unbounded.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// Sum of those times, in seconds.
    pub seconds: f64,
    /// POSTs that were taken and that were not, by [`Resource::index`].
    pub attempts: [[u64; 2]; Resource::COUNT],
    /// Changes, by [`Resource::index`].
    pub changes: [u64; Resource::COUNT],
    /// What is true right now.
    pub live: Live,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_one_bucket() {
        let counters = Counters::default();
        counters.took(Duration::from_micros(100));
        counters.took(Duration::from_micros(101));
        counters.took(Duration::from_secs(3600));
        let stats = counters.read(Live::default(), [0; Resource::COUNT]);
        assert_eq!(stats.buckets[..2], [1, 1]);
        assert_eq!(stats.buckets[BOUNDS.len()], 1);
        assert!((stats.seconds - 3_600.000_201).abs() < 1e-9);
    }
}
