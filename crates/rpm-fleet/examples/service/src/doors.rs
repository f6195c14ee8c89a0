//! The endpoints.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use rpm_core::personalizer::PersonalizerError;
use rpm_core::{Interaction, ItemId, Query};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::told::{Answered, Asked, Recorded, ToForget};
use crate::users::Users;
use crate::who::Who;

/// Tells how long a kind of request took, however it ends.
struct Timed(&'static str, Instant);

impl Timed {
    fn of(door: &'static str) -> Self {
        Self(door, Instant::now())
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        metrics::histogram!("service_seconds", "door" => self.0).record(self.1.elapsed().as_secs_f64());
    }
}

pub(crate) async fn record(
    State(users): State<Users>,
    Who(user): Who,
    Json(recorded): Json<Recorded>,
) -> Result<Json<Value>, Failure> {
    let _timed = Timed::of("record");
    let Recorded { id, text, response, at } = recorded;
    let read = Query::new(text).and_then(|query| Interaction::new(id, query, response));
    let interaction = read.map_err(PersonalizerError::from)?;
    let interaction = match at {
        Some(at) => interaction.at(at),
        None => interaction,
    };
    Ok(Json(users.record(&user, interaction).await?))
}

pub(crate) async fn answer(
    State(users): State<Users>,
    Who(user): Who,
    Json(asked): Json<Asked>,
) -> Result<Json<Answered>, Failure> {
    let _timed = Timed::of("answer");
    let told = users.personalizer.answer(&user, asked.text).await?;
    metrics::counter!("service_answers", "tier" => format!("{:?}", told.answer.support.tier)).increment(1);
    // Offline none; with a model, what it is asked and bills.
    let usage = told.answer.usage.total();
    metrics::counter!("service_model_calls").increment(usage.calls);
    metrics::counter!("service_model_calls_failed").increment(usage.failed_calls);
    metrics::counter!("service_model_tokens", "of" => "input").increment(usage.input_tokens);
    metrics::counter!("service_model_tokens", "of" => "output").increment(usage.output_tokens);
    Ok(Json(Answered::of(&told)))
}

pub(crate) async fn explain(
    State(users): State<Users>,
    Who(user): Who,
    Json(asked): Json<Asked>,
) -> Result<Json<Value>, Failure> {
    let _timed = Timed::of("explain");
    let told = users.personalizer.answer(&user, asked.text).await?;
    let what_if = users.personalizer.what_if(&told).await?;
    Ok(Json(json!({
        "answer": Answered::of(&told),
        "sum": told.reasons.waterfall().map(|sum| sum.to_string()),
        "without": what_if.in_words(),
    })))
}

/// What is known of the user, for the user: as a page to browsers, else as text.
pub(crate) async fn profile(
    State(users): State<Users>,
    Who(user): Who,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let _timed = Timed::of("profile");
    let profile = users.personalizer.profile(&user).await?;
    let wants_page =
        headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|a| a.contains("html"));
    Ok(if wants_page { Html(profile.html()).into_response() } else { profile.to_string().into_response() })
}

pub(crate) async fn forget(
    State(users): State<Users>,
    Who(user): Who,
    Json(to_forget): Json<ToForget>,
) -> Result<Json<Value>, Failure> {
    let _timed = Timed::of("forget");
    let items: Result<Vec<ItemId>, _> = to_forget.items.into_iter().map(ItemId::new).collect();
    let receipt = users.forget(&user, items.map_err(PersonalizerError::from)?).await?;
    Ok(Json(json!({ "receipt": receipt })))
}

pub(crate) async fn delete(State(users): State<Users>, Who(user): Who) -> Result<Json<Value>, Failure> {
    let _timed = Timed::of("delete");
    Ok(Json(json!({ "was_there": users.delete(&user).await? })))
}

/// Whether the store answers, and on Postgres what an operator should know.
pub(crate) async fn health(State(users): State<Users>) -> Result<Json<Value>, Failure> {
    Ok(Json(users.health().await?))
}
