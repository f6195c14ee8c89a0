//! Google's Gemini API.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::chat::{Chat, Dialect, Reply, TIMEOUT, held, provider, tokens, without};
use super::classify::Wanted;
use super::error::Fault;
use super::http::Endpoint;
use super::{ApiKey, ProviderError, env};
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, ReplyForm, Role, TokenChoices,
    TokenLogprob, Usage,
};

const NAME: &str = "gemini";
const BASE: &str = "https://generativelanguage.googleapis.com";

/// Google's Gemini API (`generateContent`, version `v1beta`).
///
/// The schema goes into `generationConfig.responseJsonSchema` without `maxLength`, which the API does not know. Of a
/// seed the API takes 31 bits. Fields are [`set`](Self::set) by dotted names, such as
/// `.set("generationConfig.thinkingConfig.thinkingBudget", 0)`.
#[derive(Clone)]
pub struct Gemini(Chat<Generate>);

#[derive(Clone)]
struct Generate;

impl Gemini {
    /// A model at Google's own base URL, such as `gemini-2.5-flash`.
    ///
    /// # Errors
    /// [`ProviderError`] without the crate feature `tls` or `tls-native`: for a server over plain HTTP use
    /// [`at`](Self::at).
    pub fn new(model: impl Into<String>) -> Result<Self, ProviderError> {
        Self::at(BASE, model)
    }

    /// A model behind another base URL, which ends before `/v1beta`.
    ///
    /// # Errors
    /// [`ProviderError`] when the URL cannot be used.
    pub fn at(base_url: &str, model: impl Into<String>) -> Result<Self, ProviderError> {
        Ok(Self(Chat::new(Generate, Endpoint::new(NAME, base_url, TIMEOUT)?, model.into())))
    }

    /// A model by the variables `GEMINI_API_KEY` (or `GOOGLE_API_KEY`) and `GEMINI_BASE_URL` (default: Google's own).
    ///
    /// # Errors
    /// As for [`at`](Self::at), and without a key.
    pub fn from_env(model: impl Into<String>) -> Result<Self, ProviderError> {
        Self::by(env, model)
    }

    pub(super) fn by(env: impl Fn(&str) -> Option<String>, model: impl Into<String>) -> Result<Self, ProviderError> {
        let key = env("GEMINI_API_KEY").or_else(|| env("GOOGLE_API_KEY"));
        let key = key.ok_or_else(|| ProviderError::new(NAME, Fault::Setting("GEMINI_API_KEY is not set")))?;
        Ok(Self::at(env("GEMINI_BASE_URL").as_deref().unwrap_or(BASE), model)?.key(key))
    }
}

provider!(Gemini);

impl Dialect for Generate {
    fn url(&self, endpoint: &Endpoint, model: &str) -> Url {
        let call = format!("{}:generateContent", model.strip_prefix("models/").unwrap_or(model));
        endpoint.at(&["v1beta", "models", &call])
    }

    fn headers(&self, key: Option<&ApiKey>) -> Option<Vec<(HeaderName, HeaderValue)>> {
        match key {
            // Never in the query: URLs end up in logs.
            Some(key) => Some(vec![(HeaderName::from_static("x-goog-api-key"), key.header("")?)]),
            None => Some(Vec::new()),
        }
    }

    fn body(&self, _: &Endpoint, _: &str, request: &CompletionRequest) -> Map<String, Value> {
        let (rules, turns): (Vec<_>, Vec<_>) = request.messages.iter().partition(|m| m.role == Role::System);
        let turns: Vec<Value> = turns
            .into_iter()
            .map(|message| {
                let role = if message.role == Role::Assistant { "model" } else { "user" };
                json!({ "role": role, "parts": [{ "text": message.content }] })
            })
            .collect();
        let mut config = Map::new();
        config.insert("maxOutputTokens".into(), request.max_tokens.into());
        config.insert("temperature".into(), super::decimal(request.temperature));
        if let Some(seed) = request.seed {
            config.insert("seed".into(), (seed & 0x7fff_ffff).into());
        }
        if request.logprobs > 0 {
            config.insert("responseLogprobs".into(), true.into());
            config.insert("logprobs".into(), request.logprobs.into());
        }
        if let Some((form, schema)) = held(request) {
            config.insert("responseMimeType".into(), "application/json".into());
            if form == ReplyForm::Schema {
                let schema = without(&schema.schema, &|name, _| name == "maxLength");
                config.insert("responseJsonSchema".into(), schema);
            }
        }
        let mut body = Map::new();
        body.insert("contents".into(), turns.into());
        body.insert("generationConfig".into(), config.into());
        if !rules.is_empty() {
            let rules: Vec<Value> = rules.into_iter().map(|message| json!({ "text": message.content })).collect();
            body.insert("systemInstruction".into(), json!({ "parts": rules }));
        }
        body
    }

    fn read(&self, body: &Value) -> Option<Reply> {
        let usage = body.get("usageMetadata").and_then(usage);
        if body.pointer("/promptFeedback/blockReason").is_some() {
            return Some(Reply { text: String::new(), finish: FinishReason::Filtered, usage, tokens: Vec::new() });
        }
        let candidate = body.get("candidates")?.get(0)?;
        let finish = match candidate.get("finishReason").and_then(Value::as_str) {
            Some("MAX_TOKENS") => FinishReason::Length,
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE") => {
                FinishReason::Filtered
            }
            _ => FinishReason::Stop,
        };
        // A thought is not part of the reply.
        let said = |part: &Value| part.get("thought") != Some(&Value::Bool(true));
        let parts = candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten();
        let text = parts.filter(|part| said(part)).filter_map(|part| part.get("text")?.as_str()).collect();
        let tokens = candidate.get("logprobsResult").map(choices).unwrap_or_default();
        Some(Reply { text, finish, usage, tokens })
    }

    fn wanted(&self, request: &CompletionRequest) -> Wanted {
        Wanted { form: self.held(request), logprobs: request.logprobs > 0 }
    }
}

/// The places of a reply with the likeliest tokens at each, the likeliest first.
fn choices(result: &Value) -> Vec<TokenChoices> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let token = |token: &Value| {
        Some(TokenLogprob::new(token.get("token")?.as_str()?, token.get("logProbability").and_then(Value::as_f64)?))
    };
    let place = |(chosen, top): (&Value, &Value)| {
        let mut likeliest: Vec<TokenLogprob> = list(top, "candidates").iter().filter_map(token).collect();
        let chosen = token(chosen)?;
        if likeliest.iter().all(|token| token.token != chosen.token) {
            likeliest.push(chosen.clone());
        }
        likeliest.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        Some(TokenChoices::new(chosen.token, likeliest))
    };
    list(result, "chosenCandidates").iter().zip(&list(result, "topCandidates")).filter_map(place).collect()
}

/// Tokens of an answer. The API counts thoughts beside the reply.
fn usage(usage: &Value) -> Option<Usage> {
    let replied = tokens(usage, "/candidatesTokenCount").unwrap_or_default();
    Some(Usage {
        input_tokens: tokens(usage, "/promptTokenCount")?,
        output_tokens: replied.saturating_add(tokens(usage, "/thoughtsTokenCount").unwrap_or_default()),
        cached_tokens: tokens(usage, "/cachedContentTokenCount").unwrap_or_default(),
    })
}
