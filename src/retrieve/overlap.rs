use async_trait::async_trait;

use crate::data::Factor;
use crate::prompt::StageContext;
use crate::stats::{Beliefs, wilson};

use super::presence::Presence;
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, top_k};

/// Ranks by the factors that an item shares with the query, each weighted by how much it tells about the response.
///
/// An item's similarity is the weight of the query's factors that it shares over the weight of all of the query's: 1 for
/// an item with all of them, whatever else it has, since what an item says besides does not make it a worse account of
/// what moves this query's response. Its score is the same.
///
/// A factor with coverage *c* weighs, in bits, the divergence of its propensities *p* from the user's base rates π, less
/// what chance alone would show, and at least 0.01:
///
/// ```text
/// w = max(Σ_y p_y · log2(p_y / π_y) − c · (K − 1) / (2 ln 2 · (c + κ)²), 0) + 0.01
/// ```
///
/// The divergence is the information that seeing the factor gives about the response (Kullback and Leibler 1951); the
/// propensities are shrunk to the base rate by κ pseudo-interactions, so a factor seen once weighs little. What is
/// subtracted is its mean for a factor that says nothing, to second order: `Σ (p − π)² / 2π` with *K* responses. In
/// open-ended tasks a factor weighs the lower end of the 95 % Wilson interval of its influence, and 0.01.
///
/// A feature without a factor is looked up by its key; of no known factor, it weighs 0.01 and no item shares it. In a
/// request without statistics, feature keys stand for factors and all weigh the same. Items that share nothing are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OverlapRetriever {}

/// What a factor that tells nothing weighs, in bits, so that sharing it still counts.
const LEAST: f64 = 0.01;

/// How much a factor tells about the response.
fn weight(beliefs: &Beliefs<'_>, factor: &Factor) -> f64 {
    let stats = factor.stats();
    if beliefs.task().space().is_open_ended() {
        return LEAST + wilson(stats.influence, stats.coverage.max(stats.influence), 0.95).low;
    }
    let responses = beliefs.factors().responses(beliefs.task());
    let (coverage, kappa) = (stats.coverage, beliefs.calibration().kappa);
    let bits = |response: &String| {
        let (p, base) = (beliefs.propensity(factor, response), beliefs.base(response));
        if p > 0.0 && base > 0.0 { p * (p / base).log2() } else { 0.0 }
    };
    let told: f64 = responses.iter().map(bits).sum();
    let others = responses.len().saturating_sub(1) as f64;
    let spread = (coverage + kappa).max(f64::MIN_POSITIVE);
    let chance = coverage / spread * others / (2.0 * std::f64::consts::LN_2 * spread);
    LEAST + (told - chance).max(0.0)
}

#[async_trait]
impl Retriever for OverlapRetriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let presence = Presence::of(&request);
        let (known, unknown) = presence.of_query(&request);
        let weigh = |number: u32| match request.beliefs {
            Some(beliefs) => beliefs.factors().iter().nth(number as usize).map_or(LEAST, |f| weight(beliefs, f)),
            None => LEAST,
        };
        let weights: Vec<(u32, f64)> = known.into_iter().map(|number| (number, weigh(number))).collect();
        let own = weights.iter().map(|(_, weight)| weight).sum::<f64>() + LEAST * unknown as f64;
        let mut shared = vec![0.0_f64; request.memory.len()];
        for (number, weight) in weights {
            for &item in presence.items_with(number) {
                if let Some(sum) = shared.get_mut(item as usize) {
                    *sum += weight;
                }
            }
        }
        let hits = shared.into_iter().enumerate().filter(|(_, sum)| *sum > 0.0).map(|(position, sum)| {
            let similarity = (sum / own).clamp(0.0, 1.0);
            Retrieved { position, score: similarity, similarity }
        });
        Ok(top_k(hits, request.k))
    }

    fn name(&self) -> &'static str {
        "factor overlap"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{
        AssignedFeature, Calibration, FactorSet, Feature, Interaction, Judgement, MemoryItem, Polarity, Query,
        ReasoningMemory, ResponseSpace, Span, Task,
    };
    use crate::llm::Ledger;
    use crate::prompt::PromptSet;
    use proptest::prelude::*;

    /// An item whose features are the letters of its text.
    fn item(n: usize, letters: &str, response: &str, influential: bool) -> MemoryItem {
        let query = Query::new(letters).unwrap();
        let polarity = Polarity::Positive;
        let features = features(&query).into_iter().map(|f| f.feature.judged(Judgement { influential, polarity }));
        let features = features.collect();
        MemoryItem::new(Interaction::new(format!("i{n:03}"), query, response).unwrap(), features).unwrap()
    }

    fn features(query: &Query) -> Vec<AssignedFeature> {
        let feature = |(at, _)| Feature::new(query, &query.text()[at..=at], Span { start: at, end: at + 1 }).unwrap();
        query.text().char_indices().map(|at| AssignedFeature::unknown(feature(at))).collect()
    }

    /// Every letter is a factor of its own.
    fn factors(task: &Task, memory: &ReasoningMemory) -> FactorSet {
        let keys: std::collections::BTreeSet<_> =
            memory.items().iter().flat_map(MemoryItem::features).map(Feature::key).collect();
        FactorSet::from_groups(keys.into_iter().map(|key| (key.to_string(), "", [key])))
            .unwrap()
            .count(task, memory.items())
    }

    fn ranked(memory: &ReasoningMemory, beliefs: Option<&Beliefs<'_>>, letters: &str) -> Vec<Retrieved> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let query = Query::new(letters).unwrap();
        let features = features(&query);
        let request = RetrievalRequest { beliefs, ..RetrievalRequest::new(memory, &query, &features, usize::MAX) };
        pollster::block_on(OverlapRetriever::default().retrieve(request, &StageContext::offline(&prompts, &ledger)))
            .unwrap()
    }

    fn votes() -> Task {
        Task::new("How?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap()
    }

    #[test]
    fn a_factor_that_tells_the_response_weighs_more_than_one_that_does_not() {
        // All with a say yes, all with b no; c goes with either.
        let memory = ReasoningMemory::new((0..40).map(|n| match n % 4 {
            0 => item(n, "ac", "yes", false),
            1 => item(n, "bc", "no", false),
            2 => item(n, "a", "yes", false),
            _ => item(n, "b", "no", false),
        }));
        let (task, calibration) = (votes(), Calibration::default());
        let factors = factors(&task, &memory);
        let beliefs = Beliefs::new(&task, &factors, &calibration);
        let hits = ranked(&memory, Some(&beliefs), "ac");
        let like = |n: usize| hits.iter().find(|hit| hit.position == n).map(|hit| hit.similarity);
        assert_eq!((like(0), like(3)), (Some(1.0), None));
        assert!(like(2) > Some(0.9) && like(1) < Some(0.1), "{:?} {:?}", like(2), like(1));
        let equal = ranked(&memory, None, "ac");
        assert_eq!(equal.iter().find(|hit| hit.position == 2).map(|hit| hit.similarity), Some(0.5));
    }

    #[test]
    fn a_factor_judged_influential_weighs_more_in_an_open_ended_task() {
        let memory = ReasoningMemory::new((0..20).map(|n| match n % 2 {
            0 => item(n, "a", "title", true),
            _ => item(n, "b", "title", false),
        }));
        let task = Task::new("Which?", ResponseSpace::text(50).unwrap()).unwrap();
        let calibration = Calibration::default();
        let factors = factors(&task, &memory);
        let beliefs = Beliefs::new(&task, &factors, &calibration);
        let hits = ranked(&memory, Some(&beliefs), "ab");
        assert!(hits[0].position == 0 && hits[0].similarity > 0.9 && hits[10].similarity < 0.1, "{hits:?}");
    }

    #[test]
    fn other_factors_over_the_same_memory_are_not_mixed_up() {
        let memory = ReasoningMemory::new([item(0, "a", "yes", false), item(1, "b", "no", false)]);
        let (task, calibration) = (votes(), Calibration::default());
        let apart = factors(&task, &memory);
        let keys = memory.items().iter().flat_map(MemoryItem::features).map(Feature::key);
        let one = FactorSet::from_groups([("all", "", keys)]).unwrap().count(&task, memory.items());
        for (factors, found) in [(&apart, 1), (&one, 2), (&apart, 1)] {
            assert_eq!(ranked(&memory, Some(&Beliefs::new(&task, factors, &calibration)), "a").len(), found);
        }
        assert_eq!(ranked(&memory, None, "a").len(), 1);
    }

    proptest! {
        #[test]
        fn similarity_is_a_share_whatever_the_counts(
            of in prop::collection::vec(("[a-f]{1,5}", prop::bool::ANY), 1..12), asked in "[a-h]{1,6}", kappa in 1e-6..1e9_f64,
        ) {
            let response = |yes| if yes { "yes" } else { "no" };
            let items = of.iter().enumerate().map(|(n, (letters, yes))| item(n, letters, response(*yes), *yes));
            let memory = ReasoningMemory::new(items);
            let (task, calibration) = (votes(), Calibration { kappa, ..Calibration::default() });
            let factors = factors(&task, &memory);
            let beliefs = Beliefs::new(&task, &factors, &calibration);
            for beliefs in [None, Some(&beliefs)] {
                for hit in ranked(&memory, beliefs, &asked) {
                    prop_assert!(hit.similarity > 0.0 && hit.similarity <= 1.0);
                    let whole = asked.chars().all(|c| of[hit.position].0.contains(c));
                    prop_assert_eq!(hit.similarity == 1.0, whole);
                }
            }
        }
    }
}
