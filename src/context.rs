//! Lends a stage what one operation has: the model, the wording, the account and the redaction hook.

use std::fmt;

use crate::llm::{
    Ask, AskError, Asking, Completion, CompletionRequest, Inquiry, Ledger, LlmBackend, Plan, Roles, Stage, Verdict,
};
use crate::prompt::{PromptSet, Redaction, Reply};

/// The means that one operation lends every stage: the model, the wording and the account. Stages hold no client of
/// their own.
#[derive(Clone, Copy)]
pub struct StageContext<'a> {
    asking: Asking<'a>,
    prompts: &'a PromptSet,
    redaction: Redaction<'a>,
}

impl<'a> StageContext<'a> {
    /// A context for stages that ask no model.
    pub fn offline(prompts: &'a PromptSet, ledger: &'a Ledger) -> Self {
        Self { asking: Asking::new(None, ledger), prompts, redaction: Redaction::default() }
    }

    /// A context with a model behind it.
    pub fn new(backend: &'a dyn LlmBackend, prompts: &'a PromptSet, ledger: &'a Ledger) -> Self {
        Self { asking: Asking::new(Some(backend), ledger), prompts, redaction: Redaction::default() }
    }

    /// Adds a hook that sees, and may change, every text of the user before it goes into a prompt.
    #[must_use]
    pub fn redact(mut self, hook: &'a (dyn Fn(&str) -> String + Send + Sync)) -> Self {
        self.redaction = Redaction::new(hook);
        self
    }

    /// Asks other models for some stages.
    pub(crate) fn roles(mut self, roles: &'a Roles) -> Self {
        self.asking = self.asking.roles(roles);
        self
    }

    /// True when there is a model to ask.
    pub fn has_backend(&self) -> bool {
        self.asking.backend().is_some()
    }

    /// The wording.
    pub fn prompts(&self) -> &'a PromptSet {
        self.prompts
    }

    /// The account that every request of this operation is entered in.
    pub fn ledger(&self) -> &'a Ledger {
        self.asking.ledger()
    }

    /// The hook that every text of the user leaves through.
    pub fn redaction(&self) -> Redaction<'a> {
        self.redaction
    }

    /// The user's text as it may leave: through the redaction hook, if there is one.
    pub(crate) fn leaving(&self, text: &str) -> String {
        self.redaction.apply(text)
    }

    /// Sends requests of one stage in one batch and enters each in the account. One result per request, in their order.
    ///
    /// A request whose reply form is refused is sent again in a looser one. One that could exceed the budget waits until
    /// those under way are settled, since they may use less than they could, and is then sent or not.
    pub async fn complete_all(&self, requests: &[CompletionRequest]) -> Vec<Result<Completion, AskError>> {
        self.asking.complete_all(requests).await
    }

    /// Asks each request until `read` accepts its reply, at most `reasks` times more, telling the model what was wrong with
    /// the last one. One outcome per request, in their order.
    ///
    /// `read` gets the request's position and its reply, and returns the value, or the problem, worded for the model and
    /// without text of the user.
    pub async fn ask_all<T>(
        &self,
        requests: Vec<CompletionRequest>,
        reasks: u32,
        mut read: impl FnMut(usize, &Completion) -> Result<T, String>,
    ) -> Vec<Result<T, AskError>> {
        self.asking.converse(requests, reasks, |ask, completion| read(ask.part(), completion).into()).await
    }

    /// Asks one request until `read` is done with its reply, at most `reasks` times more.
    pub(crate) async fn ask<T>(
        &self,
        request: CompletionRequest,
        reasks: u32,
        read: impl FnMut(&Ask<'_, T>, &Completion) -> Verdict<T>,
    ) -> Result<T, AskError> {
        let outcome = self.asking.converse(vec![request], reasks, read).await.pop();
        outcome.unwrap_or(Err(AskError::NoResult))
    }

    /// Asks about parts of which several may share a request, until each has its value.
    pub(crate) async fn ask_parts<T>(&self, plan: Plan, inquiry: &mut impl Inquiry<T>) -> Vec<Result<T, AskError>> {
        self.asking.ask_parts(plan, inquiry).await
    }

    /// Enters in the account that a reply needed repairs, and gives its value.
    pub fn accept<T>(&self, stage: Stage, reply: Reply<T>) -> T {
        if !reply.repairs.is_empty() {
            self.ledger().enter_repair(stage);
        }
        reply.value
    }
}

impl fmt::Debug for StageContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageContext")
            .field("backend", &self.asking.backend().map(LlmBackend::name))
            .finish_non_exhaustive()
    }
}
