//! Bounds shares of a whole.
//!
//! Every function is total: counts and levels are read as [`posterior`](super::posterior) reads them.

use super::interval::{Interval, beta_interval, normal_deviate, tail_of, to_share};
use super::posterior::to_count;

/// Bounds a share from `successes` among `n`, within [0, 1].
///
/// `level` is the coverage, 0.95 for instance. Good also for few trials and for shares near 0 or 1, where the usual
/// p ± z·se is not. n = 0 gives [0, 1]; `successes` above `n` reads as `n`.
///
/// Source: Wilson 1927; Agresti and Coull 1998 for why this one.
pub fn wilson(successes: f64, n: f64, level: f64) -> Interval {
    let n = to_count(n);
    let successes = to_count(successes).min(n);
    if n <= 0.0 {
        return Interval::UNIT;
    }
    let square = normal_deviate(tail_of(level)).powi(2);
    let failures = n - successes;
    let center = (successes + square / 2.0) / (n + square);
    // n·p·(1−p) written with both counts, so that it is exactly 0 at the ends.
    let margin = square.sqrt() * (successes * (failures / n) + square / 4.0).sqrt() / (n + square);
    // At the ends the bound is exactly 0 or 1, which rounding would miss.
    let low = if successes <= 0.0 { 0.0 } else { to_share(center - margin) };
    let high = if failures <= 0.0 { 1.0 } else { to_share(center + margin) };
    Interval { low: low.min(high), high }
}

/// Estimates the share of each category and bounds it: the posterior means, which add up to 1, with equal-tailed
/// intervals.
///
/// `prior` is the pseudo-count of each single category (1 is uniform, 0.5 Jeffreys' choice). Each interval is that of one
/// share by itself, not a joint region. Without counts and prior every share is 1/k with interval [0, 1]; a category
/// with neither has the point 0. No categories, no entries.
///
/// Source: marginals of the Dirichlet posterior are Beta(nᵢ + α, Σⱼ≠ᵢ (nⱼ + α)): Gelman et al., *Bayesian Data
/// Analysis*, 3rd ed., section 3.4.
pub fn dirichlet_shares(counts: &[f64], prior: f64, level: f64) -> Vec<(f64, Interval)> {
    let prior = to_count(prior);
    let shapes: Vec<f64> = counts.iter().map(|&count| to_count(count) + prior).collect();
    let total: f64 = shapes.iter().sum();
    if total <= 0.0 {
        return vec![(1.0 / counts.len() as f64, Interval::UNIT); counts.len()];
    }
    shapes
        .iter()
        .enumerate()
        .map(|(at, &shape)| {
            // Added up, not total − shape: that would leave rounding where nothing else was counted.
            let others: f64 = shapes.iter().enumerate().filter(|&(i, _)| i != at).map(|(_, s)| s).sum();
            (to_share(shape / total), beta_interval(shape, others, level))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_trials_say_nothing() {
        assert_eq!(wilson(0.0, 0.0, 0.95), Interval { low: 0.0, high: 1.0 });
        assert_eq!(wilson(3.0, f64::NAN, 0.95), Interval { low: 0.0, high: 1.0 });
        assert_eq!(wilson(9.0, 4.0, 0.95), wilson(4.0, 4.0, 0.95));
    }

    #[test]
    fn shares_are_defined_without_counts() {
        assert!(dirichlet_shares(&[], 1.0, 0.95).is_empty());
        assert_eq!(dirichlet_shares(&[0.0, f64::NAN], 0.0, 0.95), vec![(0.5, Interval::UNIT); 2]);
        let one_sided = dirichlet_shares(&[0.1, 0.2, 0.0], 0.0, 0.95);
        assert_eq!(one_sided[2], (0.0, Interval { low: 0.0, high: 0.0 }));
        let only = dirichlet_shares(&[0.1], 0.0, 0.95);
        assert_eq!(only, vec![(1.0, Interval { low: 1.0, high: 1.0 })]);
    }

    fn is_bounded(interval: Interval) -> bool {
        0.0 <= interval.low && interval.low <= interval.high && interval.high <= 1.0
    }

    proptest! {
        #[test]
        fn no_float_gets_a_nan_out(
            a in any::<f64>(), b in any::<f64>(), level in any::<f64>(),
            counts in proptest::collection::vec(any::<f64>(), 0..6),
        ) {
            prop_assert!(is_bounded(wilson(a, b, level)));
            for (share, interval) in dirichlet_shares(&counts, a, level) {
                prop_assert!((0.0..=1.0).contains(&share) && is_bounded(interval));
            }
        }

        #[test]
        fn wilson_holds_the_share_and_mirrors(successes in 0.0..500.0_f64, failures in 0.0..500.0_f64, level in 0.1..1.0_f64) {
            let n = successes + failures;
            prop_assume!(n > 0.0);
            let got = wilson(successes, n, level);
            prop_assert!(got.low <= successes / n + 1e-12 && successes / n <= got.high + 1e-12);
            let mirrored = wilson(failures, n, level);
            prop_assert!((mirrored.low - (1.0 - got.high)).abs() < 1e-9);
        }

        #[test]
        fn shares_add_up_to_one(counts in proptest::collection::vec(0.0..1e6_f64, 1..8), prior in 0.0..3.0_f64) {
            let sum: f64 = dirichlet_shares(&counts, prior, 0.9).iter().map(|(share, _)| share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-12);
        }
    }
}
