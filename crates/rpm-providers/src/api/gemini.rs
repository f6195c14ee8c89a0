//! Google's Gemini API.

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
use crate::asking::{decimal, held, short, without};
use crate::failure::{Fault, ProviderError, Wanted};
use crate::reading::{Count, First, Flag, List, Present, Real, Record, Text};
use crate::tokens::choices;
use rpm_core::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, FinishReason, LlmBackend, ReplyForm, Role, TokenChoices,
    TokenLogprob, Usage,
};

pub(super) const NAME: &str = "gemini";
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
        config.insert("temperature".into(), decimal(request.temperature).into());
        if let Some(seed) = request.seed {
            config.insert("seed".into(), short(seed).into());
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

    fn read(&self, body: &[u8]) -> Option<Reply> {
        let body: Body = serde_json::from_slice::<Record<Body>>(body).ok()?.0?;
        let usage = body.usage.0.as_ref().and_then(Counts::usage);
        let reasoning = body.usage.0.as_ref().and_then(|counts| counts.thoughts_token_count.0);
        if body.feedback.0.is_some_and(|feedback| feedback.block_reason.0) {
            let (text, tokens) = (String::new(), Vec::new());
            return Some(Reply { text, finish: FinishReason::Filtered, usage, reasoning, tokens });
        }
        let candidate = body.candidates.0?.0.unwrap_or_default();
        let parts = candidate.content.0.unwrap_or_default().parts.0.into_iter().filter_map(|part| part.0);
        // A thought is not part of the reply.
        let text = parts.filter(|part| !part.thought.0).filter_map(|part| part.text.0).collect();
        let finish = self.finish(candidate.finish_reason.0.as_deref(), false);
        let tokens = candidate.logprobs.0.map(Logprobs::choices).unwrap_or_default();
        Some(Reply { text, finish, usage, reasoning, tokens })
    }

    fn finish(&self, word: Option<&str>, _: bool) -> FinishReason {
        match word {
            Some("MAX_TOKENS") => FinishReason::Length,
            Some("SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE") => {
                FinishReason::Filtered
            }
            _ => FinishReason::Stop,
        }
    }

    fn wanted(&self, request: &CompletionRequest) -> Wanted {
        Wanted { form: self.held(request), logprobs: request.logprobs > 0 }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(rename = "promptFeedback")]
    feedback: Record<Feedback>,
    candidates: First<Record<Candidate>>,
    #[serde(rename = "usageMetadata")]
    usage: Record<Counts>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback {
    block_reason: Present,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Candidate {
    content: Record<Content>,
    #[serde(rename = "finishReason")]
    finish_reason: Text,
    #[serde(rename = "logprobsResult")]
    logprobs: Record<Logprobs>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    parts: List<Record<Part>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Part {
    thought: Flag,
    text: Text,
}

/// The places of a reply: the tokens that stand there, and the likeliest ones.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Logprobs {
    chosen_candidates: List<Record<Token>>,
    top_candidates: List<Record<Likeliest>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Likeliest {
    candidates: List<Record<Token>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Token {
    token: Text,
    log_probability: Real,
}

impl Logprobs {
    fn choices(self) -> Vec<TokenChoices> {
        let place = |(chosen, top): (Record<Token>, Record<Likeliest>)| {
            let listed = top.0.unwrap_or_default().candidates.0;
            Some(choices(chosen.0?.told()?, listed.into_iter().filter_map(|token| token.0?.told()).collect()))
        };
        self.chosen_candidates.0.into_iter().zip(self.top_candidates.0).filter_map(place).collect()
    }
}

impl Token {
    fn told(self) -> Option<TokenLogprob> {
        Some(TokenLogprob::new(self.token.0?, self.log_probability.0?))
    }
}

/// The tokens of an answer. The API counts thoughts beside the reply.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names that the API gives them")]
struct Counts {
    prompt_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    cached_content_token_count: Count,
}

impl Counts {
    fn usage(&self) -> Option<Usage> {
        let replied = self.candidates_token_count.0.unwrap_or_default();
        Some(Usage {
            input_tokens: self.prompt_token_count.0?,
            output_tokens: replied.saturating_add(self.thoughts_token_count.0.unwrap_or_default()),
            cached_tokens: self.cached_content_token_count.0.unwrap_or_default(),
        })
    }
}
