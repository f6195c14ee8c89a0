//! The index over embedded texts that dense cosine and late interaction share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{MemoryChange, MemoryItem};
use crate::embed::{EmbedError, Embedder, HashedEmbedder, embed_checked};

use super::vectors::{Screening, VectorError};
use super::{Applied, MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, SavedIndex, check_count};

/// The vectors of one item.
pub(super) type Example = Vec<Arc<[f32]>>;

/// An index over vectors, with the texts of an item that are embedded for it.
pub(super) trait VectorIndex: Clone + Send + Sync + Sized + 'static {
    /// Begins the name that saved bytes are found by.
    const KIND: &str;

    /// An item's texts to embed, before redaction.
    fn texts(item: &MemoryItem) -> Vec<String>;

    /// A query's texts to embed, before redaction; at least one.
    fn query_texts(request: &RetrievalRequest<'_>) -> Vec<String>;

    /// The index of these items.
    fn built(dimensions: usize, screening: Screening, examples: Vec<Example>) -> Result<Self, VectorError>;

    /// Takes items out and others, with their vectors, in.
    fn edited(&mut self, change: &MemoryChange, came: &[Example]) -> Result<(), VectorError>;

    /// The `k` items most like these vectors.
    fn ranked(&self, query: &Example, k: usize) -> Result<Vec<Retrieved>, VectorError>;

    /// The index as bytes.
    fn saved(&self) -> Vec<u8>;

    /// The index that was saved.
    fn restored(bytes: &[u8], screening: Screening) -> Result<Self, RetrieveError>;

    /// The number of its items.
    fn count(&self) -> usize;
}

/// An embedder, and whether vectors are screened: what a retriever over embedded texts is made of.
#[derive(Clone)]
pub(super) struct Embedding {
    pub(super) embedder: Arc<dyn Embedder>,
    pub(super) screening: Screening,
}

impl Default for Embedding {
    fn default() -> Self {
        Self { embedder: Arc::new(HashedEmbedder::default()), screening: Screening::Auto }
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedding")
            // Not its fingerprint, which may name a URL with a secret in its path.
            .field("dimensions", &self.embedder.dimensions())
            .field("screening", &self.screening)
            .finish()
    }
}

impl Embedding {
    /// Opens the index of a memory: the saved one, where there is one of this kind, embedder and redaction, or else one
    /// whose texts are embedded now, in one call.
    pub(super) async fn open<V: VectorIndex>(
        &self,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let texts: Vec<Vec<String>> = view.memory.items().iter().map(|item| leaving::<V>(item, ctx)).collect();
        let marks = ctx.redaction().is_some().then(|| texts.iter().map(|texts| mark(texts)).collect::<Vec<_>>());
        let name = self.name::<V>(marks.as_deref());
        let index = match saved.iter().find(|saved| saved.name() == name) {
            Some(saved) => V::restored(saved.bytes(), self.screening)?,
            None => V::built(self.embedder.dimensions(), self.screening, self.examples(texts).await?)?,
        };
        check_count(index.count(), view)?;
        Ok(Box::new(EmbeddedIndex { index, embedding: self.clone(), marks }))
    }

    /// Names everything that an index depends on apart from the memory: the kind, the embedder and, with a redaction hook,
    /// a digest of the redacted texts, since another hook leaves other texts.
    fn name<V: VectorIndex>(&self, marks: Option<&[u64]>) -> String {
        let own = format!("{} {:?} {}", V::KIND, self.screening, self.embedder.fingerprint());
        let digest = |marks: &[u64]| marks.iter().fold(START, |digest, mark| hashed(digest, &mark.to_le_bytes()));
        marks.map_or(own.clone(), |marks| format!("{own} redacted {:016x}", digest(marks)))
    }

    /// By item, a vector for each of its texts.
    async fn examples(&self, texts: Vec<Vec<String>>) -> Result<Vec<Example>, EmbedError> {
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let mut vectors = self.embed(texts.into_iter().flatten().collect()).await?.into_iter();
        Ok(lengths.into_iter().map(|length| vectors.by_ref().take(length).collect()).collect())
    }

    /// A vector for each text. Equal texts are embedded once; without any the embedder is not asked.
    async fn embed(&self, texts: Vec<String>) -> Result<Example, EmbedError> {
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
        let vectors: Example = vectors.into_iter().map(Arc::from).collect();
        Ok(which.into_iter().filter_map(|place| vectors.get(place).cloned()).collect())
    }
}

/// The index of one memory.
#[derive(Clone)]
struct EmbeddedIndex<V> {
    index: V,
    embedding: Embedding,
    /// By item, a mark of its redacted texts, so that a change of some items need not look at all.
    marks: Option<Vec<u64>>,
}

#[async_trait]
impl<V: VectorIndex> MemoryIndex for EmbeddedIndex<V> {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let texts = V::query_texts(&request).iter().map(|text| ctx.leaving(text)).collect();
        Ok(self.index.ranked(&self.embedding.embed(texts).await?, request.k)?)
    }

    async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Applied, RetrieveError> {
        let came = change.inserted().iter().filter_map(|&at| view.memory.items().get(at));
        let came: Vec<Vec<String>> = came.map(|item| leaving::<V>(item, ctx)).collect();
        if let Some(marks) = &mut self.marks {
            for &at in change.removed().iter().rev().filter(|at| **at < marks.len()).collect::<Vec<_>>() {
                marks.remove(at);
            }
            for (&at, texts) in change.inserted().iter().zip(&came) {
                marks.insert(at.min(marks.len()), mark(texts));
            }
        }
        let came = self.embedding.examples(came).await?;
        self.index.edited(change, &came)?;
        Ok(Applied::UpToDate)
    }

    fn bytes(&self) -> Vec<SavedIndex> {
        vec![SavedIndex::new(self.embedding.name::<V>(self.marks.as_deref()), self.index.saved())]
    }

    fn copied(&self) -> Option<Box<dyn MemoryIndex>> {
        Some(Box::new(self.clone()))
    }
}

/// An item's texts, as they may leave.
fn leaving<V: VectorIndex>(item: &MemoryItem, ctx: &StageContext<'_>) -> Vec<String> {
    V::texts(item).iter().map(|text| ctx.leaving(text)).collect()
}

/// A number for an item's texts.
fn mark(texts: &[String]) -> u64 {
    texts.iter().fold(START, |mark, text| {
        let mark = hashed(mark, &(text.len() as u64).to_le_bytes());
        hashed(mark, text.as_bytes())
    })
}

/// The hash of nothing.
const START: u64 = 0xcbf2_9ce4_8422_2325;

/// 64-bit FNV-1a: a saved index is found by its name in other processes and versions, which std's hasher does not
/// promise.
fn hashed(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
