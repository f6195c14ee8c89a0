//! What responses go with terms, all of them together: kernel ridge regression.

use std::sync::OnceLock;

use ndarray::{Array1, Array2, Axis};

use crate::pause::pause;
use crate::stats::linear::{cholesky, inverse_diagonal, solve};

use super::seen::Owned;
use super::similar::Likeness;
use super::terms::Terms;

/// The regression of some numbers of past interactions on the terms of their queries, with the interactions' likeness to each
/// other allowed for (Hoerl and Kennard 1970; Saunders et al. 1998).
///
/// In a plain vote ten past queries about one thing count ten times. Here they share one vote: with `K` the kernel of the
/// past queries, o the numbers, one column for each thing that is regressed, and W the weights of the interactions on a
/// diagonal,
///
/// ```text
/// f(q) = Σ_i k(q, i) · a_i,     a = (K + λW⁻¹)⁻¹ o,     k = c·√c or c, c the cosine likeness
/// ```
///
/// `a_i` is the weight that is left for interaction i beside all others. It minimises `Σ w_i (o_i − f(q_i))²` and the
/// price of f, so two interactions of weight ½ about the same count as one of weight 1. It is linear in o, so the columns can
/// be combined afterwards, and leaving one out is exact and refits nothing.
#[derive(Debug, Clone)]
pub(super) struct Ridge {
    likeness: Likeness,
    kernel: Kernel,
    /// The number of the first item that is fitted.
    first: usize,
    /// L of `K + λW⁻¹ = L·Lᵀ`.
    factor: Array2<f64>,
    /// a by fitted item and column.
    coefficients: Array2<f64>,
    targets: Array2<f64>,
    /// What the coefficients come to by response: for a query that is no past one the columns are always combined alike.
    says: OnceLock<Array2<f64>>,
    /// The diagonal of `(K + λW⁻¹)⁻¹`. Only leaving out asks for it.
    diagonal: OnceLock<Array1<f64>>,
}

/// What a cosine likeness c counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// c: the regression is linear in the terms.
    Plain,
    /// c·√c: texts that share a lot count for more than their part.
    Close,
}

impl Kernel {
    /// k/c.
    fn by_likeness(self, c: f64) -> f64 {
        match self {
            Self::Plain => 1.0,
            Self::Close => c.sqrt(),
        }
    }
}

impl Ridge {
    /// The fit of items, the latest of all: those from number `first` on, with pauses. `terms` and `targets` have a row for each of
    /// them, `weights` a number. `None` without items.
    pub(super) async fn in_steps(
        terms: &Terms,
        first: usize,
        (kernel, lambda): (Kernel, f64),
        weights: &[f64],
        targets: Array2<f64>,
    ) -> Option<Self> {
        let likeness = Likeness::in_steps(terms).await;
        let n = likeness.texts();
        let mut matrix = likeness.among_in_steps().await;
        for (i, mut row) in matrix.rows_mut().into_iter().enumerate() {
            for c in row.iter_mut().take(i) {
                *c *= kernel.by_likeness(*c);
            }
            if let Some(own) = row.get_mut(i) {
                *own = 1.0 + lambda / weights.get(i).copied().unwrap_or(1.0);
            }
        }
        pause().await;
        let factor = cholesky(matrix);
        pause().await;
        let coefficients = solve(&factor, targets.clone());
        (n > 0).then(|| Self {
            likeness,
            kernel,
            first,
            factor,
            coefficients,
            targets,
            says: OnceLock::new(),
            diagonal: OnceLock::new(),
        })
    }

    /// What an item's own number would be estimated to be without it, by column; `None` for one that is not fitted.
    fn left_out(&self, item: usize) -> Option<Array1<f64>> {
        // f₋ᵢ = o_i − a_i / [(K + λW⁻¹)⁻¹]_ii (Allen 1974)
        let i = item.checked_sub(self.first)?;
        let diagonal = self.diagonal.get_or_init(|| inverse_diagonal(&self.factor));
        let diagonal = diagonal.get(i).copied()?.max(f64::MIN_POSITIVE);
        let less = |(own, less): (&f64, &f64)| own - less / diagonal;
        Some(self.targets.row(i).iter().zip(self.coefficients.row(i)).map(less).collect())
    }

    /// What is estimated of a query with these terms, in parts: those of its `owners` and, last, what is nobody's. `owned` says
    /// which part of which term is whose; `combined` has, by column, what the columns of the targets make of it. An item
    /// that is left out has no say.
    ///
    /// An owner's part of `k(q, i)` is its part of the likeness c: `k · c_m / c`. So the parts sum to the whole.
    pub(super) fn parts(
        &self,
        terms: &[u32],
        (owners, owned): (usize, &[Owned]),
        combined: &Array2<f64>,
        left_out: Option<usize>,
    ) -> Vec<Array1<f64>> {
        let shares = self.likeness.shares(terms);
        let near = self.likeness.sum(&shares);
        // By past text: k/c times its coefficients.
        let by_row = |coefficients: &Array2<f64>| coefficients.dot(combined).as_standard_layout().into_owned();
        let mut says = match left_out {
            Some(item) => self.coefficients_without(item).map_or_else(|| by_row(&self.coefficients), |a| by_row(&a)),
            None => self.says.get_or_init(|| by_row(&self.coefficients)).clone(),
        };
        let (columns, mut all) = (combined.ncols(), vec![0.0; combined.ncols()]);
        for (row, c) in says.as_slice_mut().unwrap_or_default().chunks_exact_mut(columns.max(1)).zip(&near) {
            let by_likeness = self.kernel.by_likeness(*c);
            for (entry, sum) in row.iter_mut().zip(&mut all) {
                *entry *= by_likeness;
                *sum += c * *entry;
            }
        }
        let all = Array1::from(all);
        let mut parts = self.likeness.of_owners(&shares, (owners, owned), &says);
        let rest = parts.iter().fold(all, |rest, part| rest - part);
        parts.push(rest);
        parts
    }

    /// The coefficients as they would be without an item, whose own are 0 then; `None` for one that is not fitted.
    fn coefficients_without(&self, item: usize) -> Option<Array2<f64>> {
        // With e the unit vector of i and B = (K + λW⁻¹)⁻¹: a₋ᵢ = a − B·e · a_i/B_ii.
        let i = item.checked_sub(self.first).filter(|i| *i < self.coefficients.nrows())?;
        let mut unit = Array2::zeros((self.coefficients.nrows(), 1));
        unit.row_mut(i).fill(1.0);
        let column = solve(&self.factor, unit);
        let own = column.row(i).sum().max(f64::MIN_POSITIVE);
        let less = self.coefficients.row(i).mapv(|a| a / own).insert_axis(Axis(0));
        Some(&self.coefficients - &column.dot(&less))
    }

    /// The same of an item, without it and in one part.
    pub(super) fn part_left_out(&self, item: usize, combined: &Array2<f64>) -> Option<Array1<f64>> {
        Some(self.left_out(item)?.dot(combined))
    }
}

#[cfg(test)]
mod tests;
