//! PHC against `CLOCK_REALTIME`, by the best request the clock offers.
//!
//! | method | who stamps | window |
//! |---|---|---|
//! | precise | hardware, both clocks at one instant | none |
//! | extended | the driver, next to the register access | one bus access |
//! | basic | the PTP core, around the driver's call | the whole call |
//!
//! The first that works is remembered. Of several readings the one with the narrowest window counts: the others differ from
//! it only by what interrupted them.

use nix::errno::Errno;
use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise};
use tgm_time::{Nanos, Phc, Time, Utc};

use crate::error::{PhcError, unless_interrupted};

/// Readings per measurement unless told otherwise.
pub const SAMPLES_DEFAULT: u8 = 5;
/// Most readings per measurement (`PTP_MAX_SAMPLES`).
pub const SAMPLES_MAX: u8 = 25;

/// How an offset was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `PTP_SYS_OFFSET_PRECISE`.
    Precise,
    /// `PTP_SYS_OFFSET_EXTENDED`.
    Extended,
    /// `PTP_SYS_OFFSET`.
    Basic,
}

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
        Nanos(self.delay.0.saturating_add(1) / 2)
    }

    /// From system time before, PHC, system time after; `None` if the system clock ran backwards meanwhile.
    fn between(before: ClockTime, phc: ClockTime, after: ClockTime, method: Method) -> Option<Self> {
        let (before, after): (Time<Utc>, Time<Utc>) = (scale(before), scale(after));
        let delay = after - before;
        if delay < Nanos::ZERO {
            return None;
        }
        let at = before + Nanos(delay.0 / 2);
        let phc: Time<Phc> = scale(phc);
        Some(SysOffset {
            offset: Nanos(phc.as_nanos().saturating_sub(at.as_nanos())),
            at,
            delay,
            method,
        })
    }
}

fn scale<S: tgm_time::Scale>(time: ClockTime) -> Time<S> {
    Time::from_parts(time.sec, time.nsec)
}

/// The three requests behind a measurement. [`crate::Phc`] puts them to the kernel; a simulated clock answers them itself.
pub trait Stamper {
    /// Both clocks at one instant.
    fn precise(&self) -> Result<SysOffsetPrecise, Errno>;
    /// `samples` readings, each between two of the system clock.
    fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno>;
    /// `samples` readings, alternating with the system clock.
    fn basic(&self, samples: u32) -> Result<ptp::SysOffset, Errno>;
}

/// Measures by the best method, and remembers which that is.
#[derive(Debug, Clone, Copy)]
pub struct OffsetMeter {
    samples: u8,
    /// The best method not yet found missing.
    method: Method,
    proven: bool,
}

impl OffsetMeter {
    /// A meter that takes the best of `samples` readings, 1…[`SAMPLES_MAX`]; others are brought into that range.
    pub const fn new(samples: u8) -> Self {
        let samples = match samples {
            0 => 1,
            n if n > SAMPLES_MAX => SAMPLES_MAX,
            n => n,
        };
        OffsetMeter {
            samples,
            method: Method::Precise,
            proven: false,
        }
    }

    /// The method that worked; `None` before the first success.
    pub const fn method(&self) -> Option<Method> {
        if self.proven { Some(self.method) } else { None }
    }

    /// Measures once. At most three requests the first time, one from then on.
    pub fn measure(&mut self, clock: &impl Stamper) -> Result<SysOffset, PhcError> {
        loop {
            match (self.by(self.method, clock), next(self.method)) {
                (Err(Failed::Kernel(errno)), Some(next)) if is_missing(errno, self.method) => {
                    self.method = next;
                    self.proven = false;
                }
                (Err(Failed::Kernel(Errno::EINVAL)), None) => return Err(PhcError::Unsupported),
                (Err(Failed::Kernel(errno)), _) => return Err(errno.into()),
                (Err(Failed::Stepped), _) => return Err(PhcError::Stepped),
                (Ok(offset), _) => {
                    self.proven = true;
                    return Ok(offset);
                }
            }
        }
    }

    fn by(&self, method: Method, clock: &impl Stamper) -> Result<SysOffset, Failed> {
        let samples = u32::from(self.samples);
        let best = match method {
            Method::Precise => from_precise(&unless_interrupted(|| clock.precise())?),
            Method::Extended => from_extended(&unless_interrupted(|| clock.extended(samples))?),
            Method::Basic => from_basic(&unless_interrupted(|| clock.basic(samples))?),
        };
        best.ok_or(Failed::Stepped)
    }
}

impl Default for OffsetMeter {
    fn default() -> Self {
        OffsetMeter::new(SAMPLES_DEFAULT)
    }
}

/// Why one request gave nothing.
enum Failed {
    Kernel(Errno),
    Stepped,
}

impl From<Errno> for Failed {
    fn from(errno: Errno) -> Self {
        Failed::Kernel(errno)
    }
}

const fn next(method: Method) -> Option<Method> {
    match method {
        Method::Precise => Some(Method::Extended),
        Method::Extended => Some(Method::Basic),
        Method::Basic => None,
    }
}

/// True if the answer says that the method does not exist here. ENODEV counts for the precise one only: the kernel also gives
/// it while the system's clock source is not the one the hardware latches, and a device that is really gone tells the next
/// method so as well.
fn is_missing(errno: Errno, method: Method) -> bool {
    match errno {
        Errno::EOPNOTSUPP | Errno::ENOTTY | Errno::EINVAL => true,
        Errno::ENODEV => method == Method::Precise,
        _ => false,
    }
}

fn from_precise(stamps: &SysOffsetPrecise) -> Option<SysOffset> {
    SysOffset::between(stamps.sys_realtime, stamps.device, stamps.sys_realtime, Method::Precise)
}

fn from_extended(stamps: &SysOffsetExtended) -> Option<SysOffset> {
    let taken = usize::try_from(stamps.n_samples).unwrap_or(usize::MAX);
    let readings = stamps.ts.iter().take(taken);
    readings
        .filter_map(|[before, phc, after]| SysOffset::between(*before, *phc, *after, Method::Extended))
        .min_by_key(|reading| reading.delay)
}

fn from_basic(stamps: &ptp::SysOffset) -> Option<SysOffset> {
    let taken = usize::try_from(stamps.n_samples).unwrap_or(usize::MAX);
    let readings = stamps
        .ts
        .windows(3)
        .step_by(2)
        .take(taken)
        .filter_map(|window| match window {
            [before, phc, after] => SysOffset::between(*before, *phc, *after, Method::Basic),
            _ => None,
        });
    readings.min_by_key(|reading| reading.delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::RefCell;

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
    fn the_narrowest_window_counts_and_the_offset_is_from_its_middle() {
        let mut stamps = SysOffsetExtended {
            n_samples: 3,
            ..SysOffsetExtended::default()
        };
        stamps.ts[0] = [t(99, 999_999_000), t(137, 0), t(100, 1_000)];
        stamps.ts[1] = [t(100, 10), t(137, 70), t(100, 111)];
        stamps.ts[2] = [t(100, 0), t(137, 0), t(100, 500)];
        stamps.ts[3] = [t(100, 0), t(137, 0), t(100, 1)]; // not taken
        let best = from_extended(&stamps).unwrap();
        assert_eq!(best.delay, Nanos(101));
        assert_eq!(best.at, Time::from_parts(100, 60));
        assert_eq!(best.offset, Nanos(37_000_000_010));
        assert_eq!(best.uncertainty(), Nanos(51));
    }

    #[test]
    fn basic_readings_share_their_system_stamps() {
        let mut stamps = ptp::SysOffset {
            n_samples: 2,
            ..ptp::SysOffset::default()
        };
        stamps.ts[..5].copy_from_slice(&[t(5, 0), t(5, 400), t(5, 1_000), t(5, 1_200), t(5, 1_600)]);
        let best = from_basic(&stamps).unwrap();
        assert_eq!(
            (best.delay, best.offset, best.at),
            (Nanos(600), Nanos(-100), Time::from_parts(5, 1_300))
        );
    }

    #[test]
    fn a_reading_across_a_step_of_the_system_clock_is_dropped() {
        let mut stamps = SysOffsetExtended {
            n_samples: 2,
            ..SysOffsetExtended::default()
        };
        stamps.ts[0] = [t(100, 0), t(137, 0), t(50, 0)];
        assert_eq!(from_extended(&SysOffsetExtended { n_samples: 1, ..stamps }), None);
        stamps.ts[1] = [t(50, 0), t(137, 0), t(50, 90)];
        assert_eq!(from_extended(&stamps).unwrap().delay, Nanos(90));
    }

    #[test]
    fn a_kernel_that_claims_more_samples_than_there_is_room_for_is_not_believed() {
        let stamps = SysOffsetExtended {
            n_samples: u32::MAX,
            ..SysOffsetExtended::default()
        };
        assert!(from_extended(&stamps).is_some());
        assert!(
            from_basic(&ptp::SysOffset {
                n_samples: u32::MAX,
                ..ptp::SysOffset::default()
            })
            .is_some()
        );
        assert!(from_extended(&SysOffsetExtended::default()).is_none());
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
            let read = SysOffset::between(
                at(system), at(system + to_phc + offset), at(system + to_phc + back), Method::Extended,
            ).unwrap();
            prop_assert!((read.offset - Nanos(offset)).abs() <= read.uncertainty());
        }
    }
}
