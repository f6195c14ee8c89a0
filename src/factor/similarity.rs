//! Groups features by the likeness of their names, without a model.

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::grouping::LIKENESS;
use crate::data::{AssignedFeature, FactorId};
use crate::pause::{Pace, at_once, pause};

use super::grouping::Clusters;
use super::{AssignRequest, FactorError, FactorFit, FactorGroup, FactorModel, FitRequest};

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
        at_once(self.groups_in_steps(request))
    }

    /// The same with pauses.
    pub(crate) async fn groups_in_steps(&self, request: FitRequest<'_>) -> Vec<FactorGroup> {
        let mut clusters = Clusters::new(self.least_likeness, request.language());
        let mut pace = Pace::default();
        for row in request.rows {
            pace.step_features(row.query().text().len()).await;
            for feature in row.features() {
                clusters.see(&feature.key());
            }
        }
        pause().await;
        let group = |cluster: usize| {
            let (label, description, _) = clusters.named(clusters.members_of(cluster));
            FactorGroup { label, description, features: clusters.members_of(cluster).cloned().collect() }
        };
        (0..clusters.len()).map(group).collect()
    }
}

#[async_trait]
impl FactorModel for SimilarityFactorModel {
    /// Says by which likeness groups are made, and makes none: [`groups`](Self::groups) does.
    async fn fit(&self, _request: FitRequest<'_>, _ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        Ok(FactorFit::default().by_likeness(self.least_likeness))
    }

    async fn assign(
        &self,
        request: AssignRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        let AssignRequest { factors, features, .. } = request;
        let exact = |feature: &AssignedFeature| {
            let claimed = feature.factor.clone().filter(|id| factors.get(id).is_some());
            factors.factor_of(&feature.feature.key()).map(|factor| factor.id().clone()).or(claimed)
        };
        let mut assigned: Vec<Option<FactorId>> = features.iter().map(exact).collect();
        for (slot, feature) in assigned.iter_mut().zip(features) {
            if slot.is_none() {
                *slot = request.nearest(&feature.feature.key(), self.least_likeness).cloned();
            }
        }
        Ok(assigned)
    }

    fn name(&self) -> &'static str {
        "similarity"
    }
}
