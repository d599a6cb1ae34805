//! Periodic outputs of a clock (`struct ptp_perout_request`).

use std::os::fd::AsFd;

use tgm_sys::ptp::{self, ClockTime, PeroutRequest};
use tgm_time::{Nanos, Phc as PhcScale, Time};

use crate::device::Phc;
use crate::error::{PhcError, unless_interrupted};

/// When a periodic signal begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeroutStart {
    /// The first rising edge comes at this time. Some drivers move one that has passed into the future, others refuse it.
    At(Time<PhcScale>),
    /// Rising edges come this far after multiples of the period, whenever the first may be; from 0 to below the period.
    Phase(Nanos),
}

/// A periodic signal.
///
/// ```
/// use tgm_phc::{Perout, PeroutStart};
/// use tgm_time::Nanos;
/// // A pulse a second, high for a tenth of it, on full seconds.
/// let pulse = Perout::new(Nanos::from_secs(1), PeroutStart::Phase(Nanos::ZERO)).high_for(Nanos::from_millis(100));
/// # let _ = pulse;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Perout {
    period: Nanos,
    start: PeroutStart,
    high: Option<Nanos>,
    one_shot: bool,
}

impl Perout {
    /// A signal of this period; how long it is high is the driver's choice, mostly half of the period.
    pub const fn new(period: Nanos, start: PeroutStart) -> Self {
        Perout {
            period,
            start,
            high: None,
            one_shot: false,
        }
    }

    /// High for `high` of each period: above zero and below the period. Few drivers can.
    #[must_use]
    pub const fn high_for(self, high: Nanos) -> Self {
        Perout {
            high: Some(high),
            ..self
        }
    }

    /// One pulse only. Few drivers can.
    #[must_use]
    pub const fn once(self) -> Self {
        Perout { one_shot: true, ..self }
    }

    /// The request; `None` if the times do not fit each other.
    fn request(self, channel: u32) -> Option<PeroutRequest> {
        let within = |time: Nanos, least: Nanos| time >= least && time < self.period;
        if self.period <= Nanos::ZERO || self.high.is_some_and(|high| !within(high, Nanos(1))) {
            return None;
        }
        let (start, phase) = match self.start {
            PeroutStart::At(time) => (time - Time::ZERO, 0),
            PeroutStart::Phase(phase) if within(phase, Nanos::ZERO) => (phase, PeroutRequest::PHASE),
            PeroutStart::Phase(_) => return None,
        };
        let duty = self.high.map_or(0, |_| PeroutRequest::DUTY_CYCLE);
        let once = if self.one_shot { PeroutRequest::ONE_SHOT } else { 0 };
        Some(PeroutRequest {
            start_or_phase: parts(start),
            period: parts(self.period),
            index: channel,
            flags: phase | duty | once,
            on: parts(self.high.unwrap_or(Nanos::ZERO)),
        })
    }
}

fn parts(time: Nanos) -> ClockTime {
    let time: Time<PhcScale> = Time::from_nanos(time.get());
    ClockTime {
        sec: time.secs(),
        nsec: time.subsec_nanos(),
        reserved: 0,
    }
}

impl Phc {
    /// Starts a periodic output, or replaces what the channel put out. The pin that shows it is set apart
    /// ([`Phc::set_pin_named`]). [`PhcError::Unsupported`]: the driver cannot do the duty cycle, the phase or the single pulse.
    /// **Changes the hardware**, for every user of the clock.
    pub fn start_perout(&self, channel: u32, signal: Perout) -> Result<(), PhcError> {
        let request = signal.request(channel).ok_or(PhcError::Period)?;
        self.perout(channel, request)
    }

    /// Stops a periodic output. **Changes the hardware**, for every user of the clock.
    pub fn stop_perout(&self, channel: u32) -> Result<(), PhcError> {
        let stop = PeroutRequest {
            index: channel,
            ..PeroutRequest::default()
        };
        self.perout(channel, stop)
    }

    fn perout(&self, channel: u32, request: PeroutRequest) -> Result<(), PhcError> {
        self.writable()?;
        let channels = self.caps().periodic_outputs;
        if channel >= channels {
            return Err(PhcError::NoSuchChannel { channel, channels });
        }
        Ok(unless_interrupted(|| ptp::request_perout(self.as_fd(), request))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = Nanos::from_secs(1);

    #[test]
    fn a_request_says_what_was_asked_for() {
        let start = PeroutStart::At(Time::from_parts(1_800_000_000, 5));
        let request = Perout::new(Nanos::from_millis(1_500), start).request(3).unwrap();
        assert_eq!((request.index, request.flags, request.on), (3, 0, ClockTime::default()));
        assert_eq!(
            (request.start_or_phase.sec, request.start_or_phase.nsec),
            (1_800_000_000, 5)
        );
        assert_eq!((request.period.sec, request.period.nsec), (1, 500_000_000));

        let signal = Perout::new(SECOND, PeroutStart::Phase(Nanos(7)));
        let request = signal.high_for(Nanos::from_millis(100)).once().request(0).unwrap();
        assert_eq!(request.flags, 1 | 2 | 4);
        assert_eq!((request.start_or_phase.nsec, request.on.nsec), (7, 100_000_000));
    }

    #[test]
    fn times_that_do_not_fit_are_refused() {
        let at_once = PeroutStart::Phase(Nanos::ZERO);
        for bad in [
            Perout::new(Nanos::ZERO, at_once),
            Perout::new(Nanos(-1), at_once),
            Perout::new(SECOND, PeroutStart::Phase(SECOND)),
            Perout::new(SECOND, PeroutStart::Phase(Nanos(-1))),
            Perout::new(SECOND, at_once).high_for(Nanos::ZERO),
            Perout::new(SECOND, at_once).high_for(SECOND),
        ] {
            assert_eq!(bad.request(0), None, "{bad:?}");
        }
        assert!(
            Perout::new(SECOND, at_once)
                .high_for(SECOND - Nanos(1))
                .request(0)
                .is_some()
        );
    }
}
