//! An embedder over `OpenAI`'s `/embeddings`.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ApiKey;
use super::chat::TIMEOUT;
use super::http::Endpoint;
use super::openai::{OPENAI, bearer};
use crate::asking::embedded;
use crate::failure::{Fault, ProviderError, Wanted, refusal};
use crate::reading::{Present, Record};
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::BackendError;

/// The most bytes of a number as servers write it, with what stands between two.
const LONGEST_NUMBER: usize = 32;
/// The most bytes of what stands beside a vector's numbers, and beside the vectors.
const BESIDE: usize = 16 << 10;

/// Vectors from any server with `OpenAI`'s `/embeddings`. The source of its errors is a [`BackendError`], which is
/// transient if asking again can help.
///
/// Like the providers it must be polled inside a tokio runtime.
#[derive(Clone)]
pub struct OpenAiEmbedder {
    endpoint: Endpoint,
    model: String,
    dimensions: usize,
    key: Option<ApiKey>,
    per_request: usize,
    shorten: bool,
}

impl OpenAiEmbedder {
    /// A model behind a base URL, which ends before `/embeddings`, and the length of its vectors.
    ///
    /// # Errors
    /// [`ProviderError`] when the URL cannot be used, or is `https` without the crate feature `tls` or `tls-native`.
    pub fn new(base_url: &str, model: impl Into<String>, dimensions: usize) -> Result<Self, ProviderError> {
        let endpoint = Endpoint::new(OPENAI, base_url, TIMEOUT)?;
        Ok(Self { endpoint, model: model.into(), dimensions, key: None, per_request: 64, shorten: false })
    }

    /// Sends this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<ApiKey>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends the key also over plain HTTP to another machine, as inside a network that is trusted. Without this such a request is
    /// refused; to this machine it never is.
    #[must_use]
    pub fn insecure_http(mut self) -> Self {
        self.endpoint.insecure = true;
        self
    }

    /// Waits at most this long for each answer. Default: 120 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.timeout = timeout;
        self
    }

    /// Sends at most this many texts in one request, from 1. Default: 64.
    #[must_use]
    pub fn per_request(mut self, texts: usize) -> Self {
        self.per_request = texts.max(1);
        self
    }

    /// Asks the server for vectors of this length; models with a fixed length refuse that. Default: nothing is asked.
    #[must_use]
    pub fn shorten(mut self) -> Self {
        self.shorten = true;
        self
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, BackendError> {
        self.endpoint.guards(self.key.as_ref())?;
        let headers = bearer(self.key.as_ref());
        let headers =
            headers.ok_or_else(|| self.endpoint.fault(Fault::Setting("the key cannot be sent in a header")))?;
        let mut body = json!({ "model": self.model, "input": texts, "encoding_format": "float" });
        if let (true, Some(body)) = (self.shorten, body.as_object_mut()) {
            body.insert("dimensions".into(), self.dimensions.into());
        }
        let vector = self.dimensions.saturating_mul(LONGEST_NUMBER).saturating_add(BESIDE);
        let longest = texts.len().saturating_mul(vector).saturating_add(BESIDE);
        let endpoint = self.endpoint.taking(longest);
        let answer = endpoint.post(self.endpoint.at(&["embeddings"]), headers, &body, None).await?;
        let has_data = |body: &[u8]| serde_json::from_slice::<Record<Peek>>(body).ok()?.0.map(|body| body.data.0);
        if answer.status != 200 || has_data(&answer.body) != Some(true) {
            return Err(refusal(OPENAI, answer.refused(), Wanted::default()));
        }
        self.read(&answer.body, texts.len()).ok_or_else(|| self.endpoint.fault(Fault::Unexpected).into())
    }

    /// The vectors by their index: servers may send them in any order.
    fn read(&self, body: &[u8], texts: usize) -> Option<Vec<Vec<f32>>> {
        let body: Vectors = serde_json::from_slice(body).ok()?;
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts];
        for (position, entry) in body.data.into_iter().enumerate() {
            let index = entry.index.map_or(Some(position), |index| usize::try_from(index).ok())?;
            let slot = vectors.get_mut(index)?;
            let vector = Some(entry.embedding).filter(|vector| vector.len() == self.dimensions)?;
            if slot.replace(vector).is_some() {
                return None;
            }
        }
        vectors.into_iter().collect()
    }
}

/// Whether an answer has vectors.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Peek {
    data: Present,
}

#[derive(Deserialize)]
struct Vectors {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    index: Option<u64>,
    embedding: Vec<f32>,
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        embedded(texts, self.per_request, |texts| self.ask(texts)).await
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn fingerprint(&self) -> String {
        let kind = if self.shorten { "shortened to" } else { "of" };
        format!("{OPENAI}/{}@{} {kind} {}", self.model, self.endpoint.base(), self.dimensions)
    }

    fn endpoint(&self) -> rpm_core::llm::Endpoint<'_> {
        self.endpoint.asked().model(&self.model)
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = format!("{OPENAI}/{}@{}", self.model, self.endpoint.origin());
        f.debug_tuple("OpenAiEmbedder").field(&shown).field(&self.dimensions).finish()
    }
}
