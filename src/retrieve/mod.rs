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
/// A retriever is of no user: it holds parameters and perhaps an embedder, and one of it serves all. The index that it opens
/// is of one memory and holds all that was computed from it. A pipeline opens the index of a user model when it is first
/// needed, keeps it with the open model ([`Prepared`](crate::Prepared)) and applies later changes to it.
///
/// # What to implement
/// [`open`](Self::open), and [`MemoryIndex::rank`] for the index. `rpm_core::testing::retriever_conformance` (feature
/// `testing`) then checks the contract on made-up memories: `retriever_conformance(|| SharedWords).await?` for the one below.
///
/// # Examples
/// A retriever of one's own that counts the words which an item shares with the query, asked about a memory built by hand:
///
/// ```
/// use std::collections::BTreeSet;
///
/// use rpm_core::context::StageContext;
/// use rpm_core::data::{MemoryItem, ReasoningMemory};
/// use rpm_core::llm::Ledger;
/// use rpm_core::prompt::PromptSet;
/// use rpm_core::retrieve::{
///     MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, SavedIndex, top_k,
/// };
/// use rpm_core::{Interaction, Query, Retriever, async_trait};
///
/// fn words(text: &str) -> BTreeSet<String> {
///     text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
/// }
///
/// struct SharedWords;
///
/// /// The words of each item, by position.
/// struct Words(Vec<BTreeSet<String>>);
///
/// #[async_trait]
/// impl Retriever for SharedWords {
///     async fn open(
///         &self,
///         view: MemoryView<'_>,
///         _saved: &[SavedIndex],
///         _ctx: &StageContext<'_>,
///     ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
///         Ok(Box::new(Words(view.memory.items().iter().map(|item| words(item.query().text())).collect())))
///     }
/// }
///
/// #[async_trait]
/// impl MemoryIndex for Words {
///     async fn rank(
///         &self,
///         request: RetrievalRequest<'_>,
///         _ctx: &StageContext<'_>,
///     ) -> Result<Vec<Retrieved>, RetrieveError> {
///         let own = words(request.query.text());
///         let hits = self.0.iter().enumerate().filter_map(|(position, words)| {
///             let (shared, either) = (own.intersection(words).count(), own.union(words).count());
///             let score = shared as f64;
///             (shared > 0).then(|| Retrieved { position, score, similarity: score / either as f64 })
///         });
///         Ok(top_k(hits, request.k))
///     }
/// }
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let item = |id: &str, text: &str, response: &str| {
///     MemoryItem::new(Interaction::new(id, Query::new(text)?, response)?, Vec::new())
/// };
/// let memory = ReasoningMemory::new([item("a", "A slow, quiet drama.", "5")?, item("b", "A loud chase.", "2")?]);
///
/// let (prompts, ledger) = (PromptSet::default(), Ledger::new());
/// let ctx = StageContext::offline(&prompts, &ledger);
/// let index = SharedWords.open(MemoryView::new(&memory), &[], &ctx).await?;
/// let query = Query::new("A quiet film")?;
/// let best = index.rank(RetrievalRequest::new(&memory, &query, &[], 1), &ctx).await?;
/// assert_eq!((best[0].position, best[0].score, best[0].similarity), (0, 2.0, 0.4));
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[async_trait]
pub trait Retriever: Send + Sync {
    /// Opens the index of a memory.
    ///
    /// `saved` may hold what an index of this retriever over the same memory gave as [`bytes`](MemoryIndex::bytes). A
    /// retriever finds its own by [name](SavedIndex::name), reads it instead of computing it, and leaves all others aside;
    /// one that saves nothing ignores `saved`.
    ///
    /// # Errors
    /// [`RetrieveError`]; [`RetrieveError::Index`] for a saved index of its own that is damaged or of another number of items.
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
/// [`rank`](Self::rank). The other methods save work: without [`apply`](Self::apply) an index is opened anew after each
/// change, without [`bytes`](Self::bytes) it is no part of a packed file, and without [`copied`](Self::copied) it is opened
/// anew when one of two clones of an open model changes.
///
/// # Contract
/// - At most `k` items, best first; equal scores in the memory's order (by time, then id).
/// - The first *j* of a request for *k* ≥ *j* are the answer to a request for *j*.
/// - Positions are positions in [`ReasoningMemory::items`]; each occurs once; no score is NaN.
/// - Items that share nothing with the query may be left out.
/// - After [`apply`](Self::apply) it ranks as one that was opened over the changed memory.
#[async_trait]
pub trait MemoryIndex: Send + Sync {
    /// Ranks the memory that the index was opened over, with the changes applied since. The request brings the same memory,
    /// and the statistics of the same factors where the index was opened over factors.
    ///
    /// # Errors
    /// [`RetrieveError`].
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError>;

    /// Brings the index up to date after items went and came, or after the factors changed.
    ///
    /// `view` is the memory as it is now. [`removed`](MemoryChange::removed) has positions in the memory as it was before,
    /// [`inserted`](MemoryChange::inserted) positions in the memory as it is now, both ascending. After an error, or
    /// [`Applied::OpenAnew`], the index is dropped, and opened anew when it is next needed. Default: [`Applied::OpenAnew`].
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

    /// The index as bytes, for [`Retriever::open`] in another process: one for an index of one part, several for an index of
    /// several. They go into the packed file ([`PackedModel`](crate::model::PackedModel)). Default: none, so that it is
    /// computed when it is opened.
    fn bytes(&self) -> Vec<SavedIndex> {
        Vec::new()
    }

    /// A copy to be changed while this one goes on ranking. Default: `None`, so that the one that changes is opened anew.
    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        None
    }
}

/// The outcome of [`MemoryIndex::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The index ranks the changed memory from now on.
    UpToDate,
    /// The index cannot be brought up to date, and must not be asked again: it is to be opened anew.
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

/// The memory that an index is over, with its factors where they are known.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct MemoryView<'a> {
    /// The items, in the memory's canonical order.
    pub memory: &'a ReasoningMemory,
    /// The factors of the items' features. An index opened over factors may need their statistics to rank: requests then
    /// have to bring them ([`RetrievalRequest::beliefs`]).
    pub factors: Option<&'a FactorSet>,
}

impl<'a> MemoryView<'a> {
    /// A memory without factors.
    pub fn new(memory: &'a ReasoningMemory) -> Self {
        Self { memory, factors: None }
    }

    /// Adds the factors of the items' features.
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

/// An index as bytes, under the name by which [`Retriever::open`] finds it.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedIndex {
    name: String,
    bytes: Vec<u8>,
}

impl SavedIndex {
    /// Bytes of an index under a name.
    ///
    /// The name spells out everything that the index depends on apart from the memory: the retriever's kind, its parameters
    /// and its embedder's fingerprint. Two retrievers whose indexes differ thus never read each other's, and a changed
    /// parameter makes the index be computed anew.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes }
    }

    /// The name that the bytes are found by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes of the index.
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

/// A question to an index: a query with its features, and the number of items wanted.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RetrievalRequest<'a> {
    /// The user's memory, which is the one that the index was opened over with all changes applied since.
    pub memory: &'a ReasoningMemory,
    /// The new query.
    pub query: &'a Query,
    /// The query's features, with the factors they belong to; none when they were not extracted.
    pub features: &'a [AssignedFeature],
    /// The user's statistics, where the index was opened over factors.
    pub beliefs: Option<&'a Beliefs<'a>>,
    /// The most items that are wanted; 0 and more than there are may be asked for.
    pub k: usize,
}

impl<'a> RetrievalRequest<'a> {
    /// A request for the `k` items most like the query.
    pub fn new(memory: &'a ReasoningMemory, query: &'a Query, features: &'a [AssignedFeature], k: usize) -> Self {
        Self { memory, query, features, beliefs: None, k }
    }

    /// Adds the user's statistics, which must be of the factors that the index was opened over.
    #[must_use]
    pub fn beliefs(mut self, beliefs: &'a Beliefs<'a>) -> Self {
        self.beliefs = Some(beliefs);
        self
    }

    /// The memory with the factors of the request's statistics.
    pub(crate) fn view(&self) -> MemoryView<'a> {
        MemoryView { memory: self.memory, factors: self.beliefs.map(Beliefs::factors) }
    }

    /// Sets another number of items.
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
