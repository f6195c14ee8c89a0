//! Cosine of whole interactions: [`DenseRetriever`] over a [`DenseIndex`].

mod index;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{MemoryChange, MemoryItem};
use crate::embed::Embedder;

use super::embedded::{Embedding, Example, VectorIndex};
use super::text::{feature_text, query_text};
use super::vectors::{Screening, VectorError};
use super::{MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex};

pub use index::DenseIndex;

/// Ranks by the cosine of embedded feature text (paper: cosine over concatenated features).
///
/// Opening embeds the memory's texts, each different one once, in one call of the embedder; an index that was saved with
/// the same embedder asks for nothing. Later only the texts of new items are embedded, in one call. When the embedder
/// fails nothing is kept, not even the vectors that it may have computed before: the next request asks for all of them
/// again.
#[derive(Debug, Clone, Default)]
pub struct DenseRetriever(Embedding);

impl DenseRetriever {
    /// Ranks with this embedder.
    pub fn new(embedder: impl Embedder + 'static) -> Self {
        Self(Embedding { embedder: Arc::new(embedder), ..Embedding::default() })
    }

    /// Sets the search of a copy of the vectors in one byte a value first. Results are the same. Default:
    /// [`Screening::Auto`].
    #[must_use]
    pub fn screening(mut self, screening: Screening) -> Self {
        self.0.screening = screening;
        self
    }
}

#[async_trait]
impl Retriever for DenseRetriever {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        self.0.open::<DenseIndex>(view, saved, ctx).await
    }

    fn name(&self) -> &'static str {
        "dense cosine"
    }
}

impl VectorIndex for DenseIndex {
    const KIND: &str = "dense";

    fn texts(item: &MemoryItem) -> Vec<String> {
        vec![feature_text(item)]
    }

    fn query_texts(request: &RetrievalRequest<'_>) -> Vec<String> {
        vec![query_text(request)]
    }

    fn built(dimensions: usize, screening: Screening, examples: Vec<Example>) -> Result<Self, VectorError> {
        Ok(Self::new(dimensions, examples.into_iter().flatten())?.screening(screening))
    }

    fn edited(&mut self, change: &MemoryChange, came: &[Example]) -> Result<(), VectorError> {
        self.edit(change.removed(), change.inserted(), came.concat())
    }

    fn ranked(&self, query: &Example, k: usize) -> Result<Vec<Retrieved>, VectorError> {
        query.first().map_or(Ok(Vec::new()), |query| self.top_k(query, k))
    }

    fn saved(&self) -> Vec<u8> {
        self.to_bytes()
    }

    fn restored(bytes: &[u8], screening: Screening) -> Result<Self, RetrieveError> {
        let index = Self::from_bytes(bytes).map_err(|error| RetrieveError::Index(error.into()))?;
        Ok(index.screening(screening))
    }

    fn count(&self) -> usize {
        self.len()
    }
}
