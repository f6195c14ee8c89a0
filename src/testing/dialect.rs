//! The form of an API, as a mock server needs it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::server::{Canned, Sent};
use crate::llm::{BackendError, ReplyForm, Role};

/// The form of one API, its requests and its answers, by which a mock server stands in for it.
pub trait MockDialect: Send + Sync {
    /// The end of the base URL, from the slash: the adapter is given the server's URL with it.
    fn base_path(&self) -> &'static str;

    /// The body of an answer.
    fn reply(&self, reply: &Recorded) -> Value;

    /// Answers that the API gives to requests it cannot fulfil, each with what it means. `echo` goes into each where the
    /// API would put words of its own, since providers repeat what they were sent.
    fn refusals(&self, echo: &str) -> Vec<(&'static str, Canned, Expected)>;

    /// Reads a request; `None` when it is not one of this API.
    fn read(&self, sent: &Sent) -> Option<Asked>;

    /// The strictest form that the API holds a reply to where this one is wanted.
    fn holds(&self, form: ReplyForm) -> ReplyForm {
        form
    }

    /// True when the API takes a seed.
    fn takes_seed(&self) -> bool {
        true
    }
}

/// An answer to be given.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Recorded<'a> {
    /// The reply's text; `None` is null, or what the API has for it.
    pub text: Option<&'a str>,
    /// Why it ended.
    pub ending: Ending,
    /// False leaves the tokens out. Otherwise they are 100 of the prompt, 40 of them from the cache, and 10 of the reply, 3 of
    /// them for reasoning.
    pub metered: bool,
}

impl<'a> Recorded<'a> {
    /// A reply that ended by itself, with its tokens.
    pub fn new(text: &'a str) -> Self {
        Self { text: Some(text), ending: Ending::Done, metered: true }
    }

    /// The reply, ended otherwise.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The model was done.
    Done,
    /// At the length limit.
    Cut,
    /// The provider's filter took it.
    Filtered,
    /// The model refused.
    Refused,
}

/// A request as it was read.
#[derive(Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of a request")]
pub struct Asked {
    pub model: String,
    pub messages: Vec<(Role, String)>,
    pub max_tokens: u64,
    pub temperature: f64,
    pub seed: Option<u64>,
    pub form: ReplyForm,
    pub schema: Option<Value>,
}

/// The outcome that an adapter is to report for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// [`BackendError::Transient`] with this time to wait.
    Transient(Option<Duration>),
    /// [`BackendError::Permanent`].
    Permanent,
    /// [`BackendError::PromptTooLong`].
    PromptTooLong,
    /// [`BackendError::Unsupported`] with the request's form, which was [`ReplyForm::Schema`].
    Unsupported,
    /// Any error.
    Failure,
}

impl Expected {
    pub(super) fn is(self, error: &BackendError) -> bool {
        match (self, error) {
            (Self::Transient(wanted), BackendError::Transient { retry_after, .. }) => wanted == *retry_after,
            (Self::Permanent, BackendError::Permanent { .. })
            | (Self::PromptTooLong, BackendError::PromptTooLong { .. })
            | (Self::Unsupported, BackendError::Unsupported { form: ReplyForm::Schema, .. })
            | (Self::Failure, _) => true,
            _ => false,
        }
    }
}

/// A message's role by its name in an API.
pub(super) fn role(name: &Value) -> Option<Role> {
    match name.as_str()? {
        "system" => Some(Role::System),
        "user" => Some(Role::User),
        "assistant" | "model" => Some(Role::Assistant),
        _ => None,
    }
}

/// The text of a message, which an API takes as it is or in parts.
pub(super) fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts.iter().map(|part| part.get("text")?.as_str()).collect(),
        _ => None,
    }
}

impl fmt::Debug for Recorded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("bytes", &self.text.map(str::len))
            .field("ending", &self.ending)
            .field("metered", &self.metered)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("model", &self.model)
            .field("messages", &self.messages.len())
            .field("max_tokens", &self.max_tokens)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
