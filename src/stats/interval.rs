//! Intervals, and the Beta distribution whose quantiles bound them.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

/// Largest level of an interval; a higher one is read as this.
pub const MAX_LEVEL: f64 = 1.0 - 1e-9;

/// A range with `low <= high`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end, at least `low`.
    pub high: f64,
}

impl Interval {
    /// The whole of [0, 1]: nothing is known about a share.
    pub(crate) const UNIT: Self = Self { low: 0.0, high: 1.0 };

    /// The point halfway between the bounds.
    pub fn middle(&self) -> f64 {
        f64::midpoint(self.low, self.high)
    }
}

/// Reads any float as a share in [0, 1]; NaN as 0.
pub(crate) fn to_share(x: f64) -> f64 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// Returns the probability left outside one end of an equal-tailed interval, in [5e-10, 0.5].
pub fn tail_of(level: f64) -> f64 {
    let level = if level.is_nan() { 0.95 } else { level };
    (1.0 - level.clamp(0.0, MAX_LEVEL)) / 2.0
}

/// Below this a Beta shape is a 0 that rounding left behind.
const ZERO_SHAPE: f64 = 1e-200;

/// From here on, in both shapes, a Beta is a corrected normal to about 1e-5 standard deviations.
const NORMAL_SHAPE: f64 = 1e6;

/// Computes the equal-tailed interval of Beta(`a`, `b`) with the edges of [`credible_interval`](super::credible_interval).
pub(crate) fn beta_interval(a: f64, b: f64, level: f64) -> Interval {
    match (a > ZERO_SHAPE, b > ZERO_SHAPE) {
        (false, false) => Interval::UNIT,
        (false, true) => Interval { low: 0.0, high: 0.0 },
        (true, false) => Interval { low: 1.0, high: 1.0 },
        (true, true) => {
            let tail = tail_of(level);
            let low = beta_quantile(a, b, tail, Tail::Lower);
            let high = beta_quantile(a, b, tail, Tail::Upper);
            Interval { low, high: high.max(low) }
        }
    }
}

/// Which end of a distribution a probability is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Lower,
    Upper,
}

/// Returns the x of Beta(`a`, `b`), both positive, with probability `tail` (in (0, 1)) on the given side of it.
///
/// Own code because statrs 0.19 stops early for shapes near 1e-3 (it gives 9.8e-11 for the 97.5 % point of
/// Beta(0.001, 5), which is 1.3e-12) and caps its continued fraction at 140 terms, too few for shapes in the 10,000s.
pub(crate) fn beta_quantile(a: f64, b: f64, tail: f64, side: Tail) -> f64 {
    if a.min(b) > NORMAL_SHAPE {
        return beta_quantile_normal(a, b, tail, side);
    }
    // Solving where the mass is near 0, not near 1, keeps the relative precision of floats.
    if a > b {
        let mirrored = match side {
            Tail::Lower => Tail::Upper,
            Tail::Upper => Tail::Lower,
        };
        return 1.0 - solve_quantile(b, a, tail, mirrored);
    }
    solve_quantile(a, b, tail, side)
}

/// Cornish-Fisher expansion to the skewness term (Abramowitz and Stegun 26.2.49).
fn beta_quantile_normal(a: f64, b: f64, tail: f64, side: Tail) -> f64 {
    let z = match side {
        Tail::Lower => -normal_deviate(tail),
        Tail::Upper => normal_deviate(tail),
    };
    let total = a + b;
    let (mean, share_b) = (a / total, b / total);
    let deviation = (mean * share_b / (total + 1.0)).sqrt();
    let skewness = 2.0 * (share_b - mean) * (total + 1.0).sqrt() / ((total + 2.0) * (mean * share_b).sqrt());
    let corrected = z + skewness * (z * z - 1.0) / 6.0;
    to_share(mean + deviation * corrected)
}

/// Returns the standard normal z >= 0 with probability `tail` (clamped to [1e-300, 0.5]) above it.
pub fn normal_deviate(tail: f64) -> f64 {
    // The lower tail is asked for, since 1 - tail would round.
    -Normal::standard().inverse_cdf(tail.clamp(1e-300, 0.5))
}

/// [`beta_quantile`] by a safeguarded Newton iteration on ln(tail) over ln(x), to full relative precision in small x.
///
/// The bracket is halved over the bit patterns of the floats, which are ordered like the floats themselves, so even
/// a quantile of 1e-200 is reached within 62 halvings.
pub(crate) fn solve_quantile(a: f64, b: f64, tail: f64, side: Tail) -> f64 {
    let (mut low, mut high) = (0_u64, 1.0_f64.to_bits());
    let guess = beta_quantile_normal(a, b, tail, side);
    let mut x = if guess > 0.0 && guess < 1.0 { guess } else { a / (a + b) };
    for step in 0_u32..200 {
        if high - low <= 1 {
            break;
        }
        // Newton needs about five steps; where it creeps instead, every third one halves.
        let bits = x.to_bits();
        if (step > 8 && step % 3 == 0) || bits <= low || bits >= high {
            x = f64::from_bits(low + (high - low) / 2);
        }
        let (below, above) = beta_tails(a, b, x, 1.0 - x);
        let (reached, rises) = match side {
            Tail::Lower => (below, true),
            Tail::Upper => (above, false),
        };
        if (reached > tail) == rises {
            high = x.to_bits();
        } else {
            low = x.to_bits();
        }
        let slope = ln_power(a, b, x, 1.0 - x).exp() / ((1.0 - x) * reached);
        let missed = (reached / tail).ln();
        let change = missed / slope;
        let next = x * (if rises { -change } else { change }).exp();
        if missed.abs() < 1e-6 && (next - x).abs() <= 2.0 * f64::EPSILON * x {
            return next.min(1.0);
        }
        // A NaN has the largest bit patterns, hence falls outside the bracket and causes a halving.
        x = if next.is_nan() { f64::INFINITY } else { next };
    }
    let x = f64::from_bits(high);
    if x < f64::MIN_POSITIVE { 0.0 } else { x }
}

/// Returns the probabilities below and above `x` under Beta(`a`, `b`), the smaller one to full relative precision.
///
/// `y` is `1 - x`; callers that know it better than the subtraction does pass their own. Shapes are positive.
///
/// Source: continued fraction DLMF 8.17.22, evaluated by Lentz's method (Press et al., *Numerical Recipes*,
/// 3rd ed., section 6.4).
pub(crate) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    let power = ln_power(a, b, x, y).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        let below = to_share(power * continued_fraction(a, b, x, y));
        (below, 1.0 - below)
    } else {
        let above = to_share(power * continued_fraction(b, a, y, x));
        (1.0 - above, above)
    }
}

/// The even part of DLMF 8.17.22, which unlike the whole sees x near 1 through `y` and so does not cancel.
fn continued_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    // It needs some multiple of √min(a, b) terms, and callers stay below NORMAL_SHAPE in the smaller shape.
    const MAX_TERMS: u32 = 20_000;
    let away_from_zero = |v: f64| if v.abs() < 1e-280 { 1e-280 } else { v };
    let off = a * y - b * x + 1.0;
    let mut value = away_from_zero(a * off / (a + 1.0));
    let mut above = value;
    let mut below = 0.0;
    for term in 1..=MAX_TERMS {
        let term = f64::from(term);
        let low = a + 2.0 * term - 1.0;
        let cross = term * (b - term) * x / low;
        let numerator = cross * x * ((a + term - 1.0) / low) * (a + b + term - 1.0);
        let denominator = term + cross + (a + term) * (off + term * (2.0 - x)) / (a + 2.0 * term + 1.0);
        below = 1.0 / away_from_zero(denominator + numerator * below);
        above = away_from_zero(denominator + numerator / above);
        let ratio = above * below;
        value *= ratio;
        if (ratio - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    1.0 / value
}

/// Returns ln(x^a y^b / B(a, b)) without subtracting large logarithms from each other.
///
/// Source: the scaled forms of Didonato and Morris 1992, *Algorithm 708*.
fn ln_power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    const STIRLING_FROM: f64 = 10.0;
    let ln_x = if x < 0.5 { x.ln() } else { (-y).ln_1p() };
    let ln_y = if y < 0.5 { y.ln() } else { (-x).ln_1p() };
    let total = a + b;
    if a >= STIRLING_FROM && b >= STIRLING_FROM {
        let off = x * b - y * a;
        let from_mean = a * (off / a).ln_1p() + b * (-off / b).ln_1p();
        let height = 0.5 * (a * (b / total) / std::f64::consts::TAU).ln();
        from_mean + height + stirling_rest(total) - stirling_rest(a) - stirling_rest(b)
    } else if a >= STIRLING_FROM || b >= STIRLING_FROM {
        let (small, big) = if a < b { (a, b) } else { (b, a) };
        let gamma_ratio = (big - 0.5) * (small / big).ln_1p() + small * total.ln() - small + stirling_rest(total)
            - stirling_rest(big);
        gamma_ratio - ln_gamma(small) + a * ln_x + b * ln_y
    } else {
        ln_gamma(total) - ln_gamma(a) - ln_gamma(b) + a * ln_x + b * ln_y
    }
}

/// Returns what Stirling's formula leaves of ln Γ(z), for z >= 10 (DLMF 5.11.1).
fn stirling_rest(z: f64) -> f64 {
    let inverse = 1.0 / z;
    let square = inverse * inverse;
    let series = [1.0 / 1188.0, -1.0 / 1680.0, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0];
    inverse * series.iter().fold(0.0, |sum, term| sum * square + term)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, want: f64, relative: f64) -> bool {
        (got - want).abs() <= relative * want.abs().max(1e-290)
    }

    #[test]
    fn the_two_ways_to_a_quantile_meet() {
        for (a, b) in [(1.0, 1.0), (1.0, 4.0), (1.0, 5000.0)] {
            let shape = NORMAL_SHAPE * 0.999;
            for tail in [0.4, 0.025, 5e-10] {
                for side in [Tail::Lower, Tail::Upper] {
                    let exact = beta_quantile(a * shape, b * shape, tail, side);
                    let normal = beta_quantile_normal(a * shape, b * shape, tail, side);
                    let total = (a + b) * shape;
                    let deviation = (a * b / (a + b) / (a + b) / total).sqrt();
                    assert!((exact - normal).abs() <= 1e-4 * deviation, "{a} {b} {tail}");
                }
            }
        }
    }

    #[test]
    fn an_interval_survives_json() {
        let interval = beta_interval(4.0, 8.0, 0.95);
        let text = serde_json::to_string(&interval).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
    }

    proptest! {
        #[test]
        fn a_quantile_cuts_off_its_tail(
            ln_a in -7.0..12.0_f64, ln_b in -7.0..12.0_f64, tail in 1e-9..0.5_f64, upper in any::<bool>(),
        ) {
            let (a, b) = (ln_a.exp(), ln_b.exp());
            let side = if upper { Tail::Upper } else { Tail::Lower };
            let x = beta_quantile(a, b, tail, side);
            // At an end of [0, 1] the next float may hold far more or less than the tail.
            if x > 0.0 && x < 1.0 - 1e-9 {
                let (below, above) = beta_tails(a, b, x, 1.0 - x);
                let reached = if upper { above } else { below };
                // A step of the last digit of x moves the tail by up to this.
                let slack = 1e-9 + 4.0 * f64::EPSILON * ln_power(a, b, x, 1.0 - x).exp() / (x * (1.0 - x)) / tail;
                prop_assert!(close(reached, tail, slack), "{a} {b} {tail} {side:?}: {x} leaves {reached}");
            }
        }

        #[test]
        fn the_two_tails_are_a_whole(ln_a in -7.0..13.0_f64, ln_b in -7.0..13.0_f64, x in 0.0..1.0_f64) {
            let (below, above) = beta_tails(ln_a.exp(), ln_b.exp(), x, 1.0 - x);
            prop_assert!([below, above].iter().all(|p| (0.0..=1.0).contains(p)) && close(below + above, 1.0, 1e-12));
            let (above_mirrored, _) = beta_tails(ln_b.exp(), ln_a.exp(), 1.0 - x, x);
            prop_assert!((above - above_mirrored).abs() < 1e-9);
        }
    }
}
