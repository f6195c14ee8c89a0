//! A collector that is down, or slow, and operations that nobody waits for any more.

use std::future::{Future as _, poll_fn};
use std::net::TcpListener;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use pollster::block_on;
use rpm_core::llm::Endpoint;
use rpm_core::{
    BackendError, Completion, CompletionRequest, InMemoryStore, LlmBackend, RpmPipeline, UserId, async_trait,
};
use rpm_otel::Conventions;

use crate::collector::{Collector, of_span};
use crate::host::{Host, history, interaction, query, task};

/// Learns and answers, and stores what came after: the user model, and how long it took.
fn use_of_the_library() -> (String, String, Duration) {
    let begun = Instant::now();
    let pipeline = RpmPipeline::offline(task()).with_store(InMemoryStore::new());
    let ana = UserId::new("zqvxkj-user-ana").unwrap();
    block_on(pipeline.learn(&history())).unwrap();
    for number in 0..20 {
        let new = interaction(&format!("zqvxkj-new-{number}"), "A zqvxkjquiet zqvxkjfilm.", "5", 100 + number).unwrap();
        block_on(pipeline.observe(&ana, [new])).unwrap();
    }
    let answer = block_on(pipeline.personalize(&ana, &query())).unwrap();
    let took = begun.elapsed();
    (block_on(pipeline.load(&ana)).unwrap().model.to_json(), answer.answer.response, took)
}

#[test]
fn a_collector_that_is_down_delays_nothing_and_nothing_of_the_library_is_lost() {
    let (model, response, _) = use_of_the_library();
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let host = Host::exporting(&format!("http://{nobody}"), Conventions::V1_41, Duration::from_millis(300));
    let with = host.run(use_of_the_library);
    assert_eq!((with.0, with.1), (model, response));
    assert!(with.2 < Duration::from_secs(5), "{:?}", with.2);
    assert!(!host.flush(), "and the host can know that nothing arrived");
}

#[test]
fn a_collector_that_does_not_answer_delays_nothing_and_gets_all_in_the_end() {
    let (model, response, _) = use_of_the_library();
    let collector = Collector::silent();
    let host = Host::exporting(&collector.url, Conventions::V1_41, Duration::from_secs(60));
    let first = host.run(use_of_the_library);
    let second = std::thread::scope(|scope| {
        let flushing = scope.spawn(|| host.flush());
        collector.wait_for_a_request();
        // While one waits for the collector, others go on.
        let second = host.run(use_of_the_library);
        assert!(!flushing.is_finished());
        collector.answer();
        assert!(flushing.join().unwrap());
        second
    });
    for (held, answered, _) in [first, second] {
        assert_eq!((held, answered), (model.clone(), response.clone()));
    }
    assert!(host.flush());
    let received = collector.received();
    assert_eq!(received.named("observe").len(), 40);
    assert_eq!(received.count("rpm.operation.duration", &[("rpm.operation", "observe")]), 40);
    assert_eq!(received.sum("rpm.operation.interactions", &[("rpm.operation", "observe")]), 40.0);
}

/// A model that never answers.
struct Silent;

#[async_trait]
impl LlmBackend for Silent {
    async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> {
        poll_fn(|_| Poll::Pending).await
    }

    fn endpoint(&self) -> Endpoint<'_> {
        Endpoint::of("openai").model("silent")
    }
}

#[test]
fn an_operation_that_is_dropped_counts_as_cancelled_and_so_does_its_call() {
    let collector = Collector::prompt();
    let host = Host::exporting(&collector.url, Conventions::V1_41, Duration::from_secs(10));
    host.run(|| {
        let pipeline = RpmPipeline::builder(task()).backend(Silent).build().unwrap();
        let history = history();
        let mut learning = pin!(pipeline.learn(&history));
        assert!(learning.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    });
    assert!(host.flush());
    let received = collector.received();
    let learned = of_span(received.named("learn")[0]);
    assert_eq!((learned["rpm.outcome"].as_str(), learned["error.type"].as_str()), ("cancelled", "cancelled"));
    assert_eq!(received.count("rpm.operation.duration", &[("error.type", "cancelled")]), 1);
    let calls = received.named("chat silent");
    assert!(!calls.is_empty() && calls.iter().all(|call| of_span(call)["error.type"] == "cancelled"));
    assert_eq!(received.count("gen_ai.client.operation.duration", &[("error.type", "cancelled")]), calls.len() as u64);
    assert!(received.metrics.keys().all(|name| !name.contains("token")), "nobody knows what was paid");
}
