use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::derived::Derived;
use super::{DataError, Feature, Interaction, ItemId, Query, ReasoningPath, limits};

/// One interaction with its features and, once written, its reasoning path (paper: (*q*, *G*_q, *r*_q, *a*)).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryItem {
    #[serde(flatten)]
    interaction: Interaction,
    features: Vec<Feature>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    path: Option<ReasoningPath>,
}

impl MemoryItem {
    /// An item without a path.
    ///
    /// # Errors
    /// [`DataError::BadFeature`] when a feature does not lie in the interaction's query, [`DataError::TooLarge`] beyond
    /// [`limits::FEATURES`](super::limits::FEATURES) of them.
    pub fn new(interaction: Interaction, features: Vec<Feature>) -> Result<Self, DataError> {
        let item = Self { interaction, features, path: None };
        item.check()?;
        Ok(item)
    }

    pub(super) fn check(&self) -> Result<(), DataError> {
        if self.features.len() > limits::FEATURES {
            let (item, size) = (self.id().to_string(), self.features.len());
            return Err(DataError::TooLarge { item, what: "number of features", size, limit: limits::FEATURES });
        }
        for (position, feature) in self.features.iter().enumerate() {
            feature.check(self.query(), self.id().as_str(), position)?;
        }
        Ok(())
    }

    /// Reads an item that was written as JSON.
    pub(crate) fn from_record(json: &[u8]) -> Result<Self, DataError> {
        let item: Self = serde_json::from_slice(json).map_err(|error| super::format::unreadable(&error))?;
        item.check()?;
        Ok(item)
    }

    /// The interaction's id.
    pub fn id(&self) -> &ItemId {
        self.interaction.id()
    }

    /// What was asked.
    pub fn query(&self) -> &Query {
        self.interaction.query()
    }

    /// What the user responded.
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
        &self.features
    }

    /// The reasoning path, once written.
    pub fn path(&self) -> Option<&ReasoningPath> {
        self.path.as_ref()
    }

    #[must_use]
    pub(crate) fn with_path(mut self, path: ReasoningPath) -> Self {
        self.path = Some(path);
        self
    }
}

impl fmt::Debug for MemoryItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryItem")
            .field("id", self.id())
            .field("features", &self.features.len())
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
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReasoningMemory {
    items: Vec<MemoryItem>,
    #[serde(skip)]
    derived: Derived,
}

impl ReasoningMemory {
    /// A memory of these items, put in canonical order.
    pub fn new(items: impl IntoIterator<Item = MemoryItem>) -> Self {
        let mut items: Vec<MemoryItem> = items.into_iter().collect();
        items.sort_by(|a, b| (a.time(), a.id()).cmp(&(b.time(), b.id())));
        Self { items, derived: Derived::default() }
    }

    /// The items in canonical order.
    pub fn items(&self) -> &[MemoryItem] {
        &self.items
    }

    /// The item with this id.
    pub fn get(&self, id: &ItemId) -> Option<&MemoryItem> {
        self.items.iter().find(|item| item.id() == id)
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Keeps what a [`Retriever`](crate::Retriever) computes from this memory, such as an index, so that the next query
    /// finds it ready. `fingerprint` must say everything the value depends on apart from the memory: the retriever's
    /// kind, its parameters and its embedder. It is dropped with the memory, shared by its clones and never saved.
    pub fn derived<T: Any + Send + Sync>(&self, fingerprint: &str, compute: impl FnOnce(&Self) -> T) -> Arc<T> {
        self.derived.get(fingerprint).unwrap_or_else(|| {
            let value = Arc::new(compute(self));
            self.derived.put(fingerprint, Arc::clone(&value));
            value
        })
    }

    /// What [`derived`](Self::derived) holds, for values that take an `await` to compute.
    pub fn ready<T: Any + Send + Sync>(&self, fingerprint: &str) -> Option<Arc<T>> {
        self.derived.get(fingerprint)
    }

    pub(super) fn set_path(&mut self, id: &ItemId, path: ReasoningPath) -> bool {
        match self.items.iter_mut().find(|item| item.id() == id) {
            // No index depends on paths, so what was derived stays.
            Some(item) => {
                item.path = Some(path);
                true
            }
            None => false,
        }
    }
}

impl fmt::Debug for ReasoningMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasoningMemory").field("items", &self.items.len()).finish()
    }
}
