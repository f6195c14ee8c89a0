//! The order of the stages of an explanation: take one thing away, ask again.

use crate::answer::{AnswerError, Answerer as _, Draft, StatisticalAnswerer};
use crate::context::StageContext;
use crate::explain::{Case, ExplainOptions, Findings, Given, Measure, Subject, UntriedReason, WhatIf};
use crate::llm::Ledger;
use crate::model::UserModel;
use crate::operation::Operation;
use crate::pause::pause;
use crate::stats::Unfused;

use super::{Answer, Error, Prepared, RpmPipeline};

impl RpmPipeline {
    /// Finds what an answer depended on: [`explain_with`](Self::explain_with) the default options.
    ///
    /// ```
    /// # use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// # let history = History::new(&task, "ana", [
    /// #     Interaction::new("a", Query::new("A western drama.")?, "5")?,
    /// #     Interaction::new("b", Query::new("A chase through the city.")?, "2")?,
    /// #     Interaction::new("c", Query::new("A western about a town.")?, "5")?,
    /// #     Interaction::new("d", Query::new("A western by the sea.")?, "4")?,
    /// #     Interaction::new("e", Query::new("A party.")?, "1")?,
    /// # ])?;
    /// # let pipeline = RpmPipeline::offline(task);
    /// # let ana = pipeline.open(pipeline.learn(&history).await?.model).await?;
    /// let answer = pipeline.personalize(&ana, &Query::new("A western thriller.")?).await?;
    /// let what_if = pipeline.explain(&ana, &answer).await?;
    /// assert!(what_if.factors.iter().any(|found| found.factor.label == "western" && found.effect.size > 0.0));
    /// println!("{what_if}");
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

    /// Finds what an answer depended on, by counterfactuals: what would it have been without one factor, or without one
    /// exemplar?
    ///
    /// *Without a factor* is without the words of the query in which its features were seen: their spans are taken out,
    /// wherever the same words stand and no other factor was seen in just them, and white space is closed. Its features
    /// go with the words, and so does every feature of which no word is left. Features, exemplars and tier are
    /// otherwise those of the answer, and the user model stays as it is: nothing is extracted, retrieved or gated anew,
    /// so that one thing changes at a time. Only the estimate, which reads the words, is computed anew. A factor
    /// without which the query would say nothing is not removable.
    ///
    /// Taking only a factor's statistics and label away, and leaving its words, would answer another question: what was
    /// said of the words, not what they did. The words would still be read, by a model and by the estimate's votes, so
    /// whatever sways through them would count as without effect.
    ///
    /// *Without an exemplar* is the same question with that interaction not retrieved. No other takes its place. The
    /// estimate is that of a memory without it; an answerer that asks no model sees that memory too.
    ///
    /// The answerer is then asked again. The effect is what became of its response, or, where the answer follows the
    /// estimate, of the estimate's probability of the response; see [`Effect`](crate::explain::Effect). Both are always given.
    ///
    /// Tried are first the factors that the path cites, in that order, then in turn a factor that it does not cite, the
    /// one with the largest support by the estimate first, and an exemplar, the most similar first. Effects of single
    /// things do not add up: of two factors that say the same, each alone may be without effect.
    ///
    /// # Budget
    /// Each explanation is an operation with the pipeline's whole budget, and requests are entered under the stages
    /// that send them. What is not tried for want of budget is in [`WhatIf::untried`]; it is not an error. Requests
    /// depend on nothing but the user model and the answer, so a response log answers them the second time.
    ///
    /// # Errors
    /// [`Error::OtherTask`] and [`Error::OtherModel`] when the answer is not of this pipeline's task or of this user
    /// model; [`Error::Answer`] when the answerer failed for everything that was tried.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn explain_with(
        &self,
        prepared: &Prepared,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, Error> {
        let ledger = self.ledger_on(prepared);
        Operation::named("explain").on(&ledger).run(self.explaining(prepared, answer, options, &ledger)).await
    }

    async fn explaining(
        &self,
        prepared: &Prepared,
        answer: &Answer,
        options: &ExplainOptions,
        ledger: &Ledger,
    ) -> Result<WhatIf, Error> {
        self.check_task(prepared.model())?;
        check_origin(prepared.model(), answer)?;
        let ctx = self.context(ledger);
        let subject = self.subject(prepared, answer).await;
        let (mut findings, mut first_failure) = (Findings::default(), None);
        let mut left = options.counterfactuals;
        for candidate in subject.candidates(options.exemplars) {
            pause().await;
            let found = match subject.case(&candidate) {
                _ if left == 0 => Err(UntriedReason::Enough),
                _ if ledger.budget_reached().is_some() => Err(UntriedReason::Budget),
                None => Err(UntriedReason::NothingLeft),
                Some(case) => {
                    left -= 1;
                    match self.ask_again(prepared, answer, &case, &ctx).await {
                        // One with a model's part and one without are none to compare.
                        Ok(draft) if draft.unfused.is_some() != answer.unfused.is_some() => {
                            let spent = draft.unfused == Some(Unfused::Budget);
                            Err(if spent { UntriedReason::Budget } else { UntriedReason::NoAnswer })
                        }
                        Ok(draft) => {
                            let fused = draft.fused.as_ref().map(|fused| &fused.estimate);
                            Ok(subject.effect(&case, &draft.response, fused))
                        }
                        Err(error) if error.budget_reached().is_some() => Err(UntriedReason::Budget),
                        Err(error) => {
                            first_failure.get_or_insert(error);
                            Err(UntriedReason::NoAnswer)
                        }
                    }
                }
            };
            findings.enter(&subject, candidate, found);
        }
        if let Some(error) = first_failure.filter(|_| findings.is_empty()) {
            return Err(Error::of_answer(error));
        }
        Ok(WhatIf {
            budget_reached: ledger.budget_reached(),
            usage: ledger.report(),
            ..findings.into_what_if(&subject, options.evidence)
        })
    }

    /// The answer that is explained.
    async fn subject<'a>(&self, prepared: &'a Prepared, answer: &'a Answer) -> Subject<'a> {
        let asks = self.answerer.needs_backend();
        let of_both = answer.fused.is_some() || answer.unfused.is_some();
        let follows = answer.estimate.is_some() && (of_both || !asks);
        let given = Given {
            response: &answer.response,
            query: answer.query_read(),
            features: answer.features_read(),
            asked: answer.asked_with(),
            path: &answer.path,
            exemplars: &answer.exemplars,
            estimate: answer.estimate.as_ref(),
            fused: answer.fused.as_ref().map(|fused| &fused.estimate),
            measure: if follows { Measure::Estimate } else { Measure::Response },
            // The factors of a prompt are counted over all items, and its requests name them all.
            // The user's titling habits choose among what is proposed.
            sees_memory: !asks || !answer.proposals.is_empty() || answer.unfused.is_some(),
        };
        let estimator = prepared.estimator_in_steps().await;
        Subject::new(given, prepared.beliefs(), prepared.memory(), estimator).await
    }

    /// Asks the answerer one counterfactual.
    async fn ask_again(
        &self,
        prepared: &Prepared,
        answer: &Answer,
        case: &Case<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Draft, AnswerError> {
        let beliefs = prepared.beliefs();
        let request = prepared.answer_request(case.query, &case.features, &beliefs, &answer.support);
        let mut request = request.exemplars(&case.exemplars);
        // The view is of the text alone, which stands as it was where an exemplar is taken away.
        request.view = answer.fused.as_ref().filter(|_| case.query == answer.query_read()).map(|fused| &fused.view);
        if let Some(memory) = &case.memory {
            (request.memory, request.titles) = (memory, None);
        }
        if let (Some(estimate), Some(estimator)) = (&case.estimate, case.estimator.as_ref().or(prepared.estimator())) {
            request = request.estimated(estimate, estimator);
        }
        // What was answered without the model is explained without it.
        match answer.unfused {
            Some(why) => Ok(StatisticalAnswerer.answer(request, ctx).await?.unfused(why)),
            None => self.answerer.answer(request, ctx).await,
        }
    }
}

/// The answer's factors and exemplars are the user model's.
fn check_origin(model: &UserModel, answer: &Answer) -> Result<(), Error> {
    let features = answer.features.iter().chain(answer.asked_with());
    let factors = features.filter_map(|assigned| assigned.factor.as_ref()).all(|id| model.factors().get(id).is_some());
    let items = answer.exemplars.iter().all(|exemplar| model.memory().get(exemplar.item.id()).is_some());
    if factors && items { Ok(()) } else { Err(Error::OtherModel) }
}
