use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::text::fold;
use crate::data::{AssignedFeature, Judgement, Polarity};
use crate::llm::{CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, AskError, Prompt, StageContext};

use super::{FactorError, FitRequest, alias, items, object, place, tokens};

/// Rows judged in one request: small models mix up more.
const ROWS_PER_REQUEST: usize = 4;

#[derive(Deserialize)]
struct JudgedItem {
    #[serde(alias = "id", rename = "about")]
    id: String,
    features: Vec<Value>,
}

#[derive(Deserialize)]
struct JudgedFeature {
    id: String,
    influential: Value,
    polarity: String,
}

fn judge_request(
    request: FitRequest<'_>,
    batch: &[usize],
    problem: Option<&str>,
    ctx: &StageContext<'_>,
) -> CompletionRequest {
    let (mut text, mut most, mut sum) = (String::new(), 0, 0);
    for (place, row) in batch.iter().filter_map(|i| request.rows.get(*i)).enumerate() {
        let features: Vec<AssignedFeature> = row.features().iter().cloned().map(AssignedFeature::unknown).collect();
        (most, sum) = (most.max(features.len()), sum + features.len() + 1);
        let item = prompt::item(request.task, row.query(), &features, &[], ctx);
        let response = prompt::inline(&ctx.leaving(row.response()));
        let name = request.task.response_name_str();
        let _ = writeln!(text, "[{}]\n{item}\n{name}: {response}", alias('t', place));
    }
    let values =
        prompt::task_values(request.task).set("items", text).set("note", problem.map(prompt::note).unwrap_or_default());
    let texts: Vec<String> = (0..batch.len()).map(|place| alias('t', place)).collect();
    let features: Vec<String> = (0..most).map(|place| alias('x', place)).collect();
    let feature = object(
        &json!({
            "id": { "type": "string", "enum": features },
            "influential": { "type": "boolean" },
            "polarity": { "type": "string", "enum": ["positive", "neutral", "negative"] },
        }),
        &["id", "influential", "polarity"],
    );
    let features = json!({ "type": "array", "items": feature, "minItems": 1, "maxItems": most });
    let item =
        object(&json!({ "about": { "type": "string", "enum": texts }, "features": features }), &["about", "features"]);
    let items = json!({ "type": "array", "items": item, "minItems": texts.len(), "maxItems": texts.len() });
    let schema = object(&json!({ "items": items }), &["items"]);
    let messages = ctx.prompts().render(Prompt::Judge, &values);
    CompletionRequest::new(Stage::Judge, messages, tokens(40, sum)).schema(ReplySchema { name: "judgements", schema })
}

/// Fills in what the reply judged; the first judgement of a feature stands.
fn fill(judged: &mut [Option<Judgement>], item: &JudgedItem) {
    for feature in item.features.iter().filter_map(|value| JudgedFeature::deserialize(value).ok()) {
        let influential = match &feature.influential {
            Value::Bool(influential) => Some(*influential),
            Value::String(word) => fold(word).parse().ok(),
            _ => None,
        };
        let polarity = match fold(&feature.polarity).as_str() {
            "positive" => Some(Polarity::Positive),
            "neutral" => Some(Polarity::Neutral),
            "negative" => Some(Polarity::Negative),
            _ => None,
        };
        let slot = place('x', &feature.id).and_then(|place| judged.get_mut(place));
        if let (Some(slot), Some(influential), Some(polarity)) = (slot, influential, polarity) {
            slot.get_or_insert(Judgement { influential, polarity });
        }
    }
}

/// Asks whether each feature of each row swayed its response. What a re-ask adds is put to what was judged before.
pub(super) async fn judge(
    request: FitRequest<'_>,
    max_reasks: u32,
    ctx: &StageContext<'_>,
) -> Vec<Result<Vec<Option<Judgement>>, FactorError>> {
    let mut judged: Vec<Vec<Option<Judgement>>> =
        request.rows.iter().map(|row| vec![None; row.features().len()]).collect();
    let mut failed: BTreeMap<usize, AskError> = BTreeMap::new();
    let mut problems: BTreeMap<usize, String> = BTreeMap::new();
    for attempt in 0..=max_reasks {
        let unjudged = |(i, row): (usize, &Vec<Option<Judgement>>)| {
            (row.iter().any(Option::is_none) && !failed.contains_key(&i)).then_some(i)
        };
        let open: Vec<usize> = judged.iter().enumerate().filter_map(unjudged).collect();
        let batches: Vec<&[usize]> = open.chunks(if attempt == 0 { ROWS_PER_REQUEST } else { 1 }).collect();
        let requests: Vec<CompletionRequest> = batches
            .iter()
            .map(|batch| {
                let problem = batch.first().and_then(|i| problems.get(i)).map(String::as_str);
                judge_request(request, batch, problem, ctx)
            })
            .collect();
        let completions = ctx.complete_all(&requests, attempt > 0).await;
        for (batch, completion) in batches.into_iter().zip(completions) {
            let completion = match completion {
                Ok(completion) => completion,
                Err(error) => {
                    // One failure stands for the whole batch; its first row carries the cause.
                    let mut cause = Some(error);
                    failed.extend(batch.iter().map(|i| (*i, cause.take().unwrap_or(AskError::NoResult))));
                    continue;
                }
            };
            let (found, problem): (Vec<JudgedItem>, _) = items(Stage::Judge, "items", &completion, ctx);
            for (position, i) in batch.iter().enumerate() {
                // A single text needs no id to be told apart.
                let of_row = |item: &&JudgedItem| batch.len() == 1 || place('t', &item.id) == Some(position);
                if let (Some(item), Some(row)) = (found.iter().find(of_row), judged.get_mut(*i)) {
                    fill(row, item);
                }
                problems.insert(*i, problem.clone());
            }
        }
    }
    let finish = |(i, row): (usize, Vec<Option<Judgement>>)| {
        if let Some(error) = failed.remove(&i) {
            return Err(error.into());
        }
        if row.iter().any(Option::is_none) {
            let problem = problems.remove(&i).unwrap_or_else(|| "no reply".to_owned());
            return Err(AskError::Unusable { attempts: max_reasks + 1, problem }.into());
        }
        Ok(row)
    };
    judged.into_iter().enumerate().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements_are_kept_by_alias_and_the_first_stands() {
        let features = vec![
            json!({ "id": "X2", "influential": "true", "polarity": "Negative" }),
            json!({ "id": "x2", "influential": false, "polarity": "neutral" }),
            json!({ "id": "x7", "influential": true, "polarity": "neutral" }),
            json!({ "id": "x1", "influential": "perhaps", "polarity": "neutral" }),
        ];
        let mut judged = vec![None; 2];
        fill(&mut judged, &JudgedItem { id: "t1".to_owned(), features });
        assert_eq!(judged, [None, Some(Judgement { influential: true, polarity: Polarity::Negative })]);
    }
}
