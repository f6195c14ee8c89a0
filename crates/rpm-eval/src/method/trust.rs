//! How far the model is trusted beside the estimate, learned of users who are not asked.

use std::sync::Arc;

use rpm_core::answer::{FusedAnswerer, OneCallAnswerer};
use rpm_core::data::{History, Interaction, ResponseSpace};
use rpm_core::llm::UsageReport;
use rpm_core::pipeline::{Error, Prepared, RpmPipeline, RpmPipelineBuilder};
use rpm_core::stats::{Fusion, PastView, Tier};

use super::others::{Others, Whom, locked};
use super::{Bench, MethodError, PipelineMethod};

/// The past queries whose views tell how far the model is trusted: of users of other folds or, where nobody else is known, of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trust {
    /// The method with its options: views of another one are others.
    pub(super) method: String,
    /// Who puts views and estimates together.
    pub(super) by: By,
    /// The latest queries of each user; 0 where nothing is learned.
    pub(super) items: usize,
    /// The most users, spread over the set.
    pub(super) users: usize,
}

/// An answerer that puts a model's views and estimates together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Of the text alone, which can be asked of any past text.
    Text,
    /// Of the text with what is shown of the user, which is asked of the latest texts as if they were new.
    OneCall,
}

impl Trust {
    /// The pipeline's builder with the answerer.
    pub(super) fn answering(&self, builder: RpmPipelineBuilder, fusion: Option<&Arc<Fusion>>) -> RpmPipelineBuilder {
        let fusion = fusion.cloned().unwrap_or_default();
        match self.by {
            By::Text => builder.answerer(FusedAnswerer::default().fusion(fusion)),
            By::OneCall => builder.answerer(OneCallAnswerer::default().fusion(fusion)),
        }
    }

    /// What is learned for the user who is asked now, and what it took.
    pub(super) async fn fusion(
        &self,
        method: &PipelineMethod,
        others: Option<Others>,
        history: &[Interaction],
        bench: &Bench<'_>,
    ) -> Result<(Arc<Fusion>, UsageReport), MethodError> {
        let mut usage = UsageReport::default();
        // Of free text there are no views: what is proposed is chosen among.
        if self.items == 0 || matches!(bench.task.space(), ResponseSpace::Text { .. }) {
            return Ok((Arc::default(), usage));
        }
        let folds = others.filter(|others| matches!(others.whom, Whom::Folds(_))).zip(bench.user);
        let Some((others, user)) = folds else {
            let (views, paid) = self.views(method, others.zip(bench.user), history, bench).await?;
            return Ok((Arc::new(Fusion::fit(&[views])), paid));
        };
        let fold = others.whom.fold(bench, user);
        let mut views = Vec::new();
        for place in self.places(bench.population.len()).filter(|place| others.whom.fold(bench, *place) != fold) {
            let key = (self.method.clone(), place, bench.before);
            let known = locked(&bench.taught.views).get(&key).cloned();
            let of = match known {
                Some(known) => known,
                None => {
                    let history = bench.population.get(place).map(Vec::as_slice).unwrap_or_default();
                    let (of, paid) = self.views(method, Some((others, place)), history, bench).await?;
                    usage.add(&paid);
                    locked(&bench.taught.views).insert(key, of.clone());
                    of
                }
            };
            views.push(of);
        }
        Ok((Arc::new(Fusion::fit(&views)), usage))
    }

    /// The users whose views are asked for, of so many.
    fn places(&self, users: usize) -> impl Iterator<Item = usize> {
        (0..users).step_by(users.div_ceil(self.users.max(1)).max(1))
    }

    /// The views of one user's latest queries before what is asked, beside what others had said by the first of them.
    async fn views(
        &self,
        method: &PipelineMethod,
        other: Option<(Others, usize)>,
        history: &[Interaction],
        bench: &Bench<'_>,
    ) -> Result<(Vec<PastView>, UsageReport), MethodError> {
        let by_then = |it: &&Interaction| bench.before.is_none_or(|now| it.time().is_some_and(|time| time < now));
        let mut history: Vec<Interaction> = history.iter().filter(by_then).cloned().collect();
        if history.is_empty() {
            return Ok((Vec::new(), UsageReport::default()));
        }
        let latest = history.iter().skip(history.len().saturating_sub(self.items));
        let mut bench = bench.clone();
        let mut population = None;
        if let Some((others, place)) = other {
            bench.user = Some(place);
            bench.before = bench.before.and(latest.filter_map(Interaction::time).min());
            population = others.population(&bench).await?;
        }
        let pipeline = method.pipeline(bench.backend.as_ref(), &bench, population.as_ref(), None)?;
        let first = match self.by {
            By::Text => history.len(),
            By::OneCall => history.len().saturating_sub(self.items).max(1),
        };
        let latest = history.split_off(first);
        let history = History::new(bench.task, "user", history);
        let history = history.map_err(|error| MethodError::Other(error.into()))?;
        let user = pipeline.open(pipeline.learn(&history).await?.model).await?;
        if self.by == By::OneCall {
            return foretold(&pipeline, &user, &latest).await;
        }
        match pipeline.past_views(&user, self.items).await {
            Ok(past) => Ok((past.views, past.usage)),
            // Of whom no view could be had, nothing is learned; the others stand.
            Err(Error::Answer(_)) => Ok((Vec::new(), UsageReport::default())),
            Err(error) => Err(error.into()),
        }
    }
}

/// What was foretold of interactions that came after all that is known of the user.
async fn foretold(
    pipeline: &RpmPipeline,
    user: &Prepared,
    later: &[Interaction],
) -> Result<(Vec<PastView>, UsageReport), MethodError> {
    let (mut views, mut usage) = (Vec::new(), UsageReport::default());
    for interaction in later {
        match pipeline.personalize(user, interaction.query()).await {
            Ok(answer) => {
                usage.add(&answer.usage);
                // Of whom nothing is shown, the model is asked another question.
                views.extend(answer.past_view(interaction.response()).filter(|_| answer.support.tier > Tier::Generic));
            }
            // Of what no view could be had, nothing is learned; the others stand.
            Err(Error::Answer(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((views, usage))
}
