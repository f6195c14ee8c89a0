//! An extractor with a share of wrong features.

use std::collections::BTreeSet;

use async_trait::async_trait;

use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, Factor, Feature, FeatureKey};
use rpm_core::extract::{ExtractError, Extraction, ExtractionRequest, FeatureExtractor};

use crate::Chance;

/// An extractor that gets a share of its features wrong: each such feature keeps its words and gets the name of another
/// one of the same user. In learning the names are those of the queries read together, afterwards those of the known
/// factors. Which features are wrong is decided by the seed, the query's name in errors and its text, so it is the same
/// in every run.
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

    fn corrupt(&self, seen: &ExtractionRequest<'_>, mut found: Extraction, names: &[String]) -> Extraction {
        let mut chance = Chance::of(self.seed, &format!("{}\u{1f}{}", seen.item, seen.query.text()));
        let mut own: BTreeSet<FeatureKey> = found.features.iter().map(|assigned| assigned.feature.key()).collect();
        for assigned in &mut found.features {
            // Both draws are taken in any case, so that more noise only adds to what less noise got wrong.
            let (wrong, place) = (chance.happens(self.share), chance.below(names.len()));
            if !wrong {
                continue;
            }
            // A name that the query has already would take a right feature away too.
            let mut others = names.iter().cycle().skip(place).take(names.len());
            let Some(name) = others.find(|name| !own.contains(&FeatureKey::of(name))) else { continue };
            if let Ok(feature) = Feature::new(seen.query, name.as_str(), assigned.feature.span()) {
                own.insert(feature.key());
                *assigned = AssignedFeature::unknown(feature);
            }
        }
        found
    }
}

#[async_trait]
impl<E: FeatureExtractor> FeatureExtractor for Noisy<E> {
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let found = self.extractor.extract(seen, ctx).await?;
        let known = seen.known.into_iter().flat_map(|factors| factors.iter().flat_map(Factor::features));
        let names: BTreeSet<String> = known.map(|key| key.as_str().to_owned()).collect();
        Ok(self.corrupt(&seen, found, &names.into_iter().collect::<Vec<_>>()))
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
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

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::data::{Query, ResponseSpace, Task};
    use rpm_core::extract::LexicalExtractor;
    use rpm_core::llm::Ledger;
    use rpm_core::prompt::PromptSet;

    const TEXTS: [&str; 3] = ["A slow, quiet drama.", "A loud chase through the city.", "Warm jokes by a lighthouse."];

    /// By text, the names of its features.
    fn names(share: f64, seed: u64) -> Vec<Vec<String>> {
        let task = Task::new("Rate it", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let queries = TEXTS.map(|text| Query::new(text).unwrap());
        let seen: Vec<ExtractionRequest<'_>> =
            queries.iter().map(|query| ExtractionRequest::new(&task, "item", query)).collect();
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let noisy = Noisy::new(LexicalExtractor::default(), share, seed);
        let found = pollster::block_on(noisy.extract_batch(&seen, &StageContext::offline(&prompts, &ledger)));
        let of = |it: Extraction| it.features.iter().map(|it| it.feature.name().to_owned()).collect();
        found.into_iter().map(|it| of(it.unwrap())).collect()
    }

    #[test]
    fn about_the_share_asked_for_is_wrong_and_more_noise_keeps_what_less_got_wrong() {
        let right = names(0.0, 1);
        let wrong = |share, seed| -> Vec<bool> {
            let noisy = names(share, seed);
            assert_eq!(noisy.iter().map(Vec::len).collect::<Vec<_>>(), right.iter().map(Vec::len).collect::<Vec<_>>());
            noisy.concat().iter().zip(right.concat()).map(|(a, b)| *a != b).collect()
        };
        let (mut few, mut all) = (0, 0);
        for seed in 0..40 {
            let (less, more) = (wrong(0.25, seed), wrong(0.5, seed));
            assert!(less.iter().zip(&more).all(|(less, more)| more >= less));
            few += less.iter().filter(|wrong| **wrong).count();
            all += less.len();
        }
        assert!((0.2..0.3).contains(&(few as f64 / all as f64)), "{few} of {all}");
        assert!(wrong(1.0, 3).iter().all(|wrong| *wrong));
        assert_eq!(names(0.5, 3), names(0.5, 3));
    }
}
