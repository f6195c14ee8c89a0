//! BM25 over one user's texts: exact, and ready for the next query.
//!
//! ```text
//! text → words → tokens, numbered      vocabulary, dictionary
//! token → (text, weight) ..            columns, lists; weights from the `bm25` crate
//! query → sums → candidates → best     rank
//! index ↔ bytes                        bytes
//! ```

mod bytes;
mod columns;
mod dictionary;
mod index;
mod lists;
mod rank;
#[cfg(test)]
mod tests;
mod vocabulary;
mod weights;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::{MemoryChange, MemoryItem, ReasoningMemory};
use crate::prompt::StageContext;

use super::text::{feature_text, query_text};
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, keep};

pub use bytes::IndexError;
pub use index::Bm25Index;
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
/// See [`Bm25Index`] for the formula. The index is computed on first use, kept with the memory and follows its changes.
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
    /// How soon a repeated token stops counting, from 0.0 to 1,000.0. Default: 1.2.
    #[must_use]
    pub fn k1(mut self, k1: f32) -> Self {
        self.parameters = Parameters::new(k1, self.parameters.b);
        self
    }

    /// How much long items are held back, from 0.0 to 1.0. Default: 0.75.
    #[must_use]
    pub fn b(mut self, b: f32) -> Self {
        self.parameters = Parameters::new(self.parameters.k1, b);
        self
    }

    /// What is compared. Default: [`CompareBy::Features`].
    #[must_use]
    pub fn over(mut self, compared: CompareBy) -> Self {
        self.compared = compared;
        self
    }
}

impl Bm25Retriever {
    fn fingerprint(&self) -> String {
        let Parameters { k1, b } = self.parameters;
        format!("bm25 {:?} k1={k1} b={b}", self.compared)
    }

    fn index(&self, memory: &ReasoningMemory) -> Arc<Bm25Index> {
        let Parameters { k1, b } = self.parameters;
        memory.derived(&self.fingerprint(), |memory| {
            Bm25Index::build(memory.items().iter().map(|item| self.text(item)), k1, b)
        })
    }

    /// What an item is compared by.
    fn text<'a>(&self, item: &'a MemoryItem) -> Cow<'a, str> {
        match self.compared {
            CompareBy::Features => feature_text(item).into(),
            CompareBy::Queries => item.query().text().into(),
        }
    }
}

#[async_trait]
impl Retriever for Bm25Retriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let index = self.index(request.memory);
        Ok(match self.compared {
            CompareBy::Features => index.rank(&query_text(&request), request.k),
            CompareBy::Queries => index.rank(request.query.text(), request.k),
        })
    }

    async fn follow(
        &self,
        memory: &ReasoningMemory,
        change: &MemoryChange,
        _ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        let name = self.fingerprint();
        let Some(mut index) = change.take::<Bm25Index>(&name) else { return Ok(()) };
        let texts = change.inserted().iter().filter_map(|&at| memory.items().get(at)).map(|item| self.text(item));
        let removed = change.removed().iter().rev().try_for_each(|&at| index.remove(at));
        removed
            .and_then(|()| change.inserted().iter().zip(texts).try_for_each(|(&at, text)| index.insert(at, &text)))
            .map_err(|error| RetrieveError::Index(error.into()))?;
        memory.derived(&name, |_| index);
        Ok(())
    }

    async fn pack(
        &self,
        memory: &ReasoningMemory,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        Ok(vec![(self.fingerprint(), self.index(memory).to_bytes())])
    }

    fn unpack(&self, memory: &ReasoningMemory, name: &str, index: &[u8]) -> Result<bool, RetrieveError> {
        if name != self.fingerprint() {
            return Ok(false);
        }
        let index = Bm25Index::from_bytes(index).map_err(|error| RetrieveError::Index(error.into()))?;
        keep(memory, name, index.len(), index)
    }

    fn name(&self) -> &'static str {
        match self.compared {
            CompareBy::Features => "bm25",
            CompareBy::Queries => "bm25 over queries",
        }
    }
}
