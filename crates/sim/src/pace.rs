//! Simulated time that runs as fast as real time, or a whole number of times faster.

use tgm_core::Now;
use tgm_time::{Mono, Nanos, Time};

/// Maps real time to simulated time and back. Both agree at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    start: Now,
    speed: u32,
}

impl Pace {
    /// Simulated time that passes `speed` times as fast from `start` on; 0 counts as 1.
    pub const fn new(start: Now, speed: u32) -> Self {
        let speed = if speed == 0 { 1 } else { speed };
        Pace { start, speed }
    }

    /// The start.
    pub const fn start(&self) -> Now {
        self.start
    }

    /// The simulated moment of a real one, on both clocks.
    pub fn simulated(&self, real: Time<Mono>) -> Now {
        let passed = Nanos((real - self.start.mono).0.saturating_mul(i64::from(self.speed)));
        Now {
            mono: self.start.mono + passed,
            system: self.start.system + passed,
        }
    }

    /// The first real moment at which the simulated `at` has come: when to wake up.
    pub fn real(&self, at: Time<Mono>) -> Time<Mono> {
        let ahead = (at - self.start.mono).0;
        let speed = i64::from(self.speed);
        let up = i64::from(ahead.rem_euclid(speed) != 0);
        self.start.mono + Nanos(ahead.div_euclid(speed).saturating_add(up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_as_fast_and_back() {
        let start = Now {
            mono: Time::from_parts(100, 0),
            system: Time::from_parts(1_790_000_000, 0),
        };
        let pace = Pace::new(start, 10);
        let later = pace.simulated(Time::from_parts(103, 0));
        assert_eq!(later.mono, Time::from_parts(130, 0));
        assert_eq!(later.system, Time::from_parts(1_790_000_030, 0));
        assert_eq!(pace.real(Time::from_parts(130, 0)), Time::from_parts(103, 0));
        let wake = pace.real(Time::from_parts(130, 1));
        assert!(pace.simulated(wake).mono >= Time::from_parts(130, 1));
        assert_eq!(
            Pace::new(start, 0).simulated(Time::from_parts(101, 0)).mono,
            Time::from_parts(101, 0)
        );
    }
}
