//! `OpenAI`'s `/chat/completions`, as a mock server answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::dialect::{Asked, Ending, Expected, MockDialect, Recorded, role, text};
use super::server::{Canned, Sent};
use crate::llm::ReplyForm;

/// Answers as `OpenAI`'s `/chat/completions` does, and as servers with the same API do where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAiMock;

impl MockDialect for OpenAiMock {
    fn base_path(&self) -> &'static str {
        "/v1"
    }

    fn reply(&self, reply: &Recorded) -> Value {
        let finish = match reply.ending {
            Ending::Cut => "length",
            Ending::Filtered => "content_filter",
            Ending::Done | Ending::Refused => "stop",
        };
        let refusal = (reply.ending == Ending::Refused).then_some("I cannot help with that.");
        let usage = json!({
            "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
            "prompt_tokens_details": { "cached_tokens": 40, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 3 },
        });
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_760_000_000, "model": "some-model-2026",
            "choices": [{
                "index": 0, "finish_reason": finish, "logprobs": null,
                "message": { "role": "assistant", "content": reply.text, "refusal": refusal, "annotations": [] },
            }],
            "usage": reply.metered.then_some(usage),
        })
    }

    fn refusals(&self, echo: &str) -> Vec<(&'static str, Canned, Expected)> {
        let mut refusals = documented(echo);
        refusals.extend(of_other_servers(echo));
        refusals
    }

    fn read(&self, sent: &Sent) -> Option<Asked> {
        let body = Some(&sent.body).filter(|_| sent.path == "/v1/chat/completions")?;
        let messages = body.get("messages")?.as_array()?.iter();
        let schema = body.pointer("/response_format/json_schema/schema").cloned();
        let form = match body.get("response_format") {
            None => ReplyForm::Text,
            Some(format) if format.get("type")? == "json_schema" && schema.is_some() => ReplyForm::Schema,
            Some(format) => (format.get("type")? == "json_object").then_some(ReplyForm::Json)?,
        };
        Some(Asked {
            model: body.get("model")?.as_str()?.to_owned(),
            messages: messages
                .map(|message| Some((role(message.get("role")?)?, text(message.get("content")?)?)))
                .collect::<Option<_>>()?,
            max_tokens: body.get("max_tokens").or_else(|| body.get("max_completion_tokens"))?.as_u64()?,
            temperature: body.get("temperature")?.as_f64()?,
            seed: body.get("seed").and_then(Value::as_u64),
            form,
            schema,
        })
    }
}

/// An error in the form of the API. Its message ends in `echo`.
fn error(status: u16, echo: &str, message: &str, kind: &str, code: impl Into<Value>) -> Canned {
    let code: Value = code.into();
    let error = json!({ "message": format!("{message} {echo}"), "type": kind, "param": null, "code": code });
    Canned::new(status, json!({ "error": error }).to_string())
}

const TOO_LONG: &str = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.";

/// The errors of the API itself.
fn documented(echo: &str) -> Vec<(&'static str, Canned, Expected)> {
    let error = |status, message, kind, code: &str| error(status, echo, message, kind, code);
    let invalid = "invalid_request_error";
    let form = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.";
    let limited = error(429, "Rate limit reached.", "requests", "rate_limit_exceeded").header("retry-after", "7");
    vec![
        ("a rate limit", limited, Expected::Transient(Some(Duration::from_secs(7)))),
        (
            "a used up quota",
            error(429, "You exceeded your quota.", "insufficient_quota", "insufficient_quota"),
            Expected::Permanent,
        ),
        ("a wrong key", error(401, "Bad key:", invalid, "invalid_api_key"), Expected::Permanent),
        ("an unknown model", error(404, "No model", invalid, "model_not_found"), Expected::Permanent),
        ("a long prompt", error(400, TOO_LONG, invalid, "context_length_exceeded"), Expected::PromptTooLong),
        ("a refused form", self::error(400, echo, form, invalid, Value::Null), Expected::Unsupported),
        (
            "a refused parameter",
            error(400, "'temperature' is not supported.", invalid, "unsupported_value"),
            Expected::Permanent,
        ),
    ]
}

/// The errors of servers with the same API where they differ.
fn of_other_servers(echo: &str) -> Vec<(&'static str, Canned, Expected)> {
    let error = |status, message, kind, code: u16| error(status, echo, message, kind, code);
    let vllm = json!({ "object": "error", "message": TOO_LONG, "type": "BadRequestError", "code": 400 });
    let ollama = json!({ "error": format!("model {echo} not found") });
    vec![
        (
            "a model that loads (llama.cpp)",
            error(503, "Loading model", "unavailable_error", 503),
            Expected::Transient(None),
        ),
        (
            "a long prompt (llama.cpp)",
            error(400, "the request exceeds the context", "exceed_context_size_error", 400),
            Expected::PromptTooLong,
        ),
        ("a long prompt (vLLM)", Canned::new(400, vllm.to_string()), Expected::PromptTooLong),
        ("an error that is a string (Ollama)", Canned::new(404, ollama.to_string()), Expected::Permanent),
        (
            "an error with status 200 (a gateway)",
            error(200, "Provider returned error", "upstream", 503),
            Expected::Transient(None),
        ),
    ]
}
