use std::collections::{BTreeMap, BTreeSet};

use crate::answer::AnswerError;
use crate::context::StageContext;
use crate::data::{AssignedFeature, Exemplar, FactorId, ItemId, Query, ReasoningMemory};
use crate::explain::{
    Candidate, Cited, Effect, Evidence, ExemplarEffect, ExplainOptions, FactorEffect, Measure, Outcome, Removal,
    Untried, UntriedReason, WhatIf, Without, effect, faithfulness, past_evidence,
};
use crate::llm::trace;
use crate::model::UserModel;
use crate::reason::claims_support;
use crate::stats::{Beliefs, Estimate, Estimator};

use super::{Answer, Error, Prepared, RpmPipeline};

impl RpmPipeline {
    /// What an answer depended on: [`explain_with`](Self::explain_with) the default options.
    ///
    /// ```
    /// # use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// # let history = History::new(&task, "ana", [
    /// #     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
    /// #     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
    /// #     Interaction::new("c", Query::new("A slow film about a quiet town.")?, "5")?,
    /// # ])?;
    /// # let pipeline = RpmPipeline::offline(task);
    /// # let ana = pipeline.open(pipeline.learn(&history).await?.model).await?;
    /// let answer = pipeline.personalize(&ana, &Query::new("A slow, quiet thriller.")?).await?;
    /// let explanation = pipeline.explain(&ana, &answer).await?;
    /// assert!(explanation.factors.iter().any(|found| found.factor.label == "slow" && found.effect.size > 0.0));
    /// println!("{explanation}");
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    ///
    /// # Errors
    /// As for [`explain_with`](Self::explain_with).
    pub async fn explain(&self, prepared: &Prepared, answer: &Answer) -> Result<WhatIf, Error> {
        self.explain_with(prepared, answer, &ExplainOptions::default()).await
    }

    /// What an answer depended on, by counterfactuals: what would it have been without one factor, or without one
    /// exemplar?
    ///
    /// *Without a factor* is without the words of the query in which its features were seen: their spans are taken out,
    /// wherever the same words stand and no other factor was seen in just them, and white space is closed. Its features go
    /// with the words, and so does every feature of which no word is left. Features, exemplars and tier are otherwise those
    /// of the answer, and the user model stays as it is: nothing is extracted, retrieved or gated anew, so that one thing
    /// changes at a time. Only the estimate, which reads the words, is computed anew. A factor without which the query
    /// would say nothing is not removable.
    ///
    /// Taking only a factor's statistics and label away, and leaving its words, would answer another question: what was said
    /// of the words, not what they did. The words would still be read, by a model and by the estimate's votes, so whatever
    /// sways through them would count as without effect.
    ///
    /// *Without an exemplar* is the same question with that interaction not retrieved. No other takes its place. The
    /// estimate is that of a memory without it; an answerer that asks no model sees that memory too.
    ///
    /// The answerer is then asked again. The effect is what became of its response, or, where the answer follows the
    /// estimate, of the estimate's probability of the response; see [`Effect`]. Both are always given.
    ///
    /// Tried are first the factors that the path cites, in that order, then in turn a factor that it does not cite, the one
    /// with the largest support by the estimate first, and an exemplar, the most similar first. Effects of single things
    /// do not add up: of two factors that say the same, each alone may be without effect.
    ///
    /// # Budget
    /// Each explanation is an operation with the pipeline's whole budget, and requests are entered under the stages that
    /// send them. What is not tried for want of budget is in [`WhatIf::untried`]; it is not an error. Requests depend
    /// on nothing but the user model and the answer, so a response log answers them the second time.
    ///
    /// # Errors
    /// [`Error::OtherTask`] and [`Error::OtherModel`] when the answer is not of this pipeline's task or of this user model;
    /// [`Error::Answer`] when the answerer failed for everything that was tried.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn explain_with(
        &self,
        prepared: &Prepared,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, Error> {
        trace::operation("explain", self.explaining(prepared, answer, options)).await
    }

    async fn explaining(
        &self,
        prepared: &Prepared,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, Error> {
        let model = prepared.model();
        self.check_task(model)?;
        check_origin(model, answer)?;
        let ledger = self.ledger();
        let ctx = self.context(&ledger);
        let subject = Subject::new(self, prepared, answer);
        let mut factors: Vec<FactorEffect> = Vec::new();
        let mut exemplars: Vec<ExemplarEffect> = Vec::new();
        let mut untried: Vec<Untried> = Vec::new();
        let mut first_failure: Option<AnswerError> = None;
        let mut left = options.counterfactuals;
        for candidate in subject.candidates(options.exemplars) {
            let case = match subject.case(&candidate) {
                _ if left == 0 => Err(UntriedReason::Enough),
                _ if ledger.budget_reached().is_some() => Err(UntriedReason::Budget),
                None => Err(UntriedReason::NothingLeft),
                Some(case) => {
                    left -= 1;
                    match subject.ask(&case, &ctx).await {
                        Ok(response) => Ok(subject.effect(&case, &response)),
                        Err(error) if error.budget_reached().is_some() => Err(UntriedReason::Budget),
                        Err(error) => {
                            first_failure.get_or_insert(error);
                            Err(UntriedReason::NoAnswer)
                        }
                    }
                }
            };
            match (case, candidate) {
                (Ok(effect), Candidate::Factor(id)) => factors.extend(subject.factor_effect(&id, effect)),
                (Ok(effect), Candidate::Exemplar(id)) => exemplars.extend(subject.exemplar_effect(&id, effect)),
                (Err(reason), candidate) => untried.push(Untried { candidate, reason }),
            }
        }
        if let Some(error) = first_failure.filter(|_| factors.is_empty() && exemplars.is_empty()) {
            return Err(Error::of_answer(error));
        }
        let sizes: Vec<f64> = factors.iter().map(|factor| factor.effect.size).collect();
        let faithfulness = faithfulness(&subject.cited_with(&factors), &sizes);
        let place = |factor: &FactorEffect| factor.cited.unwrap_or(usize::MAX);
        factors.sort_by(|a, b| {
            let ties = || place(a).cmp(&place(b)).then_with(|| a.factor.id.cmp(&b.factor.id));
            larger(&a.effect, &b.effect).then_with(ties)
        });
        exemplars.sort_by(|a, b| larger(&a.effect, &b.effect).then_with(|| a.item.cmp(&b.item)));
        let wanted = factors.iter().map(|factor| &factor.factor.id);
        let mut past = past_evidence(model.factors(), model.memory(), &answer.exemplars, wanted, options.evidence);
        for factor in &mut factors {
            factor.evidence.past = past.remove(&factor.factor.id).unwrap_or_default();
        }
        Ok(WhatIf {
            response_name: self.task.response_name_str().to_owned(),
            response: answer.response.clone(),
            measure: subject.measure(),
            factors,
            exemplars,
            untried,
            faithfulness,
            budget_reached: ledger.budget_reached(),
            usage: ledger.report(),
        })
    }
}

/// The larger effect first; of equal ones the larger change of the estimate.
fn larger(a: &Effect, b: &Effect) -> std::cmp::Ordering {
    let change = |effect: &Effect| effect.estimate.unwrap_or_default();
    b.size.total_cmp(&a.size).then_with(|| change(b).total_cmp(&change(a)))
}

/// The answer's factors and exemplars are the user model's.
fn check_origin(model: &UserModel, answer: &Answer) -> Result<(), Error> {
    let features = answer.features.iter().chain(answer.asked_with());
    let factors = features.filter_map(|assigned| assigned.factor.as_ref()).all(|id| model.factors().get(id).is_some());
    let items = answer.exemplars.iter().all(|exemplar| model.memory().get(exemplar.item.id()).is_some());
    if factors && items { Ok(()) } else { Err(Error::OtherModel) }
}

/// The answer that is explained, with what all its counterfactuals share.
struct Subject<'a> {
    pipeline: &'a RpmPipeline,
    prepared: &'a Prepared,
    model: &'a UserModel,
    answer: &'a Answer,
    beliefs: Beliefs<'a>,
    /// Every feature the answer speaks of: those it was asked with, then the answerer's own.
    features: Vec<AssignedFeature>,
    /// The query without each of its factors, and the estimate for it; `None` for one that is not removable.
    without: BTreeMap<FactorId, Option<(Without, Option<Estimate>)>>,
}

/// One counterfactual, as the answerer is asked.
struct Case<'a> {
    query: &'a Query,
    features: Vec<AssignedFeature>,
    exemplars: Vec<Exemplar>,
    memory: Option<ReasoningMemory>,
    estimate: Option<Estimate>,
    /// Of the memory, where that is not the model's.
    estimator: Option<Estimator>,
}

impl<'a> Subject<'a> {
    fn new(pipeline: &'a RpmPipeline, prepared: &'a Prepared, answer: &'a Answer) -> Self {
        let mut features = answer.asked_with().to_vec();
        if answer.asked.is_some() {
            features.extend_from_slice(&answer.features);
        }
        let (model, estimator, beliefs) = (prepared.model(), prepared.estimator(), prepared.beliefs());
        let removal = Removal::new(&answer.query, &features);
        let factors: BTreeSet<&FactorId> = features.iter().filter_map(|assigned| assigned.factor.as_ref()).collect();
        let without = factors.into_iter().map(|factor| {
            let cut = removal.without(factor).map(|cut| {
                let left = cut.left(answer.asked_with());
                let estimate = estimator.map(|e| e.of_query(&beliefs, &cut.query, &left));
                (cut, estimate)
            });
            (factor.clone(), cut)
        });
        let without = without.collect();
        Self { pipeline, prepared, model, answer, beliefs, features, without }
    }

    fn measure(&self) -> Measure {
        let asks = self.pipeline.answerer.needs_backend();
        if asks || self.answer.estimate.is_none() { Measure::Response } else { Measure::Estimate }
    }

    /// The factors that the path cites, in order, each once.
    fn cited(&self) -> Vec<&FactorId> {
        let mut cited: Vec<&FactorId> = Vec::new();
        for factor in self.answer.path.steps().iter().filter_map(|step| step.factor.as_ref()) {
            if !cited.contains(&factor) {
                cited.push(factor);
            }
        }
        cited
    }

    /// What to try, in order.
    fn candidates(&self, with_exemplars: bool) -> Vec<Candidate> {
        let cited = self.cited();
        let mut others: Vec<(f64, &FactorId)> =
            self.without.keys().filter(|id| !cited.contains(id)).map(|id| (self.support(id), id)).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let mut exemplars = self.answer.exemplars.iter().filter(|_| with_exemplars).map(|e| e.item.id());
        let mut order: Vec<Candidate> = cited.into_iter().cloned().map(Candidate::Factor).collect();
        for (_, other) in others {
            order.push(Candidate::Factor(other.clone()));
            order.extend(exemplars.next().cloned().map(Candidate::Exemplar));
        }
        order.extend(exemplars.cloned().map(Candidate::Exemplar));
        order
    }

    /// How much a factor speaks for the response before it is tried: by the estimate, or for free text by how much its
    /// presence tells. What is not removable comes last.
    fn support(&self, factor: &FactorId) -> f64 {
        let Some(Some((_, without))) = self.without.get(factor) else { return f64::NEG_INFINITY };
        let probability = |estimate: &Estimate| estimate.probability(&self.answer.response);
        match self.answer.estimate.as_ref().zip(without.as_ref()) {
            Some((with, without)) => probability(with) - probability(without),
            None => self.beliefs.information(factor),
        }
    }

    /// `None` for what is not removable.
    fn case(&self, candidate: &Candidate) -> Option<Case<'_>> {
        let asked = self.answer.asked_with();
        match candidate {
            Candidate::Factor(id) => {
                let (cut, estimate) = self.without.get(id)?.as_ref()?;
                Some(Case {
                    query: &cut.query,
                    features: cut.left(asked),
                    exemplars: self.answer.exemplars.clone(),
                    memory: None,
                    estimate: estimate.clone(),
                    estimator: None,
                })
            }
            Candidate::Exemplar(id) => {
                let position = self.model.memory().position(id)?;
                let estimator = self.prepared.estimator().map(|estimator| estimator.without_item(position));
                let estimate = estimator.as_ref().map(|e| e.of_query(&self.beliefs, &self.answer.query, asked));
                let exemplars = self.answer.exemplars.iter().filter(|exemplar| exemplar.item.id() != id);
                Some(Case {
                    query: &self.answer.query,
                    features: asked.to_vec(),
                    exemplars: exemplars.cloned().collect(),
                    // The factors of a prompt are counted over all items, and its requests name them all.
                    memory: (!self.pipeline.answerer.needs_backend()).then(|| {
                        let others = self.model.memory().items().iter().filter(|item| item.id() != id);
                        ReasoningMemory::new(others.cloned())
                    }),
                    estimate,
                    estimator,
                })
            }
        }
    }

    async fn ask(&self, case: &Case<'_>, ctx: &StageContext<'_>) -> Result<String, AnswerError> {
        let (answer, prepared) = (self.answer, self.prepared);
        let request = prepared.answer_request(case.query, &case.features, &self.beliefs, &answer.support);
        let mut request = request.exemplars(&case.exemplars);
        if let Some(memory) = &case.memory {
            (request.memory, request.titles) = (memory, None);
        }
        if let (Some(estimate), Some(estimator)) = (&case.estimate, case.estimator.as_ref().or(prepared.estimator())) {
            request = request.estimated(estimate, estimator);
        }
        Ok(self.pipeline.answerer.answer(request, ctx).await?.response)
    }

    fn effect(&self, case: &Case<'_>, response: &str) -> Effect {
        let given = Outcome { response: &self.answer.response, estimate: self.answer.estimate.as_ref() };
        effect(&self.pipeline.task, self.measure(), given, Outcome { response, estimate: case.estimate.as_ref() })
    }

    fn factor_effect(&self, id: &FactorId, effect: Effect) -> Option<FactorEffect> {
        Some(FactorEffect {
            factor: self.beliefs.summary(self.model.factors().get(id)?, Some(&self.answer.query)),
            cited: self.answer.path.steps().iter().position(|step| step.factor.as_ref() == Some(id)),
            effect,
            evidence: Evidence::in_query(&self.answer.query, &self.features, id),
        })
    }

    fn exemplar_effect(&self, id: &ItemId, effect: Effect) -> Option<ExemplarEffect> {
        let exemplar = self.answer.exemplars.iter().find(|exemplar| exemplar.item.id() == id)?;
        Some(ExemplarEffect {
            item: id.clone(),
            query: exemplar.item.query().text().to_owned(),
            response: exemplar.item.response().to_owned(),
            similarity: exemplar.similarity,
            effect,
        })
    }

    /// The cited factors with what was found of them.
    fn cited_with(&self, found: &[FactorEffect]) -> Vec<Cited> {
        let claims = |id: &FactorId| {
            let step = self.answer.path.steps().iter().find(|step| step.factor.as_ref() == Some(id));
            step.is_none_or(|step| claims_support(&self.answer.query, &self.answer.features, &self.answer.path, step))
        };
        let cited = self.cited().into_iter().map(|id| {
            let found = found.iter().find(|factor| factor.factor.id == *id);
            Cited { size: found.map(|factor| factor.effect.size), towards: claims(id) }
        });
        cited.collect()
    }
}
