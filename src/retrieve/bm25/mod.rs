//! BM25 over one user's texts: exact, and ready for the next query.
//!
//! ```text
//! text → words → tokens, numbered      vocabulary, dictionary
//! token → (text, weight) ..            columns, lists; weights from the `bm25` crate
//! query → sums → candidates → best     rank
//! index ↔ bytes                        bytes
//! ```

mod bytes;
#[cfg(test)]
mod bytes_tests;
mod columns;
mod dictionary;
mod error;
mod index;
mod lists;
mod numbers;
mod rank;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weights;

use std::borrow::Cow;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{MemoryChange, MemoryItem};
use crate::pause::{AT_ONCE, pause, within};

use super::text::{feature_text, query_text};
use super::{
    Applied, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex, check_count,
};

use bytes::VERSION;
pub use error::IndexError;
pub use index::Bm25Index;
use index::Texts;
use weights::Parameters;

/// The text by which [`Bm25Retriever`] compares two interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CompareBy {
    /// The names and quoted words of their features; the new query itself if it has none.
    #[default]
    Features,
    /// The text of their queries.
    Queries,
}

/// Ranks by BM25 over feature text, the names and quoted words of an interaction's features, or over the queries
/// themselves.
///
/// See [`Bm25Index`] for the formula. An open index follows the memory's changes, one posting list at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bm25Retriever {
    parameters: Parameters,
    compared: CompareBy,
}

impl Default for Bm25Retriever {
    fn default() -> Self {
        Self { parameters: Parameters::DEFAULT, compared: CompareBy::default() }
    }
}

impl Bm25Retriever {
    /// Sets the saturation of repeated tokens (*k*₁), from 0.0 to 1,000.0: the smaller, the sooner a repeated token stops
    /// counting. Default: 1.2.
    #[must_use]
    pub fn k1(mut self, k1: f32) -> Self {
        self.parameters = Parameters::new(k1, self.parameters.b);
        self
    }

    /// Sets the normalization by length (*b*), from 0.0 to 1.0: the greater, the more long items are held back. Default: 0.75.
    #[must_use]
    pub fn b(mut self, b: f32) -> Self {
        self.parameters = Parameters::new(self.parameters.k1, b);
        self
    }

    /// Sets the text that is compared. Default: [`CompareBy::Features`].
    #[must_use]
    pub fn over(mut self, compared: CompareBy) -> Self {
        self.compared = compared;
        self
    }
}

impl Bm25Retriever {
    /// Names everything that an index depends on apart from the memory.
    fn fingerprint(&self) -> String {
        let Parameters { k1, b } = self.parameters;
        format!("bm25 {:?} k1={k1} b={b} layout={VERSION}", self.compared)
    }

    /// The index of items, made with pauses.
    async fn indexed_in_steps(&self, items: &[MemoryItem]) -> Bm25Index {
        let (mut texts, mut rest) = (Texts::default(), items);
        while !rest.is_empty() {
            pause().await;
            let (now, later) = rest.split_at(within(AT_ONCE, rest.iter().map(|item| item.query().text().len())));
            for text in crate::parallel::map(now, |item| self.text(item)) {
                texts.read(&text);
            }
            rest = later;
        }
        pause().await;
        texts.indexed_in_steps(self.parameters).await
    }

    /// The text by which an item is compared.
    fn text<'a>(&self, item: &'a MemoryItem) -> Cow<'a, str> {
        match self.compared {
            CompareBy::Features => feature_text(item).into(),
            CompareBy::Queries => item.query().text().into(),
        }
    }
}

#[async_trait]
impl Retriever for Bm25Retriever {
    async fn open(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        _ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let own = self.fingerprint();
        let index = match saved.iter().find(|saved| saved.name() == own) {
            Some(saved) => Bm25Index::from_bytes(saved.bytes()).map_err(|error| RetrieveError::Index(error.into()))?,
            None => self.indexed_in_steps(view.memory.items()).await,
        };
        check_count(index.len(), view)?;
        Ok(Box::new(OpenIndex { retriever: *self, index }))
    }

    fn name(&self) -> &'static str {
        match self.compared {
            CompareBy::Features => "bm25",
            CompareBy::Queries => "bm25 over queries",
        }
    }
}

/// The index of one memory.
#[derive(Clone)]
struct OpenIndex {
    retriever: Bm25Retriever,
    index: Bm25Index,
}

#[async_trait]
impl MemoryIndex for OpenIndex {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        Ok(match self.retriever.compared {
            CompareBy::Features => self.index.rank(&query_text(&request), request.k),
            CompareBy::Queries => self.index.rank(request.query.text(), request.k),
        })
    }

    async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        let (retriever, index) = (self.retriever, &mut self.index);
        let came = change.inserted().iter().filter_map(|&at| Some((at, view.memory.items().get(at)?)));
        let removed = change.removed().iter().rev().try_for_each(|&at| index.remove(at));
        removed
            .and_then(|()| came.into_iter().try_for_each(|(at, item)| index.insert(at, &retriever.text(item))))
            .map_err(|error| RetrieveError::Index(error.into()))?;
        Ok(Applied::UpToDate)
    }

    fn bytes(&self) -> Vec<SavedIndex> {
        vec![SavedIndex::new(self.retriever.fingerprint(), self.index.to_bytes())]
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        Some(Box::new(self.clone()))
    }
}
