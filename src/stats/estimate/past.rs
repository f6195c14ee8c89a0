//! The past items as the estimate counts them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::data::{FactorId, FactorSet, FeatureKey, MemoryItem, ResponseSpace, Task};

use super::muted::Muted;
use super::seen::{distinct, tone};
use super::terms::{Terms, terms_of};

/// The least weight of an item, 2⁻³²; the greatest is 1.
const LEAST_WEIGHT: f64 = 1.0 / 4_294_967_296.0;

/// The past items as the estimate reads them: each once, so that later items are added without reading it again.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// The responses of a task that has the same for every query.
    pub(super) responses: Vec<String>,
    /// By item: the place of its response among them.
    pub(super) given: Vec<usize>,
    pub(super) texts: Terms,
    /// What no text says, as far as the estimate goes.
    pub(super) muted: Muted,
    /// By item: the tone of its features.
    pub(super) tones: Vec<Option<f64>>,
    /// By item: its weight, above 0 and at most 1.
    pub(super) weights: Vec<f64>,
    /// By item: digests of its features' keys, which take a tenth of the keys' memory.
    keys_of: Vec<Box<[u64]>>,
    /// Factors in order of id, as in [`FactorSet::iter`].
    pub(super) ids: Vec<FactorId>,
    /// By item: its factors' places, ascending.
    pub(super) factors_of: Vec<Vec<usize>>,
    /// By factor: the items it is present in, whatever their weights.
    pub(super) sightings: Vec<usize>,
}

impl Past {
    pub(super) fn new(task: &Task, muted: Muted) -> Self {
        let responses = match task.space() {
            ResponseSpace::Choices | ResponseSpace::Text { .. } => Vec::new(),
            space => space.fixed_responses().unwrap_or_default(),
        };
        Self { responses, muted, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    /// Reads new items, which come after those already there.
    pub(super) fn extend(&mut self, new: &[MemoryItem]) {
        let place: HashMap<&str, usize> =
            self.responses.iter().enumerate().map(|(place, response)| (response.as_str(), place)).collect();
        for item in new {
            let features = item.features_once();
            self.given.push(place.get(item.response()).copied().unwrap_or_default());
            self.texts.push(terms_of(&self.muted.heard(item.query(), features.iter())));
            self.tones.push(tone(features.iter().filter(|feature| !self.muted.is_of(feature))));
            self.keys_of.push(features.iter().map(|feature| digest(&feature.key())).collect());
        }
    }

    /// Finds the factors of all items in a set, and takes the items' weights; those that are not given are 1.
    pub(super) fn place(&mut self, set: &FactorSet, weights: &[f64]) {
        let usable = |weight: &f64| if weight.is_nan() { LEAST_WEIGHT } else { weight.clamp(LEAST_WEIGHT, 1.0) };
        self.weights = weights.iter().map(usable).chain(std::iter::repeat(1.0)).take(self.len()).collect();
        self.ids = set.iter().map(|factor| factor.id().clone()).collect();
        let places: HashMap<u64, usize> =
            set.keys().filter_map(|key| Some((digest(key), set.place_of(key)?))).collect();
        let place = |key: &u64| places.get(key).copied();
        self.factors_of = self.keys_of.iter().map(|keys| distinct(keys.iter().filter_map(place))).collect();
        self.count_sightings();
    }

    fn count_sightings(&mut self) {
        self.sightings = vec![0; self.ids.len()];
        for factor in self.factors_of.iter().flatten() {
            if let Some(sightings) = self.sightings.get_mut(*factor) {
                *sightings += 1;
            }
        }
    }

    /// These items alone, in this order.
    pub(super) fn only(&self, items: &[usize]) -> Self {
        let mut kept = Self {
            responses: self.responses.clone(),
            given: select(&self.given, items),
            texts: self.texts.only(items),
            muted: self.muted.clone(),
            tones: select(&self.tones, items),
            weights: select(&self.weights, items),
            keys_of: select(&self.keys_of, items),
            ids: self.ids.clone(),
            factors_of: select(&self.factors_of, items),
            sightings: Vec::new(),
        };
        kept.count_sightings();
        kept
    }

    /// The weight of an item; 0 for none.
    pub(super) fn weight(&self, item: Option<usize>) -> f64 {
        item.and_then(|item| self.weights.get(item)).copied().unwrap_or_default()
    }

    /// The place of the response of an item.
    pub(super) fn given(&self, item: Option<usize>) -> Option<usize> {
        item.and_then(|item| self.given.get(item)).copied()
    }
}

/// 64 bits that stand for a key: of a million keys no two are likely to have the same.
fn digest(key: &FeatureKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.as_str().hash(&mut hasher);
    hasher.finish()
}

/// The values at these positions.
pub(super) fn select<T: Clone>(values: &[T], positions: &[usize]) -> Vec<T> {
    positions.iter().filter_map(|position| values.get(*position)).cloned().collect()
}
