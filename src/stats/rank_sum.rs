//! The rank-sum test: are responses on a scale higher or lower with a factor than without it?

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

use super::posterior::to_count;
use super::significance::to_whole;

/// The most tables that the exact distribution is added up over.
const MOST_TABLES: f64 = 5_000.0;
/// The most counts of an exact test, so that their factorials' logarithms keep nine digits.
const MOST_COUNTS: f64 = 1e5;
/// The most points of an exact test, since the walk over the tables is that deep.
const MOST_POINTS: usize = 64;

/// Two-sided p-value of the rank-sum test on counts by scale point, lowest point first, with mid-ranks for ties.
///
/// It uses the order of the points, which a test over unordered responses throws away. Both lists are over the same
/// points; a missing entry reads as 0. 1 when a side is empty or only one point occurs.
///
/// The p-value is exact, twice the smaller tail of the rank sum given the ties, where that takes at most 5,000 tables: on
/// five points whenever one side has up to 16 counts, and for more where few counts are off the commonest point. There
/// the normal approximation can be wrong a thousand times over, since with most responses on one point the rank sum of a
/// few is far from normal. Counts are rounded to whole numbers. Otherwise it is the normal approximation with correction
/// for ties and continuity.
///
/// Source: Mann and Whitney 1947; both forms with ties as in Lehmann, *Nonparametrics*, 1975, section 1.4.
///
/// ```
/// // scipy.stats.mannwhitneyu(x, y, method=PermutationMethod(n_resamples=inf)), SciPy 1.17.1: of 194,580 ways to choose four
/// let p = rpm_core::stats::rank_sum(&[0.0, 0.0, 0.0, 1.0, 3.0], &[11.0, 6.0, 11.0, 8.0, 8.0]);
/// assert!((p - 0.018655565834104226).abs() < 1e-12);
/// ```
pub fn rank_sum(with_factor: &[f64], without: &[f64]) -> f64 {
    let points = with_factor.len().max(without.len());
    let read = |counts: &[f64], at: usize| counts.get(at).copied().map_or(0.0, to_count);
    let both: Vec<(f64, f64)> =
        (0..points).map(|at| (read(with_factor, at), read(without, at))).filter(|(a, b)| a + b > 0.0).collect();
    exact(&both).unwrap_or_else(|| normal(&both))
}

fn normal(points: &[(f64, f64)]) -> f64 {
    let (mut n, mut m, mut below, mut ranks, mut ties) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in points {
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
    if variance.is_nan() || variance <= 1e-12 {
        return 1.0;
    }
    let p = 2.0 * Normal::standard().sf(distance / variance.sqrt());
    if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 }
}

/// The p-value over all tables with these margins; `None` when they are too many.
fn exact(points: &[(f64, f64)]) -> Option<f64> {
    // Rounded, so that tables can be counted; what rounds to nothing does not occur.
    let whole = |(a, b): &(f64, f64)| (a.round(), b.round());
    let mut points: Vec<(f64, f64)> = points.iter().map(whole).filter(|(a, b)| a + b > 0.0).collect();
    let sums = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    // The tables of the smaller side are walked; the other's tails are the same.
    if sums.0 > sums.1 {
        for (a, b) in &mut points {
            std::mem::swap(a, b);
        }
    }
    let (n, total) = (sums.0.min(sums.1), sums.0 + sums.1);
    if n <= 0.0 || points.len() < 2 {
        return Some(1.0);
    }
    if total > MOST_COUNTS || points.len() > MOST_POINTS {
        return None;
    }
    let mut ranked = 0.0;
    let mut observed = 0.0;
    let mut walked: Vec<Tied> = Vec::with_capacity(points.len());
    for (a, b) in points {
        let tied = a + b;
        // Doubled, mid-ranks are whole numbers.
        let rank = 2.0 * ranked + tied + 1.0;
        observed += a * rank;
        ranked += tied;
        walked.push(Tied { count: counted(tied), rank, later: 0, ln_ways: Vec::new() });
    }
    // What is left for the last point is given, so that should be the point of most choices.
    walked.sort_by_key(|point| point.count);
    let free = walked.iter().rev().skip(1);
    let boxes: f64 = free.clone().map(|point| n.min(point.count as f64) + 1.0).product();
    let multisets: f64 = free.zip(1_u32..).map(|(_, i)| (n + f64::from(i)) / f64::from(i)).product();
    if boxes.min(multisets) > MOST_TABLES {
        return None;
    }
    let mut later = 0;
    for point in walked.iter_mut().rev() {
        point.later = later;
        later += point.count;
        point.ln_ways = (0..=point.count.min(counted(n))).map(|taken| ln_choose(point.count, taken)).collect();
    }
    let mut tails = Tails { observed, below: 0.0, above: 0.0, all: 0.0 };
    let unnormed = -ln_choose(counted(total), counted(n));
    tails.walk(&walked, counted(n), 0.0, unnormed);
    let p = 2.0 * tails.below.min(tails.above) / tails.all;
    Some(if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 })
}

/// Those tied at one point of the scale.
struct Tied {
    count: usize,
    /// Twice their mean rank.
    rank: f64,
    /// The number of those at the points that are walked later.
    later: usize,
    /// The logarithms of the numbers of ways to take 0, 1, 2… of them.
    ln_ways: Vec<f64>,
}

/// Probabilities of rank sums up to, from, and on either side of the observed one.
struct Tails {
    observed: f64,
    below: f64,
    above: f64,
    all: f64,
}

impl Tails {
    /// Adds every way to take `left` more from these points, given what the points before them add to the doubled rank
    /// sum and to the logarithm of the probability.
    fn walk(&mut self, points: &[Tied], left: usize, sum: f64, ln_weight: f64) {
        let Some((point, rest)) = points.split_first() else {
            let weight = ln_weight.exp();
            self.all += weight;
            if sum <= self.observed {
                self.below += weight;
            }
            if sum >= self.observed {
                self.above += weight;
            }
            return;
        };
        let least = left.saturating_sub(point.later);
        for (taken, ways) in point.ln_ways.iter().enumerate().take(left + 1).skip(least) {
            self.walk(rest, left - taken, sum + taken as f64 * point.rank, ln_weight + ways);
        }
    }
}

/// Reads a whole number of at most [`MOST_COUNTS`].
fn counted(count: f64) -> usize {
    usize::try_from(to_whole(count)).unwrap_or(usize::MAX)
}

/// ln(n over k); the small ones, which are most, without the gamma function.
fn ln_choose(n: usize, k: usize) -> f64 {
    let k = k.min(n - k);
    if k < 8 {
        return (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>().ln();
    }
    let ln_factorial = |x: usize| ln_gamma(x as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_counts_off_the_commonest_point_are_tested_exactly() {
        // Three of 43 in the one way to be lowest, and the one low response among the three: twice 3/43. The normal
        // approximation gives 1.3e-10 and 0.0004.
        let usual = [0.0, 0.0, 40.0];
        assert!((rank_sum(&[3.0, 0.0, 0.0], &usual) - 2.0 / 12_341.0).abs() < 1e-15);
        assert!((rank_sum(&[1.0, 0.0, 2.0], &usual) - 6.0 / 43.0).abs() < 1e-12);
    }

    #[test]
    fn the_exact_and_the_normal_form_meet() {
        let points = [(5.0, 20.0), (6.0, 17.0), (4.0, 12.0), (14.0, 9.0)];
        let (walked, normal) = (exact(&points).unwrap(), normal(&points));
        assert!((walked / normal - 1.0).abs() < 0.1 && walked < 0.1, "{walked} {normal}");
        // More tables than are walked.
        let many = [(60.0, 50.0); 11];
        assert_eq!(exact(&many), None);
        assert_eq!(exact(&[(1.0, MOST_COUNTS), (2.0, 1.0)]), None);
    }

    #[test]
    fn nothing_to_compare_gives_one() {
        for (with, without) in
            [(&[][..], &[][..]), (&[1.0, 2.0], &[0.0, 0.0]), (&[0.0, 5.0], &[0.0, 7.0]), (&[0.3], &[0.4])]
        {
            assert!(rank_sum(with, without) >= 1.0);
        }
    }

    proptest! {
        #[test]
        fn a_p_value_is_a_probability_for_any_counts(with in prop::collection::vec(any::<f64>(), 0..6), without in prop::collection::vec(any::<f64>(), 0..6)) {
            prop_assert!((0.0..=1.0).contains(&rank_sum(&with, &without)));
        }

        #[test]
        fn neither_the_sides_nor_the_direction_matter(
            with in prop::collection::vec(0..40_u8, 4), without in prop::collection::vec(0..40_u8, 4),
        ) {
            let [with, without] = [with, without].map(|counts| counts.into_iter().map(f64::from).collect::<Vec<f64>>());
            let turned = |counts: &[f64]| counts.iter().rev().copied().collect::<Vec<f64>>();
            let p = rank_sum(&with, &without);
            prop_assert!((rank_sum(&without, &with) - p).abs() <= 1e-9 * p);
            prop_assert!((rank_sum(&turned(&with), &turned(&without)) - p).abs() <= 1e-9 * p);
        }
    }
}
