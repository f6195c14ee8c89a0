//! Bounds shares of a whole.
//!
//! Every function is total: counts and levels are read as [`posterior`](super::posterior) reads them.

use super::posterior::{Interval, beta_interval, normal_deviate, tail_of, to_count, to_share};

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
