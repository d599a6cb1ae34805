//! A card's clock as a source of observations for the node's loop.
//!
//! The loop calls [`PhcSource::sample`] on its timer and [`PhcSource::pulses`] when [`PhcSource::pulse_fd`] is readable. Neither waits, allocates,
//! or asks the kernel for more than a handful of answers.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_core::{Instance, Observation, Port, Reading};
use tgm_time::{Mono, Nanos, Phc as PhcScale, Time};

use crate::device::Phc;
use crate::error::PhcError;
use crate::extts::{ExttsEvent, ExttsReader, Stamp};
use crate::offset::{OffsetMeter, SysOffset};
use crate::stamper::Stamper;
use crate::track::PulseStats;

/// Stamps of one read lie at most this far before its newest: what a full queue of a pulse a second spans.
const OLDEST_IN_QUEUE: Nanos = Nanos::from_secs(128);

/// One card's clock. `C` is [`Phc`], or a simulated clock.
#[derive(Debug)]
pub struct PhcSource<C = Phc> {
    clock: C,
    meter: OffsetMeter,
    pulses: Option<ExttsReader>,
    instance: Instance,
    port: Port,
    last: Option<SysOffset>,
    last_error: Option<PhcError>,
    errors: u64,
    gone: bool,
}

impl<C: Stamper> PhcSource<C> {
    /// A source that measures `clock` with `meter`, and reads its pulses if there is a reader for them.
    pub const fn new(
        clock: C,
        meter: OffsetMeter,
        pulses: Option<ExttsReader>,
        instance: Instance,
        port: Port,
    ) -> Self {
        PhcSource {
            clock,
            meter,
            pulses,
            instance,
            port,
            last: None,
            last_error: None,
            errors: 0,
            gone: false,
        }
    }

    /// Measures the clock against the system clock, once. `None`: it failed, see [`PhcSource::last_error`]. A device that is
    /// gone is told once; from then on the source is silent and wants to be replaced by one that opens the device again.
    pub fn sample(&mut self, now: Time<Mono>) -> Option<Observation> {
        if self.gone {
            return None;
        }
        match self.meter.measure(&self.clock) {
            Ok(measured) => {
                self.last = Some(measured);
                let reading = Reading::SystemClock {
                    offset: measured.offset,
                    uncertainty: measured.uncertainty(),
                };
                Some(self.observation(now, reading))
            }
            Err(error) => self.failed(error, now),
        }
    }

    /// Hands every waiting pulse (at most [`crate::PULSES_PER_READ`]) to `sink`, oldest first, and answers how many there were.
    /// Pulses that had to wait are dated back by their distance to the newest.
    pub fn pulses(&mut self, now: Time<Mono>, mut sink: impl FnMut(Observation)) -> usize {
        if self.gone {
            return 0;
        }
        let Some(reader) = self.pulses.as_mut() else { return 0 };
        let (instance, port) = (self.instance, self.port);
        match reader.read() {
            Ok(events) => {
                let newest = events.last().map(|event| event.stamp);
                let mut told = 0;
                for event in events {
                    // A stamp without a second of its own tells how far off the clock is, not which second it shows.
                    let Stamp::At(time) = event.stamp else { continue };
                    let at = now - waited(*event, newest);
                    let (second, offset) = nearest_second(time);
                    sink(Observation {
                        at,
                        instance,
                        port,
                        what: Reading::Pulse { second, offset },
                    });
                    told += 1;
                }
                told
            }
            Err(error) => {
                if let Some(gone) = self.failed(error, now) {
                    sink(gone);
                    return 1;
                }
                0
            }
        }
    }

    /// What becomes readable when a pulse came, for the loop's epoll.
    pub fn pulse_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pulses.as_ref().map(AsFd::as_fd)
    }

    /// The clock itself.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The last measurement that succeeded.
    pub const fn last(&self) -> Option<SysOffset> {
        self.last
    }

    /// Why the last failure failed.
    pub const fn last_error(&self) -> Option<PhcError> {
        self.last_error
    }

    /// Failures so far.
    pub const fn errors(&self) -> u64 {
        self.errors
    }

    /// True once the device is gone.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// What the pulse reader counted, if there is one.
    pub fn pulse_stats(&self) -> Option<PulseStats> {
        self.pulses.as_ref().map(ExttsReader::stats)
    }

    fn failed(&mut self, error: PhcError, now: Time<Mono>) -> Option<Observation> {
        self.last_error = Some(error);
        self.errors = self.errors.saturating_add(1);
        self.gone = error == PhcError::Gone;
        self.gone.then(|| self.observation(now, Reading::PhcGone))
    }

    const fn observation(&self, at: Time<Mono>, what: Reading) -> Observation {
        Observation {
            at,
            instance: self.instance,
            port: self.port,
            what,
        }
    }
}

/// How long a stamp has been waiting when the newest of its read arrives.
fn waited(event: ExttsEvent, newest: Option<Stamp>) -> Nanos {
    match (event.stamp, newest) {
        (Stamp::At(time), Some(Stamp::At(newest))) => {
            let waited = newest.since(time);
            if waited > OLDEST_IN_QUEUE { Nanos::ZERO } else { waited }
        }
        _ => Nanos::ZERO,
    }
}

/// The full second nearest to `time`, and how far behind it `time` lies: −0.5 s … +0.5 s.
pub fn nearest_second(time: Time<PhcScale>) -> (i64, Nanos) {
    let second = (time + Nanos::from_millis(500)).secs();
    (second, time - Time::from_parts(second, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::unistd::{pipe, write};
    use std::cell::Cell;
    use tgm_sys::ptp::{self, ClockTime, SysOffsetExtended, SysOffsetPrecise};

    /// A clock 37 s and 12 ns ahead, read within 9 ns; or an error.
    struct Clock(Cell<Result<(), Errno>>);

    impl Stamper for Clock {
        fn precise(&self) -> Result<SysOffsetPrecise, Errno> {
            Err(Errno::EOPNOTSUPP)
        }
        fn extended(&self, samples: u32) -> Result<SysOffsetExtended, Errno> {
            self.0.get()?;
            let t = |sec, nsec| ClockTime { sec, nsec, reserved: 0 };
            let mut stamps = SysOffsetExtended {
                n_samples: samples,
                ..SysOffsetExtended::default()
            };
            stamps.ts.fill([t(100, 0), t(137, 16), t(100, 9)]);
            Ok(stamps)
        }
        fn basic(&self, _: u32) -> Result<ptp::SysOffset, Errno> {
            Err(Errno::ENODEV)
        }
    }

    const NOW: Time<Mono> = Time::from_nanos(9_000_000_000);

    fn source(pulses: Option<ExttsReader>) -> PhcSource<Clock> {
        PhcSource::new(
            Clock(Cell::new(Ok(()))),
            OffsetMeter::default(),
            pulses,
            Instance(3),
            Port(4),
        )
    }

    fn event(sec: i64, nsec: u32, flags: u32) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0..8].copy_from_slice(&sec.to_ne_bytes());
        bytes[8..12].copy_from_slice(&nsec.to_ne_bytes());
        bytes[20..24].copy_from_slice(&flags.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_sample_is_an_observation_of_its_card() {
        let mut source = source(None);
        let seen = source.sample(NOW).unwrap();
        assert_eq!((seen.at, seen.instance, seen.port), (NOW, Instance(3), Port(4)));
        assert_eq!(
            seen.what,
            Reading::SystemClock {
                offset: Nanos(37_000_000_012),
                uncertainty: Nanos(5)
            }
        );
    }

    #[test]
    fn a_fault_is_counted_and_passes_and_a_loss_is_told_once() {
        let mut source = source(None);
        source.clock.0.set(Err(Errno::EIO));
        assert_eq!(source.sample(NOW), None);
        assert_eq!(
            (source.errors(), source.last_error()),
            (1, Some(PhcError::Kernel(Errno::EIO)))
        );
        source.clock.0.set(Ok(()));
        assert!(source.sample(NOW).is_some());
        source.clock.0.set(Err(Errno::ENODEV));
        assert_eq!(source.sample(NOW).map(|seen| seen.what), Some(Reading::PhcGone));
        assert_eq!(source.sample(NOW), None);
        assert!(source.is_gone());
    }

    #[test]
    fn pulses_tell_their_second_and_when_they_came() {
        let (from, to) = pipe().unwrap();
        let mut source = source(Some(ExttsReader::over(from, 0)));
        write(&to, &event(1_800_000_000, 12, 1)).unwrap();
        write(&to, &event(1_800_000_000, 999_999_990, 1)).unwrap();
        let mut seen = Vec::new();
        assert_eq!(source.pulses(NOW, |observation| seen.push(observation)), 2);
        assert_eq!(
            seen[0].what,
            Reading::Pulse {
                second: 1_800_000_000,
                offset: Nanos(12)
            }
        );
        assert_eq!(
            seen[1].what,
            Reading::Pulse {
                second: 1_800_000_001,
                offset: Nanos(-10)
            }
        );
        assert_eq!((seen[0].at, seen[1].at), (NOW - Nanos(999_999_978), NOW));
        assert_eq!(source.pulses(NOW, |_| panic!("no pulse is left")), 0);
    }

    #[test]
    fn pulses_across_a_set_clock_are_not_dated_into_nowhere() {
        let (from, to) = pipe().unwrap();
        let mut source = source(Some(ExttsReader::over(from, 0)));
        for second in [1_800_000_000, 5, 1_800_000_001] {
            write(&to, &event(second, 0, 1)).unwrap();
        }
        let mut at = Vec::new();
        source.pulses(NOW, |observation| at.push(observation.at));
        assert_eq!(at, [NOW - Nanos::from_secs(1), NOW, NOW]);
    }

    #[test]
    fn the_nearest_second_at_its_borders() {
        let of = |sec, nsec| nearest_second(Time::from_parts(sec, nsec));
        assert_eq!(of(10, 499_999_999), (10, Nanos(499_999_999)));
        assert_eq!(of(10, 500_000_000), (11, Nanos(-500_000_000)));
        assert_eq!(of(-1, 999_999_999), (0, Nanos(-1)));
    }

    #[test]
    fn a_reader_that_ends_is_a_clock_that_is_gone() {
        let (from, to) = pipe().unwrap();
        drop(to);
        let mut source = source(Some(ExttsReader::over(from, 0)));
        let mut seen = Vec::new();
        assert_eq!(source.pulses(NOW, |observation| seen.push(observation.what)), 1);
        assert_eq!(seen, [Reading::PhcGone]);
        assert_eq!(source.pulses(NOW, |_| panic!("told twice")), 0);
    }
}
