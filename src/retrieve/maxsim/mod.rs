//! Late interaction between single features: [`MaxSimRetriever`] over a [`MaxSimIndex`].

mod index;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::{Feature, MemoryChange, MemoryItem, Query, ReasoningMemory};
use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};
use crate::prompt::StageContext;

use super::embedded::{Embedded, is_own, own_name};
use super::vectors::Screening;
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, keep};

pub use index::MaxSimIndex;

/// Ranks by late interaction of embedded features: each feature of the query finds its best match among an
/// interaction's features, and the cosines of the matches are added up.
///
/// A feature is embedded as its name with the words it was seen in; a query without features as its text. The score is
/// the sum over the query's features, the similarity that sum over their number, from 0 to 1. An interaction without
/// features is not found.
///
/// The memory's vectors are computed on first use, in one call of the embedder with each different text once, and kept
/// with the memory under the embedder's fingerprint. When the embedder fails nothing is kept, not even the vectors that
/// it may have computed before: the next request asks for all of them again. An index that is there follows changes of
/// the memory: only the texts of new items are embedded, in one call.
#[derive(Clone)]
pub struct MaxSimRetriever {
    embedder: Arc<dyn Embedder>,
    screening: Screening,
}

impl Default for MaxSimRetriever {
    fn default() -> Self {
        Self::new(HashedEmbedder::default())
    }
}

impl MaxSimRetriever {
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
    ) -> Result<(String, Arc<MaxSimIndex>), RetrieveError> {
        let embedded = Embedded::new(self.own_name(), texts, ctx);
        let name = match embedded.ready(memory, embedded.name(memory)) {
            Ok(ready) => return Ok(ready),
            Err(name) => name,
        };
        let texts = memory.items().iter().map(|item| texts(item, ctx)).collect();
        let examples = self.examples(texts).await?;
        let index = MaxSimIndex::new(self.embedder.dimensions(), examples)?.screening(self.screening);
        Ok(embedded.keep(memory, name, index))
    }

    fn own_name(&self) -> String {
        own_name("maxsim", self.screening, &*self.embedder)
    }

    /// By item, a vector per text.
    async fn examples(&self, texts: Vec<Vec<String>>) -> Result<Vec<Vec<Arc<[f32]>>>, EmbedError> {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut vectors = self.embed(texts.into_iter().flatten().collect()).await?.into_iter();
        Ok(lengths.into_iter().map(|length| vectors.by_ref().take(length).collect()).collect())
    }

    /// A vector per text; equal texts are embedded once, and without any the embedder is not asked.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Arc<[f32]>>, EmbedError> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut different = Vec::new();
        let which: Vec<usize> = texts
            .into_iter()
            .map(|text| {
                let next = different.len();
                *places.entry(text).or_insert_with_key(|text| {
                    different.push(text.clone());
                    next
                })
            })
            .collect();
        if different.is_empty() {
            return Ok(Vec::new());
        }
        let vectors = embed_checked(&*self.embedder, &different).await?;
        let vectors: Vec<Arc<[f32]>> = vectors.into_iter().map(Arc::from).collect();
        Ok(which.into_iter().filter_map(|place| vectors.get(place).cloned()).collect())
    }
}

/// A feature's name and the words it was seen in, once if they are the same.
pub(super) fn text(feature: &Feature, query: &Query) -> String {
    let (name, words) = (feature.name(), feature.context(query));
    if name == words { name.to_owned() } else { format!("{name}\n{words}") }
}

/// The texts of an item's features, as they may leave.
fn texts(item: &MemoryItem, ctx: &StageContext<'_>) -> Vec<String> {
    item.features().iter().map(|feature| ctx.leaving(&text(feature, item.query()))).collect()
}

/// The texts of the query's features, or its own without any, as they may leave.
fn query_texts(request: &RetrievalRequest<'_>, ctx: &StageContext<'_>) -> Vec<String> {
    if request.features.is_empty() {
        return vec![ctx.leaving(request.query.text())];
    }
    request.features.iter().map(|assigned| ctx.leaving(&text(&assigned.feature, request.query))).collect()
}

#[async_trait]
impl Retriever for MaxSimRetriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let (_, index) = self.index(request.memory, ctx).await?;
        let vectors = self.embed(query_texts(&request, ctx)).await?;
        Ok(index.top_k(&vectors, request.k)?)
    }

    async fn follow(
        &self,
        memory: &ReasoningMemory,
        change: &MemoryChange,
        ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        let embedded = Embedded::new(self.own_name(), texts, ctx);
        let came = embedded.came(memory, change);
        let before = embedded.take::<MaxSimIndex>(memory, change, &came);
        if before.is_empty() {
            return Ok(());
        }
        let examples = self.examples(came).await?;
        for (name, mut index) in before {
            index.edit(change.removed(), change.inserted(), &examples)?;
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
        let index = MaxSimIndex::from_bytes(index).map_err(|error| RetrieveError::Index(error.into()))?;
        let index = index.screening(self.screening);
        keep(memory, name, index.len(), index)
    }

    fn name(&self) -> &'static str {
        "maxsim"
    }
}

impl fmt::Debug for MaxSimRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaxSimRetriever")
            .field("embedder", &self.embedder.fingerprint())
            .field("screening", &self.screening)
            .finish()
    }
}
