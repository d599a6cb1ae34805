//! How far one PHC is from another.
//!
//! No request reads two PHCs at once, so both are measured against a system clock, interleaved: first, second, first again. What the
//! first was off when the second was read lies on the line between its two measurements; what the system clock or the first one
//! drifts in between cancels out. The system clock is `CLOCK_MONOTONIC_RAW`, which nobody slews, where the kernel stamps it, else
//! `CLOCK_REALTIME`.

use tgm_sys::ptp::SystemSide;
use tgm_time::Nanos;

use crate::cross::{CrossMeter, CrossStamp, SAMPLES_DEFAULT};
use crate::error::PhcError;
use crate::stamper::Stamper;

/// One PHC against another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhcDifference {
    /// First − second.
    pub offset: Nanos,
    /// The offset is true to ± this: half the shortest windows of either clock, added.
    pub uncertainty: Nanos,
    /// The system clock both were read against.
    pub side: SystemSide,
    /// When, by that clock.
    pub at: Nanos,
    /// How long it took from the first reading to the last.
    pub span: Nanos,
}

/// Measures the difference of two clocks.
#[derive(Debug, Clone, Copy)]
pub struct PairMeter {
    first: CrossMeter,
    second: CrossMeter,
}

impl PairMeter {
    /// A meter that takes the best of `samples` readings each time, 1…[`crate::SAMPLES_MAX`]; others are brought into that range.
    pub const fn new(samples: u8) -> Self {
        Self::against(SystemSide::MonotonicRaw, samples)
    }

    const fn against(side: SystemSide, samples: u8) -> Self {
        let meter = CrossMeter::new(side, samples).without_bracket();
        PairMeter {
            first: meter,
            second: meter,
        }
    }

    /// The system clock that both are read against, as far as is known.
    pub const fn side(&self) -> SystemSide {
        self.first.side()
    }

    /// Measures once: three measurements, a few more the first time. [`PhcError::Stepped`]: the system clock was set meanwhile.
    pub fn measure(&mut self, first: &impl Stamper, second: &impl Stamper) -> Result<PhcDifference, PhcError> {
        match self.interleaved(first, second) {
            Err(PhcError::Unsupported) if self.side() != SystemSide::Realtime => {
                *self = Self::against(SystemSide::Realtime, self.first.samples());
                self.interleaved(first, second)
            }
            answer => answer,
        }
    }

    fn interleaved(&mut self, first: &impl Stamper, second: &impl Stamper) -> Result<PhcDifference, PhcError> {
        let before = self.first.measure(first)?;
        let middle = self.second.measure(second)?;
        let after = self.first.measure(first)?;
        difference(&before, &middle, &after).ok_or(PhcError::Stepped)
    }
}

impl Default for PairMeter {
    fn default() -> Self {
        PairMeter::new(SAMPLES_DEFAULT)
    }
}

/// `None` if the system clock did not pass from one to the next.
fn difference(before: &CrossStamp, middle: &CrossStamp, after: &CrossStamp) -> Option<PhcDifference> {
    let span = after.system - before.system;
    let passed = middle.system - before.system;
    if passed < Nanos::ZERO || passed > span {
        return None;
    }
    // The first clock's offset at the moment of the second's reading; i128, because offsets may be as large as time itself.
    let drift = i128::from((after.offset() - before.offset()).0);
    let share = drift * i128::from(passed.0) / i128::from(span.0.max(1));
    let first = before.offset() + Nanos(i64::try_from(share).ok()?);
    Some(PhcDifference {
        offset: first - middle.offset(),
        // A point on the line is no more uncertain than the worse of its ends.
        uncertainty: before.uncertainty().max(after.uncertainty()) + middle.uncertainty(),
        side: middle.side,
        at: middle.system,
        span,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cross::Method;
    use nix::errno::Errno;
    use proptest::prelude::*;
    use std::cell::Cell;
    use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise};
    use tgm_time::{Phc, Time};

    /// A clock `ahead` of the system's, which passes 1 µs with each request; its window is `delay`.
    struct Clock<'a> {
        now: &'a Cell<i64>,
        ahead: i64,
        ppb: i64,
        delay: i64,
        raw: bool,
    }

    fn t(nanos: i64) -> ClockTime {
        let time: Time<Phc> = Time::from_nanos(nanos);
        ClockTime {
            sec: time.secs(),
            nsec: time.subsec_nanos(),
            reserved: 0,
        }
    }

    impl Stamper for Clock<'_> {
        fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
            Err(Errno::EOPNOTSUPP)
        }
        fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
            self.now.set(self.now.get() + 1_000);
            let now = self.now.get();
            let shown = now + self.ahead + now * self.ppb / 1_000_000_000;
            let mut stamps = SysOffsetExtended {
                n_samples: samples,
                ..SysOffsetExtended::default()
            };
            stamps
                .ts
                .fill([t(now - self.delay / 2), t(shown), t(now + self.delay / 2)]);
            Ok(stamps)
        }
        fn basic(&self, _: u32) -> Result<ptp::SysOffset, Errno> {
            Err(Errno::EIO)
        }
        fn extended_on(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
            match (side, self.raw) {
                (SystemSide::Realtime, _) | (_, true) => self.extended(samples),
                _ => Err(Errno::EINVAL),
            }
        }
    }

    fn measured(raw: bool) -> PhcDifference {
        let now = Cell::new(1_000_000_000_000);
        let clock = |ahead, delay| Clock {
            now: &now,
            ahead,
            ppb: 0,
            delay,
            raw,
        };
        let mut meter = PairMeter::default();
        let difference = meter
            .measure(&clock(37_000_000_500, 100), &clock(37_000_000_000, 60))
            .unwrap();
        assert_eq!(meter.side(), difference.side);
        difference
    }

    #[test]
    fn the_difference_carries_both_windows() {
        let difference = measured(true);
        assert_eq!((difference.offset, difference.uncertainty), (Nanos(500), Nanos(80)));
        assert_eq!(
            (difference.side, difference.span),
            (SystemSide::MonotonicRaw, Nanos(2_000))
        );
    }

    #[test]
    fn where_the_kernel_stamps_no_raw_clock_it_is_realtime() {
        assert_eq!(measured(false).side, SystemSide::Realtime);
        assert_eq!(measured(false).offset, Nanos(500));
    }

    fn stamp(system: i64, phc: i64) -> CrossStamp {
        CrossStamp {
            side: SystemSide::Realtime,
            system: Nanos(system),
            phc: Time::from_nanos(phc),
            delay: Nanos::ZERO,
            method: Method::Extended,
        }
    }

    #[test]
    fn a_system_clock_that_was_set_between_is_told() {
        assert_eq!(difference(&stamp(100, 0), &stamp(50, 0), &stamp(120, 0)), None);
        assert_eq!(difference(&stamp(100, 0), &stamp(150, 0), &stamp(120, 0)), None);
        assert!(difference(&stamp(100, 0), &stamp(100, 0), &stamp(100, 0)).is_some());
    }

    proptest! {
        #[test]
        fn the_system_clocks_drift_cancels_out(
            first in -1_000_000i64..1_000_000, second in -1_000_000i64..1_000_000, ppb in -500_000i64..500_000,
        ) {
            let now = Cell::new(1_000_000_000);
            let clock = |ahead| Clock { now: &now, ahead, ppb, delay: 40, raw: true };
            let difference = PairMeter::new(1).measure(&clock(first), &clock(second)).unwrap();
            prop_assert!((difference.offset - Nanos(first - second)).abs() <= Nanos(2), "{difference:?}");
        }
    }
}
