//! Errors of genai, told apart without their texts: those hold the request and the provider's own words.

use genai::Error;
use genai::webc::Error as WebError;

use super::GENAI;
use crate::failure::{Fault, ProviderError, Refused, Wanted, refusal, wait};
use rpm_core::llm::BackendError;

/// The error for what genai reports of a request that wanted this.
pub(super) fn failed(error: &Error, wanted: Wanted) -> BackendError {
    let fault = match error {
        Error::HttpError { status, body, headers, .. } => {
            return refused(status.as_u16(), |name| headers.get(name)?.to_str().ok(), body, wanted);
        }
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => match webc_error {
            WebError::ResponseFailedStatus { status, body, headers } => {
                return refused(status.as_u16(), |name| headers.get(name)?.to_str().ok(), body, wanted);
            }
            WebError::ResponseFailedNotJson { .. } | WebError::ResponseFailedInvalidJson { .. } => Fault::NotJson,
            WebError::JsonValueExt(_) => Fault::Unexpected,
            WebError::Reqwest(error) if error.is_builder() => Fault::NotSent,
            WebError::Reqwest(error) if error.is_connect() => Fault::Connect,
            WebError::Reqwest(_) => Fault::Broken,
        },
        // It came with status 200: an error of a gateway says more in its body.
        Error::ChatResponseGeneration { response_body, .. } => {
            let body = response_body.to_string();
            return refusal(GENAI, Refused::new(200, None, body.as_bytes()), wanted);
        }
        Error::NoChatResponse { .. } => Fault::Empty,
        Error::RequiresApiKey { .. } | Error::NoAuthResolver { .. } | Error::NoAuthData { .. } => {
            Fault::Setting("the client has no key for the model")
        }
        Error::InvalidJsonResponseElement { .. }
        | Error::ChatResponse { .. }
        | Error::JsonValueExt(_)
        | Error::SerdeJson(_) => Fault::Unexpected,
        Error::StreamParse { .. } | Error::WebStream { .. } => Fault::Broken,
        _ => Fault::NotSent,
    };
    ProviderError::new(GENAI, fault).into()
}

fn refused<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>, body: &str, wanted: Wanted) -> BackendError {
    refusal(GENAI, Refused::new(status, wait::retry_after(header), body.as_bytes()), wanted)
}
