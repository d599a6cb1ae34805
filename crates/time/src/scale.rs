//! Points in time, each on a scale that the type names.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::ops::{Add, Sub};

use crate::units::{Nanos, Seconds};

mod sealed {
    pub trait Sealed {}
}

/// A time scale. Sealed: the four of this crate are all there are.
pub trait Scale: sealed::Sealed + 'static {
    /// The scale's name in a debug print.
    const NAME: &'static str;
}

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Scale for $name {
            const NAME: &'static str = $label;
        }
    };
}

scale! {
    /// International Atomic Time, from 1970-01-01 00:00:00 TAI, as IEEE 1588 counts it (clause 7.2.2).
    Tai, "TAI"
}
scale! {
    /// UTC as POSIX counts it: a leap second has no number of its own. [`crate::civil`] gives it one.
    Utc, "UTC"
}
scale! {
    /// Time that only passes: `CLOCK_BOOTTIME` on a node (it goes on through a suspend), a simulator's own elsewhere. Its zero means nothing.
    Mono, "mono"
}
scale! {
    /// What a PTP hardware clock shows; TAI only while somebody keeps it there.
    Phc, "PHC"
}

/// A point on the scale `S`, in nanoseconds from the scale's zero; ±292 years. Arithmetic saturates.
pub struct Time<S: Scale> {
    nanos: i64,
    scale: PhantomData<S>,
}

impl<S: Scale> Time<S> {
    /// The scale's zero.
    pub const ZERO: Self = Self::from_nanos(0);

    /// The point `nanos` after the scale's zero.
    pub const fn from_nanos(nanos: i64) -> Self {
        Time {
            nanos,
            scale: PhantomData,
        }
    }

    /// The point `secs` and `nanos` after the scale's zero, as clocks and PTP structures give it.
    pub const fn from_parts(secs: i64, nanos: u32) -> Self {
        Self::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos as i64))
    }

    /// Nanoseconds from the scale's zero.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// Whole seconds from the scale's zero, towards minus infinity.
    pub const fn secs(self) -> i64 {
        self.nanos.div_euclid(1_000_000_000)
    }

    /// Nanoseconds within the second, 0…999 999 999.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a remainder of 1e9 fits
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos.rem_euclid(1_000_000_000) as u32
    }

    /// [`Time::secs`] and [`Time::subsec_nanos`] at the price of one division.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a remainder of 1e9 fits
    pub const fn split(self) -> (i64, u32) {
        let secs = self.nanos.div_euclid(1_000_000_000);
        (secs, self.nanos.wrapping_sub(secs.wrapping_mul(1_000_000_000)) as u32)
    }

    /// Time passed since `earlier`, or zero if `earlier` lies ahead.
    pub const fn since(self, earlier: Self) -> Nanos {
        let passed = self.nanos.saturating_sub(earlier.nanos);
        Nanos(if passed < 0 { 0 } else { passed })
    }
}

impl Time<Tai> {
    /// The same instant in UTC, `offset` = TAI − UTC (37 s since 2017).
    pub const fn to_utc(self, offset: Seconds) -> Time<Utc> {
        Time::from_nanos(self.nanos.saturating_sub(Nanos::from_secs(offset.0).0))
    }
}

impl Time<Utc> {
    /// The same instant in TAI, `offset` = TAI − UTC (37 s since 2017).
    pub const fn to_tai(self, offset: Seconds) -> Time<Tai> {
        Time::from_nanos(self.nanos.saturating_add(Nanos::from_secs(offset.0).0))
    }
}

impl Time<Phc> {
    /// Declares that this clock shows TAI. True only while a servo or the DPLL keeps it there.
    pub const fn assume_tai(self) -> Time<Tai> {
        Time::from_nanos(self.nanos)
    }
}

impl<S: Scale> Clone for Time<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: Scale> Copy for Time<S> {}
impl<S: Scale> PartialEq for Time<S> {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}
impl<S: Scale> Eq for Time<S> {}
impl<S: Scale> PartialOrd for Time<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<S: Scale> Ord for Time<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}
impl<S: Scale> Hash for Time<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}
impl<S: Scale> Default for Time<S> {
    fn default() -> Self {
        Self::ZERO
    }
}
impl<S: Scale> fmt::Debug for Time<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.{:09}", S::NAME, self.secs(), self.subsec_nanos())
    }
}
impl<S: Scale> Sub for Time<S> {
    type Output = Nanos;
    fn sub(self, other: Self) -> Nanos {
        Nanos(self.nanos.saturating_sub(other.nanos))
    }
}
impl<S: Scale> Add<Nanos> for Time<S> {
    type Output = Self;
    fn add(self, by: Nanos) -> Self {
        Time::from_nanos(self.nanos.saturating_add(by.0))
    }
}
impl<S: Scale> Sub<Nanos> for Time<S> {
    type Output = Self;
    fn sub(self, by: Nanos) -> Self {
        Time::from_nanos(self.nanos.saturating_sub(by.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_back() {
        let t: Time<Tai> = Time::from_parts(-1, 250_000_000);
        assert_eq!((t.secs(), t.subsec_nanos()), (-1, 250_000_000));
        assert_eq!(t.as_nanos(), -750_000_000);
    }

    #[test]
    fn utc_is_tai_less_the_offset() {
        let tai: Time<Tai> = Time::from_parts(1_800_000_037, 5);
        assert_eq!(tai.to_utc(Seconds(37)), Time::from_parts(1_800_000_000, 5));
        assert_eq!(tai.to_utc(Seconds(37)).to_tai(Seconds(37)), tai);
    }

    #[test]
    fn time_since_a_later_point_is_nothing() {
        let (a, b): (Time<Mono>, Time<Mono>) = (Time::from_nanos(5), Time::from_nanos(9));
        assert_eq!(b.since(a), Nanos(4));
        assert_eq!(a.since(b), Nanos(0));
        assert_eq!(a - b, Nanos(-4));
    }
}
