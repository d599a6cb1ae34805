//! A small generator of random numbers: the same seed gives the same run on every machine.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): one addition and one mix per number. Only additions, multiplications and divisions of
//! IEEE doubles are used on top, no library function whose last digit depends on the platform.

/// Step of the SplitMix64 counter: 2⁶⁴ divided by the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator. Not for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator that begins at `seed`; `stream` separates users of the same seed.
    pub const fn new(seed: u64, stream: u64) -> Self {
        Rng(mix(seed ^ mix(stream.wrapping_add(STEP))))
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// 0 up to, not including, 1.
    #[allow(clippy::cast_precision_loss)] // 53 bits fit a double exactly
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `low` up to, not including, `high`; `low` if there is nothing between.
    pub const fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low);
        if span <= 0 {
            return low;
        }
        low.saturating_add((self.bits() % span.unsigned_abs()).cast_signed())
    }

    /// True in a share of `chance` (0…1) of all calls.
    pub fn chance(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    /// Close to normal with mean 0 and deviation 1, never beyond ±6: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_another_stream_does_not() {
        let run = |seed, stream| {
            let mut rng = Rng::new(seed, stream);
            [rng.bits(), rng.bits(), rng.bits()]
        };
        assert_eq!(run(3, 1), run(3, 1));
        assert_ne!(run(3, 1), run(3, 2));
        assert_ne!(run(3, 1), run(4, 1));
    }

    #[test]
    fn ranges_are_half_open() {
        let mut rng = Rng::new(1, 1);
        let drawn: Vec<i64> = (0..1_000).map(|_| rng.between(-2, 2)).collect();
        for value in -2..2 {
            assert!(drawn.contains(&value));
        }
        assert!(drawn.iter().all(|value| (-2..2).contains(value)));
        assert_eq!(rng.between(5, 5), 5);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut rng = Rng::new(7, 0);
        let n = 20_000;
        let drawn: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(n);
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }
}
