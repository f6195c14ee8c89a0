//! Google's Gemini API, as a mock server answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::dialect::{Asked, Ending, Expected, MockDialect, Recorded, role, text};
use super::server::{Canned, Sent};
use crate::llm::{ReplyForm, Role};

/// Answers as Google's Gemini API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeminiMock;

impl MockDialect for GeminiMock {
    fn base_path(&self) -> &'static str {
        ""
    }

    fn reply(&self, reply: &Recorded) -> Value {
        let mut parts = vec![json!({ "text": "Let me see.", "thought": true })];
        parts.extend(reply.text.map(|text| json!({ "text": text, "thoughtSignature": "c2ln" })));
        let content = json!({ "role": "model", "parts": parts });
        let (candidates, feedback) = match reply.ending {
            Ending::Done => (json!([{ "index": 0, "finishReason": "STOP", "content": content }]), Value::Null),
            Ending::Cut => (json!([{ "index": 0, "finishReason": "MAX_TOKENS", "content": content }]), Value::Null),
            Ending::Filtered => (json!([{ "index": 0, "finishReason": "SAFETY" }]), Value::Null),
            Ending::Refused => (Value::Null, json!({ "blockReason": "PROHIBITED_CONTENT" })),
        };
        let usage = json!({
            "promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 7,
            "thoughtsTokenCount": 3, "totalTokenCount": 110,
        });
        json!({
            "candidates": candidates, "promptFeedback": feedback, "usageMetadata": reply.metered.then_some(usage),
            "modelVersion": "some-model-2026", "responseId": "r1",
        })
    }

    fn refusals(&self, echo: &str) -> Vec<(&'static str, Canned, Expected)> {
        let error = |code: u16, status: &str, message: &str, details: Value| {
            let message = format!("{message} {echo}");
            let error = json!({ "code": code, "message": message, "status": status, "details": details });
            Canned::new(code, json!({ "error": error }).to_string())
        };
        let retry = json!([
            { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [] },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s" },
        ]);
        let none = || json!([]);
        let invalid = "INVALID_ARGUMENT";
        let too_long = "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576).";
        let form = "Unable to submit request: responseJsonSchema is not supported by this model.";
        let wait = Some(Duration::from_millis(34_500));
        vec![
            ("a rate limit", error(429, "RESOURCE_EXHAUSTED", "Quota.", retry), Expected::Transient(wait)),
            ("overload", error(503, "UNAVAILABLE", "Overloaded.", none()), Expected::Transient(None)),
            ("a passed deadline", error(504, "DEADLINE_EXCEEDED", "Late.", none()), Expected::Transient(None)),
            ("a wrong key", error(400, invalid, "API key not valid.", none()), Expected::Permanent),
            ("a key without rights", error(403, "PERMISSION_DENIED", "No.", none()), Expected::Permanent),
            ("an unknown model", error(404, "NOT_FOUND", "models/", none()), Expected::Permanent),
            ("a long prompt", error(400, invalid, too_long, none()), Expected::PromptTooLong),
            ("a refused form", error(400, invalid, form, none()), Expected::Unsupported),
        ]
    }

    fn read(&self, sent: &Sent) -> Option<Asked> {
        let model = sent.path.split('?').next()?.strip_prefix("/v1beta/models/")?.strip_suffix(":generateContent")?;
        let rules =
            sent.body.pointer("/systemInstruction/parts").map(|rules| Some((Role::System, text(rules)?))).into_iter();
        let turns = sent.body.get("contents")?.as_array()?.iter().map(|turn| {
            let role = role(turn.get("role")?).filter(|role| *role != Role::System)?;
            Some((role, text(turn.get("parts")?)?))
        });
        let config = sent.body.get("generationConfig")?;
        let schema = config.get("responseJsonSchema").cloned();
        let form = match config.get("responseMimeType") {
            Some(kind) if kind == "application/json" && schema.is_some() => ReplyForm::Schema,
            Some(kind) if kind == "application/json" => ReplyForm::Json,
            Some(_) => return None,
            None => ReplyForm::Text,
        };
        Some(Asked {
            model: model.to_owned(),
            messages: rules.chain(turns).collect::<Option<_>>()?,
            max_tokens: config.get("maxOutputTokens")?.as_u64()?,
            temperature: config.get("temperature")?.as_f64()?,
            seed: config.get("seed").and_then(Value::as_u64),
            form,
            schema,
        })
    }
}
