//! Making an estimator and its fits with pauses.

use std::sync::Arc;

use crate::data::{FactorSet, MemoryItem, ResponseSpace, Task};
use crate::pause::pause;
use crate::stats::population::Population;

use super::estimator::{Estimator, Space};
use super::fits::Fits;
use super::labels::Labels;
use super::ordinal::Ordinal;
use super::others::Others;
use super::past::Past;

impl Estimator {
    /// [`among`](Self::among) with pauses.
    pub(crate) async fn in_steps(
        task: &Task,
        set: &FactorSet,
        items: &[MemoryItem],
        weights: &[f64],
        population: Option<&Arc<Population>>,
    ) -> Option<Self> {
        let space = match task.space() {
            ResponseSpace::Labels { .. } => Space::Labels(Labels::default()),
            ResponseSpace::Scale { .. } => Space::Scale(Ordinal::default()),
            ResponseSpace::Choices => Space::Choices(Box::default()),
            ResponseSpace::Text { .. } => return None,
        };
        let past = Past::new(task);
        let others = population.filter(|population| population.is_of(task));
        let others = others.map(|population| Others::new(Arc::clone(population)));
        let mut estimator = Self { past, space, fits: Fits::default(), others };
        estimator.append_in_steps(set, items, weights).await;
        Some(estimator)
    }

    /// [`append`](Self::append) with pauses.
    pub(crate) async fn append_in_steps(&mut self, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) {
        let new = items.get(self.past.len()..).unwrap_or_default();
        self.past.extend_in_steps(new).await;
        if let Space::Choices(choices) = &mut self.space {
            choices.extend_in_steps(new).await;
        }
        if let Some(others) = &mut self.others {
            others.extend_in_steps(new).await;
        }
        pause().await;
        self.past.place(set, weights);
        self.count();
    }

    /// Makes what the first estimate would make, with pauses.
    pub(crate) async fn fit_in_steps(&self) {
        match &self.space {
            Space::Choices(choices) => choices.likeness_in_steps(&self.past).await,
            _ => {
                if let Some(basis) = self.basis() {
                    self.fits.fit_in_steps(&basis).await;
                }
            }
        }
    }
}
