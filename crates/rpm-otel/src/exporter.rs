//! An exporter of spans that gives attributes the types which `tracing` has none of.

use std::time::Duration;

use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The attribute that the conventions want as an array of strings; a field of `tracing` holds no array.
const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";

/// Exports spans through another exporter, with `gen_ai.response.finish_reasons` as the array of strings that it is by the conventions.
/// All else goes as it is. Feature `sdk`.
///
/// ```
/// use opentelemetry::trace::TracerProvider as _;
/// use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
/// use rpm_otel::Conforming;
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// fn subscriber(exporter: impl SpanExporter + 'static) -> impl tracing::Subscriber {
///     let provider = SdkTracerProvider::builder().with_batch_exporter(Conforming::new(exporter)).build();
///     tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("my-service")))
/// }
/// ```
#[derive(Debug)]
pub struct Conforming<E>(E);

impl<E: SpanExporter> Conforming<E> {
    /// Exports through this one.
    pub fn new(exporter: E) -> Self {
        Self(exporter)
    }
}

impl<E: SpanExporter> SpanExporter for Conforming<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        for attribute in batch.iter_mut().flat_map(|span| &mut span.attributes) {
            conform(attribute);
        }
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn conform(attribute: &mut KeyValue) {
    if attribute.key.as_str() != FINISH_REASONS {
        return;
    }
    if let Value::String(reason) = &attribute.value {
        let reasons: Vec<StringValue> = vec![reason.clone()];
        attribute.value = Value::Array(Array::String(reasons));
    }
}
