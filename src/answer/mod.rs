//! Answers a new query the way the user would.
//!
//! ```text
//! AnswerRequest { query, features with factors, exemplars, estimate, tier } → Answerer → Draft { response, path }
//! ```
//!
//! [`Answerer`] is the seam. [`PromptedAnswerer`] shows the model the factors and exemplars; [`OneCallAnswerer`] has it
//! find the features as well; [`FusedAnswerer`] asks it how likely each response is and decides with the estimate;
//! [`StatisticalAnswerer`] takes the estimate's decision, or composes a title from the
//! query's own words for free text.
//!
//! Guides: [the method](crate::guide::method), [between the pipeline and a model](crate::guide::llm).

mod against;
mod fused;
mod fusing;
mod one_call;
mod prompted;
mod reading;
mod shown;
mod statistical;
mod told;

use std::fmt;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{AssignedFeature, Exemplar, FactorSet, Language, Query, ReasoningMemory, ReasoningPath, Task};
use crate::extract::Dropped;
use crate::factor::FactorNames;
use crate::llm::AskError;
use crate::stats::{
    Beliefs, Estimate, Estimator, FusedEstimate, ModelView, ProposedResponse, Support, Titles, Unfused,
};

pub use fused::FusedAnswerer;
pub use one_call::OneCallAnswerer;
pub use prompted::PromptedAnswerer;
pub use reading::{Allowed, allowed as allowed_responses, read_response, response_schema, response_tokens};
pub use statistical::StatisticalAnswerer;

/// Gives the response the user would give, with the path that leads to it.
///
/// # What to implement
/// [`answer`](Self::answer).
///
/// # Contract
/// - The response is inside the task's response space for this query, or the call fails; there is no silent default.
/// - The path has passed [`ReasoningPath::new`] over the query's features, or over those the draft brings, and leads to
///   the response.
/// - Below [`Tier::Full`](crate::Tier::Full) no prompt shows what the tier leaves out. The offline answer follows the
///   estimate, which is the user's own counts, in every tier.
#[async_trait]
pub trait Answerer: Send + Sync {
    /// Answers one query.
    ///
    /// # Errors
    /// [`AnswerError`].
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError>;

    /// How likely its model finds each response to several queries, each with the id of its interaction, in their order, for [`Fusion`](crate::stats::Fusion) to learn how
    /// far the model is trusted. `None` for an answerer that fuses no views, which is the default.
    async fn views(
        &self,
        task: &Task,
        queries: &[(&str, &Query)],
        ctx: &StageContext<'_>,
    ) -> Option<Vec<Result<ModelView, AnswerError>>> {
        let _ = (task, queries, ctx);
        None
    }

    /// True when it shows reasoning paths to a model, so that missing ones are written first.
    fn wants_paths(&self) -> bool {
        false
    }

    /// True when it asks a model, so that a pipeline without a backend is refused when it is built.
    fn needs_backend(&self) -> bool {
        false
    }

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// Everything an answer may rest on.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct AnswerRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// The new query.
    pub query: &'a Query,
    /// Its features with their factors.
    pub features: &'a [AssignedFeature],
    /// The user's statistics.
    pub beliefs: &'a Beliefs<'a>,
    /// Past interactions to show, most similar first; empty below [`Tier::Pairs`](crate::Tier::Pairs).
    pub exemplars: &'a [Exemplar],
    /// All past interactions.
    pub memory: &'a ReasoningMemory,
    /// P(response | features, user) from the statistics alone; `None` for free text.
    pub estimate: Option<&'a Estimate>,
    /// The evidence and the tier it allows.
    pub support: &'a Support,
    /// The estimator of the memory, for an answerer that asks what would be estimated of another text; `None` for free
    /// text.
    pub estimator: Option<&'a Estimator>,
    /// The titling habits of the memory, for free text.
    pub titles: Option<&'a Titles>,
    /// The names of the factors, for an answerer that finds features itself.
    pub names: Option<&'a FactorNames>,
    /// The factors that the user set aside. Nothing else in the request speaks of them; an answerer that finds features
    /// itself keeps none of theirs.
    pub set_aside: Option<&'a FactorSet>,
    /// The language by whose stems their names are compared.
    pub language: Language,
    /// The model's view of the query's text alone, where it is known already: an answerer that fuses such a view does not ask again.
    pub view: Option<&'a ModelView>,
}

impl<'a> AnswerRequest<'a> {
    /// A request without exemplars and without an estimate. What is not given here is set by the methods below or stays
    /// away; an answerer must do without it.
    pub fn new(
        query: &'a Query,
        features: &'a [AssignedFeature],
        beliefs: &'a Beliefs<'a>,
        memory: &'a ReasoningMemory,
        support: &'a Support,
    ) -> Self {
        Self {
            task: beliefs.task(),
            query,
            features,
            beliefs,
            exemplars: &[],
            memory,
            estimate: None,
            support,
            estimator: None,
            titles: None,
            names: None,
            set_aside: None,
            language: Language::default(),
            view: None,
        }
    }

    /// Sets the past interactions to show, most similar first.
    #[must_use]
    pub fn exemplars(mut self, exemplars: &'a [Exemplar]) -> Self {
        self.exemplars = exemplars;
        self
    }

    /// Sets the estimate for the query and the estimator that it came from.
    #[must_use]
    pub fn estimated(mut self, estimate: &'a Estimate, estimator: &'a Estimator) -> Self {
        (self.estimate, self.estimator) = (Some(estimate), Some(estimator));
        self
    }

    /// Sets the titling habits of the memory.
    #[must_use]
    pub fn titles(mut self, titles: &'a Titles) -> Self {
        self.titles = Some(titles);
        self
    }

    /// Sets the names of the factors.
    #[must_use]
    pub fn names(mut self, names: &'a FactorNames) -> Self {
        self.names = Some(names);
        self
    }

    /// Sets the model's view of the query, which is known already.
    #[must_use]
    pub fn viewed(mut self, view: &'a ModelView) -> Self {
        self.view = Some(view);
        self
    }

    /// Sets the factors that the user set aside, whose names are compared by the stems of a language.
    #[must_use]
    pub fn setting_aside(mut self, factors: &'a FactorSet, language: Language) -> Self {
        (self.set_aside, self.language) = (Some(factors), language);
        self
    }
}

impl fmt::Debug for AnswerRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerRequest")
            .field("features", &self.features.len())
            .field("exemplars", &self.exemplars.len())
            .field("support", &self.support)
            .finish_non_exhaustive()
    }
}

/// A response with its path.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Draft {
    /// The response, in the task's spelling.
    pub response: String,
    /// The checked path to it.
    pub path: ReasoningPath,
    /// The features that the path is over, where the answerer found its own; `None` for those of the request.
    pub features: Option<Vec<AssignedFeature>>,
    /// The features that it found and did not keep.
    pub dropped: Dropped,
    /// The response word for word as a model stated it; `None` where no model did.
    pub stated: Option<String>,
    /// What was proposed for free text, where the answerer chose among several: the best first, which is the response.
    pub proposals: Vec<ProposedResponse>,
    /// The estimate with what a model's view adds to it, where the answerer fuses them: the response is its decision.
    pub fused: Option<FusedEstimate>,
    /// Why the model had no part in it, where the answerer would have asked it.
    pub unfused: Option<Unfused>,
}

impl Draft {
    /// A draft of an answerer's own.
    pub fn new(response: impl Into<String>, path: ReasoningPath) -> Self {
        Self {
            response: response.into(),
            path,
            features: None,
            dropped: Dropped::default(),
            stated: None,
            proposals: Vec::new(),
            fused: None,
            unfused: None,
        }
    }

    /// Says why the model had no part in it.
    #[must_use]
    pub fn unfused(mut self, why: Unfused) -> Self {
        self.unfused = Some(why);
        self
    }

    /// Sets what was proposed, the best first.
    #[must_use]
    pub fn proposed(mut self, proposals: Vec<ProposedResponse>) -> Self {
        self.proposals = proposals;
        self
    }

    /// Sets the estimate with what a model's view adds to it.
    #[must_use]
    pub fn fused(mut self, fused: FusedEstimate) -> Self {
        self.fused = Some(fused);
        self
    }

    /// Sets the response as a model stated it, word for word.
    #[must_use]
    pub fn stated(mut self, stated: Option<String>) -> Self {
        self.stated = stated;
        self
    }

    /// Sets the features of the path to those that the answerer found itself in the query; their factors are the
    /// user's. The path cites them by position.
    #[must_use]
    pub fn over(mut self, features: Vec<AssignedFeature>, dropped: Dropped) -> Self {
        self.features = Some(features);
        self.dropped = dropped;
        self
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The model could not be asked, or gave no response inside the task's response space.
    #[error("the model gave no answer")]
    Ask(#[from] AskError),
    /// There is nothing to answer from.
    #[error("there is nothing to answer from: {missing}")]
    NoBasis {
        /// The thing that is missing.
        missing: &'static str,
    },
    /// A host's own answerer failed.
    #[error("the answerer failed")]
    Other(#[source] crate::llm::BoxError),
}

impl AnswerError {
    /// The limit of the budget for which the model was not asked.
    pub fn budget_reached(&self) -> Option<crate::llm::BudgetLimit> {
        match self {
            Self::Ask(ask) => ask.budget_reached(),
            _ => None,
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("path", &self.path)
            .field("features", &self.features.as_ref().map(Vec::len))
            .field("dropped", &self.dropped)
            .field("stated", &self.stated.is_some())
            .field("proposals", &self.proposals.len())
            .field("fused", &self.fused)
            .field("unfused", &self.unfused)
            .finish_non_exhaustive()
    }
}
