//! Anthropic's Messages API, as a mock server answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::dialect::{Asked, Ending, Expected, MockDialect, Recorded, role, text};
use super::server::{Canned, Sent};
use crate::llm::{ReplyForm, Role};

/// Answers as Anthropic's Messages API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnthropicMock;

impl MockDialect for AnthropicMock {
    fn base_path(&self) -> &'static str {
        ""
    }

    fn reply(&self, reply: &Recorded) -> Value {
        let stop = match reply.ending {
            Ending::Done => "end_turn",
            Ending::Cut => "max_tokens",
            Ending::Filtered | Ending::Refused => "refusal",
        };
        let mut content = vec![json!({ "type": "thinking", "thinking": "Let me see.", "signature": "c2ln" })];
        content.extend(reply.text.map(|text| json!({ "type": "text", "text": text })));
        // What is read from the cache and written to it is counted beside the input.
        let usage = json!({
            "input_tokens": 55, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 5,
            "output_tokens": 10, "service_tier": "standard",
        });
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "some-model-2026", "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": reply.metered.then_some(usage),
        })
    }

    fn refusals(&self, echo: &str) -> Vec<(&'static str, Canned, Expected)> {
        let error = |status: u16, kind: &str, message: &str| {
            let error = json!({ "type": kind, "message": format!("{message} {echo}") });
            Canned::new(status, json!({ "type": "error", "error": error, "request_id": "req_1" }).to_string())
        };
        let invalid = "invalid_request_error";
        let wait = Some(Duration::from_secs(7));
        vec![
            (
                "a rate limit",
                error(429, "rate_limit_error", "Too many requests.").header("retry-after", "7"),
                Expected::Transient(wait),
            ),
            ("overload", error(529, "overloaded_error", "Overloaded"), Expected::Transient(None)),
            ("a failure of the server", error(500, "api_error", "Internal"), Expected::Transient(None)),
            ("a wrong key", error(401, "authentication_error", "invalid x-api-key"), Expected::Permanent),
            ("an unknown model", error(404, "not_found_error", "model:"), Expected::Permanent),
            (
                "a long prompt",
                error(400, invalid, "prompt is too long: 210000 tokens > 200000 maximum"),
                Expected::PromptTooLong,
            ),
            (
                "a long prompt with its reply",
                error(400, invalid, "input length and `max_tokens` exceed context limit: 199000 + 2000 > 200000"),
                Expected::PromptTooLong,
            ),
            (
                "a large request",
                error(413, "request_too_large", "Request exceeds the maximum size"),
                Expected::PromptTooLong,
            ),
            (
                "a refused form",
                error(400, invalid, "output_config.format: this model does not support structured outputs"),
                Expected::Unsupported,
            ),
            (
                "a length limit over the model's",
                error(400, invalid, "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens"),
                Expected::Permanent,
            ),
        ]
    }

    fn read(&self, sent: &Sent) -> Option<Asked> {
        let version = sent.header("anthropic-version") == Some("2023-06-01");
        let body = Some(&sent.body).filter(|_| version && sent.path == "/v1/messages")?;
        let rules = body.get("system").map(|rules| Some((Role::System, text(rules)?))).into_iter();
        let turns = body.get("messages")?.as_array()?.iter().map(|turn| {
            let role = role(turn.get("role")?).filter(|role| *role != Role::System)?;
            Some((role, text(turn.get("content")?)?))
        });
        let format = body.pointer("/output_config/format");
        let schema = format.filter(|format| format.get("type").is_some_and(|kind| kind == "json_schema"));
        let schema = schema.and_then(|format| format.get("schema").cloned());
        Some(Asked {
            model: body.get("model")?.as_str()?.to_owned(),
            messages: rules.chain(turns).collect::<Option<_>>()?,
            max_tokens: body.get("max_tokens")?.as_u64()?,
            temperature: body.get("temperature")?.as_f64()?,
            seed: body.get("seed").and_then(Value::as_u64),
            form: if schema.is_some() { ReplyForm::Schema } else { ReplyForm::Text },
            schema,
        })
    }

    fn holds(&self, form: ReplyForm) -> ReplyForm {
        if form == ReplyForm::Json { ReplyForm::Text } else { form }
    }

    fn takes_seed(&self) -> bool {
        false
    }
}
