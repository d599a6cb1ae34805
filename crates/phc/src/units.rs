//! Units of a clock's frequency. The kernel's own is 2⁻¹⁶ ppm, "scaled ppm": 15.26 · 10⁻¹².

use std::fmt;
use std::ops::{Add, Neg, Sub};

/// Parts per billion (10⁻⁹).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppb(pub i32);

/// Parts per trillion (10⁻¹²).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ppt(pub i64);

impl Ppt {
    /// From the kernel's unit of a clock's frequency, 2⁻¹⁶ ppm; rounded towards zero.
    pub const fn from_scaled_ppm(scaled: i64) -> Self {
        // 10⁶ / 2¹⁶ = 15 625 / 1 024; what an adjustment can be (below 10⁹ ppb) times 15 625 fits.
        Ppt(scaled.saturating_mul(15_625) / 1_024)
    }

    /// In the kernel's unit of a clock's frequency, 2⁻¹⁶ ppm; rounded to the nearest, halves away from zero. What a clock is set
    /// to is therefore up to 7.63 · 10⁻¹² off.
    pub const fn to_scaled_ppm(self) -> i64 {
        let twice = self.0.saturating_mul(2 * 1_024);
        let half = if twice < 0 { -15_625 } else { 15_625 };
        twice.saturating_add(half) / (2 * 15_625)
    }

    /// Magnitude; the most negative value saturates.
    pub const fn abs(self) -> Self {
        Ppt(self.0.saturating_abs())
    }
}

impl From<Ppb> for Ppt {
    fn from(ppb: Ppb) -> Self {
        Ppt(i64::from(ppb.0) * 1_000)
    }
}

impl Add for Ppt {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Ppt(self.0.saturating_add(other.0))
    }
}

impl Sub for Ppt {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Ppt(self.0.saturating_sub(other.0))
    }
}

impl Neg for Ppt {
    type Output = Self;
    fn neg(self) -> Self {
        Ppt(self.0.saturating_neg())
    }
}

impl fmt::Display for Ppb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppb", self.0)
    }
}

impl fmt::Display for Ppt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppt", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scaled_ppm_is_parts_per_trillion() {
        assert_eq!(Ppt::from_scaled_ppm(65_536), Ppt(1_000_000));
        assert_eq!(Ppt::from_scaled_ppm(-1), Ppt(-15));
    }

    #[test]
    fn parts_per_billion_round_to_the_nearest_scaled_ppm() {
        // 1 ppb is 65.536 of them, 10 ppb 655.36, 1 000 ppb 65 536.
        for (ppb, scaled) in [(1, 66), (-1, -66), (10, 655), (-10, -655), (1_000, 65_536), (0, 0)] {
            assert_eq!(Ppt::from(Ppb(ppb)).to_scaled_ppm(), scaled, "{ppb} ppb");
        }
        assert_eq!(
            (Ppt(8).to_scaled_ppm(), Ppt(7).to_scaled_ppm(), Ppt(-8).to_scaled_ppm()),
            (1, 0, -1)
        );
        assert_eq!(
            Ppt(i64::MAX).to_scaled_ppm(),
            i64::MAX / 31_250,
            "saturates, does not wrap"
        );
    }

    proptest! {
        #[test]
        fn what_is_set_is_what_is_read_within_a_unit(ppt in -1_000_000_000_000i64..1_000_000_000_000) {
            let scaled = Ppt(ppt).to_scaled_ppm();
            prop_assert!((Ppt::from_scaled_ppm(scaled) - Ppt(ppt)).abs() <= Ppt(9));
            prop_assert_eq!(Ppt::from_scaled_ppm(scaled).to_scaled_ppm(), scaled);
        }
    }
}
