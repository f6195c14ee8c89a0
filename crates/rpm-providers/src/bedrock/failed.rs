//! Errors of the SDK, told apart without their texts: those hold the service's own words.

use std::time::Duration;

use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::SdkError;

use super::BEDROCK;
use crate::failure::{Fault, ProviderError, Refused, Wanted, refusal, wait};
use rpm_core::llm::BackendError;

/// The error for what the SDK reports of a request that wanted this and had so much time.
pub(super) fn failed<E>(error: &SdkError<E, HttpResponse>, wanted: Wanted, timeout: Duration) -> BackendError {
    if let Some(response) = error.raw_response() {
        let header = |name: &str| response.headers().get(name);
        // The name of the error may have its address after a colon.
        let code = header("x-amzn-errortype").and_then(|kind| kind.split(':').next());
        let status = response.status().as_u16();
        let body = response.body().bytes().unwrap_or_default();
        return match status {
            // A code that no success has: the answer was cut, or is another's.
            300..400 => ProviderError::new(BEDROCK, Fault::Redirect(status)).into(),
            _ => refusal(BEDROCK, Refused { code, ..Refused::new(status, wait::retry_after(header), body) }, wanted),
        };
    }
    let fault = match error {
        SdkError::TimeoutError(_) => Fault::Timeout(timeout),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Fault::Timeout(timeout),
        SdkError::DispatchFailure(failure) if failure.is_user() => Fault::NotSent,
        // Before anything was sent, and of no kind: the SDK has no kind for these.
        SdkError::DispatchFailure(failure) if failure.is_other() && failure.as_other().is_none() => {
            Fault::Setting("the client has no usable credentials, or no HTTP client")
        }
        SdkError::DispatchFailure(_) => Fault::Connect,
        SdkError::ConstructionFailure(_) => Fault::NotSent,
        _ => Fault::Broken,
    };
    ProviderError::new(BEDROCK, fault).into()
}
