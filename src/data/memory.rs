//! The reasoning memory: a user's interactions with their features and paths, and a change of it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::features::{Features, Reader};
use super::item_file::UncheckedItem;
use super::{
    DataError, FactorId, Feature, FeatureKey, Interaction, ItemId, MemoryChange, PathOrigin, PathStep, Query,
    ReasoningPath, limits,
};

/// One interaction with its features and, once written, its reasoning path (paper: (*q*, *G*_q, *r*_q, *a*)).
///
/// Read from a file alone it passes every check but those that need the task and the factors, which a
/// [`UserModel`](crate::UserModel) makes.
#[derive(Clone, Deserialize)]
#[serde(try_from = "UncheckedItem")]
pub struct MemoryItem {
    pub(super) interaction: Interaction,
    pub(super) features: Features,
    pub(super) path: Option<ReasoningPath>,
    /// A model was asked for a path and none of its own passed, so that it is not asked again.
    pub(super) composed: bool,
    /// Snapshots taken before it came.
    pub(crate) after: u32,
}

impl PartialEq for MemoryItem {
    fn eq(&self, other: &Self) -> bool {
        let rest = |item: &Self| (item.composed, item.after);
        self.interaction == other.interaction
            && rest(self) == rest(other)
            && self.path == other.path
            && self.features() == other.features()
    }
}

impl MemoryItem {
    /// An item without a path.
    ///
    /// # Errors
    /// [`DataError::BadFeature`] when a feature does not lie in the interaction's query, [`DataError::TooLarge`] beyond
    /// [`limits::FEATURES`](super::limits::FEATURES) of them.
    pub fn new(interaction: Interaction, features: Vec<Feature>) -> Result<Self, DataError> {
        let features = Features::found(features);
        let item = Self { interaction, features, path: None, composed: false, after: 0 };
        item.check()?;
        Ok(item)
    }

    /// The item if its parts fit each other.
    pub(super) fn checked(self) -> Result<Self, DataError> {
        self.check()?;
        self.check_path(|_| true)?;
        Ok(self)
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        let features = self.features.to_check(self.query());
        if features.len() > limits::FEATURES {
            let (item, size) = (self.id().to_string(), features.len());
            return Err(DataError::TooLarge { item, what: "number of features", size, limit: limits::FEATURES });
        }
        for (position, feature) in features.iter().enumerate() {
            feature.check(self.query(), self.id().as_str(), position)?;
        }
        Ok(())
    }

    /// Checks its path, if it has one, against its features and its response; `belongs` says whether a step names the
    /// factor of its feature.
    pub(crate) fn check_path(&self, belongs: impl Fn(&PathStep) -> bool) -> Result<(), DataError> {
        let Some(path) = &self.path else { return Ok(()) };
        let fits = path.response() == self.response() && path.check(self.features().len(), belongs).is_ok();
        let problem = "is cited wrongly by the item's reasoning path";
        let bad = || DataError::BadFeature { item: self.id().to_string(), position: 0, problem };
        if fits { Ok(()) } else { Err(bad()) }
    }

    /// The interaction's id.
    pub fn id(&self) -> &ItemId {
        self.interaction.id()
    }

    /// The question.
    pub fn query(&self) -> &Query {
        self.interaction.query()
    }

    /// The user's response.
    pub fn response(&self) -> &str {
        self.interaction.response()
    }

    /// When, if known.
    pub fn time(&self) -> Option<i64> {
        self.interaction.time()
    }

    /// The interaction.
    pub fn interaction(&self) -> &Interaction {
        &self.interaction
    }

    /// The query's features, in the order they were found.
    pub fn features(&self) -> &[Feature] {
        self.features.of(self.query())
    }

    /// The features, for going through them once: those that are to be read off the text are not kept.
    pub(crate) fn features_once(&self) -> Cow<'_, [Feature]> {
        self.features.once(self.query())
    }

    /// The keys of its features.
    pub(crate) fn keys(&self) -> Vec<FeatureKey> {
        self.features_once().iter().map(Feature::key).collect()
    }

    /// Lets go of features that can be read off the text again, by the reader that they came from or by this one. They take
    /// many times the text's memory.
    pub(crate) fn let_go(&mut self, reader: Option<Reader>) {
        self.features.let_go(self.interaction.query(), reader);
    }

    /// The reasoning path that a model or the user wrote, once there is one. Where there is none, the path follows from
    /// the statistics and is composed from them as they are when it is asked for
    /// ([`RpmPipeline::path`](crate::RpmPipeline::path)).
    pub fn path(&self) -> Option<&ReasoningPath> {
        self.path.as_ref()
    }

    /// True when its path is composed from the statistics for good: a model was asked for one and gave none that
    /// passed.
    pub fn is_composed(&self) -> bool {
        self.composed
    }

    /// The item as it is shown with this path.
    #[must_use]
    pub(crate) fn with_path(mut self, path: ReasoningPath) -> Self {
        self.path = Some(path);
        self
    }

    /// Keeps a path. One that was composed from the statistics is not kept, only that it was: the statistics change.
    pub(crate) fn keep_path(&mut self, path: ReasoningPath) {
        match path.origin() {
            PathOrigin::Statistics => self.compose_path(),
            _ => (self.path, self.composed) = (Some(path), false),
        }
    }

    /// Puts the path that follows from the statistics in place of any other.
    pub(crate) fn compose_path(&mut self) {
        (self.path, self.composed) = (None, true);
    }

    /// Takes the path away; a new one is written when it is needed.
    pub(crate) fn drop_path(&mut self) {
        (self.path, self.composed) = (None, false);
    }

    /// The item without the features that `keep` refuses. The path stays if it cites none of them.
    #[must_use]
    pub(crate) fn only(&self, keep: impl Fn(&Feature) -> bool) -> Self {
        let mut item = self.clone();
        let places: Vec<Option<usize>> = self
            .features()
            .iter()
            .scan(0, |next, feature| {
                let place = keep(feature).then_some(*next);
                *next += usize::from(place.is_some());
                Some(place)
            })
            .collect();
        let kept = self.features().iter().zip(&places).filter(|(_, place)| place.is_some());
        item.features = Features::found(kept.map(|(feature, _)| feature.clone()).collect());
        item.path = self.path.as_ref().and_then(|path| path.renumbered(|feature| *places.get(feature)?));
        item
    }

    /// Adds features behind the others, as far as there is room.
    pub(crate) fn take_in(&mut self, features: impl IntoIterator<Item = Feature>) {
        let mut all = self.features_once().into_owned();
        let room = limits::FEATURES.saturating_sub(all.len());
        all.extend(features.into_iter().take(room));
        self.features = Features::found(all);
    }

    /// Says again which factor each step of the path is about.
    pub(crate) fn stamp_path(&mut self, factor_of: impl Fn(&Feature) -> Option<FactorId>) {
        if let Some(path) = &mut self.path {
            let features = self.features.of(self.interaction.query());
            path.stamp(|place| features.get(place).and_then(&factor_of));
        }
    }
}

impl fmt::Debug for MemoryItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryItem")
            .field("id", self.id())
            .field("features", &self.features().len())
            .field("path", &self.path)
            .finish()
    }
}

/// A past interaction that an answer rests on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// The interaction, with its path when the tier and the answerer use paths.
    pub item: MemoryItem,
    /// Its similarity to the query by the retriever's measure.
    pub score: f64,
    /// Its similarity from 0 to 1.
    pub similarity: f64,
}

impl Exemplar {
    /// An exemplar from a retrieved item.
    pub fn new(item: MemoryItem, score: f64, similarity: f64) -> Self {
        Self { item, score, similarity }
    }
}

/// Everything learned from one user's interactions (paper: *S*ᵤ), in the history's canonical order.
#[derive(Clone, Default)]
pub struct ReasoningMemory {
    items: Vec<MemoryItem>,
    /// By id, the time: an item's place is found by both. Only looked up, never iterated.
    times: HashMap<ItemId, Option<i64>>,
}

impl ReasoningMemory {
    /// A memory of these items, put in canonical order.
    pub fn new(items: impl IntoIterator<Item = MemoryItem>) -> Self {
        let mut items: Vec<MemoryItem> = items.into_iter().collect();
        items.sort_by(|a, b| canonical(a).cmp(&canonical(b)));
        let times = items.iter().map(|item| (item.id().clone(), item.time())).collect();
        Self { items, times }
    }

    /// The first id that occurs twice.
    fn repeated(&self) -> Option<&ItemId> {
        if self.times.len() == self.items.len() {
            return None;
        }
        let mut ids = BTreeSet::new();
        self.items.iter().map(MemoryItem::id).find(|id| !ids.insert(*id))
    }

    /// The items in canonical order.
    pub fn items(&self) -> &[MemoryItem] {
        &self.items
    }

    /// The item with this id.
    pub fn get(&self, id: &ItemId) -> Option<&MemoryItem> {
        self.items.get(self.position(id)?)
    }

    /// The position of the item with this id.
    pub fn position(&self, id: &ItemId) -> Option<usize> {
        let time = *self.times.get(id)?;
        self.items.binary_search_by(|item| canonical(item).cmp(&(time, id))).ok()
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes the items with these ids out and others in.
    pub(crate) fn change(&mut self, gone: &BTreeSet<ItemId>, new: Vec<MemoryItem>) -> (Vec<MemoryItem>, MemoryChange) {
        let mut removed: Vec<usize> = gone.iter().filter_map(|id| self.position(id)).collect();
        removed.sort_unstable();
        let out: Vec<MemoryItem> = match removed.as_slice() {
            [] => Vec::new(),
            _ => self.items.extract_if(.., |item| gone.contains(item.id())).collect(),
        };
        for item in &out {
            self.times.remove(item.id());
        }
        let ids: Vec<ItemId> = new.iter().map(|item| item.id().clone()).collect();
        self.times.extend(new.iter().map(|item| (item.id().clone(), item.time())));
        self.items.extend(new);
        // Two runs in order, which it merges.
        self.items.sort_by(|a, b| canonical(a).cmp(&canonical(b)));
        let mut inserted: Vec<usize> = ids.iter().filter_map(|id| self.position(id)).collect();
        inserted.sort_unstable();
        (out, MemoryChange::new(removed, inserted))
    }

    /// True when these items are all behind those that are there.
    pub(crate) fn is_before(&self, new: &[MemoryItem]) -> bool {
        self.items.last().is_none_or(|last| new.iter().all(|item| canonical(last) < canonical(item)))
    }

    /// A change that a test made by hand: the memory before and after it.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn changed(&self, gone: &BTreeSet<ItemId>, new: Vec<MemoryItem>) -> (Self, MemoryChange) {
        let mut after = self.clone();
        let (_, change) = after.change(gone, new);
        (after, change)
    }

    pub(crate) fn item_mut(&mut self, id: &ItemId) -> Option<&mut MemoryItem> {
        let position = self.position(id)?;
        self.items.get_mut(position)
    }

    pub(crate) fn set_path(&mut self, id: &ItemId, path: ReasoningPath) {
        if let Some(item) = self.item_mut(id) {
            item.keep_path(path.kept());
        }
    }

    /// All items, to be changed in what no order and no index depends on.
    pub(crate) fn items_mut(&mut self) -> &mut [MemoryItem] {
        &mut self.items
    }
}

/// By time, then by id.
fn canonical(item: &MemoryItem) -> (Option<i64>, &ItemId) {
    (item.time(), item.id())
}

impl PartialEq for ReasoningMemory {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl Serialize for ReasoningMemory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReasoningMemory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let memory = Self::new(Vec::<MemoryItem>::deserialize(deserializer)?);
        if let Some(item) = memory.repeated() {
            return Err(serde::de::Error::custom(DataError::DuplicateId { item: item.clone() }));
        }
        Ok(memory)
    }
}

impl fmt::Debug for ReasoningMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasoningMemory").field("items", &self.items.len()).finish()
    }
}
