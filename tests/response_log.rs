//! What is paid for once is not paid for again, whoever asks and whatever happens in between.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{COST, ScriptedBackend, cases, reply, told};
use pollster::block_on;
use rpm_core::{
    BackendError, Budget, Capabilities, Completion, CompletionRequest, FinishReason, Limit, LlmBackend, LogMode,
    MemoryLimits, Message, ReplyForm, ResponseLog, RpmPipeline, Sending, Stage, async_trait,
};

fn log() -> ResponseLog {
    ResponseLog::in_memory(MemoryLimits::default())
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 50).about([text])
}

fn echo() -> Arc<ScriptedBackend> {
    ScriptedBackend::new(|request| Ok(reply(&format!("about {}", request.messages[0].content))))
}

fn texts(results: Vec<Result<Completion, BackendError>>) -> Vec<String> {
    results.into_iter().map(|result| result.map_or_else(|error| error.to_string(), |reply| reply.text)).collect()
}

#[test]
fn learning_again_sends_nothing_and_gives_the_same_model() {
    for (name, task, history, query) in cases() {
        let model = ScriptedBackend::obedient();
        let log = log();
        let pipeline = RpmPipeline::builder(task).backend(log.wrap(model.clone())).build().unwrap();
        let first = block_on(pipeline.learn(&history)).unwrap();
        let paid = model.take().len() as u64;
        assert_eq!(first.report.usage.total().calls, paid, "{name}");
        assert_eq!(log.stats().records as u64, paid, "{name}");

        let second = block_on(pipeline.learn(&history)).unwrap();
        assert_eq!(model.take().len(), 0, "{name}");
        assert_eq!(second.model.to_json(), first.model.to_json(), "{name}");
        let used = second.report.usage.total();
        assert_eq!((used.calls, used.reused, used.input_tokens, used.output_tokens), (0, paid, 0, 0), "{name}");

        let answer = block_on(pipeline.personalize(&first.model, &query)).unwrap();
        assert!(!model.take().is_empty(), "{name}");
        let again = block_on(pipeline.personalize(&first.model, &query)).unwrap();
        assert_eq!((model.take().len(), again.usage.total().calls), (0, 0), "{name}");
        assert_eq!(again.response, answer.response, "{name}");
    }
}

#[test]
fn a_budget_is_not_touched_by_what_the_log_knows() {
    let (_, task, history, _) = cases().into_iter().next().unwrap();
    let (model, log) = (ScriptedBackend::obedient(), log());
    let pipeline = RpmPipeline::builder(task.clone()).backend(log.wrap(model.clone())).build().unwrap();
    let paid = block_on(pipeline.learn(&history)).unwrap();
    let broke = RpmPipeline::builder(task).backend(log.wrap(model)).budget(Budget::default().calls(0)).build().unwrap();
    let free = block_on(broke.learn(&history)).unwrap();
    assert_eq!(free.model.to_json(), paid.model.to_json());
    assert_eq!(free.report.usage.total().withheld, 0);
}

#[test]
fn a_reply_comes_back_with_its_end_and_its_cost() {
    let cut = Completion::new("cut \u{1f3ac}\0\"").finish(FinishReason::Length).usage(COST);
    let model = ScriptedBackend::new({
        let cut = cut.clone();
        move |_| Ok(cut.clone())
    });
    let backend = log().wrap(model.clone());
    for _ in 0..2 {
        assert_eq!(block_on(backend.complete(&request("a"))).unwrap(), cut);
    }
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn failures_and_withheld_replies_are_asked_for_again() {
    let model = ScriptedBackend::new(|request| match request.messages[0].content.as_str() {
        "withheld" => Ok(reply("").finish(FinishReason::Filtered)),
        _ => Err(BackendError::permanent("no such model")),
    });
    let log = log();
    let backend = log.wrap(model.clone());
    for _ in 0..2 {
        let results = block_on(backend.complete_batch(&[request("withheld"), request("failing")]));
        assert_eq!(results[0].as_ref().unwrap().finish, FinishReason::Filtered);
        assert!(matches!(results[1], Err(BackendError::Permanent { .. })));
    }
    assert_eq!((model.requests().len(), log.stats().records), (4, 0));
}

#[test]
fn a_replay_sends_nothing_and_names_what_is_missing() {
    let (model, log) = (echo(), log());
    block_on(log.wrap(model.clone()).complete(&request("known"))).unwrap();
    let replay = log.wrap(model.clone()).mode(LogMode::ReplayOnly);
    let many = request("many").about((0..11).map(|n| format!("i{n}")));
    let results = block_on(replay.complete_batch(&[request("new"), request("known"), many]));
    assert_eq!(
        texts(results),
        [
            "not sent: the log has no reply for this answer request about new",
            "about known",
            "not sent: the log has no reply for this answer request about i0, i1, i2, i3, i4, i5, i6, i7 and 3 more",
        ]
    );
    let error = block_on(replay.complete(&request("new").about([""; 0]))).unwrap_err();
    assert!(matches!(&error, BackendError::NotLogged { stage: Stage::Answer, about } if about == "no item"));
    assert_eq!((model.requests().len(), log.stats().records), (1, 1));
}

#[test]
fn a_replay_takes_the_same_steps_down_as_the_run_it_repeats() {
    let (_, task, history, _) = cases().into_iter().next().unwrap();
    let model = ScriptedBackend::new(|request| match request.form {
        ReplyForm::Text => Ok(reply(&common::obey(request))),
        form => Err(BackendError::unsupported(form, "unknown field")),
    });
    let log = log();
    let learn = |mode| {
        let backend = log.wrap(model.clone()).mode(mode);
        let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
        block_on(pipeline.learn(&history)).unwrap()
    };
    let first = learn(LogMode::Record);
    assert!(!model.take().is_empty());
    let replay = learn(LogMode::ReplayOnly);
    assert_eq!(model.take().len(), 0);
    assert_eq!(replay.model.to_json(), first.model.to_json());
    assert!(replay.report.usage.total().stepped_down > 0);
}

#[test]
fn without_its_log_it_only_forwards() {
    let (model, log) = (echo(), log());
    let off = log.wrap(model.clone()).mode(LogMode::Off);
    assert!(!off.meters() && log.wrap(model.clone()).meters());
    for _ in 0..2 {
        assert_eq!(texts(block_on(off.complete_batch(&[request("a"), request("a")]))), ["about a", "about a"]);
        assert_eq!(block_on(off.complete(&request("a"))).unwrap().text, "about a");
    }
    assert_eq!((model.requests().len(), log.stats().records), (6, 0));
}

#[test]
fn models_do_not_share_replies() {
    struct Named(&'static str, Arc<ScriptedBackend>);

    #[async_trait]
    impl LlmBackend for Named {
        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
            self.1.complete(request).await
        }
        fn model(&self) -> &str {
            self.0
        }
        fn capabilities(&self) -> Capabilities {
            Capabilities::up_to(ReplyForm::Json)
        }
    }

    let (model, log) = (echo(), log());
    for name in ["small", "large", "small"] {
        let backend = log.wrap(Named(name, model.clone()));
        assert_eq!((backend.model(), backend.capabilities().form), (name, ReplyForm::Json));
        block_on(backend.complete(&request("a"))).unwrap();
    }
    assert_eq!(model.requests().len(), 2);
}

/// A backend whose calls stay open until they are let go, and which counts them.
#[derive(Default)]
struct Gate {
    calls: AtomicUsize,
    most: AtomicUsize,
    open: AtomicUsize,
    batches: AtomicUsize,
    gone: Mutex<(bool, Vec<Waker>)>,
    fails: bool,
}

struct Open<'a>(&'a Gate);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn let_go(&self) {
        let mut gone = self.gone.lock().unwrap();
        gone.0 = true;
        gone.1.drain(..).for_each(Waker::wake);
    }

    async fn wait(&self) {
        std::future::poll_fn(|cx| {
            let mut gone = self.gone.lock().unwrap();
            if gone.0 {
                return Poll::Ready(());
            }
            gone.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the line is dead")]
struct Dead(#[source] std::io::Error);

#[async_trait]
impl LlmBackend for Gate {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        let _open = Open(self);
        self.wait().await;
        if self.fails {
            let source = Dead(std::io::Error::other("cable")).into();
            return Err(BackendError::Transient { retry_after: Some(Duration::from_secs(3)), source });
        }
        Ok(reply(&request.messages[0].content))
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        let mut results = Vec::new();
        for request in requests {
            results.push(self.complete(request).await);
        }
        results
    }
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn equal_requests_of_many_threads_cost_one_call() {
    for sending in [Sending::default(), Sending::Batch] {
        let gate = Arc::new(Gate::default());
        let backend = log().wrap(gate.clone()).sending(sending);
        let (threads, start) = (8, Barrier::new(9));
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        texts(block_on(backend.complete_batch(&[request("a"), request("a")])))
                    })
                })
                .collect();
            start.wait();
            gate.let_go();
            for thread in asking {
                assert_eq!(thread.join().unwrap(), ["a", "a"]);
            }
        });
        assert_eq!(gate.calls.load(Ordering::SeqCst), 1, "{sending:?}");
    }
}

#[test]
fn the_others_go_on_with_the_call_of_one_who_left() {
    for sending in [Sending::default(), Sending::Batch] {
        let gate = Arc::new(Gate::default());
        let log = log();
        let backend = log.wrap(gate.clone()).sending(sending);
        let batch = [request("a")];
        let mut leader = backend.complete_batch(&batch);
        let mut follower = backend.complete_batch(&batch);
        assert!(poll(&mut leader).is_pending() && poll(&mut follower).is_pending());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| texts(block_on(follower)));
            drop(leader);
            gate.let_go();
            assert_eq!(waiting.join().unwrap(), ["a"]);
        });
        assert_eq!((gate.calls.load(Ordering::SeqCst), log.stats().records), (1, 1), "{sending:?}");
    }
}

#[test]
fn a_call_ends_when_all_who_wait_are_gone_and_can_be_made_again() {
    let gate = Arc::new(Gate::default());
    let backend = log().wrap(gate.clone());
    let asked = request("a");
    let (mut one, mut two) = (backend.complete(&asked), backend.complete(&asked));
    assert!(poll(&mut one).is_pending() && poll(&mut two).is_pending());
    drop(one);
    assert_eq!(gate.open.load(Ordering::SeqCst), 1);
    drop(two);
    assert_eq!(gate.open.load(Ordering::SeqCst), 0);
    gate.let_go();
    assert_eq!(block_on(backend.complete(&asked)).unwrap().text, "a");
    assert_eq!(gate.calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_failure_reaches_all_who_wait_with_its_causes() {
    let gate = Arc::new(Gate { fails: true, ..Gate::default() });
    let backend = log().wrap(gate.clone());
    let asked = request("a");
    let mut waiting: Vec<_> = (0..3).map(|_| backend.complete(&asked)).collect();
    assert!(waiting.iter_mut().all(|future| poll(future).is_pending()));
    gate.let_go();
    for future in waiting {
        let error = block_on(future).unwrap_err();
        assert!(matches!(error, BackendError::Transient { retry_after: Some(wait), .. } if wait.as_secs() == 3));
        assert!(told(&error).contains("cable"), "{}", told(&error));
    }
    assert_eq!(gate.calls.load(Ordering::SeqCst), 1);
    // One who waits alone gets the backend's own error.
    let BackendError::Transient { source, .. } = block_on(backend.complete(&asked)).unwrap_err() else { panic!() };
    assert!(source.is::<Dead>());
}

#[test]
fn no_more_calls_are_open_than_allowed_and_results_keep_their_order() {
    for (at_once, expected) in [(0, 1), (1, 1), (3, 3), (50, 7)] {
        let gate = Arc::new(Gate::default());
        let backend = log().wrap(gate.clone()).in_flight(at_once);
        let batch: Vec<_> = ["a", "b", "a", "c", "d", "e", "f", "g", "b"].map(request).into();
        let mut asking = backend.complete_batch(&batch);
        assert!(poll(&mut asking).is_pending());
        assert_eq!(gate.open.load(Ordering::SeqCst), expected);
        gate.let_go();
        assert_eq!(texts(block_on(asking)).concat(), "abacdefgb");
        assert_eq!((gate.calls.load(Ordering::SeqCst), gate.most.load(Ordering::SeqCst)), (7, expected));
    }
}

#[test]
fn a_batch_is_one_call_of_what_is_missing() {
    let gate = Arc::new(Gate::default());
    gate.let_go();
    let log = log();
    let backend = log.wrap(gate.clone()).sending(Sending::Batch);
    block_on(backend.complete(&request("a"))).unwrap();
    assert_eq!(texts(block_on(backend.complete_batch(&["a", "b", "c", "b"].map(request)))).concat(), "abcb");
    assert_eq!((gate.batches.load(Ordering::SeqCst), gate.calls.load(Ordering::SeqCst)), (1, 3));
    assert_eq!(texts(block_on(backend.complete_batch(&["c", "a"].map(request)))).concat(), "ca");
    assert_eq!((gate.batches.load(Ordering::SeqCst), log.stats().records), (1, 3));
}

#[test]
fn a_batch_that_comes_back_short_is_an_error_where_it_is() {
    struct Short;

    #[async_trait]
    impl LlmBackend for Short {
        async fn complete(&self, _: &CompletionRequest) -> Result<Completion, BackendError> {
            unreachable!()
        }
        async fn complete_batch(&self, _: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
            vec![Ok(reply("one"))]
        }
    }

    let results = block_on(log().wrap(Short).sending(Sending::Batch).complete_batch(&["a", "b"].map(request)));
    assert!(told(results[1].as_ref().unwrap_err()).contains("no result for the request"));
    assert_eq!(texts(results), ["one", "the backend refused the request"]);
}

#[test]
fn a_budget_stops_both_ways_of_sending_and_keeps_what_was_paid() {
    for sending in [Sending::default(), Sending::Batch] {
        let (_, task, history, _) = cases().into_iter().next().unwrap();
        let (model, log) = (ScriptedBackend::obedient(), log());
        let learn = |budget| {
            let backend = log.wrap(model.clone()).sending(sending);
            let pipeline = RpmPipeline::builder(task.clone()).backend(backend).budget(budget).build().unwrap();
            block_on(pipeline.learn(&history))
        };
        let cut = learn(Budget::default().calls(3));
        let withheld = cut.as_ref().map_or(0, |cut| cut.report.usage.total().withheld);
        assert!(cut.is_err() || withheld > 0, "{sending:?}");
        assert_eq!((model.take().len(), log.stats().records), (3, 3), "{sending:?}");
        let whole = learn(Budget::default()).unwrap().report.usage.total();
        assert_eq!((whole.calls, whole.reused), (model.take().len() as u64, 3), "{sending:?}");
    }
}

#[test]
fn a_metering_backend_enters_its_attempts_itself() {
    struct Twice(Arc<ScriptedBackend>);

    #[async_trait]
    impl LlmBackend for Twice {
        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
            request.begin()?.end(&Err(BackendError::transient("busy")));
            let attempt = request.begin_again()?;
            let result = self.0.complete(request).await;
            attempt.end(&result);
            result
        }
        fn meters(&self) -> bool {
            true
        }
    }

    let (_, task, history, _) = cases().into_iter().next().unwrap();
    for sending in [Sending::default(), Sending::Batch] {
        let model = ScriptedBackend::obedient();
        let backend = log().wrap(Twice(model.clone())).sending(sending);
        let pipeline = RpmPipeline::builder(task.clone()).backend(backend).build().unwrap();
        let used = block_on(pipeline.learn(&history)).unwrap().report.usage.total();
        let asked = model.requests().len() as u64;
        assert_eq!((used.calls, used.failed_calls, used.retries), (2 * asked, asked, asked), "{sending:?}");
    }
}

#[test]
fn a_budget_refuses_its_own_request_only() {
    /// Refuses the first request for its budget, after a while.
    struct Poor(Gate);

    #[async_trait]
    impl LlmBackend for Poor {
        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
            let first = self.0.calls.load(Ordering::SeqCst) == 0;
            let result = self.0.complete(request).await;
            if first { Err(BackendError::Budget { limit: Limit::Calls }) } else { result }
        }
    }

    let poor = Arc::new(Poor(Gate::default()));
    let backend = log().wrap(poor.clone());
    let asked = request("a");
    let (mut one, mut two) = (backend.complete(&asked), backend.complete(&asked));
    assert!(poll(&mut one).is_pending() && poll(&mut two).is_pending());
    poor.0.let_go();
    assert!(matches!(block_on(one), Err(BackendError::Budget { limit: Limit::Calls })));
    assert_eq!(block_on(pin!(two)).unwrap().text, "a");
}

#[test]
fn a_file_is_found_again_and_forgets_what_is_purged() {
    let folder = std::env::temp_dir().join(format!("rpm-core-response-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ana.rpmlog");
    let model = echo();
    for calls in [3, 0] {
        let log = ResponseLog::open(&file).unwrap();
        assert!(matches!(ResponseLog::open(&file), Err(rpm_core::LogError::InUse)));
        let backend = log.wrap(model.clone()).in_flight(2);
        let replies = texts(block_on(backend.complete_batch(&["lighthouse", "baker", "harbour"].map(request))));
        assert_eq!(replies, ["about lighthouse", "about baker", "about harbour"]);
        assert_eq!((model.take().len(), log.stats().records), (calls, 3));
        log.sync().unwrap();
    }
    let log = ResponseLog::open(&file).unwrap();
    assert!(!format!("{log:?} {:?}", log.wrap(model.clone())).contains("baker"));
    assert_eq!(log.purge(["baker"]).unwrap(), 1);
    let bytes = std::fs::read(&file).unwrap();
    let holds = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    assert_eq!(["lighthouse", "baker", "harbour"].map(holds), [true, false, true]);
    drop(log);
    let backend = ResponseLog::open(&file).unwrap().wrap(model.clone());
    block_on(backend.complete_batch(&["lighthouse", "baker", "harbour"].map(request)));
    assert_eq!(model.take().len(), 1);
    drop(backend);
    std::fs::remove_dir_all(&folder).unwrap();
}
