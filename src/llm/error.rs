//! A completion that failed, and whether asking again can help.

use std::time::Duration;

use super::{BudgetLimit, ReplyForm, Stage};

/// Any error a host's client may give.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A completion that failed, and whether asking again can help. The cause is in
/// [`source`](std::error::Error::source); it is the host's, and must not hold the user's text if the host logs it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Asking again may help: time-outs, overload, dropped connections.
    #[error("the backend failed for now")]
    Transient {
        /// The time that the provider asks to wait.
        retry_after: Option<Duration>,
        /// The cause.
        source: BoxError,
    },
    /// Asking again cannot help: bad key, unknown model, refused request.
    #[error("the backend refused the request")]
    Permanent {
        /// The cause.
        source: BoxError,
    },
    /// The provider cannot hold a reply to this form. The request is sent again in a looser one.
    #[error("the provider does not support the reply form {form:?}")]
    Unsupported {
        /// The form that was refused.
        form: ReplyForm,
        /// The cause.
        source: BoxError,
    },
    /// The provider does not report the probabilities of tokens. The request is sent again without asking for them.
    #[error("the provider does not report the probabilities of tokens")]
    NoLogprobs {
        /// The cause.
        source: BoxError,
    },
    /// The request was not sent, or given up: it could exceed the operation's budget.
    #[error("the budget's limit of {limit} is reached")]
    Budget {
        /// The limit that is used up.
        limit: BudgetLimit,
    },
    /// The request was not sent: only logged replies may be used, and there is none for it.
    #[error("not sent: the log has no reply for this {stage} request about {about}")]
    NotLogged {
        /// The stage that asked.
        stage: Stage,
        /// The ids of the items it is about.
        about: String,
    },
    /// The prompt is longer than the model can read.
    #[error("the prompt is too long for the model")]
    PromptTooLong {
        /// The cause.
        source: BoxError,
    },
}

impl BackendError {
    /// A failure that may pass.
    pub fn transient(source: impl Into<BoxError>) -> Self {
        Self::Transient { retry_after: None, source: source.into() }
    }

    /// A failure that stays.
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self::Permanent { source: source.into() }
    }

    /// A prompt over the model's context.
    pub fn prompt_too_long(source: impl Into<BoxError>) -> Self {
        Self::PromptTooLong { source: source.into() }
    }

    /// A reply form that the provider refuses.
    pub fn unsupported(form: ReplyForm, source: impl Into<BoxError>) -> Self {
        Self::Unsupported { form, source: source.into() }
    }

    /// A provider that does not report the [probabilities of tokens](super::CompletionRequest::logprobs).
    pub fn no_logprobs(source: impl Into<BoxError>) -> Self {
        Self::NoLogprobs { source: source.into() }
    }

    /// The kind's name in reports and spans.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::Permanent { .. } => "permanent",
            Self::Unsupported { .. } => "unsupported",
            Self::NoLogprobs { .. } => "no_logprobs",
            Self::Budget { .. } => "budget",
            Self::NotLogged { .. } => "not_logged",
            Self::PromptTooLong { .. } => "prompt_too_long",
        }
    }

    /// True when asking again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }
}
