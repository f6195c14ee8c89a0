//! Retries, limits and deadlines around any backend, on whatever executor the host has.

mod pace;
mod retry;
mod thread;
mod timer;
#[cfg(feature = "tokio")]
mod tokio_timer;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_lock::Semaphore;
use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt as _};

use super::{Attempt, BackendError, Capabilities, Completion, CompletionRequest, Endpoint, LlmBackend};

use self::pace::{Limits, Pace};
use self::retry::Retry;
pub use self::thread::ThreadTimer;
pub use self::timer::{ManualTimer, Sleep, Timer};
#[cfg(feature = "tokio")]
pub use self::tokio_timer::TokioTimer;

/// A backend that survives a bad day of another one: it asks again after failures that pass, keeps to rate limits, waits
/// for no reply longer than a deadline, and has a bounded number of requests in flight. Feature `resilience`.
///
/// Clones share the permits and the rate limits, so one of it serves all pipelines and users of a provider account. Settings
/// made on a clone do not reach the others; a limit set on a clone is its own.
///
/// - Only [`BackendError::Transient`] is tried again. Every attempt is entered in the operation's account and checked against
///   its budget; when the budget is reached, [`BackendError::Budget`] ends the request at once.
/// - A pause doubles from retry to retry and has a random part, which depends on the request and a seed only. A longer wait
///   that the provider asks for is kept to.
/// - A batch is sent as single requests, not through the inner backend's `complete_batch`. Results are in the order of the
///   requests; a request that waits for its retry holds up no other.
///
/// # Cancellation
/// Dropping the future drops the attempts under way: their permits are free at once, and what they reserved of the budget
/// stays used. Requests that waited for their turn count as not sent.
///
/// ```
/// use std::time::Duration;
/// use rpm_core::llm::Resilient;
/// use rpm_core::{Completion, CompletionRequest, LlmBackend, backend_fn};
///
/// let provider = backend_fn(|_: CompletionRequest| async { Ok(Completion::new("{}")) });
/// let backend = Resilient::new(provider)
///     .retries(5)
///     .in_flight(16)
///     .requests_per_minute(500)
///     .tokens_per_minute(200_000)
///     .deadline(Duration::from_secs(60));
/// assert!(backend.meters());
/// ```
pub struct Resilient<B> {
    backend: Arc<B>,
    retry: Retry,
    deadline: Option<Duration>,
    batch_deadline: Option<Duration>,
    in_flight: usize,
    permits: Arc<Semaphore>,
    pace: Arc<Pace>,
    timer: Arc<dyn Timer>,
}

/// There was no reply in time: the cause in the [`BackendError::Transient`] of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no reply within {0:?}")]
pub struct DeadlinePassed(
    /// The deadline.
    pub Duration,
);

const IN_FLIGHT: usize = 8;
const MOST_IN_FLIGHT: usize = 65_536;

impl<B: LlmBackend> Resilient<B> {
    /// Wraps a backend: 4 retries, 8 requests in flight, a deadline of 120 seconds for each attempt, no rate limits, the
    /// clock of [`ThreadTimer`].
    pub fn new(backend: B) -> Self {
        Self {
            backend: Arc::new(backend),
            retry: Retry::default(),
            deadline: Some(Duration::from_secs(120)),
            batch_deadline: None,
            in_flight: IN_FLIGHT,
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
            pace: Arc::default(),
            timer: Arc::new(ThreadTimer::default()),
        }
    }

    /// Sets the most times that a request is sent again. Default: 4. 0 never retries.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retry.times = retries;
        self
    }

    /// The pause before the first retry and the longest one, each before its random part, which at most doubles it. At
    /// most 24 hours. Default: 0.5 and 30 seconds.
    #[must_use]
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.retry.first, self.retry.longest) = (first, longest.max(first));
        self
    }

    /// The longest wait that a provider may ask for. Where it asks for more, the request fails with its error, which says
    /// how long. Default: 60 seconds.
    #[must_use]
    pub fn longest_retry_after(mut self, longest: Duration) -> Self {
        self.retry.longest_asked = longest;
        self
    }

    /// The seed of the pauses' random part. Processes that share a provider account take different ones. Default: 0.
    #[must_use]
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.retry.seed = seed;
        self
    }

    /// The most requests in flight at a time, over all clones, from 1 to 65,536. Default: 8.
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = requests.clamp(1, MOST_IN_FLIGHT);
        self.permits = Arc::new(Semaphore::new(self.in_flight));
        self
    }

    /// The most requests sent per minute, over all clones, evenly spaced. From 1. Default: no limit.
    #[must_use]
    pub fn requests_per_minute(self, requests: u32) -> Self {
        let limits = Limits { requests: Some(requests), ..self.pace.limits() };
        self.limits(limits)
    }

    /// The most tokens per minute, over all clones: of the prompt, as [`CompletionRequest::input_tokens`] counts them, and the request's
    /// `max_tokens`. A request takes its part of the minute, and the next one waits until it is over. From 1. Default: no
    /// limit.
    #[must_use]
    pub fn tokens_per_minute(self, tokens: u64) -> Self {
        let limits = Limits { tokens: Some(tokens), ..self.pace.limits() };
        self.limits(limits)
    }

    /// Sets the burst that may be sent at once after a pause: as much as this time allows. Any minute then sees up to
    /// the limit and this much more. Default: zero, which spaces requests evenly.
    #[must_use]
    pub fn burst(self, time: Duration) -> Self {
        let limits = Limits { burst: time, ..self.pace.limits() };
        self.limits(limits)
    }

    /// The longest wait for the reply of one attempt; after it the attempt failed for now. Default: 120 seconds.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The longest time for one batch: all requests that a stage sends at once, with their waits and retries. What has no
    /// reply by then fails for now, what has one keeps it. Default: none.
    #[must_use]
    pub fn batch_deadline(mut self, deadline: Duration) -> Self {
        self.batch_deadline = Some(deadline);
        self
    }

    /// The clock. Default: [`ThreadTimer`].
    #[must_use]
    pub fn timer(mut self, timer: impl Timer + 'static) -> Self {
        self.timer = Arc::new(timer);
        self
    }

    /// The backend that it wraps.
    pub fn inner(&self) -> &B {
        &self.backend
    }

    fn limits(mut self, limits: Limits) -> Self {
        self.pace = Arc::new(Pace::new(limits));
        self
    }

    /// Asks until there is a reply, a reason to give up or the end of the operation's time.
    async fn ask(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let asking = pin!(self.ask_on(request));
        match request.time_left() {
            Some(left) if !left.is_zero() => match select(asking, self.timer.sleep(left)).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(request.give_up()),
            },
            // Without time its first attempt is refused.
            _ => asking.await,
        }
    }

    async fn ask_on(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        // One that the budget held back between attempts goes on where it was.
        let earlier = request.attempts();
        let mut pauses = None;
        loop {
            let result = self.attempt(request).await;
            let Err(BackendError::Transient { retry_after, .. }) = &result else { return result };
            let pauses = pauses.get_or_insert_with(|| self.retry.pauses(request, earlier));
            let Some(pause) = self.retry.pause(pauses, *retry_after) else { return result };
            // The error is gone before the wait.
            drop(result);
            self.timer.sleep(pause).await;
        }
    }

    async fn attempt(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let _permit = self.permits.acquire().await;
        // Before the wait for the rate limit: a request without a budget need not wait to hear so.
        let mut unsent = Unsent((!self.backend.meters()).then(|| request.reserve()).transpose()?);
        self.pace.pass(size(request), &*self.timer).await;
        let mut attempt = unsent.0.take();
        if let Some(attempt) = &mut attempt {
            attempt.sent(request);
        }
        let Some(result) = self.in_time(request).await else {
            // The attempt is dropped: the provider may be at work on it, and charge for it.
            let deadline = self.deadline.unwrap_or_default();
            return Err(BackendError::transient(DeadlinePassed(deadline)));
        };
        if let Some(attempt) = attempt {
            attempt.end(&result);
        }
        result
    }

    /// The reply, if it comes before the deadline.
    async fn in_time(&self, request: &CompletionRequest) -> Option<Result<Completion, BackendError>> {
        let call = self.backend.complete(request);
        let Some(deadline) = self.deadline else { return Some(call.await) };
        match select(call, self.timer.sleep(deadline)).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }
}

/// An attempt that is entered and waits for its turn. Dropped then, it was not made.
struct Unsent(Option<Attempt>);

impl Drop for Unsent {
    fn drop(&mut self) {
        if let Some(attempt) = self.0.take() {
            attempt.withdraw();
        }
    }
}

fn size(request: &CompletionRequest) -> u64 {
    request.input_tokens().saturating_add(u64::from(request.max_tokens))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: LlmBackend> LlmBackend for Resilient<B> {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        self.ask(request).await
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results: Vec<Option<Result<Completion, BackendError>>> = requests.iter().map(|_| None).collect();
        let calls = (0..requests.len()).filter_map(|place| {
            let request = requests.get(place)?;
            Some(async move { (place, self.ask(request).await) })
        });
        // The permits bound what is in flight; twice as many take part, so that one in its pause holds up no other.
        let mut calls = pin!(stream::iter(calls).buffer_unordered(self.in_flight.saturating_mul(2)));
        let mut end = self.batch_deadline.map(|deadline| self.timer.sleep(deadline));
        loop {
            let next = match &mut end {
                None => calls.next().await,
                Some(end) => match select(calls.next(), end).await {
                    Either::Left((next, _)) => next,
                    Either::Right(_) => None,
                },
            };
            let Some((place, result)) = next else { break };
            if let Some(slot) = results.get_mut(place) {
                *slot = Some(result);
            }
        }
        let late = || Err(BackendError::transient(DeadlinePassed(self.batch_deadline.unwrap_or_default())));
        results.into_iter().map(|result| result.unwrap_or_else(late)).collect()
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn model(&self) -> &str {
        self.backend.model()
    }

    fn meters(&self) -> bool {
        true
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}

impl<B> Clone for Resilient<B> {
    fn clone(&self) -> Self {
        Self {
            backend: self.backend.clone(),
            permits: self.permits.clone(),
            pace: self.pace.clone(),
            timer: self.timer.clone(),
            ..*self
        }
    }
}

impl<B: LlmBackend> fmt::Debug for Resilient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resilient")
            .field("backend", &self.backend.name())
            .field("retry", &self.retry)
            .field("deadline", &self.deadline)
            .field("batch_deadline", &self.batch_deadline)
            .field("in_flight", &self.in_flight)
            .field("limits", &self.pace.limits())
            .field("timer", &self.timer)
            .finish()
    }
}
