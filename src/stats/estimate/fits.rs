//! The two regressions of an estimate: on the words of past queries, and on their factors.

use std::sync::OnceLock;

use ndarray::{Array1, Array2};

use crate::pause::at_once;

use super::others::Others;
use super::past::Past;
use super::ridge::{Kernel, Ridge};
use super::seen::{Owned, Seen};
use super::terms::Terms;

/// What is regressed, and how strongly chance is allowed for.
pub(super) struct Targets {
    pub(super) lambda_words: f64,
    pub(super) lambda_factors: f64,
    pub(super) columns: usize,
    /// The number of an item in a column.
    #[expect(clippy::type_complexity, reason = "named by its place")]
    pub(super) of: Box<dyn Fn(&Past, usize, usize) -> f64 + Send + Sync>,
}

/// What is fitted: a user's past, and the numbers of its items that are regressed.
pub(super) struct Basis<'p> {
    pub(super) past: &'p Past,
    pub(super) targets: Targets,
    /// What they add is regressed in columns behind the targets.
    pub(super) others: Option<&'p Others>,
}

/// The fits of a user's past, each made when it is first asked for. All questions are asked with the same basis.
#[derive(Debug, Clone, Default)]
pub(super) struct Fits {
    words: OnceLock<Option<Ridge>>,
    factors: OnceLock<Option<Ridge>>,
}

impl Basis<'_> {
    fn fit(&self, terms: &Terms, kernel: Kernel, lambda: f64) -> Option<Ridge> {
        at_once(self.fit_in_steps(terms, kernel, lambda))
    }

    async fn fit_in_steps(&self, terms: &Terms, kernel: Kernel, lambda: f64) -> Option<Ridge> {
        let (past, targets) = (self.past, &self.targets);
        let first = past.first();
        let more = self.others.map_or(0, |others| others.population().columns());
        let mut numbers = Array2::zeros((past.len() - first, targets.columns + more));
        for ((row, column), number) in numbers.indexed_iter_mut() {
            let added = |column: usize| self.others?.added_to(past, first + row)?.get(column).copied();
            *number = match column.checked_sub(targets.columns) {
                Some(column) => added(column).unwrap_or_default(),
                None => (targets.of)(past, first + row, column),
            };
        }
        let weights = past.weights.get(first..).unwrap_or_default();
        Ridge::in_steps(terms, first, (kernel, lambda), weights, numbers).await
    }
}

impl Fits {
    /// Makes both, as far as they are not made, with pauses.
    pub(super) async fn fit_in_steps(&self, basis: &Basis<'_>) {
        let targets = &basis.targets;
        // Two that fit at once both find one of the two.
        if self.words.get().is_none() {
            let fit = basis.fit_in_steps(&basis.past.texts, Kernel::Close, targets.lambda_words);
            let _ = self.words.set(fit.await);
        }
        if self.factors.get().is_none() {
            let factors = Terms::of_places(&basis.past.factors_of);
            let fit = basis.fit_in_steps(&factors, Kernel::Plain, targets.lambda_factors);
            let _ = self.factors.set(fit.await);
        }
    }

    /// `None` without items.
    fn words(&self, basis: &Basis<'_>) -> Option<&Ridge> {
        let fit = || basis.fit(&basis.past.texts, Kernel::Close, basis.targets.lambda_words);
        self.words.get_or_init(fit).as_ref()
    }

    fn factors(&self, basis: &Basis<'_>) -> Option<&Ridge> {
        let fit = || {
            let factors = Terms::of_places(&basis.past.factors_of);
            basis.fit(&factors, Kernel::Plain, basis.targets.lambda_factors)
        };
        self.factors.get_or_init(fit).as_ref()
    }

    /// What is estimated of a query, in parts: by its factors in their order, each times its boost, and, last, by similar
    /// queries for no factor's sake. `share` is that of the regression on factors; the other has the rest. An item that is
    /// left out has no say. `None` without items.
    pub(super) fn parts(
        &self,
        basis: &Basis<'_>,
        seen: &Seen<'_>,
        share: f64,
        combined: &Array2<f64>,
    ) -> Option<Vec<Array1<f64>>> {
        let owners = seen.factors.len();
        let words = self.words(basis)?;
        let mut parts = words.parts(&seen.text.terms, (owners, &seen.text.owned), combined, seen.left_out);
        for part in &mut parts {
            *part *= 1.0 - share;
        }
        if share > 0.0 {
            let terms: Vec<u32> = seen.factors.iter().filter_map(|(place, _)| u32::try_from(*place).ok()).collect();
            let owned = |place: usize| Owned { term: place, owner: place, part: 1.0 };
            let owned: Vec<Owned> = (0..owners).map(owned).collect();
            let more = self.factors(basis)?.parts(&terms, (owners, &owned), combined, seen.left_out);
            for (part, more) in parts.iter_mut().zip(more) {
                part.scaled_add(share, &more);
            }
        }
        for (part, (_, boost)) in parts.iter_mut().zip(&seen.factors) {
            *part *= *boost;
        }
        Some(parts)
    }

    /// By share of the regression on factors: what is estimated of an item that is left out; `None` for one that is too old to
    /// be fitted.
    pub(super) fn left_out(
        &self,
        basis: &Basis<'_>,
        item: usize,
        shares: &[f64],
        combined: &Array2<f64>,
    ) -> Option<Vec<Array1<f64>>> {
        let words = self.words(basis)?.part_left_out(item, combined)?;
        let by_share = |share: &f64| {
            let mut whole = &words * (1.0 - share);
            if *share > 0.0 {
                whole.scaled_add(*share, &self.factors(basis)?.part_left_out(item, combined)?);
            }
            Some(whole)
        };
        shares.iter().map(by_share).collect()
    }
}
