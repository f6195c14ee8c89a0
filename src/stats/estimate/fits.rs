//! The two regressions of an estimate: on the words of past queries, and on their factors.

use ndarray::{Array1, Array2};

use super::past::Past;
use super::ridge::{Kernel, Ridge, first_fitted};
use super::seen::{Owned, Seen};
use super::terms::Terms;

/// What is regressed, and how strongly chance is allowed for.
pub(super) struct Targets {
    pub(super) lambda_words: f64,
    pub(super) lambda_factors: f64,
    pub(super) columns: usize,
    /// The number of an item in a column.
    #[expect(clippy::type_complexity, reason = "named by its place")]
    pub(super) of: Box<dyn Fn(&Past, usize, usize) -> f64>,
}

/// The fits of a user's past.
#[derive(Debug, Clone)]
pub(super) struct Fits {
    words: Ridge,
    factors: Ridge,
}

impl Fits {
    /// `None` without items.
    pub(super) fn new(past: &Past, targets: &Targets) -> Option<Self> {
        let first = first_fitted(past.len());
        let mut numbers = Array2::zeros((past.len() - first, targets.columns));
        for ((row, column), number) in numbers.indexed_iter_mut() {
            *number = (targets.of)(past, first + row, column);
        }
        let factors = Terms::of_places(&past.factors_of);
        Some(Self {
            words: Ridge::new(&past.texts, Kernel::Close, targets.lambda_words, &past.weights, numbers.clone())?,
            factors: Ridge::new(&factors, Kernel::Plain, targets.lambda_factors, &past.weights, numbers)?,
        })
    }

    /// What is estimated of a query, in parts: by its factors in their order, each times its boost, and, last, by similar
    /// queries for no factor's sake. `share` is that of the regression on factors; the other has the rest. An item that is
    /// left out has no say.
    pub(super) fn parts(&self, seen: &Seen<'_>, share: f64, combined: &Array2<f64>) -> Vec<Array1<f64>> {
        let owners = seen.factors.len();
        let mut parts = self.words.parts(&seen.text.terms, (owners, &seen.text.owned), combined, seen.left_out);
        for part in &mut parts {
            *part *= 1.0 - share;
        }
        if share > 0.0 {
            let terms: Vec<u32> = seen.factors.iter().filter_map(|(place, _)| u32::try_from(*place).ok()).collect();
            let owned = |place: usize| Owned { term: place, owner: place, part: 1.0 };
            let owned: Vec<Owned> = (0..owners).map(owned).collect();
            let more = self.factors.parts(&terms, (owners, &owned), combined, seen.left_out);
            for (part, more) in parts.iter_mut().zip(more) {
                part.scaled_add(share, &more);
            }
        }
        for (part, (_, boost)) in parts.iter_mut().zip(&seen.factors) {
            *part *= *boost;
        }
        parts
    }

    /// What is estimated of an item that is left out, by words and by factors; `None` for one that is too old to be fitted.
    pub(super) fn left_out(&self, item: usize, combined: &Array2<f64>) -> Option<[Array1<f64>; 2]> {
        Some([self.words.part_left_out(item, combined)?, self.factors.part_left_out(item, combined)?])
    }
}
