use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::data::{AssignedFeature, Factor, Feature, FeatureKey};
use crate::extract::{ExtractError, Extraction, FeatureExtractor, Observation};
use crate::prompt::StageContext;

use crate::eval::Chance;

/// An extractor that gets a share of its features wrong: each such feature keeps its words and gets the name of another one
/// of the same user. In learning the names are those of the queries read together, afterwards those of the known factors.
/// Which features are wrong is decided by the seed, the query's name in errors and its text, so it is the same in every run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noisy<E> {
    extractor: E,
    share: f64,
    seed: u64,
}

impl<E> Noisy<E> {
    /// Gets this share of features wrong, from 0.0 to 1.0.
    pub fn new(extractor: E, share: f64, seed: u64) -> Self {
        Self { extractor, share, seed }
    }

    fn corrupt(&self, seen: &Observation<'_>, mut found: Extraction, names: &[String]) -> Extraction {
        let mut chance = Chance::of(self.seed, &format!("{}\u{1f}{}", seen.item, seen.query.text()));
        for assigned in &mut found.features {
            // Both draws are taken in any case, so that more noise only adds to what less noise got wrong.
            let (wrong, place) = (chance.happens(self.share), chance.below(names.len()));
            let own = assigned.feature.key();
            let others = names.iter().cycle().skip(place).take(names.len());
            let other = others.into_iter().find(|name| FeatureKey::of(name) != own);
            if let (true, Some(name)) = (wrong, other)
                && let Ok(feature) = Feature::new(seen.query, name.as_str(), assigned.feature.span())
            {
                *assigned = AssignedFeature::unknown(feature);
            }
        }
        let mut keys = BTreeSet::new();
        found.features.retain(|assigned| keys.insert(assigned.feature.key()));
        found
    }
}

#[async_trait]
impl<E: FeatureExtractor> FeatureExtractor for Noisy<E> {
    async fn extract(&self, seen: Observation<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let found = self.extractor.extract(seen, ctx).await?;
        let known = seen.known.into_iter().flat_map(|factors| factors.iter().flat_map(Factor::features));
        let names: BTreeSet<String> = known.map(|key| key.as_str().to_owned()).collect();
        Ok(self.corrupt(&seen, found, &names.into_iter().collect::<Vec<_>>()))
    }

    async fn extract_batch(
        &self,
        seen: &[Observation<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let found = self.extractor.extract_batch(seen, ctx).await;
        let features = found.iter().flatten().flat_map(|extraction| &extraction.features);
        let names: BTreeSet<String> = features.map(|assigned| assigned.feature.name().to_owned()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let pairs = found.into_iter().zip(seen);
        pairs.map(|(found, seen)| found.map(|found| self.corrupt(seen, found, &names))).collect()
    }

    fn needs_backend(&self) -> bool {
        self.extractor.needs_backend()
    }

    fn name(&self) -> &str {
        self.extractor.name()
    }
}
