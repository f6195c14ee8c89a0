//! The loop that asks about parts until each has its value, for every stage.

use crate::llm::{Completion, CompletionRequest, ReplySchema};

use super::shape::shape;
use super::{AskError, Asking};

/// Asks one stage's question about its parts, of each of which it wants a `T`: puts a request and reads its reply.
pub(crate) trait Inquiry<T> {
    /// Puts the request about the parts of `ask`. Without one, its parts end without a result.
    fn request(&self, ask: &Ask<'_, T>) -> Option<CompletionRequest>;

    /// Reads the reply to that request: one verdict for each of its parts, in their order. A part without one stays open.
    fn read(&mut self, ask: &Ask<'_, T>, completion: &Completion) -> Vec<Verdict<T>>;
}

/// The meaning of a reply for one part.
pub(crate) enum Verdict<T> {
    /// The part has its value.
    Done(T),
    /// The part is still open.
    Again {
        /// The problem, in words for the model and without text of the user; `None` leaves the last one.
        problem: Option<String>,
        /// The value to end with if no later reply has a better one; `None` leaves the last one.
        partial: Option<T>,
    },
}

/// The parts of an inquiry, and the way they are put into requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The number of parts.
    pub(crate) parts: usize,
    /// Parts in one request at first, at least 1.
    pub(crate) per_request: usize,
    /// The way open parts are asked about again.
    pub(crate) rest: Rest,
    /// The most times that open parts are asked about again.
    pub(crate) reasks: u32,
}

/// The way open parts are asked about again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Each in a request of its own.
    Alone,
    /// Those of one request in one request.
    Together,
}

/// One request of an inquiry: the parts it is about, and what is known of them from earlier replies.
pub(crate) struct Ask<'a, T> {
    parts: &'a [usize],
    progress: &'a Progress<T>,
}

impl<T> Ask<'_, T> {
    /// The parts, in their order; never empty.
    pub(crate) fn parts(&self) -> &[usize] {
        self.parts
    }

    /// The first of the parts.
    pub(crate) fn part(&self) -> usize {
        self.parts.first().copied().unwrap_or_default()
    }

    /// True when these parts were not asked about before.
    pub(crate) fn is_first(&self) -> bool {
        self.progress.attempt == 0
    }

    /// True when these parts will not be asked about again.
    pub(crate) fn is_last(&self) -> bool {
        self.progress.attempt >= self.progress.reasks
    }

    /// Returns the problem of the last reply about the first of the parts.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.progress.states.get(self.part())?.problem.as_deref()
    }

    /// Returns the incomplete value that earlier replies gave of a part.
    pub(crate) fn partial(&self, part: usize) -> Option<&T> {
        self.progress.states.get(part)?.partial.as_ref()
    }
}

/// The state of all parts.
struct Progress<T> {
    states: Vec<State<T>>,
    /// Rounds before this one.
    attempt: u32,
    reasks: u32,
}

/// The state of a part.
struct State<T> {
    outcome: Option<Result<T, AskError>>,
    problem: Option<String>,
    partial: Option<T>,
    /// The form of the reply that was asked for last.
    expected: Option<String>,
}

impl Asking<'_> {
    /// Asks about every part until it has its value, as the plan says. One outcome for each part, in their order.
    pub(crate) async fn ask_parts<T>(&self, plan: Plan, inquiry: &mut impl Inquiry<T>) -> Vec<Result<T, AskError>> {
        let mut progress = Progress::new(plan);
        let mut pending = plan.requests();
        for attempt in 0..=plan.reasks {
            progress.attempt = attempt;
            let (asked, requests) = progress.put(pending, inquiry);
            if requests.is_empty() {
                break;
            }
            if attempt > 0 {
                for request in &requests {
                    self.ledger.enter_reask(request.stage);
                }
            }
            let completions = self.complete_all(&requests).await;
            let mut open = Vec::new();
            for ((parts, request), completion) in asked.into_iter().zip(&requests).zip(completions) {
                match completion {
                    Ok(completion) => {
                        let verdicts = inquiry.read(&progress.ask(&parts), &completion);
                        open.push(progress.enter(&parts, verdicts, request.schema.as_ref()));
                    }
                    Err(error) => progress.fail(&parts, error),
                }
            }
            pending = plan.rest.requests(open);
        }
        progress.end()
    }
}

impl Plan {
    /// The parts of each first request.
    fn requests(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.parts).collect();
        all.chunks(self.per_request.max(1)).map(<[usize]>::to_vec).collect()
    }
}

impl Rest {
    /// The open parts of each request, as they are asked about next.
    fn requests(self, open: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        match self {
            Self::Alone => open.into_iter().flatten().map(|part| vec![part]).collect(),
            Self::Together => open.into_iter().filter(|parts| !parts.is_empty()).collect(),
        }
    }
}

impl<T> Progress<T> {
    fn new(plan: Plan) -> Self {
        let open = |_| State { outcome: None, problem: None, partial: None, expected: None };
        Self { states: (0..plan.parts).map(open).collect(), attempt: 0, reasks: plan.reasks }
    }

    fn ask<'a>(&'a self, parts: &'a [usize]) -> Ask<'a, T> {
        Ask { parts, progress: self }
    }

    /// The requests of a round, each beside its parts.
    fn put(
        &mut self,
        pending: Vec<Vec<usize>>,
        inquiry: &impl Inquiry<T>,
    ) -> (Vec<Vec<usize>>, Vec<CompletionRequest>) {
        let (mut asked, mut requests) = (Vec::new(), Vec::new());
        for parts in pending {
            match inquiry.request(&self.ask(&parts)) {
                Some(request) => {
                    asked.push(parts);
                    requests.push(request);
                }
                None => self.fail(&parts, AskError::NoResult),
            }
        }
        (asked, requests)
    }

    /// Enters what a reply means for each of its parts, and gives those that are still open.
    fn enter(&mut self, parts: &[usize], verdicts: Vec<Verdict<T>>, schema: Option<&ReplySchema>) -> Vec<usize> {
        let mut open = Vec::new();
        let mut verdicts = verdicts.into_iter();
        for part in parts {
            let Some(state) = self.states.get_mut(*part) else { continue };
            match verdicts.next() {
                Some(Verdict::Done(value)) => {
                    state.outcome = Some(Ok(value));
                    continue;
                }
                Some(Verdict::Again { problem, partial }) => {
                    state.problem = problem.or_else(|| state.problem.take());
                    state.partial = partial.or_else(|| state.partial.take());
                }
                None => {}
            }
            state.expected = schema.map(|schema| shape(&schema.schema));
            open.push(*part);
        }
        open
    }

    /// Enters that a request failed. Parts of which something was read end with that; of the others the first carries the
    /// cause.
    fn fail(&mut self, parts: &[usize], error: AskError) {
        let other = error.of_another();
        let mut cause = Some(error);
        for part in parts {
            let Some(state) = self.states.get_mut(*part) else { continue };
            let error = cause.take().unwrap_or_else(|| other.of_another());
            state.outcome = Some(state.partial.take().ok_or(error));
        }
    }

    /// The outcomes; of a part that is still open what was read of it, or else why nothing was.
    fn end(self) -> Vec<Result<T, AskError>> {
        let attempts = self.reasks.saturating_add(1);
        let outcome = |state: State<T>| {
            let problem = state.problem.unwrap_or_else(|| "no reply".to_owned());
            let expected = state.expected;
            let open = || state.partial.ok_or(AskError::Unusable { attempts, problem, expected });
            state.outcome.unwrap_or_else(open)
        };
        self.states.into_iter().map(outcome).collect()
    }
}
