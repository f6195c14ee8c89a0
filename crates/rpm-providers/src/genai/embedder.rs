//! An embedder over a client of genai.

use std::fmt;

use async_trait::async_trait;
use genai::embed::EmbedOptions;
use genai::{Client, ModelSpec};

use super::failed::failed;
use super::{Asked, GENAI};
use crate::asking::embedded;
use crate::failure::Wanted;
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::{BackendError, Endpoint};

/// An embedding model of any provider that the crate genai knows, by the host's client. The source of its errors is a [`BackendError`],
/// which is transient if asking again can help. It must be polled inside a tokio runtime. Feature `genai`.
pub struct GenaiEmbedder {
    client: Client,
    model: ModelSpec,
    asked: Asked,
    identity: String,
    dimensions: usize,
    per_request: usize,
    options: EmbedOptions,
}

impl GenaiEmbedder {
    /// A model by its name in genai and the length of its vectors.
    pub fn new(client: Client, model: impl Into<String>, dimensions: usize) -> Self {
        let model = model.into();
        let identity = format!("{GENAI}/{model} of {dimensions}");
        let asked = Asked::of(&client, &model);
        Self {
            asked,
            client,
            model: model.into(),
            identity,
            dimensions,
            per_request: 64,
            options: EmbedOptions::default(),
        }
    }

    /// Sends at most this many texts in one request, from 1. Default: 64.
    #[must_use]
    pub fn per_request(mut self, texts: usize) -> Self {
        self.per_request = texts.max(1);
        self
    }

    /// Asks for vectors of this length; models with a fixed length refuse that. Default: nothing is asked.
    #[must_use]
    pub fn shorten(mut self) -> Self {
        self.options = self.options.with_dimensions(self.dimensions);
        self.identity.push_str(", shortened");
        self
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, BackendError> {
        let asked = self.client.embed_batch(self.model.clone(), texts.to_vec(), Some(&self.options)).await;
        let mut embeddings = asked.map_err(|error| failed(&error, Wanted::default()))?.embeddings;
        // Servers may send them in any order.
        embeddings.sort_by_key(|embedding| embedding.index);
        Ok(embeddings.into_iter().map(|embedding| embedding.vector).collect())
    }
}

#[async_trait]
impl Embedder for GenaiEmbedder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        embedded(texts, self.per_request, |texts| self.ask(texts)).await
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.asked.endpoint()
    }

    fn fingerprint(&self) -> String {
        self.identity.clone()
    }
}

impl fmt::Debug for GenaiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GenaiEmbedder").field(&self.identity).finish()
    }
}
