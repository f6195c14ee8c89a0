//! The backend that the environment names.

use std::sync::Arc;
use std::time::Duration;

use rpm_core::llm::{LlmBackend, ReplyForm};

use super::{Anthropic, Gemini, OpenAiCompatible, env};
use crate::failure::{Fault, ProviderError};

/// A small local model takes its time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The backend that the environment names, for `model` or else for the one of `RPM_MODEL`; `None` when `RPM_PROVIDER` is not
/// set. An attempt may take ten minutes.
///
/// | variable | meaning |
/// |---|---|
/// | `RPM_PROVIDER` | `openai` (and everything with its API), `anthropic` or `gemini` |
/// | `RPM_MODEL` | the model's name, as the provider knows it |
/// | `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, … | as the backends read them |
/// | `RPM_FORM` | optional: `schema` (the default), `json` or `text`, the strictest form to hold replies to |
/// | `RPM_INSECURE_HTTP` | optional: `1` lets the key go over plain HTTP to another machine |
///
/// # Errors
/// A variable is missing or has a value that is none of these.
pub fn from_env(model: Option<String>) -> Result<Option<Arc<dyn LlmBackend>>, ProviderError> {
    let wrong = |problem| ProviderError::new("environment", Fault::Setting(problem));
    let Some(provider) = env("RPM_PROVIDER") else { return Ok(None) };
    let model = model.or_else(|| env("RPM_MODEL")).ok_or_else(|| wrong("RPM_MODEL is not set"))?;
    let form = match env("RPM_FORM").as_deref() {
        None | Some("schema") => ReplyForm::Schema,
        Some("json") => ReplyForm::Json,
        Some("text") => ReplyForm::Text,
        Some(_) => return Err(wrong("RPM_FORM must be schema, json or text")),
    };
    let insecure = env("RPM_INSECURE_HTTP").is_some_and(|set| set.trim() == "1");
    Ok(Some(match provider.as_str() {
        "openai" => Arc::new(OpenAiCompatible::from_env(model)?.timeout(TIMEOUT).form(form).permitted(insecure)?),
        "anthropic" => Arc::new(Anthropic::from_env(model)?.timeout(TIMEOUT).form(form).permitted(insecure)?),
        "gemini" => Arc::new(Gemini::from_env(model)?.timeout(TIMEOUT).form(form).permitted(insecure)?),
        _ => return Err(wrong("RPM_PROVIDER must be openai, anthropic or gemini")),
    }))
}
