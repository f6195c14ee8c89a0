//! What comes back over the seam.

use std::fmt;

use super::TokenChoices;

/// A model's reply.
#[derive(Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Completion {
    /// The reply's text.
    pub text: String,
    /// The reason why it ended.
    pub finish: FinishReason,
    /// The tokens it took, if the provider reports them.
    pub usage: Option<Usage>,
    /// By token of the reply: the likeliest at its place. Empty unless they were
    /// [asked for](super::CompletionRequest::logprobs), and where the provider reports none.
    pub tokens: Vec<TokenChoices>,
    /// Of the reply's tokens, those of hidden reasoning, if the provider reports them. For spans: it is not kept in a log.
    pub reasoning_tokens: Option<u64>,
}

/// The reason why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model was done.
    #[default]
    Stop,
    /// It was cut at the token limit. Whole items in it are kept.
    Length,
    /// The provider withheld it.
    Filtered,
}

/// Tokens of one completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the reply, hidden reasoning included.
    pub output_tokens: u64,
    /// Of the prompt's tokens, those served from the provider's cache.
    pub cached_tokens: u64,
}

impl FinishReason {
    /// Its name in spans, by OpenTelemetry's conventions for generative models.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Filtered => "content_filter",
        }
    }
}

impl Completion {
    /// A reply that ended by itself and whose cost is not known.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), finish: FinishReason::Stop, usage: None, tokens: Vec::new(), reasoning_tokens: None }
    }

    /// Says why it ended.
    #[must_use]
    pub fn finish(mut self, finish: FinishReason) -> Self {
        self.finish = finish;
        self
    }

    /// Says what the likeliest tokens were, by token of the reply.
    #[must_use]
    pub fn tokens(mut self, tokens: Vec<TokenChoices>) -> Self {
        self.tokens = tokens;
        self
    }

    /// Says how many of the reply's tokens were hidden reasoning.
    #[must_use]
    pub fn reasoning_tokens(mut self, tokens: u64) -> Self {
        self.reasoning_tokens = Some(tokens);
        self
    }

    /// Says what it cost.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}

impl From<&str> for Completion {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Completion {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A reply in JSON.
impl From<serde_json::Value> for Completion {
    fn from(json: serde_json::Value) -> Self {
        Self::new(json.to_string())
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("bytes", &self.text.len())
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .field("tokens", &self.tokens.len())
            .finish()
    }
}
