//! A backend that answers from a response log and keeps the replies it pays for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::erasing::Waits;
use super::flights::{Joined, Landed, own};
use super::key::Key;
use super::{Record, ResponseLog};
use crate::llm::{
    BackendError, Capabilities, Completion, CompletionRequest, Endpoint, FinishReason, LlmBackend, ReplyForm,
};

/// The use that a [`LoggedBackend`] makes of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum LogMode {
    /// Answers from the log, sends the rest and keeps the replies.
    #[default]
    Record,
    /// Answers from the log and sends nothing: what is not there is [`BackendError::NotLogged`].
    ReplayOnly,
    /// Sends everything and keeps nothing, as if there were no log.
    Off,
}

/// The way a [`LoggedBackend`] sends requests that its log has no reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendMode {
    /// One call for each request, this many at once, at least 1. Each reply is kept as it arrives, so a crash loses no
    /// more replies than this.
    Single {
        /// The most calls under way for one batch.
        at_once: usize,
    },
    /// One call of [`complete_batch`](LlmBackend::complete_batch) for all, for providers' batch APIs. Replies are kept
    /// when the whole batch is back, so a crash loses the batch.
    Batch,
}

impl Default for SendMode {
    fn default() -> Self {
        Self::Single { at_once: 1 }
    }
}

/// A backend that answers from a [`ResponseLog`] where it can; made by [`ResponseLog::wrap`].
///
/// # What is kept
/// Replies that ended by themselves and replies that were cut at the length limit: these were paid for too, would be cut
/// again, and their whole items are used. Failures and withheld replies are not kept; they are asked for again.
///
/// # Where to put it
/// Directly around what talks to the provider, retries included, and inside what limits or spreads calls. Its own batches
/// are sent one call after another unless [`in_flight`](Self::in_flight) says otherwise, since a reply must be kept when
/// it arrives and not when its batch is complete.
///
/// # Equal requests at once
/// They cost one call, within a batch and across the tasks and threads that share the log. All get its reply or an error
/// of the same kind with the same causes. The call is entered in the account of the request that began it; if that one is
/// dropped, the others go on with the call. A refusal of the first one's budget is not passed on: the next one asks.
///
/// # Cancellation
/// A call ends when all who wait for it are dropped. What was kept before stays.
#[derive(Clone)]
#[must_use = "a backend does nothing until it is asked"]
pub struct LoggedBackend {
    log: ResponseLog,
    backend: Arc<dyn LlmBackend>,
    mode: LogMode,
    sending: SendMode,
}

impl LoggedBackend {
    pub(super) fn new(log: ResponseLog, backend: Arc<dyn LlmBackend>) -> Self {
        Self { log, backend, mode: LogMode::default(), sending: SendMode::default() }
    }

    /// Sets the use of the log. Default: [`LogMode::Record`].
    pub fn mode(mut self, mode: LogMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sends this many requests of a batch at once, at least 1. Default: 1.
    pub fn in_flight(self, at_once: usize) -> Self {
        self.sending(SendMode::Single { at_once })
    }

    /// Sets the way to send what is not in the log. Default: one request after another.
    pub fn sending(mut self, sending: SendMode) -> Self {
        self.sending = sending;
        self
    }

    /// The log it answers from.
    pub fn log(&self) -> &ResponseLog {
        &self.log
    }

    fn key(&self, request: &CompletionRequest) -> Key {
        Key::of(self.backend.model(), request)
    }

    /// The logged reply, entered as reused.
    fn reuse(&self, key: &Key, request: &CompletionRequest) -> Option<Completion> {
        let found = self.log.find(key)?;
        request.reused();
        Some(found.completion)
    }

    /// The error of a request that may not be sent.
    ///
    /// Returns the error for a request without a logged reply.
    ///
    /// If a reply in a looser form is logged, the provider had refused this form: it is refused again, so that the
    /// operation takes the same steps as when the reply was paid for. So are the probabilities of tokens.
    fn not_logged(&self, request: &CompletionRequest) -> BackendError {
        let looser = [ReplyForm::Json, ReplyForm::Text].into_iter().filter(|form| *form < request.form);
        let refused = looser.into_iter().any(|form| {
            let mut request = request.clone();
            request.form = form;
            self.log.has(&self.key(&request))
        });
        if refused {
            return BackendError::unsupported(request.form, "the log has this reply only in a looser form");
        }
        if request.logprobs > 0 {
            let bare = |form: ReplyForm| {
                let mut request = request.clone();
                (request.form, request.logprobs) = (form, 0);
                self.log.has(&self.key(&request))
            };
            if [ReplyForm::Schema, ReplyForm::Json, ReplyForm::Text].into_iter().any(bare) {
                return BackendError::no_logprobs(
                    "the log has this reply only without the probabilities of its tokens",
                );
            }
        }
        not_in_log(request)
    }

    /// Answers one request that was not in the log, by the call of an equal one or by an own one.
    async fn ask(&self, key: Key, request: &CompletionRequest) -> Landed {
        let _waits = self.log.waiting(key, &request.about, request.begun.unwrap_or_default());
        loop {
            let begin =
                |_: &[usize]| vec![call(self.log.clone(), Arc::clone(&self.backend), key, request.clone()).boxed()];
            let joined = self.log.flights.join(&[key], |key| self.log.find(key), begin);
            for joined in joined {
                if let Some(landed) = land(request, joined).await {
                    return landed;
                }
            }
        }
    }

    /// Asks each request by a call of its own, the first ones first.
    async fn ask_singly(&self, misses: Vec<(Key, CompletionRequest)>, at_once: usize) -> Vec<(Key, Landed)> {
        let mut waiting = misses.into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut landed = Vec::new();
        loop {
            while under_way.len() < at_once.max(1) {
                let Some((key, request)) = waiting.next() else { break };
                under_way.push(async move { (key, self.ask(key, &request).await) });
            }
            let Some(result) = under_way.next().await else { return landed };
            landed.push(result);
        }
    }

    /// Asks all requests by one call, except those that an equal one is under way for.
    async fn ask_batch(&self, misses: Vec<(Key, CompletionRequest)>) -> Vec<(Key, Landed)> {
        let keys: Vec<Key> = misses.iter().map(|(key, _)| *key).collect();
        let waits = |(key, request): &(Key, CompletionRequest)| {
            self.log.waiting(*key, &request.about, request.begun.unwrap_or_default())
        };
        let _waits: Vec<Waits> = misses.iter().map(waits).collect();
        let begin = |led: &[usize]| {
            let requests = led.iter().filter_map(|&place| misses.get(place).cloned()).collect();
            let batch = call_batch(self.log.clone(), Arc::clone(&self.backend), requests).boxed().shared();
            let one = |place: usize| {
                let batch = batch.clone();
                async move { batch.await.get(place).cloned().unwrap_or_else(no_result) }.boxed()
            };
            (0..led.len()).map(one).collect()
        };
        let joined = self.log.flights.join(&keys, |key| self.log.find(key), begin);
        let mut landed = Vec::new();
        for ((key, request), joined) in misses.into_iter().zip(joined) {
            let result = match land(&request, joined).await {
                Some(result) => result,
                None => self.ask(key, &request).await,
            };
            landed.push((key, result));
        }
        landed
    }
}

/// The request as it is asked: begun now, unless its operation began before.
fn begun(request: &CompletionRequest) -> CompletionRequest {
    let mut request = request.clone();
    request.begun.get_or_insert_default();
    request
}

/// Waits for an answer; none when the request has to be asked again, because another one's budget refused it.
async fn land(request: &CompletionRequest, joined: Joined<Record>) -> Option<Landed> {
    let (landed, paid) = match joined {
        Joined::Known(record) => (Ok(record.completion), false),
        Joined::Follow(flight) => (flight.await, false),
        Joined::Lead(flight) => (flight.await, true),
    };
    match &landed {
        Ok(_) if !paid => request.reused(),
        Err(error) if !paid && matches!(**error, BackendError::Budget { .. }) => return None,
        _ => {}
    }
    Some(landed)
}

/// One call, kept when it arrives.
async fn call(log: ResponseLog, backend: Arc<dyn LlmBackend>, key: Key, request: CompletionRequest) -> Landed {
    let attempt = (!backend.meters()).then(|| request.begin()).transpose()?;
    let result = backend.complete(&request).await;
    if let Some(attempt) = attempt {
        attempt.end(&result);
    }
    keep(&log, key, &request, result)
}

/// One call for many requests, all kept when it is back. One result each, in their order.
async fn call_batch(
    log: ResponseLog,
    backend: Arc<dyn LlmBackend>,
    requests: Vec<(Key, CompletionRequest)>,
) -> Arc<Vec<Landed>> {
    let mut landed: Vec<Landed> = Vec::with_capacity(requests.len());
    let (mut sent, mut batch) = (Vec::new(), Vec::new());
    for (place, (key, request)) in requests.into_iter().enumerate() {
        landed.push(no_result());
        match (!backend.meters()).then(|| request.begin()).transpose() {
            Ok(attempt) => {
                sent.push((place, key, attempt));
                batch.push(request);
            }
            Err(error) => set(&mut landed, place, Err(Arc::new(error))),
        }
    }
    let results = if batch.is_empty() { Vec::new() } else { backend.complete_batch(&batch).await };
    for (((place, key, attempt), request), result) in sent.into_iter().zip(batch).zip(results) {
        if let Some(attempt) = attempt {
            attempt.end(&result);
        }
        set(&mut landed, place, keep(&log, key, &request, result));
    }
    Arc::new(landed)
}

fn set(landed: &mut [Landed], place: usize, result: Landed) {
    if let Some(slot) = landed.get_mut(place) {
        *slot = result;
    }
}

fn keep(log: &ResponseLog, key: Key, request: &CompletionRequest, result: Result<Completion, BackendError>) -> Landed {
    if let Ok(completion) = &result
        && matches!(completion.finish, FinishReason::Stop | FinishReason::Length)
    {
        log.keep(key, request, completion);
    }
    result.map_err(Arc::new)
}

fn no_result() -> Landed {
    Err(Arc::new(BackendError::permanent("the backend returned no result for the request")))
}

/// The error of a request that the log has no reply to.
pub(super) fn not_in_log(request: &CompletionRequest) -> BackendError {
    BackendError::NotLogged { stage: request.stage, about: named(&request.about) }
}

/// A few ids, for an error.
fn named(about: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<&str> = about.iter().take(SHOWN).map(String::as_str).collect();
    match about.len() {
        0 => "no item".to_owned(),
        all if all > SHOWN => format!("{} and {} more", shown.join(", "), all - SHOWN),
        _ => shown.join(", "),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl LlmBackend for LoggedBackend {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        if self.mode == LogMode::Off {
            return self.backend.complete(request).await;
        }
        let key = self.key(request);
        if let Some(completion) = self.reuse(&key, request) {
            return Ok(completion);
        }
        match self.mode {
            LogMode::ReplayOnly => Err(self.not_logged(request)),
            _ => self.ask(key, &begun(request)).await.map_err(own),
        }
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        if self.mode == LogMode::Off {
            return self.backend.complete_batch(requests).await;
        }
        let mut results: Vec<Result<Completion, BackendError>> = Vec::with_capacity(requests.len());
        let mut misses: Vec<(Key, CompletionRequest)> = Vec::new();
        let mut places: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (place, request) in requests.iter().enumerate() {
            let key = self.key(request);
            if let Some(completion) = self.reuse(&key, request) {
                results.push(Ok(completion));
            } else if self.mode == LogMode::ReplayOnly {
                results.push(Err(self.not_logged(request)));
            } else {
                let same = places.entry(key).or_default();
                if same.is_empty() {
                    misses.push((key, begun(request)));
                }
                same.push(place);
                results.push(no_result().map_err(own));
            }
        }
        let landed = match self.sending {
            SendMode::Single { at_once } => self.ask_singly(misses, at_once).await,
            SendMode::Batch => self.ask_batch(misses).await,
        };
        for (key, landed) in landed {
            let same = places.remove(&key).unwrap_or_default();
            let Some((first, others)) = same.split_first() else { continue };
            for &place in others {
                if let (Ok(_), Some(request)) = (&landed, requests.get(place)) {
                    request.reused();
                }
                if let Some(slot) = results.get_mut(place) {
                    *slot = landed.clone().map_err(own);
                }
            }
            if let Some(slot) = results.get_mut(*first) {
                *slot = landed.map_err(own);
            }
        }
        results
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn model(&self) -> &str {
        self.backend.model()
    }

    fn meters(&self) -> bool {
        // Without its log it adds nothing, so who enters attempts is as without it.
        self.mode != LogMode::Off || self.backend.meters()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}

impl fmt::Debug for LoggedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedBackend")
            .field("backend", &self.backend.name())
            .field("log", &self.log)
            .field("mode", &self.mode)
            .field("sending", &self.sending)
            .finish()
    }
}
