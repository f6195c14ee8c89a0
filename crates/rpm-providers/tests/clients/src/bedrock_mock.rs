//! Bedrock's Converse, as a mock server answers.

use std::time::Duration;

use rpm_core::llm::{ReplyForm, Role};
use rpm_core::testing::{Asked, Canned, Ending, Expected, MockDialect, Recorded, Sent};
use serde_json::{Value, json};

/// Answers as Bedrock's `/model/{id}/converse` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BedrockMock;

impl MockDialect for BedrockMock {
    fn base_path(&self) -> &'static str {
        ""
    }

    fn reply(&self, reply: &Recorded) -> Value {
        let reason = match reply.ending {
            Ending::Cut => "max_tokens",
            Ending::Filtered => "content_filtered",
            Ending::Refused => "guardrail_intervened",
            _ => "end_turn",
        };
        let content: Vec<Value> = reply.text.iter().map(|text| json!({ "text": text })).collect();
        let usage = json!({ "inputTokens": 60, "outputTokens": 10, "totalTokens": 110, "cacheReadInputTokens": 40 });
        let mut body = json!({
            "output": { "message": { "role": "assistant", "content": content } },
            "stopReason": reason, "metrics": { "latencyMs": 12 },
        });
        if let (true, Some(body)) = (reply.metered, body.as_object_mut()) {
            body.insert("usage".into(), usage);
        }
        body
    }

    fn refusals(&self, echo: &str) -> Vec<(&'static str, Canned, Expected)> {
        let error = |status, kind: &str, message: &str| {
            let kind = format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/");
            Canned::new(status, json!({ "message": format!("{message} {echo}") }).to_string())
                .header("x-amzn-errortype", &kind)
        };
        let seven = Some(Duration::from_secs(7));
        let throttled = "Too many requests, please wait before trying again.";
        let form = "The model does not support outputConfig.textFormat.";
        vec![
            ("throttled", error(429, "ThrottlingException", throttled), Expected::Transient(None)),
            (
                "throttled, with a time to wait",
                error(429, "ThrottlingException", throttled).header("retry-after", "7"),
                Expected::Transient(seven),
            ),
            (
                "a model that is not ready",
                error(429, "ModelNotReadyException", "Not ready."),
                Expected::Transient(None),
            ),
            (
                "a model that took too long",
                error(408, "ModelTimeoutException", "Timed out."),
                Expected::Transient(None),
            ),
            ("an overload", error(503, "ServiceUnavailableException", "Later."), Expected::Transient(None)),
            (
                "no access",
                error(403, "AccessDeniedException", "You don't have access to the model"),
                Expected::Permanent,
            ),
            ("an unknown model", error(404, "ResourceNotFoundException", "Could not resolve"), Expected::Permanent),
            ("a wrong request", error(400, "ValidationException", "Malformed input request"), Expected::Permanent),
            ("a used up quota", error(400, "ServiceQuotaExceededException", "Over quota."), Expected::Permanent),
            (
                "a long prompt",
                error(400, "ValidationException", "Input is too long for requested model."),
                Expected::PromptTooLong,
            ),
            (
                "a long prompt (Titan)",
                error(400, "ValidationException", "Too many input tokens. Max: 8192"),
                Expected::PromptTooLong,
            ),
            ("a refused form", error(400, "ValidationException", form), Expected::Unsupported),
        ]
    }

    fn read(&self, sent: &Sent) -> Option<Asked> {
        let model = sent.path.strip_prefix("/model/")?.strip_suffix("/converse")?;
        let body = &sent.body;
        let texts = |blocks: &Value| -> Option<String> {
            blocks.as_array()?.iter().map(|block| block.get("text")?.as_str()).collect()
        };
        let mut messages: Vec<(Role, String)> = Vec::new();
        if let Some(rules) = body.get("system") {
            messages.push((Role::System, texts(rules)?));
        }
        for message in body.get("messages")?.as_array()? {
            let role = if message.get("role")? == "user" { Role::User } else { Role::Assistant };
            messages.push((role, texts(message.get("content")?)?));
        }
        let schema = body.pointer("/outputConfig/textFormat/structure/jsonSchema/schema").and_then(Value::as_str);
        let sampling = body.get("inferenceConfig")?;
        Some(Asked {
            model: model.to_owned(),
            messages,
            max_tokens: sampling.get("maxTokens")?.as_u64()?,
            temperature: sampling.get("temperature")?.as_f64()?,
            seed: None,
            form: if schema.is_some() { ReplyForm::Schema } else { ReplyForm::Text },
            schema: schema.and_then(|schema| serde_json::from_str(schema).ok()),
        })
    }

    fn holds(&self, form: ReplyForm) -> ReplyForm {
        if form == ReplyForm::Schema { form } else { ReplyForm::Text }
    }

    fn takes_seed(&self) -> bool {
        false
    }
}
