//! What a model makes of a user's past, beside what was estimated of it: what fusing learns from.

use std::fmt;

use crate::answer::AnswerError;
use crate::data::{ItemId, MemoryItem, ResponseSpace};
use crate::llm::{AskError, Ledger, UsageReport};
use crate::operation::Operation;
use crate::stats::{Estimate, PastView};

use super::{Error, Prepared, RpmPipeline};

/// The views that a model had of some of a user's past queries, from [`RpmPipeline::past_views`].
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PastViews {
    /// A view of each query that was asked about, in the order of the memory, for [`Fusion::fit`](crate::stats::Fusion::fit).
    pub views: Vec<PastView>,
    /// Queries without a view, each with the reason: no reply that could be used, or a response that is not open to it any more.
    pub without: Vec<(ItemId, String)>,
    /// Calls and tokens.
    pub usage: UsageReport,
}

impl RpmPipeline {
    /// Asks the model how likely it finds each response to the user's latest queries, at most so many of them, as it would be asked for an
    /// answer, and puts beside each view what is estimated without the item. [`Fusion::fit`](crate::stats::Fusion::fit) learns from
    /// those of some users how far the model is trusted for the task.
    ///
    /// With a [`ResponseLog`](crate::llm::ResponseLog) each view is paid for once, and serves the answers to the same text.
    ///
    /// Beside a population, take users who are not in it: of a text that they answered, it knows their response, so that the estimate looks
    /// better than it is and the model is trusted too little.
    ///
    /// # Errors
    /// [`Error::Contract`] when the answerer fuses no views, or the task is of free text; the error of the first view when all failed. One
    /// that failed alone is in [`PastViews::without`].
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept but the replies in a response log.
    pub async fn past_views(&self, prepared: &Prepared, most: usize) -> Result<PastViews, Error> {
        let ledger = self.ledger_on(prepared);
        Operation::named("past_views").on(&ledger).run(self.viewing(prepared, most, &ledger)).await
    }

    async fn viewing(&self, prepared: &Prepared, most: usize, ledger: &Ledger) -> Result<PastViews, Error> {
        self.check_task(prepared.model())?;
        if matches!(self.task.space(), ResponseSpace::Text { .. }) {
            return Err(NO_VIEWS);
        }
        let ctx = self.context(ledger);
        let beliefs = prepared.beliefs();
        let items = prepared.memory().items();
        let first = items.len().saturating_sub(most);
        let mut without = Vec::new();
        let mut asked: Vec<Asked<'_>> = Vec::new();
        for (position, item) in items.iter().enumerate().skip(first) {
            if prepared.is_hidden(item) {
                without.push((item.id().clone(), "it may not be shown".to_owned()));
                continue;
            }
            let left_out = prepared.estimator().and_then(|it| it.left_out_boosted(&beliefs, position, item));
            let given =
                left_out.as_ref().and_then(|it| it.responses().iter().position(|r| r.response == item.response()));
            let Some((estimate, given)) = left_out.zip(given) else {
                without.push((item.id().clone(), "its response is not open to its query".to_owned()));
                continue;
            };
            asked.push(Asked { item, estimate, given });
        }
        let queries: Vec<_> = asked.iter().map(|asked| (asked.item.id().as_str(), asked.item.query())).collect();
        let views = self.answerer.views(&self.task, &queries, &ctx).await;
        let views =
            views.ok_or(Error::Contract { part: "answerer", problem: "no views of a model to put together" })?;
        let (mut seen, mut first_failure) = (Vec::new(), None);
        for (asked, view) in asked.iter().zip(views) {
            let shares =
                asked.estimate.responses().iter().map(|response| response.probability.clamp(0.0, 1.0)).collect();
            let why = match view.map(|view| PastView::new(view, shares, asked.given)) {
                Ok(Ok(past)) => {
                    seen.push(past);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(error) => {
                    let why = cause(&error);
                    first_failure.get_or_insert(error);
                    why
                }
            };
            without.push((asked.item.id().clone(), why));
        }
        if let Some(error) = first_failure.filter(|_| seen.is_empty()) {
            return Err(Error::of_answer(error));
        }
        Ok(PastViews { views: seen, without, usage: ledger.report() })
    }
}

const NO_VIEWS: Error = Error::Contract { part: "answerer", problem: "no views of a model to put together" };

/// What went wrong, in words of this crate's.
fn cause(error: &AnswerError) -> String {
    match error {
        AnswerError::Ask(AskError::Backend(cause)) => cause.to_string(),
        AnswerError::Ask(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// A past query to be viewed.
struct Asked<'a> {
    item: &'a MemoryItem,
    estimate: Estimate,
    given: usize,
}

impl fmt::Debug for PastViews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PastViews")
            .field("views", &self.views.len())
            .field("without", &self.without.len())
            .field("usage", &self.usage)
            .finish()
    }
}
