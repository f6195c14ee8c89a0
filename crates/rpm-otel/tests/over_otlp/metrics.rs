//! Metrics as they arrive: every one that the crate names, with its unit, its attributes and no others.

use std::collections::BTreeSet;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use pollster::block_on;
use rpm_core::RpmPipeline;
use rpm_core::retrieve::DenseRetriever;
use rpm_core::testing::ScriptedBackend;
use rpm_otel::{Conventions, Instrument, metrics};

use crate::collector::Collector;
use crate::host::{Gateway, Host, Vectors, history, task};
use crate::received;

#[test]
fn every_metric_that_the_crate_names_arrives_with_its_unit_and_no_other_does() {
    let came = &received().metrics;
    let named: BTreeSet<&str> = metrics(Conventions::V1_41).map(|metric| metric.name).collect();
    assert_eq!(came.keys().map(String::as_str).collect::<BTreeSet<_>>(), named);
    for metric in metrics(Conventions::V1_41) {
        let came = &came[metric.name];
        assert_eq!(came.unit, metric.unit, "{}", metric.name);
        assert_eq!(came.is_histogram, metric.instrument == Instrument::Histogram, "{}", metric.name);
        assert_eq!(came.temporality, AggregationTemporality::Cumulative, "{}", metric.name);
        assert!(came.is_monotonic && !came.points.is_empty(), "{}", metric.name);
    }
    let schema = "https://opentelemetry.io/schemas/1.41.0";
    assert_eq!(received().scopes, [("rpm-otel".to_owned(), schema.to_owned())].into());
}

#[test]
fn calls_and_tokens_are_counted_by_the_names_and_in_the_buckets_of_the_conventions() {
    let received = received();
    let duration = &received.metrics["gen_ai.client.operation.duration"].points;
    let advised = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    assert!(duration.iter().all(|point| point.bounds == advised));
    let tokens = &received.metrics["gen_ai.client.token.usage"].points;
    let advised: Vec<f64> = (0..14).map(|power| 4_f64.powi(power)).collect();
    assert!(tokens.iter().all(|point| point.bounds == advised));

    let chats = received.named("chat ministral-8b").len() as u64;
    let count = |attributes: &[(&str, &str)]| received.count("gen_ai.client.operation.duration", attributes);
    assert_eq!(count(&[("gen_ai.operation.name", "chat"), ("gen_ai.provider.name", "mistral_ai")]), chats);
    assert_eq!(count(&[("gen_ai.operation.name", "chat"), ("server.port", "int 8443")]), chats);
    assert_eq!(count(&[("error.type", "transient")]), 1);
    let embeddings = received.named("embeddings mistral-embed").len() as u64;
    assert_eq!(count(&[("gen_ai.operation.name", "embeddings")]), embeddings);

    let answered = chats - count(&[("error.type", "transient")]) - count(&[("error.type", "permanent")]);
    let used = |kind| received.sum("gen_ai.client.token.usage", &[("gen_ai.token.type", kind)]);
    assert_eq!((used("input"), used("output")), (100.0 * answered as f64, 10.0 * answered as f64));
    let own = |kind| received.sum("rpm.call.tokens", &[("rpm.token.type", kind)]);
    assert_eq!(own("input"), used("input"));
    assert_eq!(own("output"), used("output"));
    assert_eq!(own("cached"), 40.0 * answered as f64);
    assert_eq!(own("reasoning"), 3.0 * answered as f64);
}

#[test]
fn operations_are_counted_with_their_failures_and_what_they_took() {
    let received = received();
    let ended = |attributes: &[(&str, &str)]| received.count("rpm.operation.duration", attributes);
    for (operation, times) in [
        ("learn", 3),
        ("personalize", 2),
        ("observe", 1),
        ("forget", 1),
        ("edit", 1),
        ("explain", 1),
        ("population", 1),
    ] {
        assert_eq!(ended(&[("rpm.operation", operation)]), times, "{operation}");
    }
    assert_eq!(ended(&[("rpm.operation", "personalize"), ("error.type", "extract")]), 1);
    let sum = |metric| received.sum(metric, &[("rpm.operation", "learn")]);
    assert_eq!(sum("rpm.operation.interactions"), 24.0);
    assert_eq!(sum("rpm.operation.retries"), 1.0);
    assert!(sum("rpm.operation.reused") > 8.0);
    assert!(sum("rpm.operation.reasks") >= 1.0 && sum("rpm.operation.withheld") >= 1.0);
    assert!(sum("rpm.operation.cost") > 0.0);
    assert_eq!(received.sum("rpm.operation.budget_reached", &[("rpm.budget.limit", "calls")]), 1.0);
    assert_eq!(received.sum("rpm.answers", &[]), 1.0);
}

#[test]
fn no_attribute_has_values_that_grow_with_users_texts_or_interactions() {
    for metric in metrics(Conventions::V1_41) {
        for (name, value) in received().metrics[metric.name].points.iter().flat_map(|point| &point.attributes) {
            assert!(metric.attributes().any(|known| known == name), "{} has {name}", metric.name);
            assert!(value.len() < 24 && !value.contains("zqvxkj"), "{name} is {value}");
        }
    }
}

#[test]
fn the_newer_names_of_the_conventions_can_be_had_in_their_place() {
    let collector = Collector::prompt();
    let host = Host::exporting(&collector.url, Conventions::GenAi, Duration::from_secs(10));
    host.run(|| {
        let builder = RpmPipeline::builder(task()).backend(Gateway(ScriptedBackend::new()));
        let pipeline = builder.retriever(DenseRetriever::new(Vectors)).build().unwrap();
        let learned = block_on(pipeline.learn(&history())).unwrap();
        block_on(pipeline.open(learned.model)).unwrap();
    });
    assert!(host.flush());
    let received = collector.received();
    let of_calls: Vec<&str> =
        received.metrics.keys().map(String::as_str).filter(|name| name.starts_with("gen_ai")).collect();
    let named = metrics(Conventions::GenAi).map(|metric| metric.name).filter(|name| name.starts_with("gen_ai"));
    assert_eq!(of_calls, named.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    let chats = received.named("chat ministral-8b").len() as u64;
    assert_eq!(received.count("gen_ai.client.inference.duration", &[]), chats);
    assert_eq!(received.count("gen_ai.client.embeddings.duration", &[]), 1);
    let text = [("gen_ai.token.modality", "text")];
    assert_eq!(received.sum("gen_ai.client.inference.usage.cache_read.input_tokens", &text), 40.0 * chats as f64);
}
