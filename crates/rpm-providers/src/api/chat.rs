//! The parts that all chat backends share.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::ApiKey;
use super::http::{Answer, Endpoint};
use crate::asking::{CONCURRENCY, held, in_order};
use crate::failure::{Fault, ProviderError, Wanted, refusal};
use rpm_core::llm::{
    BackendError, Completion, CompletionRequest, Endpoint as Asked, FinishReason, ReplyForm, TokenChoices, Usage,
};

/// Local models are slow, and reasoning ones think long.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// One API: its URL, headers, body and answer.
pub(super) trait Dialect: Clone + Send + Sync {
    /// The URL of requests.
    fn url(&self, endpoint: &Endpoint, model: &str) -> Url;
    /// The headers besides the content type.
    fn headers(&self, key: Option<&ApiKey>) -> Option<Vec<(HeaderName, HeaderValue)>>;
    /// The request, but for what the host sets.
    fn body(&self, endpoint: &Endpoint, model: &str, request: &CompletionRequest) -> Map<String, Value>;
    /// The reply in a successful answer; `None` when it is not of this API.
    fn read(&self, body: &[u8]) -> Option<Reply>;
    /// The fields that have an answer come in pieces; `None` where that cannot be.
    fn streaming(&self) -> Option<Map<String, Value>> {
        None
    }
    /// Takes an event of a stream into the whole answer, and gives the text that it brings; `None` for one that cannot be read.
    fn take(&self, whole: &mut Streamed, event: &[u8]) -> Option<String> {
        let _ = (whole, event);
        None
    }
    /// How a reply ended, by the API's word for it.
    fn finish(&self, word: Option<&str>, is_refused: bool) -> FinishReason;
    /// The form a request holds its reply to, if any.
    fn held(&self, request: &CompletionRequest) -> Option<ReplyForm> {
        held(request).map(|(form, _)| form)
    }
    /// What a request wants of its reply that the provider may refuse. Default: no probabilities of tokens.
    fn wanted(&self, request: &CompletionRequest) -> Wanted {
        Wanted { form: self.held(request), logprobs: false }
    }
}

/// The reply in an answer.
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) finish: FinishReason,
    pub(super) usage: Option<Usage>,
    /// Of the tokens received, those of hidden reasoning.
    pub(super) reasoning: Option<u64>,
    pub(super) tokens: Vec<TokenChoices>,
}

/// What came of an answer in pieces.
#[derive(Default)]
pub(super) struct Streamed {
    pub(super) text: String,
    pub(super) is_refused: bool,
    /// Why it ended, in the API's word; `None` while it goes on.
    pub(super) finish: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) reasoning: Option<u64>,
    pub(super) tokens: Vec<TokenChoices>,
    /// The event that says that it failed.
    pub(super) failed: Option<Vec<u8>>,
}

/// One model behind one endpoint.
#[derive(Clone)]
pub(super) struct Chat<D> {
    pub(super) dialect: D,
    endpoint: Endpoint,
    model: String,
    key: Option<ApiKey>,
    concurrency: usize,
    form: ReplyForm,
    fields: BTreeMap<String, Value>,
    identity: String,
}

impl<D: Dialect> Chat<D> {
    pub(super) fn new(dialect: D, endpoint: Endpoint, model: String) -> Self {
        Self {
            dialect,
            endpoint,
            model,
            key: None,
            concurrency: CONCURRENCY,
            form: ReplyForm::Schema,
            fields: BTreeMap::new(),
            identity: String::new(),
        }
        .identified()
    }

    pub(super) fn key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.endpoint.timeout = timeout;
        self
    }

    pub(super) fn insecure_http(mut self) -> Self {
        self.endpoint.insecure = true;
        self
    }

    /// Checks what a request would refuse anyway.
    pub(super) fn checked(self) -> Result<Self, ProviderError> {
        self.endpoint.guards(self.key.as_ref())?;
        Ok(self)
    }

    /// What may be shown: the model, and the base URL without its path.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}@{}", self.endpoint.provider(), self.model, self.endpoint.origin())
    }

    pub(super) fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests.max(1);
        self
    }

    pub(super) fn longest_answer(mut self, bytes: usize) -> Self {
        self.endpoint.longest = bytes;
        self
    }

    pub(super) fn form(mut self, strictest: ReplyForm) -> Self {
        self.form = strictest;
        self
    }

    pub(super) fn strictest(&self) -> ReplyForm {
        self.form
    }

    pub(super) fn set(mut self, field: String, value: Value) -> Self {
        self.fields.insert(field, value);
        self.identified()
    }

    pub(super) fn provider(&self) -> &'static str {
        self.endpoint.provider()
    }

    /// Who is asked, by the names of OpenTelemetry's conventions.
    pub(super) fn asked(&self) -> Asked<'_> {
        self.endpoint.asked().model(&self.model)
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Renews the name under which replies are logged: provider, model, base URL and what is set.
    fn identified(mut self) -> Self {
        self.identity = format!("{}/{}@{}", self.endpoint.provider(), self.model, self.endpoint.base());
        for (field, value) in &self.fields {
            let _ = write!(self.identity, " {field}={value}");
        }
        self
    }

    pub(super) async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        request.in_time()?;
        self.endpoint.guards(self.key.as_ref())?;
        let headers = self.dialect.headers(self.key.as_ref());
        let headers =
            headers.ok_or_else(|| self.endpoint.fault(Fault::Setting("the key cannot be sent in a header")))?;
        let mut body = self.dialect.body(&self.endpoint, &self.model, request);
        let streaming = self.dialect.streaming().filter(|_| request.is_heard());
        let streams = streaming.is_some();
        body.extend(streaming.into_iter().flatten());
        for (field, value) in &self.fields {
            put(&mut body, field, value);
        }
        let url = self.dialect.url(&self.endpoint, &self.model);
        let endpoint = self.endpoint.within(request.time_left());
        let mut whole = Streamed::default();
        let mut hear = |event: &[u8]| {
            let piece = self.dialect.take(&mut whole, event);
            if let Some(piece) = piece.as_deref().filter(|piece| !piece.is_empty()) {
                request.hear(piece);
            }
            piece.is_some()
        };
        let hear = streams.then_some(&mut hear as &mut (dyn FnMut(&[u8]) -> bool + Send));
        let mut answer = endpoint.post(url, headers, &Value::Object(body), hear).await?;
        if let Some(failed) = whole.failed.take() {
            answer.body = failed;
        } else if answer.streamed {
            let finish = whole.finish.take().ok_or_else(|| self.endpoint.fault(Fault::Broken))?;
            let reply = Some(Reply {
                finish: self.dialect.finish(Some(&finish), whole.is_refused),
                text: whole.text,
                usage: whole.usage,
                reasoning: whole.reasoning,
                tokens: whole.tokens,
            });
            return self.completion(&answer, reply, request);
        }
        let reply = if answer.status == 200 { self.dialect.read(&answer.body) } else { None };
        self.completion(&answer, reply, request)
    }

    fn completion(
        &self,
        answer: &Answer,
        reply: Option<Reply>,
        request: &CompletionRequest,
    ) -> Result<Completion, BackendError> {
        let Some(reply) = reply else {
            return Err(refusal(self.provider(), answer.refused(), self.dialect.wanted(request)));
        };
        // A reply that was cut before its first word was paid for; the finish reason tells the two apart.
        if reply.text.trim().is_empty() && reply.finish == FinishReason::Stop {
            return Err(self.endpoint.fault(Fault::Empty).into());
        }
        let tokens = if request.logprobs == 0 { Vec::new() } else { reply.tokens };
        let mut completion = Completion::new(reply.text).finish(reply.finish).tokens(tokens);
        completion.usage = reply.usage;
        completion.reasoning_tokens = reply.reasoning;
        Ok(completion)
    }

    pub(super) async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        in_order(requests.iter().map(|request| self.complete(request)), self.concurrency).await
    }
}

/// Sets a field of a body, one inside another by a dotted name; null takes the field out.
fn put(body: &mut Map<String, Value>, field: &str, value: &Value) {
    match field.split_once('.') {
        Some((outer, inner)) => {
            let nested = body.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(nested) = nested {
                put(nested, inner, value);
            }
        }
        None if value.is_null() => {
            body.remove(field);
        }
        None => {
            body.insert(field.to_owned(), value.clone());
        }
    }
}

/// The methods every provider has and its [`LlmBackend`](rpm_core::LlmBackend), over the `Chat` in its only field.
macro_rules! provider {
    ($name:ident) => {
        impl $name {
            /// Sends this key. Without one none is sent, as local servers want it.
            #[must_use]
            pub fn key(self, key: impl Into<ApiKey>) -> Self {
                Self(self.0.key(key.into()))
            }

            /// Sends the key also over plain HTTP to another machine, as inside a network that is trusted. Without this such a request
            /// is refused with [`BackendError::Permanent`](rpm_core::BackendError::Permanent); to this machine (`localhost`, `127.0.0.1`,
            /// `::1`) it never is.
            #[must_use]
            pub fn insecure_http(self) -> Self {
                Self(self.0.insecure_http())
            }

            /// The provider, where its key may go to its base URL.
            pub(super) fn permitted(self, insecure: bool) -> Result<Self, ProviderError> {
                let chat = if insecure { self.0.insecure_http() } else { self.0 };
                Ok(Self(chat.checked()?))
            }

            /// Waits at most this long for each answer, connecting included. Default: 120 s. What takes longer is
            /// [`BackendError::Transient`](rpm_core::BackendError::Transient).
            #[must_use]
            pub fn timeout(self, timeout: Duration) -> Self {
                Self(self.0.timeout(timeout))
            }

            /// Sends at most this many requests of a batch at once, from 1. Default: 4.
            #[must_use]
            pub fn concurrency(self, requests: usize) -> Self {
                Self(self.0.concurrency(requests))
            }

            /// Takes answers of at most this many bytes, the events of a stream counted together. Default: 4 MiB. A longer
            /// one is [`BackendError::Permanent`](rpm_core::BackendError::Permanent).
            #[must_use]
            pub fn longest_answer(self, bytes: usize) -> Self {
                Self(self.0.longest_answer(bytes))
            }

            /// The strictest form to hold replies to. Default: [`ReplyForm::Schema`]; an endpoint that refuses it is
            /// asked for less by itself. Set it for one that takes a schema and ignores it, or is slow with it.
            #[must_use]
            pub fn form(self, strictest: ReplyForm) -> Self {
                Self(self.0.form(strictest))
            }

            /// Sends this field in the body of every request, in place of the adapter's own; a dotted name goes into a
            /// nested object and null leaves the field out. Part of [`model`](rpm_core::LlmBackend::model), so it must
            /// hold no secret.
            ///
            /// Models that refuse a temperature take `.set("temperature", Value::Null)`.
            #[must_use]
            pub fn set(self, field: impl Into<String>, value: impl Into<Value>) -> Self {
                Self(self.0.set(field.into(), value.into()))
            }
        }

        #[async_trait]
        impl LlmBackend for $name {
            async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
                self.0.complete(request).await
            }

            async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
                self.0.complete_batch(requests).await
            }

            fn capabilities(&self) -> Capabilities {
                Capabilities::up_to(self.0.strictest())
            }

            fn model(&self) -> &str {
                self.0.identity()
            }

            fn endpoint(&self) -> rpm_core::llm::Endpoint<'_> {
                self.0.asked()
            }

            fn name(&self) -> &str {
                self.0.provider()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0.shown()).finish()
            }
        }
    };
}

pub(super) use provider;
