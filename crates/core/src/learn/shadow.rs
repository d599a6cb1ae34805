//! Holdovers that never were: where a card shows its oscillator's frequency while its clock is locked, the drift that nobody would have
//! corrected is the sum of what the frequency strayed from where it stood at the beginning.
//!
//! One is played through after the other, of one, two and four hours in turn. The frequency at the beginning is a mean of ten minutes:
//! what a loop that lost its input would go on with.

use tgm_time::{Femtos, Mono, Nanos, Time};

use super::history::{End, Origin};

/// How long the frequency is averaged before one begins.
const BEFORE: Nanos = Nanos::from_secs(600);
/// How long they are, in turn.
const LENGTHS: [Nanos; 3] = [
    Nanos::from_secs(3_600),
    Nanos::from_secs(7_200),
    Nanos::from_secs(14_400),
];
/// A longer gap between readings ends it.
const GAP: Nanos = Nanos::from_secs(60);

/// A sum of a frequency over time, fs/s·ns, and since when.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    value: i128,
    over: Nanos,
    /// The same of the temperature, mK·ms, while it was known throughout.
    warmth: Option<i64>,
}

/// One after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shadow {
    last: Option<(Time<Mono>, i64)>,
    before: Sum,
    /// The frequency and the temperature that it began with, once it has.
    from: Option<(i64, Option<i32>)>,
    sum: Sum,
    turn: u8,
    temperature: Option<i32>,
}

impl Shadow {
    /// The clock is not locked, so its frequency says nothing.
    pub fn interrupt(&mut self) {
        if self.last.is_some() {
            *self = Shadow {
                turn: self.turn,
                temperature: self.temperature,
                ..Shadow::default()
            };
        }
    }

    /// Takes a temperature, mK.
    pub const fn temperature(&mut self, millikelvin: i32) {
        self.temperature = Some(millikelvin);
    }

    /// Takes a frequency, fs/s; an end where one is reached.
    pub fn frequency(&mut self, at: Time<Mono>, fs_per_s: i64) -> Option<End> {
        let (then, before) = self.last.replace((at, fs_per_s))?;
        let gap = at.since(then);
        if gap > GAP || gap < Nanos::ZERO {
            self.interrupt();
            self.last = Some((at, fs_per_s));
            return None;
        }
        let Some((reference, start)) = self.from else {
            self.before.add(before, gap, None);
            if self.before.over >= BEFORE {
                let mean = self.before.value / i128::from(self.before.over.0.max(1));
                self.from = Some((i64::try_from(mean).unwrap_or(0), self.temperature));
                self.sum = Sum {
                    warmth: self.temperature.map(|_| 0),
                    ..Sum::default()
                };
            }
            return None;
        };
        let warmer = start
            .zip(self.temperature)
            .map(|(start, now)| i64::from(now) - i64::from(start));
        self.sum.add(before.saturating_sub(reference), gap, warmer);
        let length = LENGTHS.get(usize::from(self.turn) % LENGTHS.len()).copied()?;
        if self.sum.over < length {
            return None;
        }
        let end = End {
            length: self.sum.over,
            drift: Femtos(i64::try_from(self.sum.value / 1_000_000_000).unwrap_or(i64::MAX)),
            warmer: self
                .sum
                .warmth
                .and_then(|sum| i32::try_from(sum / (self.sum.over.0 / 1_000_000).max(1)).ok()),
            origin: Origin::InLock,
        };
        self.turn = self.turn.wrapping_add(1);
        self.interrupt();
        self.last = Some((at, fs_per_s));
        Some(end)
    }
}

impl Sum {
    fn add(&mut self, value: i64, over: Nanos, warmer: Option<i64>) {
        self.value = self.value.saturating_add(i128::from(value) * i128::from(over.0));
        self.over = self.over + over;
        let more = |warmer: i64| warmer.saturating_mul(over.0 / 1_000_000);
        self.warmth = self
            .warmth
            .zip(warmer)
            .map(|(sum, warmer)| sum.saturating_add(more(warmer)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time<Mono> {
        Time::from_parts(s, 0)
    }

    /// Feeds a reading every ten seconds and returns the ends.
    fn feed(shadow: &mut Shadow, seconds: core::ops::Range<i64>, frequency: impl Fn(i64) -> i64) -> ([End; 4], usize) {
        let (mut ends, mut n) = ([End::default(); 4], 0);
        for s in seconds.step_by(10) {
            if let Some(end) = shadow.frequency(at(s), frequency(s))
                && let Some(slot) = ends.get_mut(n)
            {
                (*slot, n) = (end, n + 1);
            }
        }
        (ends, n)
    }

    #[test]
    fn a_frequency_that_stands_drifts_nowhere_and_one_that_ages_does() {
        let (ends, n) = feed(&mut Shadow::default(), 0..20_000, |_| -5_000_000);
        assert_eq!(n, 2);
        assert!(
            ends.iter()
                .take(n)
                .all(|end| end.drift == Femtos(0) && end.origin == Origin::InLock)
        );
        let hours = |end: &End| end.length.0 / 3_600_000_000_000;
        assert_eq!((hours(&ends[0]), hours(&ends[1])), (1, 2));
        // 1 fs/s per second: ½·t² and the five minutes by which the mean lags.
        let (ends, _) = feed(&mut Shadow::default(), 0..10_000, |s| s);
        let expected = 3_600 * 3_600 / 2 + 300 * 3_600;
        assert!(
            (ends[0].drift.0 - expected).abs() < 60_000,
            "{} {expected}",
            ends[0].drift.0
        );
    }

    #[test]
    fn an_interruption_begins_anew() {
        let mut shadow = Shadow::default();
        assert_eq!(feed(&mut shadow, 0..4_000, |_| 7).1, 0);
        shadow.interrupt();
        assert_eq!(
            feed(&mut shadow, 4_000..8_000, |_| 7).1,
            0,
            "ten minutes and an hour from here"
        );
        assert_eq!(feed(&mut shadow, 8_000..8_300, |_| 7).1, 1);
        assert_eq!(
            feed(&mut shadow, 8_400..15_600, |_| 7).1,
            0,
            "a gap of more than a minute"
        );
    }

    #[test]
    fn extreme_frequencies_do_not_overflow() {
        let mut shadow = Shadow::default();
        let (ends, n) = feed(
            &mut shadow,
            0..20_000,
            |s| if s % 20 == 0 { i64::MIN } else { i64::MAX },
        );
        assert!(n <= ends.len());
    }
}
