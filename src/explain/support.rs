use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{AssignedFeature, Calibration, FactorId, FactorSet, Query, ReasoningMemory, Task};
use crate::stats::Estimator;

use super::Removal;

/// The estimator of a memory, computed on first use and kept with it; `None` for open-ended tasks.
pub(crate) fn estimator(task: &Task, factors: &FactorSet, memory: &ReasoningMemory) -> Arc<Option<Estimator>> {
    memory.derived("estimator", |memory| Estimator::new(task, factors, memory))
}

/// The estimate's probability of a response without each of the query's factors. One that cannot be taken out is absent.
pub(crate) fn supports(
    estimator: &Estimator,
    calibration: &Calibration,
    query: &Query,
    features: &[AssignedFeature],
    response: &str,
) -> BTreeMap<FactorId, f64> {
    let removal = Removal::new(query, features);
    let mut without: BTreeMap<FactorId, f64> = BTreeMap::new();
    for factor in features.iter().filter_map(|assigned| assigned.factor.as_ref()) {
        if !without.contains_key(factor)
            && let Some(cut) = removal.without(factor)
        {
            let estimate = estimator.estimate(calibration, &cut.query, &cut.left(features));
            without.insert(factor.clone(), estimate.probability(response));
        }
    }
    without
}
