//! A pipeline of the crate as a method.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use rpm_core::answer::StatisticalAnswerer;
use rpm_core::catalog::Catalog;
use rpm_core::data::{History, Interaction, Query, ResponseSpace, Task};
use rpm_core::extract::LexicalExtractor;
use rpm_core::factor::SimilarityFactorModel;
use rpm_core::llm::{LlmBackend, Stage, UsageReport};
use rpm_core::pipeline::{ItemOutcome, LearnReport, PathPolicy, Prepared, RpmPipeline, RpmPipelineBuilder};
use rpm_core::reason::ComposedPathWriter;
use rpm_core::stats::population::{Census, Population};
use rpm_core::stats::{Estimate, Fusion, SupportThresholds, Tier};
use rpm_core::{Answer, Forget};

use super::others::Others;
use super::questions::Questions;
use super::trust::Trust;
use super::{Bench, Method, MethodError, Prediction, Session};

/// The count of answers that others had taught something for.
pub(crate) const TAUGHT: &str = "answers with others";
/// The name of the count of answers to users who are mostly like none of the others.
pub(crate) const KEPT: &str = "answers mostly kept from others";

type Build = dyn Fn(RpmPipelineBuilder, &Bench<'_>) -> RpmPipelineBuilder + Send + Sync;

/// Makes the catalog of a run.
pub(super) type MakeCatalog = dyn Fn(&Bench<'_>) -> Result<Arc<Catalog>, MethodError> + Send + Sync;

/// A pipeline of the crate as a method: it learns each user, answers, and keeps the paths that answers bring. It learns
/// with [`Bench::learner`] where there is one.
///
#[doc = include_str!("own_answerer.md")]
#[derive(Clone)]
pub struct PipelineMethod {
    name: String,
    asks: bool,
    build: Arc<Build>,
    catalog: Option<Arc<MakeCatalog>>,
    others: Option<Others>,
    /// True where nothing of the user's own is known.
    blank: bool,
    /// What is asked of the user, of whom nothing else is known then.
    questions: Option<Questions>,
    /// How it is learned how far the model is trusted, where its views are put together with the estimates.
    trust: Option<Trust>,
}

impl PipelineMethod {
    /// A pipeline that asks the run's model, made from the builder's defaults.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(RpmPipelineBuilder, &Bench<'_>) -> RpmPipelineBuilder + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            asks: true,
            build: Arc::new(build),
            catalog: None,
            others: None,
            blank: false,
            questions: None,
            trust: None,
        }
    }

    /// A pipeline made from the parts that ask no model.
    pub fn offline(
        name: impl Into<String>,
        build: impl Fn(RpmPipelineBuilder, &Bench<'_>) -> RpmPipelineBuilder + Send + Sync + 'static,
    ) -> Self {
        let build =
            move |builder, bench: &Bench<'_>| build(without_model(builder).answerer(StatisticalAnswerer), bench);
        Self {
            name: name.into(),
            asks: false,
            build: Arc::new(build),
            catalog: None,
            others: None,
            blank: false,
            questions: None,
            trust: None,
        }
    }

    /// The pipeline with a catalog.
    pub(super) fn with_catalog(mut self, catalog: Option<Arc<MakeCatalog>>) -> Self {
        self.catalog = catalog;
        self
    }

    /// The pipeline with what others teach.
    pub(super) fn among(mut self, others: Option<Others>) -> Self {
        self.others = others;
        self
    }

    /// The pipeline of a user who is asked these questions, in place of being known.
    pub(super) fn putting(mut self, questions: Option<Questions>) -> Self {
        self.questions = questions;
        self
    }

    /// The pipeline that puts a model's views and its estimates together.
    pub(super) fn trusting(mut self, trust: Option<Trust>) -> Self {
        self.trust = trust;
        self
    }

    /// The pipeline of a user of whom nothing is known, if `blank`.
    pub(super) fn blank(mut self, blank: bool) -> Self {
        self.blank = blank;
        self
    }

    /// The model with the task alone: the wording of a pipeline that knows nothing of the user.
    pub fn zero_shot() -> Self {
        Self::new("zero-shot", |builder, _| {
            let mut thresholds = SupportThresholds::default();
            thresholds.highest = Tier::Generic;
            without_model(builder).thresholds(thresholds)
        })
    }

    pub(super) fn pipeline(
        &self,
        backend: Option<&Arc<dyn LlmBackend>>,
        bench: &Bench<'_>,
        population: Option<&Arc<Population>>,
        fusion: Option<&Arc<Fusion>>,
    ) -> Result<RpmPipeline, MethodError> {
        let mut builder = RpmPipeline::builder(bench.task.clone()).budget(bench.budget.clone());
        if let Some(backend) = backend.filter(|_| self.asks) {
            builder = builder.backend(Arc::clone(backend));
        }
        if let Some(learner) = bench.learner.as_ref().filter(|_| self.asks) {
            // Paths belong to the memory, whenever they are written.
            builder = builder.backend_for(Stage::WritePath, Arc::clone(learner));
        }
        if let Some(catalog) = &self.catalog {
            builder = builder.catalog(catalog(bench)?);
        }
        if let Some(population) = population {
            builder = builder.population(Arc::clone(population));
        }
        builder = (self.build)(builder, bench);
        if let Some(trust) = &self.trust {
            builder = trust.answering(builder, fusion);
        }
        builder.build().map_err(|_| MethodError::NoBackend)
    }
}

impl fmt::Debug for PipelineMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineMethod").field("name", &self.name).field("asks", &self.asks).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a weight is from 0 to 4")]
fn thousandths(weight: f64) -> u64 {
    (weight * 1_000.0).round() as u64
}

/// Learning that asks nothing.
fn without_model(builder: RpmPipelineBuilder) -> RpmPipelineBuilder {
    builder
        .extractor(LexicalExtractor::default())
        .factor_model(SimilarityFactorModel::default())
        .path_writer(ComposedPathWriter::default())
        .paths(PathPolicy::OnFirstUse)
}

/// A pipeline that knows a user.
pub(crate) struct Ready {
    method: PipelineMethod,
    pipeline: RpmPipeline,
    user: Prepared,
    /// What others teach now.
    population: Option<Arc<Population>>,
    /// How far the model is trusted, once that is known.
    fusion: Option<Arc<Fusion>>,
    /// The latest interactions, of a user by whose own views that is learned.
    history: Vec<Interaction>,
    /// What is to be asked of the user before the first answer, with who answers.
    questions: Option<(Questions, Vec<Interaction>)>,
    /// Answers that nobody else moved much, since the user is mostly like none.
    kept: u64,
    /// Answers that others had taught something for.
    taught: u64,
    report: LearnReport,
    usage: UsageReport,
}

#[async_trait]
impl Method for PipelineMethod {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn applies(&self, task: &Task) -> bool {
        // Others teach all but free text, and under noise what has the same responses for every query.
        let noised = self.others.is_some_and(|others| others.epsilon.is_some());
        let own_options = matches!(task.space(), ResponseSpace::Choices);
        self.others.is_none() || (Census::new(task).is_ok() && !(noised && own_options))
    }

    fn asks_model(&self) -> bool {
        self.asks
    }

    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError> {
        Ok(Box::new(self.begin(history, bench).await?))
    }
}

impl PipelineMethod {
    /// Learns a user.
    pub(crate) async fn begin(&self, history: &History, bench: &Bench<'_>) -> Result<Ready, MethodError> {
        let learner = bench.learner.as_ref().or(bench.backend.as_ref());
        let learned = self.pipeline(learner, bench, None, None)?.learn(history).await?;
        let pipeline = self.pipeline(bench.backend.as_ref(), bench, None, None)?;
        let usage = learned.report.usage.clone();
        let mut user = pipeline.open(learned.model).await?;
        if self.blank || self.questions.is_some() {
            // A history is never empty: what it began is forgotten.
            pipeline.forget(&mut user, &Forget::All).await?;
        }
        let (method, report) = (self.clone(), learned.report);
        let known = self.trust.is_some() && !self.blank && self.questions.is_none();
        let own = if known { history.interactions() } else { &[] };
        let (fusion, own) = (None, own.to_vec());
        let questions = self.questions.map(|questions| (questions, history.interactions().to_vec()));
        let (population, kept, taught) = (None, 0, 0);
        Ok(Ready { method, pipeline, user, population, fusion, history: own, questions, kept, taught, report, usage })
    }
}

impl Ready {
    /// Learns how far the model is trusted, once.
    async fn trust(&mut self, bench: &Bench<'_>) -> Result<(), MethodError> {
        let Some(trust) = self.method.trust.clone().filter(|_| self.fusion.is_none()) else { return Ok(()) };
        let (fusion, usage) = trust.fusion(&self.method, self.method.others, &self.history, bench).await?;
        self.usage.add(&usage);
        let population = self.population.as_ref();
        self.pipeline = self.method.pipeline(bench.backend.as_ref(), bench, population, Some(&fusion))?;
        self.user = self.pipeline.open(self.user.shared_model()).await?;
        self.fusion = Some(fusion);
        Ok(())
    }

    /// The answer to one query with all that it rests on.
    pub(crate) async fn told(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Answer, MethodError> {
        self.hear_others(bench).await?;
        if let Some((questions, history)) = self.questions.clone() {
            questions.put(&self.pipeline, &mut self.user, history, bench.seed).await?;
            self.questions = None;
        }
        Ok(self.pipeline.personalize(&self.user, query).await?)
    }

    /// The user as known now.
    pub(crate) fn user(&self) -> &Prepared {
        &self.user
    }

    /// Puts the user beside what others had said before what is asked now.
    async fn hear_others(&mut self, bench: &Bench<'_>) -> Result<(), MethodError> {
        self.trust(bench).await?;
        let Some(others) = self.method.others else { return Ok(()) };
        let population = others.population(bench).await?;
        let digest = |population: &Option<Arc<Population>>| population.as_ref().map(|it| it.digest().to_owned());
        if digest(&population) != digest(&self.population) {
            self.pipeline =
                self.method.pipeline(bench.backend.as_ref(), bench, population.as_ref(), self.fusion.as_ref())?;
            // No user model depends on a population.
            self.user = self.pipeline.open(self.user.shared_model()).await?;
            self.population = population;
        }
        self.taught += u64::from(self.population.is_some());
        Ok(())
    }
}

#[async_trait]
impl Session for Ready {
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError> {
        let answer = self.told(query, bench).await?;
        self.usage.add(&answer.usage);
        let people = answer.estimate.as_ref().and_then(Estimate::people);
        self.kept += u64::from(people.and_then(|people| people.alone).is_some_and(|alone| alone > 0.5));
        let shares = |estimate: &Estimate| estimate.responses().iter().map(|weighted| weighted.probability).collect();
        let mut weighed: Vec<f64> = answer.estimate.as_ref().map(shares).unwrap_or_default();
        let fused = answer.fused.as_ref().map(|fused| shares(&fused.estimate));
        // A model states no probabilities unless they are put together; those of the statistics are not its own.
        let probabilities = match fused {
            Some(fused) => fused,
            // Where the model is not trusted at all, they are what it comes to.
            None if self.method.trust.is_some() => weighed.clone(),
            None if self.method.asks => Vec::new(),
            None => std::mem::take(&mut weighed),
        };
        let prediction = Prediction {
            raw: answer.stated.or_else(|| Some(answer.response.clone())),
            response: Some(answer.response),
            value: None,
            probabilities,
            estimate: weighed,
            support: Some((answer.support.tier, answer.support.reason)),
        };
        self.user.adopt_paths(answer.written_paths).map_err(|error| MethodError::Other(error.into()))?;
        Ok(prediction)
    }

    fn usage(&mut self) -> UsageReport {
        std::mem::take(&mut self.usage)
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let (mut learned, mut empty, mut failed, mut features) = (0, 0, 0, 0);
        for item in &self.report.items {
            match &item.outcome {
                ItemOutcome::Learned { features: found } => {
                    learned += 1;
                    features += *found as u64;
                }
                ItemOutcome::NoFeatures => empty += 1,
                _ => failed += 1,
            }
        }
        let mut counts = vec![
            ("factors", self.report.factors as u64),
            ("features", features),
            ("items failed", failed),
            ("items learned", learned),
            ("items without features", empty),
        ];
        if let Some(fusion) = &self.fusion {
            counts.push(("past views of the model", fusion.views()));
            counts.push(("weight of the model in thousandths", thousandths(fusion.weight())));
        }
        if self.method.others.is_some() {
            counts.push((TAUGHT, self.taught));
            counts.push((KEPT, self.kept));
        }
        counts
    }
}
