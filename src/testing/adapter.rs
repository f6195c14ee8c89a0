//! One run of the suite of backends: the adapter under test and the requests that it is given.

use std::fmt;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::dialect::MockDialect;
use super::error::with_causes;
use super::server::{Canned, MockServer, Sent};
use super::tally::Tally;
use crate::llm::{BackendError, Completion, CompletionRequest, LlmBackend, Message, ReplySchema, Stage};

/// The address, identity and patience that an adapter under test is given.
#[derive(Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The mock server's base URL.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// A key, which must be in nothing but the request's headers.
    pub key: String,
    /// The time that an answer may take.
    pub timeout: Duration,
}

impl Setup {
    /// An adapter's address as the suite gives it, for tests beside the suite: the suite's own model and key, and ten seconds.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), model: MODEL.to_owned(), key: KEY.to_owned(), timeout: LONG }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The model that an adapter is to ask.
pub(super) const MODEL: &str = "conformance-model";
/// A key that must be in nothing but headers.
pub(super) const KEY: &str = "conformance-key-51c9";
/// Words of every prompt, which must be in no error.
pub(super) const PROMPT: &str = "conformance-prompt-7f3a";
/// The id of an item, which must not be sent.
pub(super) const ITEM: &str = "conformance-item-88d2";
/// A timeout that is long enough for a mock server on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// One run of the suite.
pub(super) struct Run<'a, F> {
    pub(super) make: F,
    pub(super) dialect: &'a dyn MockDialect,
    pub(super) tally: Tally,
}

impl<B: LlmBackend, F: Fn(&Setup) -> B> Run<'_, F> {
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        self.tally.check(name, passed);
    }

    /// A server and a backend that asks it.
    pub(super) fn against(
        &self,
        timeout: Duration,
        answer: impl Fn(&Sent) -> Canned + Send + Sync + 'static,
    ) -> io::Result<(MockServer, B)> {
        let server = MockServer::start(answer)?;
        let backend = self.at(&server.url(), timeout);
        Ok((server, backend))
    }

    pub(super) fn at(&self, url: &str, timeout: Duration) -> B {
        let base_url = format!("{url}{}", self.dialect.base_path());
        (self.make)(&Setup { timeout, ..Setup::new(base_url) })
    }

    /// Checks that an answer is taken for an error of the right kind, without key or prompt in it.
    pub(super) fn check_error(
        &mut self,
        name: &str,
        result: &Result<Completion, BackendError>,
        right: impl Fn(&BackendError) -> bool,
    ) {
        self.check(&format!("{name}: the right kind of error"), result.as_ref().is_err_and(right));
        if let Err(error) = result {
            let shown = with_causes(error);
            let silent = [KEY, PROMPT].iter().all(|secret| !shown.contains(secret));
            self.check(&format!("{name}: no key, prompt or reply in the error"), silent);
        }
    }
}

/// A request that uses everything a request has.
pub(super) fn request(text: &str) -> CompletionRequest {
    let item = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "kind"],
        "properties": {
            "name": { "type": "string", "maxLength": 60 },
            "kind": { "type": "string", "enum": ["one", "other"] },
        },
    });
    let items = json!({ "type": "array", "items": item, "minItems": 2, "maxItems": 2 });
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["items"], "properties": { "items": items },
    });
    let messages = vec![
        Message::system("Reply with JSON."),
        Message::user(format!("{text} \"quoted\"\n\u{1F3B5} {PROMPT}")),
        Message::assistant("{}"),
        Message::user("Again, please."),
    ];
    let schema = ReplySchema { name: "conformance", schema };
    let mut request = CompletionRequest::new(Stage::Answer, messages, 321).schema(schema).about([ITEM]);
    request.temperature = 0.7;
    request.seed = Some(7);
    request
}
