//! One ranking out of several: [`HybridRetriever`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::MemoryChange;

use super::{
    Applied, KeptIndex, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex,
    top_k,
};

/// Ranks by two or more retrievers together: items that several rank high come first.
///
/// Each part is asked to rank the whole memory, one after another, whatever `k` is: a part's depth must not depend on
/// `k`, or a larger request could change the best. It costs each part its full ranking, *n* log *n* for *n* items, and
/// one list of *n* per part.
///
/// Whatever the fusion, an item's similarity is the mean of its parts' similarities by their weights, 0 where a part
/// left it out: ranks alone would call the best item alike even when nothing is.
#[derive(Clone)]
pub struct HybridRetriever {
    parts: Vec<(Arc<dyn Retriever>, f64)>,
    fusion: Fusion,
    name: String,
}

/// The rule by which a hybrid makes one score of its parts'.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Fusion {
    /// `Σ w / (k0 + rank)` over the parts that rank the item, ranks from 1 (Cormack, Clarke and Buettcher 2009). Needs
    /// no common unit of scores.
    ReciprocalRank {
        /// Added to every rank, from 0.0: the greater, the less the first ranks stand out. Anything else is read as 60, the
        /// source's value.
        k0: f64,
    },
    /// `Σ w · similarity / Σ w`: how far ahead an item is counts.
    Similarity,
}

impl Default for Fusion {
    /// By reciprocal rank with `k0` = 60.
    fn default() -> Self {
        Self::ReciprocalRank { k0: K0 }
    }
}

/// The `k0` of the source.
const K0: f64 = 60.0;

impl HybridRetriever {
    /// Fuses two retrievers of equal weight by reciprocal rank.
    pub fn new(one: Arc<dyn Retriever>, other: Arc<dyn Retriever>) -> Self {
        let name = format!("hybrid of {}", one.name());
        Self { parts: vec![(one, 1.0)], fusion: Fusion::default(), name }.and(other)
    }

    /// With one more part, of weight 1.
    #[must_use]
    pub fn and(mut self, part: Arc<dyn Retriever>) -> Self {
        self.name = format!("{} and {}", self.name, part.name());
        self.parts.push((part, 1.0));
        self
    }

    /// Sets the rule of fusion. Default: by reciprocal rank with `k0` = 60.
    #[must_use]
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = fusion;
        self
    }

    /// Sets the weights of the parts, in their order, from 0.0 to 1e6. Default, and for parts that none is given for: 1.0.
    /// One that is no such number is read as 1.0.
    #[must_use]
    pub fn weights(mut self, weights: impl IntoIterator<Item = f64>) -> Self {
        let usable = |weight: f64| if (0.0..=1e6).contains(&weight) { weight } else { 1.0 };
        for ((_, own), weight) in self.parts.iter_mut().zip(weights.into_iter().map(usable)) {
            *own = weight;
        }
        self
    }
}

/// Fuses rankings, each with its weight.
fn fuse(rankings: &[(Vec<Retrieved>, f64)], fusion: Fusion, k: usize) -> Vec<Retrieved> {
    let total = sum(rankings.iter().map(|(_, weight)| *weight).collect()).max(f64::MIN_POSITIVE);
    // By position, what each part adds to the score and to the similarity.
    let mut added: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (ranking, weight) in rankings.iter().filter(|(_, weight)| *weight > 0.0) {
        for (hit, rank) in ranking.iter().zip(1_u32..) {
            let alike = weight * hit.similarity / total;
            let score = match fusion {
                Fusion::ReciprocalRank { k0 } => {
                    let k0 = if k0.is_finite() && k0 >= 0.0 { k0 } else { K0 };
                    weight / (k0 + f64::from(rank))
                }
                Fusion::Similarity => alike,
            };
            let (scores, similarities) = added.entry(hit.position).or_default();
            scores.push(score);
            similarities.push(alike);
        }
    }
    let fused = added.into_iter().map(|(position, (scores, similarities))| Retrieved {
        position,
        score: sum(scores),
        similarity: sum(similarities).clamp(0.0, 1.0),
    });
    top_k(fused, k)
}

/// The sum from the smallest to the largest, so that the order of the parts does not show in the last digit.
fn sum(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    // From 0.0, so that no sum is −0.0, which would not tie with 0.0.
    values.into_iter().fold(0.0, |sum, value| sum + value)
}

#[async_trait]
impl Retriever for HybridRetriever {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for (retriever, weight) in &self.parts {
            let index = KeptIndex::default();
            index.open(&**retriever, view, saved, ctx).await?;
            parts.push(Part { retriever: Arc::clone(retriever), weight: *weight, index });
        }
        Ok(Box::new(OpenIndex { parts, fusion: self.fusion }))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// The indexes of one memory.
struct OpenIndex {
    parts: Vec<Part>,
    fusion: Fusion,
}

struct Part {
    retriever: Arc<dyn Retriever>,
    weight: f64,
    index: KeptIndex,
}

#[async_trait]
impl MemoryIndex for OpenIndex {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let whole = request.at_most(request.memory.len());
        let mut rankings = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let index = part.index.get(&*part.retriever, request.view(), ctx).await?;
            rankings.push((index.rank(whole, ctx).await?, part.weight));
        }
        Ok(fuse(&rankings, self.fusion, request.k))
    }

    /// Each part follows. One that fails is opened anew by the next request, which meets the error if it lasts.
    async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        for part in &mut self.parts {
            let _ = part.index.apply(change, view, ctx).await;
        }
        Ok(Applied::UpToDate)
    }

    fn bytes(&self) -> Vec<SavedIndex> {
        self.parts.iter().flat_map(|part| part.index.bytes()).collect()
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        let copied = |part: &Part| Part {
            retriever: Arc::clone(&part.retriever),
            weight: part.weight,
            index: part.index.copied(),
        };
        Some(Box::new(Self { parts: self.parts.iter().map(copied).collect(), fusion: self.fusion }))
    }
}

impl std::fmt::Debug for HybridRetriever {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HybridRetriever")
            .field("name", &self.name)
            .field("fusion", &self.fusion)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Similarities by position; NaN for an item that is left out.
    fn ranking(similarities: &[f64]) -> Vec<Retrieved> {
        let hits = similarities.iter().enumerate();
        let hits = hits.map(|(position, &similarity)| Retrieved { position, score: similarity, similarity });
        top_k(hits, similarities.len())
    }

    fn similarity() -> impl Strategy<Value = f64> {
        prop_oneof![Just(f64::NAN), Just(0.5), 0.0..=1.0]
    }

    fn fusion() -> impl Strategy<Value = Fusion> {
        prop_oneof![Just(Fusion::default()), Just(Fusion::Similarity), Just(Fusion::ReciprocalRank { k0: 0.0 })]
    }

    proptest! {
        #[test]
        fn the_order_of_the_parts_does_not_show(
            parts in prop::collection::vec((prop::collection::vec(similarity(), 12), 0.0..3.0), 2..5),
            fusion in fusion(),
            turn in 0_usize..5,
        ) {
            let one: Vec<_> = parts.iter().map(|(similarities, weight)| (ranking(similarities), *weight)).collect();
            let mut other = one.clone();
            other.rotate_left(turn % one.len());
            prop_assert_eq!(fuse(&one, fusion, 12), fuse(&other, fusion, 12));
            other.reverse();
            prop_assert_eq!(fuse(&one, fusion, 12), fuse(&other, fusion, 12));
        }

        #[test]
        fn a_ranking_fused_with_itself_keeps_its_order_and_similarities(
            similarities in prop::collection::vec(similarity(), 0..12),
            k in 0_usize..14,
        ) {
            let own = ranking(&similarities);
            let fused = fuse(&[(own.clone(), 1.0), (own.clone(), 1.0)], Fusion::default(), k);
            prop_assert_eq!(fused.len(), k.min(own.len()));
            for (fused, own) in fused.iter().zip(&own) {
                prop_assert_eq!((fused.position, fused.similarity), (own.position, own.similarity));
            }
            let fused = fuse(&[(own.clone(), 1.0), (own.clone(), 1.0)], Fusion::Similarity, k);
            prop_assert_eq!(&fused[..], &own[..k.min(own.len())]);
        }

        #[test]
        fn a_part_of_weight_zero_does_not_count(
            one in prop::collection::vec(0.0..=1.0, 8),
            other in prop::collection::vec(0.0..=1.0, 8),
            fusion in fusion(),
        ) {
            let alone = fuse(&[(ranking(&one), 1.0)], fusion, 8);
            prop_assert_eq!(alone, fuse(&[(ranking(&one), 1.0), (ranking(&other), 0.0)], fusion, 8));
        }
    }

    #[test]
    fn reciprocal_ranks_are_as_in_the_source() {
        let fused = fuse(&[(ranking(&[0.9, 0.1]), 1.0), (ranking(&[f64::NAN, 0.4]), 1.0)], Fusion::default(), 2);
        let scores: Vec<(usize, f64)> = fused.iter().map(|hit| (hit.position, hit.score)).collect();
        assert_eq!(scores, [(1, 1.0 / 62.0 + 1.0 / 61.0), (0, 1.0 / 61.0)]);
        assert_eq!(fused.iter().map(|hit| hit.similarity).collect::<Vec<_>>(), [0.25, 0.45]);
    }

    #[test]
    fn items_the_parts_rank_alike_come_by_position() {
        let fused = fuse(&[(ranking(&[0.2, 0.9]), 1.0), (ranking(&[0.9, 0.2]), 1.0)], Fusion::default(), 2);
        assert_eq!(fused.iter().map(|hit| hit.position).collect::<Vec<_>>(), [0, 1]);
    }
}
