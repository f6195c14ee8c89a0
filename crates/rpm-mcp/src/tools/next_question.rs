//! `next_question`: which question would tell most of the user, and asking it where the client can.

use std::sync::Arc;

use rmcp::model::Tool;
use rpm_core::stats::NextQuestion;
use rpm_core::{Interaction, Query, StoredError, Task, UserId};
use serde_json::{Value, json};

use super::{Call, Outcome, record, schemas};
use crate::asking::Asked;
use crate::error::ToolError;
use crate::limits;
use crate::results::{NextQuestionResult, Question, RecordedResponse};

pub(super) fn tool(task: &Task, has_questions: bool) -> Tool {
    let query = schemas::query(task);
    let names: Vec<String> = query.keys().cloned().collect();
    let needed: Vec<&str> = names.iter().map(String::as_str).collect();
    let entry = schemas::object(Value::Object(query), &needed);
    let (where_from, required) = if has_questions {
        ("The questions to choose from; without them, those of the host.", &[][..])
    } else {
        ("The questions to choose from: 10 or more of the kind that will be asked.", &["candidates"][..])
    };
    let properties = json!({
        "candidates": {"type": "array", "minItems": 1, "maxItems": limits::CANDIDATES, "items": entry, "description": where_from},
        "ask": {"type": "boolean", "default": true,
            "description": "Have the client put it to the user, and record what they answer. False: only tell which it is."},
    });
    let what = "Finds the question whose answer would tell most of how this user answers the others. Where the client can ask its user, it is asked, and \
                their answer is recorded; else ask them yourself, and `record` what they say.";
    Tool::new("next_question", what, schemas::object(properties, required))
        .with_output_schema::<NextQuestionResult>()
        .with_annotations(schemas::annotations("Which question to ask", false, false, false))
}

pub(super) async fn call(call: &Call<'_>) -> Result<Outcome, ToolError> {
    let arguments = call.arguments(&["candidates", "ask"])?;
    let task = call.shared.task();
    let pool = match arguments.entries("candidates", limits::CANDIDATES, schemas::query_fields(task))? {
        Some(entries) => {
            let query = |entry: &crate::arguments::Arguments<'_>| {
                entry.query(task)?.ok_or_else(|| ToolError::of(entry.name("query"), "is missing: give it"))
            };
            entries.iter().map(query).collect::<Result<Vec<_>, _>>()?
        }
        None => call.shared.questions.clone(),
    };
    if pool.is_empty() {
        return Err(ToolError::of("candidates", "is missing, and the host has no questions of its own: give some"));
    }
    if call.asking.is_again() {
        return put(call, asked_before(call, &pool).await?).await;
    }
    let ask = arguments.flag("ask")?.unwrap_or(true);
    let (found, revision) = find(call, &pool).await?;
    let chosen = found.map(|found| (of(task, &found), found.query));
    let Some((question, query)) = chosen else {
        let none = NextQuestionResult { question: None, user_said: None, recorded: None };
        return Outcome::done("No answer to one of these would tell anything to speak of.", &none);
    };
    if ask { put(call, Chosen { question, query, revision }).await } else { tell(question, None) }
}

/// A question that is put to the user.
struct Chosen {
    question: Question,
    query: Query,
    /// That of the user when it was chosen.
    revision: u64,
}

impl Chosen {
    /// A mark of the question and whose it is, so that an answer to another one is not taken for one to this.
    fn mark(&self, user: &UserId) -> String {
        let options = self.query.options().iter().map(String::as_str);
        super::mark(["question", user.as_str(), self.query.text()].into_iter().chain(options))
    }

    /// What the client sends with the reply.
    fn state(&self, user: &UserId) -> String {
        format!("{}.{}.{}", self.question.place, self.revision, self.mark(user))
    }
}

/// The question, and the revision of the user of whom it was found.
async fn find(call: &Call<'_>, pool: &[Query]) -> Result<(Option<NextQuestion>, u64), ToolError> {
    let stored = call.shared.personalizer.stored();
    let held = match stored.open(call.user).await {
        Err(StoredError::UnknownUser { .. }) => {
            let pipeline = stored.pipeline();
            let nobody = pipeline.newcomer(call.user.clone()).await.map_err(|error| ToolError::from(&error))?;
            let nobody = pipeline.open(nobody).await.map_err(|error| ToolError::from(&error))?;
            return Ok((nobody.next_question(pool), 0));
        }
        held => held?,
    };
    Ok((held.next_question(pool), held.model().revision()))
}

fn of(task: &Task, found: &NextQuestion) -> Question {
    Question {
        place: found.place,
        query: found.query.text().to_owned(),
        responses: task.responses(&found.query),
        reason: Some(found.reason()),
        expected_bits: Some(found.expected_bits),
    }
}

/// The question that the client was asked to put to its user, by what it was to send again: all of that has to fit.
async fn asked_before(call: &Call<'_>, pool: &[Query]) -> Result<Chosen, ToolError> {
    let other = || {
        ToolError::new(
            "the reply to the form is to no question of these candidates, and was not recorded: call again from the start",
        )
    };
    let state = call.asking.state().ok_or_else(other)?;
    let mut parts = state.split('.');
    let place = parts.next().and_then(|place| place.parse::<usize>().ok()).ok_or_else(other)?;
    let revision = parts.next().and_then(|revision| revision.parse::<u64>().ok()).ok_or_else(other)?;
    let query = pool.get(place).cloned().ok_or_else(other)?;
    let (text, responses) = (query.text().to_owned(), call.shared.task().responses(&query));
    let question = Question { place, query: text, responses, reason: None, expected_bits: None };
    let chosen = Chosen { question, query, revision };
    // A revision that the user has not had yet is that of somebody who was forgotten since.
    if chosen.state(call.user) != state || revision > record::revision(call.shared, call.user).await? {
        return Err(other());
    }
    Ok(chosen)
}

fn tell(question: Question, said: Option<&str>) -> Result<Outcome, ToolError> {
    let words = match said {
        None => {
            let why = question.reason.as_deref().unwrap_or("it was found to tell most");
            format!("Ask this user: {}\nWhy: {why}.", question.query)
        }
        Some(how) => format!("The user was asked, and did not answer ({how}). Do not ask again now."),
    };
    Outcome::done(
        words,
        &NextQuestionResult { question: Some(question), user_said: said.map(str::to_owned), recorded: None },
    )
}

/// Has the client put it to the user.
async fn put(call: &Call<'_>, chosen: Chosen) -> Result<Outcome, ToolError> {
    let (task, state) = (call.shared.task(), chosen.state(call.user));
    let question = &chosen.question;
    let field = if question.responses.is_empty() {
        json!({"type": "string", "title": task.response_name_str(), "minLength": 1})
    } else {
        json!({"type": "string", "title": task.response_name_str(), "enum": question.responses})
    };
    let fields = json!({"type": "object", "properties": {"response": field}, "required": ["response"]});
    let message = format!("{}\n\n{}", task.instruction(), question.query);
    let form = match call.asking.ask(message, fields, &state).await {
        Asked::Cannot | Asked::Failed => return tell(chosen.question, None),
        Asked::Refused(how) => return tell(chosen.question, Some(how)),
        Asked::Later(form) => return Ok(Outcome::Ask(form)),
        Asked::Accepted(form) => form,
    };
    let response = form.get("response").and_then(Value::as_str).unwrap_or_default();
    let response = task.check_response("the form's `response`", &chosen.query, response);
    let response = response.map_err(|error| ToolError::of_data(&error))?;
    // By the question as it was put and not by what was said, so that a reply that comes twice is recorded once.
    let id = record::id(chosen.revision, 0, &chosen.mark(call.user));
    let new = Interaction::new(id, chosen.query, response.clone()).map_err(|error| ToolError::of_data(&error))?;
    let (shared, user) = (Arc::clone(call.shared), call.user.clone());
    let recording = async move { record::record_as(&shared, &user, vec![new]).await };
    let done = call.shared.finish(call.user, Some(record::GRACE), recording).await??;
    let Some(interaction) = done.interactions.into_iter().next() else {
        let reason = done.not_recorded.into_iter().next().map(|it| it.reason).unwrap_or_default();
        return Err(ToolError::new(format!("the user answered, and it was not recorded: {reason}")));
    };
    let recorded = Some(RecordedResponse { interaction, response });
    let (question, user_said) = (Some(chosen.question), Some("accept".to_owned()));
    Outcome::done("The user answered, and it is recorded.", &NextQuestionResult { question, user_said, recorded })
}
