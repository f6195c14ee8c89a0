//! Retries, limits, deadlines and permits, on a clock that the tests move.
#![cfg(feature = "resilience")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;
use rpm_core::context::StageContext;
use rpm_core::llm::AskError;
use rpm_core::llm::{
    BudgetLimit, DeadlinePassed, Ledger, ManualTimer, Message, ReplyForm, Resilient, Stage, StageUsage, Timer, Usage,
};
use rpm_core::prompt::PromptSet;
use rpm_core::{BackendError, Budget, Completion, CompletionRequest, LlmBackend, async_trait};

/// What the provider does with one attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Do {
    Reply,
    Fail,
    FailAsking(u64),
    Refuse,
    Hang,
}

/// A provider that follows a script by attempt, takes some time for each, and keeps when and what it was asked.
struct Provider {
    timer: ManualTimer,
    takes: Duration,
    script: Box<dyn Fn(usize) -> Do + Send + Sync>,
    meters: bool,
    asked: Mutex<Vec<(Duration, String)>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Provider {
    fn new(timer: &ManualTimer, script: impl Fn(usize) -> Do + Send + Sync + 'static) -> Self {
        Self {
            timer: timer.clone(),
            takes: Duration::ZERO,
            script: Box::new(script),
            meters: false,
            asked: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }
    }

    fn times(&self) -> Vec<Duration> {
        self.asked.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl LlmBackend for Provider {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let attempt = self.meters.then(|| request.begin()).transpose()?;
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let _leave = Leave(&self.in_flight);
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        let call = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((self.timer.now(), request.messages[0].content.clone()));
            asked.len() - 1
        };
        if !self.takes.is_zero() {
            self.timer.sleep(self.takes).await;
        }
        let asking = |seconds| Some(Duration::from_secs(seconds));
        let result = match (self.script)(call) {
            Do::Reply => {
                let usage = Usage { input_tokens: 3, output_tokens: 2, cached_tokens: 0 };
                Ok(Completion::new(request.messages[0].content.clone()).usage(usage))
            }
            Do::Fail => Err(BackendError::transient("overloaded")),
            Do::FailAsking(s) => Err(BackendError::Transient { retry_after: asking(s), source: "busy".into() }),
            Do::Refuse => Err(BackendError::permanent("no such model")),
            Do::Hang => std::future::pending().await,
        };
        if let Some(attempt) = attempt {
            attempt.end(&result);
        }
        result
    }

    fn meters(&self) -> bool {
        self.meters
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a future on the clock: whenever nothing can go on, the clock moves to the end of the first sleep.
fn run<T>(timer: &ManualTimer, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(flag.clone());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        if !flag.0.swap(false, Ordering::SeqCst) {
            assert!(timer.advance_to_next(), "nothing sleeps and nothing goes on");
        }
    }
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Stage::Extract, vec![Message::user(text)], 99)
}

fn requests(n: usize) -> Vec<CompletionRequest> {
    (0..n).map(|i| request(&format!("{i:04}"))).collect()
}

/// What an attempt may use at most, in tokens.
fn most(request: &CompletionRequest) -> u64 {
    request.input_tokens() + u64::from(request.max_tokens)
}

fn wrapped(provider: Provider) -> Resilient<Provider> {
    let timer = provider.timer.clone();
    Resilient::new(provider).timer(timer)
}

/// Sends a batch as a stage does, with an account.
async fn send(
    backend: &dyn LlmBackend,
    ledger: &Ledger,
    requests: &[CompletionRequest],
) -> Vec<Result<Completion, AskError>> {
    let prompts = PromptSet::default();
    StageContext::new(backend, &prompts, ledger).complete_all(requests).await
}

fn used(ledger: &Ledger) -> StageUsage {
    ledger.report().stage(Stage::Extract)
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn pauses_double_up_to_the_longest_with_a_random_part_that_a_seed_fixes() {
    let times = |text: &str, seed: u64| {
        let timer = ManualTimer::default();
        let backend = wrapped(Provider::new(&timer, |_| Do::Fail)).retries(5).jitter_seed(seed);
        let backend = backend.backoff(secs(1), secs(4));
        let error = run(&timer, backend.complete(&request(text))).unwrap_err();
        assert!(error.is_transient());
        backend.inner().times()
    };
    let at = times("a", 7);
    assert_eq!(at.len(), 6);
    for (pair, base) in at.windows(2).zip([1, 2, 4, 4, 4]) {
        let pause = pair[1].saturating_sub(pair[0]);
        assert!(pause >= secs(base) && pause < secs(2 * base), "{pause:?} for {base} s");
    }
    assert_eq!(times("a", 7), at);
    assert_ne!(times("b", 7), at, "requests that failed together come back apart");
    assert_ne!(times("a", 8), at);
}

#[test]
fn a_wait_the_provider_asks_for_is_kept_to_and_one_that_is_too_long_is_given_up() {
    let timer = ManualTimer::default();
    let script = |call| if call == 0 { Do::FailAsking(60) } else { Do::Reply };
    let backend = wrapped(Provider::new(&timer, script));
    assert!(run(&timer, backend.complete(&request("a"))).is_ok());
    assert_eq!(backend.inner().times(), [Duration::ZERO, secs(60)]);

    let backend = wrapped(Provider::new(&timer, |_| Do::FailAsking(61)));
    let error = run(&timer, backend.complete(&request("a"))).unwrap_err();
    assert!(matches!(error, BackendError::Transient { retry_after: Some(wait), .. } if wait == secs(61)));
    assert_eq!(backend.inner().calls(), 1);
}

#[test]
fn only_failures_that_may_pass_are_tried_again() {
    type Failure = fn() -> BackendError;
    let failures: [Failure; 3] = [
        || BackendError::permanent("bad key"),
        || BackendError::unsupported(ReplyForm::Schema, "no schemas"),
        || BackendError::prompt_too_long("8192 tokens"),
    ];
    for failure in failures {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let backend = Resilient::new(rpm_core::backend_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Err(failure()) }
        }));
        let error = pollster::block_on(backend.complete(&request("a"))).unwrap_err();
        assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&failure()));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
    let timer = ManualTimer::default();
    let backend = wrapped(Provider::new(&timer, |_| Do::Fail)).retries(0);
    assert!(run(&timer, backend.complete(&request("a"))).is_err());
    assert_eq!(backend.inner().calls(), 1);
}

#[test]
fn requests_are_spaced_exactly_over_all_clones() {
    let timer = ManualTimer::default();
    let backend = wrapped(Provider::new(&timer, |_| Do::Reply)).in_flight(64).requests_per_minute(120);
    let (clone, batch) = (backend.clone(), requests(20));
    let both = futures_util::future::join(backend.complete_batch(&batch[..10]), clone.complete_batch(&batch[10..]));
    let (left, right) = run(&timer, both);
    assert!(left.iter().chain(&right).all(Result::is_ok));
    let expected: Vec<Duration> = (0..20).map(|i| Duration::from_millis(500 * i)).collect();
    assert_eq!(backend.inner().times(), expected);
}

#[test]
fn tokens_of_prompt_and_reply_take_their_part_of_the_minute() {
    let timer = ManualTimer::default();
    // Six times what one may take, each minute: 10 seconds each.
    let minute = 6 * most(&request("0000"));
    let backend = wrapped(Provider::new(&timer, |_| Do::Reply)).tokens_per_minute(minute).requests_per_minute(60);
    assert!(run(&timer, backend.complete_batch(&requests(4))).iter().all(Result::is_ok));
    assert_eq!(backend.inner().times(), [0, 10, 20, 30].map(secs));
}

#[test]
fn a_burst_sends_what_its_time_allows_at_once_and_then_keeps_to_the_rate() {
    let timer = ManualTimer::default();
    let backend = wrapped(Provider::new(&timer, |_| Do::Reply)).requests_per_minute(60).burst(secs(3));
    assert!(run(&timer, backend.complete_batch(&requests(7))).iter().all(Result::is_ok));
    assert_eq!(backend.inner().times(), [0, 0, 0, 0, 1, 2, 3].map(secs));
}

#[test]
fn a_hang_fails_for_now_at_its_deadline_and_the_next_attempt_may_work() {
    let timer = ManualTimer::default();
    let script = |call| if call == 0 { Do::Hang } else { Do::Reply };
    let backend = wrapped(Provider::new(&timer, script)).deadline(secs(9)).backoff(secs(1), secs(1));
    assert!(run(&timer, backend.complete(&request("a"))).is_ok());
    let at = backend.inner().times();
    assert!(at[1] >= secs(10) && at[1] < secs(11), "{at:?}");

    let backend = wrapped(Provider::new(&timer, |_| Do::Hang)).deadline(secs(9)).retries(1);
    let ledger = Ledger::new();
    let result = run(&timer, send(&backend, &ledger, &requests(1))).pop().unwrap();
    let Err(AskError::Backend(BackendError::Transient { source, .. })) = result else { panic!("{result:?}") };
    assert_eq!(source.downcast_ref(), Some(&DeadlinePassed(secs(9))));
    let usage = used(&ledger);
    assert_eq!((usage.calls, usage.failed_calls, usage.retries), (2, 2, 1));
    assert_eq!(timer.sleeping(), 0);
}

#[test]
fn what_a_hanging_attempt_reserved_stays_used_since_the_provider_may_charge_for_it() {
    let timer = ManualTimer::default();
    let script = |call| if call == 0 { Do::Hang } else { Do::Reply };
    let twice = 2 * most(&request("0000"));
    for (tokens, calls) in [(twice - 1, 1), (twice, 2)] {
        let backend = wrapped(Provider::new(&timer, script)).deadline(secs(9));
        let ledger = Ledger::limited(Budget::default().tokens(tokens));
        let result = run(&timer, send(&backend, &ledger, &requests(1))).pop().unwrap();
        assert_eq!((result.is_ok(), used(&ledger).calls), (calls == 2, calls));
        if calls == 1 {
            assert!(matches!(result, Err(AskError::Backend(BackendError::Budget { .. }))), "{result:?}");
        }
    }
}

#[test]
fn at_the_end_of_an_operations_time_hangs_pauses_and_waits_are_given_up() {
    for (name, script, calls) in [("hang", Do::Hang, 1), ("pause", Do::FailAsking(50), 1), ("wait", Do::Reply, 1)] {
        let timer = ManualTimer::default();
        let mut backend = wrapped(Provider::new(&timer, move |_| script)).in_flight(1);
        if name == "wait" {
            backend = backend.requests_per_minute(1);
        }
        let ledger = Ledger::limited(Budget::default().time(secs(20)));
        let results = run(&timer, send(&backend, &ledger, &requests(2)));
        let late = |r: &&Result<_, AskError>| r.as_ref().is_err_and(|e| e.budget_reached() == Some(BudgetLimit::Time));
        assert_eq!(results.iter().filter(late).count(), if name == "wait" { 1 } else { 2 }, "{name}: {results:?}");
        assert!(timer.now() <= secs(20), "{name}: {:?}", timer.now());
        assert_eq!(timer.sleeping(), 0, "{name}");
        let usage = used(&ledger);
        assert_eq!(usage.calls, backend.inner().calls() as u64, "{name}");
        assert!(usage.calls >= calls, "{name}");
        assert_eq!(ledger.budget_reached(), Some(BudgetLimit::Time), "{name}");
    }
}

#[test]
fn a_retry_that_tokens_hold_back_goes_on_where_it_was_when_others_used_less() {
    // The first request fails at 3 s. Its retry, at 4 s, finds the third one holding what is left of the budget.
    for (again, replies) in [(Do::Reply, 3), (Do::Fail, 2)] {
        let timer = ManualTimer::default();
        let script = move |call| [Do::Fail, Do::Reply, Do::Reply, again].get(call).copied().unwrap_or(Do::Reply);
        let provider = Provider { takes: secs(3), ..Provider::new(&timer, script) };
        let backend = wrapped(provider).in_flight(2).retries(1).backoff(secs(1), secs(1));
        let batch = requests(3);
        let ledger = Ledger::limited(Budget::default().tokens(2 * most(&batch[0]) + 4));
        let results = run(&timer, send(&backend, &ledger, &batch));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), replies, "{results:?}");
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(AskError::is_transient), "{results:?}");
        let usage = used(&ledger);
        assert_eq!((usage.calls, usage.retries, usage.withheld), (4, 1, 0));
        assert!(backend.inner().times()[3] >= secs(6), "{:?}", backend.inner().times());
    }
}

#[test]
fn a_batch_deadline_keeps_the_replies_there_are() {
    let timer = ManualTimer::default();
    let provider = Provider { takes: secs(4), ..Provider::new(&timer, |_| Do::Reply) };
    let backend = wrapped(provider).in_flight(2).batch_deadline(secs(9));
    let ledger = Ledger::new();
    let results = run(&timer, send(&backend, &ledger, &requests(7)));
    let (replies, late): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((replies.len(), late.len()), (4, 3));
    assert!(late.iter().all(|result| result.as_ref().is_err_and(AskError::is_transient)));
    assert_eq!((used(&ledger).calls, used(&ledger).failed_calls), (6, 2), "two were under way and one was not sent");
    assert_eq!(timer.now(), secs(9));
}

#[test]
fn dropping_a_batch_frees_its_permits_and_sleeps_and_keeps_what_was_sent_in_the_account() {
    let timer = ManualTimer::default();
    let script = |call| if call < 2 { Do::Hang } else { Do::Reply };
    let backend = wrapped(Provider::new(&timer, script)).in_flight(2);
    let ledger = Ledger::limited(Budget::default().calls(3));
    let batch = requests(5);
    {
        let mut sending = pin!(send(&backend, &ledger, &batch));
        assert!(poll_once(sending.as_mut()).is_pending());
        assert_eq!(timer.sleeping(), 2);
    }
    assert_eq!(timer.sleeping(), 0);
    assert_eq!((used(&ledger).calls, used(&ledger).failed_calls), (2, 2));
    // One of three calls is left, and both permits are free.
    let results = run(&timer, send(&backend, &ledger, &batch));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(backend.inner().calls(), 3);
    assert_eq!(used(&ledger).withheld, 4);
    assert_eq!(run(&timer, backend.complete_batch(&batch)).iter().filter(|r| r.is_ok()).count(), 5);
}

#[test]
fn a_request_dropped_while_it_waits_for_its_turn_was_not_sent_and_took_no_turn() {
    let timer = ManualTimer::default();
    let backend = wrapped(Provider::new(&timer, |_| Do::Reply)).requests_per_minute(1);
    let ledger = Ledger::limited(Budget::default().calls(2));
    assert!(run(&timer, send(&backend, &ledger, &requests(1)))[0].is_ok());
    {
        let batch = requests(1);
        let mut waiting = pin!(send(&backend, &ledger, &batch));
        assert!(poll_once(waiting.as_mut()).is_pending());
        assert_eq!(used(&ledger).calls, 2);
    }
    assert_eq!((used(&ledger).calls, used(&ledger).failed_calls), (1, 0));
    assert!(run(&timer, send(&backend, &ledger, &requests(1)))[0].is_ok());
    assert_eq!(backend.inner().times(), [0, 60].map(secs));
}

#[test]
fn a_request_in_its_pause_holds_up_no_other_and_results_keep_their_order() {
    let timer = ManualTimer::default();
    let script = |call| if call == 0 { Do::FailAsking(50) } else { Do::Reply };
    let provider = Provider { takes: secs(1), ..Provider::new(&timer, script) };
    let backend = wrapped(provider).in_flight(1);
    let texts: Vec<String> =
        run(&timer, backend.complete_batch(&requests(9))).into_iter().map(|r| r.unwrap().text).collect();
    assert_eq!(texts, requests(9).iter().map(|r| r.messages[0].content.clone()).collect::<Vec<_>>());
    let at = backend.inner().times();
    assert_eq!(at[..9], [0, 1, 2, 3, 4, 5, 6, 7, 8].map(secs));
    assert_eq!(at[9], secs(51));
}

fn arbitrary_faults() -> impl Strategy<Value = Vec<Do>> {
    let fault = prop_oneof![
        4 => Just(Do::Reply),
        2 => Just(Do::Fail),
        1 => (0_u64..90).prop_map(Do::FailAsking),
        1 => Just(Do::Refuse),
        1 => Just(Do::Hang),
    ];
    prop::collection::vec(fault, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_script_of_faults_exceeds_the_budget_or_the_permits_or_loses_an_attempt(
        faults in arbitrary_faults(),
        n in 1_usize..100,
        budget in 0_u64..150,
        in_flight in prop::sample::select(vec![1_usize, 3, 64]),
        meters in any::<bool>(),
        by_tokens in any::<bool>(),
        takes in 0_u64..3,
    ) {
        let timer = ManualTimer::default();
        let script = move |call: usize| faults[call % faults.len()];
        let provider = Provider { meters, takes: secs(takes), ..Provider::new(&timer, script) };
        let backend = wrapped(provider).in_flight(in_flight).retries(3).deadline(secs(5));
        // An attempt that is over did use 5 tokens, or all that it may if its reply never came.
        let limit = if by_tokens { Budget::default().tokens(budget * 5) } else { Budget::default().calls(budget) };
        let ledger = Ledger::limited(limit);
        let batch = requests(n);
        let clone = backend.clone();
        let (left, right) = batch.split_at(n / 2);
        let both = futures_util::future::join(send(&backend, &ledger, left), send(&clone, &ledger, right));
        let (first, second) = run(&timer, both);
        prop_assert_eq!(first.len() + second.len(), n);
        for (result, request) in first.iter().chain(&second).zip(&batch) {
            match result {
                Ok(completion) => prop_assert_eq!(&completion.text, &request.messages[0].content),
                Err(AskError::Backend(_)) => {}
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
        let usage = used(&ledger);
        let asked = backend.inner().asked.lock().unwrap().clone();
        if by_tokens {
            prop_assert!(usage.input_tokens + usage.output_tokens <= budget * 5);
        } else {
            prop_assert!(asked.len() as u64 <= budget);
        }
        prop_assert_eq!(usage.calls, asked.len() as u64);
        let replies = first.iter().chain(&second).filter(|result| result.is_ok()).count() as u64;
        prop_assert_eq!(usage.calls - usage.failed_calls, replies);
        // Also one that tokens held back, which is sent anew when others have used less than they might.
        for request in &batch {
            let attempts = asked.iter().filter(|(_, text)| *text == request.messages[0].content).count();
            prop_assert!(attempts <= 4);
        }
        let distinct: std::collections::BTreeSet<&String> = asked.iter().map(|(_, text)| text).collect();
        let again = (asked.len() - distinct.len()) as u64;
        prop_assert_eq!(usage.retries, again);
        prop_assert!(backend.inner().most_in_flight.load(Ordering::SeqCst) <= in_flight);
        prop_assert_eq!(backend.inner().in_flight.load(Ordering::SeqCst), 0);
        prop_assert_eq!(timer.sleeping(), 0);
    }

    #[test]
    fn batches_dropped_at_any_point_leave_the_account_and_the_permits_right(
        faults in arbitrary_faults(),
        steps in 1_usize..40,
        in_flight in 1_usize..9,
        paced in any::<bool>(),
    ) {
        let timer = ManualTimer::default();
        let script = move |call: usize| if call < 500 { faults[call % faults.len()] } else { Do::Reply };
        let provider = Provider { takes: secs(1), ..Provider::new(&timer, script) };
        let mut backend = wrapped(provider).in_flight(in_flight).deadline(secs(5));
        if paced {
            backend = backend.requests_per_minute(120);
        }
        let ledger = Ledger::limited(Budget::default().calls(500));
        let batch = requests(30);
        {
            let mut sending = pin!(send(&backend, &ledger, &batch));
            for _ in 0..steps {
                if poll_once(sending.as_mut()).is_ready() || !timer.advance_to_next() {
                    break;
                }
            }
        }
        let usage = used(&ledger);
        prop_assert_eq!(usage.calls, backend.inner().calls() as u64);
        prop_assert_eq!(timer.sleeping(), 0);
        // All permits are free: as many as there are can be in flight at once.
        backend.inner().asked.lock().unwrap().extend(std::iter::repeat_n((Duration::ZERO, String::new()), 500));
        backend.inner().most_in_flight.store(0, Ordering::SeqCst);
        timer.advance(secs(100));
        prop_assert!(run(&timer, backend.complete_batch(&batch)).iter().all(Result::is_ok));
        let most = backend.inner().most_in_flight.load(Ordering::SeqCst);
        prop_assert!(most == in_flight || paced, "{most} of {in_flight}");
    }
}
