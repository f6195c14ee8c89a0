//! Ready-made [`LlmBackend`](rpm_core::llm::LlmBackend)s, one per API, and an [`Embedder`](rpm_core::embed::Embedder),
//! over plain reqwest.
//!
//! Three APIs are small enough to be used directly: each adapter is the body it writes and the answer it reads, and
//! errors are classified in one place for all. A client crate for many providers would hide what goes over the wire:
//! such crates rewrite schemas, drop them, take an empty answer for a reply or print the request in their errors.
//!
//! # Async
//! reqwest runs on tokio, so the futures must be polled inside a tokio runtime with IO and time enabled. Elsewhere they
//! end with an error.
//!
//! # Secrets
//! A key goes to the base URL it was given with and nowhere else: redirects are not followed, and over plain HTTP no
//! proxy is used. No error, log or `Debug` holds a key, a prompt or a reply.

mod anthropic;
mod chat;
mod classify;
mod embedder;
mod environment;
mod error;
mod gemini;
mod http;
mod key;
mod openai;
mod reading;
mod wait;

use serde_json::Value;

pub use anthropic::Anthropic;
pub use embedder::OpenAiEmbedder;
pub use environment::from_env;
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

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::llm::LlmBackend;

    #[test]
    fn variables_name_the_base_url_and_the_key_and_a_missing_key_is_an_error() {
        let set = |known: &'static [(&str, &str)]| {
            move |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let local = OpenAiCompatible::by(set(&[("OPENAI_BASE_URL", "http://h/v1")]), "m");
        assert_eq!(local.as_ref().map(LlmBackend::model), Ok("openai/m@http://h/v1"));
        let claude = Anthropic::by(set(&[("ANTHROPIC_BASE_URL", "http://h/"), ("ANTHROPIC_API_KEY", "zqkey")]), "m");
        assert_eq!(claude.as_ref().map(LlmBackend::model), Ok("anthropic/m@http://h"));
        let gemini = Gemini::by(set(&[("GOOGLE_API_KEY", "zqkey"), ("GEMINI_BASE_URL", "http://h")]), "m");
        assert_eq!(gemini.as_ref().map(LlmBackend::model), Ok("gemini/m@http://h"));
        assert!(!format!("{claude:?} {gemini:?}").contains("zqkey"));

        let missing = |error: Option<ProviderError>| error.map(|error| error.to_string());
        let none = || set(&[]);
        let wanted = |text: &str| Some(text.to_owned());
        let error = missing(OpenAiCompatible::by(none(), "m").err());
        assert_eq!(error, wanted("openai: OPENAI_API_KEY is not set"));
        assert_eq!(missing(Anthropic::by(none(), "m").err()), wanted("anthropic: ANTHROPIC_API_KEY is not set"));
        assert_eq!(missing(Gemini::by(none(), "m").err()), wanted("gemini: GEMINI_API_KEY is not set"));
    }

    #[test]
    fn a_temperature_is_sent_as_it_is_written() {
        assert_eq!([0.0, 0.7, 1.0].map(|number| decimal(number).to_string()), ["0.0", "0.7", "1.0"]);
    }
}
