//! Late interaction between single features: [`MaxSimRetriever`] over a [`MaxSimIndex`].

mod index;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::{Feature, MemoryItem, Query, ReasoningMemory};
use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};
use crate::prompt::StageContext;

use super::vectors::Screening;
use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, embedded, keep};

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
/// it may have computed before: the next request asks for all of them again.
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
        let items = memory.items();
        let redacted = ctx.redacts().then(|| texts(items, ctx).into_iter());
        let fingerprint = embedded::fingerprint("maxsim", self.screening, &*self.embedder, redacted);
        if let Some(ready) = memory.ready::<MaxSimIndex>(&fingerprint) {
            return Ok((fingerprint, ready));
        }
        let vectors = self.embed(texts(items, ctx)).await?;
        let mut vectors = vectors.iter();
        let examples = items.iter().map(|item| vectors.by_ref().take(item.features().len()).collect::<Vec<_>>());
        let index = MaxSimIndex::new(self.embedder.dimensions(), examples)?.screening(self.screening);
        let index = memory.derived(&fingerprint, |_| index);
        Ok((fingerprint, index))
    }

    /// A vector per text; equal texts are embedded once.
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

/// The texts of all features of the items, as they may leave.
fn texts(items: &[MemoryItem], ctx: &StageContext<'_>) -> Vec<String> {
    let texts = |item: &MemoryItem| -> Vec<String> {
        item.features().iter().map(|feature| ctx.leaving(&text(feature, item.query()))).collect()
    };
    items.iter().flat_map(texts).collect()
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

    async fn pack(
        &self,
        memory: &ReasoningMemory,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, RetrieveError> {
        let (fingerprint, index) = self.index(memory, ctx).await?;
        Ok(vec![(fingerprint, index.to_bytes())])
    }

    fn unpack(&self, memory: &ReasoningMemory, name: &str, index: &[u8]) -> Result<bool, RetrieveError> {
        if !embedded::is_own(name, "maxsim", self.screening, &*self.embedder) {
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
