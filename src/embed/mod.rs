//! Turns text into vectors: the [`Embedder`] seam, one embedder that needs nothing, and one over a local model.
//!
//! Guide: [retrieval](crate::guide::retrieval).

#[cfg(feature = "static-model")]
mod growth;
mod hashed;
#[cfg(feature = "response-log")]
mod logged;
#[cfg(feature = "static-model")]
mod static_model;

use std::sync::Arc;

use async_trait::async_trait;

use crate::llm::{BoxError, Endpoint, trace};
use crate::operation::Kind;

pub use hashed::HashedEmbedder;
#[cfg(feature = "response-log")]
pub use logged::LoggedEmbedder;
#[cfg(feature = "response-log")]
pub(crate) use logged::name_of_text;
#[cfg(feature = "static-model")]
pub use static_model::{StaticModel, StaticModelError};

/// Turns texts into vectors of one length.
///
/// # Contract
/// - One vector per text, in their order, each [`dimensions`](Self::dimensions) long, every value finite.
/// - The same text gives the same vector for as long as [`fingerprint`](Self::fingerprint) is the same.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Embeds texts.
    ///
    /// # Errors
    /// [`EmbedError`].
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// The length of every vector.
    fn dimensions(&self) -> usize;

    /// Names the model and everything else a vector depends on, so that vectors of two embedders are never mixed.
    fn fingerprint(&self) -> String;

    /// Names the provider, the model and the server for spans and metrics. Default: not known.
    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::default()
    }
}

#[async_trait]
impl<E: Embedder + ?Sized> Embedder for Arc<E> {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        (**self).embed(texts).await
    }

    fn dimensions(&self) -> usize {
        (**self).dimensions()
    }

    fn fingerprint(&self) -> String {
        (**self).fingerprint()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        (**self).endpoint()
    }
}

/// Why there are no vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The embedder broke its contract.
    #[error("the embedder returned {found} vectors of the promised length for {wanted} texts")]
    WrongShape {
        /// Usable vectors.
        found: usize,
        /// Texts.
        wanted: usize,
    },
    /// A host's own embedder failed.
    #[error("the embedder failed")]
    Other(#[source] BoxError),
}

impl Kind for EmbedError {
    fn kind(&self) -> &'static str {
        match self {
            Self::WrongShape { .. } => "wrong_shape",
            Self::Other(_) => "embedder",
        }
    }
}

/// Embeds and checks the shape and the values of what comes back.
pub(crate) async fn embed_checked(embedder: &dyn Embedder, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let shape = (texts.len(), embedder.dimensions());
    trace::embedding(embedder.endpoint(), shape, embed_whole(embedder, texts)).await
}

async fn embed_whole(embedder: &dyn Embedder, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let vectors = embedder.embed(texts).await?;
    let usable = |v: &&Vec<f32>| v.len() == embedder.dimensions() && v.iter().all(|value| value.is_finite());
    let found = vectors.iter().filter(usable).count();
    if found != texts.len() || vectors.len() != texts.len() {
        return Err(EmbedError::WrongShape { found, wanted: texts.len() });
    }
    Ok(vectors)
}
