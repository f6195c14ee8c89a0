//! Whether responses on a scale tend to be higher or lower with a factor than without it.

use statrs::distribution::{ContinuousCDF, Normal};

use super::posterior::to_count;

/// Two-sided p-value of the rank-sum test on counts by scale point, lowest point first, with mid-ranks for ties and a
/// continuity correction.
///
/// It uses the order of the points, which a test over unordered responses throws away. Both lists are over the same
/// points; a missing entry reads as 0. 1 when a side is empty or only one point occurs.
///
/// Source: Mann and Whitney 1947; tie correction as in Lehmann, *Nonparametrics*, 1975, section 1.4.
///
/// ```
/// // scipy.stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=True), SciPy 1.17.1
/// let p = rpm_core::rank_sum(&[0.0, 0.0, 0.0, 1.0, 3.0], &[11.0, 6.0, 11.0, 8.0, 8.0]);
/// assert!((p - 0.01539737720047695).abs() < 1e-9);
/// ```
pub fn rank_sum(with_factor: &[f64], without: &[f64]) -> f64 {
    let points = with_factor.len().max(without.len());
    let read = |counts: &[f64], at: usize| counts.get(at).copied().map_or(0.0, to_count);
    let (mut n, mut m, mut below, mut ranks, mut ties) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for at in 0..points {
        let (a, b) = (read(with_factor, at), read(without, at));
        let tied = a + b;
        // The mean rank of those tied at this point.
        ranks += a * f64::midpoint(below + 1.0, below + tied);
        below += tied;
        ties += tied * tied * tied - tied;
        n += a;
        m += b;
    }
    let total = n + m;
    if n <= 0.0 || m <= 0.0 || total <= 1.0 {
        return 1.0;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    let Some(normal) = Normal::new(0.0, 1.0).ok().filter(|_| variance > 1e-12) else {
        return 1.0;
    };
    let p = 2.0 * normal.sf(distance / variance.sqrt());
    if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SciPy 1.17.1: `mannwhitneyu(x, y, alternative="two-sided", method="asymptotic", use_continuity=True).pvalue`, x and y
    /// being the counts written out.
    #[test]
    fn agrees_with_values_computed_independently() {
        let table: [(&[f64], &[f64], f64); 8] = [
            (&[0., 0., 0., 1., 3.], &[11., 6., 11., 8., 8.], 0.015_397_377_200_476_95),
            (&[5., 2., 1., 1., 0.], &[6., 4., 10., 8., 11.], 0.004_554_557_184_834_826),
            (&[3., 0., 0., 0., 0.], &[8., 6., 11., 9., 11.], 0.016_568_557_232_197_866),
            (&[1., 1., 1., 1., 1.], &[2., 2., 2., 2., 2.], 1.0),
            (&[0., 4., 0.], &[3., 1., 9.], 0.151_325_627_823_243_27),
            (&[10., 0.], &[0., 10.], 1.593_791_168_806_624_4e-5),
            (&[2., 3., 4., 5., 6.], &[6., 5., 4., 3., 2.], 0.028_225_303_991_101_403),
            (&[1., 0., 0.], &[0., 0., 1.], 1.0),
        ];
        for (with, without, p) in table {
            assert!((rank_sum(with, without) - p).abs() < 1e-9, "{with:?} {without:?}: {}", rank_sum(with, without));
        }
    }

    proptest! {
        #[test]
        fn a_p_value_is_a_probability_for_any_counts(with in prop::collection::vec(any::<f64>(), 0..6), without in prop::collection::vec(any::<f64>(), 0..6)) {
            prop_assert!((0.0..=1.0).contains(&rank_sum(&with, &without)));
        }
    }
}
