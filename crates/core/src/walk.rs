//! Does the pulse walk away? A spoofer drags the pulse, the DPLL lags behind, and its phase offset grows steadily from about zero long
//! before it reaches its limit: by then the true error would have grown too.
//!
//! Judged is Φ at the ends of three strides of four seconds: it walks if it moved away from zero in each of them, and by more than
//! two fifths of the limit in all. A step is no walk, however far: the DPLL follows it, and its Φ shrinks from then on. Nor is
//! pulling in. A walk so slow that the loop follows with less lag (5 ns/s at a time constant of 15 s) is not seen by this.

use tgm_time::{Mono, Nanos, Time};

use crate::fresh::Fresh;

/// Between two looks.
const STRIDE: Nanos = Nanos::from_secs(4);
/// Strides that must all lead away from zero.
const STRIDES: usize = 3;

/// The phase offset in lock, at the ends of the last strides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walk {
    /// Φ at their ends, the oldest first.
    ends: [Nanos; STRIDES + 1],
    /// Until when the last end stands.
    stands: Fresh,
    walks: bool,
}

impl Walk {
    /// Takes Φ at `at`.
    #[inline]
    pub fn sample(&mut self, at: Time<Mono>, phi: Nanos, limit: Nanos) {
        if !self.stands.holds(at) {
            self.stride(at, phi, limit);
        }
    }

    #[inline(never)] // every fourth sample
    fn stride(&mut self, at: Time<Mono>, phi: Nanos, limit: Nanos) {
        if self.stands.is_never() {
            self.ends = [phi; STRIDES + 1];
        }
        self.stands = Fresh::at(at, STRIDE);
        self.ends.rotate_left(1);
        let [first, second, third, last] = &mut self.ends;
        *last = phi;
        // How far it went, seen in the direction in which it stands now.
        let away = |from: Nanos, to: Nanos| {
            let by = i128::from(to.0) - i128::from(from.0);
            if phi.0 < 0 { -by } else { by }
        };
        let least = i128::from(limit.0 / 12);
        let steadily = [(*first, *second), (*second, *third), (*third, phi)]
            .into_iter()
            .all(|(from, to)| away(from, to) > least);
        let farther = phi.0.unsigned_abs() > first.0.unsigned_abs();
        self.walks = steadily && farther && away(*first, phi) > i128::from(limit.0) * 2 / 5;
    }

    /// True while it walks away.
    pub const fn is_out(&self) -> bool {
        self.walks
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

    /// The lag of a loop with a time constant of 15 s behind a pulse that walks `rate` ns/s from `start` on, in steps of a tenth of a
    /// second.
    fn lag(rate: i64, start: i64) -> impl Fn(i64) -> i64 {
        move |s| {
            let mut milli = 0;
            for _ in 0..10 * (s - start).max(0) {
                milli += 100 * rate - milli / 150;
            }
            milli / 1_000
        }
    }

    #[test]
    fn a_lag_behind_a_walking_pulse_is_out_before_the_limit_whenever_it_begins() {
        for start in 20..24 {
            for rate in [7, 10, 15] {
                let [up, down] = [out_at(lag(rate, start)), out_at(|s| -lag(rate, start)(s))];
                assert!(
                    up == down && up.is_some_and(|at| (start + 9..=start + 16).contains(&at)),
                    "{rate} ns/s from {start}: {up:?} {down:?}"
                );
            }
            assert_eq!(out_at(lag(4, start)), None, "the limit of what this can see");
        }
    }

    #[test]
    fn noise_a_bias_a_slow_drift_a_step_and_pulling_in_are_no_walk() {
        assert_eq!(out_at(|s| (s * 37) % 41 - 20), None);
        assert_eq!(out_at(|_| 90), None);
        assert_eq!(out_at(|s| s / 7), None);
        assert_eq!(out_at(|s| (99 - 11 * s).max(0)), None);
        assert_eq!(out_at(|s| if s < 100 { -60 } else { 11 * (s - 100) - 60 }.min(5)), None);
        for to in [60, 99, -99, 5_000] {
            assert_eq!(out_at(|s| if s < 100 { 0 } else { to }), None, "a step to {to}");
            assert_eq!(
                out_at(|s| if s < 100 { 0 } else { (to * 15) / (s - 85) }),
                None,
                "and back"
            );
        }
    }

    #[test]
    fn each_stride_counts_and_so_does_the_sum() {
        let by = |steps: [i64; 3]| {
            let mut walk = Walk::default();
            let mut phi = 3;
            for (n, step) in (0..).zip([0, 0, 0, 0].into_iter().chain(steps)) {
                phi += step;
                walk.sample(Time::from_parts(4 * n, 0), Nanos(phi), Nanos(100));
            }
            walk.is_out()
        };
        assert!(by([14, 14, 13]));
        assert!(!by([14, 14, 12]), "40 in all is not beyond 40");
        assert!(by([9, 20, 20]) && by([20, 9, 20]) && by([20, 20, 9]));
        assert!(!by([8, 20, 20]) && !by([20, 8, 20]) && !by([20, 20, 8]));
    }

    #[test]
    fn extreme_offsets_do_not_overflow() {
        assert!(out_at(|s| if s % 8 < 4 { i64::MIN } else { i64::MAX }).is_none());
        assert!(out_at(|s| if s < 10 { 0 } else { i64::MAX }).is_none());
    }
}
