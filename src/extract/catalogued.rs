//! Adds to the features of another extractor those of a catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::Catalog;
use crate::context::StageContext;
use crate::data::{AssignedFeature, FactorId, Feature, FeatureKey, limits};

use super::{ExtractError, Extraction, ExtractionRequest, FeatureExtractor};

/// An extractor behind which each factor of a catalog that stands in the query is a feature too, named by its label and
/// seen where its heaviest term stands.
///
/// What the extractor finds itself comes first and is left as it is; of a feature that is called like a factor it says
/// that it is of that factor. The extractor is told of the catalog, so that one with a model finds factors whose terms are
/// not in the query.
pub(crate) struct Catalogued {
    pub(crate) extractor: Arc<dyn FeatureExtractor>,
    pub(crate) catalog: Arc<Catalog>,
}

impl Catalogued {
    fn add(&self, seen: &ExtractionRequest<'_>, mut extraction: Extraction) -> Extraction {
        let found = self.catalog.assign(seen.query.text());
        if found.is_empty() {
            return extraction;
        }
        let features = extraction.features.iter().enumerate();
        let mut known: BTreeMap<FeatureKey, usize> = features.map(|(place, f)| (f.feature.key(), place)).collect();
        for assigned in found {
            let key = assigned.factor.key();
            let known_factor = |id: &&FactorId| seen.known.is_some_and(|factors| factors.get(id).is_some());
            let factor = Some(assigned.factor.id()).filter(known_factor).cloned();
            if let Some(feature) = known.get(&key).and_then(|place| extraction.features.get_mut(*place)) {
                feature.factor = factor;
            } else if extraction.features.len() >= limits::FEATURES {
                extraction.dropped.over_limit += 1;
            } else if let Ok(feature) = Feature::new(seen.query, assigned.factor.label(), assigned.span()) {
                known.insert(key, extraction.features.len());
                extraction.features.push(AssignedFeature { feature, factor });
            }
        }
        extraction
    }
}

#[async_trait]
impl FeatureExtractor for Catalogued {
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        Ok(self.add(&seen, self.extractor.extract(seen.catalog(&self.catalog), ctx).await?))
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let under: Vec<ExtractionRequest<'_>> = seen.iter().map(|seen| seen.catalog(&self.catalog)).collect();
        let mut extractions = self.extractor.extract_batch(&under, ctx).await;
        if extractions.len() == seen.len() {
            let found = extractions.into_iter().zip(seen);
            extractions = found.map(|(extraction, seen)| Ok(self.add(seen, extraction?))).collect();
        }
        extractions
    }

    fn needs_backend(&self) -> bool {
        self.extractor.needs_backend()
    }

    fn name(&self) -> &str {
        self.extractor.name()
    }
}
