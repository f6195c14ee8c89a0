//! Spans as they arrive: names, kinds, types, status and who is in whom.

use std::collections::BTreeSet;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use pollster::block_on;
use rpm_core::RpmPipeline;
use rpm_core::testing::ScriptedBackend;
use rpm_otel::Conventions;

use crate::collector::{Collector, of_span};
use crate::host::{Gateway, Host, history, task};
use crate::received;

fn code(span: &Span) -> StatusCode {
    span.status.as_ref().map_or(StatusCode::Unset, opentelemetry_proto::tonic::trace::v1::Status::code)
}

#[test]
fn a_call_has_the_name_the_kind_and_the_attributes_of_the_conventions_with_their_types() {
    let calls = received().named("chat ministral-8b");
    let call = calls.iter().find(|span| of_span(span)["rpm.stage"] == "answer" && code(span) == StatusCode::Unset);
    let call = call.unwrap();
    assert_eq!(call.kind(), SpanKind::Client);
    let attributes = of_span(call);
    let wanted = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "mistral_ai"),
        ("gen_ai.request.model", "ministral-8b"),
        ("server.address", "models.example"),
        ("server.port", "int 8443"),
        ("gen_ai.request.temperature", "double 0"),
        ("gen_ai.output.type", "json"),
        ("gen_ai.usage.input_tokens", "int 100"),
        ("gen_ai.usage.output_tokens", "int 10"),
        ("gen_ai.usage.cache_read.input_tokens", "int 40"),
        ("gen_ai.usage.reasoning.output_tokens", "int 3"),
        ("gen_ai.response.finish_reasons", "[stop]"),
    ];
    for (name, value) in wanted {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(attributes["gen_ai.request.max_tokens"].starts_with("int "));
    assert!(!attributes.contains_key("error.type") && !attributes.contains_key("gen_ai.request.seed"));
}

#[test]
fn calls_lie_in_their_stage_stages_in_their_operation_and_operations_in_nothing() {
    let received = received();
    let calls = received.named("chat ministral-8b");
    assert!(calls.len() > 10);
    for call in calls {
        let stage = received.parent(call).unwrap();
        assert_eq!((stage.name.as_str(), stage.kind()), (of_span(call)["rpm.stage"].as_str(), SpanKind::Internal));
        let operation = received.parent(stage).unwrap();
        assert_eq!(operation.name, of_span(operation)["rpm.operation"]);
        assert!(received.parent(operation).is_none());
        assert_eq!(call.trace_id, operation.trace_id);
    }
    let names: BTreeSet<String> =
        received.spans.iter().filter_map(|span| of_span(span).get("rpm.operation").cloned()).collect();
    let wanted = ["edit", "explain", "forget", "learn", "observe", "personalize", "population"];
    assert_eq!(names, wanted.map(str::to_owned).into());
}

#[test]
fn what_failed_says_its_kind_and_has_the_status_of_an_error() {
    let received = received();
    let failed = |kind: &str| {
        let is = |span: &&Span| of_span(span).get("error.type").is_some_and(|found| found == kind);
        received.spans.iter().filter(is).inspect(|span| assert_eq!(code(span), StatusCode::Error)).count()
    };
    assert_eq!(failed("transient"), 1);
    assert!(failed("permanent") >= 2);
    assert_eq!(failed("extract"), 1, "the operation that the last of them ended");
    let others = received.spans.iter().filter(|span| !of_span(span).contains_key("error.type"));
    assert!(others.inspect(|span| assert_eq!(code(span), StatusCode::Unset)).count() > 20);
}

#[test]
fn an_embedder_that_asks_a_model_has_a_span_of_embeddings() {
    let spans = received().named("embeddings mistral-embed");
    let attributes = of_span(spans.first().unwrap());
    assert_eq!(spans[0].kind(), SpanKind::Client);
    assert_eq!(attributes["gen_ai.operation.name"], "embeddings");
    assert_eq!(attributes["gen_ai.provider.name"], "mistral_ai");
    assert_eq!(attributes["gen_ai.embeddings.dimension.count"], "int 256");
    assert!(!attributes.contains_key("server.address"), "what is not known is left out");
}

#[test]
fn an_operation_says_what_it_took() {
    let received = received();
    let learned = received.named("learn");
    let (first, second) = (of_span(learned[0]), of_span(learned[1]));
    assert_eq!(first["rpm.outcome"], "ok");
    assert_eq!(first["rpm.interactions"], "int 8");
    assert_eq!(first["rpm.failed_interactions"], "int 1");
    assert_eq!((first["rpm.retries"].as_str(), first["rpm.reused"].as_str()), ("int 1", "int 0"));
    assert!(first["rpm.cost"].starts_with("double 0.00"));
    assert_ne!(second["rpm.reused"], "int 0");
    assert_eq!(of_span(learned[2])["rpm.budget.reached"], "calls");
    assert!(
        ["generic", "factors", "pairs", "full"]
            .contains(&of_span(received.named("personalize")[0])["rpm.tier"].as_str())
    );
    assert_eq!(of_span(received.named("forget")[0])["rpm.interactions"], "int 1");
}

#[test]
fn an_estimate_of_costs_is_an_operation_that_calls_nobody() {
    let collector = Collector::prompt();
    let host = Host::exporting(&collector.url, Conventions::V1_41, Duration::from_secs(10));
    host.run(|| {
        let pipeline = RpmPipeline::builder(task()).backend(Gateway(ScriptedBackend::new())).build().unwrap();
        assert!(block_on(pipeline.cost_of_learning(&history())).unwrap().total().calls > 0);
    });
    assert!(host.flush());
    let received = collector.received();
    assert_eq!(of_span(received.named("estimate_cost")[0])["rpm.outcome"], "ok");
    assert!(received.spans.iter().all(|span| span.kind() == SpanKind::Internal && span.name != "learn"));
    assert!(received.metrics.keys().all(|name| !name.contains("token") && !name.contains("client")));
}

#[test]
fn nothing_of_a_user_is_in_anything_that_was_sent() {
    // Long enough that no id of a span, which are random bytes, has it.
    let bodies = &received().bodies;
    assert!(bodies.iter().map(Vec::len).sum::<usize>() > 10_000);
    for body in bodies {
        assert!(!body.windows(6).any(|part| part.eq_ignore_ascii_case(b"zqvxkj")), "{}", String::from_utf8_lossy(body));
    }
}
