//! When a delivery that failed is tried again.

use std::time::Duration;

use uuid::Uuid;

/// The waits of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Most that one attempt takes, from connecting to the end of the answer.
    pub attempt: Duration,
    /// Wait after the first failure; doubles with each.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
    /// Failures in a row after which a consumer counts as suspended.
    pub suspend_after: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            attempt: Duration::from_secs(2),
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
            suspend_after: 10,
        }
    }
}

impl Timing {
    /// The wait after so many failures: doubled each time, then between half and all of it by `chance` (0…1).
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first_wait.saturating_mul(doubled).min(self.longest_wait);
        full.mul_f64(0.5 + chance / 2.0)
    }
}

/// Spreads retries, so that consumers that failed together are not tried together. Not for secrets.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// From the kernel's chance.
    pub fn new() -> Self {
        Chance(Uuid::new_v4().as_u64_pair().0 | 1)
    }

    /// 0…1, by xorshift.
    #[allow(clippy::cast_precision_loss)] // 2^-53 off in a jitter
    pub fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_stay_off_each_other() {
        let timing = Timing::default();
        let longest = |failures| timing.wait(failures, 1.0).as_millis();
        assert_eq!([longest(1), longest(2), longest(3)], [50, 100, 200]);
        assert_eq!([longest(8), longest(40), longest(u32::MAX)], [5000, 5000, 5000]);
        assert_eq!(timing.wait(1, 0.0), Duration::from_millis(25));
        let mut chance = Chance::new();
        let drawn: Vec<f64> = (0..1000).map(|_| chance.next()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..=1.0).contains(drawn)));
        assert!(drawn.iter().any(|drawn| *drawn < 0.3) && drawn.iter().any(|drawn| *drawn > 0.7));
    }
}
