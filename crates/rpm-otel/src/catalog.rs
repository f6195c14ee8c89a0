//! Every metric there is: its name, kind and unit, and its name in Prometheus.

use opentelemetry::InstrumentationScope;

/// The names that metrics of calls to a model have. The conventions are in development: none of these names is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Conventions {
    /// Those of OpenTelemetry's semantic conventions 1.41, which most of what reads metrics knows: `gen_ai.client.operation.duration`
    /// and `gen_ai.client.token.usage`.
    #[default]
    V1_41,
    /// Those that the repository of the conventions for generative models has in their place by now: a duration each for inference and
    /// for embeddings, and a counter for each kind of token.
    GenAi,
}

/// The way a metric is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Instrument {
    /// A sum that grows.
    Counter,
    /// A distribution, with its sum and its number.
    Histogram,
}

/// A metric that the layer may emit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Metric {
    /// The name in OpenTelemetry.
    pub name: &'static str,
    /// How it is counted.
    pub instrument: Instrument,
    /// The unit, as UCUM writes it.
    pub unit: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// The attributes that it shares with other metrics of calls, and those beside them.
    attributes: (&'static [&'static str], &'static [&'static str]),
}

impl Conventions {
    /// The scope to take a meter of, with the version of this crate and the schema of the names.
    ///
    /// ```
    /// let meter = opentelemetry::global::meter_with_scope(rpm_otel::Conventions::default().scope());
    /// # let _ = meter;
    /// ```
    pub fn scope(self) -> InstrumentationScope {
        let schema = match self {
            Self::V1_41 => "https://opentelemetry.io/schemas/1.41.0",
            Self::GenAi => "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev",
        };
        InstrumentationScope::builder("rpm-otel")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(schema)
            .build()
    }
}

impl Metric {
    const fn counter(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self { name, instrument: Instrument::Counter, unit, description, attributes: (&[], &["rpm.operation"]) }
    }

    const fn histogram(name: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self { instrument: Instrument::Histogram, ..Self::counter(name, unit, description) }
    }

    const fn by(self, own: &'static [&'static str]) -> Self {
        Self { attributes: (&[], own), ..self }
    }

    const fn of_call_by(self, own: &'static [&'static str]) -> Self {
        Self { attributes: (&OF_A_CALL, own), ..self }
    }

    /// The attributes that its points may have; there are no others.
    pub fn attributes(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (shared, own) = self.attributes;
        shared.iter().chain(own).copied()
    }

    /// The names of its series in Prometheus, as the translation from OTLP makes them: dots become underscores, the unit comes behind
    /// unless it is in braces, then `_total`, or `_bucket`, `_count` and `_sum`.
    pub fn in_prometheus(&self) -> Vec<String> {
        let mut name: String = self.name.replace('.', "_");
        if self.unit == "s" {
            name.push_str("_seconds");
        }
        let endings: &[&str] = match self.instrument {
            Instrument::Counter => &["_total"],
            Instrument::Histogram => &["_bucket", "_count", "_sum"],
        };
        endings.iter().map(|ending| format!("{name}{ending}")).collect()
    }
}

/// Every metric that is emitted under these conventions.
pub fn metrics(conventions: Conventions) -> impl Iterator<Item = Metric> {
    let of_calls: &[Metric] = match conventions {
        Conventions::V1_41 => &[CLIENT_DURATION, TOKEN_USAGE],
        Conventions::GenAi => {
            &[INFERENCE_DURATION, EMBEDDINGS_DURATION, INPUT_TOKENS, OUTPUT_TOKENS, CACHED_TOKENS, REASONING_TOKENS]
        }
    };
    of_calls.iter().chain(OWN).copied()
}

/// The attributes of every call to a model.
pub(crate) const OF_A_CALL: [&str; 6] = [
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "server.address",
    "server.port",
    "rpm.stage",
];

pub(crate) const CLIENT_DURATION: Metric =
    Metric::histogram("gen_ai.client.operation.duration", "s", "GenAI operation duration.").of_call_by(&["error.type"]);
pub(crate) const TOKEN_USAGE: Metric =
    Metric::histogram("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.")
        .of_call_by(&["gen_ai.token.type"]);

pub(crate) const INFERENCE_DURATION: Metric =
    Metric::histogram("gen_ai.client.inference.duration", "s", "GenAI client inference duration.")
        .of_call_by(&["error.type"]);
pub(crate) const EMBEDDINGS_DURATION: Metric =
    Metric::histogram("gen_ai.client.embeddings.duration", "s", "GenAI client embeddings duration.")
        .of_call_by(&["error.type"]);
pub(crate) const INPUT_TOKENS: Metric =
    Metric::counter("gen_ai.client.inference.usage.input_tokens", "{token}", "Input tokens, cached ones included.")
        .of_call_by(&["gen_ai.token.modality"]);
pub(crate) const OUTPUT_TOKENS: Metric =
    Metric::counter("gen_ai.client.inference.usage.output_tokens", "{token}", "Output tokens, reasoning included.")
        .of_call_by(&["gen_ai.token.modality"]);
pub(crate) const CACHED_TOKENS: Metric = Metric::counter(
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "{token}",
    "Input tokens that the provider served from its cache.",
)
.of_call_by(&["gen_ai.token.modality"]);
pub(crate) const REASONING_TOKENS: Metric = Metric::counter(
    "gen_ai.client.inference.usage.reasoning.output_tokens",
    "{token}",
    "Output tokens of hidden reasoning.",
)
.of_call_by(&["gen_ai.token.modality"]);

pub(crate) const DURATION: Metric =
    Metric::histogram("rpm.operation.duration", "s", "Operations of the library, from their start to their end.")
        .by(&["rpm.operation", "error.type"]);
pub(crate) const ANSWERS: Metric =
    Metric::counter("rpm.answers", "{answer}", "Answers, by how much of the user they rest on.").by(&["rpm.tier"]);
pub(crate) const COST: Metric =
    Metric::counter("rpm.operation.cost", "{currency}", "Money spent, in the currency of the budget's prices.");
pub(crate) const BUDGET_REACHED: Metric = Metric::counter(
    "rpm.operation.budget_reached",
    "{operation}",
    "Operations in which a request was not sent, by the budget's limit.",
)
.by(&["rpm.operation", "rpm.budget.limit"]);
pub(crate) const CALL_TOKENS: Metric =
    Metric::counter("rpm.call.tokens", "{token}", "Tokens by stage; cached ones are input, reasoning is output.")
        .by(&["rpm.stage", "gen_ai.request.model", "rpm.token.type"]);
pub(crate) const INTERACTIONS: Metric = Metric::counter(
    "rpm.operation.interactions",
    "{interaction}",
    "Interactions that came in, were taken out or were counted.",
);
pub(crate) const FAILED_INTERACTIONS: Metric = Metric::counter(
    "rpm.operation.failed_interactions",
    "{interaction}",
    "Interactions for which a stage failed, while the operation went on.",
);
pub(crate) const CALLS: Metric =
    Metric::counter("rpm.operation.calls", "{call}", "Attempts at calls to a model, failed ones included.");
pub(crate) const FAILED_CALLS: Metric =
    Metric::counter("rpm.operation.failed_calls", "{call}", "Attempts at calls that failed.");
pub(crate) const RETRIES: Metric =
    Metric::counter("rpm.operation.retries", "{call}", "Attempts after a failed one of the same request.");
pub(crate) const REASKS: Metric =
    Metric::counter("rpm.operation.reasks", "{request}", "Requests that asked again for what a reply lacked.");
pub(crate) const REUSED: Metric =
    Metric::counter("rpm.operation.reused", "{reply}", "Replies from the response log, which were paid for before.");
pub(crate) const WITHHELD: Metric =
    Metric::counter("rpm.operation.withheld", "{request}", "Requests not sent, since the budget was reached.");

/// Those of the library's own.
const OWN: &[Metric] = &[
    DURATION,
    ANSWERS,
    COST,
    BUDGET_REACHED,
    CALL_TOKENS,
    INTERACTIONS,
    FAILED_INTERACTIONS,
    CALLS,
    FAILED_CALLS,
    RETRIES,
    REASKS,
    REUSED,
    WITHHELD,
];

/// The metrics of an operation that are a number in its span, by the field.
pub(crate) const OF_OPERATION: [(&str, Metric); 8] = [
    ("rpm.interactions", INTERACTIONS),
    ("rpm.failed_interactions", FAILED_INTERACTIONS),
    ("rpm.calls", CALLS),
    ("rpm.failed_calls", FAILED_CALLS),
    ("rpm.retries", RETRIES),
    ("rpm.reasks", REASKS),
    ("rpm.reused", REUSED),
    ("rpm.withheld", WITHHELD),
];
