//! What cannot move so fast: frequencies of oscillators. A spoofer who drags a pulse has to drag the frequency behind it.
//!
//! * [`InputFrequency`]: the card's own oscillator against the pulse that it follows, where the card shows that.
//!   An oscillator's frequency moves by parts per billion in hours; a pulse that walks 3 ns/s is 3 ppb off at once, however small Φ
//!   stays. What was learned in lock moves on at the oscillator's pace only, so a spoofer does not become the reference by patience.
//! * [`ReceiverDrift`]: the drift that the receiver finds in its own crystal. It says nothing about a slow walk, for a crystal
//!   without an oven wanders as fast; a capture that pulls the solution at once moves it farther than warmth does.
//!
//! Where the DPLL does not measure its input (E810), a walk below 5 ns/s is not observable at all: the DPLL follows it with a lag
//! below the limits, and every other clock of the node is a crystal, or follows the DPLL.

use tgm_time::{Mono, Nanos, Time};

use crate::fresh::Fresh;
use crate::limit::OffsetJudge;

/// Parts per trillion; 1000 of them are 1 ns/s.
pub type Ppt = i64;

/// A measured frequency counts for this long.
const FRESH: Nanos = Nanos::from_secs(60);
/// Measurements in lock before there is a reference.
const SETTLED: u16 = 30;
/// How fast an oscillator's frequency may move for good: one ppt in this time, which is 3 ppb in an hour.
const PACE: i64 = 1_200_000_000;

/// The frequency of the followed pulse against the oscillator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InputFrequency {
    /// The mean while it settles, then what the oscillator can be expected to show, 1/16 ppt.
    reference: i64,
    settled: u16,
    /// Up to when the reference was moved on.
    moved: Option<Time<Mono>>,
    judge: OffsetJudge,
    fresh: Fresh,
}

impl InputFrequency {
    /// Takes a measurement; `in_lock`: the pulse is trusted otherwise, so that one may learn from it. `limit`: beyond this from what
    /// the oscillator can be expected to show, the pulse walks. True if that verdict is new.
    pub fn measured(&mut self, at: Time<Mono>, ppt: Ppt, in_lock: bool, limit: Ppt) -> bool {
        let was = self.is_out();
        let value = ppt.saturating_mul(16);
        self.fresh = Fresh::at(at, FRESH);
        if self.settled < SETTLED {
            if in_lock {
                self.settled += 1;
                let share = i64::from(self.settled.min(64));
                let step = value.saturating_sub(self.reference) / share;
                self.reference = self.reference.saturating_add(step);
                self.moved = Some(at);
            }
            return was;
        }
        let away = value.saturating_sub(self.reference);
        self.judge.sample(Nanos(away / 16), Nanos(limit));
        let passed = self.moved.map_or(0, |moved| at.since(moved).0.max(0));
        let pace = passed / (PACE / 16);
        if pace > 0 {
            self.moved = Some(at);
            self.reference = self.reference.saturating_add(away.clamp(-pace, pace));
        }
        self.is_out() != was
    }

    /// True while the pulse walks. Without measurements the last verdict stands: a pulse that is detached proves nothing.
    pub const fn is_out(&self) -> bool {
        self.judge.is_out()
    }

    /// Forgets the verdict if nothing is measured any more, for a clock that claims nothing.
    pub fn forget(&mut self, now: Time<Mono>) {
        if !self.fresh.holds(now) {
            self.judge.reset();
        }
    }
}

/// How far the drift of a receiver's crystal may move within one to two strides, ns/s.
const DRIFT_LIMIT: Nanos = Nanos(100);
/// How long a drift stands before it becomes the one that is looked back at.
const STRIDE: Nanos = Nanos::from_secs(8);

/// The drift of the receiver's own crystal, now and some seconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceiverDrift {
    older: Nanos,
    newer: Nanos,
    stands: Fresh,
    judge: OffsetJudge,
}

impl ReceiverDrift {
    /// Takes a drift, ns/s, of an epoch with a good fix. After a gap it starts anew: a crystal is free to wander while nobody looks.
    #[inline]
    pub fn take(&mut self, at: Time<Mono>, drift: Nanos) {
        if at > self.stands.end() + STRIDE {
            *self = ReceiverDrift::default();
        }
        if !self.stands.holds(at) {
            self.older = if self.stands.is_never() { drift } else { self.newer };
            self.newer = drift;
            self.stands = Fresh::at(at, STRIDE);
        }
        self.judge
            .sample(Nanos(drift.0.saturating_sub(self.older.0)), DRIFT_LIMIT);
    }

    /// True while it moved farther than a crystal does, three epochs in a row.
    pub const fn is_out(&self) -> bool {
        self.judge.is_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    /// Settled at 40 ppt with some noise, until second 300.
    fn settled() -> InputFrequency {
        let mut frequency = InputFrequency::default();
        for s in 270..300 {
            assert!(!frequency.measured(at(s), 40 + (s * 37) % 41 - 20, true, 2_000));
        }
        assert!((35..=45).contains(&(frequency.reference / 16)), "{frequency:?}");
        frequency
    }

    #[test]
    fn a_walk_of_three_ns_per_s_is_out_after_three_measurements_and_stays_out() {
        for ppt in [3_000, -3_000] {
            let mut frequency = settled();
            assert!(!frequency.measured(at(300), ppt, true, 2_000));
            assert!(!frequency.measured(at(301), ppt, true, 2_000));
            assert!(frequency.measured(at(302), ppt, true, 2_000), "new");
            for s in 303..1_200 {
                assert!(!frequency.measured(at(s), ppt, true, 2_000));
            }
            assert!(frequency.is_out(), "a quarter of an hour makes no reference of it");
            assert!(frequency.measured(at(1_200), 60, true, 2_000), "over");
            assert!(!frequency.is_out());
        }
    }

    #[test]
    fn what_an_oscillator_does_by_itself_is_followed() {
        let mut frequency = settled();
        for s in 300..20_000 {
            assert!(
                !frequency.measured(at(s), 40 + (s - 300) / 2, true, 2_000),
                "1.8 ppb an hour"
            );
        }
        assert!(!frequency.is_out());
    }

    #[test]
    fn nothing_is_learned_out_of_lock_and_a_verdict_outlives_silence_until_it_is_forgotten() {
        let mut frequency = InputFrequency::default();
        for s in 0..1_000 {
            frequency.measured(at(s), 9_000, false, 2_000);
        }
        assert_eq!((frequency.settled, frequency.is_out()), (0, false));
        let mut frequency = settled();
        for s in 300..303 {
            frequency.measured(at(s), 9_000, true, 2_000);
        }
        frequency.forget(at(302) + Nanos::from_secs(59));
        assert!(frequency.is_out(), "it is still measured");
        frequency.forget(at(302) + Nanos::from_secs(60));
        assert!(!frequency.is_out());
    }

    #[test]
    fn a_crystal_may_wander_and_not_leap() {
        let out = |drift: &dyn Fn(i64) -> i64| {
            let mut judge = ReceiverDrift::default();
            (0..300).find(|s| {
                judge.take(at(*s), Nanos(drift(*s)));
                judge.is_out()
            })
        };
        assert_eq!(out(&|s| 400 + 5 * s), None, "warming up");
        assert_eq!(out(&|s| if s < 100 { 0 } else { 100 }), None);
        assert_eq!(out(&|s| if s < 100 { 0 } else { 101 }), Some(102));
        assert_eq!(out(&|s| if s < 100 { 0 } else { -101 }), Some(102));
        assert_eq!(out(&|s| if s == 100 { 0 } else { 500 }), None, "one epoch");
        let mut judge = ReceiverDrift::default();
        for s in (0..10).chain(27..40) {
            judge.take(at(s), Nanos(if s < 10 { 0 } else { 500 }));
        }
        assert!(!judge.is_out(), "after a gap it starts anew");
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let mut frequency = settled();
        let mut drift = ReceiverDrift::default();
        for (s, value) in (300..).zip([i64::MIN, i64::MAX, i64::MIN, i64::MAX]) {
            frequency.measured(at(s), value, true, i64::MAX);
            drift.take(at(s), Nanos(value));
        }
    }
}
