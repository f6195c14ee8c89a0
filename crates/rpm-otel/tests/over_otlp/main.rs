//! Spans and metrics of learning, answering, observing and forgetting, as a collector gets them over OTLP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
// Whole numbers.
#![allow(clippy::float_cmp, clippy::cast_precision_loss)]

mod collector;
mod faults;
mod host;
mod metrics;
mod spans;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pollster::block_on;
use rpm_core::llm::{Prices, ReplyCacheLimits, Resilient, ResponseLog, Stage};
use rpm_core::retrieve::DenseRetriever;
use rpm_core::stats::population::Population;
use rpm_core::testing::ScriptedBackend;
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, Edit, Forget, ItemId, RpmPipeline};
use rpm_otel::Conventions;

use collector::{Collector, Received};
use host::{Gateway, Host, Vectors, history, interaction, query, task};

/// What a collector got of everything that can happen once, learned of a second time from the log, in a budget that does not suffice, with a
/// failure that passes and one that does not.
fn received() -> &'static Received {
    static RECEIVED: OnceLock<Received> = OnceLock::new();
    RECEIVED.get_or_init(|| {
        let collector = Collector::prompt();
        let host = Host::exporting(&collector.url, Conventions::V1_41, Duration::from_secs(10));
        host.run(everything);
        assert!(host.flush());
        collector.received()
    })
}

/// Features, but for one that comes at the second attempt, one that comes when it is asked for again, and one that does not come.
fn trouble() -> impl Fn(&CompletionRequest) -> Result<Completion, BackendError> {
    let (failed, garbled) = (AtomicBool::new(false), AtomicBool::new(false));
    move |request| match request.about.first().map(String::as_str) {
        Some("zqvxkj-item-0") if !failed.swap(true, Ordering::SeqCst) => Err(BackendError::transient("zqvxkj-cause")),
        Some("zqvxkj-item-3") if !garbled.swap(true, Ordering::SeqCst) => Ok(Completion::new("zqvxkj no json")),
        Some("zqvxkj-item-5") => Err(BackendError::permanent("zqvxkj-cause")),
        _ => Ok(ScriptedBackend::made_up(request)),
    }
}

fn everything() {
    let script = ScriptedBackend::new().reply_with(Stage::Extract, trouble());
    let log = ResponseLog::in_memory(ReplyCacheLimits::default());
    let model = log.wrap(Resilient::new(Gateway(script)).backoff(Duration::from_millis(1), Duration::from_millis(1)));
    let prices = Budget::default().prices(Prices::per_million(1.0, 2.0));
    let builder = RpmPipeline::builder(task()).backend(model).budget(prices);
    let pipeline = builder.retriever(DenseRetriever::new(Vectors)).build().unwrap();
    let learned = block_on(pipeline.learn(&history())).unwrap();
    assert_eq!(learned.report.failed(), 1);
    block_on(pipeline.learn(&history())).unwrap();
    let mut ana = block_on(pipeline.open(learned.model)).unwrap();
    let answer = block_on(pipeline.personalize(&ana, &query())).unwrap();
    block_on(pipeline.explain(&ana, &answer)).unwrap();
    let new = interaction("zqvxkj-item-new", "A zqvxkjquiet zqvxkjnew film.", "4", 100).unwrap();
    block_on(pipeline.observe(&mut ana, [new])).unwrap();
    let factor = ana.model().factors().iter().next().unwrap().id().clone();
    block_on(pipeline.edit(&mut ana, Edit::Mute { factor })).unwrap();
    let gone = Forget::Items(vec![ItemId::new("zqvxkj-item-1").unwrap()]);
    block_on(pipeline.forget(&mut ana, &gone)).unwrap();

    let few = RpmPipeline::builder(task()).backend(Gateway(ScriptedBackend::new())).budget(Budget::default().calls(2));
    block_on(few.build().unwrap().learn(&history())).unwrap();
    let refusing = ScriptedBackend::from_fn(|_| Err(BackendError::permanent("zqvxkj-cause")));
    let refusing = RpmPipeline::builder(task()).backend(Gateway(refusing)).build().unwrap();
    block_on(refusing.personalize(&ana, &query())).unwrap_err();
    let users = [ana.model().memory().items(), ana.model().memory().items()];
    Population::learn(&task(), &users, 2).unwrap();
}
