//! What is kept of a span: the fields that metrics are made of, and its times.

use std::fmt;
use std::time::{Duration, Instant};

use opentelemetry::Value;
use tracing::field::{Field, Visit};

/// The fields that are read; no other is looked at.
const FIELDS: [&str; 24] = [
    "error.type",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "rpm.budget.reached",
    "rpm.calls",
    "rpm.cost",
    "rpm.failed_calls",
    "rpm.failed_interactions",
    "rpm.interactions",
    "rpm.operation",
    OUTCOME,
    "rpm.reasks",
    "rpm.retries",
    "rpm.reused",
    "rpm.stage",
    "rpm.tier",
    "rpm.withheld",
    "server.address",
    "server.port",
];
/// The field that is recorded last.
const OUTCOME: &str = "rpm.outcome";

/// The spans that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Operation,
    Call,
    Embed,
}

impl Kind {
    pub(crate) fn of(span: &str) -> Option<Self> {
        match span {
            "rpm.operation" => Some(Self::Operation),
            "rpm.call" => Some(Self::Call),
            "rpm.embed" => Some(Self::Embed),
            _ => None,
        }
    }
}

/// A span under way.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    begun: Instant,
    /// When its outcome was recorded. What has a span may outlive what the span is of.
    ended: Option<Instant>,
    fields: Vec<(&'static str, Value)>,
}

impl Seen {
    pub(crate) fn begin(kind: Kind) -> Self {
        Self { kind, begun: Instant::now(), ended: None, fields: Vec::new() }
    }

    pub(crate) fn took(&self) -> Duration {
        self.ended.unwrap_or_else(Instant::now).saturating_duration_since(self.begun)
    }

    /// True where the operation said how it ended.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value)
    }

    /// A number from 0 on.
    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        match self.get(field)? {
            Value::I64(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn real(&self, field: &str) -> Option<f64> {
        match self.get(field)? {
            Value::F64(number) => Some(*number),
            _ => None,
        }
    }

    fn keep(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        if name == OUTCOME {
            self.ended = Some(Instant::now());
        }
        if FIELDS.contains(&name) {
            self.fields.retain(|(known, _)| *known != name);
            self.fields.push((name, value.into()));
        }
    }
}

impl Visit for Seen {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }

    /// Not one of the fields is of another type.
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
