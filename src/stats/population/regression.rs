//! The regression of what responses leave to explain on words, by where users stand on the axes.

use std::sync::Arc;

use ndarray::Array2;

use crate::stats::linear::{cholesky, eigen, solve};

use super::axis::{Axes, Axis};
use super::file::MOST_EFFECT;
use super::user::{OF_LEFT, OF_PLACE, OF_PRODUCT, OF_WEIGHT, triangle};
use super::{Counts, Population};

/// A ridge regression of all axes together. Every user's words are taken to go together as those of all do, so that it is one
/// system for each axis, of words alone:
///
/// ```text
/// (A ⊗ G + λ I) V = S      A = Q D Qᵀ      V = Q (D ⊗ G + λ I)⁻¹ Qᵀ S
/// ```
///
/// A are the products of where users stand, in the mean over queries, G how words go together, S what went with them. Positions are
/// scaled to a variance of 1.
pub(super) struct Regression {
    /// The places of the terms and of the axes that are kept.
    terms: Vec<usize>,
    kept: Vec<usize>,
    /// By axis that is kept: what scales positions.
    scales: Vec<f64>,
    rotation: Array2<f64>,
    /// By column of the rotation: L of `L Lᵀ = d G + λ I`.
    factors: Vec<Arc<Array2<f64>>>,
}

impl Regression {
    /// The regression of these counts. Where they are of a `whole` population, terms go that
    /// fewer than k users have, and axes on which fewer than k stand apart.
    pub(super) fn new(counts: &Counts, population: &Population, whole: bool) -> Self {
        let (all, k) = (population.terms.len(), population.k);
        let terms: Vec<usize> = (0..all).filter(|term| !whole || counts.have(*term, k)).collect();
        let of_enough = |(place, axis): &(usize, &super::counts::AxisCounts)| {
            *place == 0 || !whole || axis.is_of_enough(counts.users, k)
        };
        let kept: Vec<usize> = counts.axes.iter().enumerate().filter(of_enough).map(|(place, _)| place).collect();
        let at = |sums: &[i64], a: usize, b: usize| sums.get(triangle(a, b)).copied().unwrap_or_default() as f64;
        let users = counts.users.max(1) as f64 * OF_PRODUCT;
        let scale = |axis: &usize| match axis {
            0 => 1.0,
            axis => (at(&counts.products, *axis, *axis) / users).max(f64::MIN_POSITIVE).sqrt().recip(),
        };
        let scales: Vec<f64> = kept.iter().map(scale).collect();
        let queries = at(&counts.spread, 0, 0).max(1.0);
        let mut products = Array2::zeros((kept.len(), kept.len()));
        for ((a, scale), mut row) in kept.iter().zip(&scales).zip(products.rows_mut()) {
            for ((slot, b), other) in row.iter_mut().zip(&kept).zip(&scales) {
                *slot = scale * other * at(&counts.spread, *a, *b) / queries;
            }
        }
        let (values, rotation) = eigen(products);
        let factors = values.iter().map(|value| Arc::new(factor(counts, population, &terms, *value))).collect();
        Self { terms, kept, scales, rotation, factors }
    }

    /// The regression of all axes of a population on such counts as are this part of these, as if where users stand on one axis were
    /// unrelated to where they stand on another, with squares of 1: one system for all.
    pub(super) fn of_unrelated(counts: &Counts, population: &Population, part: f64) -> Self {
        let terms: Vec<usize> = (0..population.terms.len()).collect();
        let factor = Arc::new(factor(counts, population, &terms, part));
        let axes = population.axes();
        let (kept, scales) = ((0..axes).collect(), vec![1.0; axes]);
        Self { terms, kept, scales, rotation: Array2::eye(axes), factors: vec![factor; axes] }
    }

    /// The places of the terms that are kept.
    pub(super) fn terms(&self) -> &[usize] {
        &self.terms
    }

    /// The axes that these counts make, of these texts. What fewer than k users tell says nothing.
    pub(super) fn axes(&self, counts: &Counts, population: &Population, texts: &[usize]) -> Axes {
        let (columns, all, k) = (population.columns(), population.terms.len(), population.k);
        let sums = |(axis, scale): (&usize, &f64)| {
            let mut sums = Array2::zeros((self.terms.len(), columns));
            let Some(of) = counts.axes.get(*axis) else { return sums };
            for (term, mut row) in self.terms.iter().zip(sums.rows_mut()) {
                if counts.tell(*axis, *term, k) {
                    for (column, slot) in row.iter_mut().enumerate() {
                        *slot = scale * of.effects.at(term * columns + column) / (OF_PLACE * OF_WEIGHT * OF_LEFT);
                    }
                }
            }
            sums
        };
        let sums: Vec<Array2<f64>> = self.kept.iter().zip(&self.scales).map(sums).collect();
        let solved: Vec<Array2<f64>> = self
            .factors
            .iter()
            .zip(self.rotation.columns())
            .map(|(factor, turn)| solve(factor, weighed(turn.iter(), &sums)))
            .collect();
        let axis = |(axis, turn): (&usize, ndarray::ArrayView1<'_, f64>)| {
            let mut effects = weighed(turn.iter(), &solved);
            for (term, mut row) in self.terms.iter().zip(effects.rows_mut()) {
                if !counts.tell(*axis, *term, k) {
                    row.fill(0.0);
                }
            }
            // Where a word is not told, the one that is always beside it may be told for both.
            Axis { effects: effects.into_iter().map(|effect| effect.clamp(-MOST_EFFECT, MOST_EFFECT)).collect() }
        };
        let each = self.kept.iter().zip(self.rotation.rows()).map(axis).collect();
        let tells = |text: &usize| counts.have(all + text, k);
        let sums = |text: &usize| -> Vec<f64> {
            let at = |column: usize| if tells(text) { counts.texts.at(text * columns + column) / OF_LEFT } else { 0.0 };
            (0..columns).map(at).collect()
        };
        let mass = |text: &usize| if tells(text) { counts.masses.at(*text) } else { 0.0 };
        Axes { each, texts: texts.iter().flat_map(sums).collect(), masses: texts.iter().map(mass).collect() }
    }
}

/// L of `L Lᵀ = d G + λ I`.
fn factor(counts: &Counts, population: &Population, terms: &[usize], by: f64) -> Array2<f64> {
    let all = population.terms.len();
    let likeness = counts.likeness.dense(all * (all + 1) / 2, OF_WEIGHT * OF_WEIGHT);
    let mut matrix = Array2::zeros((terms.len(), terms.len()));
    for ((a, term), mut row) in terms.iter().enumerate().zip(matrix.rows_mut()) {
        for (slot, other) in row.iter_mut().zip(terms.iter().take(a + 1)) {
            *slot = by.max(0.0) * likeness.get(triangle(*term, *other)).copied().unwrap_or_default();
        }
        if let Some(own) = row.get_mut(a) {
            *own += population.ridge;
        }
    }
    cholesky(matrix)
}

fn weighed<'w>(weights: impl Iterator<Item = &'w f64>, of: &[Array2<f64>]) -> Array2<f64> {
    let mut all = of.first().map_or_else(|| Array2::zeros((0, 0)), |first| Array2::zeros(first.raw_dim()));
    for (weight, of) in weights.zip(of) {
        all.scaled_add(*weight, of);
    }
    all
}
