//! What a model makes of a user's past, beside what was estimated of it: what fusing learns from.

use std::fmt;

use crate::data::{ItemId, MemoryItem};
use crate::llm::{UsageReport, trace};
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
    /// # Errors
    /// [`Error`] when the answerer fuses no views, or when a stage before it fails. A view that failed is in [`PastViews::without`].
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept but the replies in a response log.
    pub async fn past_views(&self, prepared: &Prepared, most: usize) -> Result<PastViews, Error> {
        trace::operation("past views", self.viewing(prepared, most)).await
    }

    async fn viewing(&self, prepared: &Prepared, most: usize) -> Result<PastViews, Error> {
        self.check_task(prepared.model())?;
        let ledger = self.ledger();
        let ctx = self.context(&ledger);
        let beliefs = prepared.beliefs();
        let items = prepared.memory().items();
        let first = items.len().saturating_sub(most);
        let mut without = Vec::new();
        let mut asked: Vec<Asked<'_>> = Vec::new();
        for (position, item) in items.iter().enumerate().skip(first) {
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
        let mut seen = Vec::new();
        for (asked, view) in asked.iter().zip(views) {
            let shares =
                asked.estimate.responses().iter().map(|response| response.probability.clamp(0.0, 1.0)).collect();
            let past = view.map_err(|error| error.to_string());
            match past.and_then(|view| PastView::new(view, shares, asked.given).map_err(|error| error.to_string())) {
                Ok(past) => seen.push(past),
                Err(why) => without.push((asked.item.id().clone(), why)),
            }
        }
        Ok(PastViews { views: seen, without, usage: ledger.report() })
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
