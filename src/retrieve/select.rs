//! Choosing among what another retriever ranks: [`SelectingRetriever`].

use std::collections::HashMap;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{MemoryChange, MemoryItem};

use super::presence::{Presence, jaccard};
use super::{
    Applied, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex, top_k,
};

/// Chooses among what another retriever ranks: recent rather than old, different rather than the same again, with every
/// response heard, nothing that is hardly alike.
///
/// Each of the four is off by default; with all off the other retriever's answer is passed on as it is. With any on,
/// the whole memory is ranked whatever `k` is, so that the first *j* of *k* are the answer to a request for *j* with
/// all of them. Similarities stay the other retriever's.
///
/// With only [`least_similarity`](Self::least_similarity), order and scores stay too. Otherwise items are taken one
/// after another, each time the one of the highest value, ties by position, and the value is the score:
///
/// ```text
/// value(i) = (1 − d) · similarity(i) · 2^(−age(i) / half-life)
///          − d · max_{j taken} likeness(i, j) − b · number taken with i's response
/// ```
///
/// A value only falls while others are taken, so scores fall too. Likeness is the Jaccard index of the two items'
/// factors, or of their feature keys where the index was opened without factors. Similarity stands for relevance because it has
/// one unit, whatever retriever is within. Cost: with diversity or balance *k* · *n*, without them *n* log *k*.
#[derive(Clone)]
pub struct SelectingRetriever<R> {
    inner: R,
    selection: Selection,
}

/// The rules of the choice.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Selection {
    diversity: f64,
    half_life: Option<f64>,
    balance: f64,
    least_similarity: f64,
}

impl<R> SelectingRetriever<R> {
    /// Chooses among what this one ranks.
    pub fn new(inner: R) -> Self {
        Self { inner, selection: Selection::default() }
    }

    /// Sets the weight of being unlike the items already taken (1 − λ of maximal marginal relevance, Carbonell and
    /// Goldstein 1998), from 0.0 (none, the default) to 1.0 (nothing else counts). Items that are not alike to the
    /// query either are the most diverse: set [`least_similarity`](Self::least_similarity) too.
    #[must_use]
    pub fn diversity(mut self, diversity: f64) -> Self {
        self.selection.diversity = share(diversity);
        self
    }

    /// Sets the age at which an item counts half, in the unit of the interactions' times. Age is counted from the latest
    /// item of the memory; an item without a time is as old as the oldest with one. Default, and for a number that is
    /// not above zero: age does not count.
    #[must_use]
    pub fn half_life(mut self, age: f64) -> Self {
        self.selection.half_life = Some(age).filter(|age| age.is_finite() && *age > 0.0);
        self
    }

    /// Sets the loss of an item for each one taken with the same response, from 0.0 (nothing, the default) to 1.0: responses
    /// take turns.
    #[must_use]
    pub fn balance(mut self, balance: f64) -> Self {
        self.selection.balance = share(balance);
        self
    }

    /// Leaves out items less alike than this, from 0.0 (none, the default) to 1.0.
    #[must_use]
    pub fn least_similarity(mut self, similarity: f64) -> Self {
        self.selection.least_similarity = share(similarity);
        self
    }
}

/// A number from 0 to 1; NaN and −0 are 0.
fn share(value: f64) -> f64 {
    if value > 0.0 { value.min(1.0) } else { 0.0 }
}

/// An item that may be taken.
struct Candidate<'a> {
    hit: Retrieved,
    response: &'a str,
    relevance: f64,
    /// The greatest likeness to an item taken.
    likeness: f64,
}

impl Selection {
    fn choose(
        &self,
        ranking: Vec<Retrieved>,
        items: &[MemoryItem],
        likeness: impl Fn(usize, usize) -> f64,
        k: usize,
    ) -> Vec<Retrieved> {
        let kept = ranking.into_iter().filter(|hit| hit.similarity >= self.least_similarity);
        if self.diversity + self.balance <= 0.0 && self.half_life.is_none() {
            return kept.take(k).collect();
        }
        let decay = self.decay(items);
        let candidates = kept.filter_map(|hit| {
            let item = items.get(hit.position)?;
            let relevance = (1.0 - self.diversity) * share(hit.similarity) * decay(item);
            Some(Candidate { hit, response: item.response(), relevance, likeness: 0.0 })
        });
        if self.diversity + self.balance <= 0.0 {
            return top_k(candidates.map(|candidate| Retrieved { score: candidate.relevance, ..candidate.hit }), k);
        }
        self.take(candidates.collect(), likeness, k)
    }

    /// Maximal marginal relevance, less what balance takes off.
    fn take(&self, mut left: Vec<Candidate<'_>>, likeness: impl Fn(usize, usize) -> f64, k: usize) -> Vec<Retrieved> {
        let mut taken = Vec::new();
        let mut heard: HashMap<&str, u32> = HashMap::new();
        left.sort_by_key(|candidate| candidate.hit.position);
        while taken.len() < k {
            let value = |candidate: &Candidate<'_>| {
                let heard = heard.get(candidate.response).copied().unwrap_or_default();
                candidate.relevance - self.diversity * candidate.likeness - self.balance * f64::from(heard)
            };
            let best =
                left.iter().map(value).enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
            let Some((place, score)) = best else { break };
            // Kept in order of position, so that the first of equals is the one of the smallest position.
            let Candidate { hit, response, .. } = left.remove(place);
            *heard.entry(response).or_default() += 1;
            if self.diversity > 0.0 {
                for other in &mut left {
                    other.likeness = other.likeness.max(likeness(other.hit.position, hit.position));
                }
            }
            taken.push(Retrieved { score, ..hit });
        }
        taken
    }

    /// The weight of an item by its age: 1 for the latest, a half after each half-life.
    fn decay(&self, items: &[MemoryItem]) -> impl Fn(&MemoryItem) -> f64 {
        let times = || items.iter().filter_map(MemoryItem::time);
        let (oldest, latest) = (times().min(), times().max());
        let half_life = self.half_life;
        move |item| match (half_life, item.time().or(oldest), latest) {
            (Some(half_life), Some(time), Some(latest)) => (-(latest.abs_diff(time) as f64) / half_life).exp2(),
            _ => 1.0,
        }
    }
}

#[async_trait]
impl<R: Retriever> Retriever for SelectingRetriever<R> {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let inner = self.inner.open(view, saved, ctx).await?;
        if self.selection == Selection::default() {
            return Ok(inner);
        }
        let presence = (self.selection.diversity > 0.0).then(|| Presence::of(view));
        Ok(Box::new(OpenIndex { inner, selection: self.selection, presence }))
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

/// The index of one memory.
struct OpenIndex {
    inner: Box<dyn MemoryIndex>,
    selection: Selection,
    /// For diversity.
    presence: Option<Presence>,
}

#[async_trait]
impl MemoryIndex for OpenIndex {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let ranking = self.inner.rank(request.at_most(request.memory.len()), ctx).await?;
        let presence = self.presence.as_ref();
        let likeness = |one, other| presence.map_or(0.0, |p| jaccard(p.of_item(one), p.of_item(other)));
        Ok(self.selection.choose(ranking, request.memory.items(), likeness, request.k))
    }

    async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        if self.presence.is_some() {
            self.presence = Some(Presence::of(view));
        }
        self.inner.apply(change, view, ctx).await
    }

    fn bytes(&self) -> Vec<SavedIndex> {
        self.inner.bytes()
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        let inner = self.inner.copied()?;
        Some(Box::new(Self { inner, selection: self.selection, presence: self.presence.clone() }))
    }
}

impl<R: Retriever> std::fmt::Debug for SelectingRetriever<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelectingRetriever")
            .field("inner", &self.inner.name())
            .field("selection", &self.selection)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Interaction, Query};
    use proptest::prelude::*;

    /// Items with these responses and times.
    fn items(of: &[(u8, Option<i64>)]) -> Vec<MemoryItem> {
        let item = |(n, (response, time)): (usize, &(u8, Option<i64>))| {
            let query = Query::new("x").unwrap();
            let interaction = Interaction::new(format!("i{n:03}"), query, response.to_string()).unwrap();
            let interaction = time.map_or(interaction.clone(), |time| interaction.at(time));
            MemoryItem::new(interaction, Vec::new()).unwrap()
        };
        of.iter().enumerate().map(item).collect()
    }

    fn ranking(similarities: &[f64]) -> Vec<Retrieved> {
        let hits = similarities.iter().enumerate();
        top_k(hits.map(|(position, &score)| Retrieved { position, score, similarity: score }), similarities.len())
    }

    fn positions(hits: &[Retrieved]) -> Vec<usize> {
        hits.iter().map(|hit| hit.position).collect()
    }

    fn never(_: usize, _: usize) -> f64 {
        0.0
    }

    fn selection() -> impl Strategy<Value = Selection> {
        let off_or = |on: std::ops::RangeInclusive<f64>| prop_oneof![Just(0.0), on];
        let half_life = prop_oneof![Just(None), (0.1..50.0).prop_map(Some)];
        (off_or(0.0..=1.0), half_life, off_or(0.0..=1.0), off_or(0.0..=0.6)).prop_map(
            |(diversity, half_life, balance, least_similarity)| Selection {
                diversity,
                half_life,
                balance,
                least_similarity,
            },
        )
    }

    fn memory() -> impl Strategy<Value = Vec<(f64, u8, Option<i64>, u8)>> {
        let similarity = prop_oneof![Just(-0.0), Just(0.5), 0.0..=1.0];
        prop::collection::vec((similarity, 0..3_u8, prop::option::of(0..100_i64), 0..16_u8), 0..14)
    }

    proptest! {
        #[test]
        fn all_off_passes_the_ranking_on(of in memory(), k in 0_usize..16) {
            let items = items(&of.iter().map(|(_, response, time, _)| (*response, *time)).collect::<Vec<_>>());
            let full = ranking(&of.iter().map(|item| item.0).collect::<Vec<_>>());
            let chosen = Selection::default().choose(full.clone(), &items, never, k);
            prop_assert_eq!(&chosen[..], &full[..k.min(full.len())]);
        }

        #[test]
        fn every_selection_keeps_the_prefix_the_order_and_the_similarities(of in memory(), selection in selection()) {
            let items = items(&of.iter().map(|(_, response, time, _)| (*response, *time)).collect::<Vec<_>>());
            let full = ranking(&of.iter().map(|item| item.0).collect::<Vec<_>>());
            let has = |n: usize| {
                let bits = of[n].3;
                (0..4_u32).filter(|bit| bits >> bit & 1 == 1).collect::<Vec<_>>()
            };
            let likeness = |a, b| jaccard(&has(a), &has(b));
            let whole = selection.choose(full.clone(), &items, likeness, usize::MAX);
            for k in 0..=full.len() {
                prop_assert_eq!(&selection.choose(full.clone(), &items, likeness, k)[..], &whole[..k.min(whole.len())]);
            }
            for pair in whole.windows(2) {
                let order = pair[0].score.total_cmp(&pair[1].score);
                prop_assert!(order.is_gt() || order.is_eq() && pair[0].position < pair[1].position, "{:?}", pair);
            }
            let mut kept = positions(&full);
            kept.retain(|n| of[*n].0 >= selection.least_similarity);
            kept.sort_unstable();
            let mut chosen = positions(&whole);
            chosen.sort_unstable();
            prop_assert_eq!(chosen, kept);
            for hit in &whole {
                let inner = full.iter().find(|inner| inner.position == hit.position).unwrap();
                prop_assert_eq!(hit.similarity.to_bits(), inner.similarity.to_bits());
            }
        }
    }

    #[test]
    fn the_same_again_comes_after_something_different() {
        let items = items(&[(0, None); 3]);
        let like = |a: usize, b: usize| if a.max(b) == 1 { 1.0 } else { 0.0 };
        let selection = Selection { diversity: 0.5, ..Selection::default() };
        assert_eq!(positions(&selection.choose(ranking(&[0.9, 0.8, 0.3]), &items, like, 3)), [0, 2, 1]);
    }

    #[test]
    fn an_item_counts_half_at_the_half_life_and_no_time_is_the_oldest() {
        let items = items(&[(0, None), (0, Some(-10)), (0, Some(0)), (0, Some(10))]);
        let selection = Selection { half_life: Some(10.0), ..Selection::default() };
        let chosen = selection.choose(ranking(&[0.8; 4]), &items, never, 4);
        let scores: Vec<(usize, f64)> = chosen.iter().map(|hit| (hit.position, hit.score)).collect();
        assert_eq!(scores, [(3, 0.8), (2, 0.4), (0, 0.2), (1, 0.2)]);
        let untimed = self::items(&[(0, None); 2]);
        assert_eq!(positions(&selection.choose(ranking(&[0.1, 0.8]), &untimed, never, 2)), [1, 0]);
    }

    #[test]
    fn responses_take_turns_at_full_balance() {
        let items = items(&[(1, None), (1, None), (1, None), (2, None), (2, None)]);
        let selection = Selection { balance: 1.0, ..Selection::default() };
        let chosen = selection.choose(ranking(&[0.9, 0.8, 0.7, 0.2, 0.1]), &items, never, 5);
        assert_eq!(positions(&chosen), [0, 3, 1, 4, 2]);
    }

    #[test]
    fn what_is_hardly_alike_is_left_out_and_the_next_comes_in() {
        let items = items(&[(0, None); 3]);
        let selection = Selection { least_similarity: 0.5, ..Selection::default() };
        let mut ranked = ranking(&[0.9, 0.6, 0.55]);
        ranked[1].similarity = 0.4;
        assert_eq!(positions(&selection.choose(ranked, &items, never, 2)), [0, 2]);
    }
}
