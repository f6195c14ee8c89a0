//! An answer with everything it rests on.

use std::fmt;

use crate::data::{AssignedFeature, Exemplar, Factor, FactorId, ItemId, Query, ReasoningPath};
use crate::explain::{CitedStep, Contribution, ExemplarSummary, ModelPart, Reasons, SetAside};
use crate::extract::Dropped;
use crate::llm::UsageReport;
use crate::model::UserModel;
use crate::stats::{Estimate, FusedEstimate, PastView, ProposedResponse, Source, Support, Unfused};

use super::Prepared;

/// A response with everything it rests on.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The response, inside the task's response space and in its spelling.
    pub response: String,
    /// The response word for word as the model stated it; `None` where no model answered.
    pub stated: Option<String>,
    /// The account of how features and factors led to it; its citations were checked.
    pub path: ReasoningPath,
    /// The query's features with their factors, the answerer's own where it found some. The path cites them by
    /// position.
    pub features: Vec<AssignedFeature>,
    /// The past interactions it rests on, most similar first.
    pub exemplars: Vec<Exemplar>,
    /// P(response | features, user) from the statistics alone; `None` for free text.
    pub estimate: Option<Estimate>,
    /// What was proposed for free text, where the answerer chose among several: the best first, which is the response.
    pub proposals: Vec<ProposedResponse>,
    /// The estimate with what a model's view adds to it, and that view, where the answerer fuses them: the response is its decision.
    pub fused: Option<FusedEstimate>,
    /// Why a model had no part in it, where the answerer would have asked it.
    pub unfused: Option<Unfused>,
    /// The evidence, the tier it allows and why.
    pub support: Support,
    /// Factors of the query that are drifting ([`Prepared::drift`]): what they go with has changed of late, so the
    /// answer leans on counts that may no longer hold. In order of id.
    pub drifting: Vec<FactorId>,
    /// Features of the query, and reasons of a model, that were found and not kept.
    pub dropped: Dropped,
    /// Calls and tokens by stage.
    pub usage: UsageReport,
    /// Reasoning paths written for exemplars on the way, for
    /// [`UserModel::adopt_paths`](crate::UserModel::adopt_paths).
    pub written_paths: Vec<(ItemId, ReasoningPath)>,
    /// What the query says that the user set aside, with the factor of each, in order of name. The query was read as if it
    /// did not stand there.
    pub set_aside: Vec<AssignedFeature>,
    pub(super) query: Query,
    /// The query as it was read and its features, where words of it are set aside.
    pub(super) read: Option<(Query, Vec<AssignedFeature>)>,
    /// The features that the answerer was asked with, where it found its own.
    pub(super) asked: Option<Vec<AssignedFeature>>,
}

impl Answer {
    /// The answer and its reasons as they were given: response, tier and why, estimate, path with the features and
    /// factors it cites and their statistics, exemplars. As text by [`Display`](fmt::Display), as data by serde or
    /// field by field. It quotes the user's own material; treat it as such.
    ///
    /// `prepared` is the user model that the answer was given with; of a factor that it does not have nothing is told.
    /// [`RpmPipeline::explain`](crate::RpmPipeline::explain) finds whether the reasons are those that counted.
    pub fn reasons(&self, prepared: &Prepared) -> Reasons {
        let (model, beliefs) = (prepared.model(), prepared.beliefs());
        let step = |step: &crate::data::PathStep| {
            let cited = self.features.get(step.feature);
            let factor = step.factor.as_ref().and_then(|id| prepared.factors().get(id));
            CitedStep {
                text: step.text.clone(),
                feature: cited.map(|cited| cited.feature.name().to_owned()).unwrap_or_default(),
                words: cited.map(|cited| cited.feature.context(&self.query).to_owned()).unwrap_or_default(),
                factor: factor.map(|factor| beliefs.summary(factor, Some(&self.query))),
            }
        };
        let exemplar = |exemplar: &Exemplar| ExemplarSummary {
            item: exemplar.item.id().clone(),
            query: model.memory().get(exemplar.item.id()).unwrap_or(&exemplar.item).query().text().to_owned(),
            response: exemplar.item.response().to_owned(),
            similarity: exemplar.similarity,
        };
        let aside = |assigned: &AssignedFeature| {
            let factor = assigned.factor.as_ref().and_then(|id| model.set_aside().get(id));
            SetAside {
                words: assigned.feature.context(&self.query).to_owned(),
                factor: factor.map_or_else(|| assigned.feature.name(), Factor::label).to_owned(),
            }
        };
        Reasons {
            response_name: model.task().response_name_str().to_owned(),
            response: self.response.clone(),
            by_model: self.stated.is_some() && self.fused.is_none() && self.proposals.is_empty(),
            support: self.support,
            interactions: model.memory().len(),
            estimate: self.deciding().cloned(),
            model: self.fused.as_ref().map(|fused| ModelPart::of(fused, &self.response)),
            overruled: self.overruled(model),
            dropped: self.dropped,
            unfused: self.unfused,
            proposals: self.proposals.clone(),
            contributions: self.contributions(prepared),
            origin: self.path.origin(),
            steps: self.path.steps().iter().map(step).collect(),
            exemplars: self.exemplars.iter().map(exemplar).collect(),
            drifting: self.drifting.clone(),
            set_aside: once(self.set_aside.iter().map(aside)),
        }
    }

    /// The model's own response, where it stated another one than was decided on.
    fn overruled(&self, model: &UserModel) -> Option<String> {
        let stated = self.stated.as_ref().filter(|_| self.fused.is_some())?;
        let meant = model.task().parse_response(&self.query, stated);
        (meant.as_deref() != Some(self.response.as_str())).then(|| stated.clone())
    }

    /// The probabilities that the answer rests on: the fused ones, or those by the statistics alone.
    pub fn deciding(&self) -> Option<&Estimate> {
        self.fused.as_ref().map(|fused| &fused.estimate).or(self.estimate.as_ref())
    }

    /// What the model's view and the estimate foretold, now that the user's own response is known: for
    /// [`Fusion::fit`](crate::stats::Fusion::fit) to learn how far the model is trusted. `None` where no view was put to the estimate,
    /// or the response is not open to the query.
    ///
    /// Views of one kind make a fusion: of an [`OneCallAnswerer`](crate::answer::OneCallAnswerer) take answers above
    /// [`Tier::Generic`](crate::stats::Tier::Generic), where it asks of the text alone.
    pub fn past_view(&self, response: &str) -> Option<PastView> {
        let (fused, estimate) = (self.fused.as_ref()?, self.estimate.as_ref()?);
        let given = estimate.responses().iter().position(|weighted| weighted.response == response)?;
        let shares = estimate.responses().iter().map(|weighted| weighted.probability.clamp(0.0, 1.0)).collect();
        PastView::new(fused.view.clone(), shares, given).ok()
    }

    fn contributions(&self, prepared: &Prepared) -> Vec<Contribution> {
        let Some(estimate) = self.deciding() else { return Vec::new() };
        let in_points = estimate.contributions_to_mean();
        let points = |source: &Source| in_points.iter().find(|(other, _)| *other == source).map(|(_, points)| *points);
        let mut parts: Vec<(&Source, f64, Option<f64>)> = estimate
            .contributions(&self.response)
            .into_iter()
            .map(|(source, added)| (source, added, points(source)))
            .collect();
        self.tone_to_its_factor(&mut parts);
        let words = self.praise_and_blame();
        let of = |(source, added, points): (&Source, f64, Option<f64>)| {
            let label = match source {
                Source::Factor(id) => prepared.factors().get(id).map(Factor::label),
                Source::Tone => Some(words.as_str()).filter(|words| !words.is_empty()),
                _ => None,
            };
            Contribution::new(source, label, added, points)
        };
        parts.into_iter().map(of).collect()
    }

    /// What the tone adds is told as the factor's, where all words that praise or blame are those of one factor: one word is one reason.
    fn tone_to_its_factor(&self, parts: &mut Vec<(&Source, f64, Option<f64>)>) {
        let toned = self.asked_with().iter().filter(|assigned| assigned.feature.valence().is_some());
        let mut factors: Vec<Option<&FactorId>> = toned.map(|assigned| assigned.factor.as_ref()).collect();
        factors.dedup();
        let [Some(factor)] = factors.as_slice() else { return };
        let place = |of: &dyn Fn(&Source) -> bool| parts.iter().position(|(source, ..)| of(source));
        let own = place(&|source| matches!(source, Source::Factor(id) if id == *factor));
        let (Some(own), Some(tone)) = (own, place(&|source| *source == Source::Tone)) else { return };
        let Some((_, by, by_points)) = parts.get(tone).copied() else { return };
        if let Some((_, added, points)) = parts.get_mut(own) {
            *added += by;
            *points = points.zip(by_points).map(|(points, by)| points + by);
        }
        parts.remove(tone);
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    }

    /// The words that praise or blame, each once.
    fn praise_and_blame(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for feature in self.asked_with().iter().map(|assigned| &assigned.feature) {
            if feature.valence().is_some() && !names.contains(&feature.name()) {
                names.push(feature.name());
            }
        }
        names.join(", ")
    }

    /// The query as it was read.
    pub(super) fn query_read(&self) -> &Query {
        self.read.as_ref().map_or(&self.query, |(query, _)| query)
    }

    /// The features that the path is over, in the query as it was read.
    pub(super) fn features_read(&self) -> &[AssignedFeature] {
        self.read.as_ref().map_or(&self.features, |(_, features)| features)
    }

    /// The features that the answerer was asked with.
    pub(super) fn asked_with(&self) -> &[AssignedFeature] {
        self.asked.as_deref().unwrap_or(self.features_read())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("path", &self.path)
            .field("features", &self.features)
            .field("exemplars", &self.exemplars)
            .field("support", &self.support)
            .field("fused", &self.fused)
            .field("unfused", &self.unfused)
            .field("dropped", &self.dropped)
            .field("usage", &self.usage)
            .field("written_paths", &self.written_paths)
            .finish_non_exhaustive()
    }
}

/// What is said, each thing once.
fn once(said: impl Iterator<Item = SetAside>) -> Vec<SetAside> {
    let mut once: Vec<SetAside> = Vec::new();
    for aside in said {
        if !once.contains(&aside) {
            once.push(aside);
        }
    }
    once
}
