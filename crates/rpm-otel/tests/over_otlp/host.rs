//! A host with spans and metrics: a subscriber that exports to a collector, and a model that is scripted. Whatever is a user's has `zqvxkj`
//! in it.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use rpm_core::embed::{EmbedError, Embedder, HashedEmbedder};
use rpm_core::llm::{Endpoint, Usage};
use rpm_core::testing::ScriptedBackend;
use rpm_core::{
    BackendError, Completion, CompletionRequest, DataError, History, Interaction, LlmBackend, Query, ResponseSpace,
    Task, async_trait,
};
use rpm_otel::{Conforming, Conventions, Metrics};
use tracing_subscriber::layer::SubscriberExt as _;

/// The host's side of telemetry.
pub(crate) struct Host {
    traces: SdkTracerProvider,
    meters: SdkMeterProvider,
    subscriber: tracing::Dispatch,
}

impl Host {
    /// Exports to a collector at this URL, waiting for its answer no longer than this.
    pub(crate) fn exporting(url: &str, conventions: Conventions, timeout: Duration) -> Self {
        let spans = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{url}/v1/traces"))
            .with_timeout(timeout)
            .build()
            .unwrap();
        let metrics = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{url}/v1/metrics"))
            .with_timeout(timeout)
            .build()
            .unwrap();
        let traces = SdkTracerProvider::builder().with_batch_exporter(Conforming::new(spans)).build();
        let reader = PeriodicReader::builder(metrics).with_interval(Duration::from_secs(3_600)).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        let meter = opentelemetry::metrics::MeterProvider::meter_with_scope(&meters, conventions.scope());
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("rpm-core")))
            .with(Metrics::by(conventions, &meter).layer());
        Self { traces, meters, subscriber: tracing::Dispatch::new(subscriber) }
    }

    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.subscriber, work)
    }

    /// Sends what there is; whether it arrived.
    pub(crate) fn flush(&self) -> bool {
        let (spans, metrics) = (self.traces.force_flush(), self.meters.force_flush());
        spans.is_ok() && metrics.is_ok()
    }
}

/// A host's client for a model.
#[derive(Clone)]
pub(crate) struct Gateway(pub(crate) ScriptedBackend);

#[async_trait]
impl LlmBackend for Gateway {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let mut completion = self.0.complete(request).await?;
        completion.usage = Some(Usage { input_tokens: 100, output_tokens: 10, cached_tokens: 40 });
        Ok(completion.reasoning_tokens(3))
    }

    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::of("mistral_ai").model("ministral-8b").server("models.example", 8443)
    }

    fn model(&self) -> &'static str {
        "ministral-8b@https://models.example:8443/zqvxkj-secret-path temperature=0"
    }
}

/// A host's client for vectors.
pub(crate) struct Vectors;

#[async_trait]
impl Embedder for Vectors {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EmbedError> {
        HashedEmbedder::default().embed(texts).await
    }

    fn dimensions(&self) -> usize {
        HashedEmbedder::default().dimensions()
    }

    fn fingerprint(&self) -> String {
        "zqvxkj-fingerprint".to_owned()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::of("mistral_ai").model("mistral-embed")
    }
}

pub(crate) fn task() -> Task {
    Task::new("How would this person rate the zqvxkjfilm?", ResponseSpace::scale(1, 5).unwrap()).unwrap()
}

pub(crate) fn history() -> History {
    let seen = (0..8).map(|number| {
        let (word, response) = if number % 2 == 0 { ("zqvxkjquiet", "5") } else { ("zqvxkjloud", "1") };
        interaction(
            &format!("zqvxkj-item-{number}"),
            &format!("A {word} film, zqvxkj number {number}."),
            response,
            number,
        )
    });
    History::new(&task(), "zqvxkj-user-ana", seen.collect::<Result<Vec<_>, _>>().unwrap()).unwrap()
}

pub(crate) fn interaction(id: &str, text: &str, response: &str, at: i64) -> Result<Interaction, DataError> {
    Ok(Interaction::new(id, Query::new(text)?, response)?.at(at))
}

pub(crate) fn query() -> Query {
    Query::new("A zqvxkjquiet film about a zqvxkjlighthouse.").unwrap()
}
