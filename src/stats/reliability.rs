//! The reliability of probabilities: of all answers given 80 %, are eight in ten right?

use super::interval::{Interval, to_share};
use super::proportion::wilson;

/// Bins of a [`Reliability`] table unless a host asks for others.
pub const RELIABILITY_BINS: usize = 10;

/// A probability below this, of what then happened, is scored as this, so that one miss cannot make the log score
/// infinite.
pub const SMALLEST_SCORED: f64 = 1e-15;

/// Predictions of much the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// Predictions in it, at least 1.
    pub count: usize,
    /// Their mean probability, from 0 to 1.
    pub probability: f64,
    /// The share of them that was correct, from 0 to 1.
    pub accuracy: f64,
    /// The 95 % Wilson interval of `accuracy`. A calibrated bin has `probability` in it 19 times of 20.
    pub interval: Interval,
}

impl ReliabilityBin {
    fn of(pairs: &[(f64, bool)]) -> Self {
        let count = pairs.len();
        let correct = pairs.iter().filter(|pair| pair.1).count() as f64;
        let n = count.max(1) as f64;
        let probability = to_share(pairs.iter().map(|pair| pair.0).sum::<f64>() / n);
        Self { count, probability, accuracy: correct / n, interval: wilson(correct, n, 0.95) }
    }
}

/// The agreement of predicted probabilities with the outcomes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reliability {
    /// Predictions in all, at least 1.
    pub count: usize,
    /// Bins of (nearly) equal count, least probable first. Equal probabilities share a bin, so there may be fewer bins
    /// than asked for, and of unequal counts.
    pub bins: Vec<ReliabilityBin>,
    /// Expected calibration error over `bins`, from 0 to 1: Σ count · |accuracy − probability| / Σ count. This is the
    /// figure to quote. Even a calibrated predictor's is above 0, by about 0.8 · √(p(1−p) · bins / count).
    pub calibration_error: f64,
    /// The bins of equal width over [0, 1] that hold a prediction, least probable first.
    pub bins_of_equal_width: Vec<ReliabilityBin>,
    /// Expected calibration error over `bins_of_equal_width`: what papers mostly quote.
    pub calibration_error_of_equal_width: f64,
    /// Brier score, from 0 to 1: the mean of (probability − correct)². Lower is better; always saying ½ gives ¼.
    pub brier: f64,
    /// Mean log-probability, in nats, of what happened: ln p of a correct prediction, ln(1 − p) of a wrong one, with p
    /// at least [`SMALLEST_SCORED`]. At most 0; higher is better.
    pub log_score: f64,
}

impl Reliability {
    /// Tabulates pairs of (probability given to a prediction, whether it was correct).
    ///
    /// `bins` is the number of bins of either kind, 0 read as 1. Probabilities are read as shares: NaN as 0, others
    /// clamped to [0, 1]. The order of the pairs does not matter. `None` without pairs.
    ///
    /// Equal counts make the headline because with equal widths the error is biased upwards by bins of a few
    /// predictions (Roelofs et al. 2022).
    ///
    /// Source: Murphy and Winkler 1977 for the table; Naeini et al. 2015 for the calibration error; Brier 1950; Good
    /// 1952 for the log score.
    ///
    /// ```
    /// let pairs = [(0.9, true), (0.9, true), (0.9, false), (0.2, false), (0.2, false), (0.2, false)];
    /// let table = rpm_core::stats::Reliability::of(&pairs, 2).unwrap();
    /// assert_eq!(table.bins.len(), 2);
    /// // |0 − 0.2| · 3/6 + |2/3 − 0.9| · 3/6
    /// assert!((table.calibration_error - 0.65 / 3.0).abs() < 1e-12);
    /// ```
    pub fn of(pairs: &[(f64, bool)], bins: usize) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        // Sorted, so that sums do not depend on the order given.
        let mut pairs: Vec<(f64, bool)> = pairs.iter().map(|&(p, correct)| (to_share(p), correct)).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let count = pairs.len();
        let bins = bins.max(1);
        let last = bins - 1;

        // A prediction's bin is that of the first one equal to it.
        let mut first = 0;
        let mut by_count = Vec::with_capacity(count);
        for (place, pair) in pairs.iter().enumerate() {
            if pairs.get(first).is_none_or(|start| start.0 < pair.0) {
                first = place;
            }
            // Wide enough for any two counts of things in memory.
            by_count.push(first as u128 * bins as u128 / count as u128);
        }
        let by_width: Vec<u128> = pairs.iter().map(|pair| whole(pair.0 * bins as f64).min(last as u128)).collect();

        let bins = tabulate(&pairs, &by_count);
        let bins_of_equal_width = tabulate(&pairs, &by_width);
        let n = count as f64;
        let brier = pairs.iter().map(|&(p, correct)| (p - f64::from(u8::from(correct))).powi(2)).sum::<f64>() / n;
        let log = |&(p, correct): &(f64, bool)| (if correct { p } else { 1.0 - p }).max(SMALLEST_SCORED).ln();
        let log_score = pairs.iter().map(log).sum::<f64>() / n;
        Some(Self {
            count,
            calibration_error: calibration_error(&bins, n),
            calibration_error_of_equal_width: calibration_error(&bins_of_equal_width, n),
            bins,
            bins_of_equal_width,
            brier,
            log_score,
        })
    }
}

/// Summarises each run of pairs with the same bin.
fn tabulate(pairs: &[(f64, bool)], bin_of: &[u128]) -> Vec<ReliabilityBin> {
    let mut bins = Vec::new();
    let mut rest = pairs;
    for run in bin_of.chunk_by(|a, b| a == b) {
        let (bin, after) = rest.split_at(run.len().min(rest.len()));
        bins.push(ReliabilityBin::of(bin));
        rest = after;
    }
    bins
}

fn calibration_error(bins: &[ReliabilityBin], n: f64) -> f64 {
    to_share(bins.iter().map(|bin| bin.count as f64 / n * (bin.accuracy - bin.probability).abs()).sum())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count; the cast rounds down")]
fn whole(x: f64) -> u128 {
    x as u128
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_predicted_gives_no_table() {
        assert_eq!(Reliability::of(&[], 10), None);
    }

    #[test]
    fn equal_probabilities_share_a_bin() {
        let pairs: Vec<(f64, bool)> = (0..20).map(|i| (0.7, i < 14)).collect();
        let table = Reliability::of(&pairs, 10).unwrap();
        assert_eq!((table.bins.len(), table.bins_of_equal_width.len()), (1, 1));
        assert!(table.calibration_error < 1e-12 && (table.brier - 0.21).abs() < 1e-12);
    }

    #[test]
    fn certainty_that_fails_costs_a_finite_amount() {
        let table = Reliability::of(&[(1.0, false), (f64::NAN, true)], 0).unwrap();
        assert!((table.log_score - SMALLEST_SCORED.ln()).abs() < 1e-9);
        assert!((table.brier - 1.0).abs() < 1e-12 && table.bins.len() == 1);
    }

    proptest! {
        #[test]
        fn every_figure_is_in_range_for_any_floats(
            pairs in prop::collection::vec((any::<f64>(), any::<bool>()), 1..60), bins in any::<usize>(),
        ) {
            let table = Reliability::of(&pairs, bins).unwrap();
            for error in [table.calibration_error, table.calibration_error_of_equal_width, table.brier] {
                prop_assert!((0.0..=1.0).contains(&error));
            }
            prop_assert!(table.log_score <= 0.0 && table.log_score >= SMALLEST_SCORED.ln() - 1e-9);
            for bins in [&table.bins, &table.bins_of_equal_width] {
                prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), pairs.len());
                prop_assert!(bins.windows(2).all(|two| two[0].probability <= two[1].probability));
            }
        }

        #[test]
        fn the_order_of_the_pairs_does_not_matter(
            pairs in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..60), turn in 0..60_usize,
        ) {
            let mut turned = pairs.clone();
            turned.rotate_left(turn % pairs.len());
            prop_assert_eq!(Reliability::of(&turned, 7), Reliability::of(&pairs, 7));
        }

        #[test]
        fn more_pairs_than_bins_fill_every_bin_when_probabilities_differ(n in 10..80_usize) {
            let pairs: Vec<(f64, bool)> = (0..n).map(|i| (i as f64 / n as f64, i % 2 == 0)).collect();
            let bins = Reliability::of(&pairs, 10).unwrap().bins;
            prop_assert_eq!(bins.len(), 10);
            prop_assert!(bins.iter().all(|bin| bin.count == n / 10 || bin.count == n / 10 + 1));
        }
    }
}
