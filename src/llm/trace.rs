//! Spans for a host's `tracing` subscriber; nothing at all without the feature `tracing`.
//!
//! One span per operation (`rpm.operation`), per batch of a stage (`rpm.stage`) and per attempt at a call (`rpm.call`), the
//! last with the attribute names of OpenTelemetry's conventions for generative models. No span holds text of a prompt, a reply or a user.

use std::future::Future;

use super::{BackendError, Completion, CompletionRequest};

/// Runs an operation inside its span.
pub(crate) async fn operation<F: Future>(name: &'static str, future: F) -> F::Output {
    #[cfg(feature = "tracing")]
    let future = {
        use tracing::Instrument as _;
        future.instrument(tracing::info_span!("rpm.operation", otel.name = name, rpm.operation = name))
    };
    #[cfg(not(feature = "tracing"))]
    let _ = name;
    future.await
}

/// Runs one batch of a stage inside its span.
pub(crate) async fn stage<F: Future>(stage: super::Stage, requests: usize, future: F) -> F::Output {
    #[cfg(feature = "tracing")]
    let future = {
        use tracing::Instrument as _;
        let name = stage.as_str();
        future.instrument(tracing::info_span!("rpm.stage", otel.name = name, rpm.stage = name, rpm.requests = requests))
    };
    #[cfg(not(feature = "tracing"))]
    let _ = (stage, requests);
    future.await
}

/// The span of one attempt at a call.
#[derive(Debug)]
pub(super) struct CallSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl CallSpan {
    /// Opens the span under the current one.
    pub(super) fn open(request: &CompletionRequest) -> Self {
        #[cfg(feature = "tracing")]
        {
            use tracing::field::Empty;
            let span = tracing::info_span!(
                "rpm.call",
                otel.name = format!("chat {}", request.model),
                otel.kind = "client",
                gen_ai.operation.name = "chat",
                gen_ai.request.model = request.model.as_str(),
                gen_ai.request.max_tokens = request.max_tokens,
                gen_ai.request.temperature = f64::from(request.temperature),
                gen_ai.request.seed = request.seed,
                gen_ai.output.type = if request.schema.is_some() { "json" } else { "text" },
                gen_ai.usage.input_tokens = Empty,
                gen_ai.usage.output_tokens = Empty,
                gen_ai.usage.cache_read.input_tokens = Empty,
                gen_ai.response.finish_reasons = Empty,
                error.type = Empty,
                rpm.stage = request.stage.as_str(),
            );
            Self { span }
        }
        #[cfg(not(feature = "tracing"))]
        {
            let _ = request;
            Self {}
        }
    }

    /// Records what became of the attempt; the span closes when this is dropped.
    #[cfg_attr(not(feature = "tracing"), expect(clippy::unused_self, reason = "there is a span with the feature only"))]
    pub(super) fn close(&self, result: &Result<Completion, BackendError>) {
        #[cfg(feature = "tracing")]
        match result {
            Ok(completion) => {
                if let Some(usage) = completion.usage {
                    self.span.record("gen_ai.usage.input_tokens", usage.input_tokens);
                    self.span.record("gen_ai.usage.output_tokens", usage.output_tokens);
                    self.span.record("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens);
                }
                self.span.record("gen_ai.response.finish_reasons", completion.finish.as_str());
            }
            Err(error) => {
                self.span.record("error.type", error.kind());
            }
        }
        #[cfg(not(feature = "tracing"))]
        let _ = result;
    }
}
