//! Anthropic's Messages API.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::chat::{Chat, Dialect, Reply, TIMEOUT, provider};
use super::http::Endpoint;
use super::{ApiKey, env};
use crate::asking::{decimal, held, without};
use crate::failure::{Fault, ProviderError};
use crate::reading::{Count, List, Record, Text};
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, ReplyForm, Role, Usage,
};

const NAME: &str = "anthropic";
const BASE: &str = "https://api.anthropic.com";
const BOUNDS: [&str; 6] = ["maxItems", "maxLength", "minLength", "minimum", "maximum", "multipleOf"];

/// Anthropic's Messages API.
///
/// The schema goes into `output_config.format` without the bounds the API refuses (lengths, and numbers of items but a
/// minimum of 0 or 1); they are checked in every reply anyway. The API has no JSON mode, so [`ReplyForm::Json`] sends
/// what [`ReplyForm::Text`] does, and it takes no seed.
#[derive(Clone)]
pub struct Anthropic(Chat<Messages>);

#[derive(Clone)]
struct Messages;

impl Anthropic {
    /// A model at Anthropic's own base URL.
    ///
    /// # Errors
    /// [`ProviderError`] without the crate feature `tls` or `tls-native`: for a server over plain HTTP use
    /// [`at`](Self::at).
    pub fn new(model: impl Into<String>) -> Result<Self, ProviderError> {
        Self::at(BASE, model)
    }

    /// A model behind another base URL, which ends before `/v1/messages`.
    ///
    /// # Errors
    /// [`ProviderError`] when the URL cannot be used.
    pub fn at(base_url: &str, model: impl Into<String>) -> Result<Self, ProviderError> {
        Ok(Self(Chat::new(Messages, Endpoint::new(NAME, base_url, TIMEOUT)?, model.into())))
    }

    /// A model by the variables `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL` (default: Anthropic's own).
    ///
    /// # Errors
    /// As for [`at`](Self::at), and without a key.
    pub fn from_env(model: impl Into<String>) -> Result<Self, ProviderError> {
        Self::by(env, model)
    }

    pub(super) fn by(env: impl Fn(&str) -> Option<String>, model: impl Into<String>) -> Result<Self, ProviderError> {
        let key = env("ANTHROPIC_API_KEY");
        let key = key.ok_or_else(|| ProviderError::new(NAME, Fault::Setting("ANTHROPIC_API_KEY is not set")))?;
        Ok(Self::at(env("ANTHROPIC_BASE_URL").as_deref().unwrap_or(BASE), model)?.key(key))
    }
}

provider!(Anthropic);

impl Dialect for Messages {
    fn url(&self, endpoint: &Endpoint, _: &str) -> Url {
        endpoint.at(&["v1", "messages"])
    }

    fn headers(&self, key: Option<&ApiKey>) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let version = (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
        let mut headers = vec![version];
        if let Some(key) = key {
            headers.push((HeaderName::from_static("x-api-key"), key.header("")?));
        }
        Some(headers)
    }

    fn body(&self, _: &Endpoint, model: &str, request: &CompletionRequest) -> Map<String, Value> {
        let (rules, turns): (Vec<_>, Vec<_>) = request.messages.iter().partition(|m| m.role == Role::System);
        let turns: Vec<Value> =
            turns.into_iter().map(|m| json!({ "role": m.role.as_str(), "content": m.content })).collect();
        let mut body = Map::new();
        body.insert("model".into(), model.into());
        body.insert("max_tokens".into(), request.max_tokens.into());
        body.insert("temperature".into(), decimal(request.temperature).into());
        body.insert("messages".into(), turns.into());
        if !rules.is_empty() {
            let rules: Vec<Value> = rules.into_iter().map(|m| json!({ "type": "text", "text": m.content })).collect();
            body.insert("system".into(), rules.into());
        }
        if let Some((ReplyForm::Schema, schema)) = held(request) {
            let refused = |name: &str, value: &Value| {
                BOUNDS.contains(&name) || (name == "minItems" && value.as_u64().is_some_and(|least| least > 1))
            };
            let format = json!({ "type": "json_schema", "schema": without(&schema.schema, &refused) });
            body.insert("output_config".into(), json!({ "format": format }));
        }
        body
    }

    fn read(&self, body: &[u8]) -> Option<Reply> {
        let body: Body = serde_json::from_slice::<Record<Body>>(body).ok()?.0?;
        let blocks = body.content?.0.into_iter().filter_map(|block| block.0);
        let texts = blocks.filter(|block| block.kind.0.as_deref() == Some("text")).filter_map(|block| block.text.0);
        let finish = self.finish(body.stop_reason.0.as_deref(), false);
        let usage = body.usage.0.as_ref().and_then(Counts::usage);
        Some(Reply { text: texts.collect(), finish, usage, reasoning: None, tokens: Vec::new() })
    }

    fn finish(&self, word: Option<&str>, _: bool) -> FinishReason {
        match word {
            Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
            Some("refusal") => FinishReason::Filtered,
            _ => FinishReason::Stop,
        }
    }

    fn held(&self, request: &CompletionRequest) -> Option<ReplyForm> {
        held(request).map(|(form, _)| form).filter(|form| *form == ReplyForm::Schema)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    content: Option<List<Record<Block>>>,
    stop_reason: Text,
    usage: Record<Counts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: Text,
    text: Text,
}

/// The tokens of an answer. The API counts what it reads from its cache, and what it writes there, beside the input.
#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names that the API gives them")]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
}

impl Counts {
    fn usage(&self) -> Option<Usage> {
        let cached = self.cache_read_input_tokens.0.unwrap_or_default();
        let written = self.cache_creation_input_tokens.0.unwrap_or_default();
        Some(Usage {
            input_tokens: self.input_tokens.0?.saturating_add(cached).saturating_add(written),
            output_tokens: self.output_tokens.0?,
            cached_tokens: cached,
        })
    }
}
