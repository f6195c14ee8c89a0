//! Puts the stages in order: [`RpmPipeline`], and [`StoredPipeline`] by user id. What a stage does is its own module's.
//!
//! ```text
//! learn:       extract → judge (open-ended) → fit → count → calibrate → write paths → UserModel + LearnReport
//! open:        index of the retriever → Prepared
//! personalize: extract → assign → retrieve → estimate → gate → write missing paths → answer → Answer
//! observe:     extract → judge (open-ended) → place and count → calibrate, now and then → write paths → ObserveReport
//! forget:      purge logs → take out → count → calibrate → search what remains → Receipt
//! explain:     take one factor or exemplar away → estimate → answer again → WhatIf
//! ```
//!
//! Guides: [the method](crate::guide::method), [a user model that lives](crate::guide::living).

mod answer;
mod builder;
mod catalog;
mod cost;
mod dry;
mod erasing;
mod error;
mod explain;
mod forget;
mod heard;
mod learn;
mod observe;
mod open;
mod personalize;
mod prepared;
mod preset;
mod profile;
mod report;
mod stored;
mod streamed;
mod views;

use std::sync::Arc;

use crate::answer::Answerer;
use crate::catalog::Catalog;
use crate::context::StageContext;
use crate::data::{Decay, Task};
use crate::extract::FeatureExtractor;
use crate::factor::FactorModel;
#[cfg(feature = "response-log")]
use crate::llm::ResponseLog;
use crate::llm::{Budget, Forms, Ledger, LlmBackend, OnProgress, Roles};
use crate::prompt::PromptSet;
use crate::reason::PathWriter;
use crate::retrieve::Retriever;
use crate::stats::SupportThresholds;
use crate::stats::population::Population;

pub use answer::Answer;
pub use builder::{ConfigError, RpmPipelineBuilder};
pub use dry::DryBackend;
#[cfg(feature = "testing")]
pub(crate) use dry::made_up;
pub use error::Error;
pub use prepared::Prepared;
pub use preset::Preset;
pub use report::{ItemOutcome, ItemReport, LearnReport, Learned, ObserveOutcome, ObserveReport, ObservedItem};
pub use stored::{Changed, StoredAnswer, StoredError, StoredPipeline};
pub use streamed::Unchecked;
pub use views::PastViews;

/// When reasoning paths are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum PathPolicy {
    /// All while learning, as in the paper.
    #[default]
    Eager,
    /// When an interaction first serves as an exemplar. [`Answer::written_paths`] hands them over; keep them with
    /// [`UserModel::adopt_paths`](crate::UserModel::adopt_paths) so that they are not written again.
    OnFirstUse,
}

pub(crate) type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Learns user models and answers with them: six exchangeable parts in a fixed order.
///
/// It has no type parameters and is cheap to clone; a host keeps one per task.
///
/// ```
/// use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let history = History::new(&task, "ana", [
///     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
///     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
///     Interaction::new("c", Query::new("A slow film about a quiet town.")?, "5")?,
/// ])?;
/// let pipeline = RpmPipeline::offline(task);
/// let learned = pipeline.learn(&history).await?;
/// let ana = pipeline.open(learned.model).await?;
/// let answer = pipeline.personalize(&ana, &Query::new("A slow, quiet thriller.")?).await?;
/// assert_eq!(answer.response, "5");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct RpmPipeline {
    task: Task,
    backend: Option<Arc<dyn LlmBackend>>,
    extractor: Arc<dyn FeatureExtractor>,
    catalog: Option<Arc<Catalog>>,
    population: Option<Arc<Population>>,
    factor_model: Arc<dyn FactorModel>,
    path_writer: Arc<dyn PathWriter>,
    retriever: Arc<dyn Retriever>,
    answerer: Arc<dyn Answerer>,
    prompts: Arc<PromptSet>,
    exemplars: usize,
    paths: PathPolicy,
    thresholds: SupportThresholds,
    decay: Option<Decay>,
    #[cfg(feature = "response-log")]
    logs: Vec<ResponseLog>,
    redact: Option<Redact>,
    roles: Roles,
    budget: Budget,
    forms: Forms,
    progress: OnProgress,
}

impl RpmPipeline {
    /// A pipeline that asks a model wherever the paper does. Give it a [`backend`](RpmPipelineBuilder::backend), exchange
    /// what you like, [`build`](RpmPipelineBuilder::build) it.
    pub fn builder(task: Task) -> RpmPipelineBuilder {
        RpmPipelineBuilder::prompted(task)
    }

    /// A pipeline that needs no model, key or network: lexical features, similarity groups, composed paths, BM25 and the
    /// statistical answer.
    pub fn offline(task: Task) -> Self {
        RpmPipelineBuilder::offline(task).assemble()
    }

    /// The builder of a pipeline that needs no model, to exchange a part of it or give it a
    /// [catalog](RpmPipelineBuilder::catalog).
    pub fn offline_builder(task: Task) -> RpmPipelineBuilder {
        RpmPipelineBuilder::offline(task)
    }

    /// The task it was built for.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The account of one operation.
    fn ledger(&self) -> Ledger {
        Ledger::of(self.budget.clone(), self.forms.clone(), self.progress.clone(), None)
    }

    /// The account of one operation on this model.
    fn ledger_on(&self, prepared: &Prepared) -> Ledger {
        self.ledger().begun_at(prepared.as_of())
    }

    fn context<'a>(&'a self, ledger: &'a Ledger) -> StageContext<'a> {
        let ctx = match &self.backend {
            Some(backend) => StageContext::new(&**backend, &self.prompts, ledger),
            None => StageContext::offline(&self.prompts, ledger),
        };
        let ctx = ctx.roles(&self.roles);
        match &self.redact {
            Some(hook) => ctx.redact(&**hook),
            None => ctx,
        }
    }
}

impl std::fmt::Debug for RpmPipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpmPipeline")
            .field("backend", &self.backend.as_ref().map(LlmBackend::name))
            .field("extractor", &self.extractor.name())
            .field("catalog", &self.catalog)
            .field("population", &self.population)
            .field("factor_model", &self.factor_model.name())
            .field("path_writer", &self.path_writer.name())
            .field("retriever", &self.retriever.name())
            .field("answerer", &self.answerer.name())
            .field("exemplars", &self.exemplars)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}
