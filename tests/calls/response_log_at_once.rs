//! Requests at once: equal ones cost one call, others share what may be under way.
#![cfg(feature = "response-log")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::{reply, told};
use pollster::block_on;
use rpm_core::llm::{BudgetLimit, Message, ReplyCacheLimits, ResponseLog, SendMode, Stage};
use rpm_core::{BackendError, Completion, CompletionRequest, LlmBackend, async_trait};

fn log() -> ResponseLog {
    ResponseLog::in_memory(ReplyCacheLimits::default())
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Answer, vec![Message::user(text)], 50).about([text])
}

fn texts(results: Vec<Result<Completion, BackendError>>) -> Vec<String> {
    results.into_iter().map(|result| result.map_or_else(|error| error.to_string(), |reply| reply.text)).collect()
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
    for sending in [SendMode::default(), SendMode::Batch] {
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
    for sending in [SendMode::default(), SendMode::Batch] {
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
    let backend = log.wrap(gate.clone()).sending(SendMode::Batch);
    block_on(backend.complete(&request("a"))).unwrap();
    assert_eq!(texts(block_on(backend.complete_batch(&["a", "b", "c", "b"].map(request)))).concat(), "abcb");
    assert_eq!((gate.batches.load(Ordering::SeqCst), gate.calls.load(Ordering::SeqCst)), (1, 3));
    assert_eq!(texts(block_on(backend.complete_batch(&["c", "a"].map(request)))).concat(), "ca");
    assert_eq!((gate.batches.load(Ordering::SeqCst), log.stats().records), (1, 3));
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
            if first { Err(BackendError::Budget { limit: BudgetLimit::Calls }) } else { result }
        }
    }

    let poor = Arc::new(Poor(Gate::default()));
    let backend = log().wrap(poor.clone());
    let asked = request("a");
    let (mut one, mut two) = (backend.complete(&asked), backend.complete(&asked));
    assert!(poll(&mut one).is_pending() && poll(&mut two).is_pending());
    poor.0.let_go();
    assert!(matches!(block_on(one), Err(BackendError::Budget { limit: BudgetLimit::Calls })));
    assert_eq!(block_on(pin!(two)).unwrap().text, "a");
}
