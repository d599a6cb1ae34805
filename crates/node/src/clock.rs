//! The node's clocks: the only place of the hardware thread that reads one.
//!
//! A simulation may run faster than life: then monotonic and system time both run from its start at that speed.

use nix::errno::Errno;
use tgm_core::Now;
use tgm_sys::clock::{SystemClock, system};
use tgm_time::{Mono, Nanos, Time};

/// Reads the present.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Now,
    speed: u32,
}

fn read(clock: SystemClock) -> Result<i64, Errno> {
    let reading = system(clock)?;
    Ok(reading
        .sec
        .saturating_mul(1_000_000_000)
        .saturating_add(i64::from(reading.nsec)))
}

/// `CLOCK_BOOTTIME` now.
pub fn boottime() -> Result<Time<Mono>, Errno> {
    read(SystemClock::Boottime).map(Time::from_nanos)
}

fn present() -> Result<Now, Errno> {
    Ok(Now {
        mono: boottime()?,
        system: Time::from_nanos(read(SystemClock::Realtime)?),
    })
}

impl Clock {
    /// Real time.
    pub fn real() -> Result<Self, Errno> {
        Clock::scaled(1)
    }

    /// `speed` times as fast as real time from now on, 1…1000; for simulations only.
    pub fn scaled(speed: u32) -> Result<Self, Errno> {
        Ok(Clock {
            start: present()?,
            speed: speed.clamp(1, 1_000),
        })
    }

    /// The present of the core.
    pub fn now(&self) -> Result<Now, Errno> {
        let real = present()?;
        if self.speed == 1 {
            return Ok(real);
        }
        let passed = Nanos((real.mono - self.start.mono).0.saturating_mul(i64::from(self.speed)));
        Ok(Now {
            mono: self.start.mono + passed,
            system: self.start.system + passed,
        })
    }

    /// When `at`, a moment of the core, is by `CLOCK_BOOTTIME`.
    pub fn real_moment(&self, at: Time<Mono>) -> Time<Mono> {
        let speed = i64::from(self.speed);
        // Rounded up: waking early would only mean waking twice.
        self.start.mono + Nanos((at - self.start.mono).0.saturating_add(speed - 1).div_euclid(speed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_speed_ten_a_second_of_the_core_is_a_tenth_of_ours() {
        let clock = Clock::scaled(10).unwrap();
        let real = clock.real_moment(clock.start.mono + Nanos::from_secs(1));
        assert_eq!(real - clock.start.mono, Nanos::from_millis(100));
    }

    #[test]
    fn real_time_is_left_alone() {
        let clock = Clock::real().unwrap();
        let before = boottime().unwrap();
        let now = clock.now().unwrap();
        assert!(now.mono >= before && now.mono <= boottime().unwrap());
        assert_eq!(clock.real_moment(now.mono), now.mono);
    }
}
