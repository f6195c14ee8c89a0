//! Sends one batch of requests, each until it is answered, has failed or is over the budget.

use crate::llm::trace;
use crate::llm::{
    BackendError, BudgetLimit, Completion, CompletionRequest, FinishReason, Ledger, LlmBackend, ReplyForm, Stage,
};

use super::{AskError, Asking};

/// Requests on which a reply form is tried: as many as hosts have in flight, so that trying costs no round of its own.
const FEW: usize = 64;

/// The most times that the form of a batch is loosened: from the schema to JSON mode, and from that to the wording
/// alone.
const MOST_LOOSENED: usize = 2;

/// A request with its position in the batch.
type Numbered = (usize, CompletionRequest);

/// The result of a request that was sent, or was not for its budget. One that failed is handed back to be sent again.
type Sent = (usize, Result<Completion, (BackendError, CompletionRequest)>);

/// One batch under way.
struct Batch {
    /// The result of each request, by position.
    results: Vec<Option<Result<Completion, AskError>>>,
    /// Requests to be sent, by position.
    pending: Vec<Numbered>,
    /// Rounds in which a form was refused.
    loosened: usize,
    /// The form that was tried last.
    tried: Option<ReplyForm>,
}

impl Asking<'_> {
    /// Sends requests of one stage in one batch and enters each in the account. One result per request, in their order.
    ///
    /// A request whose reply form is refused is sent again in a looser one, and one whose probabilities are, without them. One that could exceed the budget waits until
    /// those under way are settled, since they may use less than they could, and is then sent or not.
    pub(crate) async fn complete_all(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, AskError>> {
        let Some(first) = requests.first() else { return Vec::new() };
        let mut batch = Batch::new(requests, self.ledger);
        self.ledger.expect(first.stage, requests.len());
        // Each round answers a request, or loosens the form, which it can twice, or asks for no probabilities any more,
        // or was the only one of few, so there is a last one.
        while let Some((_, next)) = batch.pending.first() {
            let stage = next.stage;
            let Some(backend) = self.backend_of(stage) else {
                return requests.iter().map(|_| Err(AskError::NoBackend)).collect();
            };
            let form = self.form(next, backend);
            let round = batch.take_round(form, self.ledger.forms().takes(stage, form));
            let sent = trace::stage(stage, round.len(), self.send(backend, round)).await;
            batch.enter(stage, form, sent, self.ledger);
        }
        self.ledger.settle(first.stage);
        batch.results.into_iter().map(|result| result.unwrap_or(Err(AskError::NoResult))).collect()
    }

    /// The strictest form to hold the reply to.
    fn form(&self, request: &CompletionRequest, backend: &dyn LlmBackend) -> ReplyForm {
        request.form.min(self.ledger.forms().at_most(request.stage, backend.capabilities().form))
    }

    /// Sends requests of one stage in the strictest form its provider takes.
    async fn send(&self, backend: &dyn LlmBackend, round: Vec<Numbered>) -> Vec<Sent> {
        let (mut sent, mut places, mut batch, mut attempts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (position, request) in round {
            let request = self.prepared(backend, request);
            // A backend that meters enters each attempt itself.
            match (!backend.meters()).then(|| request.begin()).transpose() {
                Ok(attempt) => {
                    places.push(position);
                    batch.push(request);
                    attempts.push(attempt);
                }
                Err(error) => sent.push((position, Err((error, request)))),
            }
        }
        if batch.is_empty() {
            return sent;
        }
        let mut completions = backend.complete_batch(&batch).await.into_iter();
        for ((position, request), attempt) in places.into_iter().zip(batch).zip(attempts) {
            let Some(result) = completions.next() else { break };
            if let Some(attempt) = attempt {
                attempt.end(&result);
            }
            sent.push((position, result.map_err(|error| (error, request))));
        }
        sent
    }

    /// The request as this backend is sent it.
    fn prepared(&self, backend: &dyn LlmBackend, mut request: CompletionRequest) -> CompletionRequest {
        request.form = self.form(&request, backend);
        if !self.ledger.forms().reports_logprobs(request.stage) {
            request.logprobs = 0;
        }
        request.asked = trace::Asked::of(backend);
        if let Some(parameters) = self.roles.and_then(|roles| roles.parameters(request.stage)) {
            parameters.apply(&mut request);
        }
        request
    }
}

impl Batch {
    fn new(requests: &[CompletionRequest], ledger: &Ledger) -> Self {
        Self {
            results: requests.iter().map(|_| None).collect(),
            pending: requests.iter().map(|request| request.clone().entered(ledger)).enumerate().collect(),
            loosened: 0,
            tried: None,
        }
    }

    /// Takes out what is sent next: everything, or a few where the form is not known to be taken, so that a long batch is
    /// not refused whole.
    fn take_round(&mut self, form: ReplyForm, is_taken: bool) -> Vec<Numbered> {
        let is_new = form > ReplyForm::Text && self.tried != Some(form) && !is_taken;
        let rest = if is_new && self.pending.len() > 2 * FEW { self.pending.split_off(FEW) } else { Vec::new() };
        self.tried = Some(form);
        std::mem::replace(&mut self.pending, rest)
    }

    /// Enters what became of a round that was sent in this form, and what of it is to be sent again.
    fn enter(&mut self, stage: Stage, form: ReplyForm, sent: Vec<Sent>, ledger: &Ledger) {
        let (mut waiting, mut settled, mut refused) = (Vec::new(), false, false);
        for (position, result) in sent {
            match result {
                // Calls and time are not given back when an attempt ends; tokens and money are.
                Err((BackendError::Budget { limit }, request))
                    if !matches!(limit, BudgetLimit::Calls | BudgetLimit::Time) =>
                {
                    waiting.push((limit, (position, request)));
                }
                Err((BackendError::Unsupported { form, .. }, request))
                    if form > ReplyForm::Text && self.loosened < MOST_LOOSENED =>
                {
                    let looser = if form == ReplyForm::Schema { ReplyForm::Json } else { ReplyForm::Text };
                    ledger.enter_step_down(stage, looser);
                    self.pending.push((position, request.entered(ledger)));
                    refused = true;
                }
                Err((BackendError::NoLogprobs { .. }, mut request)) if request.logprobs > 0 => {
                    ledger.enter_no_logprobs(stage);
                    request.logprobs = 0;
                    self.pending.push((position, request.entered(ledger)));
                }
                Err((error, _)) => self.settle(position, Err(AskError::Backend(error))),
                Ok(completion) => {
                    settled = true;
                    if form > ReplyForm::Text {
                        ledger.forms().taken(stage, form);
                    }
                    let withheld = completion.finish == FinishReason::Filtered;
                    self.settle(position, if withheld { Err(AskError::Filtered) } else { Ok(completion) });
                }
            }
        }
        self.loosened += usize::from(refused);
        for (limit, (position, request)) in waiting {
            if settled {
                ledger.enter_second_chance(stage);
                self.pending.push((position, request));
            } else {
                self.settle(position, Err(AskError::Backend(BackendError::Budget { limit })));
            }
        }
        self.pending.sort_by_key(|(position, _)| *position);
    }

    fn settle(&mut self, position: usize, result: Result<Completion, AskError>) {
        if let Some(slot) = self.results.get_mut(position) {
            *slot = Some(result);
        }
    }
}
