//! An embedder over any embedding model of rig.

use std::fmt;

use async_trait::async_trait;
use rig_core::DynModel;
use rig_core::operation::Embedding;
use serde_json::Value;

use super::failed::failed;
use super::{RIG, asked};
use crate::asking::embedded;
use crate::failure::Wanted;
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::{BackendError, Endpoint};

/// Any embedding model of rig. The source of its errors is a [`BackendError`], which is transient if asking again can help. Feature `rig`.
pub struct RigEmbedder {
    model: DynModel<Embedding>,
    dimensions: usize,
    per_request: usize,
}

impl RigEmbedder {
    /// A model of rig and the length of its vectors.
    pub fn new(model: impl Into<DynModel<Embedding>>, dimensions: usize) -> Self {
        Self { model: model.into(), dimensions, per_request: 64 }
    }

    /// Sends at most this many texts in one request, from 1. Default: 64.
    #[must_use]
    pub fn per_request(mut self, texts: usize) -> Self {
        self.per_request = texts.max(1);
        self
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, BackendError> {
        let response = self.model.call(texts.to_vec()).await.map_err(|error| failed(&error, Wanted::default()))?;
        #[allow(clippy::cast_possible_truncation, reason = "vectors are of single precision here")]
        let narrow = |vector: Vec<f64>| vector.into_iter().map(|number| number as f32).collect();
        let mut vectors: Vec<(usize, Vec<f32>)> = response
            .embeddings
            .into_iter()
            .enumerate()
            .map(|(place, embedding)| (place, narrow(embedding.vec)))
            .collect();
        if let Some(places) = places(&response.raw, vectors.len()) {
            for (vector, place) in vectors.iter_mut().zip(places) {
                vector.0 = place;
            }
        }
        vectors.sort_by_key(|(place, _)| *place);
        Ok(vectors.into_iter().map(|(_, vector)| vector).collect())
    }
}

/// The place of each vector where the answer numbers them: servers may send them in any order, and rig leaves them in it.
fn places(raw: &Value, vectors: usize) -> Option<Vec<usize>> {
    let numbered = raw.get("data")?.as_array().filter(|data| data.len() == vectors)?;
    numbered.iter().map(|entry| usize::try_from(entry.get("index")?.as_u64()?).ok()).collect()
}

#[async_trait]
impl Embedder for RigEmbedder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        embedded(texts, self.per_request, |texts| self.ask(texts)).await
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn endpoint(&self) -> Endpoint<'_> {
        asked(&self.model)
    }

    fn fingerprint(&self) -> String {
        format!("{RIG}/{}/{} of {}", self.model.name(), self.model.id().unwrap_or_default(), self.dimensions)
    }
}

impl fmt::Debug for RigEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RigEmbedder").field(&self.fingerprint()).finish()
    }
}
