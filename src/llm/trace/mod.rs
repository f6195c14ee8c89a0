//! Spans for a host's `tracing` subscriber; nothing at all without the feature `tracing`.
//!
//! One span per batch of a stage (`rpm.stage`), per attempt at a call (`rpm.call`) and per request for vectors (`rpm.embed`), the last two with the attribute names of OpenTelemetry's conventions for generative models. No span holds text
//! of a prompt, a reply or a user, or the id of one.

use std::future::Future;

use super::{BackendError, Completion, CompletionRequest, Endpoint, LlmBackend};
use crate::operation::Kind;

#[cfg(feature = "tracing")]
mod spans;

/// Runs one batch of a stage inside its span.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is a span with the feature only"))]
pub(crate) fn stage<F: Future>(stage: super::Stage, requests: usize, future: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    let future = spans::in_stage(stage, requests, future);
    future
}

/// Embeds inside a span, unless the vectors are computed here.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "as above"))]
pub(crate) fn embedding<T, E: Kind>(
    endpoint: Endpoint<'_>,
    (texts, dimensions): (usize, usize),
    future: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    #[cfg(feature = "tracing")]
    let future = spans::embedding(endpoint, (texts, dimensions), future);
    future
}

/// Who is asked by a request, for its span.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    #[cfg(feature = "tracing")]
    who: Option<std::sync::Arc<spans::Who>>,
}

impl Asked {
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "as above"))]
    pub(crate) fn of(backend: &dyn LlmBackend) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            who: spans::Who::of(backend).map(std::sync::Arc::new),
        }
    }
}

/// The span of one attempt at a call.
#[derive(Debug)]
pub(super) struct CallSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    #[cfg(feature = "tracing")]
    is_over: bool,
}

impl CallSpan {
    /// Opens the span under the current one.
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "as above"))]
    pub(super) fn open(request: &CompletionRequest) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: spans::call(request, request.asked.who.as_deref()),
            #[cfg(feature = "tracing")]
            is_over: false,
        }
    }

    /// Records what became of the attempt; the span closes when this is dropped.
    #[cfg_attr(
        not(feature = "tracing"),
        expect(unused_variables, clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "as above")
    )]
    pub(super) fn close(&mut self, result: &Result<Completion, BackendError>, is_heard: bool) {
        #[cfg(feature = "tracing")]
        {
            self.is_over = true;
            spans::end_of_call(&self.span, result, is_heard);
        }
    }
}

#[cfg(feature = "tracing")]
impl Drop for CallSpan {
    fn drop(&mut self) {
        if !self.is_over {
            crate::operation::cancelled(&self.span);
        }
    }
}
