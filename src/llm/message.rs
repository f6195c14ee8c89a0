//! Requests as they go over the seam.

use std::fmt;
use std::time::Duration;

use super::ledger::Entry;
use super::moment::Begun;
use super::trace::Asked;
use super::{Attempt, BackendError, BudgetLimit, Ledger, Stage, estimate_tokens};

/// The means by which a reply is held to its form, from the loosest to the strictest. The wording asks for JSON in each
/// of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReplyForm {
    /// By the wording alone.
    Text,
    /// By the provider's JSON mode.
    Json,
    /// By the provider, to the request's [`schema`](CompletionRequest::schema).
    Schema,
}

/// One request to a model. Everything that shapes the reply is in here, so equal requests may share a reply.
///
/// Two requests are equal when a model would be asked the same; [`about`](Self::about) does not count.
#[derive(Clone)]
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
    /// The means to hold the reply to its form: at most what
    /// [`LlmBackend::capabilities`](super::LlmBackend::capabilities) allows, and less after a
    /// [`BackendError::Unsupported`]. Without a schema nothing is held.
    pub form: ReplyForm,
    /// The number of likeliest tokens to report for each place of the reply
    /// ([`Completion::tokens`](super::Completion::tokens)), at most 20; 0 for none. What asks for them does without where a provider
    /// reports none.
    pub logprobs: u8,
    /// Ids of the interactions whose text is in the messages, `query` for a new query's. Not sent: it names a request in
    /// errors and finds what to purge.
    pub about: Vec<String>,
    pub(crate) entry: Option<Entry>,
    /// When it, or its operation, began.
    pub(crate) begun: Option<Begun>,
    /// Who is asked, for spans.
    pub(crate) asked: Asked,
}

impl PartialEq for CompletionRequest {
    fn eq(&self, other: &Self) -> bool {
        self.stage == other.stage
            && self.messages == other.messages
            && self.schema == other.schema
            && self.max_tokens == other.max_tokens
            && self.temperature.to_bits() == other.temperature.to_bits()
            && self.seed == other.seed
            && self.form == other.form
            && self.logprobs == other.logprobs
    }
}

/// As many as providers report.
const MOST_LOGPROBS: u8 = 20;

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The author.
    pub role: Role,
    /// The text.
    pub content: String,
}

/// The author of a [`Message`].
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
#[derive(Clone, PartialEq)]
pub struct ReplySchema {
    /// A name of letters and underscores.
    pub name: &'static str,
    /// The schema.
    pub schema: serde_json::Value,
}

impl CompletionRequest {
    /// A request with temperature 0 and no seed.
    pub fn new(stage: Stage, messages: Vec<Message>, max_tokens: u32) -> Self {
        Self {
            stage,
            messages,
            schema: None,
            max_tokens,
            temperature: 0.0,
            seed: None,
            form: ReplyForm::Schema,
            logprobs: 0,
            about: Vec::new(),
            entry: None,
            begun: None,
            asked: Asked::default(),
        }
    }

    /// Returns the number of tokens of its prompt: each message's text as
    /// [`estimate_tokens`](crate::llm::estimate_tokens) counts it, and 4 for its frame. What a provider adds for a schema
    /// is not in it.
    pub fn input_tokens(&self) -> u64 {
        self.messages.iter().map(|message| estimate_tokens(&message.content) + 4).sum()
    }

    /// Names the interactions whose text the request holds.
    #[must_use]
    pub fn about(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.about = ids.into_iter().map(Into::into).collect();
        self
    }

    /// Enters that the request was answered without an attempt, from a reply that was paid for before.
    pub fn reused(&self) {
        if let Some(entry) = &self.entry {
            entry.ledger().enter_reuse(self.stage);
        }
    }

    /// Enters one attempt to answer this request in the account of the operation it belongs to; after the first one, as a
    /// retry. Only for backends that [meter](super::LlmBackend::meters) their attempts themselves.
    ///
    /// # Errors
    /// [`BackendError::Budget`] when the attempt could exceed the operation's budget. It must not be made then.
    pub fn begin(&self) -> Result<Attempt, BackendError> {
        let mut attempt = self.reserve()?;
        attempt.sent(self);
        Ok(attempt)
    }

    /// The same for an attempt that has to wait for its turn: what it is seen by begins when it is [sent](Attempt::sent).
    pub(super) fn reserve(&self) -> Result<Attempt, BackendError> {
        match &self.entry {
            Some(entry) => entry.begin(self),
            None => Ok(Attempt::unmetered()),
        }
    }

    /// True where someone listens to the reply while it is written: a backend that can stream does so then, and tells of each piece
    /// by [`hear`](Self::hear). It returns the whole reply all the same.
    pub fn is_heard(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.ledger().listener(self).is_some())
    }

    /// Tells whoever listens of the next piece of the reply, as the model gives it. Without a listener it does nothing.
    pub fn hear(&self, piece: &str) {
        let Some(entry) = self.entry.as_ref().filter(|_| !piece.is_empty()) else { return };
        entry.enter_heard();
        if let Some(listener) = entry.ledger().listener(self) {
            listener.hear(piece);
        }
    }

    /// The time that the operation's budget leaves; `None` when it sets none. A backend that can wait should wait no longer,
    /// and answers a request without time left with [`BackendError::Budget`] and [`BudgetLimit::Time`].
    pub fn time_left(&self) -> Option<Duration> {
        self.entry.as_ref()?.ledger().time_left()
    }

    /// Puts the request into this account, without an attempt yet: [`begin`](Self::begin) then enters them there.
    #[must_use]
    pub fn entered(mut self, ledger: &Ledger) -> Self {
        self.entry = Some(Entry::new(ledger.clone()));
        self.begun = Some(ledger.begun());
        // In another account it is seen by its own calls, or each would be seen twice.
        self.asked = Asked::default();
        self
    }

    /// The attempts entered for it so far.
    #[cfg(feature = "resilience")]
    pub(crate) fn attempts(&self) -> u32 {
        self.entry.as_ref().map_or(0, Entry::attempts)
    }

    /// Checks that the operation has time left, for a backend that waits before it sends.
    ///
    /// # Errors
    /// [`BackendError::Budget`] when the time is over.
    pub fn in_time(&self) -> Result<(), BackendError> {
        match self.time_left() {
            Some(left) if left.is_zero() => Err(BackendError::Budget { limit: BudgetLimit::Time }),
            _ => Ok(()),
        }
    }

    /// Enters that it is given up, after an attempt or none, because the operation's time is over.
    #[cfg(feature = "resilience")]
    pub(crate) fn give_up(&self) -> BackendError {
        if let Some(entry) = &self.entry {
            entry.ledger().enter_withheld(self.stage, BudgetLimit::Time);
        }
        BackendError::Budget { limit: BudgetLimit::Time }
    }

    /// Asks for so many of the likeliest tokens at each place of the reply, at most 20.
    #[must_use]
    pub fn logprobs(mut self, likeliest: u8) -> Self {
        self.logprobs = likeliest.min(MOST_LOGPROBS);
        self
    }

    /// Asks for this shape of reply.
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

impl fmt::Debug for CompletionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionRequest")
            .field("stage", &self.stage)
            .field("messages", &self.messages)
            .field("schema", &self.schema.as_ref().map(|schema| schema.name))
            .field("max_tokens", &self.max_tokens)
            .field("temperature", &self.temperature)
            .field("seed", &self.seed)
            .field("form", &self.form)
            .field("logprobs", &self.logprobs)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role).field("bytes", &self.content.len()).finish()
    }
}

impl fmt::Debug for ReplySchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplySchema").field("name", &self.name).finish_non_exhaustive()
    }
}
