//! Amazon Bedrock by the official SDK, as a backend and as an embedder.

mod backend;
mod embedder;
mod failed;
mod one_attempt;

pub use backend::BedrockBackend;
pub use embedder::BedrockEmbedder;

/// The name in errors and identities.
const BEDROCK: &str = "bedrock";
/// The name in spans, as OpenTelemetry's conventions have it.
const PROVIDER: &str = "aws.bedrock";
