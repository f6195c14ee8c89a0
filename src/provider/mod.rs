//! Ready-made [`LlmBackend`](crate::LlmBackend)s, one per API, and an [`Embedder`](crate::Embedder), over plain reqwest.
//!
//! Three APIs are small enough to be spoken directly: each adapter is the body it writes and the answer it reads, and what
//! errors mean is told in one place for all. A client crate for many providers would hide what goes over the wire: such
//! crates rewrite schemas, drop them, take an empty answer for a reply or print the request in their errors.
//!
//! # Async
//! reqwest runs on tokio, so the futures must be polled inside a tokio runtime with IO and time enabled. Elsewhere they end
//! with an error.
//!
//! # Secrets
//! A key goes to the base URL it was given with and nowhere else: redirects are not followed, and over plain HTTP no proxy
//! is used. No error, log or `Debug` holds a key, a prompt or a reply.

mod anthropic;
mod chat;
mod classify;
mod embedder;
mod error;
mod gemini;
mod http;
mod key;
mod openai;

use serde_json::Value;

pub use anthropic::Anthropic;
pub use embedder::OpenAiEmbedder;
pub use error::ProviderError;
pub use gemini::Gemini;
pub use key::ApiKey;
pub use openai::OpenAiCompatible;

/// A variable that is set and not empty.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A single-precision number as it is written, not as its double is: 0.7, not 0.699999988079071.
fn decimal(number: f32) -> Value {
    let shortest = number.to_string().parse::<f64>().unwrap_or_default();
    serde_json::Number::from_f64(shortest).map_or(Value::Null, Value::Number)
}
