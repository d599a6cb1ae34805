//! The default holdover model: the offset grows linearly, as the settings say (requirements 4).
//!
//! `LocalMaxHoldoverOffSet / LocalHoldoverTimeout` is the slope (1500 ns / 14400 s = 0.104 ns/s). Moments at which a limit is
//! crossed are exact to the nanosecond; no floating point is involved.

use tgm_time::{Mono, Nanos, Time};

use crate::config::Limits;

/// A holdover in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdover {
    /// When it started: the last proof that the reference was followed.
    pub since: Time<Mono>,
}

impl Holdover {
    /// Modelled offset at `now`, rounded to the nearest nanosecond.
    pub fn estimate(&self, limits: &Limits, now: Time<Mono>) -> Nanos {
        let timeout = i128::from(limits.holdover_timeout.0.max(1));
        let grown = i128::from(limits.max_holdover.0) * i128::from(now.since(self.since).0);
        Nanos(i64::try_from((grown + timeout / 2) / timeout).unwrap_or(i64::MAX))
    }

    /// The moment from which the modelled offset exceeds `limit`; `None` if it never does.
    pub fn exceeds_at(&self, limits: &Limits, limit: Nanos) -> Option<Time<Mono>> {
        if limits.max_holdover.0 <= 0 {
            return None;
        }
        let needed = i128::from(limit.0.max(0)) * i128::from(limits.holdover_timeout.0.max(1));
        let after = needed / i128::from(limits.max_holdover.0);
        Some(self.since + Nanos(i64::try_from(after).unwrap_or(i64::MAX)))
    }

    /// The moment at which the time in specification is used up.
    pub fn times_out_at(&self, limits: &Limits) -> Time<Mono> {
        self.since + limits.holdover_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max_holdover: i64, timeout_s: i64) -> Limits {
        Limits {
            max_holdover: Nanos(max_holdover),
            holdover_timeout: Nanos::from_secs(timeout_s),
            ..Limits::default()
        }
    }

    #[test]
    fn the_default_slope_reaches_1500_ns_after_four_hours() {
        let holdover = Holdover { since: Time::ZERO };
        let limits = limits(1_500, 14_400);
        assert_eq!(holdover.estimate(&limits, Time::from_parts(7_200, 0)), Nanos(750));
        assert_eq!(
            holdover.exceeds_at(&limits, Nanos(1_500)),
            Some(Time::from_parts(14_400, 0))
        );
    }

    #[test]
    fn a_limit_of_100_ns_is_reached_after_960_s_exactly() {
        let holdover = Holdover {
            since: Time::from_parts(10, 0),
        };
        assert_eq!(
            holdover.exceeds_at(&limits(1_500, 14_400), Nanos(100)),
            Some(Time::from_parts(970, 0))
        );
    }

    #[test]
    fn a_clock_that_does_not_drift_never_exceeds() {
        assert_eq!(
            Holdover { since: Time::ZERO }.exceeds_at(&limits(0, 14_400), Nanos(1)),
            None
        );
    }

    #[test]
    fn extreme_settings_do_not_overflow() {
        let holdover = Holdover {
            since: Time::from_nanos(i64::MIN),
        };
        let limits = limits(i64::MAX, 1);
        assert_eq!(holdover.estimate(&limits, Time::from_nanos(i64::MAX)), Nanos(i64::MAX));
    }
}
