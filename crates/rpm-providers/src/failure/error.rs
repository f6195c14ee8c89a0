//! Errors of the providers.

use std::time::Duration;

use rpm_core::llm::BackendError;

/// A failure of a provider. It holds a status and a known error code at most: a provider's own words
/// may repeat the prompt or the key, so they are read to classify the error and then dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {fault}")]
pub struct ProviderError {
    provider: &'static str,
    fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Setting(&'static str),
    #[error(
        "the key is not sent over plain http to another machine, where everyone on the way could read it: use https, or allow it with \
         insecure_http()"
    )]
    Insecure,
    #[error("a request must be polled inside a tokio runtime with IO and time enabled")]
    NoRuntime,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("cannot connect to the base URL")]
    Connect,
    #[error("the connection broke")]
    Broken,
    #[error("the request could not be made")]
    NotSent,
    #[error("status {status}{}", code.map(|code| format!(" ({code})")).unwrap_or_default())]
    Status { status: u16, code: Option<&'static str> },
    #[error("a redirect (status {0}), which is not followed because the key would go along: correct the base URL")]
    Redirect(u16),
    #[error("the answer is not JSON: a gateway's page or a cut answer, or the base URL is wrong")]
    NotJson,
    #[error("the answer is not one of this API: check the base URL")]
    Unexpected,
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the reply holds no text")]
    Empty,
}

impl ProviderError {
    pub(crate) fn new(provider: &'static str, fault: Fault) -> Self {
        Self { provider, fault }
    }

    /// The provider's name.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// The HTTP status, if one came that was not a success.
    pub fn status(&self) -> Option<u16> {
        match self.fault {
            Fault::Status { status, .. } | Fault::Redirect(status) => Some(status),
            _ => None,
        }
    }

    /// The provider's code for the error, if it is one that is known here.
    pub fn code(&self) -> Option<&'static str> {
        match self.fault {
            Fault::Status { code, .. } => code,
            _ => None,
        }
    }

    /// True when no answer came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.fault, Fault::Timeout(_))
    }
}

impl From<ProviderError> for BackendError {
    fn from(error: ProviderError) -> Self {
        match error.fault {
            Fault::Timeout(_) | Fault::Connect | Fault::Broken | Fault::NotJson | Fault::Empty => {
                Self::transient(error)
            }
            _ => Self::permanent(error),
        }
    }
}
