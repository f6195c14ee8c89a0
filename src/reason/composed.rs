//! Composes reasoning paths from the statistics, without a model.

use async_trait::async_trait;

use super::Supports;
use crate::context::StageContext;
use crate::data::{
    AssignedFeature, Factor, Feature, MemoryItem, PathError, PathOrigin, PathStep, Polarity, Query, ReasoningPath,
};
use crate::stats::{Beliefs, MeanDifference, lift};

use super::{PathRequest, PathWriter, WriteError};

/// Composes paths from the statistics, without a model: the features that speak most for the response, each with the
/// count behind it.
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

/// The path of a new query to a response, by what its factors' counts say.
pub(crate) fn compose(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    response: &str,
) -> Result<ReasoningPath, WriteError> {
    Ok(path(query, features, beliefs, response, MAX_STEPS)?)
}

/// The path of a new query to a response, by how much the estimate depends on each factor: its order is that of the
/// supports, and it says of no factor that it speaks for a response that is likelier without it.
pub(crate) fn compose_supported(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    response: &str,
    supports: &Supports,
) -> Result<ReasoningPath, WriteError> {
    let weigh = |assigned: &AssignedFeature| match &assigned.factor {
        Some(id) => supports.of(id).unwrap_or(f64::MIN),
        None => f64::NEG_INFINITY,
    };
    let state = |assigned: &AssignedFeature| {
        let words = quoted(&assigned.feature, query);
        let known = assigned.factor.as_ref().and_then(|id| beliefs.factors().get(id));
        let Some(factor) = known else { return unknown_beside(&words, response, supports) };
        let counted = counted_of(factor, beliefs, response);
        let Some(without) = supports.without.get(factor.id()) else {
            return format!("{words} is all there is to go by for {response}: {counted}");
        };
        let for_it = supports.of(factor.id()).is_some_and(|support| support > 0.0);
        let direction = if for_it { FOR } else { NOT_FOR };
        let with_and_without = match (supports.with.expected, without.expected) {
            (Some(with), Some(without)) => format!("{with:.2} expected with it and {without:.2} without"),
            _ => {
                let (with, without) = (100.0 * supports.with.probability, 100.0 * without.probability);
                format!("the estimate is {with:.1}% with it and {without:.1}% without")
            }
        };
        format!("{words} {direction} {response}: {with_and_without}; {counted}")
    };
    Ok(cited(features, response, MAX_STEPS, weigh, state)?)
}

/// The path of a new query to a title that took up these features of it, which come first.
pub(crate) fn compose_title(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    title: &str,
    taken: impl Fn(&Feature) -> bool,
) -> Result<ReasoningPath, WriteError> {
    let factor = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| beliefs.factors().get(id));
    let inside = |f: &AssignedFeature| taken(&f.feature);
    let most = features.iter().filter_map(factor).map(|f| weight(beliefs, f, title)).fold(0.0, f64::max);
    let weigh = |f: &AssignedFeature| {
        let ahead = if inside(f) { 1.0 + most } else { 0.0 };
        factor(f).map_or(0.0, |known| weight(beliefs, known, title) + ahead)
    };
    let state = |f: &AssignedFeature| {
        let words = quoted(&f.feature, query);
        let how = if inside(f) { "was taken up" } else { "is present" };
        factor(f).map_or_else(|| unknown(&words), |factor| seen_with(&words, how, factor, beliefs))
    };
    Ok(cited(features, title, MAX_STEPS, weigh, state)?)
}

fn path(
    query: &Query,
    features: &[AssignedFeature],
    beliefs: &Beliefs<'_>,
    response: &str,
    max_steps: usize,
) -> Result<ReasoningPath, PathError> {
    let factor = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| beliefs.factors().get(id));
    let weigh = |f: &AssignedFeature| factor(f).map_or(0.0, |factor| weight(beliefs, factor, response));
    cited(features, response, max_steps, weigh, |f| statement(query, f, factor(f), beliefs, response))
}

/// A path over the features of most weight: one step per factor, and after the first only features of weight above 0.
fn cited(
    features: &[AssignedFeature],
    response: &str,
    max_steps: usize,
    weigh: impl Fn(&AssignedFeature) -> f64,
    state: impl Fn(&AssignedFeature) -> String,
) -> Result<ReasoningPath, PathError> {
    let mut weighed: Vec<(f64, usize, &AssignedFeature)> =
        features.iter().enumerate().map(|(place, feature)| (weigh(feature), place, feature)).collect();
    weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut steps: Vec<PathStep> = Vec::new();
    for (weight, place, feature) in weighed {
        let repeated = |step: &PathStep| feature.factor.is_some() && feature.factor == step.factor;
        if steps.len() >= max_steps || (!steps.is_empty() && weight <= 0.0) || steps.iter().any(repeated) {
            continue;
        }
        steps.push(PathStep { feature: place, factor: feature.factor.clone(), text: state(feature) });
    }
    let bare: Vec<_> = features.iter().map(|f| f.feature.clone()).collect();
    let factor_of = |place: usize| features.get(place).and_then(|f| f.factor.clone());
    ReasoningPath::new(steps, response, PathOrigin::Statistics, &bare, factor_of)
}

/// The claim of a composed step about a factor.
const FOR: &str = "speaks for";
const NOT_FOR: &str = "does not speak for";

/// True when a step of a query's path claims that its factor sways towards the response. A step that a model wrote
/// does; one that was composed from the statistics says so or not.
pub(crate) fn claims_support(
    query: &Query,
    features: &[AssignedFeature],
    path: &ReasoningPath,
    step: &PathStep,
) -> bool {
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

/// The weight of a factor for a response: log lift, weighed by how often the factor was seen.
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
    let Some(factor) = factor else { return unknown(&words) };
    if beliefs.task().space().is_open_ended() {
        let taken = feature.feature.judgement().is_some_and(|j| j.influential && j.polarity == Polarity::Positive);
        return seen_with(&words, if taken { "was taken up" } else { "is present" }, factor, beliefs);
    }
    let raises = lift(beliefs.propensity(factor, response), beliefs.base(response)) > 1.0;
    let direction = if raises { FOR } else { NOT_FOR };
    format!("{words} {direction} {response}: {}", counted(factor, beliefs, response))
}

/// On a scale how much higher or lower responses are with a factor, otherwise how often the response came with it.
fn counted_of(factor: &Factor, beliefs: &Beliefs<'_>, response: &str) -> String {
    let Some(MeanDifference { difference, interval, .. }) = beliefs.difference(factor) else {
        return counted(factor, beliefs, response);
    };
    let (seen, total) = (factor.stats().coverage, beliefs.factors().totals().interactions);
    let side = if difference < 0.0 { "lower" } else { "higher" };
    format!(
        "with \"{}\" (seen in {seen} of {total}) it was {:.2} {side} than without [{:+.2} to {:+.2}]{}",
        factor.label(),
        difference.abs(),
        interval.low,
        interval.high,
        beside_most(factor, beliefs, response),
    )
}

/// What most people would have responded, where it is known.
fn beside_most(factor: &Factor, beliefs: &Beliefs<'_>, response: &str) -> String {
    let most = beliefs.contrast(factor.id()).and_then(|contrast| contrast.in_words(response));
    most.map(|most| format!("; {most}")).unwrap_or_default()
}

/// How often a response came with a factor, and how often it is estimated to.
fn counted(factor: &Factor, beliefs: &Beliefs<'_>, response: &str) -> String {
    let (seen, total) = (factor.stats().coverage, beliefs.factors().totals().interactions);
    let belief = beliefs.response(factor, response);
    let most = beside_most(factor, beliefs, response);
    format!(
        "with \"{}\" (seen in {seen} of {total}) it came {:.0} times, estimated {:.0}% [{:.0}–{:.0}%], against {:.0}% overall{most}",
        factor.label(),
        belief.count,
        100.0 * belief.propensity,
        100.0 * belief.interval.low,
        100.0 * belief.interval.high,
        100.0 * belief.base,
    )
}

fn seen_with(words: &str, how: &str, factor: &Factor, beliefs: &Beliefs<'_>) -> String {
    let (seen, total) = (factor.stats().coverage, beliefs.factors().totals().interactions);
    format!("{words} {how}; the factor \"{}\" was seen in {seen} of {total}", factor.label())
}

/// The least probability that is worth a word.
const LEAST_ADDED: f64 = 0.0005;

/// The same beside a population, which may have moved the estimate all the same.
fn unknown_beside(words: &str, response: &str, supports: &Supports) -> String {
    match supports.others {
        Some((users, added)) if added.abs() >= LEAST_ADDED => {
            let (how, points) = (if added < 0.0 { "less" } else { "more" }, 100.0 * added.abs());
            let unknown = unknown(words);
            format!("{unknown}; what {users} others respond makes {response} {points:.1} points {how} likely")
        }
        _ => unknown(words),
    }
}

fn unknown(words: &str) -> String {
    format!("{words} is no factor of this person")
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

    fn follows_from_statistics(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "composed"
    }
}
