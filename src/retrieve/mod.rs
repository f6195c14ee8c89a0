//! Ranks a user's past interactions by likeness to a query.
//!
//! ```text
//! RetrievalRequest { memory, query, features, k } → Retriever → [Retrieved { position, score }], best first, ties by id
//! ```

mod bm25;
mod dense;
mod embedded;
mod maxsim;
mod rank;
mod vectors;

use std::fmt;

use async_trait::async_trait;

use crate::data::{AssignedFeature, Query, ReasoningMemory};
use crate::prompt::StageContext;

pub use bm25::Bm25Retriever;
pub use dense::{DenseIndex, DenseRetriever};
pub use maxsim::{MaxSimIndex, MaxSimRetriever};
pub use rank::{Retrieved, top_k};
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

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
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
    /// How many items are wanted.
    pub k: usize,
}

impl<'a> RetrievalRequest<'a> {
    /// A request for the `k` items most like the query.
    pub fn new(memory: &'a ReasoningMemory, query: &'a Query, features: &'a [AssignedFeature], k: usize) -> Self {
        Self { memory, query, features, k }
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
    /// A host's own retriever failed.
    #[error("the retriever failed")]
    Other(#[source] crate::llm::BoxError),
}
