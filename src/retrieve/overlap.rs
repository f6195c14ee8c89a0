//! Likeness by shared factors: [`OverlapRetriever`].

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::MemoryChange;

use super::presence::Presence;
use super::{
    Applied, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex, top_k,
};

/// Ranks by the factors that an item shares with the query, each weighted by its information.
///
/// An item's similarity, and its score, is the weight of the factors that both have over the weight of those that
/// either has (weighted Jaccard index): 1 for an item with the query's factors and no other. A factor weighs, in bits,
/// how rare it is among the *n* items of the memory, of which *c* have it, and its information about the response:
///
/// ```text
/// weight = (log2(1 + n / c) + information) · boost
/// ```
///
/// [`Beliefs::information`](crate::stats::Beliefs::information) is shrunk to the base rate, so that a factor seen once is
/// rare but weighs little more. The boost is the user's ([`Edit::Boost`](crate::Edit::Boost)), 1 without one. A feature without a factor is looked up by its key; one of no known factor weighs the least
/// that a factor can, 1 bit, and no item shares it. In an index that was opened without factors, feature keys stand for
/// them and only rarity counts. Items that share nothing are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct OverlapRetriever {}

#[async_trait]
impl Retriever for OverlapRetriever {
    async fn open(
        &self,
        view: MemoryView<'_>,
        _saved: &[SavedIndex],
        _ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        Ok(Box::new(OpenIndex(Presence::of(view))))
    }

    fn name(&self) -> &'static str {
        "factor overlap"
    }
}

/// The index of one memory.
#[derive(Clone)]
struct OpenIndex(Presence);

#[async_trait]
impl MemoryIndex for OpenIndex {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let presence = &self.0;
        let (known, unknown) = presence.of_query(&request)?;
        let weight = |number: u32| {
            presence.boost(&request, number) * (presence.rarity(number) + presence.information(&request, number))
        };
        let mut shared = vec![0.0_f64; request.memory.len()];
        let mut own = unknown as f64;
        for number in known {
            let weight = weight(number);
            own += weight;
            for &item in presence.items_with(number) {
                if let Some(sum) = shared.get_mut(item as usize) {
                    *sum += weight;
                }
            }
        }
        let hits = shared.into_iter().enumerate().filter(|(_, shared)| *shared > 0.0).map(|(position, shared)| {
            let its: f64 = presence.of_item(position).iter().map(|number| weight(*number)).sum();
            let similarity = (shared / (own + (its - shared))).clamp(0.0, 1.0);
            Retrieved { position, score: similarity, similarity }
        });
        Ok(top_k(hits, request.k))
    }

    /// Factors change with the memory, and sums are taken in the order of their numbers, so all are numbered anew.
    async fn apply(
        &mut self,
        _change: &MemoryChange,
        view: MemoryView<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        self.0 = Presence::of(view);
        Ok(Applied::UpToDate)
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        Some(Box::new(self.clone()))
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
    use crate::stats::Beliefs;
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
        let ctx = StageContext::offline(&prompts, &ledger);
        let index = pollster::block_on(OverlapRetriever::default().open(request.view(), &[], &ctx)).unwrap();
        pollster::block_on(index.rank(request, &ctx)).unwrap()
    }

    #[test]
    fn an_index_over_factors_that_is_asked_without_statistics_says_so() {
        let memory = ReasoningMemory::new([item(0, "a", "yes", false)]);
        let (task, (prompts, ledger)) = (votes(), (PromptSet::default(), Ledger::new()));
        let (factors, ctx) = (factors(&task, &memory), StageContext::offline(&prompts, &ledger));
        let view = MemoryView::new(&memory).factors(&factors);
        let index = pollster::block_on(OverlapRetriever::default().open(view, &[], &ctx)).unwrap();
        let query = Query::new("a").unwrap();
        let request = RetrievalRequest::new(&memory, &query, &[], 1);
        assert!(matches!(pollster::block_on(index.rank(request, &ctx)), Err(RetrieveError::NoStatistics)));
    }

    fn votes() -> Task {
        Task::new("How?", ResponseSpace::labels(["yes", "no"]).unwrap()).unwrap()
    }

    #[test]
    fn a_factor_with_information_weighs_more_than_one_without() {
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
        let like = |hits: &[Retrieved], n| hits.iter().find(|hit| hit.position == n).map(|hit| hit.similarity);
        assert_eq!((like(&hits, 0), like(&hits, 3)), (Some(1.0), None));
        // Either letter is in half of the items.
        let rare = 3.0_f64.log2();
        let id = |letter: &str| factors.factor_of(&crate::data::FeatureKey::of(letter)).unwrap().id().clone();
        let information = beliefs.information(&id("a"));
        assert!(information > 0.5 && beliefs.information(&id("c")) == 0.0, "{information}");
        assert!((like(&hits, 2).unwrap() - (rare + information) / (2.0 * rare + information)).abs() < 1e-12);
        assert!((like(&hits, 1).unwrap() - rare / (3.0 * rare + 2.0 * information)).abs() < 1e-12);
        assert_eq!(like(&ranked(&memory, None, "ac"), 2), Some(0.5));
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
        assert!(hits[0].position == 0 && hits[0].similarity > 0.55 && hits[10].similarity < 0.45, "{hits:?}");
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
            of in prop::collection::vec(("[a-f]{1,5}", prop::bool::ANY), 1..12),
            asked in "[a-h]{1,6}",
            kappa in 1e-6..1e9_f64,
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
                    let letters = |text: &str| text.chars().collect::<std::collections::BTreeSet<_>>();
                    prop_assert_eq!(hit.similarity >= 1.0, letters(&of[hit.position].0) == letters(&asked));
                }
            }
        }
    }
}
