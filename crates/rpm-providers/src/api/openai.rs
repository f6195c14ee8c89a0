//! `OpenAI`'s chat API, and every server that offers it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::chat::{Chat, Dialect, Reply, Streamed, TIMEOUT, provider};
use super::http::Endpoint;
use super::{ApiKey, env};
use crate::asking::{decimal, held, without};
use crate::failure::{Fault, ProviderError, Wanted};
use crate::reading::{Count, First, Present, Record, Text, Words};
use crate::tokens::Logprobs;
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, ReplyForm, Usage,
};

pub(super) const OPENAI: &str = "openai";
const BASE: &str = "https://api.openai.com/v1";

/// `OpenAI`, and every server and gateway with its `/chat/completions`: vLLM, llama.cpp, Ollama, `LiteLLM`,
/// `OpenRouter`, …
///
/// The schema goes out as it is, marked `strict` where it meets the rules of strict mode and never rewritten to meet
/// them. `OpenAI` itself gets it without `maxLength` and the length limit as `max_completion_tokens`; everyone else
/// gets `max_tokens`.
///
/// Ollama drops the beginning of a prompt over its `num_ctx` without an error: set it as high as the model allows.
///
/// ```no_run
/// # fn main() -> Result<(), rpm_providers::ProviderError> {
/// use rpm_providers::OpenAiCompatible;
///
/// let local = OpenAiCompatible::new("http://127.0.0.1:8080/v1", "my-model")?;
/// let thinking = local.clone().set("reasoning_effort", "low");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct OpenAiCompatible(Chat<OpenAi>);

#[derive(Clone)]
struct OpenAi;

impl OpenAiCompatible {
    /// A model behind a base URL, which ends before `/chat/completions` (mostly in `/v1`).
    ///
    /// # Errors
    /// [`ProviderError`] when the URL cannot be used, or is `https` without the crate feature `tls` or `tls-native`.
    pub fn new(base_url: &str, model: impl Into<String>) -> Result<Self, ProviderError> {
        Ok(Self(Chat::new(OpenAi, Endpoint::new(OPENAI, base_url, TIMEOUT)?, model.into())))
    }

    /// A model by the variables `OPENAI_BASE_URL` (default: `OpenAI`'s own) and `OPENAI_API_KEY`, which may be unset
    /// only where the base is.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and when neither is set.
    pub fn from_env(model: impl Into<String>) -> Result<Self, ProviderError> {
        Self::by(env, model)
    }

    pub(super) fn by(env: impl Fn(&str) -> Option<String>, model: impl Into<String>) -> Result<Self, ProviderError> {
        let (base, key) = (env("OPENAI_BASE_URL"), env("OPENAI_API_KEY"));
        if base.is_none() && key.is_none() {
            return Err(ProviderError::new(OPENAI, Fault::Setting("OPENAI_API_KEY is not set")));
        }
        let provider = Self::new(base.as_deref().unwrap_or(BASE), model)?;
        Ok(match key {
            Some(key) => provider.key(key),
            None => provider,
        })
    }
}

provider!(OpenAiCompatible);

/// The key as this dialect sends it. `None` when it cannot be sent.
pub(super) fn bearer(key: Option<&ApiKey>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    match key {
        Some(key) => Some(vec![(AUTHORIZATION, key.header("Bearer ")?)]),
        None => Some(Vec::new()),
    }
}

/// True for the endpoints of the API's owner, which refuse what other servers want.
fn own(endpoint: &Endpoint) -> bool {
    endpoint.host() == "openai.com"
        || [".openai.com", ".openai.azure.com"].iter().any(|end| endpoint.host().ends_with(end))
}

impl Dialect for OpenAi {
    fn url(&self, endpoint: &Endpoint, _: &str) -> Url {
        endpoint.at(&["chat", "completions"])
    }

    fn headers(&self, key: Option<&ApiKey>) -> Option<Vec<(HeaderName, HeaderValue)>> {
        bearer(key)
    }

    fn body(&self, endpoint: &Endpoint, model: &str, request: &CompletionRequest) -> Map<String, Value> {
        let own = own(endpoint);
        let messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| json!({ "role": message.role.as_str(), "content": message.content }))
            .collect();
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        body.insert("messages".into(), messages.into());
        body.insert(if own { "max_completion_tokens" } else { "max_tokens" }.into(), request.max_tokens.into());
        body.insert("temperature".into(), decimal(request.temperature).into());
        if let Some(seed) = request.seed {
            // Servers read it as a signed number.
            body.insert("seed".into(), (seed & (u64::MAX >> 1)).into());
        }
        if request.logprobs > 0 {
            body.insert("logprobs".into(), true.into());
            body.insert("top_logprobs".into(), request.logprobs.into());
        }
        match held(request) {
            Some((ReplyForm::Schema, schema)) => {
                let plain =
                    if own { without(&schema.schema, &|name, _| name == "maxLength") } else { schema.schema.clone() };
                let strict = is_strict(&plain);
                let format = json!({ "name": schema.name, "strict": strict, "schema": plain });
                body.insert("response_format".into(), json!({ "type": "json_schema", "json_schema": format }));
            }
            Some((ReplyForm::Json, _)) => {
                body.insert("response_format".into(), json!({ "type": "json_object" }));
            }
            Some((ReplyForm::Text, _)) | None => {}
        }
        body
    }

    fn read(&self, body: &[u8]) -> Option<Reply> {
        let body: Body = serde_json::from_slice::<Record<Body>>(body).ok()?.0?;
        let choice = body.choices.0?.0?;
        let message = choice.message.0?;
        let is_refused = !message.refusal.0.is_empty();
        Some(Reply {
            text: message.content.0,
            finish: self.finish(choice.finish_reason.0.as_deref(), is_refused),
            usage: body.usage.0.as_ref().and_then(Counts::usage),
            reasoning: body.usage.0.as_ref().and_then(Counts::reasoning),
            tokens: choice.logprobs.0.map(Logprobs::choices).unwrap_or_default(),
        })
    }

    fn finish(&self, word: Option<&str>, is_refused: bool) -> FinishReason {
        match word {
            _ if is_refused => FinishReason::Filtered,
            Some("content_filter") => FinishReason::Filtered,
            Some("length") => FinishReason::Length,
            _ => FinishReason::Stop,
        }
    }

    fn streaming(&self) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        fields.insert("stream".into(), true.into());
        // Without it a stream does not say what it cost.
        fields.insert("stream_options".into(), json!({ "include_usage": true }));
        Some(fields)
    }

    fn take(&self, whole: &mut Streamed, event: &[u8]) -> Option<String> {
        let Some(body) = serde_json::from_slice::<Record<Body>>(event).ok()?.0 else { return Some(String::new()) };
        if body.error.0 {
            whole.failed = Some(event.to_vec());
            return Some(String::new());
        }
        whole.reasoning = body.usage.0.as_ref().and_then(Counts::reasoning).or(whole.reasoning);
        whole.usage = body.usage.0.as_ref().and_then(Counts::usage).or(whole.usage);
        let Some(piece) = body.choices.0.and_then(|choice| choice.0) else { return Some(String::new()) };
        whole.finish = piece.finish_reason.0.or(whole.finish.take());
        whole.tokens.extend(piece.logprobs.0.map(Logprobs::choices).unwrap_or_default());
        let said = piece.delta.0.unwrap_or_default();
        whole.is_refused |= !said.refusal.0.is_empty();
        whole.text.push_str(&said.content.0);
        Some(said.content.0)
    }

    fn wanted(&self, request: &CompletionRequest) -> Wanted {
        Wanted { form: self.held(request), logprobs: request.logprobs > 0 }
    }
}

/// An answer, or an event of one that comes in pieces.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Present,
    choices: First<Record<Choice>>,
    usage: Record<Counts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    message: Record<Said>,
    delta: Record<Said>,
    finish_reason: Text,
    logprobs: Record<Logprobs>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    content: Words,
    refusal: Words,
}

/// The tokens of an answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    prompt_tokens_details: Record<Details>,
    completion_tokens_details: Record<Details>,
    prompt_cache_hit_tokens: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Count,
    reasoning_tokens: Count,
}

impl Counts {
    fn reasoning(&self) -> Option<u64> {
        self.completion_tokens_details.0.as_ref()?.reasoning_tokens.0
    }

    /// Reasoning that a gateway counts beside the reply shows in the total.
    fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.prompt_tokens.0?, self.completion_tokens.0.unwrap_or_default());
        let total = self.total_tokens.0.unwrap_or_default();
        let cached = self.prompt_tokens_details.0.as_ref().and_then(|details| details.cached_tokens.0);
        let cached = cached.or(self.prompt_cache_hit_tokens.0).unwrap_or_default();
        Some(Usage {
            input_tokens: input,
            output_tokens: output.max(total.saturating_sub(input)),
            cached_tokens: cached,
        })
    }
}

/// True when strict mode takes the schema as it is: every object is closed and requires all its properties.
fn is_strict(schema: &Value) -> bool {
    let Some(members) = schema.as_object() else {
        return schema.as_array().is_none_or(|members| members.iter().all(is_strict));
    };
    let properties = members.get("properties").and_then(Value::as_object);
    let required: Vec<&str> =
        members.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let is_object = properties.is_some() || members.get("type").and_then(Value::as_str) == Some("object");
    let closed = !is_object || members.get("additionalProperties") == Some(&Value::Bool(false));
    let complete = properties.is_none_or(|p| p.keys().all(|name| required.contains(&name.as_str())));
    closed && complete && members.iter().filter(|(name, _)| *name != "enum").all(|(_, value)| is_strict(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rpm_core::llm::{Message, ReplySchema, Stage};

    #[test]
    fn only_the_apis_owner_gets_its_own_names_and_no_text_lengths() {
        let text = json!({ "type": "string", "maxLength": 9 });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["a"], "properties": { "a": text },
        });
        let request = CompletionRequest::new(Stage::Answer, vec![Message::user("What?")], 50);
        let request = request.schema(ReplySchema { name: "shape", schema });
        for (base, owner) in [
            ("http://api.openai.com/v1", true),
            ("http://me.openai.azure.com/openai/v1", true),
            ("http://127.0.0.1:8080/v1", false),
            ("http://notopenai.com/v1", false),
        ] {
            let endpoint = Endpoint::new(OPENAI, base, TIMEOUT);
            let body =
                endpoint.map(|endpoint| Value::Object(OpenAi.body(&endpoint, "m", &request))).unwrap_or_default();
            let length = body.pointer("/response_format/json_schema/schema/properties/a/maxLength");
            assert_eq!(length.is_none(), owner, "{base}");
            assert_eq!(body.pointer("/response_format/json_schema/strict"), Some(&Value::Bool(true)), "{base}");
            assert_eq!(body.get("max_completion_tokens").is_some(), owner, "{base}");
            assert_eq!(body.get("max_tokens").is_some(), !owner, "{base}");
        }
    }
}
