//! `explain`: what an answer rests on, and what it would be without each of these.

use rmcp::model::Tool;
use rpm_core::explain::WhatIf;
use rpm_core::personalizer::Told;
use rpm_core::{Query, StoredError, Task};
use serde_json::{Value, json};

use super::{Call, Outcome, answer, schemas};
use crate::error::ToolError;
use crate::results::{ExplainResult, Similar, Without};

pub(super) fn tool(task: &Task) -> Tool {
    let mut properties = schemas::query(task);
    let what_if = json!({"type": "boolean", "default": false,
        "description": "Also take each reason away in turn and answer again. Where a model answers, each costs a request to it."});
    properties.insert("what_if".to_owned(), what_if);
    let what = "Explains the last answer given to this user, or the answer to a question: what moved it, the past answers it rests on, and with \
                `what_if` what it would be without each.";
    Tool::new("explain", what, schemas::object(Value::Object(properties), &[]))
        .with_output_schema::<ExplainResult>()
        .with_annotations(schemas::annotations("Explain an answer", true, false, true))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let arguments = call.with_query(&["what_if"])?;
    let tests = arguments.flag("what_if")?.unwrap_or_default();
    if arguments.has("options") && !arguments.has("query") {
        return Err(ToolError::of(
            "options",
            "is for the question in `query`: give both, or neither for the last answer",
        ));
    }
    let began = call.shared.last.began(call.user);
    let (query, told) = match arguments.query(call.shared.task())? {
        Some(query) => (query.clone(), call.shared.personalizer.answer(call.user, query).await?),
        None => last(call).await?,
    };
    let what_if = if tests { Some(call.shared.personalizer.what_if(&told).await?) } else { None };
    let mut words = told.to_string();
    if let Some(tested) = &what_if {
        words = format!("{words}\n\n{}", tested.in_words());
    }
    let similar = |it: &rpm_core::explain::ExemplarSummary| Similar {
        interaction: it.item.to_string(),
        query: it.query.clone(),
        response: it.response.clone(),
        similarity: it.similarity,
    };
    let result = ExplainResult {
        query: query.text().to_owned(),
        answer: answer::result_of(&told.reasons),
        similar: told.reasons.exemplars.iter().map(similar).collect(),
        what_if: what_if.as_ref().map(without),
    };
    call.shared.last.keep(call.user, began, query, told);
    Outcome::done(words, &result)
}

/// The last answer to this user, or another one to the same question where what is known of them has changed since.
async fn last(call: &Call<'_>) -> Result<(Query, Told), ToolError> {
    let none = "is missing, and this server has given this user no answer of late: give the question to explain";
    let (query, told) = call.shared.last.of(call.user).ok_or_else(|| ToolError::of("query", none))?;
    if let Some(told) = told
        && is_current(call, &told).await?
    {
        return Ok((query, told));
    }
    let told = call.shared.personalizer.answer(call.user, &query).await?;
    Ok((query, told))
}

/// True while the user is as they were when the answer was given, but for what was written for it.
async fn is_current(call: &Call<'_>, told: &Told) -> Result<bool, ToolError> {
    let before = told.user.model();
    let held = match call.shared.personalizer.stored().load(call.user).await {
        Ok(held) => held.model.digest(),
        Err(StoredError::UnknownUser { .. }) => return Ok(before.memory().is_empty()),
        Err(error) => return Err(error.into()),
    };
    if held == before.digest() {
        return Ok(true);
    }
    let mut with_paths = before.clone();
    let adopted = with_paths.adopt_paths(told.answer.written_paths.iter().cloned());
    Ok(adopted.is_ok() && held == with_paths.digest())
}

fn without(found: &WhatIf) -> Vec<Without> {
    let factors = found.factors.iter().map(|it| Without {
        factor: Some(it.factor.id.to_string()),
        interaction: None,
        name: it.factor.label.clone(),
        effect: it.effect.size,
        response: it.effect.response.clone(),
        flips: it.effect.flips,
    });
    let exemplars = found.exemplars.iter().map(|it| Without {
        factor: None,
        interaction: Some(it.item.to_string()),
        name: it.query.clone(),
        effect: it.effect.size,
        response: it.effect.response.clone(),
        flips: it.effect.flips,
    });
    let mut all: Vec<Without> = factors.chain(exemplars).collect();
    all.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    all
}
