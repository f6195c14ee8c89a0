use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::text::fold;
use crate::data::{AssignedFeature, Judgement, Polarity};
use crate::llm::{CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, AskError, Prompt, StageContext, alias, is_about, place, read_cut_items};

use super::{FactorError, FitRequest, items, object, tokens};

/// Rows judged in one request: small models mix up more.
const ROWS_PER_REQUEST: usize = 4;

#[derive(Deserialize)]
struct JudgedItem {
    #[serde(default, alias = "id")]
    about: Value,
    features: Vec<Value>,
}

/// A row, by position, and its features that are not judged yet.
struct Open {
    row: usize,
    features: Vec<usize>,
}

#[derive(Deserialize)]
struct JudgedFeature {
    id: String,
    influential: Value,
    polarity: String,
}

fn judge_request(
    request: FitRequest<'_>,
    batch: &[Open],
    problem: Option<&str>,
    ctx: &StageContext<'_>,
) -> CompletionRequest {
    let (mut text, mut most, mut sum) = (String::new(), 0, 0);
    let rows = batch.iter().filter_map(|open| Some((open, request.rows.get(open.row)?)));
    for (place, (open, row)) in rows.clone().enumerate() {
        let features = open.features.iter().filter_map(|place| row.features().get(*place));
        let features: Vec<AssignedFeature> = features.cloned().map(AssignedFeature::unknown).collect();
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
    CompletionRequest::new(Stage::Judge, messages, tokens(40, sum))
        .schema(ReplySchema { name: "judgements", schema })
        .about(rows.map(|(_, row)| row.id().as_str()))
}

/// Fills in what the reply judged of the features `asked` about; the first judgement of a feature stands.
fn fill(judged: &mut [Option<Judgement>], asked: &[usize], item: &JudgedItem) {
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
        let slot = place('x', &feature.id).and_then(|place| judged.get_mut(*asked.get(place)?));
        if let (Some(slot), Some(influential), Some(polarity)) = (slot, influential, polarity) {
            slot.get_or_insert(Judgement { influential, polarity });
        }
    }
}

/// Asks whether each feature of each row swayed its response. A re-ask shows only the features that lack a judgement, and
/// what it adds is put to what was judged before; a row of which nothing was judged is an error.
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
        let open: Vec<Open> = judged
            .iter()
            .enumerate()
            .filter(|(row, _)| !failed.contains_key(row))
            .map(|(row, judged)| Open { row, features: unjudged(judged) })
            .filter(|open| !open.features.is_empty())
            .collect();
        if open.is_empty() {
            break;
        }
        let batches: Vec<&[Open]> = open.chunks(if attempt == 0 { ROWS_PER_REQUEST } else { 1 }).collect();
        let requests: Vec<CompletionRequest> = batches
            .iter()
            .map(|batch| {
                let problem = batch.first().and_then(|open| problems.get(&open.row)).map(String::as_str);
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
                    failed.extend(batch.iter().map(|open| (open.row, cause.take().unwrap_or(AskError::NoResult))));
                    continue;
                }
            };
            // Every judgement of a cut list stands for itself.
            let read = read_cut_items(&completion.text, "items");
            let (found, problem): (Vec<JudgedItem>, _) = items(Stage::Judge, read, &completion, ctx);
            for (position, open) in batch.iter().enumerate() {
                let of_row = |item: &&JudgedItem| is_about(&item.about, found.len(), position, batch.len());
                if let Some(row) = judged.get_mut(open.row) {
                    found.iter().filter(of_row).for_each(|item| fill(row, &open.features, item));
                }
                problems.insert(open.row, problem.clone());
            }
        }
    }
    let finish = |(i, row): (usize, Vec<Option<Judgement>>)| {
        if row.is_empty() || row.iter().any(Option::is_some) {
            return Ok(row);
        }
        if let Some(error) = failed.remove(&i) {
            return Err(error.into());
        }
        let problem = problems.remove(&i).unwrap_or_else(|| "no reply".to_owned());
        Err(AskError::Unusable { attempts: max_reasks + 1, problem }.into())
    };
    judged.into_iter().enumerate().map(finish).collect()
}

fn unjudged(row: &[Option<Judgement>]) -> Vec<usize> {
    row.iter().enumerate().filter(|(_, judged)| judged.is_none()).map(|(place, _)| place).collect()
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
        let item = JudgedItem { about: json!("t1"), features };
        fill(&mut judged, &[0, 1], &item);
        let negative = Some(Judgement { influential: true, polarity: Polarity::Negative });
        assert_eq!(judged, [None, negative]);
        // Of a request about the third feature only, x2 is none.
        let mut judged = vec![None; 3];
        fill(&mut judged, &[2], &item);
        assert_eq!(judged, [None, None, None]);
        fill(&mut judged, &[0, 2], &item);
        assert_eq!(judged, [None, None, negative]);
    }
}
