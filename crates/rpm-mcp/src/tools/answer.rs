//! `answer`: answers the way the user would.

use rmcp::model::Tool;
use rpm_core::Task;
use rpm_core::explain::Reasons;
use rpm_core::stats::Source;
use serde_json::Value;

use super::{Call, Outcome, schemas};
use crate::error::ToolError;
use crate::results::{AnswerResult, Reason};

pub(super) fn tool(task: &Task) -> Tool {
    let query = schemas::query(task);
    let names: Vec<String> = query.keys().cloned().collect();
    let needed: Vec<&str> = names.iter().map(String::as_str).collect();
    let what = "Gives the response that this user would give to a new question, with what moved it and how much of them it rests on. It is an \
                estimate of theirs, not their word: do not record it.";
    Tool::new("answer", what, schemas::object(Value::Object(query), &needed))
        .with_output_schema::<AnswerResult>()
        .with_annotations(schemas::annotations("Answer as this user would", true, false, true))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let arguments = call.with_query(&[])?;
    let query = arguments.query(call.shared.task())?;
    let query = query.ok_or_else(|| ToolError::of("query", "is missing: give it"))?;
    let began = call.shared.last.began(call.user);
    let told = call.shared.personalizer.answer(call.user, &query).await?;
    let (words, result) = (told.reasons.in_words(), result_of(&told.reasons));
    call.shared.last.keep(call.user, began, query, told);
    Outcome::done(words, &result)
}

pub(super) fn result_of(reasons: &Reasons) -> AnswerResult {
    let estimate = reasons.estimate.as_ref();
    let reason = |it: &rpm_core::explain::Contribution| Reason {
        name: it.name.clone(),
        factor: match &it.source {
            Source::Factor(id) => Some(id.to_string()),
            _ => None,
        },
        added: it.added,
        points: it.points,
    };
    AnswerResult {
        response: reasons.response.clone(),
        by_model: reasons.by_model,
        probability: estimate.map(|estimate| estimate.probability(&reasons.response)),
        expected: estimate.and_then(rpm_core::stats::Estimate::expected),
        past_answers: reasons.interactions,
        support: reasons.support.tier.as_str().to_owned(),
        reasons: reasons.contributions.iter().map(reason).collect(),
    }
}
