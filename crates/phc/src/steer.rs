//! Setting, stepping and slewing a clock (clock_settime(2), clock_adjtime(2) on an open `/dev/ptpN`).
//!
//! **Everything here changes the hardware**, for every user of the clock; it needs one opened for writing.

use nix::errno::Errno;
use tgm_sys::clock::{Reading, adjust};
use tgm_time::{Nanos, Phc as PhcScale, Time};

use crate::device::Phc;
use crate::error::{PhcError, unless_interrupted};
use crate::units::{Ppb, Ppt};

impl Phc {
    /// Sets the clock to a time. What passes between the call and the hardware is lost, so where the offset is known
    /// [`Phc::step`] is better.
    pub fn set_time(&self, to: Time<PhcScale>) -> Result<(), PhcError> {
        let fd = self.writable()?;
        let to = Reading {
            sec: to.secs(),
            nsec: to.subsec_nanos(),
        };
        steered(unless_interrupted(|| adjust::set(fd, to)))
    }

    /// Moves the clock by an offset at once; positive is ahead.
    pub fn step(&self, by: Nanos) -> Result<(), PhcError> {
        let fd = self.writable()?;
        // Not repeated on EINTR: nobody could tell whether the clock has moved.
        let by: Time<PhcScale> = Time::from_nanos(by.get());
        steered(adjust::step(fd, by.secs(), by.subsec_nanos()))
    }

    /// Dials in a frequency adjustment against the clock's own oscillator; positive is faster. It replaces the one before and
    /// stays until the next. Answers what was dialled in: the kernel's unit is 15.26 · 10⁻¹².
    ///
    /// [`PhcError::FrequencyRange`]: more than [`crate::Caps::max_adjustment`]; nothing was changed.
    pub fn set_frequency(&self, frequency: Ppt) -> Result<Ppt, PhcError> {
        let fd = self.writable()?;
        let limit = self.caps().max_adjustment;
        let out_of_range = PhcError::FrequencyRange {
            asked: frequency,
            limit,
        };
        if frequency.abs() > Ppt::from(limit) {
            return Err(out_of_range);
        }
        let scaled = frequency.to_scaled_ppm();
        match unless_interrupted(|| adjust::frequency(fd, scaled)) {
            Ok(()) => Ok(Ppt::from_scaled_ppm(scaled)),
            Err(Errno::ERANGE) => Err(out_of_range),
            Err(errno) => steered(Err(errno)).map(|()| frequency),
        }
    }

    /// Has the clock's own servo move it by an offset; positive is ahead.
    ///
    /// [`PhcError::Unsupported`]: it has none ([`crate::Caps::phase_adjustment`]). [`PhcError::PhaseRange`]: more than it can;
    /// nothing was changed.
    pub fn adjust_phase(&self, by: Nanos) -> Result<(), PhcError> {
        let fd = self.writable()?;
        let limit = self.caps().phase_adjustment.ok_or(PhcError::Unsupported)?;
        let out_of_range = PhcError::PhaseRange { asked: by, limit };
        let offset = i32::try_from(by.get()).map_err(|_| out_of_range)?;
        if by.abs() > limit {
            return Err(out_of_range);
        }
        match unless_interrupted(|| adjust::phase(fd, offset)) {
            Err(Errno::ERANGE) => Err(out_of_range),
            answer => steered(answer),
        }
    }
}

/// The kernel's answer to a change.
fn steered(answer: Result<(), Errno>) -> Result<(), PhcError> {
    match answer {
        Err(Errno::EBUSY) => Err(PhcError::Vclocks),
        answer => Ok(answer?),
    }
}

/// How an offset is worked off by running faster or slower for a while.
///
/// ```no_run
/// # use tgm_phc::{Phc, PhcError, Ppb, Slew};
/// # use tgm_time::Nanos;
/// # fn f(phc: &Phc) -> Result<(), PhcError> {
/// let before = phc.frequency()?;
/// if let Some(slew) = Slew::plan(Nanos(-40_000), Ppb(100_000)) {
///     phc.set_frequency(before + slew.rate)?;
///     std::thread::sleep(std::time::Duration::from_nanos(slew.duration.get().unsigned_abs())); // 0.4 s
///     phc.set_frequency(before)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slew {
    /// Added to the frequency while it lasts.
    pub rate: Ppt,
    /// How long it lasts.
    pub duration: Nanos,
}

impl Slew {
    /// Moves a clock by `by`, positive is ahead, with at most `rate`, which is above zero. `None`: no such rate, or it would take
    /// longer than 292 years.
    pub fn plan(by: Nanos, rate: Ppb) -> Option<Self> {
        let rate = Ppt(i64::from(u32::try_from(rate.0).ok().filter(|rate| *rate > 0)?) * 1_000);
        let duration = i128::from(by.get().unsigned_abs()) * 1_000_000_000_000 / i128::from(rate.0);
        Some(Slew {
            rate: if by < Nanos::ZERO { -rate } else { rate },
            duration: Nanos(i64::try_from(duration).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slew_is_as_long_as_its_rate_makes_it() {
        let slew = |by, rate| Slew::plan(Nanos(by), Ppb(rate));
        let planned = |rate, duration| {
            Some(Slew {
                rate: Ppt(rate),
                duration: Nanos(duration),
            })
        };
        assert_eq!(slew(1_000, 500), planned(500_000, 2_000_000_000));
        assert_eq!(slew(-40_000, 100_000), planned(-100_000_000, 400_000_000));
        assert_eq!(slew(0, 1), planned(1_000, 0));
        assert_eq!(slew(1, 0), None);
        assert_eq!(slew(1, -5), None);
        assert_eq!(slew(i64::MAX, 1), None);
    }

    #[test]
    fn a_clock_that_carries_virtual_ones_says_so() {
        assert_eq!(steered(Err(Errno::EBUSY)), Err(PhcError::Vclocks));
        assert_eq!(steered(Err(Errno::EOPNOTSUPP)), Err(PhcError::Unsupported));
        assert_eq!(steered(Ok(())), Ok(()));
    }
}
