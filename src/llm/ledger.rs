//! The running account of one operation, which enters every request and holds the budget.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::operation::{Metered, Taken};

use super::budget::Spent;
use super::heard::Listener;
use super::moment::{Begun, Moment};
use super::progress::{OnProgress, Steps};
use super::trace::CallSpan;
use super::{
    BackendError, Budget, BudgetLimit, Completion, CompletionRequest, ReplyForm, Stage, StageUsage, Usage, UsageReport,
};

/// The running account of one operation. Every request of every stage is entered, whatever became of it. Clones share
/// one account.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Account>);

#[derive(Debug, Default)]
struct Account {
    entered: Mutex<Entered>,
    budget: Budget,
    /// The end of the operation's time, if it has one.
    until: Option<Instant>,
    /// The strictest form that each stage's provider is known to take; shared by the operations of a pipeline.
    forms: Forms,
    steps: Steps,
    /// Who listens to the answer while it is written.
    listener: Option<Listener>,
    begun: Begun,
}

#[derive(Debug, Default)]
struct Entered {
    report: UsageReport,
    /// The most that attempts under way may still use.
    reserved: Spent,
    /// The use of attempts that are over; the reservation where the backend reports no use.
    spent: Spent,
    /// The limit that the last request that was not sent would have exceeded.
    reached: Option<BudgetLimit>,
}

/// The strictest reply form each stage's provider took so far. Clones share one memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms(Arc<Mutex<BTreeMap<Stage, Form>>>);

/// The reply forms known of one stage.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// The strictest that was not refused.
    most: ReplyForm,
    /// The strictest in which a reply came.
    taken: Option<ReplyForm>,
    /// True where the probabilities of tokens were refused.
    no_logprobs: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { most: ReplyForm::Schema, taken: None, no_logprobs: false }
    }
}

impl Forms {
    pub(crate) fn at_most(&self, stage: Stage, form: ReplyForm) -> ReplyForm {
        self.forms().get(&stage).map_or(form, |known| known.most.min(form))
    }

    /// True when a reply came in this form or a stricter one.
    pub(crate) fn takes(&self, stage: Stage, form: ReplyForm) -> bool {
        self.forms().get(&stage).is_some_and(|known| known.taken >= Some(form))
    }

    pub(crate) fn taken(&self, stage: Stage, form: ReplyForm) {
        let mut forms = self.forms();
        let known = forms.entry(stage).or_default();
        known.taken = known.taken.max(Some(form));
    }

    fn lower(&self, stage: Stage, form: ReplyForm) {
        let mut forms = self.forms();
        let known = forms.entry(stage).or_default();
        known.most = form.min(known.most);
    }

    /// True where the provider of a stage reports the probabilities of tokens, as far as is known.
    pub(crate) fn reports_logprobs(&self, stage: Stage) -> bool {
        self.forms().get(&stage).is_none_or(|known| !known.no_logprobs)
    }

    fn forms(&self) -> MutexGuard<'_, BTreeMap<Stage, Form>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// An empty account without a budget.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty account that refuses what could exceed the budget.
    pub fn limited(budget: Budget) -> Self {
        Self(Arc::new(Account { until: budget.until(), budget, ..Account::default() }))
    }

    /// An empty account that refuses what could exceed the budget, with a memory of reply forms that outlives the
    /// operation and a callback for its progress.
    pub(crate) fn of(budget: Budget, forms: Forms, on_progress: OnProgress, listener: Option<Listener>) -> Self {
        let (until, steps) = (budget.until(), Steps::new(on_progress));
        Self(Arc::new(Account { budget, until, forms, steps, listener, ..Account::default() }))
    }

    /// The account, which nobody has a clone of yet, of an operation on what was known at this moment.
    pub(crate) fn begun_at(mut self, moment: Moment) -> Self {
        if let Some(account) = Arc::get_mut(&mut self.0) {
            account.begun.known = moment;
        }
        self
    }

    /// When the operation began.
    pub(super) fn begun(&self) -> Begun {
        self.0.begun
    }

    /// Who listens to the replies to such a request: to answers in JSON alone.
    pub(super) fn listener(&self, request: &CompletionRequest) -> Option<&Listener> {
        let is_told = request.stage == Stage::Answer && request.schema.is_some();
        self.0.listener.as_ref().filter(|_| is_told)
    }

    /// Enters that so many requests of a stage are about to be sent.
    pub(crate) fn expect(&self, stage: Stage, requests: usize) {
        self.0.steps.add(stage, 0, requests as u64);
    }

    /// Enters that all requests of a stage are answered or given up.
    pub(crate) fn settle(&self, stage: Stage) {
        self.0.steps.settle(stage);
    }

    pub(crate) fn forms(&self) -> &Forms {
        &self.0.forms
    }

    /// Returns a copy of all that was entered so far.
    pub fn report(&self) -> UsageReport {
        self.entered().report.clone()
    }

    /// Returns the money spent so far by the budget's prices; 0 without prices.
    pub fn money(&self) -> f64 {
        self.entered().spent.money
    }

    /// The limit for which a request was not sent, if there was one.
    pub fn budget_reached(&self) -> Option<BudgetLimit> {
        let entered = self.entered();
        entered.reached.filter(|_| entered.report.total().withheld > 0)
    }

    /// Enters that a request that was not sent gets another chance, since attempts then under way used less than they
    /// could have.
    pub(crate) fn enter_second_chance(&self, stage: Stage) {
        self.edit(stage, |usage| usage.withheld = usage.withheld.saturating_sub(1));
    }

    fn entered(&self) -> MutexGuard<'_, Entered> {
        self.0.entered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self, stage: Stage, edit: impl FnOnce(&mut StageUsage)) {
        edit(self.entered().report.0.entry(stage).or_default());
    }

    /// The time that is left; `None` when there is no end to it.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.0.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Enters that a request is not sent, or given up, for a limit.
    pub(crate) fn enter_withheld(&self, stage: Stage, limit: BudgetLimit) {
        let mut entered = self.entered();
        entered.report.0.entry(stage).or_default().withheld += 1;
        entered.reached = Some(limit);
    }

    /// Enters the beginning of an attempt and reserves what it may use at most.
    fn begin(&self, request: &CompletionRequest, attempts: &Arc<AtomicU32>) -> Result<Attempt, BackendError> {
        let most = self.0.budget.most(request);
        let mut entered = self.entered();
        let sum = entered.spent.and(&entered.reserved).and(&most);
        let late = self.time_left().filter(Duration::is_zero).map(|_| BudgetLimit::Time);
        let within = late.or_else(|| self.0.budget.exceeded(&sum));
        let usage = entered.report.0.entry(request.stage).or_default();
        if let Some(limit) = within {
            usage.withheld += 1;
            entered.reached = Some(limit);
            return Err(BackendError::Budget { limit });
        }
        usage.calls += 1;
        if attempts.fetch_add(1, Ordering::Relaxed) > 0 {
            usage.retries += 1;
        }
        entered.reserved = entered.reserved.and(&most);
        drop(entered);
        if let Some(listener) = self.listener(request) {
            listener.begin();
        }
        Ok(Attempt {
            ledger: Some(self.clone()),
            attempts: Arc::clone(attempts),
            heard: Arc::default(),
            stage: request.stage,
            reserved: most,
            span: None,
        })
    }

    pub(crate) fn enter_repair(&self, stage: Stage) {
        self.edit(stage, |usage| usage.repaired += 1);
    }

    pub(crate) fn enter_reask(&self, stage: Stage) {
        self.edit(stage, |usage| usage.reasks += 1);
    }

    /// Enters that a provider refused a form, and remembers it.
    pub(crate) fn enter_step_down(&self, stage: Stage, to: ReplyForm) {
        self.0.forms.lower(stage, to);
        self.edit(stage, |usage| usage.stepped_down += 1);
    }

    /// Enters that a provider reports no probabilities of tokens, and remembers it.
    pub(crate) fn enter_no_logprobs(&self, stage: Stage) {
        self.0.forms.forms().entry(stage).or_default().no_logprobs = true;
        self.edit(stage, |usage| usage.stepped_down += 1);
    }

    pub(crate) fn enter_reuse(&self, stage: Stage) {
        self.edit(stage, |usage| usage.reused += 1);
        self.0.steps.add(stage, 1, 0);
    }
}

impl Metered for Ledger {
    fn taken(&self) -> Taken {
        let total = self.report().total();
        Taken {
            counts: [
                ("rpm.calls", total.calls),
                ("rpm.failed_calls", total.failed_calls),
                ("rpm.retries", total.retries),
                ("rpm.reasks", total.reasks),
                ("rpm.reused", total.reused),
                ("rpm.withheld", total.withheld),
            ],
            limit: self.budget_reached().map(BudgetLimit::as_str),
            money: self.money(),
        }
    }
}

/// A request's place in the account of its operation. Clones of the request share it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    ledger: Ledger,
    /// Attempts to answer it, over every time it is sent.
    attempts: Arc<AtomicU32>,
    /// True when a piece of the attempt's reply was heard.
    heard: Arc<AtomicBool>,
}

impl Entry {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self { ledger, attempts: Arc::default(), heard: Arc::default() }
    }

    /// Enters that a piece of the reply came, so that the attempt is paid for whatever becomes of it.
    pub(super) fn enter_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    #[cfg(feature = "resilience")]
    pub(super) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self, request: &CompletionRequest) -> Result<Attempt, BackendError> {
        self.heard.store(false, Ordering::Relaxed);
        let mut attempt = self.ledger.begin(request, &self.attempts)?;
        attempt.heard = Arc::clone(&self.heard);
        Ok(attempt)
    }
}

/// One attempt to answer a request: entered when it begins, settled when it [ends](Self::end). One that is dropped before
/// counts as failed, and what it reserved of the budget stays used, since the provider may have charged for it.
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt {
    ledger: Option<Ledger>,
    /// Of the same request, this one included.
    attempts: Arc<AtomicU32>,
    /// True when a piece of the reply was heard.
    heard: Arc<AtomicBool>,
    stage: Stage,
    reserved: Spent,
    span: Option<CallSpan>,
}

impl Attempt {
    pub(super) fn unmetered() -> Self {
        Self {
            ledger: None,
            attempts: Arc::default(),
            heard: Arc::default(),
            stage: Stage::Answer,
            reserved: Spent::default(),
            span: None,
        }
    }

    /// Opens the span of the attempt, which ends with it.
    pub(super) fn sent(&mut self, request: &CompletionRequest) {
        if self.ledger.is_some() {
            self.span = Some(CallSpan::open(request));
        }
    }

    /// Enters what became of the attempt.
    pub fn end(mut self, result: &Result<Completion, BackendError>) {
        let is_heard = self.heard.load(Ordering::Relaxed);
        if let Some(span) = &mut self.span {
            span.close(result, is_heard);
        }
        match result {
            Ok(completion) => {
                if let Some(ledger) = &self.ledger {
                    ledger.0.steps.add(self.stage, 1, 0);
                }
                self.settle(completion.usage, false);
            }
            // It was not sent after all.
            Err(BackendError::Budget { limit }) => {
                if let Some(ledger) = &self.ledger {
                    ledger.enter_withheld(self.stage, *limit);
                }
                self.withdraw();
            }
            // A stream that broke was paid for as far as it went: what was reserved stays used.
            Err(_) if is_heard => self.settle(None, true),
            // Nothing was generated, so nothing was charged.
            Err(_) => self.settle(Some(Usage::default()), true),
        }
    }

    /// Takes the attempt out of the account and frees what it reserved: nothing was sent.
    pub fn withdraw(mut self) {
        let Some(ledger) = self.ledger.take() else { return };
        let mut entered = ledger.entered();
        entered.reserved = entered.reserved.less(&self.reserved);
        let usage = entered.report.0.entry(self.stage).or_default();
        usage.calls = usage.calls.saturating_sub(1);
        if self.attempts.fetch_sub(1, Ordering::Relaxed) > 1 {
            usage.retries = usage.retries.saturating_sub(1);
        }
    }

    fn settle(&mut self, used: Option<Usage>, failed: bool) {
        let Some(ledger) = self.ledger.take() else { return };
        let spent = used.map_or(self.reserved, |used| ledger.0.budget.spent(self.stage, &used));
        let mut entered = ledger.entered();
        entered.reserved = entered.reserved.less(&self.reserved);
        entered.spent = entered.spent.and(&Spent { calls: self.reserved.calls, ..spent });
        let usage = entered.report.0.entry(self.stage).or_default();
        match used {
            _ if failed => usage.failed_calls += 1,
            Some(used) => usage.add_tokens(&used),
            None => usage.unmetered += 1,
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.settle(None, true);
    }
}
