//! Asking where each part has a request of its own, which is continued as a conversation.

use crate::llm::{Completion, CompletionRequest};

use super::note::{continue_with, unless_cut};
use super::{Ask, AskError, Asking, Inquiry, Plan, Rest, Verdict};

/// Requests, each continued by the reply it got and what was wrong with that.
struct Conversations<F> {
    requests: Vec<CompletionRequest>,
    read: F,
}

impl Asking<'_> {
    /// Asks each request until `read` accepts its reply, at most `reasks` times more. Asked again, a request goes on with its
    /// last reply and what was wrong with that; that it was cut comes before what it lacks.
    pub(crate) async fn converse<T>(
        &self,
        requests: Vec<CompletionRequest>,
        reasks: u32,
        read: impl FnMut(&Ask<'_, T>, &Completion) -> Verdict<T>,
    ) -> Vec<Result<T, AskError>> {
        let plan = Plan { parts: requests.len(), per_request: 1, rest: Rest::Alone, reasks };
        self.ask_parts(plan, &mut Conversations { requests, read }).await
    }
}

impl<T, F: FnMut(&Ask<'_, T>, &Completion) -> Verdict<T>> Inquiry<T> for Conversations<F> {
    fn request(&self, ask: &Ask<'_, T>) -> Option<CompletionRequest> {
        self.requests.get(ask.part()).cloned()
    }

    fn read(&mut self, ask: &Ask<'_, T>, completion: &Completion) -> Vec<Verdict<T>> {
        let verdict = match (self.read)(ask, completion) {
            Verdict::Again { problem: Some(problem), partial } => {
                let problem = unless_cut(problem, completion);
                if let Some(request) = self.requests.get_mut(ask.part()).filter(|_| !ask.is_last()) {
                    continue_with(request, &completion.text, &problem);
                }
                Verdict::Again { problem: Some(problem), partial }
            }
            verdict => verdict,
        };
        vec![verdict]
    }
}

impl<T> From<Result<T, String>> for Verdict<T> {
    fn from(read: Result<T, String>) -> Self {
        match read {
            Ok(value) => Self::Done(value),
            Err(problem) => Self::Again { problem: Some(problem), partial: None },
        }
    }
}
