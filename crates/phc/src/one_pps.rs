//! A pulse per second from whatever stamps it: a PHC's external timestamps, or the kernel's PPS subsystem.

use std::os::fd::{AsFd, BorrowedFd};

use tgm_time::{Mono, Nanos, Time};

use crate::error::PhcError;
use crate::extts::{ExttsReader, Stamp};
use crate::pps::PpsDevice;
use crate::watch::{PulseStatus, PulseWatch};

/// Watches a pulse per second. Polling it never waits and allocates nothing.
#[derive(Debug)]
pub struct OnePps(Source);

#[derive(Debug)]
enum Source {
    Extts(Box<ExttsReader>, PulseWatch),
    Pps(PpsDevice),
}

impl OnePps {
    /// By external timestamps; somebody must have asked the PHC for them.
    pub fn from_extts(reader: ExttsReader) -> Self {
        OnePps(Source::Extts(Box::new(reader), PulseWatch::new()))
    }

    /// By a source of the PPS subsystem.
    pub const fn from_pps(device: PpsDevice) -> Self {
        OnePps(Source::Pps(device))
    }

    /// Takes every pulse that waits and tells whether the signal is there and how far off it is: off the PHC's full second, or off
    /// that of `CLOCK_REALTIME`. To be called twice a second or more, and when [`AsFd`] is readable.
    pub fn poll(&mut self, now: Time<Mono>) -> Result<PulseStatus, PhcError> {
        match &mut self.0 {
            Source::Extts(reader, watch) => {
                let events = reader.read()?;
                let newest = events.last().map(|event| event.stamp);
                for event in events {
                    match event.stamp {
                        Stamp::At(time) => {
                            // Pulses that had to wait came as much earlier as their stamps are.
                            let waited = match newest {
                                Some(Stamp::At(newest)) => newest.since(time),
                                _ => Nanos::ZERO,
                            };
                            watch.note(now - waited, time - Time::ZERO);
                        }
                        Stamp::Offset(offset) => watch.note_offset(now, offset),
                    }
                }
                Ok(watch.status(now))
            }
            Source::Pps(device) => {
                device.poll(now)?;
                Ok(device.status(now))
            }
        }
    }
}

impl AsFd for OnePps {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Source::Extts(reader, _) => reader.as_fd(),
            Source::Pps(device) => device.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, write};

    fn event(second: i64, nanos: u32) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&second.to_ne_bytes());
        bytes[8..12].copy_from_slice(&nanos.to_ne_bytes());
        bytes
    }

    #[test]
    fn pulses_that_waited_are_as_old_as_their_stamps_say() {
        let (from, to) = pipe().unwrap();
        let mut signal = OnePps::from_extts(ExttsReader::over(from, 0));
        for second in 100..103 {
            write(&to, &event(second, 12)).unwrap();
        }
        let now = Time::from_parts(5_000, 0);
        let status = signal.poll(now).unwrap();
        assert_eq!(
            (status.present, status.offset, status.age),
            (true, Some(Nanos(12)), Some(Nanos::ZERO))
        );
        let later = signal.poll(now + Nanos::from_millis(1_501)).unwrap();
        assert_eq!((later.present, later.offset), (false, Some(Nanos(12))));
        drop(to);
        assert_eq!(signal.poll(now), Err(PhcError::Gone));
    }
}
