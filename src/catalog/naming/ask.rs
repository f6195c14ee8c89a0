//! The inquiry about factors: how they are shown to a model, and what it proposes.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalog::CatalogFactor;
use crate::context::StageContext;
use crate::data::Task;
use crate::llm::{Ask, Completion, CompletionRequest, Inquiry, ReplySchema, Stage, Verdict, note, unless_cut};
use crate::prompt::{self, Prompt, Reply, ReplyError, alias, place, read_reply};

use super::label::{ABOUT_CHARS, LABEL_CHARS};

/// The most terms shown of a factor.
const TERMS: usize = 10;
/// The most pairs and splits that a reply may have, and parts of a split.
const MOST_CHANGES: usize = 5;
const MOST_PARTS: usize = 4;
/// Tokens of a reply for each factor and for the rest.
const TOKENS_EACH: usize = 80;
const TOKENS_BESIDE: usize = 300;

/// What was proposed for one factor.
#[derive(Clone, Default)]
pub(super) struct Proposed {
    pub(super) name: String,
    pub(super) about: String,
}

/// A proposal to split a factor, by its place among those asked about.
#[derive(Clone)]
pub(super) struct ProposedSplit {
    pub(super) factor: usize,
    pub(super) parts: Vec<Part>,
}

/// A part that a factor is proposed to be split into.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) terms: Vec<String>,
}

/// Factors that a model is asked to name, and what it proposed besides.
pub(super) struct Naming<'a> {
    pub(super) task: &'a Task,
    pub(super) factors: &'a [CatalogFactor],
    pub(super) ctx: &'a StageContext<'a>,
    /// Pairs of places that are one.
    pub(super) merges: Vec<(usize, usize)>,
    pub(super) splits: Vec<ProposedSplit>,
    /// The place of the first factor of a request whose merge or split names none that was shown.
    pub(super) unknown: Vec<(usize, bool)>,
    pub(super) replies: usize,
}

/// A reply, each part of it for itself so that a bad one does not cost the others.
#[derive(Deserialize)]
struct Names {
    factors: Map<String, Value>,
    #[serde(default)]
    merge: Value,
    #[serde(default)]
    split: Value,
}

/// A split as it stands in a reply.
#[derive(Deserialize)]
struct SplitItem {
    #[serde(alias = "id")]
    factor: String,
    parts: Vec<Part>,
}

/// The names in a reply; also bare, as models give them that no schema holds.
fn read_names(reply: &str) -> Result<Reply<Names>, ReplyError> {
    match read_reply::<Names>(reply) {
        Err(error @ ReplyError::WrongShape { .. }) => match read_reply::<Map<String, Value>>(reply) {
            Ok(Reply { value, repairs }) if value.keys().any(|id| place('c', id).is_some()) => {
                Ok(Reply { value: Names { factors: value, merge: Value::Null, split: Value::Null }, repairs })
            }
            _ => Err(error),
        },
        read => read,
    }
}

/// What a reply says of one factor; `None` for what is no proposal.
fn proposed(value: &Value) -> Option<Proposed> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    match value {
        Value::String(name) => Some(Proposed { name: name.clone(), about: String::new() }),
        Value::Object(fields) if fields.contains_key("name") => {
            Some(Proposed { name: text("name"), about: text("about") })
        }
        _ => None,
    }
}

impl<'a> Naming<'a> {
    pub(super) fn new(task: &'a Task, factors: &'a [CatalogFactor], ctx: &'a StageContext<'a>) -> Self {
        Self { task, factors, ctx, merges: Vec::new(), splits: Vec::new(), unknown: Vec::new(), replies: 0 }
    }

    /// The lines that show one factor.
    fn shown(&self, place: usize, factor: &CatalogFactor) -> String {
        let terms = factor.terms().iter().take(TERMS).map(|term| format!("{} {:.2}", term.term(), term.weight()));
        let terms: Vec<String> = terms.collect();
        let name = prompt::inline(&self.ctx.leaving(factor.label()));
        let mut text = format!("[{}] {name}", alias('c', place));
        if let Some(texts) = factor.texts() {
            let _ = write!(text, ", in {texts} texts");
        }
        let terms = self.ctx.leaving(&terms.join("; "));
        let _ = writeln!(text, "\n{}", prompt::frame(&terms));
        text
    }

    fn meant(ids: &[usize], id: &str) -> Option<usize> {
        place('c', id).and_then(|place| ids.get(place)).copied()
    }

    /// Takes in the pairs that a reply says are one.
    fn enter_merges(&mut self, ids: &[usize], merge: &Value) {
        for group in merge.as_array().into_iter().flatten().take(MOST_CHANGES) {
            let group = group.as_array().map(Vec::as_slice).unwrap_or_default();
            let places: Vec<Option<usize>> =
                group.iter().map(|id| id.as_str().and_then(|id| Self::meant(ids, id))).collect();
            let known: Vec<usize> = places.iter().copied().flatten().collect();
            match known.split_first() {
                Some((first, others)) if !others.is_empty() && known.len() == places.len() => {
                    self.merges.extend(others.iter().map(|other| (*first, *other)));
                }
                _ => self.unknown.extend(ids.first().map(|first| (*first, false))),
            }
        }
    }

    fn enter_splits(&mut self, ids: &[usize], split: &Value) {
        for item in split.as_array().into_iter().flatten().take(MOST_CHANGES) {
            let read = SplitItem::deserialize(item).ok();
            let known = read.and_then(|item| Some((Self::meant(ids, &item.factor)?, item.parts)));
            match known {
                Some((factor, parts)) => self.splits.push(ProposedSplit { factor, parts }),
                None => self.unknown.extend(ids.first().map(|first| (*first, true))),
            }
        }
    }
}

impl Inquiry<Proposed> for Naming<'_> {
    fn request(&self, ask: &Ask<'_, Proposed>) -> Option<CompletionRequest> {
        let factors = ask.parts().iter().filter_map(|part| self.factors.get(*part)).enumerate();
        let text: String = factors.map(|(place, factor)| self.shown(place, factor)).collect();
        let values = prompt::task_values(self.task)
            .set("factors", text)
            .set("note", ask.problem().map(note).unwrap_or_default());
        let count = ask.parts().len();
        let tokens = u32::try_from(TOKENS_EACH * count + TOKENS_BESIDE).unwrap_or(u32::MAX).min(4_096);
        let messages = self.ctx.prompts().render(Prompt::Catalog, &values);
        Some(CompletionRequest::new(Stage::Group, messages, tokens).schema(schema(count)))
    }

    fn read(&mut self, ask: &Ask<'_, Proposed>, completion: &Completion) -> Vec<Verdict<Proposed>> {
        self.replies += 1;
        let ids = ask.parts();
        let again = |problem: &str| Verdict::Again { problem: Some(unless_cut(problem, completion)), partial: None };
        let names = match read_names(&completion.text) {
            Ok(reply) => self.ctx.accept(Stage::Group, reply),
            Err(error) => return ids.iter().map(|_| again(&error.problem())).collect(),
        };
        // Asked again it is about the names alone: of what it sees then it has said before what goes together.
        if ask.is_first() {
            self.enter_merges(ids, &names.merge);
            self.enter_splits(ids, &names.split);
        }
        let mut found: Vec<Option<Proposed>> = vec![None; ids.len()];
        for (id, value) in &names.factors {
            if let (Some(slot), Some(said)) = (place('c', id).and_then(|place| found.get_mut(place)), proposed(value)) {
                slot.get_or_insert(said);
            }
        }
        let lacking = "some ids were missing or not in the form asked for; only those are listed here";
        found.into_iter().map(|said| said.map_or_else(|| again(lacking), Verdict::Done)).collect()
    }
}

fn object(properties: &Value, required: &[impl serde::Serialize]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The shape of a reply about so many factors.
fn schema(factors: usize) -> ReplySchema {
    let ids: Vec<String> = (0..factors).map(|place| alias('c', place)).collect();
    let name = json!({ "type": "string", "maxLength": LABEL_CHARS });
    let about = json!({ "type": "string", "maxLength": ABOUT_CHARS });
    let named = object(&json!({ "name": name, "about": about }), &["name", "about"]);
    let all: Map<String, Value> = ids.iter().map(|id| (id.clone(), named.clone())).collect();
    let id = json!({ "type": "string", "enum": ids });
    let pair = json!({ "type": "array", "items": id, "minItems": 2, "maxItems": 2 });
    let terms = json!({ "type": "array", "items": { "type": "string", "maxLength": 80 }, "maxItems": TERMS });
    let part = object(&json!({ "name": name, "terms": terms }), &["name", "terms"]);
    let parts = json!({ "type": "array", "items": part, "minItems": 2, "maxItems": MOST_PARTS });
    let split = object(&json!({ "factor": id, "parts": parts }), &["factor", "parts"]);
    let merges = json!({ "type": "array", "items": pair, "maxItems": MOST_CHANGES });
    let splits = json!({ "type": "array", "items": split, "maxItems": MOST_CHANGES });
    let whole = json!({ "factors": object(&json!(all), &ids), "merge": merges, "split": splits });
    ReplySchema { name: "names", schema: object(&whole, &["factors", "merge", "split"]) }
}
