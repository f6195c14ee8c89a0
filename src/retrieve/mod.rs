//! Ranks a user's past interactions by likeness to a query.
//!
//! ```text
//! RetrievalRequest { memory, query, features, beliefs, k } → Retriever → [Retrieved { position, score }], best first,
//! ties by id
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
mod maxsim;
mod overlap;
mod presence;
mod rank;
mod select;
#[cfg(test)]
mod tests;
mod text;
mod vectors;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

#[cfg(feature = "response-log")]
use crate::data::MemoryItem;
use crate::data::{AssignedFeature, MemoryChange, Query, ReasoningMemory};
use crate::prompt::StageContext;
use crate::stats::Beliefs;

pub use bm25::{Bm25Index, Bm25Retriever, CompareBy, IndexError};
pub use dense::{DenseIndex, DenseRetriever};
pub use hybrid::{Fusion, HybridRetriever};
pub use maxsim::{MaxSimIndex, MaxSimRetriever};
pub use overlap::OverlapRetriever;
pub use rank::{Retrieved, top_k};
pub use select::SelectingRetriever;
pub use vectors::{Screening, VectorError};

/// Ranks the items of a memory for one query.
///
/// # What to implement
/// [`retrieve`](Self::retrieve). Keep what is expensive with [`ReasoningMemory::derived`].
///
/// # Contract
/// - At most `k` items, best first; equal scores in the memory's order (by time, then id).
/// - The first *j* of a request for *k* ≥ *j* are the answer to a request for *j*.
/// - Positions are positions in [`ReasoningMemory::items`]; each occurs once; no score is NaN.
/// - Items that share nothing with the query may be left out.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// Ranks the memory.
    ///
    /// # Errors
    /// [`RetrieveError`].
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError>;

    /// Brings the indexes of a memory up to date after items went and came, so that the next query need not compute them
    /// anew: takes each from the change, edits it and keeps it with the memory as it is now. What fails or is not done here
    /// is only slower: an index that is not ready is computed on first use. Default: nothing.
    ///
    /// # Errors
    /// As for [`retrieve`](Self::retrieve).
    async fn follow(
        &self,
        _memory: &ReasoningMemory,
        _change: &MemoryChange,
        _ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        Ok(())
    }

    /// This memory's indexes as bytes, each under a name that says everything it depends on apart from the memory; what is
    /// not ready is computed. For a [`PackedModel`](crate::model::PackedModel). Default: none to keep.
    ///
    /// # Errors
    /// As for [`retrieve`](Self::retrieve).
    async fn pack(
        &self,
        _memory: &ReasoningMemory,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        Ok(Vec::new())
    }

    /// Takes an index of this memory back that [`pack`](Self::pack) gave, so that the first query finds it ready. False
    /// when it is not this retriever's: another embedder's, or of other parameters. Default: false.
    ///
    /// # Errors
    /// [`RetrieveError::Index`] for bytes that are no index, or one of another number of items. That it is of this memory is for
    /// the caller to see to; a packed file keeps the two together.
    fn unpack(&self, _memory: &ReasoningMemory, _name: &str, _index: &[u8]) -> Result<bool, RetrieveError> {
        Ok(false)
    }

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<R: Retriever + ?Sized> Retriever for Arc<R> {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        (**self).retrieve(request, ctx).await
    }

    async fn follow(
        &self,
        memory: &ReasoningMemory,
        change: &MemoryChange,
        ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        (**self).follow(memory, change, ctx).await
    }

    async fn pack(
        &self,
        memory: &ReasoningMemory,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        (**self).pack(memory, ctx).await
    }

    fn unpack(&self, memory: &ReasoningMemory, name: &str, index: &[u8]) -> Result<bool, RetrieveError> {
        (**self).unpack(memory, name, index)
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

/// Every text of an item that one of the retrievers here hands to an embedder, before redaction.
#[cfg(feature = "response-log")]
pub(crate) fn embedded_texts(item: &MemoryItem) -> Vec<String> {
    let features = item.features().iter().map(|feature| maxsim::text(feature, item.query()));
    std::iter::once(text::feature_text(item)).chain(features).collect()
}

/// Keeps an index that was packed, if it has as many items as the memory.
fn keep<T: Any + Send + Sync>(
    memory: &ReasoningMemory,
    fingerprint: &str,
    items: usize,
    index: T,
) -> Result<bool, RetrieveError> {
    if items != memory.len() {
        let problem = format!("it has {items} items and the memory {}", memory.len());
        return Err(RetrieveError::Index(problem.into()));
    }
    memory.derived(fingerprint, |_| index);
    Ok(true)
}

/// What a retriever sees.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RetrievalRequest<'a> {
    /// The user's memory.
    pub memory: &'a ReasoningMemory,
    /// The new query.
    pub query: &'a Query,
    /// Its features.
    pub features: &'a [AssignedFeature],
    /// The user's statistics, where they are known.
    pub beliefs: Option<&'a Beliefs<'a>>,
    /// How many items are wanted.
    pub k: usize,
}

impl<'a> RetrievalRequest<'a> {
    /// A request for the `k` items most like the query.
    pub fn new(memory: &'a ReasoningMemory, query: &'a Query, features: &'a [AssignedFeature], k: usize) -> Self {
        Self { memory, query, features, beliefs: None, k }
    }

    /// The same request with the user's statistics, which must be of the factors that the memory's features belong to.
    #[must_use]
    pub fn beliefs(mut self, beliefs: &'a Beliefs<'a>) -> Self {
        self.beliefs = Some(beliefs);
        self
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
    /// Bytes that are no index of this memory.
    #[error("the index cannot be used")]
    Index(#[source] crate::llm::BoxError),
    /// A host's own retriever failed.
    #[error("the retriever failed")]
    Other(#[source] crate::llm::BoxError),
}
