use std::collections::HashMap;

use async_trait::async_trait;
use bm25::{EmbedderBuilder, TokenEmbedder, Tokenizer};

use crate::data::{MemoryItem, ReasoningMemory};
use crate::prompt::StageContext;
use crate::words::{is_stop_word, stem, tokens};

use super::{RetrievalRequest, RetrieveError, Retrieved, Retriever, top_k};

/// Ranks by BM25 over feature text: the names and quoted words of an interaction's features.
///
/// Document weights come from the `bm25` crate with this crate's own tokenizer (negation kept, stems, no language guessing)
/// and the tokens themselves as its embedding space, so that no two tokens collide. Scoring is exact: every item that
/// shares a token is scored, ordered by score, then position. An item's similarity is its score over the score of an item
/// that says exactly what the query says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bm25Retriever {
    k1: f32,
    b: f32,
}

impl Default for Bm25Retriever {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75 }
    }
}

impl Bm25Retriever {
    /// How soon a repeated token stops counting, from 0.0. Default: 1.2.
    #[must_use]
    pub fn k1(mut self, k1: f32) -> Self {
        self.k1 = if k1.is_finite() { k1.max(0.0) } else { 1.2 };
        self
    }

    /// How much long items are held back, from 0.0 to 1.0. Default: 0.75.
    #[must_use]
    pub fn b(mut self, b: f32) -> Self {
        self.b = if b.is_finite() { b.clamp(0.0, 1.0) } else { 0.75 };
        self
    }
}

/// The stems of a text without stop words.
#[derive(Debug, Clone, Copy, Default)]
struct Stems;

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        tokens(text).into_iter().filter(|token| !is_stop_word(&token.word)).map(|token| stem(&token.word)).collect()
    }
}

/// The token itself is its place in the embedding space.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Word(String);

impl TokenEmbedder for Word {
    type EmbeddingSpace = Self;
    fn embed(token: &str) -> Self {
        Self(token.to_owned())
    }
}

/// By token: inverse document frequency, and the items that have it with their weights.
struct Index {
    columns: HashMap<String, (f64, Vec<(u32, f32)>)>,
    items: usize,
}

impl Index {
    fn new(memory: &ReasoningMemory, k1: f32, b: f32) -> Self {
        let texts: Vec<String> = memory.items().iter().map(feature_text).collect();
        let words: usize = texts.iter().map(|text| Stems.tokenize(text).len()).sum();
        #[expect(clippy::cast_possible_truncation, reason = "an average of words per item is small")]
        let average = (words as f64 / texts.len().max(1) as f64) as f32;
        let embedder = EmbedderBuilder::<Word, Stems>::with_avgdl(average.max(1.0)).k1(k1).b(b).build();
        let mut columns: HashMap<String, (f64, Vec<(u32, f32)>)> = HashMap::new();
        for (item, text) in texts.iter().enumerate() {
            let position = u32::try_from(item).unwrap_or(u32::MAX);
            for entry in embedder.embed(text).0 {
                let (_, postings) = columns.entry(entry.index.0).or_default();
                // The embedder repeats a token as often as the text has it, each time with its full weight.
                if postings.last().is_none_or(|&(last, _)| last != position) {
                    postings.push((position, entry.value));
                }
            }
        }
        let n = texts.len() as f64;
        for (idf, postings) in columns.values_mut() {
            let df = postings.len() as f64;
            *idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
        }
        Self { columns, items: texts.len() }
    }

    fn rank(&self, query: &str, k: usize) -> Vec<Retrieved> {
        let mut tokens = Stems.tokenize(query);
        tokens.sort_unstable();
        tokens.dedup();
        let mut scores = vec![0.0_f64; self.items];
        let mut own = 0.0;
        // A token once in an item of average length weighs (k1 + 1) / (1 + k1) = 1.
        let unseen = (1.0 + (self.items as f64 + 0.5) / 0.5).ln();
        for token in &tokens {
            let Some((idf, postings)) = self.columns.get(token) else {
                own += unseen;
                continue;
            };
            own += idf;
            for &(item, weight) in postings {
                if let Some(score) = scores.get_mut(item as usize) {
                    *score += idf * f64::from(weight);
                }
            }
        }
        let hits = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).map(|(position, score)| {
            Retrieved { position, score, similarity: (score / own.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) }
        });
        top_k(hits, k)
    }
}

/// What an interaction's features say, once per different piece.
pub(super) fn feature_text(item: &MemoryItem) -> String {
    let mut pieces: Vec<&str> = Vec::new();
    for feature in item.features() {
        for piece in [feature.name(), feature.context(item.query())] {
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
    }
    pieces.join("\n")
}

/// What a query's features say; the query itself when it has none.
pub(super) fn query_text(request: &RetrievalRequest<'_>) -> String {
    if request.features.is_empty() {
        return request.query.text().to_owned();
    }
    let mut pieces: Vec<&str> = Vec::new();
    for feature in request.features {
        pieces.extend([feature.feature.name(), feature.feature.context(request.query)]);
    }
    pieces.join("\n")
}

#[async_trait]
impl Retriever for Bm25Retriever {
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        _ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let fingerprint = format!("bm25 k1={} b={}", self.k1, self.b);
        let index = request.memory.derived(&fingerprint, |memory| Index::new(memory, self.k1, self.b));
        Ok(index.rank(&query_text(&request), request.k))
    }

    fn name(&self) -> &'static str {
        "bm25"
    }
}
