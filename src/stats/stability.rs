//! The stability of a factor's statistics: are they the same on one half of its sightings as on the other?
//!
//! The halves are the odd and the even sightings in order of time, so that a change over time falls on both alike: what
//! changes with time is for [`Drift`](super::Drift), this is about chance. Every function is total and reads counts as
//! [`posterior_mean`] does.

use super::interval::to_share;
use super::posterior::{lift, posterior_mean, to_count};
use super::scale::Moments;

/// The fewest sightings of which halves are compared.
pub const LEAST_HALVED: f64 = 4.0;

/// The fewest factors over which a correlation is computed.
const LEAST_FACTORS: usize = 3;

/// Counts of one factor by response, on the odd and on the even of its sightings.
///
/// For an open-ended task the two "responses" are: influential, not influential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Halves<'a> {
    /// Of the first, third, fifth… sighting, oldest first.
    pub odd: &'a [f64],
    /// Of the second, fourth, sixth…; a missing entry reads as 0.
    pub even: &'a [f64],
}

impl Halves<'_> {
    /// The posterior propensities by response of either half with the base rates; `None` with too few sightings.
    fn propensities(self, base: &[f64], kappa: f64) -> Option<Vec<(f64, f64, f64)>> {
        let sum = |counts: &[f64]| counts.iter().map(|&n| to_count(n)).sum::<f64>();
        let (odd, even) = (sum(self.odd), sum(self.even));
        if odd + even < LEAST_HALVED || odd.min(even) < 1.0 {
            return None;
        }
        let read = |counts: &[f64], at: usize| counts.get(at).copied().unwrap_or_default();
        let both = |(at, &base): (usize, &f64)| {
            let base = to_share(base);
            let half = |counts: &[f64], of: f64| posterior_mean(read(counts, at), of, base, kappa);
            (half(self.odd, odd), half(self.even, even), base)
        };
        Some(base.iter().enumerate().map(both).collect())
    }
}

/// Measures how alike the propensities of a factor are on its two halves, from 0 (they contradict each other) to 1 (the same).
///
/// With `a_y` and `b_y` the posterior propensity of response y less its base rate on either half, it is the part of the
/// departures that both halves share,
///
/// ```text
/// Σ_y shared(a_y, b_y) / Σ_y covered(a_y, b_y)
///   same sign:      shared = min(|a|, |b|)    covered = max(|a|, |b|)
///   opposite signs: shared = 0                covered = |a| + |b|
/// ```
///
/// (Ružička 1958, for signed weights.) `base` holds the base rates, in the order of the counts, and `kappa` the weight
/// of them in pseudo-interactions. Departures are compared rather than the propensities because two halves of a factor
/// without an effect are both near the base rates, and hence alike without meaning anything. By chance alone the value
/// is 0.2 on average: the halves point the same way in half of the cases, and then share 0.44. With 4 to 10 sightings it
/// is up to 0.4, since halves of so few often coincide.
///
/// `None` with fewer than 4 sightings, without any in one half, or when no half departs from the base rates.
pub fn stability(halves: Halves<'_>, base: &[f64], kappa: f64) -> Option<f64> {
    let departures = halves.propensities(base, kappa)?;
    shared(departures.into_iter().map(|(odd, even, base)| (odd - base, even - base)))
}

/// Measures how alike the mean responses of a factor are on its two halves, for a scale: the part that both halves share of
/// the distance from the user's mean response, from 0 to 1.
///
/// `odd` and `even` are the moments of the factor's responses on either half, `mean` is the mean of all the user's
/// responses, in the unit of the scale, and `kappa` the pseudo-interactions at `mean` by which the halves' means are
/// shrunk. By chance about 0.2, as in [`stability`].
///
/// `None` with fewer than 4 sightings, without any in one half, with sums that are not finite, or when both halves have
/// the user's mean.
pub fn scale_stability(odd: &Moments, even: &Moments, mean: f64, kappa: f64) -> Option<f64> {
    if to_count(odd.n) + to_count(even.n) < LEAST_HALVED || to_count(odd.n).min(to_count(even.n)) < 1.0 {
        return None;
    }
    let kappa = to_count(kappa);
    let departure = |half: &Moments| Some((half.mean()? - mean) * (half.n / (half.n + kappa)));
    shared(std::iter::once((departure(odd)?, departure(even)?)))
}

fn shared(departures: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut shared, mut covered) = (0.0, 0.0);
    for (a, b) in departures {
        // Rounding alone is no departure.
        let [a, b] = [a, b].map(|x| if x.abs() < 1e-12 { 0.0 } else { x });
        if a * b > 0.0 {
            shared += a.abs().min(b.abs());
            covered += a.abs().max(b.abs());
        } else {
            covered += a.abs() + b.abs();
        }
    }
    (covered > 0.0 && covered.is_finite()).then(|| to_share(shared / covered))
}

/// Measures, over all factors of a user, how reliably lifts are known: from 0 (chance) to 1.
///
/// It is [`split_half_reliability`] of the log-lifts `ln(θ̂_my / π_y)` on the two halves, over all responses of all
/// factors that have 4 sightings. Responses of base rate 0 are left out. `None` with fewer than three such factors, or
/// when the log-lifts do not vary.
pub fn lift_reliability(factors: &[Halves<'_>], base: &[f64], kappa: f64) -> Option<f64> {
    let halved: Vec<_> = factors.iter().filter_map(|halves| halves.propensities(base, kappa)).collect();
    if halved.len() < LEAST_FACTORS {
        return None;
    }
    // Without shrinkage a propensity of 0 has no logarithm.
    let log_lift = |share: f64, base: f64| lift(share, base).max(f64::MIN_POSITIVE).ln();
    let known = halved.into_iter().flatten().filter(|&(_, _, base)| base > 0.0);
    let pairs: Vec<(f64, f64)> = known.map(|(odd, even, base)| (log_lift(odd, base), log_lift(even, base))).collect();
    split_half_reliability(&pairs)
}

/// Estimates the reliability of a statistic on all sightings from its values on the two halves, one pair a factor: the
/// correlation r of the halves, stepped up to full length, 2r / (1 + r); 0 for r ≤ 0.
///
/// 1 means that another history of the same length would give the same values, 0 that they are chance: without any real
/// factor r is around 0, and half of the time exactly 0 is returned. For a scale, pass the halves' differences of means.
/// `None` with fewer than three pairs, values that are not finite, or values that do not vary.
///
/// Source: Spearman 1910; Brown 1910.
pub fn split_half_reliability(halves: &[(f64, f64)]) -> Option<f64> {
    if halves.len() < LEAST_FACTORS {
        return None;
    }
    let n = halves.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| halves.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in halves {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    // The roots apart, since the product could overflow; what rounding leaves of equal values does not vary.
    let noise = |mean: f64| n * (4.0 * f64::EPSILON * mean).powi(2);
    let r = xy / (xx.sqrt() * yy.sqrt());
    let varies = xx > noise(mean_x) && yy > noise(mean_y) && r.is_finite();
    varies.then(|| if r > 0.0 { to_share(2.0 * r / (1.0 + r)) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(odd: &[f64], even: &[f64]) -> Option<f64> {
        stability(Halves { odd, even }, &[0.5, 0.5], 2.0)
    }

    #[test]
    fn equal_halves_are_the_same_and_opposite_ones_contradict() {
        assert_eq!(of(&[4.0, 1.0], &[4.0, 1.0]), Some(1.0));
        assert_eq!(of(&[4.0, 1.0], &[1.0, 4.0]), Some(0.0));
        // Departures of 2/6 and 1/6 of the same sign.
        assert!((of(&[4.0, 0.0], &[3.0, 1.0]).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn too_few_sightings_have_no_stability() {
        assert_eq!(of(&[2.0, 0.0], &[1.0, 0.0]), None);
        assert_eq!(of(&[5.0, 0.0], &[0.0, 0.0]), None);
        assert!(of(&[2.0, 0.0], &[2.0, 0.0]).is_some());
    }

    #[test]
    fn halves_at_the_base_rates_have_no_departure_to_compare() {
        assert_eq!(of(&[1.0, 1.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn a_scale_compares_distances_from_the_mean() {
        let moments = |values: &[f64]| {
            let mut moments = Moments::default();
            for value in values {
                moments.add(*value, 1.0);
            }
            moments
        };
        let (high, higher, low) = (moments(&[4.0, 4.0]), moments(&[5.0, 5.0]), moments(&[2.0, 2.0]));
        assert!((scale_stability(&high, &higher, 3.0, 1.0).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(scale_stability(&high, &low, 3.0, 1.0), Some(0.0));
        assert_eq!(scale_stability(&high, &moments(&[5.0]), 3.0, 1.0), None);
        assert_eq!(scale_stability(&high, &high, 4.0, 1.0), None);
        assert_eq!(scale_stability(&high, &low, f64::NAN, 1.0), None);
    }

    #[test]
    fn reliability_steps_the_correlation_up() {
        // r = 0.5
        let pairs = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)];
        assert!((split_half_reliability(&pairs).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(split_half_reliability(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(0.0));
        assert_eq!(split_half_reliability(&[(1.0, 3.0), (1.0, 2.0), (1.0, 1.0)]), None);
        assert_eq!(split_half_reliability(&pairs[..2]), None);
    }

    proptest! {
        #[test]
        fn no_float_gets_out_of_range(v in prop::collection::vec(any::<f64>(), 14), kappa in any::<f64>()) {
            let share = |x: Option<f64>| x.is_none_or(|x| (0.0..=1.0).contains(&x));
            let halves = Halves { odd: &v[..4], even: &v[4..7] };
            prop_assert!(share(stability(halves, &v[7..11], kappa)));
            prop_assert!(share(lift_reliability(&[halves; 4], &v[7..11], kappa)));
            let odd = Moments { n: v[0], sum: v[1], sum_sq: v[2] };
            let even = Moments { n: v[3], sum: v[4], sum_sq: v[5] };
            prop_assert!(share(scale_stability(&odd, &even, v[6], kappa)));
            let pairs: Vec<(f64, f64)> = v.chunks(2).map(|two| (two[0], two[1])).collect();
            prop_assert!(share(split_half_reliability(&pairs)));
        }

        #[test]
        fn the_halves_may_change_places(
            odd in prop::collection::vec(0.0..9.0_f64, 3), even in prop::collection::vec(0.0..9.0_f64, 3),
        ) {
            let base = [0.5, 0.3, 0.2];
            let there = stability(Halves { odd: &odd, even: &even }, &base, 4.0);
            let back = stability(Halves { odd: &even, even: &odd }, &base, 4.0);
            prop_assert_eq!(there, back);
        }
    }
}
