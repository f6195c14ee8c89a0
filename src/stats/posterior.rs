//! Estimates how often a response goes with a factor, and how surely.
//!
//! Every function is total: a negative or NaN count reads as 0, a count above 1e15 as 1e15, a
//! NaN share as 0, and no result is NaN. Counts are sums of weights, so they need not be
//! whole numbers.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

/// Largest count, in units of one full-weight interaction, that the functions of this module tell apart.
pub const MAX_COUNT: f64 = 1e15;

/// Largest level of an interval; a higher one is read as this.
pub const MAX_LEVEL: f64 = 1.0 - 1e-9;

/// Largest [`lift`]; keeps the ratio finite, and so storable, when the base rate is (nearly) 0.
pub const MAX_LIFT: f64 = 1e6;

/// The strengths [`choose_kappa`] chooses from, ascending, in pseudo-interactions.
pub const KAPPA_GRID: [f64; 8] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// What [`choose_kappa`] answers when no row says anything.
pub const DEFAULT_KAPPA: f64 = 4.0;

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

/// Counts of one factor, as [`choose_kappa`] reads them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountRow<'a> {
    /// `c_m`: weight of the interactions in which the factor occurs.
    pub coverage: f64,
    /// `n_my` for each response y, in the order of the base rates; the part of `coverage` that got y.
    pub by_response: &'a [f64],
}

/// Estimates the share of one response among all interactions of a user: `(count + α/|Y|) / (total + α)`.
///
/// `count` and `total` are weights, `categories` is |Y| (0 is read as 1) and `alpha` the weight of the uniform
/// prior. The result is in [0, 1], and `1/|Y|` when `total + alpha` is 0.
///
/// Source: the posterior mean under a symmetric Dirichlet(α/|Y|) prior (Gelman et al., *Bayesian Data Analysis*,
/// 3rd ed., section 3.4).
pub fn base_rate(count: f64, total: f64, categories: usize, alpha: f64) -> f64 {
    let uniform = 1.0 / categories.max(1) as f64;
    let (total, alpha) = (to_count(total), to_count(alpha));
    let count = to_count(count).min(total);
    if total + alpha > 0.0 { to_share((count + alpha * uniform) / (total + alpha)) } else { uniform }
}

/// Measures how often a factor went with a response: the raw ratio `n_my / c_m`, in [0, 1].
///
/// `None` when the factor was never seen (`c_m` is 0). An `n_my` above `c_m` reads as `c_m`.
///
/// Source: Kim et al. 2026, propensity. Prompts and decisions use [`posterior_mean`] instead, because this ratio
/// reads one sighting as certainty.
pub fn propensity(n_my: f64, c_m: f64) -> Option<f64> {
    let c_m = to_count(c_m);
    (c_m > 0.0).then(|| to_share(to_count(n_my).min(c_m) / c_m))
}

/// Shrinks the propensity towards the base rate: `(n_my + κπ) / (c_m + κ)`, in [0, 1].
///
/// `kappa` is the weight of the base rate in pseudo-interactions. With `c_m + kappa` = 0 the result is `base`; with
/// growing `c_m` it tends to `n_my / c_m`. An `n_my` above `c_m` reads as `c_m`.
///
/// Source: the counts are the propensity of Kim et al. 2026; the shrinkage is the posterior mean of a Beta-binomial
/// model (Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 2.4).
pub fn posterior_mean(n_my: f64, c_m: f64, base: f64, kappa: f64) -> f64 {
    let (c_m, base, kappa) = (to_count(c_m), to_share(base), to_count(kappa));
    let n_my = to_count(n_my).min(c_m);
    if c_m + kappa > 0.0 { to_share((n_my + kappa * base) / (c_m + kappa)) } else { base }
}

/// Bounds the propensity: the equal-tailed interval of `Beta(n_my + κπ, c_m − n_my + κ(1−π))`, within [0, 1].
///
/// `level` is the probability inside, 0.95 for instance; NaN reads as 0.95, and anything else is clamped to
/// [0, 1 − 1e-9] (0 gives the median). When one shape is 0 the interval is the point 0 or 1 that holds all the
/// mass; when both are 0 nothing is known and it is [0, 1].
///
/// Accuracy: about 1e-12 in the ends. When both shapes pass one million, a skewness-corrected normal
/// approximation takes over, good to 1e-5 standard deviations.
///
/// Source: conjugate Beta posterior, Gelman et al., *Bayesian Data Analysis*, 3rd ed., section 2.3.
pub fn credible_interval(n_my: f64, c_m: f64, base: f64, kappa: f64, level: f64) -> Interval {
    let (c_m, base, kappa) = (to_count(c_m), to_share(base), to_count(kappa));
    let n_my = to_count(n_my).min(c_m);
    let for_it = n_my + kappa * base;
    let against = c_m - n_my + kappa * (1.0 - base);
    beta_interval(for_it, against, level)
}

/// Says how many times likelier a response is with the factor than without knowing it: `posterior / base`.
///
/// Both are shares. The result is at least 0 and capped at one million, so that it can be stored as a number; 1
/// means the factor says nothing, which is also the answer for 0 / 0.
///
/// Source: lift of an association rule (Brin et al. 1997, *Dynamic itemset counting*, there "interest").
pub fn lift(posterior: f64, base: f64) -> f64 {
    let (posterior, base) = (to_share(posterior), to_share(base));
    if base > 0.0 {
        (posterior / base).min(MAX_LIFT)
    } else if posterior > 0.0 {
        MAX_LIFT
    } else {
        1.0
    }
}

/// Chooses how strongly a user's propensities are shrunk: the κ of 0.5, 1, 2, 4, 8, 16, 32 and 64 that best
/// predicts each counted interaction from the others.
///
/// Maximises `Σ_m Σ_y n_my · ln(((n_my − 1)₊ + κπ_y) / ((c_m − 1)₊ + κ))`; ties go to the larger κ, the more cautious
/// one, so a user whose factors were each seen once gets 64. `base` holds π in the order of `by_response`; a
/// missing entry reads as 0. A response that its own removal makes impossible costs a large finite amount. With no
/// positive `n_my` at all the answer is 4.
///
/// Source: leave-one-out (predictive) likelihood for an empirical Bayes prior, Gelman et al., *Bayesian Data
/// Analysis*, 3rd ed., sections 5.1 and 7.2.
pub fn choose_kappa(rows: &[CountRow<'_>], base: &[f64]) -> f64 {
    let scored = rows.iter().flat_map(|row| row.by_response).any(|&n| to_count(n) > 0.0);
    if !scored {
        return DEFAULT_KAPPA;
    }
    let mut best = (f64::NEG_INFINITY, DEFAULT_KAPPA);
    for kappa in KAPPA_GRID {
        let score = leave_one_out(rows, base, kappa);
        // The grid ascends, so `>=` is what hands a tie to the larger value.
        if score >= best.0 {
            best = (score, kappa);
        }
    }
    best.1
}

fn leave_one_out(rows: &[CountRow<'_>], base: &[f64], kappa: f64) -> f64 {
    let mut score = 0.0;
    for row in rows {
        let coverage = to_count(row.coverage);
        let others = (coverage - 1.0).max(0.0) + kappa;
        let base = base.iter().copied().chain(std::iter::repeat(0.0));
        for (&n, pi) in row.by_response.iter().zip(base) {
            let n = to_count(n).min(coverage);
            if n > 0.0 {
                let predicted = ((n - 1.0).max(0.0) + kappa * to_share(pi)) / others;
                score += n * predicted.max(f64::MIN_POSITIVE).ln();
            }
        }
    }
    score
}

/// Reads any float as a count in [0, [`MAX_COUNT`]].
pub(crate) fn to_count(x: f64) -> f64 {
    // The comparison is false for NaN; it also turns -0 into 0.
    if x > 0.0 { x.min(MAX_COUNT) } else { 0.0 }
}

/// Reads any float as a share in [0, 1]; NaN as 0.
pub(crate) fn to_share(x: f64) -> f64 {
    if x > 0.0 { x.min(1.0) } else { 0.0 }
}

/// Returns the probability left outside one end of an equal-tailed interval, in [5e-10, 0.5].
pub(crate) fn tail_of(level: f64) -> f64 {
    let level = if level.is_nan() { 0.95 } else { level };
    (1.0 - level.clamp(0.0, MAX_LEVEL)) / 2.0
}

/// Below this a Beta shape is a 0 that rounding left behind.
const ZERO_SHAPE: f64 = 1e-200;

/// From here on, in both shapes, a Beta is a corrected normal to about 1e-5 standard deviations.
const NORMAL_SHAPE: f64 = 1e6;

/// Computes the equal-tailed interval of Beta(`a`, `b`) with the edges of [`credible_interval`].
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
pub(crate) fn normal_deviate(tail: f64) -> f64 {
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
    fn a_base_rate_is_the_smoothed_share() {
        // (3 + 2/4) / (10 + 2)
        assert!(close(base_rate(3.0, 10.0, 4, 2.0), 3.5 / 12.0, 1e-15));
        assert!(close(base_rate(0.0, 0.0, 4, 0.0), 0.25, 0.0));
        assert!(close(base_rate(0.0, 0.0, 5, 3.0), 0.2, 1e-15));
        assert!(close(base_rate(0.0, 0.0, 0, 0.0), 1.0, 0.0));
        assert!(close(base_rate(9.0, 4.0, 2, 0.0), 1.0, 0.0));
        assert!(close(base_rate(f64::NAN, 4.0, 2, 1.0), 0.1, 1e-15));
    }

    #[test]
    fn base_rates_of_all_responses_add_up_to_one() {
        let counts = [3.5, 0.0, 2.25, 1.0];
        let total = counts.iter().sum();
        let sum: f64 = counts.iter().map(|&n| base_rate(n, total, counts.len(), 0.7)).sum();
        assert!(close(sum, 1.0, 1e-14));
    }

    #[test]
    fn the_propensity_of_an_unseen_factor_is_undefined() {
        assert_eq!(propensity(0.0, 0.0), None);
        assert_eq!(propensity(2.0, f64::NAN), None);
        assert_eq!(propensity(3.0, 4.0), Some(0.75));
        assert_eq!(propensity(5.0, 4.0), Some(1.0));
        // A weight so decayed that it is subnormal still has a ratio.
        assert_eq!(propensity(1e-320, 1e-320), Some(1.0));
    }

    #[test]
    fn one_sighting_does_not_read_as_certainty() {
        // (1 + 4 · 0.25) / (1 + 4)
        assert!(close(posterior_mean(1.0, 1.0, 0.25, 4.0), 0.4, 1e-15));
        assert!(close(posterior_mean(0.0, 0.0, 0.25, 4.0), 0.25, 0.0));
        assert!(close(posterior_mean(0.0, 0.0, 0.25, 0.0), 0.25, 0.0));
        assert!(close(posterior_mean(3.0, 4.0, 0.25, 0.0), 0.75, 0.0));
        assert!(close(posterior_mean(3.0, 4.0, 0.25, f64::INFINITY), 0.25, 1e-12));
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
    fn a_shape_of_zero_is_a_point_mass() {
        assert_eq!(credible_interval(0.0, 0.0, 0.5, 0.0, 0.95), Interval { low: 0.0, high: 1.0 });
        assert_eq!(credible_interval(0.0, 3.0, 0.5, 0.0, 0.95), Interval { low: 0.0, high: 0.0 });
        assert_eq!(credible_interval(3.0, 3.0, 0.5, 0.0, 0.95), Interval { low: 1.0, high: 1.0 });
        assert_eq!(credible_interval(0.0, 3.0, 0.0, 4.0, 0.95), Interval { low: 0.0, high: 0.0 });
    }

    #[test]
    fn odd_levels_are_clamped() {
        let at = |level| credible_interval(3.0, 10.0, 0.5, 2.0, level);
        assert_eq!(at(f64::NAN), at(0.95));
        assert_eq!(at(7.0), at(MAX_LEVEL));
        assert_eq!(at(-1.0), at(0.0));
        assert!(close(at(0.0).low, at(0.0).high, 1e-14));
    }

    #[test]
    fn lift_compares_with_the_base_rate() {
        assert!(close(lift(0.6, 0.3), 2.0, 1e-15));
        assert!(close(lift(0.0, 0.0), 1.0, 0.0));
        assert!(close(lift(0.5, 0.0), MAX_LIFT, 0.0));
        assert!(close(lift(0.5, 1e-300), MAX_LIFT, 0.0));
        assert!(close(lift(0.0, 0.5), 0.0, 0.0));
    }

    #[test]
    fn kappa_has_a_default_and_prefers_the_larger_in_a_tie() {
        assert!(close(choose_kappa(&[], &[0.5, 0.5]), DEFAULT_KAPPA, 0.0));
        let empty = CountRow { coverage: 0.0, by_response: &[0.0, f64::NAN] };
        assert!(close(choose_kappa(&[empty], &[0.5, 0.5]), DEFAULT_KAPPA, 0.0));
        // Without the one sighting the prediction is the base rate, whatever kappa is.
        let once = CountRow { coverage: 1.0, by_response: &[1.0, 0.0] };
        assert!(close(choose_kappa(&[once], &[0.5, 0.5]), 64.0, 0.0));
        // A response of base rate 0 must not decide by an infinite penalty.
        let shut = CountRow { coverage: 1.0, by_response: &[1.0] };
        let open = CountRow { coverage: 10.0, by_response: &[0.0, 10.0] };
        assert!(close(choose_kappa(&[shut, open], &[0.0, 0.5]), 0.5, 0.0));
    }

    #[test]
    fn an_interval_survives_json() {
        let interval = credible_interval(3.0, 10.0, 0.5, 2.0, 0.95);
        let text = serde_json::to_string(&interval).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
    }

    fn is_share(x: f64) -> bool {
        (0.0..=1.0).contains(&x)
    }

    fn is_bounded(interval: Interval) -> bool {
        is_share(interval.low) && is_share(interval.high) && interval.low <= interval.high
    }

    proptest! {
        #[test]
        fn no_float_gets_a_nan_out(
            a in any::<f64>(), b in any::<f64>(), c in any::<f64>(), d in any::<f64>(), e in any::<f64>(),
            categories in any::<usize>(),
        ) {
            prop_assert!(is_share(base_rate(a, b, categories, c)));
            prop_assert!(propensity(a, b).is_none_or(is_share));
            prop_assert!(is_share(posterior_mean(a, b, c, d)));
            prop_assert!(is_bounded(credible_interval(a, b, c, d, e)));
            prop_assert!((0.0..=MAX_LIFT).contains(&lift(a, b)));
            let row = CountRow { coverage: a, by_response: &[b, c] };
            prop_assert!(KAPPA_GRID.contains(&choose_kappa(&[row], &[d, e])));
        }

        #[test]
        fn special_values_get_no_nan_out(at in proptest::collection::vec(0_usize..12, 5)) {
            let special = [
                0.0, -0.0, 1.0, -1.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE,
                5e-324, 1e6,
            ];
            let v: Vec<f64> = at.iter().map(|&i| special[i]).collect();
            prop_assert!(is_share(base_rate(v[0], v[1], at[2], v[3])));
            prop_assert!(propensity(v[0], v[1]).is_none_or(is_share));
            prop_assert!(is_share(posterior_mean(v[0], v[1], v[2], v[3])));
            prop_assert!(is_bounded(credible_interval(v[0], v[1], v[2], v[3], v[4])));
            prop_assert!((0.0..=MAX_LIFT).contains(&lift(v[0], v[1])));
            let row = CountRow { coverage: v[0], by_response: &v[1..3] };
            prop_assert!(KAPPA_GRID.contains(&choose_kappa(&[row, row], &v[3..])));
        }

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
            prop_assert!(is_share(below) && is_share(above) && close(below + above, 1.0, 1e-12));
            let (above_mirrored, _) = beta_tails(ln_b.exp(), ln_a.exp(), 1.0 - x, x);
            prop_assert!((above - above_mirrored).abs() < 1e-9);
        }

        #[test]
        fn a_wider_level_gives_a_wider_interval(
            n in 0.0..50.0_f64, rest in 0.0..50.0_f64, base in 0.01..0.99_f64, kappa in 0.1..64.0_f64,
        ) {
            let narrow = credible_interval(n, n + rest, base, kappa, 0.5);
            let wide = credible_interval(n, n + rest, base, kappa, 0.95);
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }

        #[test]
        fn few_counts_give_the_base_rate_and_many_the_frequency(
            share in 0.0..1.0_f64, base in 0.0..1.0_f64, kappa in 0.5..64.0_f64,
        ) {
            prop_assert!((posterior_mean(share * 1e-12, 1e-12, base, kappa) - base).abs() < 1e-11);
            prop_assert!((posterior_mean(share * 1e14, 1e14, base, kappa) - share).abs() < 1e-11);
        }

        #[test]
        fn a_posterior_lies_between_base_and_frequency(
            n in 0.0..50.0_f64, rest in 0.01..50.0_f64, base in 0.0..1.0_f64, kappa in 0.0..64.0_f64,
        ) {
            let frequency = propensity(n, n + rest).unwrap();
            let mean = posterior_mean(n, n + rest, base, kappa);
            prop_assert!(mean >= frequency.min(base) - 1e-12 && mean <= frequency.max(base) + 1e-12);
        }
    }
}
