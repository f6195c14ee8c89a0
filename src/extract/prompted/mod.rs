//! Has a model name the features of queries.

mod finds;
mod request;
mod shown;
mod texts;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::llm::{AskError, Plan, Rest};

use super::{ExtractError, Extraction, ExtractionRequest, FeatureExtractor};

use self::texts::Texts;

/// Asks a model for the features of queries, several at a time, and keeps those whose quote it finds in the query.
///
/// An item that is missing from a reply, or unreadable in it, is asked for again by itself; the others keep what they got.
/// Of one whose reply was cut, and cut again, the features that were whole are kept. A text of which a reply about several
/// names nothing is asked about by itself too, since another text may have led the model to pass it over. Of one whose listed
/// features are all unusable to the end, such as echoes of the request's examples, the first key phrases of its own words are
/// taken ([`ReplyReading::Words`](super::ReplyReading::Words)): without a feature an interaction could serve no answer.
///
/// Under a [catalog](ExtractionRequest::catalog) the request shows those of its factors that stand in the text or share a word with it,
/// at most twenty, in place of what is known of the user: what a text is asked is the same for every user. A feature that
/// the model says is of one of them is called like it and so is of it, where its quote is in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedExtractor {
    items_per_request: usize,
    max_features: usize,
    max_reasks: u32,
    from_words: usize,
}

impl Default for PromptedExtractor {
    fn default() -> Self {
        Self { items_per_request: 1, max_features: 6, max_reasks: 1, from_words: 2 }
    }
}

impl PromptedExtractor {
    /// Queries in one request, from 1 (the default) to 32. More cost fewer tokens; small models then mix the texts up or
    /// name the same few features for all (`docs/decisions` has the measurement).
    #[must_use]
    pub fn items_per_request(mut self, items: usize) -> Self {
        self.items_per_request = items.clamp(1, 32);
        self
    }

    /// The most features asked for and kept per query, from 1 to 32. Default: 6.
    #[must_use]
    pub fn max_features(mut self, features: usize) -> Self {
        self.max_features = features.clamp(1, 32);
        self
    }

    /// Sets the most times that an item without a usable reply is asked for again, by itself. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// Sets the number of features read off a query's own words where the model listed some and none could be used,
    /// from 0 for none to 32. Default: 2.
    #[must_use]
    pub fn from_words(mut self, features: usize) -> Self {
        self.from_words = features.min(32);
        self
    }
}

#[async_trait]
impl FeatureExtractor for PromptedExtractor {
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let mut results = self.extract_batch(&[seen], ctx).await;
        results.pop().unwrap_or(Err(ExtractError::Ask(AskError::NoResult)))
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let plan =
            Plan { parts: seen.len(), per_request: self.items_per_request, rest: Rest::Alone, reasks: self.max_reasks };
        let outcomes = ctx.ask_parts(plan, &mut Texts::new(self, seen, ctx)).await;
        outcomes.into_iter().map(|outcome| outcome.map_err(ExtractError::from)).collect()
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "prompted"
    }
}
