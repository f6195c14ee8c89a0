//! The parts of a pipeline, collected and checked.

use std::sync::Arc;

use crate::answer::{Answerer, PromptedAnswerer, StatisticalAnswerer};
use crate::catalog::Catalog;
use crate::data::{Decay, Task};
use crate::extract::{Catalogued, FeatureExtractor, LexicalExtractor, PromptedExtractor};
use crate::factor::{FactorModel, PromptedFactorModel, SimilarityFactorModel};
#[cfg(feature = "response-log")]
use crate::llm::ResponseLog;
use crate::llm::{Budget, BudgetError, Forms, LlmBackend, OnProgress, Progress, Roles, Sampling, Stage};
use crate::prompt::PromptSet;
use crate::reason::{ComposedPathWriter, PathWriter, PromptedPathWriter};
use crate::retrieve::{Bm25Retriever, Retriever};
use crate::stats::SupportThresholds;
use crate::stats::population::Population;

use super::{PathPolicy, Redact, RpmPipeline};

/// A pipeline that cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A part asks a model and there is no backend.
    #[error("the {part} asks a model: give the builder a backend, or exchange the part")]
    NoBackend {
        /// The first such part.
        part: &'static str,
    },
    /// The population is of other responses than the task's.
    #[error("the population is of other responses than the task's: learn one of users of this task")]
    OtherPopulation,
    /// The budget's money cannot be counted.
    #[error("the budget cannot be used")]
    Budget(#[from] BudgetError),
}

/// Collects a pipeline's parts. It does no work before [`build`](Self::build).
#[derive(Clone)]
#[must_use = "a builder does nothing until build"]
pub struct RpmPipelineBuilder(RpmPipeline);

impl RpmPipelineBuilder {
    pub(super) fn prompted(task: Task) -> Self {
        Self::offline(task)
            .extractor(PromptedExtractor::default())
            .factor_model(PromptedFactorModel::default().merging_rare())
            .path_writer(PromptedPathWriter::default())
            .answerer(PromptedAnswerer::default())
    }

    pub(super) fn offline(task: Task) -> Self {
        Self(RpmPipeline {
            task,
            backend: None,
            extractor: Arc::new(LexicalExtractor::default()),
            catalog: None,
            population: None,
            factor_model: Arc::new(SimilarityFactorModel::default()),
            path_writer: Arc::new(ComposedPathWriter::default()),
            retriever: Arc::new(Bm25Retriever::default()),
            answerer: Arc::new(StatisticalAnswerer),
            prompts: Arc::new(PromptSet::default()),
            exemplars: 3,
            paths: PathPolicy::default(),
            thresholds: SupportThresholds::default(),
            decay: None,
            #[cfg(feature = "response-log")]
            logs: Vec::new(),
            redact: None,
            roles: Roles::default(),
            budget: Budget::default(),
            forms: Forms::default(),
            progress: OnProgress::default(),
        })
    }

    /// The model to ask.
    pub fn backend(mut self, backend: impl LlmBackend + 'static) -> Self {
        self.0.backend = Some(Arc::new(backend));
        self
    }

    /// Another model for one stage: a cheap one to extract, a strong one to answer, a separate judge. Default: the
    /// [`backend`](Self::backend) does all.
    pub fn backend_for(mut self, stage: Stage, backend: impl LlmBackend + 'static) -> Self {
        self.0.roles.set(stage, Arc::new(backend));
        self
    }

    /// Sets how one stage's model is sampled. Default: temperature 0, no seed.
    pub fn parameters_for(mut self, stage: Stage, parameters: Sampling) -> Self {
        self.0.roles.set_parameters(stage, parameters);
        self
    }

    /// Sets the most that each operation may use. Default: no limit.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.0.budget = budget;
        self
    }

    /// Told after each reply how far its stage has come. It is called between replies, so it should return soon; it
    /// must not panic. Default: nobody is told.
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.0.progress = OnProgress(Some(Arc::new(tell)));
        self
    }

    /// Finds features. Default: [`PromptedExtractor`].
    pub fn extractor(mut self, extractor: impl FeatureExtractor + 'static) -> Self {
        self.0.extractor = Arc::new(extractor);
        self
    }

    /// The factors that users of the task share: each that stands in a query is a feature of it beside those that the
    /// extractor finds, and each that occurs in a history is a factor of the user. A [`PromptedExtractor`] shows its model
    /// those that a text may have, in place of the user's own names. Default: none.
    ///
    /// ```
    /// use rpm_core::catalog::Catalog;
    /// use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// let films = Catalog::of(["car chase", "slow pace"])?;
    /// let pipeline = RpmPipeline::offline_builder(task.clone()).catalog(films).build()?;
    /// let seen = Interaction::new("a", Query::new("Two car chases and a plot hole.")?, "2")?;
    /// let ana = pipeline.learn(&History::new(&task, "ana", [seen])?).await?.model;
    /// let labels: Vec<&str> = ana.factors().iter().map(|factor| factor.label()).collect();
    /// assert_eq!(labels, ["car chase"]);
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn catalog(mut self, catalog: impl Into<Arc<Catalog>>) -> Self {
        self.0.catalog = Some(catalog.into());
        self
    }

    /// What the other users of the task have in common: answers begin at it, and each user's own interactions move them. One of
    /// other responses than the task's is an error when the pipeline is built. Default: none, and every user learns alone.
    ///
    /// A population may be exchanged at any time: no user model depends on it.
    pub fn population(mut self, population: impl Into<Arc<Population>>) -> Self {
        self.0.population = Some(population.into());
        self
    }

    /// Groups features and judges influence. Default: [`PromptedFactorModel`].
    pub fn factor_model(mut self, model: impl FactorModel + 'static) -> Self {
        self.0.factor_model = Arc::new(model);
        self
    }

    /// Writes reasoning paths. Default: [`PromptedPathWriter`].
    pub fn path_writer(mut self, writer: impl PathWriter + 'static) -> Self {
        self.0.path_writer = Arc::new(writer);
        self
    }

    /// Finds exemplars. Default: [`Bm25Retriever`].
    pub fn retriever(mut self, retriever: impl Retriever + 'static) -> Self {
        self.0.retriever = Arc::new(retriever);
        self
    }

    /// Answers. Default: [`PromptedAnswerer`].
    pub fn answerer(mut self, answerer: impl Answerer + 'static) -> Self {
        self.0.answerer = Arc::new(answerer);
        self
    }

    /// The wording of requests. Default: the crate's own.
    pub fn prompts(mut self, prompts: PromptSet) -> Self {
        self.0.prompts = Arc::new(prompts);
        self
    }

    /// Sets the number of exemplars that an answer rests on (paper: *K*). Default: 3.
    pub fn exemplars(mut self, k: usize) -> Self {
        self.0.exemplars = k;
        self
    }

    /// When reasoning paths are written. Default: [`PathPolicy::Eager`].
    pub fn paths(mut self, policy: PathPolicy) -> Self {
        self.0.paths = policy;
        self
    }

    /// When answers fall back to less of the user. Default: [`SupportThresholds::default`].
    pub fn thresholds(mut self, thresholds: SupportThresholds) -> Self {
        self.0.thresholds = thresholds;
        self
    }

    /// Sets how fast old interactions stop counting in user models that are learned. Interactions need times for it.
    /// Default: they never do.
    pub fn decay(mut self, decay: Decay) -> Self {
        self.0.decay = Some(decay);
        self
    }

    /// A log that [`forget`](RpmPipeline::forget) removes replies from and searches: the one around the backend, or
    /// around an embedder. It must be this user's alone, or its items' ids must be of one user each. May be called for
    /// several.
    #[cfg(feature = "response-log")]
    pub fn forgets_in(mut self, log: &ResponseLog) -> Self {
        self.0.logs.push(log.clone());
        self
    }

    /// A hook that sees, and may change, every text of the user before it goes into a prompt or to an embedder. Quotes
    /// of changed words are not found in the text again and are dropped as ungrounded. It also sees names in lower
    /// case, so it should know what it looks for in any case. Default: none.
    pub fn redact(mut self, hook: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let hook: Redact = Arc::new(hook);
        self.0.redact = Some(hook);
        self
    }

    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// [`ConfigError::NoBackend`] when a part asks a model and there is none, [`ConfigError::OtherPopulation`].
    pub fn build(self) -> Result<RpmPipeline, ConfigError> {
        let pipeline = self.assemble();
        pipeline.budget.check()?;
        let asking = [
            ("feature extractor", pipeline.extractor.needs_backend(), Stage::Extract),
            ("factor model", pipeline.factor_model.needs_backend(), Stage::Group),
            ("path writer", pipeline.path_writer.needs_backend(), Stage::WritePath),
            ("answerer", pipeline.answerer.needs_backend(), Stage::Answer),
        ];
        let has = |stage| pipeline.backend.is_some() || pipeline.roles.of(stage).is_some();
        match asking.into_iter().find(|(_, needed, stage)| *needed && !has(*stage)) {
            Some((part, ..)) => Err(ConfigError::NoBackend { part }),
            None if pipeline.population.as_ref().is_some_and(|population| !population.is_of(&pipeline.task)) => {
                Err(ConfigError::OtherPopulation)
            }
            None => Ok(pipeline),
        }
    }

    /// The pipeline, whose extractor finds what the catalog has besides.
    pub(super) fn assemble(self) -> RpmPipeline {
        let mut pipeline = self.0;
        if let Some(catalog) = &pipeline.catalog {
            let (extractor, catalog) = (Arc::clone(&pipeline.extractor), Arc::clone(catalog));
            pipeline.extractor = Arc::new(Catalogued { extractor, catalog });
        }
        pipeline
    }
}

impl std::fmt::Debug for RpmPipelineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RpmPipelineBuilder").field(&self.0).finish()
    }
}
