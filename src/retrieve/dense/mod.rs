//! Cosine of whole interactions: [`DenseRetriever`] over a [`DenseIndex`].

mod index;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::ReasoningMemory;
use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};
use crate::prompt::StageContext;

use super::text::{feature_text, query_text};
use super::vectors::Screening;
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, embedded, keep};

pub use index::DenseIndex;

/// Ranks by the cosine of embedded feature text (paper: cosine over concatenated features).
///
/// The memory's vectors are computed on first use, in one call of the embedder, and kept with the memory under the
/// embedder's fingerprint, so another embedder computes its own and the two are never mixed. When the embedder fails
/// nothing is kept, not even the vectors that it may have computed before: the next request asks for all of them again.
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
        let texts = || memory.items().iter().map(|item| ctx.leaving(&feature_text(item)));
        let fingerprint = embedded::fingerprint("dense", self.screening, &*self.embedder, ctx.redacts().then(texts));
        if let Some(ready) = memory.ready::<DenseIndex>(&fingerprint) {
            return Ok((fingerprint, ready));
        }
        let texts: Vec<String> = texts().collect();
        let vectors = embed_checked(&*self.embedder, &texts).await?;
        let index = DenseIndex::new(self.embedder.dimensions(), vectors)?.screening(self.screening);
        let index = memory.derived(&fingerprint, |_| index);
        Ok((fingerprint, index))
    }
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

    async fn pack(
        &self,
        memory: &ReasoningMemory,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        let (fingerprint, index) = self.index(memory, ctx).await?;
        Ok(vec![(fingerprint, index.to_bytes())])
    }

    fn unpack(&self, memory: &ReasoningMemory, name: &str, index: &[u8]) -> Result<bool, RetrieveError> {
        if !embedded::is_own(name, "dense", self.screening, &*self.embedder) {
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
