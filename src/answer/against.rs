//! Tells a reason that says the opposite of what the user's own statistics say.

use crate::data::{FactorId, ResponseSpace};
use crate::stats::{Estimate, Source};

use super::AnswerRequest;

/// On a scale, as near to the user's mean as this a response is neither high nor low, in points.
const NEAR: f64 = 0.5;

/// True when a factor speaks against a response: on a scale it moves the mean away from it, elsewhere it makes it less likely. By its part
/// in the deciding estimate, where it has one, else by the factor's own counts.
pub(super) fn speaks_against(
    request: &AnswerRequest<'_>,
    deciding: Option<&Estimate>,
    factor: &FactorId,
    response: &str,
) -> bool {
    let beliefs = request.beliefs;
    let Some(factor) = beliefs.factors().get(factor) else { return false };
    let part = |parts: Vec<(&Source, f64)>| {
        let of = |(source, added): (&Source, f64)| {
            matches!(source, Source::Factor(id) if id == factor.id()).then_some(added)
        };
        parts.into_iter().find_map(of)
    };
    let summary = beliefs.summary(factor, Some(request.query));
    if let ResponseSpace::Scale { .. } = request.task.space() {
        let points = request.task.space().fixed_responses().unwrap_or_default();
        let mean: f64 = points.iter().filter_map(|point| Some(point.parse::<f64>().ok()? * beliefs.base(point))).sum();
        let side = response.parse::<f64>().map_or(0.0, |point| point - mean);
        let moves = deciding.and_then(|estimate| part(estimate.contributions_to_mean()));
        let moves = moves.or_else(|| summary.difference.map(|difference| difference.difference)).unwrap_or_default();
        return side.abs() > NEAR && side * moves < 0.0;
    }
    let counted = || {
        let belief = summary.responses.iter().find(|belief| belief.response == response)?;
        Some(belief.propensity - belief.base)
    };
    deciding
        .and_then(|estimate| part(estimate.contributions(response)))
        .or_else(counted)
        .is_some_and(|added| added < 0.0)
}
