//! The ready-made backend that the environment names, with its log.
//!
//! | variable | meaning |
//! |---|---|
//! | `RPM_PROVIDER` | `openai` (and everything with its API), `anthropic` or `gemini` |
//! | `RPM_MODEL` | the model's name, as the provider knows it |
//! | `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, … | as the providers read them |
//! | `RPM_FORM` | optional: `schema` (the default), `json` or `text`, the strictest form to hold replies to |
//! | `RPM_LOG` | optional file that keeps every reply, so that an interrupted run asks only for what is missing |
//!
//! The file of `RPM_LOG` holds the replies, which quote the user's texts.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rpm_core::{Anthropic, Gemini, LlmBackend, OpenAiCompatible, ReplyForm, ResponseLog};

/// A small local model takes its time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The model with its log; `None` when `RPM_PROVIDER` is unset.
#[allow(dead_code, reason = "some examples keep the log themselves")]
pub(crate) fn from_env() -> Result<Option<Arc<dyn LlmBackend>>, Box<dyn Error>> {
    let Some(backend) = model_from_env(None)? else { return Ok(None) };
    Ok(Some(match env::var_os("RPM_LOG") {
        Some(file) => Arc::new(ResponseLog::open(file)?.wrap(backend)),
        None => backend,
    }))
}

/// This model, or else the one of `RPM_MODEL`, without a log; `None` when `RPM_PROVIDER` is unset.
pub(crate) fn model_from_env(model: Option<String>) -> Result<Option<Arc<dyn LlmBackend>>, Box<dyn Error>> {
    let Ok(provider) = env::var("RPM_PROVIDER") else { return Ok(None) };
    let model = match model {
        Some(model) => model,
        None => env::var("RPM_MODEL").map_err(|_| "RPM_MODEL is not set")?,
    };
    let form = match env::var("RPM_FORM").as_deref() {
        Err(_) | Ok("schema") => ReplyForm::Schema,
        Ok("json") => ReplyForm::Json,
        Ok("text") => ReplyForm::Text,
        Ok(_) => return Err("RPM_FORM must be schema, json or text".into()),
    };
    let backend: Arc<dyn LlmBackend> = match provider.as_str() {
        "openai" => Arc::new(OpenAiCompatible::from_env(model)?.timeout(TIMEOUT).form(form)),
        "anthropic" => Arc::new(Anthropic::from_env(model)?.timeout(TIMEOUT).form(form)),
        "gemini" => Arc::new(Gemini::from_env(model)?.timeout(TIMEOUT).form(form)),
        _ => return Err("RPM_PROVIDER must be openai, anthropic or gemini".into()),
    };
    #[cfg(feature = "resilience")]
    let backend: Arc<dyn LlmBackend> = Arc::new(rpm_core::Resilient::new(backend).deadline(TIMEOUT));
    Ok(Some(backend))
}
