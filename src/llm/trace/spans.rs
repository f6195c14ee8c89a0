//! The spans themselves: their fields, and what is recorded when each ends.

use std::future::Future;

use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::llm::{BackendError, Completion, CompletionRequest, Endpoint, LlmBackend, Stage};
use crate::operation::{Kind, cancelled, int, record_failure};

pub(super) fn in_stage<F: Future>(stage: Stage, requests: usize, future: F) -> impl Future<Output = F::Output> {
    let name = stage.as_str();
    let span = info_span!("rpm.stage", otel.name = name, rpm.stage = name, rpm.requests = int(requests as u64));
    future.instrument(span)
}

/// Who is asked, as it was named when the request was made ready.
#[derive(Debug)]
pub(super) struct Who {
    provider: String,
    model: String,
    server: Option<(String, u16)>,
}

impl Who {
    /// Where a backend does not say who its provider and its model are, its own names for them do. `None` for one that asks nobody.
    pub(super) fn of(backend: &dyn LlmBackend) -> Option<Self> {
        let endpoint = backend.endpoint();
        (!endpoint.in_process).then(|| Self {
            provider: endpoint.provider.unwrap_or(backend.name()).to_owned(),
            model: endpoint.model.unwrap_or(backend.model()).to_owned(),
            server: endpoint.server.map(|(host, port)| (host.to_owned(), port)),
        })
    }
}

pub(super) fn call(request: &CompletionRequest, who: Option<&Who>) -> Span {
    let Some(who) = who else { return Span::none() };
    info_span!(
        "rpm.call",
        otel.name = format!("chat {}", who.model),
        otel.kind = "client",
        otel.status_code = Empty,
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = who.provider,
        gen_ai.request.model = who.model,
        server.address = who.server.as_ref().map(|(host, _)| host.as_str()),
        server.port = who.server.as_ref().map(|(_, port)| i64::from(*port)),
        gen_ai.request.max_tokens = i64::from(request.max_tokens),
        gen_ai.request.temperature = f64::from(request.temperature),
        gen_ai.request.seed = request.seed.and_then(|seed| i64::try_from(seed).ok()),
        gen_ai.request.stream = Empty,
        gen_ai.output.type = if request.schema.is_some() { "json" } else { "text" },
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        gen_ai.response.finish_reasons = Empty,
        error.type = Empty,
        rpm.stage = request.stage.as_str(),
    )
}

pub(super) fn end_of_call(span: &Span, result: &Result<Completion, BackendError>, is_heard: bool) {
    if is_heard {
        span.record("gen_ai.request.stream", true);
    }
    match result {
        Ok(completion) => {
            if let Some(usage) = completion.usage {
                span.record("gen_ai.usage.input_tokens", int(usage.input_tokens));
                span.record("gen_ai.usage.output_tokens", int(usage.output_tokens));
                span.record("gen_ai.usage.cache_read.input_tokens", int(usage.cached_tokens));
            }
            if let Some(tokens) = completion.reasoning_tokens {
                span.record("gen_ai.usage.reasoning.output_tokens", int(tokens));
            }
            span.record("gen_ai.response.finish_reasons", completion.finish.as_str());
        }
        Err(error) => record_failure(span, Some(error.kind())),
    }
}

/// A request for vectors in its span, which says so when it is dropped before its end.
pub(super) fn embedding<T, E: Kind>(
    endpoint: Endpoint<'_>,
    (texts, dimensions): (usize, usize),
    future: impl Future<Output = Result<T, E>>,
) -> impl Future<Output = Result<T, E>> {
    let span = if endpoint.in_process { Span::none() } else { vectors(endpoint, texts, dimensions) };
    let (mut embedding, future) = (Embedding { span: span.clone(), is_over: false }, Box::pin(future));
    async move {
        let result = future.await;
        embedding.is_over = true;
        record_failure(&embedding.span, result.as_ref().err().map(Kind::kind));
        result
    }
    .instrument(span)
}

fn vectors(endpoint: Endpoint<'_>, texts: usize, dimensions: usize) -> Span {
    info_span!(
        "rpm.embed",
        otel.name = format!("embeddings {}", endpoint.model.unwrap_or_default()).trim_end(),
        otel.kind = "client",
        otel.status_code = Empty,
        gen_ai.operation.name = "embeddings",
        gen_ai.provider.name = endpoint.provider.unwrap_or("embedder"),
        gen_ai.request.model = endpoint.model,
        server.address = endpoint.server.map(|(host, _)| host),
        server.port = endpoint.server.map(|(_, port)| i64::from(port)),
        gen_ai.embeddings.dimension.count = int(dimensions as u64),
        error.type = Empty,
        rpm.texts = int(texts as u64),
    )
}

/// A request for vectors under way.
struct Embedding {
    span: Span,
    is_over: bool,
}

impl Drop for Embedding {
    fn drop(&mut self) {
        if !self.is_over {
            cancelled(&self.span);
        }
    }
}
