//! Does the pulse walk away faster than an oscillator can? A spoofer drags the pulse, the DPLL lags behind, and its phase offset
//! grows steadily from about zero long before it reaches its limit: by then the true error would have grown too.
//!
//! Judged is how far Φ moved away from zero since eight to sixteen seconds ago, against half the limit, three samples in a row.
//! Pulling in, which shrinks it, is no walk. A walk so slow that the loop follows with less lag is not seen by this.

use tgm_time::{Mono, Nanos, Time};

use crate::fresh::Fresh;
use crate::limit::OffsetJudge;

/// How long a Φ stands before it becomes the one that is looked back at.
const STRIDE: Nanos = Nanos::from_secs(8);

/// The phase offset in lock, now and some seconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walk {
    /// Φ eight to sixteen seconds ago, or the first since lock.
    older: Nanos,
    newer: Nanos,
    /// Until when both stand.
    stands: Fresh,
    judge: OffsetJudge,
}

impl Walk {
    /// Takes Φ at `at`.
    #[inline]
    pub fn sample(&mut self, at: Time<Mono>, phi: Nanos, limit: Nanos) {
        if !self.stands.holds(at) {
            self.older = if self.stands.is_never() { phi } else { self.newer };
            self.newer = phi;
            self.stands = Fresh::at(at, STRIDE);
        }
        let grew = phi.abs() > self.older.abs();
        let moved = if grew {
            Nanos(phi.0.saturating_sub(self.older.0))
        } else {
            Nanos::ZERO
        };
        self.judge.sample(moved, Nanos(limit.0 / 2));
    }

    /// True once it walked too far, three samples in a row.
    pub const fn is_out(&self) -> bool {
        self.judge.is_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Φ as `phi` says, once a second from 0; the second at which it is out.
    fn out_at(phi: impl Fn(i64) -> i64) -> Option<i64> {
        let mut walk = Walk::default();
        (0..600).find(|s| {
            walk.sample(Time::from_parts(*s, 0), Nanos(phi(*s)), Nanos(100));
            walk.is_out()
        })
    }

    #[test]
    fn a_lag_that_grows_by_half_the_limit_in_eight_seconds_is_out() {
        for start in 20..36 {
            let lag = |s: i64| 7 * (s - start).clamp(0, 14);
            let [up, down] = [out_at(lag), out_at(|s| -lag(s))];
            assert!(
                up == down && up.is_some_and(|at| (start + 10..=start + 13).contains(&at)),
                "{start}: {up:?}"
            );
        }
    }

    #[test]
    fn noise_a_constant_bias_a_slow_drift_and_pulling_in_are_not() {
        assert_eq!(out_at(|s| (s * 37) % 41 - 20), None);
        assert_eq!(out_at(|_| 90), None);
        assert_eq!(out_at(|s| s / 7), None);
        assert_eq!(out_at(|s| (99 - 11 * s).max(0)), None);
    }

    #[test]
    fn extreme_offsets_do_not_overflow() {
        assert!(out_at(|s| if s % 16 < 8 { i64::MIN } else { i64::MAX }).is_none_or(|s| s >= 8));
        assert!(out_at(|s| if s < 10 { 0 } else { i64::MAX }).is_some());
    }
}
