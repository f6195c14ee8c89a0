use std::collections::HashSet;

use async_trait::async_trait;

use crate::data::grouping::LIKENESS;
use crate::data::{AssignedFeature, Factor, FactorId, FactorSet, FeatureKey, MemoryItem, Query};
use crate::prompt::StageContext;

use super::grouping::{Clusters, Leaders, stems};
use super::{FactorError, FactorFit, FactorGroup, FactorModel, FitRequest};

/// Groups features by the likeness of their names, without a model, and names each group by its most typical feature: the
/// one seen most often.
///
/// Names are compared as sets of word stems (Jaccard). Oldest first, each joins the group whose oldest feature it is most
/// like, if that is at least [`least_likeness`](Self::least_likeness), or founds one of its own. Time grows with the number
/// of different features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarityFactorModel {
    least_likeness: f64,
}

impl Default for SimilarityFactorModel {
    fn default() -> Self {
        Self { least_likeness: LIKENESS }
    }
}

impl SimilarityFactorModel {
    /// The least share of common stems for two names to be one factor, above 0 up to 1 (equal sets). Default: 0.6.
    #[must_use]
    pub fn least_likeness(mut self, likeness: f64) -> Self {
        self.least_likeness = if likeness.is_finite() { likeness.clamp(0.05, 1.0) } else { LIKENESS };
        self
    }

    /// The groups of all features of the rows, oldest first.
    pub fn groups(&self, request: FitRequest<'_>) -> Vec<FactorGroup> {
        let mut clusters = Clusters::new(self.least_likeness);
        for feature in request.rows.iter().flat_map(MemoryItem::features) {
            clusters.see(&feature.key());
        }
        let group = |features: &Vec<FeatureKey>| {
            let (label, description, _) = clusters.named(features);
            FactorGroup { label, description, features: features.clone() }
        };
        clusters.members().iter().map(group).collect()
    }
}

#[async_trait]
impl FactorModel for SimilarityFactorModel {
    async fn fit(&self, request: FitRequest<'_>, _ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        Ok(FactorFit::new(self.groups(request)).by_likeness(self.least_likeness))
    }

    async fn assign(
        &self,
        factors: &FactorSet,
        features: &[AssignedFeature],
        _query: &Query,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        let exact = |feature: &AssignedFeature| {
            let claimed = feature.factor.clone().filter(|id| factors.get(id).is_some());
            factors.factor_of(&feature.feature.key()).map(|factor| factor.id().clone()).or(claimed)
        };
        let mut assigned: Vec<Option<FactorId>> = features.iter().map(exact).collect();
        if assigned.iter().all(Option::is_some) {
            return Ok(assigned);
        }
        let index = factors.derived(NameIndex::KEPT, NameIndex::new);
        for (slot, feature) in assigned.iter_mut().zip(features) {
            if slot.is_none() {
                *slot = index.nearest(&feature.feature.key(), self.least_likeness, factors).cloned();
            }
        }
        Ok(assigned)
    }

    fn name(&self) -> &'static str {
        "similarity"
    }
}

/// The names of all features of a user, and the labels of factors that are called otherwise, to find the likest of. What it
/// finds does not depend on the order in which it was filled.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    leaders: Leaders,
    /// By leader.
    names: Vec<Named>,
    known: HashSet<FeatureKey>,
}

#[derive(Debug, Clone)]
enum Named {
    Feature(FeatureKey),
    Label(FactorId),
}

impl NameIndex {
    /// Under this name it is kept with the factors.
    const KEPT: &str = "index of names";

    fn new(factors: &FactorSet) -> Self {
        let mut index = Self::default();
        for factor in factors.iter() {
            let label = FeatureKey::of(factor.label());
            if !factor.features().contains(&label) {
                index.leaders.push(stems(&label));
                index.names.push(Named::Label(factor.id().clone()));
            }
            factor.features().iter().for_each(|key| index.take_in(key));
        }
        index
    }

    /// Carries the index of some factors over to the same factors with the features of more items, none of which changed a
    /// label that is no feature.
    pub(crate) fn follow(before: &FactorSet, after: &FactorSet, items: &[MemoryItem]) {
        if let Some(mut index) = before.take::<Self>(Self::KEPT) {
            for feature in items.iter().flat_map(MemoryItem::features) {
                index.take_in(&feature.key());
            }
            after.derived(Self::KEPT, |_| index);
        }
    }

    fn take_in(&mut self, key: &FeatureKey) {
        if self.known.insert(key.clone()) {
            self.leaders.push(stems(key));
            self.names.push(Named::Feature(key.clone()));
        }
    }

    /// The factor with the name most like this one, the first by id of equals.
    fn nearest<'f>(&self, key: &FeatureKey, least: f64, factors: &'f FactorSet) -> Option<&'f FactorId> {
        let factor = |leader: usize| match self.names.get(leader)? {
            Named::Feature(key) => factors.factor_of(key).map(Factor::id),
            Named::Label(id) => factors.get(id).map(Factor::id),
        };
        self.leaders.nearest_by(&stems(key), least, factor)
    }
}
