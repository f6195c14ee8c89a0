//! Has a model judge which features swayed a response.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::StageContext;
use crate::data::text::fold;
use crate::data::{AssignedFeature, Judgement, MemoryItem, Polarity};
use crate::llm::{
    Ask, AskError, Completion, CompletionRequest, Inquiry, Plan, ReplySchema, Rest, Stage, Verdict, note, unless_cut,
};
use crate::prompt::{self, Prompt, alias, is_about, place, read_cut_items};

use super::{FactorError, FitRequest, lacking, object, tokens};

/// Rows judged in one request: small models mix up more.
const ROWS_PER_REQUEST: usize = 4;

#[derive(Deserialize)]
struct JudgedItem {
    #[serde(default, alias = "id")]
    about: Value,
    features: Vec<Value>,
}

#[derive(Deserialize)]
struct JudgedFeature {
    id: String,
    influential: Value,
    polarity: String,
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
    let rows: Vec<&MemoryItem> = request.rows.iter().filter(|row| !row.features().is_empty()).collect();
    let plan = Plan { parts: rows.len(), per_request: ROWS_PER_REQUEST, rest: Rest::Alone, reasks: max_reasks };
    let mut judged = ctx.ask_parts(plan, &mut Judging { request, rows: &rows, ctx }).await.into_iter();
    let row = |row: &MemoryItem| {
        // A row without features has nothing to judge and was not asked about.
        let judged = if row.features().is_empty() { Some(Ok(Vec::new())) } else { judged.next() };
        judged.unwrap_or(Err(AskError::NoResult)).map_err(FactorError::from)
    };
    request.rows.iter().map(row).collect()
}

/// Rows whose features a model is asked to judge.
struct Judging<'a> {
    request: FitRequest<'a>,
    rows: &'a [&'a MemoryItem],
    ctx: &'a StageContext<'a>,
}

/// A row with what is judged of it so far, and the places of its features that are not.
struct Open<'a> {
    row: &'a MemoryItem,
    judged: Row,
    features: Vec<usize>,
}

/// The judgement of each feature of a row.
type Row = Vec<Option<Judgement>>;

impl<'a> Judging<'a> {
    fn open(&self, ask: &Ask<'_, Row>) -> Vec<Open<'a>> {
        let open = |part: &usize| {
            let row = *self.rows.get(*part)?;
            let judged = ask.partial(*part).cloned().unwrap_or_else(|| vec![None; row.features().len()]);
            Some(Open { row, features: unjudged(&judged), judged })
        };
        ask.parts().iter().filter_map(open).collect()
    }
}

impl Inquiry<Row> for Judging<'_> {
    fn request(&self, ask: &Ask<'_, Row>) -> Option<CompletionRequest> {
        let (task, open) = (self.request.task, self.open(ask));
        let (mut text, mut most, mut sum) = (String::new(), 0, 0);
        for (place, Open { row, features, .. }) in open.iter().enumerate() {
            let features = features.iter().filter_map(|place| row.features().get(*place));
            let features: Vec<AssignedFeature> = features.cloned().map(AssignedFeature::unknown).collect();
            (most, sum) = (most.max(features.len()), sum + features.len() + 1);
            let item = prompt::item(task, row.query(), &features, &[], self.ctx.redaction());
            let response = prompt::inline(&self.ctx.leaving(row.response()));
            let name = task.response_name_str();
            let _ = writeln!(text, "[{}]\n{item}\n{name}: {response}", alias('t', place));
        }
        let values =
            prompt::task_values(task).set("items", text).set("note", ask.problem().map(note).unwrap_or_default());
        let messages = self.ctx.prompts().render(Prompt::Judge, &values);
        let request = CompletionRequest::new(Stage::Judge, messages, tokens(40, sum))
            .schema(schema(open.len(), most))
            .about(open.iter().map(|open| open.row.id().as_str()));
        Some(request)
    }

    fn read(&mut self, ask: &Ask<'_, Row>, completion: &Completion) -> Vec<Verdict<Row>> {
        // Every judgement of a cut list stands for itself.
        let (found, problem): (Vec<JudgedItem>, String) = match read_cut_items(&completion.text, "items") {
            Ok(read) => {
                if !read.repairs.is_empty() {
                    self.ctx.ledger().enter_repair(Stage::Judge);
                }
                (read.items, lacking(completion))
            }
            Err(error) => (Vec::new(), unless_cut(error.problem(), completion)),
        };
        let (open, rows) = (self.open(ask), ask.parts().len());
        let verdict = |(position, Open { mut judged, features, .. }): (usize, Open<'_>)| {
            let of_row = |item: &&JudgedItem| is_about(&item.about, found.len(), position, rows);
            found.iter().filter(of_row).for_each(|item| fill(&mut judged, &features, item));
            if judged.iter().all(Option::is_some) {
                return Verdict::Done(judged);
            }
            let partial = judged.iter().any(Option::is_some).then_some(judged);
            Verdict::Again { problem: Some(problem.clone()), partial }
        };
        open.into_iter().enumerate().map(verdict).collect()
    }
}

/// The shape of judgements of so many rows, with at most so many features each.
fn schema(rows: usize, features: usize) -> ReplySchema {
    let texts: Vec<String> = (0..rows).map(|place| alias('t', place)).collect();
    let ids: Vec<String> = (0..features).map(|place| alias('x', place)).collect();
    let feature = object(
        &json!({
            "id": { "type": "string", "enum": ids },
            "influential": { "type": "boolean" },
            "polarity": { "type": "string", "enum": ["positive", "neutral", "negative"] },
        }),
        &["id", "influential", "polarity"],
    );
    let judged = json!({ "type": "array", "items": feature, "minItems": 1, "maxItems": features });
    let item =
        object(&json!({ "about": { "type": "string", "enum": texts }, "features": judged }), &["about", "features"]);
    let items = json!({ "type": "array", "items": item, "minItems": rows, "maxItems": rows });
    ReplySchema { name: "judgements", schema: object(&json!({ "items": items }), &["items"]) }
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
