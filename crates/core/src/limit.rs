//! When an offset counts as lost: three samples in a row beyond its limit, or two beyond ten times the limit (requirements 1).

use tgm_time::Nanos;

/// Samples in a row beyond the limit that lose the condition.
const CONSECUTIVE: u8 = 3;
/// Samples in a row beyond [`GROSS`] times the limit that lose it.
const CONSECUTIVE_GROSS: u8 = 2;
/// What makes an excess gross.
const GROSS: i64 = 10;

/// An offset condition over consecutive samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OffsetJudge {
    beyond: u8,
    gross: u8,
}

impl OffsetJudge {
    /// Judges one sample; true if it alone is within the limit.
    #[inline]
    pub fn sample(&mut self, offset: Nanos, limit: Nanos) -> bool {
        self.judge(offset.abs(), limit)
    }

    /// The same with a limit of its own on either side of zero: true if the sample alone lies from `lowest` to `highest`.
    pub fn sample_between(&mut self, offset: Nanos, (lowest, highest): (Nanos, Nanos)) -> bool {
        let side = if offset < Nanos::ZERO { lowest } else { highest };
        self.judge(offset.abs(), side.abs())
    }

    #[inline]
    fn judge(&mut self, magnitude: Nanos, limit: Nanos) -> bool {
        if magnitude <= limit {
            self.reset();
            return true;
        }
        self.beyond = self.beyond.saturating_add(1);
        let gross = magnitude.0 > limit.0.saturating_mul(GROSS);
        self.gross = if gross { self.gross.saturating_add(1) } else { 0 };
        false
    }

    /// True once enough samples in a row were beyond.
    pub const fn is_out(&self) -> bool {
        self.beyond >= CONSECUTIVE || self.gross >= CONSECUTIVE_GROSS
    }

    /// Forgets: the next sample starts anew.
    pub fn reset(&mut self) {
        *self = OffsetJudge::default();
    }
}

/// True if the root sum of squares of three offsets is within `limit`.
pub fn within_rss(offsets: [Nanos; 3], limit: Nanos) -> bool {
    let limit = limit.0.unsigned_abs();
    let magnitudes = offsets.map(|offset| offset.0.unsigned_abs());
    if magnitudes.iter().any(|magnitude| *magnitude > limit) {
        return false; // one alone is too much
    }
    if limit < 1 << 31 {
        return magnitudes.iter().map(|n| n * n).sum::<u64>() <= limit * limit;
    }
    let square = |n: u64| u128::from(n) * u128::from(n);
    magnitudes.into_iter().map(square).sum::<u128>() <= square(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Nanos = Nanos(100);

    fn out_after(samples: &[i64]) -> bool {
        let mut judge = OffsetJudge::default();
        for sample in samples {
            judge.sample(Nanos(*sample), LIMIT);
        }
        judge.is_out()
    }

    #[test]
    fn three_in_a_row_beyond_the_limit() {
        assert!(!out_after(&[101, -101]));
        assert!(out_after(&[101, -101, 101]));
        assert!(!out_after(&[101, 101, 100, 101, 101]));
    }

    #[test]
    fn two_in_a_row_beyond_ten_times_the_limit() {
        assert!(!out_after(&[1_001]));
        assert!(out_after(&[1_001, -1_001]));
        assert!(!out_after(&[1_001, 101]));
        assert!(!out_after(&[1_000, 1_000]));
    }

    #[test]
    fn each_side_of_a_range_has_its_own_limit() {
        let range = (Nanos(-90), Nanos(80));
        let good = |offset| OffsetJudge::default().sample_between(Nanos(offset), range);
        assert!(good(80) && good(-90) && good(0));
        assert!(!good(81) && !good(-91));
        let out_after = |samples: [i64; 2]| {
            let mut judge = OffsetJudge::default();
            for sample in samples {
                judge.sample_between(Nanos(sample), range);
            }
            judge.is_out()
        };
        assert!(out_after([801, -901]), "ten times its own side's");
        assert!(!out_after([801, -900]) && !out_after([800, -901]));
    }

    #[test]
    fn the_sum_of_three_good_offsets_can_be_too_much() {
        assert!(within_rss([Nanos(60), Nanos(-60), Nanos(50)], LIMIT));
        assert!(!within_rss([Nanos(60), Nanos(-60), Nanos(60)], LIMIT));
        assert!(!within_rss([Nanos(i64::MIN), Nanos(i64::MIN), Nanos(i64::MIN)], LIMIT));
        assert!(!within_rss([Nanos(i64::MIN); 3], Nanos(i64::MIN)));
        assert!(within_rss([Nanos(i64::MIN), Nanos(0), Nanos(0)], Nanos(i64::MIN)));
    }
}
