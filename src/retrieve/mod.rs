//! Ranks a user's past interactions by likeness to a query.
//!
//! ```text
//! Retriever::open(memory, factors)                     → MemoryIndex
//! MemoryIndex::rank(memory, query, features, beliefs, k) → [Retrieved { position, score, similarity }], best first,
//!                                                        ties by id
//! MemoryIndex::apply(change)                           the items that went and came
//! MemoryIndex::bytes                                   → Retriever::open(.., saved)
//! ```
//!
//! [`Retriever`] is the seam. [`Bm25Retriever`] compares words, [`DenseRetriever`] and [`MaxSimRetriever`] vectors of an
//! [`Embedder`](crate::embed::Embedder), [`OverlapRetriever`] factors; [`HybridRetriever`] and [`SelectingRetriever`] stand over
//! others.
//!
//! Guide: [retrieval](crate::guide::retrieval).

mod bm25;
mod dense;
mod embedded;
mod hybrid;
mod kept;
mod maxsim;
mod overlap;
mod presence;
mod rank;
mod select;
#[cfg(test)]
mod tests;
mod text;
mod vectors;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
#[cfg(feature = "response-log")]
use crate::data::MemoryItem;
use crate::data::{AssignedFeature, FactorSet, MemoryChange, Query, ReasoningMemory};
use crate::stats::Beliefs;

pub use bm25::{Bm25Index, Bm25Retriever, CompareBy, IndexError};
pub use dense::{DenseIndex, DenseRetriever};
pub use hybrid::{Fusion, HybridRetriever};
pub(crate) use kept::KeptIndex;
pub use maxsim::{MaxSimIndex, MaxSimRetriever};
pub use overlap::OverlapRetriever;
pub use rank::{Retrieved, top_k};
pub use select::SelectingRetriever;
pub use vectors::{Screening, VectorError};

/// Opens an index over a user's past interactions.
///
/// # What to implement
/// [`open`](Self::open), and [`MemoryIndex::rank`] for what it gives. `rpm_core::testing::retriever_conformance` (feature
/// `testing`) checks a retriever of your own.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// Opens the index of a memory. Among `saved` may be one that an index of this retriever gave as
    /// [`bytes`](MemoryIndex::bytes); it is known by its name, which says everything it depends on apart from the memory.
    /// Saved indexes of others are left aside.
    ///
    /// # Errors
    /// [`RetrieveError`]; [`RetrieveError::Index`] for a saved index that is damaged or of another number of items.
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError>;

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// An index over one user's memory, ready to rank it.
///
/// # What to implement
/// [`rank`](Self::rank). The other methods save work: without them an index is opened anew after each change, and is not
/// part of a packed file.
///
/// # Contract
/// - At most `k` items, best first; equal scores in the memory's order (by time, then id).
/// - The first *j* of a request for *k* ≥ *j* are the answer to a request for *j*.
/// - Positions are positions in [`ReasoningMemory::items`]; each occurs once; no score is NaN.
/// - Items that share nothing with the query may be left out.
/// - After [`apply`](Self::apply) it ranks as one that was opened over the changed memory.
#[async_trait]
pub trait MemoryIndex: Send + Sync {
    /// Ranks the memory that the index was opened over, with the changes since.
    ///
    /// # Errors
    /// [`RetrieveError`].
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError>;

    /// Brings the index up to date after items went and came, or after the factors changed. `view` is the memory as it is
    /// now. After an error, or [`Applied::OpenAnew`], the index is dropped and opened anew when it is next needed.
    ///
    /// # Errors
    /// As for [`rank`](Self::rank).
    async fn apply(
        &mut self,
        _change: &MemoryChange,
        _view: MemoryView<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        Ok(Applied::OpenAnew)
    }

    /// The index as bytes, for [`Retriever::open`] in another process; several for an index of several parts. Default: none,
    /// so that it is computed when it is opened.
    fn bytes(&self) -> Vec<SavedIndex> {
        Vec::new()
    }

    /// A copy to be changed while this one goes on ranking. Default: none, so that one is opened anew.
    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        None
    }
}

/// The outcome of [`MemoryIndex::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The index ranks the changed memory.
    UpToDate,
    /// The index cannot follow this change.
    OpenAnew,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<R: Retriever + ?Sized> Retriever for Arc<R> {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        (**self).open(view, saved, ctx).await
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

/// The memory that an index is over.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct MemoryView<'a> {
    /// The items.
    pub memory: &'a ReasoningMemory,
    /// The factors of their features, where they are known. Requests then bring the statistics of these factors.
    pub factors: Option<&'a FactorSet>,
}

impl<'a> MemoryView<'a> {
    /// A memory without factors.
    pub fn new(memory: &'a ReasoningMemory) -> Self {
        Self { memory, factors: None }
    }

    /// The same memory with the factors of its features.
    #[must_use]
    pub fn factors(mut self, factors: &'a FactorSet) -> Self {
        self.factors = Some(factors);
        self
    }
}

impl fmt::Debug for MemoryView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryView").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// An index as bytes, under the name it is found by.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedIndex {
    name: String,
    bytes: Vec<u8>,
}

impl SavedIndex {
    /// Bytes of an index. The name says everything it depends on apart from the memory: the retriever's kind, its
    /// parameters and its embedder.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for SavedIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedIndex").field("name", &self.name).field("bytes", &self.bytes.len()).finish()
    }
}

/// Every text of an item that one of the retrievers here hands to an embedder, before redaction.
#[cfg(feature = "response-log")]
pub(crate) fn embedded_texts(item: &MemoryItem) -> Vec<String> {
    use embedded::VectorIndex as _;
    [DenseIndex::texts(item), MaxSimIndex::texts(item)].concat()
}

/// Refuses an index of another number of items than the memory has.
fn check_count(items: usize, view: MemoryView<'_>) -> Result<(), RetrieveError> {
    if items == view.memory.len() {
        return Ok(());
    }
    let problem = format!("it has {items} items and the memory {}", view.memory.len());
    Err(RetrieveError::Index(problem.into()))
}

/// A question to an index.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RetrievalRequest<'a> {
    /// The user's memory.
    pub memory: &'a ReasoningMemory,
    /// The new query.
    pub query: &'a Query,
    /// Its features.
    pub features: &'a [AssignedFeature],
    /// The user's statistics, where the index was opened over factors.
    pub beliefs: Option<&'a Beliefs<'a>>,
    /// How many items are wanted.
    pub k: usize,
}

impl<'a> RetrievalRequest<'a> {
    /// A request for the `k` items most like the query.
    pub fn new(memory: &'a ReasoningMemory, query: &'a Query, features: &'a [AssignedFeature], k: usize) -> Self {
        Self { memory, query, features, beliefs: None, k }
    }

    /// The same request with the user's statistics, which must be of the factors that the index was opened over.
    #[must_use]
    pub fn beliefs(mut self, beliefs: &'a Beliefs<'a>) -> Self {
        self.beliefs = Some(beliefs);
        self
    }

    /// The memory with the factors of the request's statistics.
    pub(crate) fn view(&self) -> MemoryView<'a> {
        MemoryView { memory: self.memory, factors: self.beliefs.map(Beliefs::factors) }
    }

    /// The same request for another number of items.
    #[must_use]
    pub(crate) fn at_most(mut self, k: usize) -> Self {
        self.k = k;
        self
    }
}

impl fmt::Debug for RetrievalRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrievalRequest")
            .field("memory", &self.memory)
            .field("features", &self.features.len())
            .field("k", &self.k)
            .finish_non_exhaustive()
    }
}

/// Why nothing was ranked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// The embedder failed.
    #[error("the embedder failed")]
    Embed(#[from] crate::embed::EmbedError),
    /// The embedder's vectors cannot be indexed.
    #[error("the vectors cannot be indexed")]
    Vectors(#[from] VectorError),
    /// The index was opened over a user's factors, and the request has no statistics of them.
    #[error("the index was opened over factors and the request has no statistics of them")]
    NoStatistics,
    /// Bytes that are no index of this memory.
    #[error("the index cannot be used")]
    Index(#[source] crate::llm::BoxError),
    /// A host's own retriever failed.
    #[error("the retriever failed")]
    Other(#[source] crate::llm::BoxError),
}
