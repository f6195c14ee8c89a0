//! The layer that makes metrics of the library's spans.

use std::sync::Arc;

use opentelemetry::metrics::Meter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterFn, Filtered, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::Conventions;
use crate::instruments::Instruments;
use crate::seen::{Kind, Seen};

/// The instruments of one meter, to make layers of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Instruments>);

impl Metrics {
    /// Instruments of this meter, by the default [`Conventions`].
    pub fn new(meter: &Meter) -> Self {
        Self::by(Conventions::default(), meter)
    }

    /// Instruments of this meter, by these conventions.
    pub fn by(conventions: Conventions, meter: &Meter) -> Self {
        Self(Arc::new(Instruments::new(meter, conventions)))
    }

    /// The layer to put into a subscriber. It looks at rpm-core's spans and at nothing else, so that it switches on no other span or
    /// event. Spans of rpm-core are of level `INFO`: a filter over the whole subscriber must let them through.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> Filtered<MetricsLayer, FilterFn, S> {
        // Without the hint every other crate's most detailed events would be made for nobody.
        let only: FilterFn = filter_fn(is_read as fn(&Metadata<'_>) -> bool);
        MetricsLayer(Arc::clone(&self.0)).with_filter(only.with_max_level_hint(LevelFilter::INFO))
    }
}

/// True of the library's spans.
fn is_read(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().split("::").next() == Some("rpm_core")
}

/// Enters each of rpm-core's spans into the instruments when it closes. Made by [`Metrics::layer`].
#[derive(Debug)]
pub struct MetricsLayer(Arc<Instruments>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for MetricsLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let (Some(kind), Some(span)) = (Kind::of(attributes.metadata().name()), context.span(id)) else { return };
        let mut seen = Seen::begin(kind);
        attributes.record(&mut seen);
        span.extensions_mut().replace(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(seen) = span.extensions_mut().get_mut::<Seen>() {
            values.record(seen);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let extensions = span.extensions();
        if let Some(seen) = extensions.get::<Seen>() {
            self.0.enter(seen);
        }
    }
}
