//! A question to a model that got no usable answer.

use crate::llm::{BackendError, BudgetLimit};

/// A question to a model that got no usable answer. Carries counts and lengths, never what was said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The stage needs a model and the pipeline has no backend.
    #[error("this stage asks a model, but the pipeline has no backend: give one to the builder")]
    NoBackend,
    /// The backend failed.
    #[error("the backend failed")]
    Backend(#[source] BackendError),
    /// The backend broke its contract.
    #[error("the backend returned no result for the request")]
    NoResult,
    /// The provider withheld the reply.
    #[error("the provider withheld the reply")]
    Filtered,
    /// No reply could be used, the last one for this reason.
    #[error("no usable reply in {attempts} attempts: {problem}{}", told(.expected.as_deref()))]
    Unusable {
        /// The number of attempts.
        attempts: u32,
        /// The fault of the last reply.
        problem: String,
        /// The form that was asked for, as JSON in one line with `…` for what is free; `None` where no JSON was.
        expected: Option<String>,
    },
}

fn told(expected: Option<&str>) -> String {
    expected.map(|expected| format!("; expected {expected}")).unwrap_or_default()
}

impl AskError {
    /// True when asking again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Backend(error) if error.is_transient())
    }

    /// The limit for which the request was not sent.
    pub fn budget_reached(&self) -> Option<BudgetLimit> {
        match self {
            Self::Backend(BackendError::Budget { limit }) => Some(*limit),
            _ => None,
        }
    }

    /// The error of another part of the same request: a reached budget is said of each, a failure of the first only.
    pub(super) fn of_another(&self) -> Self {
        match self.budget_reached() {
            Some(limit) => Self::Backend(BackendError::Budget { limit }),
            None => Self::NoResult,
        }
    }
}
