//! `next_question`: which question would tell most of the user, and asking it where the client can.

use rmcp::model::Tool;
use rpm_core::stats::NextQuestion;
use rpm_core::{Query, StoredError, Task};
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
    let ask = arguments.flag("ask")?.unwrap_or(true);
    let found = find(call, &pool).await?.map(|found| of(task, &found));
    // A client that was asked to show a form says again which question it is of.
    let found = match call.asking.state() {
        Some(state) => Some(asked_before(task, &pool, state, found)?),
        None => found,
    };
    let Some(question) = found else {
        let none = NextQuestionResult { question: None, user_said: None, recorded: None };
        return Outcome::done("No answer to one of these would tell anything to speak of.", &none);
    };
    if ask { put(call, &pool, question).await } else { tell(question, None) }
}

async fn find(call: &Call<'_>, pool: &[Query]) -> Result<Option<NextQuestion>, ToolError> {
    let stored = call.shared.personalizer.stored();
    match stored.next_question(call.user, pool).await {
        Err(StoredError::UnknownUser { .. }) => {
            let pipeline = stored.pipeline();
            let nobody = pipeline.newcomer(call.user.clone()).await.map_err(|error| ToolError::from(&error))?;
            let nobody = pipeline.open(nobody).await.map_err(|error| ToolError::from(&error))?;
            Ok(nobody.next_question(pool))
        }
        found => Ok(found?),
    }
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

/// The question that the client was asked to put to its user, which is told as it was where it would be asked now, too.
fn asked_before(task: &Task, pool: &[Query], state: &str, now: Option<Question>) -> Result<Question, ToolError> {
    let place = state.parse().ok().filter(|place: &usize| *place < pool.len());
    let asked = place.and_then(|place| Some((place, pool.get(place)?)));
    let (place, query) = asked.ok_or_else(|| {
        ToolError::of("candidates", "are others than those the question was chosen from: call again from the start")
    })?;
    let same = now.filter(|now| now.place == place);
    let (text, responses) = (query.text().to_owned(), task.responses(query));
    Ok(same.unwrap_or(Question { place, query: text, responses, reason: None, expected_bits: None }))
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
async fn put(call: &Call<'_>, pool: &[Query], question: Question) -> Result<Outcome, ToolError> {
    let task = call.shared.task();
    let field = if question.responses.is_empty() {
        json!({"type": "string", "title": task.response_name_str(), "minLength": 1})
    } else {
        json!({"type": "string", "title": task.response_name_str(), "enum": question.responses})
    };
    let fields = json!({"type": "object", "properties": {"response": field}, "required": ["response"]});
    let message = format!("{}\n\n{}", task.instruction(), question.query);
    let form = match call.asking.ask(message, fields, &question.place.to_string()).await {
        Asked::Cannot | Asked::Failed => return tell(question, None),
        Asked::Refused(how) => return tell(question, Some(how)),
        Asked::Later(form) => return Ok(Outcome::Ask(form)),
        Asked::Accepted(form) => form,
    };
    let response = form.get("response").and_then(Value::as_str).unwrap_or_default();
    let query =
        pool.get(question.place).cloned().ok_or_else(|| ToolError::of("candidates", "are others than before"))?;
    let response = task.check_response("the form's `response`", &query, response);
    let response = response.map_err(|error| ToolError::of_data(&error))?;
    let done = record::record(call, vec![(query, response.clone())]).await?;
    let Some(interaction) = done.interactions.into_iter().next() else {
        let reason = done.not_recorded.into_iter().next().map(|it| it.reason).unwrap_or_default();
        return Err(ToolError::new(format!("the user answered, and it was not recorded: {reason}")));
    };
    let recorded = Some(RecordedResponse { interaction, response });
    let (question, user_said) = (Some(question), Some("accept".to_owned()));
    Outcome::done("The user answered, and it is recorded.", &NextQuestionResult { question, user_said, recorded })
}
