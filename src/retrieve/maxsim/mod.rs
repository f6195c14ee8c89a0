//! Late interaction between single features: [`MaxSimRetriever`] over a [`MaxSimIndex`].

mod index;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{Feature, MemoryChange, MemoryItem, Query};
use crate::embed::Embedder;

use super::embedded::{Embedding, Example, VectorIndex};
use super::vectors::{Screening, VectorError};
use super::{MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex};

pub use index::MaxSimIndex;

/// Ranks by late interaction of embedded features: each feature of the query finds its best match among an
/// interaction's features, and the cosines of the matches are added up.
///
/// A feature is embedded as its name with the words it was seen in; a query without features as its text. The score is
/// the sum over the query's features, the similarity that sum over their number, from 0 to 1. An interaction without
/// features is not found.
///
/// Opening embeds the memory's texts, each different one once, in one call of the embedder; an index that was saved with
/// the same embedder asks for nothing. Later only the texts of new items are embedded, in one call. When the embedder
/// fails nothing is kept, not even the vectors that it may have computed before: the next request asks for all of them
/// again.
#[derive(Debug, Clone, Default)]
pub struct MaxSimRetriever(Embedding);

impl MaxSimRetriever {
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
impl Retriever for MaxSimRetriever {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        self.0.open::<MaxSimIndex>(view, saved, ctx).await
    }

    fn name(&self) -> &'static str {
        "maxsim"
    }
}

/// A feature's name and the words it was seen in, once if they are the same.
fn text(feature: &Feature, query: &Query) -> String {
    let (name, words) = (feature.name(), feature.context(query));
    if name == words { name.to_owned() } else { format!("{name}\n{words}") }
}

impl VectorIndex for MaxSimIndex {
    const KIND: &str = "maxsim";

    fn texts(item: &MemoryItem) -> Vec<String> {
        item.features().iter().map(|feature| text(feature, item.query())).collect()
    }

    /// The texts of the query's features, or its own without any.
    fn query_texts(request: &RetrievalRequest<'_>) -> Vec<String> {
        if request.features.is_empty() {
            return vec![request.query.text().to_owned()];
        }
        request.features.iter().map(|assigned| text(&assigned.feature, request.query)).collect()
    }

    fn built(dimensions: usize, screening: Screening, examples: Vec<Example>) -> Result<Self, VectorError> {
        Ok(Self::new(dimensions, examples)?.screening(screening))
    }

    fn edited(&mut self, change: &MemoryChange, came: &[Example]) -> Result<(), VectorError> {
        self.edit(change.removed(), change.inserted(), came)
    }

    fn ranked(&self, query: &Example, k: usize) -> Result<Vec<Retrieved>, VectorError> {
        self.top_k(query, k)
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
