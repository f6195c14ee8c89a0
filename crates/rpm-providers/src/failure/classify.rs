//! Turns an answer that is no success into the error for the caller.

use std::time::Duration;

use serde_json::Value;

use super::error::Fault;
use super::{ProviderError, wait};
use crate::reading::Decoded;
use rpm_core::llm::{BackendError, BoxError, ReplyForm};

/// Codes that may be repeated in an error. Other words of a server could hold anything.
const CODES: [&str; 44] = [
    "accessdeniedexception",
    "api_error",
    "authentication_error",
    "billing_error",
    "context_length_exceeded",
    "deadline_exceeded",
    "exceed_context_size_error",
    "failed_precondition",
    "insufficient_quota",
    "internal",
    "internal_server_error",
    "internalserverexception",
    "invalid_api_key",
    "invalid_argument",
    "invalid_request_error",
    "model_not_found",
    "modelerrorexception",
    "modelnotreadyexception",
    "modeltimeoutexception",
    "not_found",
    "not_found_error",
    "not_supported_error",
    "overloaded_error",
    "permission_denied",
    "permission_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "request_too_large",
    "resource_exhausted",
    "resourcenotfoundexception",
    "server_error",
    "servicequotaexceededexception",
    "serviceunavailableexception",
    "string_above_max_length",
    "throttlingexception",
    "timeout_error",
    "tokens",
    "unauthenticated",
    "unavailable",
    "unavailable_error",
    "unsupported_parameter",
    "unsupported_value",
    "requests",
    "validationexception",
];

/// Phrases by which providers report that a prompt does not fit, in lower case.
const TOO_LONG: [&str; 13] = [
    "context_length_exceeded",
    "exceed_context_size",
    "string_above_max_length",
    "request_too_large",
    "context length",
    "context size",
    "context window",
    "exceed context limit",
    "prompt is too long",
    "input is too long",
    "input token count",
    "reduce the length of the messages",
    "too many input tokens",
];

/// Phrases by which providers report that they cannot hold a reply to a form, in lower case.
const FORM: [&str; 15] = [
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "json_object",
    "json mode",
    "structured output",
    "output_config",
    "outputconfig",
    "output_format",
    "responsejsonschema",
    "response_json_schema",
    "responsemimetype",
    "response_mime_type",
    "grammar",
];

/// Phrases by which providers report that they do not tell the probabilities of tokens, in lower case.
const LOGPROBS: [&str; 3] = ["logprobs", "log probabilities", "log_probs"];

/// The bytes that are looked at of a body that is not JSON.
const WORDS: usize = 4096;
/// The most bytes of a body that are taken for a refusal: what its kind is stands at its beginning.
pub(crate) const LONGEST: usize = 64 << 10;

/// What a request wanted of its reply that a provider may refuse.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    /// The form that the reply was held to, if any.
    pub(crate) form: Option<ReplyForm>,
    /// Whether the probabilities of tokens were to be reported.
    pub(crate) logprobs: bool,
}

/// An answer that is no success, as it came.
#[derive(Clone, Copy)]
pub(crate) struct Refused<'a> {
    pub(crate) status: u16,
    /// The time that its headers ask to wait.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: &'a [u8],
    /// The kind of the error, where a header says it.
    pub(crate) code: Option<&'a str>,
}

impl<'a> Refused<'a> {
    pub(crate) fn new(status: u16, retry_after: Option<Duration>, body: &'a [u8]) -> Self {
        Self { status, retry_after, body, code: None }
    }

    /// Whether the body is JSON.
    fn is_json(self) -> bool {
        serde_json::from_slice::<Decoded>(self.body).is_ok()
    }

    /// The body; null when it is too long for a refusal, or not JSON.
    fn json(self) -> Value {
        let body = Some(self.body).filter(|body| body.len() <= LONGEST);
        body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
    }
}

/// The error for an answer that is no success.
pub(crate) fn refusal(provider: &'static str, answer: Refused<'_>, wanted: Wanted) -> BackendError {
    let body = answer.json();
    let found = Refusal::of(&body, answer);
    // Some gateways answer 200 and put the status into the body.
    let status = if answer.status < 400 { found.status.unwrap_or(answer.status) } else { answer.status };
    if status < 400 {
        // A gateway between may send a page or nothing with status 200 on a bad day: that passes, another API does not.
        let fault = if answer.is_json() { Fault::Unexpected } else { Fault::NotJson };
        return ProviderError::new(provider, fault).into();
    }
    let source: BoxError = Box::new(ProviderError::new(provider, Fault::Status { status, code: found.code }));
    let bad_request = matches!(status, 400 | 413 | 422 | 501);
    match status {
        // Used up until someone pays: waiting does not help.
        429 if found.code == Some("insufficient_quota") => BackendError::Permanent { source },
        413 => BackendError::PromptTooLong { source },
        _ if bad_request && found.any(&TOO_LONG) => BackendError::PromptTooLong { source },
        // Some models are said not to be allowed to tell them.
        _ if (bad_request || status == 403) && wanted.logprobs && found.any(&LOGPROBS) => {
            BackendError::NoLogprobs { source }
        }
        _ if bad_request && found.any(&FORM) => match wanted.form {
            Some(form) => BackendError::Unsupported { form, source },
            None => BackendError::Permanent { source },
        },
        408 | 409 | 425 | 429 | 500 | 502..=504 | 520..=524 | 529 => {
            BackendError::Transient { retry_after: answer.retry_after.or_else(|| wait::retry_delay(&body)), source }
        }
        _ => BackendError::Permanent { source },
    }
}

/// The content of an error body, whichever dialect it is in.
struct Refusal {
    code: Option<&'static str>,
    status: Option<u16>,
    words: String,
}

impl Refusal {
    fn of(body: &Value, answer: Refused<'_>) -> Self {
        // Gemini wraps some errors in a list; Ollama's is a string; vLLM's has no `error` around it.
        let outer = body.get(0).unwrap_or(body);
        let error = outer.get("error").unwrap_or(outer);
        let first = answer.body.get(..WORDS).unwrap_or(answer.body);
        let mut words =
            if body.is_null() { String::from_utf8_lossy(first).to_ascii_lowercase() } else { String::new() };
        let known = |code: &str| CODES.into_iter().find(|known| *known == code);
        let (mut code, mut status) = (answer.code.and_then(|code| known(&code.to_ascii_lowercase())), None);
        for value in ["code", "type", "status", "message", "detail", "param"].iter().filter_map(|name| error.get(name))
        {
            status = status.or_else(|| value.as_u64().and_then(|n| u16::try_from(n).ok()).filter(|n| *n >= 400));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned).to_ascii_lowercase();
            code = code.or_else(|| known(&text));
            words.push(' ');
            words.push_str(&text);
        }
        words.push_str(&error.as_str().unwrap_or_default().to_ascii_lowercase());
        Self { code, status, words }
    }

    fn any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.words.contains(phrase))
    }
}
