//! Counts the requests of one piece of work, and limits those of a whole run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Need;
use rpm_core::data::hex;
use rpm_core::llm::{
    Attempt, BackendError, BudgetLimit, Capabilities, Completion, CompletionRequest, Endpoint, FinishReason, Ledger,
    LlmBackend, RequestKey, Stage,
};

/// A backend that counts what is asked through it. It stands outside of the response log, so that replies count the
/// same whether they were paid for now or before.
pub(super) struct Tap {
    backend: Arc<dyn LlmBackend>,
    meter: Meter,
}

#[derive(Default)]
struct Asked {
    need: Need,
    /// Keys of the requests; how often each was answered.
    keys: BTreeMap<String, u64>,
    /// Requests and replies in the order they were answered, where they are kept.
    transcript: Vec<Exchange>,
    /// A request got no reply for a reason that may pass.
    missed: bool,
    /// A request was refused for a budget.
    refused: bool,
}

/// One request with its reply, as [`Runner::transcripts`](super::Runner::transcripts) keeps it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(super) struct Exchange {
    stage: Stage,
    messages: Vec<(&'static str, String)>,
    reply: String,
}

/// Reads what was asked through a [`Tap`].
#[derive(Clone, Default)]
pub(super) struct Meter {
    asked: Arc<Mutex<Asked>>,
    /// True when texts are kept too.
    texts: bool,
}

impl Meter {
    pub(super) fn new(texts: bool) -> Self {
        Self { texts, ..Self::default() }
    }

    pub(super) fn around(&self, backend: Arc<dyn LlmBackend>) -> Tap {
        Tap { backend, meter: self.clone() }
    }

    /// True when a request got no reply, since this was last called, for a reason that may pass. The job's result then
    /// rests on less than it could.
    pub(super) fn missed(&self) -> bool {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner).missed)
    }

    /// True when a request was ever refused for a budget.
    pub(super) fn refused(&self) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).refused
    }

    /// The requests and replies since this was last called.
    pub(super) fn transcript(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner).transcript)
    }

    /// The requests since this was last called: their need, and a hash over all requests, whatever their order; empty
    /// without any.
    pub(super) fn take(&self) -> (Need, String) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (need, keys) = (std::mem::take(&mut asked.need), std::mem::take(&mut asked.keys));
        if keys.is_empty() {
            return (need, String::new());
        }
        let mut hash = Sha256::new();
        for (key, times) in &keys {
            hash.update(key.as_bytes());
            hash.update(times.to_le_bytes());
        }
        (need, hex(&hash.finalize()))
    }
}

impl Tap {
    fn enter(&self, request: &CompletionRequest, result: &Result<Completion, BackendError>) {
        let mut asked = self.meter.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let completion = match result {
            // A withheld reply is kept by no log, so it would not count in a replay.
            Ok(completion) if completion.finish == FinishReason::Filtered => return,
            Ok(completion) => completion,
            Err(error) => {
                asked.refused |= matches!(error, BackendError::Budget { .. });
                asked.missed |= may_pass(error);
                return;
            }
        };
        if self.meter.texts {
            let messages = request.messages.iter().map(|it| (it.role.as_str(), it.content.clone())).collect();
            asked.transcript.push(Exchange { stage: request.stage, messages, reply: completion.text.clone() });
        }
        asked.need.requests += 1;
        match &completion.usage {
            Some(usage) => {
                asked.need.input_tokens = asked.need.input_tokens.saturating_add(usage.input_tokens);
                asked.need.output_tokens = asked.need.output_tokens.saturating_add(usage.output_tokens);
            }
            None => asked.need.uncounted += 1,
        }
        *asked.keys.entry(RequestKey::of(self.backend.model(), request).to_hex()).or_default() += 1;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl LlmBackend for Tap {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        let result = self.backend.complete(request).await;
        self.enter(request, &result);
        result
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let results = self.backend.complete_batch(requests).await;
        requests.iter().zip(&results).for_each(|(request, result)| self.enter(request, result));
        results
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    fn model(&self) -> &str {
        self.backend.model()
    }

    fn meters(&self) -> bool {
        self.backend.meters()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}

/// True of a failure that may not be one another time.
pub(super) fn may_pass(error: &BackendError) -> bool {
    error.is_transient() || matches!(error, BackendError::NotLogged { .. } | BackendError::Budget { .. })
}

/// Settles an attempt. One that the operation's own budget refused was none, and does not use up the run's.
fn settle(attempt: Attempt, result: &Result<Completion, BackendError>) {
    match result {
        Err(BackendError::Budget { .. }) => attempt.withdraw(),
        result => attempt.end(result),
    }
}

/// A backend that sends no more than a whole run may use. It stands inside of the response log, so that replies that
/// were paid for before cost nothing. Retries that the backend makes by itself count once here.
pub(super) struct Capped {
    backend: Arc<dyn LlmBackend>,
    ledger: Ledger,
}

impl Capped {
    pub(super) fn new(backend: Arc<dyn LlmBackend>, ledger: Ledger) -> Self {
        Self { backend, ledger }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl LlmBackend for Capped {
    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, BackendError> {
        // The request's own account is its operation's; this one is the run's.
        let attempt = request.clone().entered(&self.ledger).begin()?;
        let result = self.backend.complete(request).await;
        settle(attempt, &result);
        result
    }

    async fn complete_batch(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, BackendError>> {
        let mut results: Vec<Result<Completion, BackendError>> =
            requests.iter().map(|_| Err(BackendError::Budget { limit: BudgetLimit::Calls })).collect();
        let (mut places, mut sent, mut attempts) = (Vec::new(), Vec::new(), Vec::new());
        for (place, request) in requests.iter().enumerate() {
            match request.clone().entered(&self.ledger).begin() {
                Ok(attempt) => {
                    places.push(place);
                    sent.push(request.clone());
                    attempts.push(attempt);
                }
                Err(error) => {
                    if let Some(result) = results.get_mut(place) {
                        *result = Err(error);
                    }
                }
            }
        }
        let replies = if sent.is_empty() { Vec::new() } else { self.backend.complete_batch(&sent).await };
        for ((place, attempt), reply) in places.into_iter().zip(attempts).zip(replies) {
            settle(attempt, &reply);
            if let Some(result) = results.get_mut(place) {
                *result = reply;
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
        self.backend.meters()
    }

    fn endpoint(&self) -> Endpoint<'_> {
        self.backend.endpoint()
    }

    fn name(&self) -> &str {
        self.backend.name()
    }
}
