//! An embedder over the embedding models on Bedrock.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::Client;
use aws_smithy_types::Blob;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failed::failed;
use super::one_attempt::{TIMEOUT, one_attempt};
use super::{BEDROCK, PROVIDER};
use crate::asking::embedded;
use crate::failure::{Fault, ProviderError, Wanted};
use rpm_core::embed::{EmbedError, Embedder};
use rpm_core::llm::{BackendError, Endpoint};

/// The most texts that Cohere's models take at once.
const COHERE_AT_ONCE: usize = 96;

/// An embedding model on Amazon Bedrock, by the official SDK: Titan's (one text a request) and Cohere's (96). The source of its errors is a
/// [`BackendError`], which is transient if asking again can help; each request is one attempt. Feature `bedrock`.
#[derive(Clone)]
pub struct BedrockEmbedder {
    client: Client,
    model: String,
    dimensions: usize,
    family: Family,
    timeout: Duration,
}

/// The bodies that a model takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Titan,
    Cohere,
}

impl BedrockEmbedder {
    /// A model by its id, inference profile or ARN, and the length of its vectors. What is named `cohere` takes Cohere's bodies, anything
    /// else Titan's.
    pub fn new(client: Client, model: impl Into<String>, dimensions: usize) -> Self {
        let model = model.into();
        let family = if model.contains("cohere") { Family::Cohere } else { Family::Titan };
        Self { client, model, dimensions, family, timeout: TIMEOUT }
    }

    /// Waits at most this long for each answer. Default: 120 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn body(&self, texts: &[String]) -> Value {
        match self.family {
            // The first of its models knows one length and refuses the field.
            Family::Titan if self.model.contains("titan-embed-text-v1") => json!({ "inputText": texts.concat() }),
            Family::Titan => json!({ "inputText": texts.concat(), "dimensions": self.dimensions, "normalize": true }),
            Family::Cohere => json!({ "texts": texts, "input_type": "clustering", "embedding_types": ["float"] }),
        }
    }

    async fn ask(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, BackendError> {
        let body = Blob::new(self.body(texts).to_string());
        let asked = self
            .client
            .invoke_model()
            .model_id(&self.model)
            .content_type("application/json")
            .accept("application/json")
            .body(body);
        let answer = asked.customize().config_override(one_attempt(self.timeout)).send().await;
        let answer = answer.map_err(|error| failed(&error, Wanted::default(), self.timeout))?;
        let read: Option<Vectors> = serde_json::from_slice(answer.body.as_ref()).ok();
        read.map(Vectors::vectors).ok_or_else(|| ProviderError::new(BEDROCK, Fault::Unexpected).into())
    }
}

/// An answer of either family.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vectors {
    Titan { embedding: Vec<f32> },
    Cohere { embeddings: ByType },
}

/// What Cohere's models give: vectors by their type, or of one type alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum ByType {
    Float { float: Vec<Vec<f32>> },
    Alone(Vec<Vec<f32>>),
}

impl Vectors {
    fn vectors(self) -> Vec<Vec<f32>> {
        match self {
            Self::Titan { embedding } => vec![embedding],
            Self::Cohere { embeddings: ByType::Float { float: vectors } | ByType::Alone(vectors) } => vectors,
        }
    }
}

#[async_trait]
impl Embedder for BedrockEmbedder {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let at_once = if self.family == Family::Cohere { COHERE_AT_ONCE } else { 1 };
        embedded(texts, at_once, |texts| self.ask(texts)).await
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::of(PROVIDER).model(&self.model)
    }

    fn fingerprint(&self) -> String {
        format!("{BEDROCK}/{} of {}", self.model, self.dimensions)
    }
}

impl fmt::Debug for BedrockEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BedrockEmbedder").field(&self.fingerprint()).finish()
    }
}
