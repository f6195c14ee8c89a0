use std::fmt;

use super::Stage;

/// One request to a model. Everything that shapes the reply is in here, so equal requests may share a reply.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct CompletionRequest {
    /// The stage that asks; a host may send stages to different models.
    pub stage: Stage,
    /// The conversation, fixed wording first so that a provider's prompt cache can serve it.
    pub messages: Vec<Message>,
    /// The JSON schema of the wanted reply. A provider that cannot constrain its output may ignore it: the wording asks
    /// for the same, and every reply is checked.
    pub schema: Option<ReplySchema>,
    /// The longest reply in tokens.
    pub max_tokens: u32,
    /// Sampling temperature, from 0.0 (the default here).
    pub temperature: f32,
    /// Sampling seed, for providers that take one.
    pub seed: Option<u64>,
}

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Sets the rules.
    System,
    /// Asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name most chat APIs use: `system`, `user` or `assistant`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A named JSON schema (2020-12; only `type`, `properties`, `required`, `additionalProperties`, `items`, `enum`,
/// `maxItems`, `minItems` and `maxLength` are used).
#[derive(Debug, Clone, PartialEq)]
pub struct ReplySchema {
    /// A name of letters and underscores.
    pub name: &'static str,
    /// The schema.
    pub schema: serde_json::Value,
}

impl CompletionRequest {
    /// A request with temperature 0 and no seed.
    pub fn new(stage: Stage, messages: Vec<Message>, max_tokens: u32) -> Self {
        Self { stage, messages, schema: None, max_tokens, temperature: 0.0, seed: None }
    }

    /// The same request asking for this shape of reply.
    #[must_use]
    pub fn schema(mut self, schema: ReplySchema) -> Self {
        self.schema = Some(schema);
        self
    }
}

impl Message {
    /// A message that sets the rules.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }

    /// A message that asks.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: content.into() }
    }
}

/// What a model replied.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Completion {
    /// The reply's text.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it cost, if the provider says.
    pub usage: Option<Usage>,
}

/// Why a reply ended.
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

impl Completion {
    /// A reply that ended by itself and whose cost is not known.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), finish: FinishReason::Stop, usage: None }
    }

    /// Says why it ended.
    #[must_use]
    pub fn finish(mut self, finish: FinishReason) -> Self {
        self.finish = finish;
        self
    }

    /// Says what it cost.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}

impl fmt::Debug for CompletionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionRequest")
            .field("stage", &self.stage)
            .field("messages", &self.messages)
            .field("schema", &self.schema.as_ref().map(|schema| schema.name))
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("seed", &self.seed)
            .finish()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role).field("bytes", &self.content.len()).finish()
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion")
            .field("bytes", &self.text.len())
            .field("finish", &self.finish)
            .field("usage", &self.usage)
            .finish()
    }
}
