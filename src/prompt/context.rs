use std::fmt;

use crate::llm::trace;
use crate::llm::{
    BackendError, BudgetLimit, Completion, CompletionRequest, FinishReason, Ledger, LlmBackend, Message, ReplyForm,
    Roles, Stage,
};

use super::frame::unspoken;
use super::{PromptSet, Reply, ReplyError};

/// What one operation lends every stage: the backend, the wording and the account. Stages hold no client of their own.
#[derive(Clone, Copy)]
pub struct StageContext<'a> {
    backend: Option<&'a dyn LlmBackend>,
    prompts: &'a PromptSet,
    ledger: &'a Ledger,
    roles: Option<&'a Roles>,
    redact: Option<&'a (dyn Fn(&str) -> String + Send + Sync)>,
}

/// A question to a model that got no usable answer. Carries counts and lengths, never what was said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The stage needs a model and the pipeline has no backend.
    #[error("this part asks a model and the pipeline has no backend: give one to the builder")]
    NoBackend,
    /// The backend failed.
    #[error("the backend failed")]
    Backend(#[source] BackendError),
    /// The backend broke its contract.
    #[error("the backend returned no result for the request")]
    NoResult,
    /// The provider withheld the reply.
    #[error("the provider withheld the reply")]
    Filtered,
    /// No reply could be used, the last one for this reason.
    #[error("no usable reply in {attempts} attempts: {problem}")]
    Unusable {
        /// How often was asked.
        attempts: u32,
        /// What was wrong with the last reply.
        problem: String,
    },
}

impl AskError {
    /// True when asking again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Backend(error) if error.is_transient())
    }

    /// The limit for which the request was not sent.
    pub fn budget_reached(&self) -> Option<BudgetLimit> {
        match self {
            Self::Backend(BackendError::Budget { limit }) => Some(*limit),
            _ => None,
        }
    }

    /// The error of another item of the same request: a reached budget is said of each, a failure of the first only.
    pub(crate) fn of_another(&self) -> Self {
        match self.budget_reached() {
            Some(limit) => Self::Backend(BackendError::Budget { limit }),
            None => Self::NoResult,
        }
    }
}

/// Requests on which a reply form is tried: as many as hosts have in flight, so that trying costs no round of its own.
const FEW: usize = 64;

impl<'a> StageContext<'a> {
    /// What stages without a model need.
    pub fn offline(prompts: &'a PromptSet, ledger: &'a Ledger) -> Self {
        Self { backend: None, prompts, ledger, roles: None, redact: None }
    }

    /// A context with a model behind it.
    pub fn new(backend: &'a dyn LlmBackend, prompts: &'a PromptSet, ledger: &'a Ledger) -> Self {
        Self { backend: Some(backend), prompts, ledger, roles: None, redact: None }
    }

    /// The same context with a hook that sees, and may change, every text of the user before it goes into a prompt.
    #[must_use]
    pub fn redact(mut self, hook: &'a (dyn Fn(&str) -> String + Send + Sync)) -> Self {
        self.redact = Some(hook);
        self
    }

    /// The same context with other models for some stages.
    pub(crate) fn roles(mut self, roles: &'a Roles) -> Self {
        self.roles = Some(roles);
        self
    }

    /// True when there is a model to ask.
    pub fn has_backend(&self) -> bool {
        self.backend.is_some()
    }

    /// The wording.
    pub fn prompts(&self) -> &'a PromptSet {
        self.prompts
    }

    /// The account that every request of this operation is entered in.
    pub fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// True when there is a redaction hook.
    pub(crate) fn redacts(&self) -> bool {
        self.redact.is_some()
    }

    /// The user's text as it may leave: through the redaction hook, if there is one.
    pub(crate) fn leaving(&self, text: &str) -> String {
        self.redact.map_or_else(|| text.to_owned(), |hook| hook(text))
    }

    /// Sends requests in one batch and enters each in the account. One result per request, in their order. A request whose
    /// reply form is refused is sent again in a looser one. One that could exceed the budget waits until those under way
    /// are settled, since they may use less than they could, and is then sent or not.
    pub async fn complete_all(&self, requests: &[CompletionRequest], reask: bool) -> Vec<Result<Completion, AskError>> {
        let mut results: Vec<Option<Result<Completion, AskError>>> = requests.iter().map(|_| None).collect();
        let mut pending: Vec<(usize, CompletionRequest)> =
            requests.iter().map(|request| request.clone().entered(self.ledger)).enumerate().collect();
        if reask {
            for request in requests {
                self.ledger.enter_reask(request.stage);
            }
        }
        if let Some(first) = requests.first() {
            self.ledger.expect(first.stage, requests.len());
        }
        // Each round answers a request, or loosens the form, which it can twice, or was the only one of few, so there is a
        // last one.
        let (mut loosened, mut tried) = (0, None);
        while let Some((_, first)) = pending.first() {
            let stage = first.stage;
            let Some(backend) = self.roles.and_then(|roles| roles.of(stage)).or(self.backend) else {
                return requests.iter().map(|_| Err(AskError::NoBackend)).collect();
            };
            let (mut waiting, mut settled) = (Vec::new(), false);
            // A form that is not known to be taken is tried on a few, so that a long batch is not refused whole.
            let form = self.form(first, backend);
            let few = form > ReplyForm::Text && tried != Some(form) && !self.ledger.forms().takes(stage, form);
            let mut again = if few && pending.len() > 2 * FEW { pending.split_off(FEW) } else { Vec::new() };
            tried = Some(form);
            let sent = trace::stage(stage, pending.len(), self.send(backend, pending)).await;
            for (position, result) in sent {
                match result {
                    // Calls and time are not given back when an attempt ends; tokens and money are.
                    Err((BackendError::Budget { limit }, request))
                        if !matches!(limit, BudgetLimit::Calls | BudgetLimit::Time) =>
                    {
                        waiting.push((position, limit, request));
                    }
                    Err((BackendError::Unsupported { form, .. }, request))
                        if form > ReplyForm::Text && loosened < 2 =>
                    {
                        let looser = if form == ReplyForm::Schema { ReplyForm::Json } else { ReplyForm::Text };
                        self.ledger.enter_step_down(stage, looser);
                        again.push((position, request.entered(self.ledger)));
                    }
                    result => {
                        settled |= result.is_ok();
                        if result.is_ok() && form > ReplyForm::Text {
                            self.ledger.forms().taken(stage, form);
                        }
                        let result = match result {
                            Ok(completion) if completion.finish == FinishReason::Filtered => Err(AskError::Filtered),
                            Ok(completion) => Ok(completion),
                            Err((error, _)) => Err(AskError::Backend(error)),
                        };
                        if let Some(slot) = results.get_mut(position) {
                            *slot = Some(result);
                        }
                    }
                }
            }
            loosened += usize::from(!again.is_empty());
            for (position, limit, request) in waiting {
                if settled {
                    self.ledger.enter_second_chance(stage);
                    again.push((position, request));
                } else if let Some(slot) = results.get_mut(position) {
                    *slot = Some(Err(AskError::Backend(BackendError::Budget { limit })));
                }
            }
            again.sort_by_key(|(position, _)| *position);
            pending = again;
        }
        if let Some(first) = requests.first() {
            self.ledger.settle(first.stage);
        }
        results.into_iter().map(|result| result.unwrap_or(Err(AskError::NoResult))).collect()
    }

    /// The strictest form to hold the reply to.
    fn form(&self, request: &CompletionRequest, backend: &dyn LlmBackend) -> ReplyForm {
        request.form.min(self.ledger.forms().at_most(request.stage, backend.capabilities().form))
    }

    /// Sends requests of one stage in the strictest form its provider takes.
    async fn send(
        &self,
        backend: &dyn LlmBackend,
        pending: Vec<(usize, CompletionRequest)>,
    ) -> Vec<(usize, Result<Completion, (BackendError, CompletionRequest)>)> {
        let (mut results, mut places, mut batch, mut attempts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (position, mut request) in pending {
            request.form = self.form(&request, backend);
            backend.model().clone_into(&mut request.model);
            if let Some(parameters) = self.roles.and_then(|roles| roles.parameters(request.stage)) {
                parameters.apply(&mut request);
            }
            // A backend that meters enters each attempt itself.
            match (!backend.meters()).then(|| request.begin()).transpose() {
                Ok(attempt) => {
                    places.push(position);
                    batch.push(request);
                    attempts.push(attempt);
                }
                Err(error) => results.push((position, Err((error, request)))),
            }
        }
        if batch.is_empty() {
            return results;
        }
        let mut completions = backend.complete_batch(&batch).await.into_iter();
        for ((position, request), attempt) in places.into_iter().zip(batch).zip(attempts) {
            let Some(result) = completions.next() else { break };
            if let Some(attempt) = attempt {
                attempt.end(&result);
            }
            results.push((position, result.map_err(|error| (error, request))));
        }
        results
    }

    /// Asks each request until `read` accepts its reply, at most `reasks` times more, telling the model what was wrong
    /// with the last one. `read` gets the request's position and its reply, and returns the value or the problem, worded
    /// for the model and without text of the user.
    pub async fn ask_all<T>(
        &self,
        requests: Vec<CompletionRequest>,
        reasks: u32,
        mut read: impl FnMut(usize, &Completion) -> Result<T, String>,
    ) -> Vec<Result<T, AskError>> {
        let mut outcomes: Vec<Option<Result<T, AskError>>> = requests.iter().map(|_| None).collect();
        let mut pending: Vec<(usize, CompletionRequest)> = requests.into_iter().enumerate().collect();
        for attempt in 0..=reasks {
            let batch: Vec<CompletionRequest> = pending.iter().map(|(_, request)| request.clone()).collect();
            let completions = self.complete_all(&batch, attempt > 0).await;
            let mut again = Vec::new();
            for ((position, mut request), completion) in pending.into_iter().zip(completions) {
                let outcome = match completion {
                    Err(error) => Err(error),
                    Ok(completion) => match read(position, &completion) {
                        Ok(value) => Ok(value),
                        Err(problem) if attempt < reasks => {
                            let problem = unfinished(problem, &completion);
                            request.messages.push(Message::assistant(shortened(&completion.text)));
                            request.messages.push(Message::user(note(&problem)));
                            again.push((position, request));
                            continue;
                        }
                        Err(problem) => {
                            Err(AskError::Unusable { attempts: attempt + 1, problem: unfinished(problem, &completion) })
                        }
                    },
                };
                if let Some(slot) = outcomes.get_mut(position) {
                    *slot = Some(outcome);
                }
            }
            pending = again;
            if pending.is_empty() {
                break;
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Err(AskError::NoResult))).collect()
    }

    /// Enters in the account that a reply needed repairs, and gives its value.
    pub fn accept<T>(&self, stage: Stage, reply: Reply<T>) -> T {
        if !reply.repairs.is_empty() {
            self.ledger.enter_repair(stage);
        }
        reply.value
    }
}

/// What is told to the model when its reply could not be used.
pub(crate) fn note(problem: &str) -> String {
    format!("Your reply could not be used: {problem}. Reply again, with JSON only, in the form asked for.")
}

/// The end of an unusable reply is rarely worth its tokens.
fn shortened(reply: &str) -> String {
    const KEPT: usize = 1_500;
    let kept = match reply.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{} […]", reply.get(..end).unwrap_or_default()),
        None => reply.to_owned(),
    };
    // A model may have been led to say what ends its turn.
    unspoken(kept)
}

/// The problem of a reply that could not be read, in words for the model.
pub fn unreadable(error: &ReplyError, completion: &Completion) -> String {
    unfinished(error.to_string(), completion)
}

/// The problem of a reply, unless it was cut: then whatever it lacks is owed to that.
fn unfinished(problem: String, completion: &Completion) -> String {
    match completion.finish {
        FinishReason::Length => "it was cut off at the length limit, so be shorter".to_owned(),
        _ => problem,
    }
}

impl fmt::Debug for StageContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageContext").field("backend", &self.backend.map(LlmBackend::name)).finish_non_exhaustive()
    }
}
