//! The instruments, and what each kind of span is entered in.

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, Value};

use crate::bounded::{Bounded, OTHER};
use crate::catalog::{
    ANSWERS, BUDGET_REACHED, CACHED_TOKENS, CALL_TOKENS, CLIENT_DURATION, COST, DURATION, EMBEDDINGS_DURATION,
    INFERENCE_DURATION, INPUT_TOKENS, OF_A_CALL, OF_OPERATION, OUTPUT_TOKENS, REASONING_TOKENS, TOKEN_USAGE,
};
use crate::seen::{Kind, Seen};
use crate::{Conventions, Metric};

/// What the conventions advise for a call in seconds, and for its tokens.
const SECONDS_OF_A_CALL: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// From an answer without a model, which takes a millisecond, to learning a long history with one.
const SECONDS_OF_AN_OPERATION: [f64; 16] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// What is entered for a call: the names differ.
#[derive(Debug)]
enum OfCalls {
    V1_41 { duration: Histogram<f64>, tokens: Histogram<u64> },
    GenAi { inference: Histogram<f64>, embeddings: Histogram<f64>, tokens: Vec<(&'static str, Counter<u64>)> },
}

/// Every instrument, and the values that attributes had.
#[derive(Debug)]
pub(crate) struct Instruments {
    of_calls: OfCalls,
    call_tokens: Counter<u64>,
    duration: Histogram<f64>,
    answers: Counter<u64>,
    cost: Counter<f64>,
    budget_reached: Counter<u64>,
    of_operation: Vec<(&'static str, Counter<u64>)>,
    values: Bounded,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter, conventions: Conventions) -> Self {
        let of_calls = match conventions {
            Conventions::V1_41 => OfCalls::V1_41 {
                duration: seconds(meter, CLIENT_DURATION, &SECONDS_OF_A_CALL),
                tokens: meter
                    .u64_histogram(TOKEN_USAGE.name)
                    .with_unit(TOKEN_USAGE.unit)
                    .with_description(TOKEN_USAGE.description)
                    .with_boundaries(TOKENS.to_vec())
                    .build(),
            },
            Conventions::GenAi => OfCalls::GenAi {
                inference: seconds(meter, INFERENCE_DURATION, &SECONDS_OF_A_CALL),
                embeddings: seconds(meter, EMBEDDINGS_DURATION, &SECONDS_OF_A_CALL),
                tokens: [
                    ("gen_ai.usage.input_tokens", INPUT_TOKENS),
                    ("gen_ai.usage.output_tokens", OUTPUT_TOKENS),
                    ("gen_ai.usage.cache_read.input_tokens", CACHED_TOKENS),
                    ("gen_ai.usage.reasoning.output_tokens", REASONING_TOKENS),
                ]
                .map(|(field, metric)| (field, counter(meter, metric)))
                .into(),
            },
        };
        Self {
            of_calls,
            call_tokens: counter(meter, CALL_TOKENS),
            duration: seconds(meter, DURATION, &SECONDS_OF_AN_OPERATION),
            answers: counter(meter, ANSWERS),
            cost: meter.f64_counter(COST.name).with_unit(COST.unit).with_description(COST.description).build(),
            budget_reached: counter(meter, BUDGET_REACHED),
            of_operation: OF_OPERATION.map(|(field, metric)| (field, counter(meter, metric))).into(),
            values: Bounded::default(),
        }
    }

    pub(crate) fn enter(&self, seen: &Seen) {
        match seen.kind {
            Kind::Operation => self.enter_operation(seen),
            Kind::Call => self.enter_call(seen),
            Kind::Embed => self.enter_duration(seen, &self.of_call(seen)),
        }
    }

    fn enter_operation(&self, seen: &Seen) {
        let operation = self.taken(seen, &["rpm.operation"]);
        let mut ended = self.taken(seen, &["rpm.operation", "error.type"]);
        if !seen.is_over() {
            ended.push(KeyValue::new("error.type", "cancelled"));
        }
        self.duration.record(seen.took().as_secs_f64(), &ended);
        for (field, counter) in &self.of_operation {
            if let Some(number) = seen.number(field).filter(|number| *number > 0) {
                counter.add(number, &operation);
            }
        }
        if let Some(money) = seen.real("rpm.cost") {
            self.cost.add(money, &operation);
        }
        if let Some(limit) = seen.get("rpm.budget.reached") {
            let mut limited = operation.clone();
            limited.push(KeyValue::new("rpm.budget.limit", limit.clone()));
            self.budget_reached.add(1, &limited);
        }
        let is_answer = seen.get("rpm.operation").is_some_and(|name| name.as_str() == "personalize");
        if is_answer && seen.is_over() && seen.get("error.type").is_none() {
            self.answers.add(1, &self.taken(seen, &["rpm.tier"]));
        }
    }

    fn enter_call(&self, seen: &Seen) {
        let attributes = self.of_call(seen);
        self.enter_duration(seen, &attributes);
        match &self.of_calls {
            OfCalls::V1_41 { tokens, .. } => {
                for (field, kind) in [("gen_ai.usage.input_tokens", "input"), ("gen_ai.usage.output_tokens", "output")]
                {
                    if let Some(number) = seen.number(field) {
                        tokens.record(number, &with(&attributes, "gen_ai.token.type", kind));
                    }
                }
            }
            OfCalls::GenAi { tokens, .. } => {
                for (field, counter) in tokens {
                    if let Some(number) = seen.number(field) {
                        counter.add(number, &with(&attributes, "gen_ai.token.modality", "text"));
                    }
                }
            }
        }
        let by_stage = self.taken(seen, &["rpm.stage", "gen_ai.request.model"]);
        let kinds = [
            ("gen_ai.usage.input_tokens", "input"),
            ("gen_ai.usage.cache_read.input_tokens", "cached"),
            ("gen_ai.usage.output_tokens", "output"),
            ("gen_ai.usage.reasoning.output_tokens", "reasoning"),
        ];
        for (field, kind) in kinds {
            if let Some(number) = seen.number(field) {
                self.call_tokens.add(number, &with(&by_stage, "rpm.token.type", kind));
            }
        }
    }

    fn enter_duration(&self, seen: &Seen, attributes: &[KeyValue]) {
        let histogram = match (&self.of_calls, seen.kind) {
            (OfCalls::V1_41 { duration, .. }, _) => duration,
            (OfCalls::GenAi { embeddings, .. }, Kind::Embed) => embeddings,
            (OfCalls::GenAi { inference, .. }, _) => inference,
        };
        let mut attributes = attributes.to_vec();
        attributes.extend(self.taken(seen, &["error.type"]));
        histogram.record(seen.took().as_secs_f64(), &attributes);
    }

    /// The attributes of a call, but for how it ended.
    fn of_call(&self, seen: &Seen) -> Vec<KeyValue> {
        self.taken(seen, &OF_A_CALL)
    }

    /// The attributes of these names that the span has.
    fn taken(&self, seen: &Seen, names: &[&'static str]) -> Vec<KeyValue> {
        let of = |name: &&'static str| Some(KeyValue::new(*name, self.values.value(name, seen.get(name)?)));
        let mut taken: Vec<KeyValue> = names.iter().filter_map(of).collect();
        // A port is one of a server that has a name here.
        if taken.iter().any(|one| one.key.as_str() == "server.address" && one.value.as_str() == OTHER) {
            taken.retain(|one| one.key.as_str() != "server.port");
        }
        taken
    }
}

fn with(attributes: &[KeyValue], name: &'static str, value: impl Into<Value>) -> Vec<KeyValue> {
    let mut attributes = attributes.to_vec();
    attributes.push(KeyValue::new(name, value));
    attributes
}

fn counter(meter: &Meter, metric: Metric) -> Counter<u64> {
    meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.description).build()
}

fn seconds(meter: &Meter, metric: Metric, boundaries: &[f64]) -> Histogram<f64> {
    meter
        .f64_histogram(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_boundaries(boundaries.to_vec())
        .build()
}
