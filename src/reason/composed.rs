use async_trait::async_trait;

use crate::data::{AssignedFeature, Factor, Feature, MemoryItem, PathOrigin, PathStep, Polarity, Query, ReasoningPath};
use crate::prompt::StageContext;
use crate::stats::Beliefs;

use super::{PathRequest, PathWriter, WriteError};

/// Composes paths from the statistics, without a model: the features that speak most for the response, each with the count
/// behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComposedPathWriter {
    max_steps: usize,
}

impl Default for ComposedPathWriter {
    fn default() -> Self {
        Self { max_steps: MAX_STEPS }
    }
}

const MAX_STEPS: usize = 3;

impl ComposedPathWriter {
    /// The most steps of a path, from 1 to 16. Default: 3.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps.clamp(1, 16);
        self
    }
}

/// The path of a past interaction.
pub(crate) fn item_path(item: &MemoryItem, beliefs: &Beliefs<'_>) -> Result<ReasoningPath, WriteError> {
    path_of_item(item, beliefs, MAX_STEPS)
}

fn path_of_item(item: &MemoryItem, beliefs: &Beliefs<'_>, max_steps: usize) -> Result<ReasoningPath, WriteError> {
    let assigned: Vec<AssignedFeature> = item
        .features()
        .iter()
        .map(|feature| {
            let factor = beliefs.factors().factor_of(&feature.key()).map(|factor| factor.id().clone());
            AssignedFeature { feature: feature.clone(), factor }
        })
        .collect();
    Ok(path(item.query(), &assigned, beliefs, item.response(), max_steps)?)
}

/// The path of a new query to a response.
pub(crate) fn compose(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    response: &str,
) -> Result<ReasoningPath, WriteError> {
    Ok(path(query, features, beliefs, response, MAX_STEPS)?)
}

fn path(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    response: &str,
    max_steps: usize,
) -> Result<ReasoningPath, crate::data::PathError> {
    let factor = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| beliefs.factors().get(id));
    let mut weighed: Vec<(f64, usize)> = features
        .iter()
        .enumerate()
        .map(|(place, f)| (factor(f).map_or(0.0, |factor| weight(beliefs, factor, response)), place))
        .collect();
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut steps: Vec<PathStep> = Vec::new();
    for (weight, place) in weighed {
        // One step per factor; after the first, only features that speak for the response.
        let repeated =
            |step: &PathStep| features.get(place).is_some_and(|f| f.factor.is_some() && f.factor == step.factor);
        if steps.len() >= max_steps || (!steps.is_empty() && weight <= 0.0) || steps.iter().any(repeated) {
            continue;
        }
        if let Some(feature) = features.get(place) {
            let text = statement(query, feature, factor(feature), beliefs, response);
            steps.push(PathStep { feature: place, factor: feature.factor.clone(), text });
        }
    }
    let bare: Vec<_> = features.iter().map(|f| f.feature.clone()).collect();
    let factor_of = |place: usize| features.get(place).and_then(|f| f.factor.clone());
    ReasoningPath::new(steps, response, PathOrigin::Statistics, &bare, factor_of)
}

/// What a composed step says of a factor.
const FOR: &str = "speaks for";
const NOT_FOR: &str = "does not speak for";

/// Whether a step of a query's path claims that its factor sways towards the response. A step that a model wrote does; one
/// that was composed from the statistics says so or not.
pub(crate) fn speaks_for(query: &Query, features: &[AssignedFeature], path: &ReasoningPath, step: &PathStep) -> bool {
    let said = |feature: &AssignedFeature| {
        let said = step.text.strip_prefix(&quoted(&feature.feature, query));
        said.is_some_and(|said| said.trim_start().starts_with(NOT_FOR))
    };
    path.origin() == PathOrigin::Model || !features.get(step.feature).is_some_and(said)
}

/// The words of a feature on one line, in quotes.
fn quoted(feature: &Feature, query: &Query) -> String {
    format!("\"{}\"", feature.context(query).split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How much a factor speaks for a response: log lift, weighed by how often the factor was seen.
fn weight(beliefs: &Beliefs<'_>, factor: &Factor, response: &str) -> f64 {
    let seen = factor.stats().coverage;
    if beliefs.task().space().is_open_ended() {
        return factor.stats().influence.max(0.01 * seen);
    }
    let lift = beliefs.propensity(factor, response) / beliefs.base(response).max(1e-9);
    lift.max(1e-9).ln() * seen.sqrt()
}

fn statement(
    query: &Query,
    feature: &AssignedFeature,
    factor: Option<&Factor>,
    beliefs: &Beliefs<'_>,
    response: &str,
) -> String {
    let words = quoted(&feature.feature, query);
    let Some(factor) = factor else {
        return format!("{words} is new: no known factor speaks about it");
    };
    let (seen, total) = (factor.stats().coverage, beliefs.factors().totals().interactions);
    if beliefs.task().space().is_open_ended() {
        let taken = feature.feature.judgement().is_some_and(|j| j.influential && j.polarity == Polarity::Positive);
        let how = if taken { "was taken up" } else { "is present" };
        return format!("{words} {how}; the factor \"{}\" was seen in {seen} of {total}", factor.label());
    }
    let belief = beliefs.response(factor, response);
    let direction = if belief.lift > 1.0 { FOR } else { NOT_FOR };
    format!(
        "{words} {direction} {response}: with \"{}\" (seen in {seen} of {total}) it came in {:.0}% [{:.0}–{:.0}%], against {:.0}% overall",
        factor.label(),
        100.0 * belief.propensity,
        100.0 * belief.interval.low,
        100.0 * belief.interval.high,
        100.0 * belief.base,
    )
}

#[async_trait]
impl PathWriter for ComposedPathWriter {
    async fn write(&self, request: PathRequest<'_>, _ctx: &StageContext<'_>) -> Result<ReasoningPath, WriteError> {
        path_of_item(request.item, request.beliefs, self.max_steps)
    }

    async fn write_batch(
        &self,
        requests: &[PathRequest<'_>],
        _ctx: &StageContext<'_>,
    ) -> Vec<Result<ReasoningPath, WriteError>> {
        crate::parallel::map(requests, |request| path_of_item(request.item, request.beliefs, self.max_steps))
    }

    fn name(&self) -> &'static str {
        "composed"
    }
}
