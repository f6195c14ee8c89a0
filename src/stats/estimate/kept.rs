//! An estimator that is made when it is first asked for, and grows with its memory.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::estimator::Estimator;
use crate::data::{FactorSet, MemoryItem, Task};
use crate::stats::population::Population;

/// The estimator of one memory and its factors, once it was asked for; `None` inside for open-ended tasks.
///
/// When items were only appended since the last question, the estimator of fewer items waits, and the next question reads
/// the new items alone. The result is to the bit what it would be had all items been read at once.
#[derive(Debug, Default)]
pub(crate) struct KeptEstimator {
    ready: OnceLock<Option<Estimator>>,
    of_fewer: Mutex<Option<Estimator>>,
}

impl KeptEstimator {
    /// The estimator of these items and factors; it must be asked with the same ones until [`grow`](Self::grow) announces
    /// others. Weights are asked for when it has to be made.
    pub(crate) fn get(
        &self,
        task: &Task,
        factors: &FactorSet,
        items: &[MemoryItem],
        weights: impl FnOnce() -> Vec<f64>,
        population: Option<&Arc<Population>>,
    ) -> Option<&Estimator> {
        let make = || match self.of_fewer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(mut estimator) => {
                estimator.append(factors, items, &weights());
                Some(estimator)
            }
            None => Estimator::among(task, factors, items, &weights(), population),
        };
        self.ready.get_or_init(make).as_ref()
    }

    /// The same with pauses, and with all that the first estimate would make.
    pub(crate) async fn get_in_steps(
        &self,
        task: &Task,
        factors: &FactorSet,
        items: &[MemoryItem],
        weights: impl FnOnce() -> Vec<f64>,
        population: Option<&Arc<Population>>,
    ) -> Option<&Estimator> {
        if self.ready.get().is_none() {
            let of_fewer = self.of_fewer.lock().unwrap_or_else(PoisonError::into_inner).take();
            let weights = weights();
            let made = match of_fewer {
                Some(mut estimator) => {
                    estimator.append_in_steps(factors, items, &weights).await;
                    Some(estimator)
                }
                None => Estimator::in_steps(task, factors, items, &weights, population).await,
            };
            // Two that make it at once both find one of the two.
            let _ = self.ready.set(made);
        }
        let estimator = self.ready.get()?.as_ref()?;
        estimator.fit_in_steps().await;
        Some(estimator)
    }

    /// Notes that items were appended, and that factors and weights may be others.
    pub(crate) fn grow(&mut self) {
        if let Some(estimator) = self.ready.take() {
            self.of_fewer = Mutex::new(estimator);
        }
    }
}

impl Clone for KeptEstimator {
    fn clone(&self) -> Self {
        let of_fewer = self.of_fewer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { ready: self.ready.clone(), of_fewer: Mutex::new(of_fewer) }
    }
}
