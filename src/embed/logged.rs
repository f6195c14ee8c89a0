//! An embedder whose vectors are kept in a response log.

use std::fmt;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::data::text::hex;

use crate::llm::{
    BackendError, Completion, CompletionRequest, Endpoint, LlmBackend, LoggedBackend, Message, ResponseLog, SendMode,
    Stage,
};

use super::{EmbedError, Embedder, embed_checked};

/// The most texts in a call of the embedder, as many as a crash can cost.
const PER_CALL: usize = 64;

/// The subject that logged vectors are filed under, for [`ResponseLog::purge`].
const ABOUT: &str = "embedding";

/// An embedder whose vectors are kept in a [`ResponseLog`]: no text is embedded twice, and embedding a memory that was broken
/// off goes on where it was when it is simply done again. Feature `response-log`.
///
/// A vector is found by the embedder's [`fingerprint`](Embedder::fingerprint) and the whole text, so another embedder
/// embeds anew and vectors of two are never mixed. The log may be the one of the user's replies.
///
/// # Privacy
/// A log holds vectors, from which something of the text can be learned, and no text. `purge(["embedding"])` removes all
/// of them; the log does not know which item a text was from.
///
/// ```
/// # use rpm_core::embed::{HashedEmbedder, LoggedEmbedder};
/// # use rpm_core::llm::{ReplyCacheLimits, ResponseLog};
/// # use rpm_core::retrieve::DenseRetriever;
/// let log = ResponseLog::in_memory(ReplyCacheLimits::default());
/// let retriever = DenseRetriever::new(LoggedEmbedder::new(HashedEmbedder::default(), &log));
/// # let _ = retriever;
/// ```
pub struct LoggedEmbedder {
    backend: LoggedBackend,
    dimensions: usize,
    fingerprint: String,
}

impl LoggedEmbedder {
    /// Keeps this embedder's vectors in this log.
    pub fn new(embedder: impl Embedder + 'static, log: &ResponseLog) -> Self {
        let (dimensions, fingerprint) = (embedder.dimensions(), embedder.fingerprint());
        let asked = Asked { embedder: Box::new(embedder), fingerprint: fingerprint.clone() };
        Self { backend: log.wrap(asked).sending(SendMode::Batch), dimensions, fingerprint }
    }
}

#[async_trait]
impl Embedder for LoggedEmbedder {
    /// Embeds what the log does not have, 64 texts in a call of the embedder; each call's vectors are kept when it is back.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(PER_CALL) {
            let requests: Vec<CompletionRequest> = texts.iter().map(|text| request(text)).collect();
            for reply in self.backend.complete_batch(&requests).await {
                let reply = reply.map_err(|error| EmbedError::Other(error.into()))?;
                vectors.push(
                    serde_json::from_str(&reply.text)
                        .map_err(|_| EmbedError::Other("a logged reply is no vector".into()))?,
                );
            }
        }
        Ok(vectors)
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// What it asks has a span of its own.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::in_process()
    }
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Retrieve, vec![Message::user(text)], 0).about([ABOUT, &name_of_text(text)])
}

/// The subject that the record of a text's vector is filed under, by which it is found when the text is forgotten.
pub(crate) fn name_of_text(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("text {}", hex(digest.get(..16).unwrap_or_default()))
}

/// The embedder as the log asks it: a text in, its vector as JSON out.
struct Asked {
    embedder: Box<dyn Embedder>,
    fingerprint: String,
}

#[async_trait]
impl LlmBackend for Asked {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let mut replies = self.complete_batch(std::slice::from_ref(request)).await;
        replies.pop().unwrap_or_else(|| Err(BackendError::permanent("no vector")))
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let text =
            |request: &CompletionRequest| request.messages.first().map(|m| m.content.clone()).unwrap_or_default();
        let texts: Vec<String> = requests.iter().map(text).collect();
        let written =
            |vector: &Vec<f32>| serde_json::to_string(vector).map(Completion::new).map_err(BackendError::permanent);
        match embed_checked(&*self.embedder, &texts).await {
            Ok(vectors) => vectors.iter().map(written).collect(),
            Err(error) => {
                let mut error = Some(error);
                let failed = || match error.take() {
                    Some(error) => Err(BackendError::permanent(error)),
                    None => Err(BackendError::permanent("another text of the same call failed")),
                };
                std::iter::repeat_with(failed).take(texts.len()).collect()
            }
        }
    }

    fn model(&self) -> &str {
        &self.fingerprint
    }

    /// The embedder has a span of its own.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::in_process()
    }

    fn name(&self) -> &'static str {
        "embedder"
    }
}

impl fmt::Debug for LoggedEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The fingerprint may name a URL with a secret in its path.
        f.debug_struct("LoggedEmbedder").field("dimensions", &self.dimensions()).finish_non_exhaustive()
    }
}
