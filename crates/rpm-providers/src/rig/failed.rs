//! Errors of rig, told apart without their texts: those hold the provider's own words, which may repeat the prompt.

use rig_core::error::ProviderError as RigError;

use super::RIG;
use crate::failure::{Fault, ProviderError, Refused, Wanted, refusal, wait};
use rpm_core::llm::{BackendError, ReplyForm};

/// The error for what rig reports of a request that wanted this.
pub(super) fn failed(error: &RigError, wanted: Wanted) -> BackendError {
    if let Some(response) = error.provider_response() {
        let header = |name: &str| response.headers.as_ref()?.get(name)?.to_str().ok();
        // Some transports report a code and no status.
        let status = response.status.map_or(0, |status| status.as_u16());
        let status = if status == 0 { if response.is_retryable() { 503 } else { 400 } } else { status };
        let answer = Refused {
            code: response.code.as_deref(),
            ..Refused::new(status, wait::retry_after(header), response.body.as_bytes())
        };
        return refusal(RIG, answer, wanted);
    }
    let fault = match error {
        RigError::UnsupportedOption(option) if option.option.contains("schema") => {
            let source = ProviderError::new(RIG, Fault::NotSent);
            return BackendError::unsupported(wanted.form.unwrap_or(ReplyForm::Schema), source);
        }
        RigError::Http(_) if !error.is_retryable() => Fault::NotSent,
        RigError::Http(_) | RigError::Truncated => Fault::Broken,
        // JSON of another shape, such as that of a blocked prompt, comes again.
        RigError::Json(error) if error.is_data() => Fault::Unexpected,
        RigError::Json(_) => Fault::NotJson,
        RigError::Relayed(report) if report.retryable => Fault::Broken,
        RigError::Url(_) | RigError::Request(_) | RigError::UnsupportedOption(_) => Fault::NotSent,
        _ => Fault::Unexpected,
    };
    ProviderError::new(RIG, fault).into()
}
