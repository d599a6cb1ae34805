//! Lock state of a clock that a servo steers, from its lines: cloud-event-proxy's rules where they are right.
//!
//! | last \ line | follows, in range | follows, out of range | no delay | does not follow |
//! |---|---|---|---|---|
//! | none, FREERUN | LOCKED | FREERUN | FREERUN | FREERUN |
//! | LOCKED | LOCKED | FREERUN | HOLDOVER | FREERUN |
//! | HOLDOVER | LOCKED | HOLDOVER | HOLDOVER | FREERUN |
//!
//! A clock whose port follows no more is in HOLDOVER too. Every holdover ends: `holdOverTimeout` after it began the clock runs free.

use tgm_core::ClockState;
use tgm_linuxptp::lines::Offset;
use tgm_time::{Mono, Nanos, Time};

/// `ptpClockThreshold` of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// An offset must be beyond this …
    pub min: Nanos,
    /// … and below this.
    pub max: Nanos,
    /// How long a holdover lasts.
    pub holdover: Nanos,
}

impl Thresholds {
    /// Whether an offset is in range; the limits themselves are not.
    pub fn admit(&self, offset: Nanos) -> bool {
        self.min < offset && offset < self.max
    }
}

/// What a line says of a servo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Servo {
    /// It follows.
    Follows,
    /// It has no delay to its source, or keeps the clock without one.
    Coasts,
    /// It does not follow.
    Free,
}

impl Servo {
    /// Of an offset line; `None` for a state without a name. ptp4l and phc2sys tell a delay as long as they know one.
    pub fn of(offset: &Offset<'_>, tells_delay: bool) -> Option<Self> {
        if offset.holdover || (tells_delay && offset.delay.is_none()) {
            return Some(Servo::Coasts);
        }
        Some(match offset.state.clock_state()? {
            ClockState::Locked => Servo::Follows,
            _ => Servo::Free,
        })
    }
}

/// The state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lock {
    /// `None`: nothing was told.
    pub state: Option<ClockState>,
    /// The last offset that was told.
    pub offset: Option<Nanos>,
    /// When its holdover ends.
    until: Option<Time<Mono>>,
}

impl Lock {
    /// Takes a sample.
    pub fn sample(&mut self, at: Time<Mono>, servo: Servo, offset: Nanos, thresholds: &Thresholds) {
        self.offset = Some(offset);
        let holds = self.state == Some(ClockState::Holdover);
        match servo {
            Servo::Follows if thresholds.admit(offset) => self.turn(ClockState::Locked),
            Servo::Follows if holds => {}
            Servo::Coasts if holds || self.state == Some(ClockState::Locked) => self.coast(at, thresholds),
            _ => self.turn(ClockState::Freerun),
        }
    }

    /// What it followed is there no more.
    pub fn coast(&mut self, at: Time<Mono>, thresholds: &Thresholds) {
        if self.state == Some(ClockState::Locked) {
            self.state = Some(ClockState::Holdover);
            self.until = Some(at + thresholds.holdover);
        }
    }

    /// Nothing steers it any more.
    pub fn lose(&mut self) {
        if self.state.is_some() {
            self.turn(ClockState::Freerun);
        }
        self.offset = None;
    }

    /// Takes a state that somebody else judged.
    pub fn judged(&mut self, state: ClockState, offset: Option<Nanos>) {
        self.turn(state);
        self.offset = offset;
    }

    /// Lets time pass.
    pub fn lapse(&mut self, now: Time<Mono>) {
        if self.until.is_some_and(|until| until <= now) {
            self.turn(ClockState::Freerun);
        }
    }

    /// When its holdover ends.
    pub fn deadline(&self) -> Option<Time<Mono>> {
        self.until
    }

    fn turn(&mut self, state: ClockState) {
        (self.state, self.until) = (Some(state), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Freerun, Holdover, Locked};

    const OURS: Thresholds = Thresholds {
        min: Nanos(-200),
        max: Nanos(200),
        holdover: Nanos::from_secs(3),
    };

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    /// A clock in `last`, after one more sample.
    fn after(last: Option<ClockState>, servo: Servo, offset: i64) -> Option<ClockState> {
        let mut lock = Lock::default();
        if let Some(last) = last {
            lock.sample(
                at(0),
                Servo::Follows,
                Nanos(if last == Freerun { 900 } else { 1 }),
                &OURS,
            );
        }
        if last == Some(Holdover) {
            lock.coast(at(0), &OURS);
        }
        assert_eq!(lock.state, last);
        lock.sample(at(1), servo, Nanos(offset), &OURS);
        lock.state
    }

    #[test]
    fn the_table_of_transitions() {
        let rows = [
            (None, [Locked, Freerun, Freerun, Freerun]),
            (Some(Freerun), [Locked, Freerun, Freerun, Freerun]),
            (Some(Locked), [Locked, Freerun, Holdover, Freerun]),
            (Some(Holdover), [Locked, Holdover, Holdover, Freerun]),
        ];
        for (last, [in_range, out, no_delay, free]) in rows {
            for (servo, offset, expected) in [
                (Servo::Follows, 199, in_range),
                (Servo::Follows, -199, in_range),
                (Servo::Follows, 200, out),
                (Servo::Follows, -200, out),
                (Servo::Coasts, 6, no_delay),
                (Servo::Free, 6, free),
            ] {
                assert_eq!(
                    after(last, servo, offset),
                    Some(expected),
                    "{last:?} {servo:?} {offset}"
                );
            }
        }
    }

    #[test]
    fn every_holdover_ends_at_its_timeout_and_a_second_loss_does_not_put_it_off() {
        let mut lock = Lock::default();
        lock.sample(at(0), Servo::Follows, Nanos(5), &OURS);
        assert_eq!(lock.deadline(), None);
        lock.coast(at(1), &OURS);
        lock.coast(at(2), &OURS);
        lock.sample(at(3), Servo::Coasts, Nanos(9_000), &OURS);
        assert_eq!(lock.deadline(), Some(at(4)));
        lock.lapse(at(4) - Nanos(1));
        assert_eq!(lock.state, Some(Holdover));
        lock.lapse(at(4));
        assert_eq!((lock.state, lock.offset), (Some(Freerun), Some(Nanos(9_000))));
        assert_eq!(lock.deadline(), None);
    }

    #[test]
    fn a_lock_in_time_cancels_the_timeout() {
        let mut lock = Lock::default();
        lock.sample(at(0), Servo::Follows, Nanos(5), &OURS);
        lock.coast(at(1), &OURS);
        lock.sample(at(2), Servo::Follows, Nanos(6), &OURS);
        lock.lapse(at(60));
        assert_eq!(lock.state, Some(Locked));
    }

    #[test]
    fn a_clock_that_never_locked_has_no_holdover() {
        let mut lock = Lock::default();
        lock.coast(at(1), &OURS);
        assert_eq!((lock.state, lock.deadline()), (None, None));
        lock.lose();
        assert_eq!(lock.state, None);
    }
}
