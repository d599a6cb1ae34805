//! Signed durations whose unit is their type.

use core::fmt;
use core::ops::{Add, Neg, Sub};

/// Femtoseconds in a nanosecond.
const FEMTOS_PER_NANO: i64 = 1_000_000;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// The bare number, for wires and displays.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Magnitude; the most negative value saturates.
            pub const fn abs(self) -> Self {
                Self(self.0.saturating_abs())
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.saturating_neg())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }
    };
}

quantity! {
    /// Nanoseconds, ±292 years. Arithmetic saturates.
    Nanos, "ns"
}
quantity! {
    /// Femtoseconds, ±2.5 hours: the kernel's dpll phase offset (`DPLL_A_PIN_PHASE_OFFSET`, picoseconds × 1000). Arithmetic saturates.
    Femtos, "fs"
}
quantity! {
    /// Whole seconds, as in a UTC offset or a leap count. Arithmetic saturates.
    Seconds, "s"
}

impl Nanos {
    /// `ms` milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Nanos(ms.saturating_mul(1_000_000))
    }

    /// `s` seconds.
    pub const fn from_secs(s: i64) -> Self {
        Nanos(s.saturating_mul(1_000_000_000))
    }

    /// Whole seconds, towards minus infinity.
    pub const fn whole_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }
}

impl Femtos {
    /// Nanoseconds rounded to the nearest, halves away from zero. (Two truncating divisions, as the Go daemon does, differ from
    /// this by up to 1 ns.)
    pub const fn to_nanos(self) -> Nanos {
        let half = if self.0 < 0 {
            -FEMTOS_PER_NANO / 2
        } else {
            FEMTOS_PER_NANO / 2
        };
        Nanos(self.0.saturating_add(half) / FEMTOS_PER_NANO)
    }

    /// Nanoseconds with both divisions truncated towards zero, bit-compatible with `openshift_ptp_offset_ns` of the Go daemon.
    pub const fn to_nanos_truncated(self) -> Nanos {
        Nanos(self.0 / FEMTOS_PER_NANO)
    }
}

impl From<Nanos> for Femtos {
    fn from(ns: Nanos) -> Self {
        Femtos(ns.0.saturating_mul(FEMTOS_PER_NANO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn femtoseconds_round_to_the_nearest_nanosecond() {
        assert_eq!(Femtos(-1_870_360).to_nanos(), Nanos(-2));
        assert_eq!(Femtos(-1_870_360).to_nanos_truncated(), Nanos(-1));
        assert_eq!(Femtos(499_999).to_nanos(), Nanos(0));
        assert_eq!(Femtos(500_000).to_nanos(), Nanos(1));
        assert_eq!(Femtos(-500_000).to_nanos(), Nanos(-1));
        assert_eq!(Femtos(i64::MIN).to_nanos(), Nanos(i64::MIN / 1_000_000));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Nanos(i64::MAX) + Nanos(1), Nanos(i64::MAX));
        assert_eq!(Nanos(i64::MIN).abs(), Nanos(i64::MAX));
        assert_eq!(-Nanos(i64::MIN), Nanos(i64::MAX));
    }
}
