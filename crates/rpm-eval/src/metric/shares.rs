//! Scores of probabilities.

/// Bins of [`calibration_error`].
pub const CALIBRATION_BINS: usize = 10;

/// The Jensen–Shannon divergence of two distributions in bits, from 0 (the same) to 1 (nothing in common). It is the
/// square of the distance of that name.
///
/// Both are made to sum to 1 first. `None` when one is longer, is empty, sums to 0, or holds a number that is negative
/// or not finite.
///
/// Source: Lin 1991, "Divergence measures based on the Shannon entropy"; `SciPy`'s `jensenshannon(p, q, base=2) ** 2`.
///
/// ```
/// use rpm_eval::metric::jensen_shannon;
///
/// assert_eq!(jensen_shannon(&[1.0, 0.0], &[0.0, 3.0]), Some(1.0));
/// assert_eq!(jensen_shannon(&[1.0, 1.0], &[0.5, 0.5]), Some(0.0));
/// ```
pub fn jensen_shannon(p: &[f64], q: &[f64]) -> Option<f64> {
    if p.len() != q.len() {
        return None;
    }
    let (p, q) = (shares(p)?, shares(q)?);
    // The information of `part` beyond the mixture, in bits. A number too small to halve has none.
    let information =
        |part: f64, mixed: f64| if part > 0.0 && mixed > 0.0 { part * (part / mixed).log2() } else { 0.0 };
    let mixed = |(p, q): (&f64, &f64)| f64::midpoint(*p, *q);
    let left: f64 = p.iter().zip(&q).map(|pair| information(*pair.0, mixed(pair))).sum();
    let right: f64 = p.iter().zip(&q).map(|pair| information(*pair.1, mixed(pair))).sum();
    Some(f64::midpoint(left, right).clamp(0.0, 1.0))
}

/// The Brier score of one item, from 0 (all on the response that was given) to 2 (all on another one): the sum over the
/// responses of (p − 1 for the wanted one, or p)². Even chances of k responses give 1 − 1 / k.
///
/// Probabilities are made to sum to 1 first. `None` when `gold` is no place among them, and where [`jensen_shannon`]
/// has none.
///
/// Source: Brier 1950, in its first form for many classes.
pub fn brier(probabilities: &[f64], gold: usize) -> Option<f64> {
    let shares = shares(probabilities)?;
    let wanted = *shares.get(gold)?;
    let others = shares.iter().enumerate().filter(|(place, _)| *place != gold).map(|(_, p)| p * p);
    Some(others.sum::<f64>() + (1.0 - wanted) * (1.0 - wanted))
}

/// The expected calibration error of (confidence in the response, whether it was right), from 0 to 1, over
/// [`CALIBRATION_BINS`] bins of equal width: the distance between a bin's mean confidence and its share of right ones,
/// on average over the pairs. A bin has its lower edge; the last has 1 as well. `None` without a pair.
///
/// Confidences beyond 0 and 1 are read as these; NaN is left out.
///
/// Source: Naeini et al. 2015. Even a calibrated method's is above 0, the more so the fewer the items.
pub fn calibration_error(pairs: impl IntoIterator<Item = (f64, bool)>) -> Option<f64> {
    let (gaps, pairs) = calibration_gaps(pairs);
    if pairs == 0 { None } else { Some(error_of_gaps(&gaps, pairs)) }
}

/// For each bin the sum of confidence less right ones; and how many pairs there are.
pub(super) fn calibration_gaps(pairs: impl IntoIterator<Item = (f64, bool)>) -> (Vec<f64>, u64) {
    let mut gaps = vec![0.0; CALIBRATION_BINS];
    let mut n = 0;
    for (confidence, right) in pairs.into_iter().filter(|(confidence, _)| !confidence.is_nan()) {
        let confidence = confidence.clamp(0.0, 1.0);
        let beyond = |edge: &usize| confidence >= *edge as f64 / CALIBRATION_BINS as f64;
        if let Some(gap) = gaps.get_mut((1..CALIBRATION_BINS).take_while(beyond).count()) {
            *gap += confidence - f64::from(u8::from(right));
            n += 1;
        }
    }
    (gaps, n)
}

/// The calibration error from [`calibration_gaps`]: a bin's size times its distance is the size of its gap.
pub(super) fn error_of_gaps(gaps: &[f64], pairs: u64) -> f64 {
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / pairs as f64
}

/// The place of the largest number, the first of equals; `None` when there is none or one is not a share.
pub(super) fn largest(numbers: &[f64]) -> Option<usize> {
    let shares = shares(numbers)?;
    let most = shares.iter().copied().fold(0.0, f64::max);
    shares.iter().position(|share| *share >= most)
}

/// Numbers of 0 or more, made to sum to 1.
fn shares(numbers: &[f64]) -> Option<Vec<f64>> {
    let sum: f64 = numbers.iter().sum();
    let fits = numbers.iter().all(|number| *number >= 0.0) && sum > 0.0 && sum.is_finite();
    fits.then(|| numbers.iter().map(|number| number / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_distribution_has_no_divergence() {
        let even = [0.5, 0.5];
        for wrong in [&[][..], &[1.0], &[0.0, 0.0], &[-0.5, 1.5], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]] {
            assert_eq!(jensen_shannon(&even, wrong), None, "{wrong:?}");
            assert_eq!(jensen_shannon(wrong, &even), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_divergence_is_that_of_a_case_by_hand() {
        // m = (3/4, 1/4): ½ · log2(4/3) + ½ · (½ · log2(2/3) + ½ · log2(2)).
        let expected = 0.5 * (4.0_f64 / 3.0).log2() + 0.5 * (0.5 * (2.0_f64 / 3.0).log2() + 0.5);
        assert!((jensen_shannon(&[1.0, 0.0], &[1.0, 1.0]).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn brier_goes_from_0_to_2_and_even_chances_lie_between() {
        assert_eq!(brier(&[0.0, 2.0], 1), Some(0.0));
        assert_eq!(brier(&[0.0, 1.0], 0), Some(2.0));
        assert!((brier(&[1.0; 4], 2).unwrap() - 0.75).abs() < 1e-15);
        assert_eq!(brier(&[1.0; 4], 4), None);
    }

    #[test]
    fn a_confidence_on_an_edge_is_in_the_upper_bin_and_1_in_the_last() {
        let (gaps, pairs) =
            calibration_gaps([(0.3, false), (1.0, false), (7.0, false), (-1.0, true), (f64::NAN, true)]);
        assert_eq!((gaps, pairs), (vec![-1.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0], 4));
    }

    #[test]
    fn calibration_is_the_mean_distance_over_pairs() {
        let error = calibration_error([(0.9, true), (0.9, true), (0.9, false), (0.2, false)]).unwrap();
        assert!((error - (0.7 + 0.2) / 4.0).abs() < 1e-15);
        assert_eq!(calibration_error([]), None);
    }

    #[test]
    fn of_equal_shares_the_first_is_the_largest() {
        assert_eq!(largest(&[0.2, 0.4, 0.4]), Some(1));
        assert_eq!(largest(&[]), None);
    }
}
