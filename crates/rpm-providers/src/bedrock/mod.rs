//! Amazon Bedrock by the official SDK, as a backend and as an embedder.

mod backend;
mod embedder;
mod failed;
mod one_attempt;

pub use backend::BedrockBackend;
pub use embedder::BedrockEmbedder;

/// The name in errors and identities.
const BEDROCK: &str = "bedrock";
