//! Answers by the estimate and a model together: the model says how likely it finds each response, in one short reply.

mod letters;
mod proposals;

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{Query, ResponseSpace, Task};
use crate::llm::{Completion, CompletionRequest, Stage};
use crate::prompt::{self, Prompt};
use crate::stats::{Fusion, ModelView, Unfused};

use super::fusing::{fused, spared};
use super::reading::{Allowed, allowed};
use super::statistical::supported_path;
use super::told::counted;
use super::{AnswerError, AnswerRequest, Answerer, Draft, StatisticalAnswerer};

use letters::{Letters, Said};

/// Answers by the estimate and a model's view together, by [`Fusion`]: one request, and one token back.
///
/// Where responses are listed, the model is shown the task, the responses by letter (a scale of single digits as it is) and the query's text, and nothing of the user: what is
/// known of the user is in the estimate, and no past text leaves but those whose [views](crate::RpmPipeline::past_views) are asked for. So its view is the same for all users: with a [`ResponseLog`](crate::llm::ResponseLog) a text
/// that many are asked about is paid for once. The view is read off the [probabilities](crate::llm::CompletionRequest::logprobs) of the
/// letters or numerals where the provider tells them; elsewhere of the one that is stated, or of [`samples`](Self::samples). Of more than 20
/// responses the words are asked for in place of letters.
///
/// The response is the decision of the fused estimate ([`Draft::fused`]), and the path is composed from the statistics. Without a weight
/// for the model nothing is asked. Where the budget does not allow the request, the answer is the estimate's.
///
/// For free text the model proposes several responses in one reply, with up to three past texts and their responses before it; the one that
/// [`StatisticalAnswerer`] makes of the query's own words joins them, and the user's habits choose: [`Draft::proposals`].
#[derive(Debug, Clone)]
pub struct FusedAnswerer {
    fusion: Arc<Fusion>,
    samples: u32,
    proposals: usize,
    max_reasks: u32,
    falls_back: bool,
}

impl Default for FusedAnswerer {
    fn default() -> Self {
        Self { fusion: Arc::default(), samples: 1, proposals: 5, max_reasks: 1, falls_back: false }
    }
}

impl FusedAnswerer {
    /// How far the model is trusted: from [past views](crate::RpmPipeline::past_views) of some users. Default: [`Fusion::default`], of
    /// a model that nothing is known of.
    #[must_use]
    pub fn fusion(mut self, fusion: impl Into<Arc<Fusion>>) -> Self {
        self.fusion = fusion.into();
        self
    }

    /// How often the model is asked where the provider tells no probabilities of tokens, from 1 to 32: the first time as ever, then at a
    /// temperature of 1 with seeds from 1 on. Default: 1.
    #[must_use]
    pub fn samples(mut self, samples: u32) -> Self {
        self.samples = samples.clamp(1, 32);
        self
    }

    /// The responses of free text that the model is asked to propose, from 0 to 20. Default: 5.
    #[must_use]
    pub fn proposals(mut self, proposals: usize) -> Self {
        self.proposals = proposals.min(20);
        self
    }

    /// Sets how often a reply that cannot be used is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// Answers by the statistics alone where the model fails or gives no reply that can be used; [`Draft::unfused`] says so. Default: that is
    /// an error, as for every other answerer.
    #[must_use]
    pub fn falling_back(mut self) -> Self {
        self.falls_back = true;
        self
    }

    /// The views of several queries: all first replies together, then the samples of those whose probabilities were not told.
    async fn view(
        &self,
        task: &Task,
        queries: &[(&str, &Query)],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<ModelView, AnswerError>> {
        let options: Vec<Vec<Allowed>> = queries.iter().map(|(_, query)| allowed(task, query, ctx)).collect();
        let letters: Vec<Letters<'_>> =
            queries.iter().zip(&options).map(|((_, query), options)| Letters::of(task, query, options)).collect();
        let asked: Vec<CompletionRequest> =
            queries.iter().zip(&letters).map(|((id, _), letters)| request(task, id, letters, ctx)).collect();
        let read = |number: usize, completion: &Completion| {
            letters.get(number).ok_or("there is no such query")?.read(completion)
        };
        let said = ctx.ask_all(asked.clone(), self.max_reasks, read).await;
        let more = self.samples.saturating_sub(1) as usize;
        let stated = |(number, said): (usize, &Result<Said, _>)| matches!(said, Ok(Said::One(_))).then_some(number);
        let again: Vec<usize> = said.iter().enumerate().filter_map(stated).collect();
        let sample = |number: &usize| {
            let request = asked.get(*number).cloned();
            (1..=more).filter_map(move |seed| {
                let mut request = request.clone()?;
                (request.temperature, request.seed) = (1.0, Some(seed as u64));
                Some(request)
            })
        };
        let sampled: Vec<CompletionRequest> = again.iter().flat_map(sample).collect();
        let read_sample = |number: usize, completion: &Completion| {
            read(again.get(number / more.max(1)).copied().unwrap_or(usize::MAX), completion)
        };
        let mut samples = ctx.ask_all(sampled, self.max_reasks, read_sample).await.into_iter();
        let mut views = Vec::new();
        for (said, options) in said.into_iter().zip(&options) {
            views.push(match said {
                Err(error) => Err(AnswerError::Ask(error)),
                Ok(Said::Likely(view)) => Ok(view),
                Ok(Said::One(place)) => {
                    let (mut stated, mut likely) = (vec![place], None);
                    for sample in samples.by_ref().take(more) {
                        match sample {
                            Ok(Said::One(place)) => stated.push(place),
                            Ok(Said::Likely(view)) => likely = likely.or(Some(view)),
                            // It is in the account; the others stand.
                            Err(_) => {}
                        }
                    }
                    let near = matches!(task.space(), ResponseSpace::Scale { .. });
                    let view = likely.map_or_else(|| counted(options.len(), &stated, near), Ok);
                    view.map_err(|error| AnswerError::Other(error.into()))
                }
            });
        }
        views
    }
}

/// The request for the view of one query.
fn request(task: &Task, id: &str, letters: &Letters<'_>, ctx: &StageContext<'_>) -> CompletionRequest {
    let values = prompt::task_values(task).set("responses", letters.rules()).set("item", letters.item(ctx));
    let messages = ctx.prompts().render(Prompt::AnswerLetter, &values);
    CompletionRequest::new(Stage::Answer, messages, letters.tokens()).logprobs(letters.logprobs()).about([id])
}

#[async_trait]
impl Answerer for FusedAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        if matches!(request.task.space(), ResponseSpace::Text { .. }) && self.proposals > 0 {
            return proposals::chosen(&request, self, ctx).await;
        }
        if request.estimate.is_none() {
            return StatisticalAnswerer.answer(request, ctx).await;
        }
        if self.fusion.weight() <= 0.0 {
            return Ok(StatisticalAnswerer.answer(request, ctx).await?.unfused(Unfused::NotTrusted));
        }
        let seen = match request.view {
            Some(view) => Ok(view.clone()),
            None => {
                let view = self.view(request.task, &[("query", request.query)], ctx).await.pop();
                view.unwrap_or(Err(AnswerError::NoBasis { missing: "the model's view" }))
            }
        };
        let view = match seen {
            Ok(view) => view,
            Err(error) => {
                let why = spared(&error, self.falls_back).ok_or(error)?;
                return Ok(StatisticalAnswerer.answer(request, ctx).await?.unfused(why));
            }
        };
        let (fused, response) = fused(&self.fusion, &request, view)?;
        let path = supported_path(&request, &response).await?;
        Ok(Draft::new(response, path).fused(fused))
    }

    async fn views(
        &self,
        task: &Task,
        queries: &[(&str, &Query)],
        ctx: &StageContext<'_>,
    ) -> Option<Vec<Result<ModelView, AnswerError>>> {
        Some(self.view(task, queries, ctx).await)
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "fused"
    }
}
