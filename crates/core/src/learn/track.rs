//! Follows the DPLLs through a holdover to its end: from the last phase offset before it to the first after relock.
//!
//! What the DPLL does counts, not what the T-GM state is: a holdover that went out of specification teaches as well. Nothing is
//! concluded before the card is Locked again: until then nobody knows that the pulse deserves it.

use tgm_time::{Femtos, Mono, Nanos, Time};

use super::history::{End, Origin};
use crate::dpll::D;

/// The first phase offset after relock comes within this time; later ones the loop has begun to pull in.
const PROMPT: Nanos = Nanos::from_secs(5);
/// A temperature has moved if it is this far from where it rested, mK.
const MOVED: i32 = 2_000;
/// And is moving for this long after it did.
const MOVING: Nanos = Nanos::from_secs(1_800);
/// A mean temperature is one only if readings cover a holdover without a longer gap.
const GAP: Nanos = Nanos::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Nothing to learn from.
    #[default]
    Idle,
    /// The DPLLs follow their input.
    Following,
    /// They hold since then; the phase offset was this.
    Holding { since: Time<Mono>, from: Femtos },
    /// They follow again; the next phase offset tells.
    Relocked {
        at: Time<Mono>,
        length: Nanos,
        from: Femtos,
    },
    /// It told; whether the pulse is to be believed is not known yet.
    Measured(End),
}

/// How warm it is beside the oscillator.
#[derive(Debug, Clone, Copy, Default)]
struct Warmth {
    /// The last reading, mK.
    last: Option<(Time<Mono>, i32)>,
    /// Where it rested, and when it left an earlier place.
    rest: i32,
    moved: Option<Time<Mono>>,
    /// At the beginning of the holdover, mK; the sum of what it was above that, mK·ms.
    start: Option<i32>,
    sum: i64,
}

/// The present holdover, as the DPLLs tell it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Track {
    stage: Stage,
    warmth: Warmth,
}

impl Track {
    /// The verdict over the DPLLs, and the phase offset while it is fresh.
    pub fn follow(&mut self, now: Time<Mono>, d: D, phase: Option<Femtos>) {
        self.stage = match (self.stage, d) {
            (_, D::Free | D::Unobserved) => Stage::Idle,
            (Stage::Idle, D::Locked) => Stage::Following,
            (Stage::Following, D::Hold) => phase.map_or(Stage::Idle, |from| self.begin(now, from)),
            (Stage::Holding { since, from }, D::Locked) => Stage::Relocked {
                at: now,
                length: now.since(since),
                from,
            },
            (Stage::Relocked { .. } | Stage::Measured(_), D::Hold) => Stage::Idle,
            (same, D::Locked | D::Hold) => same,
        };
    }

    fn begin(&mut self, now: Time<Mono>, from: Femtos) -> Stage {
        let fresh = |(at, _): &(Time<Mono>, i32)| now.since(*at) <= GAP;
        self.warmth.start = self.warmth.last.filter(fresh).map(|(_, millikelvin)| millikelvin);
        self.warmth.sum = 0;
        Stage::Holding { since: now, from }
    }

    /// True while the next phase offset matters.
    pub const fn awaits_phase(&self) -> bool {
        matches!(self.stage, Stage::Relocked { .. })
    }

    /// Takes a phase offset, where one is awaited.
    pub fn phase(&mut self, at: Time<Mono>, to: Femtos) {
        let Stage::Relocked {
            at: relocked,
            length,
            from,
        } = self.stage
        else {
            return;
        };
        self.stage = if at.since(relocked) > PROMPT {
            Stage::Following
        } else {
            // Φ is the pin's time less the DPLL's: it falls while the DPLL gains.
            Stage::Measured(End {
                length,
                drift: Femtos(from.0.saturating_sub(to.0)),
                warmer: self.warmth.mean(length),
                origin: Origin::Holdover,
            })
        };
    }

    /// The end that was measured, once it is known to be one.
    pub fn take(&mut self) -> Option<End> {
        let Stage::Measured(end) = self.stage else { return None };
        self.stage = Stage::Following;
        Some(end)
    }

    /// Takes a temperature, mK.
    pub fn temperature(&mut self, at: Time<Mono>, millikelvin: i32) {
        let warmth = &mut self.warmth;
        if let Some((then, before)) = warmth.last {
            let gap = at.since(then);
            warmth.start = warmth.start.filter(|_| gap <= GAP);
            if let Some(start) = warmth.start {
                let above = i64::from(before) - i64::from(start);
                warmth.sum = warmth.sum.saturating_add(above.saturating_mul(gap.0 / 1_000_000));
            }
            if millikelvin.abs_diff(warmth.rest) >= MOVED.unsigned_abs() {
                (warmth.rest, warmth.moved) = (millikelvin, Some(at));
            }
        } else {
            warmth.rest = millikelvin;
        }
        warmth.last = Some((at, millikelvin));
    }

    /// True if the temperature left its place not long ago; `false` also where no sensor tells.
    pub fn is_temperature_moving(&self, now: Time<Mono>) -> bool {
        self.warmth.moved.is_some_and(|moved| now.since(moved) < MOVING)
    }

    /// By how much it has been warmer on average since the present holdover began, kelvin; 0 where no sensor tells.
    pub fn warmer(&self, now: Time<Mono>) -> f64 {
        let Stage::Holding { since, .. } = self.stage else {
            return 0.0;
        };
        f64::from(self.warmth.mean(now.since(since)).unwrap_or(0)) / 1e3
    }
}

impl Warmth {
    fn mean(&self, length: Nanos) -> Option<i32> {
        self.start?;
        i32::try_from(self.sum / (length.0 / 1_000_000).max(1)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHI: Femtos = Femtos(3_000_000);

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    fn held() -> Track {
        let mut track = Track::default();
        track.follow(at(0), D::Locked, Some(PHI));
        track.follow(at(100), D::Hold, Some(PHI));
        track.follow(at(200), D::Hold, None);
        track
    }

    #[test]
    fn a_holdover_is_measured_from_the_last_phase_to_the_first_and_told_when_it_is_confirmed() {
        let mut track = held();
        track.follow(at(4_100), D::Locked, None);
        assert!(track.awaits_phase());
        track.phase(at(4_101), Femtos(-120_000_000));
        track.phase(at(4_102), Femtos(-100_000_000));
        let end = track.take();
        assert_eq!(
            end.map(|end| (end.length, end.drift)),
            Some((Nanos::from_secs(4_000), Femtos(123_000_000)))
        );
        assert_eq!((track.take(), end.and_then(|end| end.warmer)), (None, None));
    }

    #[test]
    fn what_ends_otherwise_teaches_nothing() {
        for d in [D::Free, D::Unobserved] {
            let mut track = held();
            track.follow(at(300), d, None);
            track.follow(at(400), D::Locked, None);
            assert!(!track.awaits_phase());
        }
        let mut late = held();
        late.follow(at(4_100), D::Locked, None);
        late.phase(at(4_106), PHI);
        assert_eq!(late.take(), None);
        let mut again = held();
        again.follow(at(4_100), D::Locked, None);
        again.phase(at(4_101), PHI);
        again.follow(at(4_102), D::Hold, Some(PHI));
        assert_eq!(again.take(), None);
        let mut unknown = Track::default();
        unknown.follow(at(0), D::Locked, None);
        unknown.follow(at(1), D::Hold, None);
        unknown.follow(at(4_000), D::Locked, None);
        assert!(!unknown.awaits_phase());
    }

    #[test]
    fn the_mean_temperature_needs_readings_throughout() {
        let run = |step: usize| {
            let mut track = Track::default();
            track.temperature(at(0), 40_000);
            track.follow(at(0), D::Locked, Some(PHI));
            track.follow(at(60), D::Hold, Some(PHI));
            for second in (60..=4_060).step_by(step) {
                track.temperature(at(second), if second < 2_060 { 40_000 } else { 43_000 });
            }
            let moving = track.is_temperature_moving(at(2_100));
            track.follow(at(4_060), D::Locked, None);
            track.phase(at(4_061), PHI);
            (
                track.take().and_then(|end| end.warmer),
                moving,
                track.is_temperature_moving(at(4_060)),
            )
        };
        let (warmer, moving, later) = run(20);
        assert_eq!((warmer, moving, later), (Some(1_500), true, false));
        assert_eq!(run(400).0, None);
    }
}
