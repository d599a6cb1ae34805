//! S, A and their spread from a handful of ends: ΔT(t) = S·t + ½·A·t² ± bound.
//!
//! A weighted least-squares fit of the drifts, with the temperature's share where each end knows one. What is left over is the
//! oscillator's: a frequency that differs from holdover to holdover (grows with t), one that walks (t^1.5), one that is on its way somewhere
//! else (t²). How these share a handful of residuals cannot be told, and it decides how a bound from short holdovers extends to a long
//! one. So each of eight shapes is fitted by itself and counts as much as it explains what was seen (restricted likelihood). The bound
//! is two-sided 95 % by Student's t: few ends make it wide.
//!
//! Time is in hours and drift in nanoseconds here, so that all numbers are of moderate size.

use super::history::{End, FEWEST, History, KEPT, Origin};

/// Deviation of T0, ns: where a clock that follows a timing receiver really is (data sheets of such receivers say 5 ns).
const START: f64 = 5.0;
/// Deviation of a drift as it is measured, ns: the same twice, hours apart.
const PULSE_NOISE: f64 = 7.0;
/// How the spread grows: its square is k²·t²·(1 + walk·t + ramp·t²). A frequency that walks has a part that grows with t³, one that is on
/// its way somewhere else (a room that warms up) a part that grows with t⁴; each shape by when that part has outgrown the first.
const SHAPES: [Shape; 8] = [
    Shape::walk(0.25),
    Shape::walk(1.0),
    Shape::walk(4.0),
    Shape::walk(16.0),
    Shape::ramp(0.1),
    Shape::ramp(0.25),
    Shape::ramp(1.0),
    Shape::ramp(4.0),
];
/// Ends from which A, and the temperature's share, are asked for too.
const ENOUGH: usize = 8;
/// Least spread of an oscillator, ns per hour: less is not to be had from [`PULSE_NOISE`].
const LEAST_SPREAD: f64 = 0.05;
/// Rounds in which a spread and its weights settle.
const ROUNDS: usize = 8;
/// Parameters at most: S, A, per kelvin.
const MOST: usize = 3;

/// Drifts are not normal: a room that is calm for three holdovers is not in the fourth. The bound is this much wider for it.
const TAILS: f64 = 1.15;
/// Student's t at 97.5 %, by degrees of freedom from 1.
const T: [f64; KEPT] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
];

/// The learned model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// S, ns per hour.
    s: f64,
    /// A, ns per hour².
    a: f64,
    /// The temperature's share, ns per hour and kelvin.
    per_kelvin: f64,
    /// The squared deviation of a prediction: factors of 1, t², t³, t⁴.
    variance: [f64; 4],
    t: f64,
}

/// A parameter that is farther from zero than two of its deviations; else zero: what it did is in the spread of the holdovers anyway.
fn stands_out(value: f64, squared: f64) -> f64 {
    if value * value > 4.0 * squared { value } else { 0.0 }
}

/// How a spread grows, per hour and per hour².
#[derive(Debug, Clone, Copy)]
struct Shape {
    walk: f64,
    ramp: f64,
}

impl Shape {
    const fn walk(hours: f64) -> Self {
        Shape {
            walk: 1.0 / hours,
            ramp: 0.0,
        }
    }

    const fn ramp(hours: f64) -> Self {
        Shape {
            walk: 0.0,
            ramp: 1.0 / (hours * hours),
        }
    }

    const fn squared(self, t: f64) -> f64 {
        t * t * (1.0 + t * (self.walk + t * self.ramp))
    }
}

/// One end in the fit's units.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    /// Factors of the parameters: t, ½t², kelvin·t.
    x: [f64; MOST],
    hours: f64,
    drift: f64,
}

/// One fit.
#[derive(Debug, Clone, Copy, Default)]
struct Fit {
    b: [f64; MOST],
    /// Their covariance.
    c: [[f64; MOST]; MOST],
    /// Squared spread at one hour.
    k2: f64,
    /// How well it explains what was seen.
    likelihood: f64,
}

impl Curve {
    /// Fits a history; `None` with fewer holdovers than [`FEWEST`], or if they say nothing (a malformed history).
    ///
    /// What a card shows in lock tells how its oscillator ages and what warmth does to it, not how well its loop has learned the frequency:
    /// A and the temperature's share are asked of that where it is there, S and the spread of holdovers alone.
    pub fn fit(history: &History) -> Option<Curve> {
        let (mut held, mut shown) = (Points::default(), Points::default());
        for end in history.ends() {
            match end.origin {
                Origin::Holdover => held.push(end),
                Origin::InLock => shown.push(end),
            }
        }
        if held.len < FEWEST {
            return None;
        }
        let told = if shown.len < FEWEST {
            None
        } else {
            Curve::of(&shown, shown.telling(FEWEST))
        };
        let Some((told, [a_squared, k_squared])) = told else {
            let used @ [_, a, k] = held.telling(ENOUGH);
            let (curve, [a_squared, k_squared]) = Curve::of(&held, used)?;
            let a = a && stands_out(curve.a, a_squared) != 0.0;
            let k = k && stands_out(curve.per_kelvin, k_squared) != 0.0;
            return Curve::of(&held, [true, a, k]).map(|(curve, _)| curve);
        };
        let (a, k) = (stands_out(told.a, a_squared), stands_out(told.per_kelvin, k_squared));
        for point in &mut held.points {
            let [_, of_a, of_k] = point.x;
            point.drift -= a * of_a + k * of_k;
        }
        let (curve, _) = Curve::of(&held, [true, false, false])?;
        Some(Curve {
            a,
            per_kelvin: k,
            ..curve
        })
    }

    /// Fits these points by these parameters; with it the squared deviations of A and of the temperature's share.
    fn of(points: &Points, used: [bool; MOST]) -> Option<(Curve, [f64; 2])> {
        let points = points.points.get(..points.len)?;
        let count = used.iter().filter(|used| **used).count();
        // One degree of freedom goes into how spread and walk share the residuals.
        let freedom = points.len().checked_sub(count)?.max(1);
        let fits = SHAPES.map(|shape| fit(points, used, shape, float_len(freedom)).unwrap_or_default());
        let total: f64 = fits.iter().map(|fit| fit.likelihood).sum();
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        let mut curve = Curve {
            s: 0.0,
            a: 0.0,
            per_kelvin: 0.0,
            variance: [START * START, 0.0, 0.0, 0.0],
            t: TAILS * T.get(freedom.saturating_sub(2)).copied().unwrap_or(2.0),
        };
        let mut certain = [0.0; 2];
        for (fit, shape) in fits.iter().zip(SHAPES) {
            let weight = fit.likelihood / total;
            let ([s, a, k], [[ss, sa, _], [_, aa, _], [.., kk]]) = (fit.b, fit.c);
            let [_, v2, v3, v4] = &mut curve.variance;
            curve.s += weight * s;
            curve.a += weight * a;
            curve.per_kelvin += weight * k;
            *v2 += weight * (fit.k2 + ss);
            *v3 += weight * (fit.k2 * shape.walk + sa);
            *v4 += weight * (fit.k2 * shape.ramp + aa / 4.0);
            certain[0] += weight * aa;
            certain[1] += weight * kk;
        }
        Some((curve, certain))
    }

    /// S, ns/s.
    pub fn slope(&self) -> f64 {
        self.s / 3_600.0
    }

    /// A, ns/s².
    pub fn ageing(&self) -> f64 {
        self.a / 3_600.0 / 3_600.0
    }

    /// What a kelvin does, ns/s; 0 where that was not learned.
    pub fn per_kelvin(&self) -> f64 {
        self.per_kelvin / 3_600.0
    }

    /// Drift after so many seconds, ns; `warmer`: kelvin on average above the temperature at the beginning.
    pub fn offset(&self, seconds: f64, warmer: f64) -> f64 {
        let t = seconds.max(0.0) / 3_600.0;
        t * (self.s + self.per_kelvin * warmer) + 0.5 * self.a * t * t
    }

    /// Half the width of the interval in which the drift lies with 95 %, ns.
    pub fn bound(&self, seconds: f64) -> f64 {
        self.t * root(self.squared(seconds.max(0.0) / 3_600.0))
    }

    fn squared(&self, t: f64) -> f64 {
        let [v0, v2, v3, v4] = self.variance;
        (v0 + t * t * (v2 + t * (v3 + t * v4))).max(v0)
    }

    /// The magnitude that the drift stays below with its bound, ns. It only grows.
    pub fn upper(&self, seconds: f64, warmer: f64) -> f64 {
        self.magnitude(seconds, warmer) + self.bound(seconds)
    }

    fn magnitude(&self, seconds: f64, warmer: f64) -> f64 {
        let t = seconds.max(0.0) / 3_600.0;
        t * magnitude(self.s + self.per_kelvin * warmer) + 0.5 * magnitude(self.a) * t * t
    }

    /// The seconds after which [`Curve::upper`] exceeds `limit` ns; `None`: not within ten years.
    pub fn exceeds(&self, limit: f64, warmer: f64) -> Option<f64> {
        let within = |seconds: f64| {
            let left = limit - self.magnitude(seconds, warmer);
            left >= 0.0 && self.t * self.t * self.squared(seconds / 3_600.0) <= left * left
        };
        let (mut low, mut high) = (0.0, 3.2e8);
        if within(high) {
            return None;
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if within(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }
}

/// The ends of one origin.
#[derive(Debug, Clone, Copy, Default)]
struct Points {
    points: [Point; KEPT],
    len: usize,
    /// How many know how warm it was, and the coldest and the warmest of them, mK.
    told: usize,
    warmth: (i32, i32),
}

impl Points {
    fn push(&mut self, end: &End) {
        let Some(slot) = self.points.get_mut(self.len) else {
            return;
        };
        let hours = float(end.length.0) / 3.6e12;
        let warmer = end.warmer.unwrap_or(0);
        *slot = Point {
            x: [hours, 0.5 * hours * hours, f64::from(warmer) / 1e3 * hours],
            hours,
            drift: float(end.drift.0) / 1e6,
        };
        self.len += 1;
        if end.warmer.is_some() {
            let (least, most) = if self.told == 0 { (warmer, warmer) } else { self.warmth };
            self.warmth = (least.min(warmer), most.max(warmer));
            self.told += 1;
        }
    }

    /// Which parameters they can tell: S always; the others once there are `enough` that differ.
    fn telling(&self, enough: usize) -> [bool; MOST] {
        let hours = || self.points.iter().take(self.len).map(|point| point.hours);
        let (least, most) = (hours().fold(f64::MAX, f64::min), hours().fold(0.0, f64::max));
        let (coldest, warmest) = self.warmth;
        let differs = self.told == self.len && warmest.saturating_sub(coldest) >= 1_000;
        let a = self.len >= enough && most >= 3.0 * least;
        [true, a, self.len > enough + 1 && differs]
    }
}

/// Fits with one shape: weights and spread settle together.
fn fit(points: &[Point], used: [bool; MOST], shape: Shape, freedom: f64) -> Option<Fit> {
    let mut fit = Fit {
        k2: first_spread(points),
        ..Fit::default()
    };
    for _ in 0..ROUNDS {
        let variance = |point: &Point| PULSE_NOISE * PULSE_NOISE + fit.k2 * shape.squared(point.hours);
        let (mut normal, mut right) = ([[0.0; MOST]; MOST], [0.0; MOST]);
        for point in points {
            let weight = 1.0 / variance(point);
            for ((row, sum), x) in normal.iter_mut().zip(&mut right).zip(point.x) {
                *sum += weight * x * point.drift;
                row.iter_mut()
                    .zip(point.x)
                    .for_each(|(cell, other)| *cell += weight * x * other);
            }
        }
        let (inverse, determinant) = invert(normal, used)?;
        let b = inverse.map(|row| row.iter().zip(right).map(|(c, r)| c * r).sum::<f64>());
        let (mut squares, mut product) = (0.0, 1.0);
        for point in points {
            let expected: f64 = point.x.iter().zip(b).map(|(x, b)| x * b).sum();
            let left = point.drift - expected;
            squares += left * left / variance(point);
            product *= root(variance(point)) / 100.0;
        }
        fit = Fit {
            b,
            c: inverse,
            k2: (fit.k2 * squares / freedom).max(LEAST_SPREAD * LEAST_SPREAD),
            likelihood: 1.0 / (product * root(determinant)),
        };
    }
    Some(fit).filter(|fit| fit.likelihood.is_finite())
}

/// Where the spread begins to settle from: the mean square of the drifts per hour.
fn first_spread(points: &[Point]) -> f64 {
    let squares = points
        .iter()
        .map(|point| point.drift * point.drift / (point.hours * point.hours));
    let mean = squares.sum::<f64>() / float_len(points.len().max(1));
    mean.max(LEAST_SPREAD * LEAST_SPREAD)
}

/// Inverse and determinant of the part that is used (Gauss and Jordan); the rest stays zero. `None` if it has none.
fn invert(mut m: [[f64; MOST]; MOST], used: [bool; MOST]) -> Option<([[f64; MOST]; MOST], f64)> {
    let mut inverse = [[0.0; MOST]; MOST];
    let mut determinant = 1.0;
    for (n, used) in used.iter().enumerate().filter(|(_, used)| **used) {
        if let Some(cell) = inverse.get_mut(n).and_then(|row| row.get_mut(n)) {
            *cell = f64::from(u8::from(*used));
        }
    }
    for n in (0..MOST).filter(|n| used.get(*n) == Some(&true)) {
        let pivot = *m.get(n)?.get(n)?;
        if pivot.is_nan() || pivot <= 1e-12 {
            return None;
        }
        determinant *= pivot;
        for row in [&mut m, &mut inverse] {
            row.get_mut(n)?.iter_mut().for_each(|cell| *cell /= pivot);
        }
        let (m_row, i_row) = (*m.get(n)?, *inverse.get(n)?);
        for other in (0..MOST).filter(|other| *other != n && used.get(*other) == Some(&true)) {
            let factor = *m.get(other)?.get(n)?;
            m.get_mut(other)?
                .iter_mut()
                .zip(m_row)
                .for_each(|(cell, x)| *cell -= factor * x);
            inverse
                .get_mut(other)?
                .iter_mut()
                .zip(i_row)
                .for_each(|(cell, x)| *cell -= factor * x);
        }
    }
    Some((inverse, determinant))
}

/// Square root by Newton's method: the core has no library of functions.
pub(super) fn root(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 0.0;
    }
    // Half the exponent is within a factor of two of the root.
    let mut y = f64::from_bits((x.to_bits() >> 1) + (0x3ff0_0000_0000_0000 >> 1));
    for _ in 0..6 {
        y = 0.5 * (y + x / y);
    }
    y
}

fn magnitude(x: f64) -> f64 {
    if x < 0.0 { -x } else { x }
}

/// An integer as a double; the last bits of large ones do not matter here.
#[allow(clippy::cast_precision_loss)] // as said
pub(super) const fn float(x: i64) -> f64 {
    x as f64
}

#[allow(clippy::cast_precision_loss)] // at most KEPT
const fn float_len(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests: stop where it breaks
mod tests {
    use super::*;
    use tgm_time::{Femtos, Nanos};

    fn history(ends: impl IntoIterator<Item = (i64, i64)>) -> History {
        let mut history = History::default();
        for (seconds, ns) in ends {
            let (length, drift) = (Nanos::from_secs(seconds), Femtos(ns * 1_000_000));
            assert!(history.push(End {
                length,
                drift,
                ..End::default()
            }));
        }
        history
    }

    #[test]
    fn roots_are_roots() {
        for x in [1e-12, 0.3, 1.0, 2.0, 1e4, 3.7e17] {
            assert!((root(x) * root(x) / x - 1.0).abs() < 1e-14, "{x}");
        }
        assert!(root(0.0) == 0.0 && root(-1.0) == 0.0 && root(f64::NAN) == 0.0);
    }

    #[test]
    fn two_ends_teach_nothing() {
        assert_eq!(Curve::fit(&history([(3_600, 40), (3_600, 50)])), None);
    }

    #[test]
    fn a_constant_slope_is_found_with_a_wide_bound_from_three_and_a_narrow_one_from_many() {
        let few = Curve::fit(&history([(3_600, 105), (7_200, 195), (14_400, 405)])).unwrap();
        assert!((few.slope() * 3_600.0 - 100.0).abs() < 4.0, "{}", few.slope());
        let many = Curve::fit(&history(
            (1..=8).map(|n| (2_700 + 900 * (n % 4), 75 + 25 * (n % 4) + 4 * (n % 3 - 1))),
        ))
        .unwrap();
        assert!((many.offset(14_400.0, 0.0) - 400.0).abs() < 15.0);
        assert!(
            many.bound(14_400.0) < 0.8 * few.bound(14_400.0),
            "{} {}",
            many.bound(14_400.0),
            few.bound(14_400.0)
        );
        assert!(few.bound(14_400.0) < 400.0, "{}", few.bound(14_400.0));
    }

    #[test]
    fn ageing_is_found_once_lengths_differ_enough() {
        // 10 ns/h and 20 ns/h²: 10·t + 10·t².
        let ends = (0..10)
            .map(|n| 1_800 * (1 + n))
            .map(|s| (s, (10 * s / 3_600) + 10 * s * s / 3_600 / 3_600));
        let curve = Curve::fit(&history(ends)).unwrap();
        assert!((curve.ageing() * 3_600.0 * 3_600.0 - 20.0).abs() < 3.0, "{curve:?}");
        assert!(
            (curve.offset(6.0 * 3_600.0, 0.0) - 420.0).abs() < 30.0,
            "{}",
            curve.offset(21_600.0, 0.0)
        );
    }

    #[test]
    fn warmth_explains_what_it_explains() {
        let mut history = History::default();
        for n in 0..12_i64 {
            let kelvin = n % 5 - 2;
            let hours = 1 + n % 3;
            let drift = Femtos((50 * hours * kelvin + 2 * (n % 2)) * 1_000_000);
            let warmer = Some(i32::try_from(kelvin * 1_000).unwrap());
            history.push(End {
                length: Nanos::from_secs(hours * 3_600),
                drift,
                warmer,
                ..End::default()
            });
        }
        let curve = Curve::fit(&history).unwrap();
        assert!((curve.per_kelvin() * 3_600.0 - 50.0).abs() < 3.0, "{curve:?}");
        assert!((curve.offset(7_200.0, 2.0) - 200.0).abs() < 15.0);
        assert!(curve.bound(7_200.0) < 60.0, "{}", curve.bound(7_200.0));
    }

    #[test]
    fn the_moment_of_a_crossing_is_that_of_the_upper_bound() {
        let curve = Curve::fit(&history([(3_600, 20), (7_200, -35), (14_400, 90), (5_400, 10)])).unwrap();
        for limit in [50.0, 100.0, 400.0, 1_500.0] {
            let at = curve.exceeds(limit, 0.0).unwrap();
            assert!((curve.upper(at, 0.0) - limit).abs() < 1e-3, "{limit}: {at}");
        }
        assert_eq!(curve.exceeds(1.0, 0.0), Some(0.0), "the pulse's own noise is more");
    }

    #[test]
    fn extreme_histories_neither_panic_nor_teach_nonsense() {
        let far = 1_000_000;
        for ends in [[(600, far); 16], [(30 * 86_400, -far); 16], [(600, 0); 16]] {
            if let Some(curve) = Curve::fit(&history(ends)) {
                assert!(
                    curve.bound(14_400.0).is_finite() && curve.upper(14_400.0, 0.0) > 0.0,
                    "{curve:?}"
                );
            }
        }
    }
}
