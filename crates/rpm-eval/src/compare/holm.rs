//! Several comparisons at once.

/// Corrects p-values for their number, in the order given: calling those at most x significant keeps the probability of
/// any false call at or below x, however the tests depend on each other.
///
/// The j-th smallest of m is the largest of (m − i + 1) · p₍ᵢ₎ over i ≤ j, at most 1. Each result is at least its p,
/// and orders like the p-values. A NaN reads as 1; other values are clamped to [0, 1]. The share of false calls, rather
/// than any, is kept low by [`benjamini_hochberg`](rpm_core::stats::benjamini_hochberg) (1995), which calls more.
///
/// Source: Holm 1979, as adjusted p-values (Wright 1992).
///
/// ```
/// let adjusted = rpm_eval::compare::holm(&[0.01, 0.04, 0.03]);
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let read = |&p: &f64| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) };
    let mut ascending: Vec<(usize, f64)> = p.iter().map(read).enumerate().collect();
    ascending.sort_by(|x, y| x.1.total_cmp(&y.1).then(x.0.cmp(&y.0)));
    let mut most = 0.0_f64;
    for (rank, (_, value)) in ascending.iter_mut().enumerate() {
        most = most.max(*value * (p.len() - rank) as f64).min(1.0);
        *value = most;
    }
    ascending.sort_by_key(|&(position, _)| position);
    ascending.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn adjusted_values_are_those_of_statsmodels() {
        // statsmodels 0.15.0: multipletests(p, method='holm')[1]
        for (p, adjusted) in TABLE {
            for (got, want) in holm(p).iter().zip(*adjusted) {
                assert!((got - want).abs() < 1e-14, "{p:?}: {got} {want}");
            }
        }
    }

    const TABLE: &[(&[f64], &[f64])] = &[
        (&[0.01, 0.04, 0.03], &[0.03, 0.06, 0.06]),
        (
            &[0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205],
            &[0.008, 0.056, 0.234, 0.234, 0.234, 0.234, 0.234, 0.234],
        ),
        (&[0.5, 0.5, 0.01, 0.01, 0.9], &[1.0, 1.0, 0.05, 0.05, 1.0]),
        (&[0.02, 0.02, 0.02], &[0.06, 0.06, 0.06]),
    ];

    #[test]
    fn no_value_and_no_number_are_read_as_documented() {
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[f64::NAN, 0.25, -1.0, 7.0]), [1.0, 0.75, 0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn adjusted_values_are_ordered_like_the_p_values_and_no_smaller(
            p in proptest::collection::vec(0.0..=1.0_f64, 0..30),
        ) {
            let adjusted = holm(&p);
            prop_assert_eq!(adjusted.len(), p.len());
            for (i, j) in (0..p.len()).flat_map(|i| (0..p.len()).map(move |j| (i, j))) {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
            }
            for (holm, share) in adjusted.iter().zip(rpm_core::stats::benjamini_hochberg(&p)) {
                prop_assert!(*holm >= share - 1e-12);
            }
        }

        #[test]
        fn any_floats_give_probabilities(p in proptest::collection::vec(any::<f64>(), 0..20)) {
            prop_assert!(holm(&p).iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}
