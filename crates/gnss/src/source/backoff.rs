//! When to try again.

use tgm_time::{Mono, Nanos, Time};

/// First wait.
const FIRST: Nanos = Nanos::from_millis(100);
/// Longest wait.
const LONGEST: Nanos = Nanos::from_secs(5);

/// Waits that double from 100 ms to 5 s. The clock is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    wait: Nanos,
    next: Option<Time<Mono>>,
}

impl Backoff {
    /// The moment of the next try; `None`: at once.
    pub const fn next(&self) -> Option<Time<Mono>> {
        self.next
    }

    /// It is time to try.
    pub fn is_due(&self, now: Time<Mono>) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// A try failed at `now`.
    pub fn failed(&mut self, now: Time<Mono>) {
        self.wait = (self.wait + self.wait).clamp(FIRST, LONGEST);
        self.next = Some(now + self.wait);
    }

    /// Data came: the next failure starts over.
    pub fn succeeded(&mut self) {
        *self = Backoff::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let mut now = Time::ZERO;
        assert!(backoff.is_due(now));
        let waits: Vec<i64> = (0..8)
            .map(|_| {
                backoff.failed(now);
                let next = backoff.next().unwrap();
                assert!(!backoff.is_due(now) && backoff.is_due(next));
                let wait = next - now;
                now = next;
                wait.0 / 1_000_000
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.succeeded();
        assert!(backoff.is_due(now));
    }
}
