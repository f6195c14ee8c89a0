//! A client of the crate genai, which knows two dozen providers, as a backend and as an embedder.

mod backend;
mod embedder;
mod failed;

pub use backend::GenaiBackend;
pub use embedder::GenaiEmbedder;

/// The name in errors and identities.
const GENAI: &str = "genai";
