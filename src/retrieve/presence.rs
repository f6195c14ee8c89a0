//! The factors, or the feature keys, that each item of a memory has, as numbers.

use std::collections::HashMap;

use crate::data::{AssignedFeature, Factor, FeatureKey, MemoryItem, ReasoningMemory};
use crate::stats::Beliefs;

use super::{MemoryView, RetrievalRequest, RetrieveError};

/// The factors or feature keys of a memory's items, as numbers: factors, by their place in the factor set, or without one feature keys.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    /// The number of each key; `None` when numbers are places of factors.
    keys: Option<HashMap<FeatureKey, u32>>,
    /// By number, how rare it is among the items, in bits: `log2(1 + items / items with it)`.
    rarity: Vec<f64>,
    /// By item, ascending, each number once.
    of_item: Vec<Box<[u32]>>,
    /// By number, the items that have it, in order.
    items_with: Vec<Vec<u32>>,
}

impl Presence {
    /// Numbers the factors of a memory's items, or their feature keys where no factors are known.
    pub(super) fn of(view: MemoryView<'_>) -> Self {
        let MemoryView { memory, factors } = view;
        if let Some(factors) = factors {
            let number = |key: &FeatureKey| factors.place_of(key).and_then(|place| u32::try_from(place).ok());
            return Self::new(memory, None, number);
        }
        let mut keys = HashMap::new();
        for feature in memory.items().iter().flat_map(MemoryItem::features) {
            let next = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            keys.entry(feature.key()).or_insert(next);
        }
        let numbers = keys.clone();
        Self::new(memory, Some(keys), |key| numbers.get(key).copied())
    }

    fn new(
        memory: &ReasoningMemory,
        keys: Option<HashMap<FeatureKey, u32>>,
        number: impl Fn(&FeatureKey) -> Option<u32>,
    ) -> Self {
        let mut of_item = Vec::with_capacity(memory.len());
        let mut items_with: Vec<Vec<u32>> = Vec::new();
        for (item, position) in memory.items().iter().zip(0_u32..) {
            let mut present: Vec<u32> = item.features().iter().filter_map(|feature| number(&feature.key())).collect();
            present.sort_unstable();
            present.dedup();
            for &number in &present {
                let place = number as usize;
                if items_with.len() <= place {
                    items_with.resize_with(place + 1, Vec::new);
                }
                if let Some(items) = items_with.get_mut(place) {
                    items.push(position);
                }
            }
            of_item.push(present.into_boxed_slice());
        }
        let rarity =
            items_with.iter().map(|with| (1.0 + memory.len() as f64 / with.len().max(1) as f64).log2()).collect();
        Self { keys, rarity, of_item, items_with }
    }

    /// The rarity of a number, in bits.
    pub(super) fn rarity(&self, number: u32) -> f64 {
        self.rarity.get(number as usize).copied().unwrap_or_default()
    }

    /// The numbers of an item, ascending.
    pub(super) fn of_item(&self, position: usize) -> &[u32] {
        self.of_item.get(position).map_or(&[], |present| present)
    }

    /// The items that have a number, in order.
    pub(super) fn items_with(&self, number: u32) -> &[u32] {
        self.items_with.get(number as usize).map_or(&[], |items| items)
    }

    /// The information of a number about the response, in bits; 0 for a feature key.
    pub(super) fn information(&self, request: &RetrievalRequest<'_>, number: u32) -> f64 {
        let beliefs = request.beliefs.filter(|_| self.keys.is_none());
        beliefs.map_or(0.0, |beliefs| beliefs.information_at(number as usize))
    }

    /// The boost that the user gave the factor of a number; 1 for a feature key.
    pub(super) fn boost(&self, request: &RetrievalRequest<'_>, number: u32) -> f64 {
        let beliefs = request.beliefs.filter(|_| self.keys.is_none());
        beliefs.and_then(|beliefs| beliefs.factors().iter().nth(number as usize)).map_or(1.0, Factor::boost)
    }

    /// The numbers of a query, ascending, each once, and the count of its features that have no number. A feature without a factor is looked up by its key.
    ///
    /// # Errors
    /// [`RetrieveError::NoStatistics`] when numbers are places of factors and the request does not bring them.
    pub(super) fn of_query(&self, request: &RetrievalRequest<'_>) -> Result<(Vec<u32>, usize), RetrieveError> {
        let numbers: Vec<Option<u32>> = match &self.keys {
            Some(keys) => request.features.iter().map(|f| keys.get(&f.feature.key()).copied()).collect(),
            None => {
                let factors = request.beliefs.map(Beliefs::factors).ok_or(RetrieveError::NoStatistics)?;
                let number = |assigned: &AssignedFeature| {
                    let place = assigned.factor.as_ref().and_then(|id| factors.place_of_id(id));
                    place
                        .or_else(|| factors.place_of(&assigned.feature.key()))
                        .and_then(|place| u32::try_from(place).ok())
                };
                request.features.iter().map(number).collect()
            }
        };
        let mut known: Vec<u32> = numbers.iter().copied().flatten().collect();
        let unknown = numbers.len() - known.len();
        known.sort_unstable();
        known.dedup();
        Ok((known, unknown))
    }
}

/// The Jaccard index of two items, shared numbers over the numbers of either (Jaccard 1901), from 0 to 1; 0 when both have
/// none.
pub(super) fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut rest_a, mut rest_b, mut shared) = (a, b, 0_usize);
    while let ([x, next_a @ ..], [y, next_b @ ..]) = (rest_a, rest_b) {
        shared += usize::from(x == y);
        rest_a = if x <= y { next_a } else { rest_a };
        rest_b = if y <= x { next_b } else { rest_b };
    }
    let either = a.len() + b.len() - shared;
    if either == 0 { 0.0 } else { shared as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_index_is_that_of_the_sets(a: BTreeSet<u8>, b: BTreeSet<u8>) {
            let numbers = |set: &BTreeSet<u8>| set.iter().map(|n| u32::from(*n)).collect::<Vec<_>>();
            let (shared, either) = (a.intersection(&b).count(), a.union(&b).count());
            let expected = if either == 0 { 0.0_f64 } else { shared as f64 / either as f64 }.to_bits();
            prop_assert_eq!(jaccard(&numbers(&a), &numbers(&b)).to_bits(), expected);
            prop_assert_eq!(jaccard(&numbers(&b), &numbers(&a)).to_bits(), expected);
        }
    }
}
