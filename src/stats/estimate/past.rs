//! The past items as the estimate counts them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::data::{FactorId, FactorSet, FeatureKey, MemoryItem, ResponseSpace, Task};
use crate::pause::Pace;
use crate::stats::population::tone;
use crate::words::tokens;

use super::seen::distinct;
use super::terms::{Terms, terms_of};

/// The least weight of an item, 2⁻³²; the greatest is 1.
const LEAST_WEIGHT: f64 = 1.0 / 4_294_967_296.0;

/// The latest items whose texts are read, unless all are: fitting grows with the cube of their number, and taste drifts.
pub(super) const READ: usize = 256;

/// The past items as the estimate reads them: each once, so that later items are added without reading it again.
///
/// The responses of all items count. Of a task that has the same responses for every query only the latest [`READ`] texts are
/// read, so that opening a long memory costs as little as opening a short one.
#[derive(Clone, Default)]
pub(super) struct Past {
    /// The responses of a task that has the same for every query.
    pub(super) responses: Vec<String>,
    /// By item: the place of its response among them.
    pub(super) given: Vec<usize>,
    /// By item: its weight, above 0 and at most 1.
    pub(super) weights: Vec<f64>,
    reads_all: bool,
    /// The first item that is read.
    first: usize,
    /// By item that is read: its terms, the tone of its features, digests of their keys, which take a tenth of the keys' memory,
    /// and its factors' places, ascending.
    pub(super) texts: Terms,
    tones: Vec<Option<f64>>,
    keys_of: Vec<Box<[u64]>>,
    pub(super) factors_of: Vec<Vec<usize>>,
    /// Factors in order of id, as in [`FactorSet::iter`].
    pub(super) ids: Vec<FactorId>,
    /// By digest of a key: the place of its factor.
    places: HashMap<u64, usize>,
    /// By factor: the items that are read in which it is, whatever their weights.
    pub(super) sightings: Vec<usize>,
}

/// What is read of an item.
struct Read {
    terms: Vec<u32>,
    tone: Option<f64>,
    keys: Box<[u64]>,
}

impl Read {
    fn of(item: &MemoryItem) -> Self {
        let features = item.features_once();
        Self {
            terms: terms_of(&tokens(item.query().text())),
            tone: tone(features.iter()),
            keys: features.iter().map(|feature| digest(&feature.key())).collect(),
        }
    }
}

impl Past {
    pub(super) fn new(task: &Task) -> Self {
        let responses = match task.space() {
            ResponseSpace::Choices | ResponseSpace::Text { .. } => Vec::new(),
            space => space.fixed_responses().unwrap_or_default(),
        };
        let reads_all = matches!(task.space(), ResponseSpace::Choices);
        Self { responses, reads_all, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.given.len()
    }

    /// The first item that is read.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// Takes in new items, which come after those already there, with pauses.
    pub(super) async fn extend_in_steps(&mut self, new: &[MemoryItem]) {
        let place: HashMap<&str, usize> =
            self.responses.iter().enumerate().map(|(place, response)| (response.as_str(), place)).collect();
        let known = self.len();
        self.given.extend(new.iter().map(|item| place.get(item.response()).copied().unwrap_or_default()));
        let first = if self.reads_all { 0 } else { self.len().saturating_sub(READ) };
        self.let_go(first - self.first);
        self.first = first;
        let mut pace = Pace::default();
        for item in new.get(first.saturating_sub(known)..).unwrap_or_default() {
            pace.step(item.query().text().len()).await;
            let Read { terms, tone, keys } = Read::of(item);
            self.texts.push(terms);
            self.tones.push(tone);
            self.keys_of.push(keys);
        }
    }

    /// Lets go of the oldest items that are read.
    fn let_go(&mut self, items: usize) {
        let items = items.min(self.tones.len());
        if items > 0 {
            self.texts = self.texts.without_first(items);
            self.tones.drain(..items);
            self.keys_of.drain(..items);
        }
    }

    /// Finds the factors of the items in a set, and takes the items' weights; those that are not given are 1.
    pub(super) fn place(&mut self, set: &FactorSet, weights: &[f64]) {
        let usable = |weight: &f64| if weight.is_nan() { LEAST_WEIGHT } else { weight.clamp(LEAST_WEIGHT, 1.0) };
        self.weights = weights.iter().map(usable).chain(std::iter::repeat(1.0)).take(self.len()).collect();
        self.ids = set.iter().map(|factor| factor.id().clone()).collect();
        self.places = set.keys().filter_map(|key| Some((digest(key), set.place_of(key)?))).collect();
        self.factors_of = self.keys_of.iter().map(|keys| self.places_of(keys)).collect();
        self.sightings = vec![0; self.ids.len()];
        for factor in self.factors_of.iter().flatten() {
            if let Some(sightings) = self.sightings.get_mut(*factor) {
                *sightings += 1;
            }
        }
    }

    fn places_of(&self, keys: &[u64]) -> Vec<usize> {
        distinct(keys.iter().filter_map(|key| self.places.get(key).copied()))
    }

    /// The terms, the tone and the factors of an item at a position.
    pub(super) fn told(&self, position: usize, item: &MemoryItem) -> (Vec<u32>, Option<f64>, Vec<usize>) {
        let place = position.checked_sub(self.first);
        match place.and_then(|place| Some((place, self.factors_of.get(place)?))) {
            Some((place, factors)) => (self.texts.of(place).to_vec(), self.tone(position), factors.clone()),
            None => {
                let Read { terms, tone, keys } = Read::of(item);
                (terms, tone, self.places_of(&keys))
            }
        }
    }

    /// The tone of an item that is read.
    pub(super) fn tone(&self, item: usize) -> Option<f64> {
        self.tones.get(item.checked_sub(self.first)?).copied().flatten()
    }

    /// The places of the factors of an item at a position.
    pub(super) fn factors(&self, position: usize, item: &MemoryItem) -> Vec<usize> {
        let read = position.checked_sub(self.first).and_then(|place| self.factors_of.get(place));
        if let Some(factors) = read {
            return factors.clone();
        }
        self.places_of(&item.features_once().iter().map(|feature| digest(&feature.key())).collect::<Vec<u64>>())
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
