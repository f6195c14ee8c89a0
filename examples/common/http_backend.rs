//! An [`LlmBackend`] for any server with an OpenAI-compatible `/v1/chat/completions`, over plain HTTP.
//!
//! | variable | meaning |
//! |---|---|
//! | `RPM_BASE_URL` | such as `http://127.0.0.1:8080/v1` (with or without `/v1`) |
//! | `RPM_MODEL` | the model's name, as the server knows it |
//! | `RPM_API_KEY` | optional; sent as a bearer token |
//! | `RPM_FORM` | optional: `schema` (the default), `json` or `text`, the strictest form the server can hold replies to |
//! | `RPM_LOG` | optional directory that keeps every reply, so that an interrupted run asks only for what is missing |
//!
//! `http` only: `ureq` is built without TLS here. For `https`, enable its `rustls` feature and drop the check in
//! [`HttpBackend::from_env`]. The calls block, which suits a program that drives one future at a time; on an async
//! runtime use that runtime's own client. The files in `RPM_LOG` hold whole prompts, so they hold the user's texts.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rpm_core::{
    BackendError, BoxError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, Message, ReplyForm,
    Usage, async_trait,
};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(600);
const LONGEST_BODY: u64 = 16 * 1024 * 1024;

/// A chat server, by the variables above.
pub(crate) struct HttpBackend {
    agent: ureq::Agent,
    endpoint: String,
    model: String,
    key: Option<String>,
    form: ReplyForm,
    log: Option<PathBuf>,
}

/// What went wrong between here and the server. No text of a request or a reply is in it.
#[derive(Debug)]
pub(crate) enum HttpError {
    /// A variable is missing or cannot be used.
    Setting(&'static str),
    /// The server answered with another status than 200.
    Status(u16),
    /// The reply is no chat completion.
    NotACompletion,
    /// The reply holds no text.
    EmptyReply,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(problem) => f.write_str(problem),
            Self::Status(status) => write!(f, "the server answered with status {status}"),
            Self::NotACompletion => f.write_str("the server's reply is no chat completion"),
            Self::EmptyReply => f.write_str("the server's reply holds no text"),
        }
    }
}

impl std::error::Error for HttpError {}

/// A reply that was not a completion: its status, the wait it asks for, and its JSON if it was that.
struct Refusal {
    status: u16,
    retry_after: Option<Duration>,
    body: Value,
}

impl HttpBackend {
    /// The backend that the environment names; `None` when `RPM_BASE_URL` is unset.
    pub(crate) fn from_env() -> Result<Option<Self>, HttpError> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let Some(base) = set("RPM_BASE_URL") else {
            return Ok(None);
        };
        if !base.starts_with("http://") {
            return Err(HttpError::Setting("RPM_BASE_URL must start with http:// (built without TLS)"));
        }
        let base = base.trim().trim_end_matches('/');
        let version = if base.ends_with("/v1") { "" } else { "/v1" };
        let model = set("RPM_MODEL").ok_or(HttpError::Setting("set RPM_MODEL to the model's name"))?;
        let form = match set("RPM_FORM").as_deref() {
            None | Some("schema") => ReplyForm::Schema,
            Some("json") => ReplyForm::Json,
            Some("text") => ReplyForm::Text,
            Some(_) => return Err(HttpError::Setting("RPM_FORM must be schema, json or text")),
        };
        let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Ok(Some(Self {
            agent: agent.new_agent(),
            endpoint: format!("{base}{version}/chat/completions"),
            model,
            key: set("RPM_API_KEY"),
            form,
            log: set("RPM_LOG").map(PathBuf::from),
        }))
    }

    fn body(&self, request: &CompletionRequest) -> Value {
        let message = |message: &Message| json!({"role": message.role.as_str(), "content": message.content});
        let mut body = json!({
            "model": self.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        });
        if let Some(seed) = request.seed {
            body["seed"] = json!(seed);
        }
        match (&request.schema, request.form) {
            (Some(reply), ReplyForm::Schema) => {
                let schema = json!({"name": reply.name, "strict": true, "schema": reply.schema});
                body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
            }
            (Some(_), ReplyForm::Json) => body["response_format"] = json!({"type": "json_object"}),
            _ => {}
        }
        body
    }

    fn send(&self, body: &Value) -> Result<Value, BackendError> {
        let mut request = self.agent.post(&self.endpoint);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = request.send_json(body).map_err(unsent)?;
        let status = response.status().as_u16();
        let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let text = response.body_mut().with_config().limit(LONGEST_BODY).read_to_string().map_err(unsent)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status == 200 {
            return Ok(body);
        }
        Err(refused(&Refusal { status, retry_after: seconds.map(Duration::from_secs), body }))
    }
}

/// Whether a request that got no answer is worth another try.
fn unsent(error: ureq::Error) -> BackendError {
    use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
    match error {
        Io(_) | Timeout(_) | ConnectionFailed | HostNotFound | Protocol(_) => BackendError::transient(error),
        _ => BackendError::permanent(error),
    }
}

fn refused(refusal: &Refusal) -> BackendError {
    let source: BoxError = Box::new(HttpError::Status(refusal.status));
    let named = |field: &str, name: &str| refusal.body["error"][field].as_str() == Some(name);
    match refusal.status {
        429 | 500..=599 => BackendError::Transient { retry_after: refusal.retry_after, source },
        400 if named("type", "exceed_context_size_error") || named("code", "context_length_exceeded") => {
            BackendError::prompt_too_long(source)
        }
        _ => BackendError::permanent(source),
    }
}

fn completion(reply: &Value) -> Result<Completion, HttpError> {
    let choice = &reply["choices"][0];
    let message = choice["message"].as_object().ok_or(HttpError::NotACompletion)?;
    let text = message.get("content").and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        return Err(HttpError::EmptyReply);
    }
    let finish = match choice["finish_reason"].as_str() {
        Some("length") => FinishReason::Length,
        Some("content_filter") => FinishReason::Filtered,
        _ => FinishReason::Stop,
    };
    let done = Completion::new(text).finish(finish);
    let usage = &reply["usage"];
    let (Some(input_tokens), Some(output_tokens)) =
        (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64())
    else {
        return Ok(done);
    };
    let cached_tokens = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
    Ok(done.usage(Usage { input_tokens, output_tokens, cached_tokens }))
}

/// The file that keeps the reply to this body: 128-bit FNV-1a of its bytes, the same on every machine.
fn log_file(directory: &Path, body: &Value) -> PathBuf {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in body.to_string().bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    directory.join(format!("{hash:032x}.json"))
}

/// The kept reply to this body. A file that cannot be read is as good as none.
fn recall(file: &Path, body: &Value) -> Option<Completion> {
    let kept: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    (kept["request"] == *body).then(|| completion(&kept["reply"]).ok()).flatten()
}

/// Writes beside the file and renames, so that a file is whole or absent.
fn keep(file: &Path, body: &Value, reply: &Value) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let unfinished = file.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&unfinished, json!({"request": body, "reply": reply}).to_string())?;
    fs::rename(unfinished, file)
}

#[async_trait]
impl LlmBackend for HttpBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let body = self.body(request);
        let file = self.log.as_deref().map(|directory| log_file(directory, &body));
        if let Some(kept) = file.as_deref().and_then(|file| recall(file, &body)) {
            return Ok(kept);
        }
        let reply = self.send(&body)?;
        let done = completion(&reply).map_err(BackendError::permanent)?;
        if let Some(file) = file {
            keep(&file, &body, &reply).map_err(BackendError::permanent)?;
        }
        Ok(done)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::up_to(self.form)
    }

    fn name(&self) -> &str {
        &self.model
    }
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|_| "set");
        f.debug_struct("HttpBackend")
            .field("endpoint", &self.endpoint)
            .field("model", &self.model)
            .field("key", &key)
            .field("log", &self.log.is_some())
            .finish_non_exhaustive()
    }
}
