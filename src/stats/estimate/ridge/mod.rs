//! What responses go with words, or with factors, all of them together: kernel ridge regression.

use std::sync::OnceLock;

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::past::Past;
use super::shares::normalised;
use super::similar::{Likeness, Term, Terms, Texts};

/// The vote of past interactions with their likeness to each other allowed for: kernel ridge regression of the responses on
/// the words, or on the factors, of the queries (Hoerl and Kennard 1970; Saunders et al. 1998).
///
/// In a plain vote ten past queries about one thing count ten times. Here they share one vote: with `K` the likeness of the
/// past queries to each other, `o_i` the indicator of the response to query i, π the base rates and W the weights of the
/// interactions on a diagonal,
///
/// ```text
/// p(q) = π + Σ_i k(q, i) · a_i,     a = (K + λW⁻¹)⁻¹ (o − π)
/// ```
///
/// `a_i` is the weight that is left for interaction i beside all others. It minimises `Σ w_i (o_i − p(q_i))²` and the
/// price of p, so two interactions of weight ½ about the same count as one of weight 1. Leaving one out is exact and
/// refits nothing.
#[derive(Debug, Clone)]
pub(super) struct Ridge {
    words: Likeness,
    /// Items before the first one that is fitted.
    skipped: usize,
    /// L of `K + λW⁻¹ = L·Lᵀ`.
    factor: Array2<f64>,
    /// `(K + λW⁻¹)⁻¹ o` by fitted item and response; in the last column `(K + λW⁻¹)⁻¹ 1`.
    coefficients: Array2<f64>,
    /// The diagonal of `(K + λW⁻¹)⁻¹`. Only leaving out asks for it.
    diagonal: OnceLock<Array1<f64>>,
}

/// The most items that are fitted, the latest ones: the work grows with the cube of their number, and taste drifts.
const FITTED: usize = 256;
/// λ for the words of queries: an interaction's own share of chance, in units of its likeness to itself, which is 1.
pub(super) const LAMBDA_WORDS: f64 = 1.0;
/// λ for factors, of which a query has few: two interactions with the same ones are alike by chance more often.
pub(super) const LAMBDA_FACTORS: f64 = 2.0;
/// The least probability of a response, in parts of its base rate.
const LEAST: f64 = 0.1;

impl Ridge {
    /// The fit of the latest items' responses on what they have of these texts, one for each item; `None` without items.
    pub(super) fn new(past: &Past, texts: &Texts, lambda: f64) -> Option<Self> {
        let skipped = past.len().saturating_sub(FITTED);
        let n = past.len() - skipped;
        let words = Likeness::new(texts, skipped, Terms::Words);
        let mut kernel = Array2::zeros((n, n));
        let mut targets = Array2::zeros((n, past.responses.len() + 1));
        for (i, (mut row, mut target)) in kernel.rows_mut().into_iter().zip(targets.rows_mut()).enumerate() {
            let item = skipped + i;
            row.assign(&Array1::from(words.to(texts.of(item))));
            if let Some(own) = row.get_mut(i) {
                *own = 1.0 + lambda / past.weight(Some(item));
            }
            for place in past.given(Some(item)).into_iter().chain([past.responses.len()]) {
                if let Some(entry) = target.get_mut(place) {
                    *entry = 1.0;
                }
            }
        }
        let factor = cholesky(kernel);
        let coefficients = solve(&factor, targets);
        (n > 0).then(|| Self { words, skipped, factor, coefficients, diagonal: OnceLock::new() })
    }

    /// The probability of each response for a query of these terms. With an item left out, by its position and its
    /// response's place, the query is that item's own and `base` was counted without it.
    pub(super) fn vote(&self, query: &[Term], base: &[f64], left_out: Option<(usize, usize)>) -> Vec<f64> {
        self.vote_shared(query, base, left_out, |_| 1.0)
    }

    /// The same with each term of the query counted by this share, given the term's place in it. An item that is left out
    /// has all of its own.
    pub(super) fn vote_shared(
        &self,
        query: &[Term],
        base: &[f64],
        left_out: Option<(usize, usize)>,
        share_of: impl Fn(usize) -> f64,
    ) -> Vec<f64> {
        let own = left_out.and_then(|(item, given)| Some((item.checked_sub(self.skipped)?, given)));
        let weighted = match own {
            Some((i, _)) => self.coefficients.row(i).to_owned(),
            None => Array1::from(self.words.to_shared(query, share_of)).dot(&self.coefficients),
        };
        let weight = weighted.last().copied().unwrap_or_default();
        let residuals = base.iter().zip(&weighted).map(|(base, weighted)| weighted - base * weight);
        let raw: Vec<f64> = match own {
            Some((i, given)) => {
                // p₋ᵢ = o_i − [(K + λW⁻¹)⁻¹ (o − π)]_i / [(K + λW⁻¹)⁻¹]_ii (Allen 1974)
                let diagonal = self.diagonal.get_or_init(|| inverse_diagonal(&self.factor));
                let diagonal = diagonal.get(i).copied().unwrap_or_default().max(f64::MIN_POSITIVE);
                let less = |(y, residual): (usize, f64)| f64::from(u8::from(y == given)) - residual / diagonal;
                residuals.enumerate().map(less).collect()
            }
            None => base.iter().zip(residuals).map(|(base, residual)| base + residual).collect(),
        };
        normalised(raw.into_iter().zip(base).map(|(p, base)| p.max(LEAST * base)).collect())
    }
}

/// The lower triangle L of `L·Lᵀ`, which is this symmetric positive definite matrix. What is above the diagonal is not read.
fn cholesky(mut matrix: Array2<f64>) -> Array2<f64> {
    for i in 0..matrix.nrows() {
        let (done, mut rest) = matrix.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        for (j, above) in done.rows().into_iter().enumerate() {
            let known = start(&row.view(), j).dot(&start(&above, j));
            if let (Some(entry), Some(pivot)) = (row.get_mut(j), above.get(j)) {
                *entry = (*entry - known) / pivot;
            }
        }
        let known = start(&row.view(), i).dot(&start(&row.view(), i));
        if let Some(entry) = row.get_mut(i) {
            *entry = (*entry - known).max(f64::MIN_POSITIVE).sqrt();
        }
    }
    matrix
}

/// The first entries of a row.
fn start<'a>(row: &ArrayView1<'a, f64>, entries: usize) -> ArrayView1<'a, f64> {
    row.split_at(Axis(0), entries).0
}

/// `x` of `L·Lᵀ·x = b`, by column.
fn solve(factor: &Array2<f64>, b: Array2<f64>) -> Array2<f64> {
    let mut x = forward(factor, b);
    for (i, row) in factor.rows().into_iter().enumerate().rev() {
        let (mut before, mut rest) = x.view_mut().split_at(Axis(0), i);
        let mut own = rest.row_mut(0);
        own /= row.get(i).copied().unwrap_or(1.0);
        for (mut other, entry) in before.rows_mut().into_iter().zip(row) {
            other.scaled_add(-entry, &own);
        }
    }
    x
}

/// `x` of `L·x = b`, by column.
fn forward(factor: &Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    for (i, row) in factor.rows().into_iter().enumerate() {
        let (done, mut rest) = b.view_mut().split_at(Axis(0), i);
        let mut own = rest.row_mut(0);
        for (other, entry) in done.rows().into_iter().zip(row) {
            own.scaled_add(-entry, &other);
        }
        own /= row.get(i).copied().unwrap_or(1.0);
    }
    b
}

/// The diagonal of the inverse of `L·Lᵀ`: the squares of L⁻¹, summed by column.
fn inverse_diagonal(factor: &Array2<f64>) -> Array1<f64> {
    forward(factor, Array2::eye(factor.nrows())).map(|entry| entry * entry).sum_axis(Axis(0))
}

#[cfg(test)]
mod tests;
