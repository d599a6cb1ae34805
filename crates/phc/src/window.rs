//! Of several readings between two of the system clock, the one with the narrowest window: the others differ from it only by
//! what interrupted them.

use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended};
use tgm_time::{Nanos, Phc, Time};

/// A device read within a window of a system clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The middle of the window by the system clock, ns from its zero.
    pub system: Nanos,
    /// What the device showed, ns from its zero.
    pub device: Nanos,
    /// How wide the window was.
    pub delay: Nanos,
}

impl Window {
    /// From system time before, device, system time after; `None` if the system clock ran backwards meanwhile.
    pub fn between([before, device, after]: [ClockTime; 3]) -> Option<Self> {
        let before = nanos(before);
        let delay = nanos(after) - before;
        (delay >= Nanos::ZERO).then(|| Window {
            system: before + Nanos(delay.0 / 2),
            device: nanos(device),
            delay,
        })
    }

    /// The best of an extended request's readings.
    pub fn of_extended(stamps: &SysOffsetExtended) -> Option<Self> {
        best(stamps.ts.iter().take(count(stamps.n_samples)).copied())
    }

    /// The best of a basic request's readings, which share their system stamps.
    pub fn of_basic(stamps: &ptp::SysOffset) -> Option<Self> {
        let windows = stamps.ts.windows(3).step_by(2).take(count(stamps.n_samples));
        best(windows.filter_map(|window| window.try_into().ok()))
    }
}

/// The narrowest; `None` if the system clock was set in each. Only the widths are worked out for all.
pub(crate) fn best(readings: impl Iterator<Item = [ClockTime; 3]>) -> Option<Window> {
    let narrowest = readings
        .map(|reading| (width(&reading), reading))
        .filter(|(width, _)| *width >= 0)
        .min_by_key(|(width, _)| *width);
    narrowest.and_then(|(_, reading)| Window::between(reading))
}

/// From system time before to system time after, ns; negative if that clock ran backwards.
fn width([before, _, after]: &[ClockTime; 3]) -> i64 {
    let seconds = after.sec.saturating_sub(before.sec).saturating_mul(1_000_000_000);
    seconds.saturating_add(i64::from(after.nsec) - i64::from(before.nsec))
}

/// Half a window, rounded up.
pub(crate) const fn half(delay: Nanos) -> Nanos {
    Nanos(delay.0.saturating_add(1) / 2)
}

/// A kernel that claims more readings than there is room for is not believed: iterators end before.
fn count(samples: u32) -> usize {
    usize::try_from(samples).unwrap_or(usize::MAX)
}

fn nanos(time: ClockTime) -> Nanos {
    Time::<Phc>::from_parts(time.sec, time.nsec) - Time::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(sec: i64, nsec: u32) -> ClockTime {
        ClockTime { sec, nsec, reserved: 0 }
    }

    #[test]
    fn the_narrowest_window_counts_and_its_middle_is_the_time() {
        let mut stamps = SysOffsetExtended {
            n_samples: 3,
            ..SysOffsetExtended::default()
        };
        stamps.ts[0] = [t(99, 999_999_000), t(137, 0), t(100, 1_000)];
        stamps.ts[1] = [t(100, 10), t(137, 70), t(100, 111)];
        stamps.ts[2] = [t(100, 0), t(137, 0), t(100, 500)];
        stamps.ts[3] = [t(100, 0), t(137, 0), t(100, 1)]; // not taken
        let best = Window::of_extended(&stamps).unwrap();
        assert_eq!(best.delay, Nanos(101));
        assert_eq!(best.system, Nanos(100_000_000_060));
        assert_eq!(best.device, Nanos(137_000_000_070));
        assert_eq!(half(best.delay), Nanos(51));
    }

    #[test]
    fn basic_readings_share_their_system_stamps() {
        let mut stamps = ptp::SysOffset {
            n_samples: 2,
            ..ptp::SysOffset::default()
        };
        stamps.ts[..5].copy_from_slice(&[t(5, 0), t(5, 400), t(5, 1_000), t(5, 1_200), t(5, 1_600)]);
        let best = Window::of_basic(&stamps).unwrap();
        assert_eq!(
            (best.delay, best.device, best.system),
            (Nanos(600), Nanos(5_000_001_200), Nanos(5_000_001_300))
        );
    }

    #[test]
    fn a_reading_across_a_step_of_the_system_clock_is_dropped() {
        let mut stamps = SysOffsetExtended {
            n_samples: 2,
            ..SysOffsetExtended::default()
        };
        stamps.ts[0] = [t(100, 0), t(137, 0), t(50, 0)];
        assert_eq!(Window::of_extended(&SysOffsetExtended { n_samples: 1, ..stamps }), None);
        stamps.ts[1] = [t(50, 0), t(137, 0), t(50, 90)];
        assert_eq!(Window::of_extended(&stamps).unwrap().delay, Nanos(90));
    }

    #[test]
    fn a_kernel_that_claims_more_samples_than_there_is_room_for_is_not_believed() {
        let stamps = SysOffsetExtended {
            n_samples: u32::MAX,
            ..SysOffsetExtended::default()
        };
        assert!(Window::of_extended(&stamps).is_some());
        assert!(
            Window::of_basic(&ptp::SysOffset {
                n_samples: u32::MAX,
                ..ptp::SysOffset::default()
            })
            .is_some()
        );
        assert!(Window::of_extended(&SysOffsetExtended::default()).is_none());
    }
}
