use std::fmt::{self, Write as _};
use std::io;
use std::time::Duration;

use serde_json::json;

use super::checks;
use super::{Canned, MockDialect, MockServer, Sent};
use crate::llm::{BackendError, Completion, CompletionRequest, LlmBackend, Message, ReplySchema, Stage};

/// Where an adapter is to send its requests, and as whom.
#[derive(Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The mock server's base URL.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// A key, which must be in nothing but the request's headers.
    pub key: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Why a backend or a retriever does not conform.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// What it breaks, each with the check that found it.
    #[error("{} of {checks} checks failed:\n{}", failed.len(), failed.join("\n"))]
    Broken {
        /// How many checks were made.
        checks: usize,
        /// A line for each that failed.
        failed: Vec<String>,
    },
    /// No mock server could be started.
    #[error("no mock server could be started")]
    Server(#[from] io::Error),
    /// The suite's own data was refused.
    #[error("the suite's own data was refused")]
    Data(#[from] crate::data::DataError),
}

/// Checks a backend against mock servers of its API, and returns how many checks it passed. Needs whatever runtime the
/// backend needs, and takes about a second.
///
/// Checked are: what goes over the wire (model, messages in order, length limit, temperature, seed, and the schema or JSON
/// mode in their place), the exact text of replies, tokens, finish reasons; that every failure is an error of the right
/// kind with its time to wait; that neither key, prompt nor reply is in any error, its `Debug` or its causes; that no
/// redirect is followed; the order of a batch; and that a dropped future closes its connection.
///
/// `make` is called once for each server. The backend must make one attempt for each request.
///
/// # Errors
/// [`ConformanceError::Broken`] with every check that failed.
pub async fn backend_conformance<B, F>(make: F, dialect: &dyn MockDialect) -> Result<usize, ConformanceError>
where
    B: LlmBackend,
    F: Fn(&Setup) -> B,
{
    let mut run = Run { make, dialect, checks: 0, failed: Vec::new() };
    checks::requests(&mut run).await?;
    checks::replies(&mut run).await?;
    checks::refusals(&mut run).await?;
    checks::connections(&mut run).await?;
    checks::batches(&mut run).await?;
    match run.failed {
        failed if failed.is_empty() => Ok(run.checks),
        failed => Err(ConformanceError::Broken { checks: run.checks, failed }),
    }
}

pub(super) const MODEL: &str = "conformance-model";
pub(super) const KEY: &str = "conformance-key-51c9";
pub(super) const PROMPT: &str = "conformance-prompt-7f3a";
pub(super) const ITEM: &str = "conformance-item-88d2";
/// What is long enough for a mock server on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(10);

/// One run of the suite.
pub(super) struct Run<'a, F> {
    make: F,
    pub(super) dialect: &'a dyn MockDialect,
    checks: usize,
    failed: Vec<String>,
}

impl<B: LlmBackend, F: Fn(&Setup) -> B> Run<'_, F> {
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        self.checks += 1;
        if !passed {
            self.failed.push(format!("- {name}"));
        }
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
        (self.make)(&Setup { base_url, model: MODEL.to_owned(), key: KEY.to_owned(), timeout })
    }

    /// Checks that an answer is taken for an error of the right kind that says nothing it must not say.
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

/// An error with all its causes, in every way it may be printed.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let _ = write!(text, "{error} {error:?} {error:#?} ");
        next = error.source();
    }
    text
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
