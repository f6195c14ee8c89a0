//! `OpenAI`'s chat API, and every server that offers it.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::chat::{Chat, Dialect, Reply, TIMEOUT, held, provider, tokens, without};
use super::classify::Wanted;
use super::error::Fault;
use super::http::Endpoint;
use super::{ApiKey, ProviderError, env};
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, ReplyForm, TokenChoices,
    TokenLogprob, Usage,
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
        body.insert("temperature".into(), super::decimal(request.temperature));
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

    fn read(&self, body: &Value) -> Option<Reply> {
        let choice = body.get("choices")?.get(0)?;
        let message = choice.get("message").filter(|message| message.is_object())?;
        let refused = message.get("refusal").and_then(Value::as_str).is_some_and(|refusal| !refusal.is_empty());
        let finish = match choice.get("finish_reason").and_then(Value::as_str) {
            _ if refused => FinishReason::Filtered,
            Some("content_filter") => FinishReason::Filtered,
            Some("length") => FinishReason::Length,
            _ => FinishReason::Stop,
        };
        let text = message.get("content").map(text).unwrap_or_default();
        let tokens = choice.pointer("/logprobs/content").and_then(Value::as_array);
        let tokens = tokens.into_iter().flatten().filter_map(choices).collect();
        Some(Reply { text, finish, usage: body.get("usage").and_then(usage), tokens })
    }

    fn streaming(&self) -> Option<Map<String, Value>> {
        let mut fields = Map::new();
        fields.insert("stream".into(), true.into());
        // Without it a stream does not say what it cost.
        fields.insert("stream_options".into(), json!({ "include_usage": true }));
        Some(fields)
    }

    fn take(&self, whole: &mut Value, event: &Value) -> Option<String> {
        if event.get("error").is_some_and(|error| !error.is_null()) {
            *whole = event.clone();
            return None;
        }
        if whole.is_null() {
            let choice = json!({ "message": { "content": "" }, "logprobs": { "content": [] } });
            *whole = json!({ "choices": [choice] });
        }
        if let Some(usage) = event.get("usage").filter(|usage| usage.is_object()) {
            whole.as_object_mut()?.insert("usage".into(), usage.clone());
        }
        let (choice, piece) = (whole.pointer_mut("/choices/0")?.as_object_mut()?, event.pointer("/choices/0")?);
        if let Some(finish) = piece.get("finish_reason").filter(|finish| finish.is_string()) {
            choice.insert("finish_reason".into(), finish.clone());
        }
        if let Some(Value::Array(told)) = choice.get_mut("logprobs").and_then(|logprobs| logprobs.get_mut("content")) {
            let more = piece.pointer("/logprobs/content").and_then(Value::as_array);
            told.extend(more.into_iter().flatten().cloned());
        }
        let said = |part: &str| piece.get("delta")?.get(part).map(text).filter(|said| !said.is_empty());
        for part in ["content", "refusal"] {
            let Some(said) = said(part) else { continue };
            let message = choice.get_mut("message")?.as_object_mut()?;
            let before = message.get(part).and_then(Value::as_str).unwrap_or_default();
            let so_far = format!("{before}{said}");
            message.insert(part.into(), so_far.into());
        }
        said("content")
    }

    fn is_whole(&self, whole: &Value) -> bool {
        whole.get("error").is_some_and(|error| !error.is_null()) || whole.pointer("/choices/0/finish_reason").is_some()
    }

    fn wanted(&self, request: &CompletionRequest) -> Wanted {
        Wanted { form: self.held(request), logprobs: request.logprobs > 0 }
    }
}

/// The text of a message. Some gateways send the parts of a multimodal reply.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// One place of a reply with the likeliest tokens there, the likeliest first.
fn choices(place: &Value) -> Option<TokenChoices> {
    let token = |token: &Value| {
        Some(TokenLogprob::new(token.get("token")?.as_str()?, token.get("logprob").and_then(Value::as_f64)?))
    };
    let chosen = token(place)?;
    let listed = place.get("top_logprobs").and_then(Value::as_array);
    let mut likeliest: Vec<TokenLogprob> = listed.into_iter().flatten().filter_map(token).collect();
    if likeliest.iter().all(|token| token.token != chosen.token) {
        likeliest.push(chosen.clone());
    }
    likeliest.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    Some(TokenChoices::new(chosen.token, likeliest))
}

/// Tokens of an answer. Reasoning that a gateway counts beside the reply shows in the total.
fn usage(usage: &Value) -> Option<Usage> {
    let (input, output) = (tokens(usage, "/prompt_tokens")?, tokens(usage, "/completion_tokens").unwrap_or_default());
    let total = tokens(usage, "/total_tokens").unwrap_or_default();
    let cached = tokens(usage, "/prompt_tokens_details/cached_tokens");
    let cached = cached.or_else(|| tokens(usage, "/prompt_cache_hit_tokens")).unwrap_or_default();
    Some(Usage { input_tokens: input, output_tokens: output.max(total.saturating_sub(input)), cached_tokens: cached })
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
