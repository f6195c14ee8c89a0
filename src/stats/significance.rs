//! Tests whether a factor and a response go together by more than chance.
//!
//! Every function is total: a cell that is NaN or below 1e-12 reads as 0, one above 1e15 as 1e15, and no
//! result is NaN.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::fisher::fisher_exact;
use super::posterior::to_count;
use super::tail::upper_chi_square;

/// A weight below this is a decayed remainder and counts as an empty cell.
pub const SMALLEST_CELL: f64 = 1e-12;

/// Smallest expected count at which the χ² approximation is used (Cochran 1954).
pub const MIN_EXPECTED: f64 = 5.0;

/// Outcome of a χ² test of independence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChiSquare {
    /// Pearson's statistic, at least 0.
    pub statistic: f64,
    /// Degrees of freedom, at least 1: (rows − 1)(columns − 1) of what remained.
    pub dof: usize,
    /// Probability of such a statistic or a larger one under independence, in [0, 1].
    pub p: f64,
}

/// Tests an r×c table of counts for independence of rows and columns.
///
/// Rows and columns without any count are dropped first. `None` when fewer than two rows or two columns remain. No
/// continuity correction. See [`min_expected`] for whether the approximation holds.
///
/// Source: Pearson 1900; Agresti, *Categorical Data Analysis*, 3rd ed., section 3.2.
pub fn chi_square(table: &Array2<f64>) -> Option<ChiSquare> {
    let sums = Sums::of(table);
    let (rows, columns) = (occurring(&sums.rows), occurring(&sums.columns));
    if rows < 2 || columns < 2 {
        return None;
    }
    let mut statistic = 0.0;
    for (cells, &row) in table.rows().into_iter().zip(&sums.rows) {
        for (&cell, &column) in cells.iter().zip(&sums.columns) {
            let expected = row * (column / sums.total);
            if expected > 0.0 {
                let off = to_cell(cell) - expected;
                statistic += off * off / expected;
            }
        }
    }
    let dof = (rows - 1) * (columns - 1);
    Some(ChiSquare { statistic, dof, p: upper_chi_square(statistic, dof) })
}

/// Returns the smallest count that independence would lead one to expect in a cell of the table, empty rows and
/// columns aside; 0 when the table holds no count.
///
/// Source: Cochran 1954, who asks for at least 5.
pub fn min_expected(table: &Array2<f64>) -> f64 {
    let sums = Sums::of(table);
    let least = |sums: &[f64]| sums.iter().copied().filter(|&sum| sum > 0.0).reduce(f64::min);
    match (least(&sums.rows), least(&sums.columns)) {
        (Some(row), Some(column)) => row * (column / sums.total),
        _ => 0.0,
    }
}

/// Tests whether a factor goes with the response: a p-value in [0, 1].
///
/// `with_factor` and `without` hold the weight of each response among the interactions with and without the factor,
/// in the same order; a missing entry reads as 0. When every expected count is at least 5 it is the
/// [`chi_square`] p-value of the 2×|Y| table. Otherwise each response that occurs is tested against all others with
/// [`fisher_exact`] on counts rounded to whole numbers, and the smallest p-value is multiplied by the number of
/// responses that occur (Bonferroni; two responses are one test), at most 1. The result is 1 when the factor is present everywhere or nowhere, or
/// when fewer than two responses occur.
///
/// Source: Cochran 1954 for the choice; Dunn 1961 for the correction.
pub fn association(with_factor: &[f64], without: &[f64]) -> f64 {
    let responses = with_factor.len().max(without.len());
    let read = |counts: &[f64], at: usize| counts.get(at).copied().map_or(0.0, to_cell);
    let table = Array2::from_shape_fn((2, responses), |(row, at)| match row {
        0 => read(with_factor, at),
        _ => read(without, at),
    });
    let Some(test) = chi_square(&table) else {
        return 1.0;
    };
    if min_expected(&table) >= MIN_EXPECTED {
        return test.p;
    }

    let counts: Vec<(u64, u64)> =
        (0..responses).map(|at| (to_whole(read(with_factor, at)), to_whole(read(without, at)))).collect();
    // Each count is at most 1e15, so only an absurd number of responses could overflow: it saturates.
    let (with_all, without_all) = counts
        .iter()
        .fold((0_u64, 0_u64), |(a, b), &(with, without)| (a.saturating_add(with), b.saturating_add(without)));
    let smallest = counts
        .iter()
        .map(|&(with, without)| fisher_exact(with, with_all - with, without, without_all - without))
        .fold(1.0, f64::min);
    // Of two responses, each one's test is the other's as well: that is one test, not two.
    let responses = occurring(&Sums::of(&table).columns);
    (smallest * if responses == 2 { 1.0 } else { responses as f64 }).min(1.0)
}

/// Corrects p-values for their number: the q-value of each, in the order given.
///
/// Calling the hypotheses with q ≤ x discoveries keeps the expected share of false ones among them at or below x
/// (independent or positively dependent tests). Each q is in [0, 1], at least its p, and orders like the p-values. A
/// NaN reads as 1; other values are clamped to [0, 1].
///
/// Source: Benjamini and Hochberg 1995, in the step-up form of adjusted p-values (Yekutieli and Benjamini 1999).
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<(usize, f64)> =
        p.iter().map(|&value| if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) }).enumerate().collect();
    ascending.sort_by(|x, y| x.1.total_cmp(&y.1).then(x.0.cmp(&y.0)));

    let tests = p.len() as f64;
    let mut least = 1.0_f64;
    let mut corrected: Vec<(usize, f64)> = Vec::with_capacity(p.len());
    for (rank, &(position, value)) in ascending.iter().enumerate().rev() {
        // `max` undoes the rounding that could leave p · m / m a hair below p.
        least = least.min((value * tests / (rank + 1) as f64).max(value));
        corrected.push((position, least));
    }
    corrected.sort_by_key(|&(position, _)| position);
    corrected.into_iter().map(|(_, q)| q).collect()
}

/// Sums of a table's cells.
struct Sums {
    rows: Vec<f64>,
    columns: Vec<f64>,
    total: f64,
}

impl Sums {
    fn of(table: &Array2<f64>) -> Self {
        let add = |cells: ndarray::ArrayView1<'_, f64>| cells.iter().copied().map(to_cell).sum::<f64>();
        let rows: Vec<f64> = table.rows().into_iter().map(add).collect();
        let columns = table.columns().into_iter().map(add).collect();
        let total = rows.iter().sum();
        Self { rows, columns, total }
    }
}

fn occurring(sums: &[f64]) -> usize {
    sums.iter().filter(|&&sum| sum > 0.0).count()
}

/// Reads any float as the count of one cell.
fn to_cell(x: f64) -> f64 {
    let count = to_count(x);
    if count < SMALLEST_CELL { 0.0 } else { count }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cell is within 0 and 1e15, and it was just rounded"
)]
pub(super) fn to_whole(cell: f64) -> u64 {
    cell.round() as u64
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn close(got: f64, want: f64, relative: f64) -> bool {
        (got - want).abs() <= relative * want.abs()
    }

    #[test]
    fn empty_rows_and_columns_are_dropped() {
        let full = array![[10., 20.], [30., 40.]];
        let padded = array![[10., 0., 20.], [0., 1e-13, f64::NAN], [30., -1., 40.]];
        assert_eq!(chi_square(&padded), chi_square(&full));
        assert!(close(min_expected(&padded), 12.0, 1e-15));
    }

    #[test]
    fn a_table_of_one_row_or_column_has_no_test() {
        assert_eq!(chi_square(&array![[3., 4.]]), None);
        assert_eq!(chi_square(&array![[3., 4.], [0., 0.]]), None);
        assert_eq!(chi_square(&array![[3.], [4.]]), None);
        assert_eq!(chi_square(&Array2::zeros((0, 0))), None);
        assert!(min_expected(&Array2::zeros((2, 2))).abs() < 1e-300);
    }

    #[test]
    fn association_uses_chi_square_on_large_counts() {
        let table = array![[12., 7., 9.], [3., 14., 20.]];
        let want = chi_square(&table).unwrap().p;
        assert!(close(association(&[12., 7., 9.], &[3., 14., 20.]), want, 1e-15));
    }

    #[test]
    fn association_uses_corrected_exact_tests_on_small_counts() {
        // Three responses; the clearest is [[5, 1], [0, 6]], p = 2 · 6/792 = 0.01515…, times three.
        let clearest = fisher_exact(5, 1, 0, 6);
        assert!(close(clearest, 12.0 / 792.0, 1e-12));
        assert!(close(association(&[5., 1., 0.], &[0., 3., 3.]), 3.0 * clearest, 1e-12));
        // A response that never occurs is no test.
        assert!(close(association(&[5., 1., 0., 0.], &[0., 3., 3.]), 3.0 * clearest, 1e-12));
        // Decayed weights are rounded.
        assert!(close(association(&[4.6, 1.2, 0.3], &[0.1, 3.4, 2.7]), 3.0 * clearest, 1e-12));
    }

    #[test]
    fn association_is_one_where_nothing_can_be_learned() {
        for (with, without) in [
            (&[3., 4.][..], &[0., 0.][..]),
            (&[0., 0.], &[3., 4.]),
            (&[5., 0.], &[9., 0.]),
            (&[], &[]),
            (&[f64::NAN, 2.], &[f64::NEG_INFINITY, 3.]),
            // Decayed until they round to nothing.
            (&[0.2, 0.3], &[0.4, 0.1]),
        ] {
            let p = association(with, without);
            assert!(close(p, 1.0, 0.0), "{with:?} {without:?}: {p}");
        }
    }

    #[test]
    fn benjamini_hochberg_reads_nan_as_one() {
        let got = benjamini_hochberg(&[0.01, f64::NAN, f64::NEG_INFINITY, f64::INFINITY]);
        for (q, want) in got.iter().zip([0.02, 1.0, 0.0, 1.0]) {
            assert!(close(*q, want, 1e-15), "{got:?}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn fisher_ignores_how_the_table_is_turned(a in 0..60_u64, b in 0..60_u64, c in 0..60_u64, d in 0..60_u64) {
            let p = fisher_exact(a, b, c, d);
            prop_assert!((0.0..=1.0).contains(&p));
            for turned in [fisher_exact(c, d, a, b), fisher_exact(b, a, d, c), fisher_exact(a, c, b, d)] {
                prop_assert!(close(turned, p, 1e-12));
            }
        }

        #[test]
        fn fisher_adds_up_the_hypergeometric(a in 0..9_u64, b in 0..9_u64, c in 0..9_u64, d in 0..9_u64) {
            let choose = |n: u64, k: u64| (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64);
            let (row, other, column) = (a + b, c + d, a + c);
            let weight = |cell: u64| choose(row, cell) * choose(other, column - cell);
            let cells: Vec<u64> = (column.saturating_sub(other)..=row.min(column)).collect();
            let all: f64 = cells.iter().map(|&cell| weight(cell)).sum();
            let tail: f64 = cells.iter().map(|&cell| weight(cell)).filter(|&w| w <= weight(a) * (1.0 + 1e-9)).sum();
            prop_assert!(close(fisher_exact(a, b, c, d), tail / all, 1e-12));
        }

        #[test]
        fn no_float_gets_a_nan_out_of_a_table(cells in proptest::collection::vec(any::<f64>(), 12)) {
            let table = Array2::from_shape_vec((3, 4), cells.clone()).unwrap();
            if let Some(test) = chi_square(&table) {
                prop_assert!(test.statistic >= 0.0 && test.statistic.is_finite());
                prop_assert!((0.0..=1.0).contains(&test.p) && test.dof >= 1);
            }
            prop_assert!(min_expected(&table) >= 0.0);
            prop_assert!((0.0..=1.0).contains(&association(&cells[..6], &cells[6..])));
        }

        #[test]
        fn special_values_get_no_nan_out_of_a_table(at in proptest::collection::vec(0_usize..10, 8)) {
            let special =
                [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324, 1e-12];
            let cells: Vec<f64> = at.iter().map(|&i| special[i]).collect();
            let table = Array2::from_shape_vec((2, 4), cells.clone()).unwrap();
            if let Some(test) = chi_square(&table) {
                prop_assert!(test.statistic >= 0.0 && test.statistic.is_finite() && (0.0..=1.0).contains(&test.p));
            }
            prop_assert!(min_expected(&table) >= 0.0);
            prop_assert!((0.0..=1.0).contains(&association(&cells[..4], &cells[4..])));
        }

        #[test]
        fn q_values_are_ordered_like_the_p_values_and_no_smaller(
            p in proptest::collection::vec(0.0..=1.0_f64, 0..40),
        ) {
            let q = benjamini_hochberg(&p);
            prop_assert_eq!(q.len(), p.len());
            for (i, (&own_p, &own_q)) in p.iter().zip(&q).enumerate() {
                prop_assert!(own_q >= own_p && own_q <= 1.0);
                for (&other_p, &other_q) in p.iter().zip(&q).skip(i) {
                    prop_assert!(own_p > other_p || own_q <= other_q);
                    prop_assert!(own_p < other_p || own_q >= other_q);
                }
            }
        }

        #[test]
        fn q_values_of_any_floats_are_shares(p in proptest::collection::vec(any::<f64>(), 0..20)) {
            prop_assert!(benjamini_hochberg(&p).iter().all(|q| (0.0..=1.0).contains(q)));
        }
    }
}
