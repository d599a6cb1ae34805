//! Until when something that was seen is believed.

use tgm_time::{Mono, Nanos, Time};

/// The end of a belief, moved on by each sighting. Asking costs one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh(Time<Mono>);

impl Default for Fresh {
    fn default() -> Self {
        Fresh::NEVER
    }
}

impl Fresh {
    /// Never seen, or no longer believed.
    pub const NEVER: Fresh = Fresh(Time::from_nanos(i64::MIN));

    /// Seen at `at`, to be believed for less than `limit`.
    #[inline]
    pub fn at(at: Time<Mono>, limit: Nanos) -> Self {
        Fresh(at + limit)
    }

    /// True while it is believed.
    #[inline]
    pub fn holds(self, now: Time<Mono>) -> bool {
        now < self.0
    }

    /// True if it was never seen.
    #[inline]
    pub fn is_never(self) -> bool {
        self == Fresh::NEVER
    }

    /// The first moment at which it is no longer believed; long past if it was never seen.
    pub const fn end(self) -> Time<Mono> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_at_its_limit() {
        let fresh = Fresh::at(Time::from_parts(5, 0), Nanos::from_secs(3));
        assert!(fresh.holds(Time::from_parts(7, 999_999_999)));
        assert!(!fresh.holds(Time::from_parts(8, 0)));
        assert_eq!(fresh.end(), Time::from_parts(8, 0));
        assert!(!fresh.is_never());
    }

    #[test]
    fn what_was_never_seen_is_not_believed_at_any_time() {
        assert!(!Fresh::NEVER.holds(Time::from_nanos(i64::MIN)));
        assert!(Fresh::default().is_never());
    }
}
