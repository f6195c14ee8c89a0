//! The backend behind a log that is only replayed: it has a name, and nobody to ask.

use async_trait::async_trait;

use super::logged::not_in_log;
use crate::llm::{BackendError, Completion, CompletionRequest, LlmBackend};

/// A model whose replies are in a log, and that cannot be asked any more.
pub(super) struct Nobody {
    model: String,
}

impl Nobody {
    pub(super) fn of(model: impl Into<String>) -> Self {
        Self { model: model.into() }
    }
}

#[async_trait]
impl LlmBackend for Nobody {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        Err(not_in_log(request))
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn name(&self) -> &'static str {
        "replay"
    }
}
