use ndarray::{Array1, Array2};

use crate::data::{MemoryItem, Query};

use super::normalised;
use super::similar::{Neighbours, Terms};

/// What past interactions say of a query when their likeness to each other is taken into account: kernel ridge regression
/// of the responses on the words of the queries (Hoerl and Kennard 1970; Saunders et al. 1998).
///
/// In a plain vote ten past queries about one thing speak ten times. Here they share one say: with `K` the likeness of the
/// past queries to each other, `o_i` the indicator of the response to query i and π the base rates,
///
/// ```text
/// p(q) = π + Σ_i k(q, i) · a_i,     a = (K + λI)⁻¹ (o − π)
/// ```
///
/// `a_i` is how much interaction i still says once all others have spoken. Leaving one out is exact and refits nothing.
#[derive(Debug)]
pub(super) struct Ridge {
    words: Neighbours,
    /// Items before the first one that is fitted.
    skipped: usize,
    /// `(K + λI)⁻¹ o`: by fitted item, by response.
    indicators: Array2<f64>,
    /// `(K + λI)⁻¹ 1`: by fitted item.
    ones: Array1<f64>,
    /// The diagonal of `(K + λI)⁻¹`.
    diagonal: Array1<f64>,
}

/// Only the latest items are fitted: the work grows with the cube of their number, and taste drifts.
const FITTED: usize = 256;
/// λ: an interaction's own share of chance, against 1 for its likeness to itself.
const LAMBDA: f64 = 1.0;
/// The least probability of a response, in parts of its base rate.
const LEAST: f64 = 0.1;

impl Ridge {
    /// The fit of the items' responses, given by their places; `None` without items.
    pub(super) fn new(items: &[MemoryItem], given: &[usize], responses: usize) -> Option<Self> {
        let skipped = items.len().saturating_sub(FITTED);
        let fitted = items.get(skipped..).filter(|fitted| !fitted.is_empty())?;
        let n = fitted.len();
        let words = Neighbours::new(fitted.iter().map(MemoryItem::query), Terms::Words);
        let mut kernel = Array2::zeros((n, n));
        for (mut row, item) in kernel.rows_mut().into_iter().zip(fitted) {
            row.assign(&Array1::from(words.to(item.query())));
        }
        kernel.diag_mut().fill(1.0 + LAMBDA);
        let inverse = inverse(kernel);
        let mut targets = Array2::zeros((n, responses));
        for (i, response) in given.iter().skip(skipped).enumerate() {
            if let Some(target) = targets.get_mut((i, *response)) {
                *target = 1.0;
            }
        }
        Some(Self {
            indicators: inverse.dot(&targets),
            ones: inverse.sum_axis(ndarray::Axis(1)),
            diagonal: inverse.diag().to_owned(),
            words,
            skipped,
        })
    }

    /// The probability of each response for a query. With an item left out, by its position and its response's place, the
    /// query is that item's own and `base` was counted without it.
    pub(super) fn vote(&self, query: &Query, base: &[f64], left_out: Option<(usize, usize)>) -> Vec<f64> {
        let own = left_out.and_then(|(item, given)| Some((item.checked_sub(self.skipped)?, given)));
        let raw: Vec<f64> = match own {
            Some((i, given)) => {
                // p₋ᵢ = o_i − [(K + λI)⁻¹ (o − π)]_i / [(K + λI)⁻¹]_ii (Allen 1974)
                let part = |of: &Array1<f64>| of.get(i).copied().unwrap_or_default();
                let (ones, diagonal) = (part(&self.ones), part(&self.diagonal).max(f64::MIN_POSITIVE));
                let residual = |(y, base): (usize, &f64)| {
                    let said = self.indicators.get((i, y)).copied().unwrap_or_default();
                    f64::from(u8::from(y == given)) - (said - ones * base) / diagonal
                };
                base.iter().enumerate().map(residual).collect()
            }
            None => {
                let near = Array1::from(self.words.to(query));
                let (said, weight) = (near.dot(&self.indicators), near.dot(&self.ones));
                base.iter().zip(said).map(|(base, said)| base + said - base * weight).collect()
            }
        };
        normalised(raw.into_iter().zip(base).map(|(p, base)| p.max(LEAST * base)).collect())
    }
}

/// The inverse of a symmetric positive definite matrix by Gauss–Jordan elimination, which needs no pivoting there.
fn inverse(mut matrix: Array2<f64>) -> Array2<f64> {
    for k in 0..matrix.nrows() {
        let mut pivots = matrix.row(k).to_owned();
        let pivot = pivots.get(k).copied().unwrap_or(1.0);
        pivots /= pivot;
        if let Some(entry) = pivots.get_mut(k) {
            *entry = 1.0 / pivot;
        }
        for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
            if i == k {
                row.assign(&pivots);
            } else if let Some(entry) = row.get_mut(k) {
                let factor = std::mem::take(entry);
                row.scaled_add(-factor, &pivots);
            }
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Interaction;

    fn item(text: &str) -> MemoryItem {
        let interaction = Interaction::new(text, Query::new(text).unwrap(), "x").unwrap();
        MemoryItem::new(interaction, Vec::new()).unwrap()
    }

    #[test]
    fn the_inverse_times_the_matrix_is_the_identity() {
        let matrix = ndarray::array![[2.0, 0.5, 0.25], [0.5, 2.0, 0.125], [0.25, 0.125, 2.0]];
        let identity = inverse(matrix.clone()).dot(&matrix);
        assert!((identity - Array2::<f64>::eye(3)).iter().all(|entry| entry.abs() < 1e-12));
    }

    #[test]
    fn one_interaction_moves_a_like_query_halfway() {
        // k = 1 for the same words and λ = 1, so p = π + (o − π)/2.
        let ridge = Ridge::new(&[item("peace treaty")], &[0], 2).unwrap();
        let p = ridge.vote(&Query::new("treaty, peace").unwrap(), &[0.5, 0.5], None);
        assert!((p[0] - 0.75).abs() < 1e-6 && (p[1] - 0.25).abs() < 1e-6, "{p:?}");
        let p = ridge.vote(&Query::new("fish").unwrap(), &[0.9, 0.1], None);
        assert!((p[0] - 0.9).abs() < 1e-12, "{p:?}");
    }

    #[test]
    fn repeated_queries_share_one_say() {
        let items = [item("peace treaty"), item("treaty peace"), item("peace peace treaty"), item("fish quota")];
        let ridge = Ridge::new(&items, &[0, 0, 0, 1], 2).unwrap();
        let p = ridge.vote(&Query::new("peace treaty fish quota").unwrap(), &[0.5, 0.5], None);
        // A plain vote would give 3 : 1. Here the three share: 3/(3 + λ) against 1/(1 + λ).
        let gain = |share: f64| share - 0.5;
        assert!(gain(p[0]) > 0.0 && p[0] < 0.6, "{p:?}");
    }

    #[test]
    fn leaving_an_item_out_is_fitting_without_it() {
        let texts = ["peace treaty", "fish quota", "peace in fish towns", "quota treaty", "towns"];
        let items: Vec<MemoryItem> = texts.map(item).into();
        let given = [0, 1, 2, 1, 0];
        let base = [0.4, 0.35, 0.25];
        let all = Ridge::new(&items, &given, 3).unwrap();
        // Word frequencies are the whole history's, so the words of the fit without the item are taken from the whole.
        for left in 0..items.len() {
            let kept: Vec<usize> = (0..items.len()).filter(|i| *i != left).collect();
            let mut kernel = Array2::zeros((kept.len(), kept.len()));
            let mut target = Array2::zeros((kept.len(), 3));
            for (row, i) in kept.iter().enumerate() {
                let near = all.words.to(items[*i].query());
                for (column, j) in kept.iter().enumerate() {
                    kernel[(row, column)] = if i == j { 1.0 + LAMBDA } else { near[*j] };
                }
                for y in 0..3 {
                    target[(row, y)] = f64::from(u8::from(given[*i] == y)) - base[y];
                }
            }
            let near = all.words.to(items[left].query());
            let near: Array1<f64> = kept.iter().map(|j| near[*j]).collect();
            let fitted = near.dot(&inverse(kernel).dot(&target));
            let fitted = normalised(base.iter().zip(fitted).map(|(b, f)| (b + f).max(LEAST * b)).collect());
            let short = all.vote(items[left].query(), &base, Some((left, given[left])));
            assert!(fitted.iter().zip(&short).all(|(a, b)| (a - b).abs() < 1e-5), "{fitted:?} {short:?}");
        }
    }
}
