//! Finds the features of queries (paper: *G*_q).
//!
//! ```text
//! ExtractionRequest → FeatureExtractor → Extraction { features (grounded), dropped (with reasons) }
//! ```
//!
//! [`FeatureExtractor`] is the seam. [`PromptedExtractor`] asks a model and keeps only what it can find in the text; [`LexicalExtractor`] reads the words
//! itself: key phrases, and phrases that praise or blame, negation included.
//!
//! Guides: [the method](crate::guide::method), [between the pipeline and a model](crate::guide::llm).

mod catalogued;
mod ground;
mod lexical;
mod lexicon;
mod names;
mod prompted;

use std::fmt;

use async_trait::async_trait;

use crate::catalog::Catalog;
use crate::context::StageContext;
use crate::data::{AssignedFeature, FactorSet, MemoryItem, Query, Task};
use crate::llm::AskError;

pub(crate) use catalogued::Catalogued;
pub use ground::ground;
pub use lexical::LexicalExtractor;
pub use prompted::PromptedExtractor;

/// Finds what in a query may sway a response.
///
/// # What to implement
/// [`extract`](Self::extract); override [`extract_batch`](Self::extract_batch) when several queries are cheaper together.
///
/// # Contract
/// - Features are [grounded](crate::Feature): each has a span of the query it was seen in.
/// - The same observation gives the same features, in the same order.
/// - The batch has one result per observation, in their order; one that fails does not cost the others.
/// - The response is not shown: features of past and new queries must come about alike.
#[async_trait]
pub trait FeatureExtractor: Send + Sync {
    /// Finds the features of one query.
    ///
    /// # Errors
    /// [`ExtractError`]; a query without features is an empty [`Extraction`], not an error.
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError>;

    /// Finds the features of several queries, one result each, in their order. The default takes one after another.
    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let mut results = Vec::with_capacity(seen.len());
        for observation in seen {
            results.push(self.extract(*observation, ctx).await);
        }
        results
    }

    /// True when it asks a model, so that a pipeline without a backend is refused when it is built.
    fn needs_backend(&self) -> bool {
        false
    }

    /// A name for logs and [provenance](crate::model::Provenance).
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// The part of one query that an extractor may see.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ExtractionRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// Names the query in errors: the interaction's id, or `query`.
    pub item: &'a str,
    /// The query.
    pub query: &'a Query,
    /// The user's factors, for a new query; `None` while learning.
    pub known: Option<&'a FactorSet>,
    /// The user's past interactions, from which `known` was learned; empty while learning. A request that shows factors
    /// names them in [`CompletionRequest::about`](crate::CompletionRequest::about).
    pub past: &'a [MemoryItem],
    /// The catalog of the pipeline, whose factors features may be of.
    pub catalog: Option<&'a Catalog>,
}

impl<'a> ExtractionRequest<'a> {
    /// A past query, while learning.
    pub fn new(task: &'a Task, item: &'a str, query: &'a Query) -> Self {
        Self { task, item, query, known: None, past: &[], catalog: None }
    }

    /// A new query of a user whose factors are known.
    #[must_use]
    pub fn knowing(mut self, factors: &'a FactorSet) -> Self {
        self.known = Some(factors);
        self
    }

    /// Says which past interactions the known factors were learned from.
    #[must_use]
    pub fn past(mut self, items: &'a [MemoryItem]) -> Self {
        self.past = items;
        self
    }

    /// Says which catalog's factors the features may be of. What a model is asked then says nothing of one user, so that it is
    /// the same for all of them.
    #[must_use]
    pub fn catalog(mut self, catalog: &'a Catalog) -> Self {
        self.catalog = Some(catalog);
        self
    }
}

impl fmt::Debug for ExtractionRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractionRequest").field("item", &self.item).finish_non_exhaustive()
    }
}

/// The features found in one query, and what was found and not kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extraction {
    /// The features in the order they were found, each key once. A factor is given where the extractor knows it already.
    pub features: Vec<AssignedFeature>,
    /// Features that were not kept, by reason.
    pub dropped: Dropped,
    /// The trouble it took to get them.
    pub reading: ReplyReading,
}

/// The trouble it took to read the features of a query from a model's replies, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplyReading {
    /// The first reply, as it came, or no model at all.
    #[default]
    AtOnce,
    /// The first reply, of which prose, fences or broken JSON had to be taken away.
    Repaired,
    /// Another reply, since the first one lacked the query or could not be used for it.
    AskedAgain,
    /// The whole features of a reply that was cut off, when asking again brought no more.
    InPart,
    /// The query's own words, since the model named nothing that could be used.
    Words,
}

impl ReplyReading {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::AtOnce, Self::Repaired, Self::AskedAgain, Self::InPart, Self::Words];

    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::Repaired => "repaired",
            Self::AskedAgain => "after asking again",
            Self::InPart => "in part",
            Self::Words => "from the words",
        }
    }
}

/// Counts of the features that were not kept, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Dropped {
    /// The quoted words are not in the query.
    pub ungrounded: usize,
    /// The name is blank, too long, an echo of the request's own words or one that the user set aside; or, of a reason, it says nothing.
    pub unusable_name: usize,
    /// Found before in the same query.
    pub repeated: usize,
    /// Over the limit of features per query.
    pub over_limit: usize,
    /// Its factor speaks against the response that it was to be a reason for, by the user's own statistics.
    #[serde(default)]
    pub against: usize,
}

impl Dropped {
    /// The sum over all reasons.
    pub fn total(&self) -> usize {
        self.ungrounded + self.unusable_name + self.repeated + self.over_limit + self.against
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.ungrounded += other.ungrounded;
        self.unusable_name += other.unusable_name;
        self.repeated += other.repeated;
        self.over_limit += other.over_limit;
        self.against += other.against;
    }
}

/// The reason why the features of a query are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The model gave no usable answer.
    #[error("the model gave no usable features")]
    Ask(#[from] AskError),
    /// A host's own extractor failed.
    #[error("the extractor failed")]
    Other(#[source] crate::llm::BoxError),
}

impl ExtractError {
    /// The limit of the budget for which the model was not asked.
    pub fn budget_reached(&self) -> Option<crate::llm::BudgetLimit> {
        match self {
            Self::Ask(ask) => ask.budget_reached(),
            Self::Other(_) => None,
        }
    }
}
