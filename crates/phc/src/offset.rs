//! PHC against `CLOCK_REALTIME`: [`CrossMeter`] in the units of the core.

use tgm_sys::ptp::SystemSide;
use tgm_time::{Nanos, Time, Utc};

use crate::cross::{CrossMeter, CrossStamp, Method, SAMPLES_DEFAULT};
use crate::error::PhcError;
use crate::stamper::Stamper;
use crate::window::half;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SysOffset {
    /// PHC − `CLOCK_REALTIME`; TAI − UTC (37 s) is in it while the PHC shows TAI.
    pub offset: Nanos,
    /// When, by `CLOCK_REALTIME`.
    pub at: Time<Utc>,
    /// Width of the window in which the PHC was read; zero from [`Method::Precise`].
    pub delay: Nanos,
    /// How.
    pub method: Method,
}

impl SysOffset {
    /// The offset is true to ± this: half the window, rounded up.
    pub const fn uncertainty(&self) -> Nanos {
        half(self.delay)
    }
}

impl From<CrossStamp> for SysOffset {
    /// The stamp is taken for one of `CLOCK_REALTIME`.
    fn from(stamp: CrossStamp) -> Self {
        SysOffset {
            offset: stamp.offset(),
            at: Time::from_nanos(stamp.system.0),
            delay: stamp.delay,
            method: stamp.method,
        }
    }
}

/// Measures by the best method, and remembers which that is.
#[derive(Debug, Clone, Copy)]
pub struct OffsetMeter(CrossMeter);

impl OffsetMeter {
    /// A meter that takes the best of `samples` readings, 1…[`crate::SAMPLES_MAX`]; others are brought into that range.
    pub const fn new(samples: u8) -> Self {
        OffsetMeter(CrossMeter::new(SystemSide::Realtime, samples))
    }

    /// The method that worked; `None` before the first success.
    pub const fn method(&self) -> Option<Method> {
        self.0.method()
    }

    /// Measures once. At most three requests the first time, one from then on.
    pub fn measure(&mut self, clock: &impl Stamper) -> Result<SysOffset, PhcError> {
        self.0.measure(clock).map(SysOffset::from)
    }
}

impl Default for OffsetMeter {
    fn default() -> Self {
        OffsetMeter::new(SAMPLES_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Window;
    use nix::errno::Errno;
    use proptest::prelude::*;
    use std::cell::RefCell;
    use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise};

    fn t(sec: i64, nsec: u32) -> ClockTime {
        ClockTime { sec, nsec, reserved: 0 }
    }

    /// Answers as scripted, and writes down what it was asked.
    struct Scripted {
        precise: Result<(), Errno>,
        extended: Result<(), Errno>,
        basic: Result<(), Errno>,
        asked: RefCell<Vec<(Method, u32)>>,
    }

    impl Scripted {
        fn new(precise: Result<(), Errno>, extended: Result<(), Errno>, basic: Result<(), Errno>) -> Self {
            Scripted {
                precise,
                extended,
                basic,
                asked: RefCell::default(),
            }
        }

        fn asked(&self) -> Vec<Method> {
            self.asked.take().into_iter().map(|(method, _)| method).collect()
        }
    }

    impl Stamper for Scripted {
        fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
            self.asked.borrow_mut().push((Method::Precise, 0));
            self.precise?;
            Ok(SysOffsetPrecise {
                device: t(137, 5),
                sys_realtime: t(100, 0),
                ..SysOffsetPrecise::default()
            })
        }

        fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
            self.asked.borrow_mut().push((Method::Extended, samples));
            self.extended?;
            let mut stamps = SysOffsetExtended {
                n_samples: samples,
                ..SysOffsetExtended::default()
            };
            stamps.ts.fill([t(100, 0), t(137, 50), t(100, 100)]);
            Ok(stamps)
        }

        fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno> {
            self.asked.borrow_mut().push((Method::Basic, samples));
            self.basic?;
            let mut stamps = ptp::SysOffset {
                n_samples: samples,
                ..ptp::SysOffset::default()
            };
            for (i, stamp) in stamps.ts.iter_mut().enumerate() {
                *stamp = if i % 2 == 0 { t(100, 0) } else { t(137, 0) };
            }
            Ok(stamps)
        }
    }

    #[test]
    fn the_best_method_is_found_once_and_remembered() {
        for errno in [Errno::EOPNOTSUPP, Errno::ENOTTY, Errno::EINVAL, Errno::ENODEV] {
            let clock = Scripted::new(Err(errno), Ok(()), Ok(()));
            let mut meter = OffsetMeter::default();
            assert_eq!(meter.method(), None);
            let offset = meter.measure(&clock).unwrap();
            assert_eq!(
                (offset.method, offset.offset),
                (Method::Extended, Nanos(37_000_000_000))
            );
            assert_eq!(clock.asked.take(), [(Method::Precise, 0), (Method::Extended, 5)]);
            assert_eq!(meter.method(), Some(Method::Extended));
            meter.measure(&clock).unwrap();
            assert_eq!(clock.asked(), [Method::Extended]);
        }
    }

    #[test]
    fn precise_has_no_window_and_basic_is_the_last_resort() {
        let best = OffsetMeter::default()
            .measure(&Scripted::new(Ok(()), Ok(()), Ok(())))
            .unwrap();
        assert_eq!(
            (best.method, best.delay, best.offset),
            (Method::Precise, Nanos(0), Nanos(37_000_000_005))
        );
        let clock = Scripted::new(Err(Errno::ENOTTY), Err(Errno::EOPNOTSUPP), Ok(()));
        assert_eq!(OffsetMeter::new(3).measure(&clock).unwrap().method, Method::Basic);
        let none = Scripted::new(Err(Errno::ENOTTY), Err(Errno::ENOTTY), Err(Errno::ENOTTY));
        assert_eq!(OffsetMeter::default().measure(&none), Err(PhcError::Unsupported));
    }

    #[test]
    fn a_fault_is_reported_and_changes_no_method() {
        let faulty = Scripted::new(Err(Errno::EOPNOTSUPP), Err(Errno::EIO), Ok(()));
        let mut meter = OffsetMeter::default();
        assert_eq!(meter.measure(&faulty), Err(PhcError::Kernel(Errno::EIO)));
        assert_eq!(faulty.asked(), [Method::Precise, Method::Extended]);
        assert_eq!(meter.measure(&faulty), Err(PhcError::Kernel(Errno::EIO)));
        assert_eq!(faulty.asked(), [Method::Extended]);
    }

    #[test]
    fn a_clock_that_is_gone_is_gone_by_every_method() {
        let gone = Scripted::new(Err(Errno::ENODEV), Err(Errno::ENODEV), Err(Errno::ENODEV));
        assert_eq!(OffsetMeter::default().measure(&gone), Err(PhcError::Gone));
        assert_eq!(gone.asked(), [Method::Precise, Method::Extended]);
    }

    #[test]
    fn sample_counts_are_brought_into_range() {
        let clock = Scripted::new(Err(Errno::EOPNOTSUPP), Ok(()), Ok(()));
        for (asked, taken) in [(0, 1), (1, 1), (25, 25), (255, 25)] {
            let mut meter = OffsetMeter::new(asked);
            meter.measure(&clock).unwrap();
            assert_eq!(clock.asked.take().last(), Some(&(Method::Extended, taken)));
        }
    }

    proptest! {
        #[test]
        fn the_true_offset_lies_within_the_uncertainty(
            system in 0i64..4_000_000_000_000_000_000, to_phc in 0i64..10_000, back in 0i64..10_000,
            offset in -4_000_000_000_000_000_000i64..4_000_000_000_000_000_000,
        ) {
            let at = |nanos: i64| {
                let time = Time::<Utc>::from_nanos(nanos);
                t(time.secs(), time.subsec_nanos())
            };
            let window = Window::between([at(system), at(system + to_phc + offset), at(system + to_phc + back)]).unwrap();
            let read = SysOffset::from(CrossStamp {
                side: SystemSide::Realtime,
                system: window.system,
                phc: Time::from_nanos(window.device.0),
                delay: window.delay,
                method: Method::Extended,
            });
            prop_assert!((read.offset - Nanos(offset)).abs() <= read.uncertainty());
        }
    }
}
