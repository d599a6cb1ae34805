//! When a delivery that failed is tried again.

use std::time::{Duration, SystemTime};

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
    /// Longest wait that a consumer gets by asking for it: it shall not talk itself into missing a FREERUN for an hour.
    pub longest_asked: Duration,
    /// Failures in a row after which a consumer counts as suspended.
    pub suspend_after: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            attempt: Duration::from_secs(2),
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
            longest_asked: Duration::from_secs(60),
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

    /// The wait that a consumer asked for, as far as it is granted.
    pub fn asked(&self, later: Later, now: SystemTime) -> Duration {
        let asked = match later {
            Later::In(wait) => wait,
            Later::At(moment) => moment.duration_since(now).unwrap_or_default(),
        };
        asked.min(self.longest_asked)
    }
}

/// `Retry-After` (RFC 9110, 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// After that long.
    In(Duration),
    /// At that moment.
    At(SystemTime),
}

impl Later {
    /// Seconds or a date; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than fit ask for longer than anybody gets.
            return Some(Later::In(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
        }
        httpdate::parse_http_date(text).ok().map(Later::At)
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
    fn a_consumer_may_ask_for_peace_but_not_for_long() {
        let timing = Timing::default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let granted = |text: &str| Later::parse(text).map(|later| timing.asked(later, now).as_secs());
        assert_eq!(granted("7"), Some(7));
        assert_eq!(granted("Sun, 06 Nov 1994 08:49:50 GMT"), Some(13));
        assert_eq!(granted("Sun, 06 Nov 1994 08:49:30 GMT"), Some(0), "that was before now");
        assert_eq!(granted("86400"), Some(60));
        assert_eq!(granted("99999999999999999999999"), Some(60));
        for text in ["", "-1", "1.5", "soon", "0x10"] {
            assert_eq!(granted(text), None, "{text:?}");
        }
    }

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
