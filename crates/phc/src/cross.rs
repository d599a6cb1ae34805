//! PHC against one of the system's clocks, by the best request that clock and kernel offer.
//!
//! | method | who stamps | window | system side |
//! |---|---|---|---|
//! | precise | hardware, both clocks at one instant | none | realtime, raw |
//! | extended | the driver, next to the register access | one bus access | all; other than realtime since Linux 6.12 |
//! | basic | the PTP core, around the driver's call | the whole call | realtime |
//! | bracket | this program, around `clock_gettime` | two system calls | all but realtime, as a last resort |
//!
//! The first that works is remembered.

use nix::errno::Errno;
use tgm_sys::ptp::SystemSide;
use tgm_time::{Nanos, Phc, Time};

use crate::error::{PhcError, unless_interrupted};
use crate::stamper::Stamper;
use crate::window::{Window, best, half};

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
    /// `clock_gettime` of either clock in turn.
    Bracket,
}

/// A PHC and a system clock at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossStamp {
    /// Which system clock.
    pub side: SystemSide,
    /// What it showed, from its zero.
    pub system: Nanos,
    /// What the PHC showed.
    pub phc: Time<Phc>,
    /// Width of the window in which the PHC was read; zero from [`Method::Precise`].
    pub delay: Nanos,
    /// How.
    pub method: Method,
}

impl CrossStamp {
    /// PHC − system clock.
    pub const fn offset(&self) -> Nanos {
        Nanos(self.phc.as_nanos().saturating_sub(self.system.0))
    }

    /// The offset is true to ± this: half the window, rounded up.
    pub const fn uncertainty(&self) -> Nanos {
        half(self.delay)
    }
}

/// The free-running counter under a PHC and a system clock at one instant. What steers the PHC does not touch the counter, so it
/// tells the oscillator from the servo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleStamp {
    /// Which system clock.
    pub side: SystemSide,
    /// What it showed, from its zero.
    pub system: Nanos,
    /// What the counter showed, as nanoseconds from its zero.
    pub counter: Nanos,
    /// Width of the window in which the counter was read; zero from [`Method::Precise`].
    pub delay: Nanos,
    /// How.
    pub method: Method,
}

impl CycleStamp {
    /// Counter − system clock is true to ± this: half the window, rounded up.
    pub const fn uncertainty(&self) -> Nanos {
        half(self.delay)
    }
}

/// Measures by the best method, and remembers which that is.
#[derive(Debug, Clone, Copy)]
pub struct CrossMeter {
    samples: u8,
    side: SystemSide,
    /// Methods not yet found missing, best first.
    methods: &'static [Method],
    proven: bool,
}

impl CrossMeter {
    /// A meter against `side` that takes the best of `samples` readings, 1…[`SAMPLES_MAX`]; others are brought into that range.
    pub const fn new(side: SystemSide, samples: u8) -> Self {
        CrossMeter {
            samples: match samples {
                0 => 1,
                n if n > SAMPLES_MAX => SAMPLES_MAX,
                n => n,
            },
            side,
            methods: match side {
                SystemSide::Realtime => &[Method::Precise, Method::Extended, Method::Basic],
                SystemSide::MonotonicRaw => &[Method::Precise, Method::Extended, Method::Bracket],
                SystemSide::Monotonic | SystemSide::Aux(_) => &[Method::Extended, Method::Bracket],
            },
            proven: false,
        }
    }

    /// Leaves out what is read in user space: what takes it would rather do without.
    #[must_use]
    pub const fn without_bracket(self) -> Self {
        CrossMeter {
            methods: match self.side {
                SystemSide::Realtime => self.methods,
                SystemSide::MonotonicRaw => &[Method::Precise, Method::Extended],
                SystemSide::Monotonic | SystemSide::Aux(_) => &[Method::Extended],
            },
            ..self
        }
    }

    /// The system clock it measures against.
    pub const fn side(&self) -> SystemSide {
        self.side
    }

    pub(crate) const fn samples(&self) -> u8 {
        self.samples
    }

    /// The method that worked; `None` before the first success.
    pub const fn method(&self) -> Option<Method> {
        match self.methods.first() {
            Some(method) if self.proven => Some(*method),
            _ => None,
        }
    }

    /// Measures once. One request per method the first time, one from then on ([`Method::Bracket`]: three reads per sample).
    pub fn measure(&mut self, clock: &impl Stamper) -> Result<CrossStamp, PhcError> {
        loop {
            let [method, rest @ ..] = self.methods else {
                return Err(PhcError::Unsupported);
            };
            match self.by(*method, clock) {
                Err(Failed::Kernel(errno)) if is_missing(errno, *method) && !rest.is_empty() => {
                    self.methods = rest;
                    self.proven = false;
                }
                Err(Failed::Kernel(Errno::EINVAL)) => return Err(PhcError::Unsupported),
                Err(Failed::Kernel(errno)) => return Err(errno.into()),
                Err(Failed::Stepped) => return Err(PhcError::Stepped),
                Ok(window) => {
                    self.proven = true;
                    return Ok(CrossStamp {
                        side: self.side,
                        system: window.system,
                        phc: Time::from_nanos(window.device.0),
                        delay: window.delay,
                        method: *method,
                    });
                }
            }
        }
    }

    fn by(&self, method: Method, clock: &impl Stamper) -> Result<Window, Failed> {
        let (samples, side) = (u32::from(self.samples), self.side);
        let best = match method {
            Method::Precise => {
                let stamps = unless_interrupted(|| clock.precise())?;
                let system = match side {
                    SystemSide::MonotonicRaw => stamps.sys_monoraw,
                    _ => stamps.sys_realtime,
                };
                Window::between([system, stamps.device, system])
            }
            Method::Extended => Window::of_extended(&unless_interrupted(|| clock.extended_on(samples, side))?),
            Method::Basic => Window::of_basic(&unless_interrupted(|| clock.basic(samples))?),
            Method::Bracket => {
                let mut failed = None;
                let readings = (0..samples).map_while(|_| match unless_interrupted(|| clock.bracket(side)) {
                    Ok(reading) => Some(reading),
                    Err(errno) => {
                        failed = Some(errno);
                        None
                    }
                });
                let best = best(readings);
                if let Some(errno) = failed {
                    return Err(errno.into());
                }
                best
            }
        };
        best.ok_or(Failed::Stepped)
    }
}

/// Reads the free-running counter under a PHC against `side`: precise against realtime and raw, else extended, the best of
/// `samples` readings. [`PhcError::Unsupported`]: the driver has no counter apart from the clock, or the kernel no request for it.
pub fn measure_cycles(clock: &impl Stamper, side: SystemSide, samples: u8) -> Result<CycleStamp, PhcError> {
    let stamp = |window: Window, method| CycleStamp {
        side,
        system: window.system,
        counter: window.device,
        delay: window.delay,
        method,
    };
    let latched = match side {
        SystemSide::Realtime | SystemSide::MonotonicRaw => unless_interrupted(|| clock.precise_cycles()),
        SystemSide::Monotonic | SystemSide::Aux(_) => Err(Errno::EOPNOTSUPP),
    };
    match latched {
        Ok(stamps) => {
            let system = match side {
                SystemSide::MonotonicRaw => stamps.sys_monoraw,
                _ => stamps.sys_realtime,
            };
            let window = Window::between([system, stamps.device, system]);
            return Ok(stamp(window.ok_or(PhcError::Stepped)?, Method::Precise));
        }
        Err(errno) if is_missing(errno, Method::Precise) => {}
        Err(errno) => return Err(errno.into()),
    }
    let samples = u32::from(samples.clamp(1, SAMPLES_MAX));
    match unless_interrupted(|| clock.extended_cycles(samples, side)) {
        Ok(stamps) => Ok(stamp(
            Window::of_extended(&stamps).ok_or(PhcError::Stepped)?,
            Method::Extended,
        )),
        Err(Errno::EINVAL) => Err(PhcError::Unsupported),
        Err(errno) => Err(errno.into()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise};

    fn t(sec: i64, nsec: u32) -> ClockTime {
        ClockTime { sec, nsec, reserved: 0 }
    }

    /// Shows 137 s; the system's clocks show 100 s, its raw one 7 s. `old`: extended requests know realtime only.
    struct Clock {
        latch: bool,
        old: bool,
    }

    impl Clock {
        fn system(side: SystemSide) -> i64 {
            if side == SystemSide::MonotonicRaw { 7 } else { 100 }
        }
    }

    impl Stamper for Clock {
        fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
            if !self.latch {
                return Err(Errno::EOPNOTSUPP);
            }
            Ok(SysOffsetPrecise {
                device: t(137, 5),
                sys_realtime: t(100, 0),
                sys_monoraw: t(7, 0),
                ..SysOffsetPrecise::default()
            })
        }
        fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
            self.extended_on(samples, SystemSide::Realtime)
        }
        fn basic(&self, _: u32) -> Result<ptp::SysOffset, Errno> {
            Err(Errno::EIO)
        }
        fn extended_on(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
            if self.old && side != SystemSide::Realtime {
                return Err(Errno::EINVAL);
            }
            let mut stamps = SysOffsetExtended {
                n_samples: samples,
                ..SysOffsetExtended::default()
            };
            let system = Self::system(side);
            stamps.ts.fill([t(system, 0), t(137, 50), t(system, 90)]);
            Ok(stamps)
        }
        fn bracket(&self, side: SystemSide) -> Result<[ClockTime; 3], Errno> {
            if side == SystemSide::Aux(1) {
                return Err(Errno::EINVAL);
            }
            let system = Self::system(side);
            Ok([t(system, 0), t(137, 50), t(system, 900)])
        }
        fn precise_cycles(&self) -> Result<SysOffsetPrecise, Errno> {
            self.precise()
        }
        fn extended_cycles(&self, samples: u32, side: SystemSide) -> Result<SysOffsetExtended, Errno> {
            self.extended_on(samples, side)
        }
    }

    fn method(clock: &Clock, side: SystemSide) -> Result<Method, PhcError> {
        CrossMeter::new(side, 3).measure(clock).map(|stamp| stamp.method)
    }

    #[test]
    fn each_side_is_measured_by_the_best_that_there_is() {
        let (new, old) = (
            Clock {
                latch: true,
                old: false,
            },
            Clock {
                latch: false,
                old: true,
            },
        );
        assert_eq!(method(&new, SystemSide::Realtime), Ok(Method::Precise));
        assert_eq!(method(&new, SystemSide::MonotonicRaw), Ok(Method::Precise));
        assert_eq!(method(&new, SystemSide::Monotonic), Ok(Method::Extended));
        assert_eq!(method(&new, SystemSide::Aux(1)), Ok(Method::Extended));
        assert_eq!(method(&old, SystemSide::Realtime), Ok(Method::Extended));
        assert_eq!(method(&old, SystemSide::MonotonicRaw), Ok(Method::Bracket));
        assert_eq!(method(&old, SystemSide::Monotonic), Ok(Method::Bracket));
        assert_eq!(method(&old, SystemSide::Aux(1)), Err(PhcError::Unsupported));
        let mut strict = CrossMeter::new(SystemSide::MonotonicRaw, 3).without_bracket();
        assert_eq!(strict.measure(&old), Err(PhcError::Unsupported));
    }

    #[test]
    fn the_offset_is_from_the_side_that_was_asked_for() {
        let clock = Clock {
            latch: true,
            old: false,
        };
        let mut meter = CrossMeter::new(SystemSide::MonotonicRaw, 3);
        let stamp = meter.measure(&clock).unwrap();
        assert_eq!(
            (stamp.offset(), stamp.uncertainty()),
            (Nanos(130_000_000_005), Nanos::ZERO)
        );
        assert_eq!((meter.method(), meter.side()), (Some(Method::Precise), stamp.side));
        let stamp = CrossMeter::new(SystemSide::Monotonic, 3).measure(&clock).unwrap();
        assert_eq!(
            (stamp.offset(), stamp.uncertainty()),
            (Nanos(37_000_000_005), Nanos(45))
        );
    }

    #[test]
    fn counters_are_latched_or_bracketed_or_not_there() {
        let clock = Clock {
            latch: true,
            old: false,
        };
        let latched = measure_cycles(&clock, SystemSide::MonotonicRaw, 1).unwrap();
        assert_eq!(
            (latched.method, latched.system, latched.counter),
            (Method::Precise, Nanos(7_000_000_000), Nanos(137_000_000_005))
        );
        let read = measure_cycles(&clock, SystemSide::Monotonic, 0).unwrap();
        assert_eq!((read.method, read.uncertainty()), (Method::Extended, Nanos(45)));
        let old = Clock {
            latch: false,
            old: true,
        };
        assert_eq!(
            measure_cycles(&old, SystemSide::Monotonic, 1),
            Err(PhcError::Unsupported)
        );
    }
}
