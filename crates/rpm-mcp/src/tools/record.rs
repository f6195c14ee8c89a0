//! `record`: takes in what the user answered.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::Tool;
use rpm_core::pipeline::ObserveOutcome;
use rpm_core::{Interaction, ItemId, Query, StoredError, Task, UserId};
use serde_json::{Value, json};

use super::{Call, Outcome, schemas};
use crate::error::ToolError;
use crate::limits;
use crate::results::{NotRecorded, RecordResult};
use crate::server::Shared;

pub(super) fn tool(task: &Task) -> Tool {
    let mut entry = schemas::query(task);
    let mut needed: Vec<&str> = entry.keys().map(String::as_str).collect();
    needed.push("response");
    let needed: Vec<String> = needed.into_iter().map(str::to_owned).collect();
    entry.insert("response".to_owned(), schemas::response(task));
    let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
    let entry = schemas::object(Value::Object(entry), &needed);
    let records = json!({"type": "array", "minItems": 1, "maxItems": limits::RECORDS, "items": entry,
        "description": "What the user answered, the oldest first."});
    let what = "Records what this user answered, so that later answers are theirs. Only what they said or did themselves: never a guess, and never \
                what `answer` gave. Recording the same again counts it again.";
    Tool::new("record", what, schemas::object(json!({"records": records}), &["records"]))
        .with_output_schema::<RecordResult>()
        .with_annotations(schemas::annotations("Record answers", false, false, false))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let task = call.shared.task();
    let known: Vec<&str> = schemas::query_fields(task).iter().chain(&["response"]).copied().collect();
    let arguments = call.arguments(&["records"])?;
    let entries = arguments.entries("records", limits::RECORDS, &known)?;
    let entries = entries.ok_or_else(|| ToolError::of("records", "is missing: give a list of 1 or more"))?;
    let mut answers = Vec::with_capacity(entries.len());
    for entry in &entries {
        let query = entry.query(task)?.ok_or_else(|| ToolError::of(entry.name("query"), "is missing: give it"))?;
        let response = entry.response("response")?;
        let response = task.check_response(&entry.name("response"), &query, &response);
        answers.push((query, response.map_err(|error| ToolError::of_data(&error))?));
    }
    let result = call
        .shared
        .finish(call.user, Some(GRACE), record(Arc::clone(call.shared), call.user.clone(), answers))
        .await??;
    if result.interactions.is_empty() {
        let reason = result.not_recorded.first().map_or("", |first| first.reason.as_str());
        return Err(ToolError::new(format!("nothing was recorded: {reason}")));
    }
    let mut words = format!("Recorded: {}.", result.interactions.len());
    if !result.not_recorded.is_empty() {
        words = format!("{words} Not recorded: {}.", result.not_recorded.len());
    }
    Outcome::done(words, &result)
}

/// How long a recording goes on after its call was cancelled: enough for a save that was begun, and no wait for a model.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The revision of what is held of the user; 0 for somebody new.
pub(super) async fn revision(shared: &Shared, user: &UserId) -> Result<u64, ToolError> {
    match shared.personalizer.stored().load(user).await {
        Ok(held) => Ok(held.model.revision()),
        Err(StoredError::UnknownUser { .. }) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Records these in one step, all that can be.
async fn record(shared: Arc<Shared>, user: UserId, answers: Vec<(Query, String)>) -> Result<RecordResult, ToolError> {
    let revision = revision(&shared, &user).await?;
    let interaction = |(place, (query, response)): (usize, (Query, String))| {
        let id = id_of(revision, place, &query, &response);
        Interaction::new(id, query, response).map_err(|error| ToolError::of_data(&error))
    };
    let new = answers.into_iter().enumerate().map(interaction).collect::<Result<Vec<_>, _>>()?;
    record_as(&shared, &user, new).await
}

/// Records these under the ids they have. Those that are known, the same in all, are as good as recorded.
pub(super) async fn record_as(
    shared: &Shared,
    user: &UserId,
    new: Vec<Interaction>,
) -> Result<RecordResult, ToolError> {
    let ids: Vec<ItemId> = new.iter().map(|it| it.id().clone()).collect();
    let report = shared.personalizer.record_all(user, new).await?;
    let (mut interactions, mut not_recorded) = (Vec::new(), Vec::new());
    for item in report.items {
        let place = ids.iter().position(|id| *id == item.id).unwrap_or_default();
        let mut fails = |reason: String| not_recorded.push(NotRecorded { place, reason });
        match item.outcome {
            ObserveOutcome::Failed { stage, reason } => {
                fails(format!("its features could not be found ({}): {reason}; record it again", stage.as_str()));
            }
            ObserveOutcome::Overtaken => {
                fails("something was forgotten meanwhile; record it again if it is to stay".to_owned());
            }
            ObserveOutcome::Conflicting => {
                fails("another answer was recorded at the same moment; record it again".to_owned());
            }
            _ => interactions.push((place, item.id.to_string())),
        }
    }
    interactions.sort();
    if !interactions.is_empty() {
        shared.tell_changed(user);
    }
    Ok(RecordResult { interactions: interactions.into_iter().map(|(_, id)| id).collect(), not_recorded })
}

/// An id that puts answers in the order in which they were recorded, and within one call in the order in which they were given. Two
/// writers at one revision make one id of the same answer at the same place only.
fn id_of(revision: u64, place: usize, query: &Query, response: &str) -> String {
    let texts = [query.text(), response].into_iter().chain(query.options().iter().map(String::as_str));
    id(revision, place, &super::mark(texts))
}

/// The id of what was answered at a revision, at this place of its call, by a mark of its content.
pub(super) fn id(revision: u64, place: usize, mark: &str) -> String {
    format!("{revision:010}-{place:02}-{mark:.12}")
}
