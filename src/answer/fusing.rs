//! Puts an estimate and a model's view together for an answer, or says why the model has no part in it.

use crate::stats::{FusedEstimate, Fusion, ModelView, Unfused};

use super::{AnswerError, AnswerRequest};

/// The fused estimate of a query, with its decision in the task's spelling.
pub(super) fn fused(
    fusion: &Fusion,
    request: &AnswerRequest<'_>,
    view: ModelView,
) -> Result<(FusedEstimate, String), AnswerError> {
    let estimate = request.estimate.ok_or(AnswerError::NoBasis { missing: "the estimate" })?;
    let fused = fusion.fuse(estimate, view);
    let fused = fused.ok_or(AnswerError::NoBasis { missing: "a view of the query's responses" })?;
    let response = request.task.parse_response(request.query, fused.estimate.decision());
    let response = response.ok_or(AnswerError::NoBasis { missing: "a response inside the task's space" })?;
    Ok((fused, response))
}

/// Why an answer may be given without the model that failed so; `None` where it may not.
pub(super) fn spared(error: &AnswerError, falls_back: bool) -> Option<Unfused> {
    match error {
        error if error.budget_reached().is_some() => Some(Unfused::Budget),
        AnswerError::Ask(_) if falls_back => Some(Unfused::Failed),
        _ => None,
    }
}
