//! Cosine of whole interactions: [`DenseRetriever`] over a [`DenseIndex`].

mod index;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::{MemoryChange, MemoryItem, ReasoningMemory};
use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};
use crate::prompt::StageContext;

use super::embedded::{Embedded, is_own, own_name};
use super::text::{feature_text, query_text};
use super::vectors::Screening;
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, keep};

pub use index::DenseIndex;

/// Ranks by the cosine of embedded feature text (paper: cosine over concatenated features).
///
/// The memory's vectors are computed on first use, in one call of the embedder, and kept with the memory under the
/// embedder's fingerprint, so another embedder computes its own and the two are never mixed. When the embedder fails
/// nothing is kept, not even the vectors that it may have computed before: the next request asks for all of them again.
/// An index that is there follows changes of the memory: only the texts of new items are embedded, in one call.
#[derive(Clone)]
pub struct DenseRetriever {
    embedder: Arc<dyn Embedder>,
    screening: Screening,
}

impl Default for DenseRetriever {
    fn default() -> Self {
        Self::new(HashedEmbedder::default())
    }
}

impl DenseRetriever {
    /// Ranks with this embedder.
    pub fn new(embedder: impl Embedder + 'static) -> Self {
        Self { embedder: Arc::new(embedder), screening: Screening::Auto }
    }

    /// Whether to search a copy of the vectors in one byte a value first. Results are the same. Default:
    /// [`Screening::Auto`].
    #[must_use]
    pub fn screening(mut self, screening: Screening) -> Self {
        self.screening = screening;
        self
    }

    async fn index(
        &self,
        memory: &ReasoningMemory,
        ctx: &StageContext<'_>,
    ) -> Result<(String, Arc<DenseIndex>), RetrieveError> {
        let embedded = Embedded::new(self.own_name(), texts, ctx);
        let name = match embedded.ready(memory, embedded.name(memory)) {
            Ok(ready) => return Ok(ready),
            Err(name) => name,
        };
        let texts: Vec<String> = memory.items().iter().flat_map(|item| texts(item, ctx)).collect();
        let vectors = embed_checked(&*self.embedder, &texts).await?;
        let index = DenseIndex::new(self.embedder.dimensions(), vectors)?.screening(self.screening);
        Ok(embedded.keep(memory, name, index))
    }

    fn own_name(&self) -> String {
        own_name("dense", self.screening, &*self.embedder)
    }
}

/// The text of an item, as it may leave.
fn texts(item: &MemoryItem, ctx: &StageContext<'_>) -> Vec<String> {
    vec![ctx.leaving(&feature_text(item))]
}

#[async_trait]
impl Retriever for DenseRetriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let (_, index) = self.index(request.memory, ctx).await?;
        let query = embed_checked(&*self.embedder, &[ctx.leaving(&query_text(&request))]).await?.pop();
        let query = query.ok_or(EmbedError::WrongShape { found: 0, wanted: 1 })?;
        Ok(index.top_k(&query, request.k)?)
    }

    async fn follow(
        &self,
        memory: &ReasoningMemory,
        change: &MemoryChange,
        ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        let embedded = Embedded::new(self.own_name(), texts, ctx);
        let came = embedded.came(memory, change);
        let before = embedded.take::<DenseIndex>(memory, change, &came);
        if before.is_empty() {
            return Ok(());
        }
        let texts = came.concat();
        let vectors = if texts.is_empty() { Vec::new() } else { embed_checked(&*self.embedder, &texts).await? };
        for (name, mut index) in before {
            index.edit(change.removed(), change.inserted(), &vectors)?;
            embedded.keep(memory, name, index);
        }
        Ok(())
    }

    async fn pack(
        &self,
        memory: &ReasoningMemory,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        let (fingerprint, index) = self.index(memory, ctx).await?;
        Ok(vec![(fingerprint, index.to_bytes())])
    }

    fn unpack(&self, memory: &ReasoningMemory, name: &str, index: &[u8]) -> Result<bool, RetrieveError> {
        if !is_own(name, &self.own_name()) {
            return Ok(false);
        }
        let index = DenseIndex::from_bytes(index).map_err(|error| RetrieveError::Index(error.into()))?;
        let index = index.screening(self.screening);
        keep(memory, name, index.len(), index)
    }

    fn name(&self) -> &'static str {
        "dense cosine"
    }
}

impl fmt::Debug for DenseRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenseRetriever")
            .field("embedder", &self.embedder.fingerprint())
            .field("screening", &self.screening)
            .finish()
    }
}
