use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::data::{AssignedFeature, Feature, FeatureKey, limits};
use crate::llm::{Completion, CompletionRequest, FinishReason, ReplySchema, Stage};
use crate::prompt::{self, AskError, Items, Prompt, StageContext, read_items};

use super::lexicon::valence_of;
use super::{Dropped, ExtractError, Extraction, FeatureExtractor, Observation, ground};

/// Asks a model for the features of queries, several at a time, and keeps those whose quote it finds in the query.
///
/// An item that is missing from a reply, or unreadable in it, is asked for again by itself; so is one of several of which
/// nothing named could be kept. The others keep what they got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedExtractor {
    items_per_request: usize,
    max_features: usize,
    max_reasks: u32,
}

impl Default for PromptedExtractor {
    fn default() -> Self {
        Self { items_per_request: 1, max_features: 6, max_reasks: 1 }
    }
}

impl PromptedExtractor {
    /// Queries in one request, from 1 (the default) to 32. More cost fewer tokens; small models then mix the texts up or
    /// name the same few features for all (`docs/decisions` has the measurement).
    #[must_use]
    pub fn items_per_request(mut self, items: usize) -> Self {
        self.items_per_request = items.clamp(1, 32);
        self
    }

    /// The most features asked for and kept per query, from 1 to 32. Default: 6.
    #[must_use]
    pub fn max_features(mut self, features: usize) -> Self {
        self.max_features = features.clamp(1, 32);
        self
    }

    /// How often an item without a usable reply is asked for again, by itself. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    fn request(
        &self,
        group: &[(usize, &Observation<'_>)],
        problem: Option<&str>,
        ctx: &StageContext<'_>,
    ) -> Option<CompletionRequest> {
        let (_, first) = group.first()?;
        let mut items = String::new();
        for (place, (_, seen)) in group.iter().enumerate() {
            let text = ctx.leaving(seen.query.text());
            let _ = writeln!(items, "[{}]\n{}", alias(place), prompt::frame(&text));
        }
        let values = prompt::task_values(first.task)
            .set("max_features", self.max_features.to_string())
            .set("known_factors", first.known.map(|known| prompt::known_factors(known, ctx)).unwrap_or_default())
            .set("items", items)
            .set("note", problem.map(prompt::note).unwrap_or_default());
        let messages = ctx.prompts().render(Prompt::Extract, &values);
        let per_item = 60 * u32::try_from(self.max_features).unwrap_or(32) + 40;
        let max_tokens = per_item.saturating_mul(u32::try_from(group.len()).unwrap_or(1)).min(4_096);
        let ids: Vec<String> = (0..group.len()).map(alias).collect();
        Some(CompletionRequest::new(Stage::Extract, messages, max_tokens).schema(self.schema(&ids)))
    }

    fn schema(&self, ids: &[String]) -> ReplySchema {
        let feature = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 60 },
                "quote": { "type": "string", "maxLength": 160 },
            },
            "required": ["name", "quote"],
            "additionalProperties": false,
        });
        let item = json!({
            "type": "object",
            "properties": {
                "about": { "type": "string", "enum": ids },
                "features": { "type": "array", "items": feature, "maxItems": self.max_features },
            },
            "required": ["about", "features"],
            "additionalProperties": false,
        });
        let items = json!({ "type": "array", "items": item, "minItems": ids.len(), "maxItems": ids.len() });
        let schema = json!({
            "type": "object", "properties": { "items": items }, "required": ["items"], "additionalProperties": false,
        });
        ReplySchema { name: "features", schema }
    }

    /// A feature that was found in another way, checked as this extractor's own finds are.
    pub(crate) fn keep_one(seen: &Observation<'_>, name: String, quote: String) -> Extraction {
        Self::default().keep(seen, vec![FoundFeature { name, quote }])
    }

    fn keep(&self, seen: &Observation<'_>, found: Vec<FoundFeature>) -> Extraction {
        let mut extraction = Extraction::default();
        let mut keys: BTreeSet<FeatureKey> = BTreeSet::new();
        for feature in found {
            let name = feature.name.split_whitespace().collect::<Vec<_>>().join(" ");
            if is_echo(&name, seen) || name.len() > limits::ID_BYTES {
                extraction.dropped.unusable_name += 1;
                continue;
            }
            let Some(span) = ground(seen.query.text(), &feature.quote) else {
                extraction.dropped.ungrounded += 1;
                continue;
            };
            let valence =
                valence_of(&name).or_else(|| seen.query.text().get(span.start..span.end).and_then(valence_of));
            let Ok(mut kept) = Feature::new(seen.query, name, span) else {
                extraction.dropped.unusable_name += 1;
                continue;
            };
            if let Some(valence) = valence {
                kept = kept.with_valence(valence);
            }
            if !keys.insert(kept.key()) {
                extraction.dropped.repeated += 1;
            } else if extraction.features.len() >= self.max_features {
                extraction.dropped.over_limit += 1;
            } else {
                extraction.features.push(AssignedFeature::unknown(kept));
            }
        }
        extraction
    }
}

#[derive(Deserialize)]
struct FoundItem {
    #[serde(alias = "id")]
    about: String,
    features: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct FoundFeature {
    name: String,
    #[serde(alias = "context")]
    quote: String,
}

fn alias(place: usize) -> String {
    format!("t{}", place + 1)
}

/// True for a name that repeats the request's own words instead of naming something in the text.
fn is_echo(name: &str, seen: &Observation<'_>) -> bool {
    const ECHOES: [&str; 18] = [
        // The wording's own examples.
        "runs small",
        "helpful staff",
        "feature",
        "features",
        "name",
        "quote",
        "context",
        "text",
        "factor",
        "influence",
        "polarity",
        "rating",
        "response",
        "review",
        "query",
        "genre",
        "genres",
        "string",
    ];
    let key = FeatureKey::of(name);
    let key = key.as_str();
    ECHOES.contains(&key)
        || key.chars().filter(|c| c.is_alphabetic()).count() < 2
        || key == FeatureKey::of(seen.task.query_name_str()).as_str()
        || key == FeatureKey::of(seen.task.response_name_str()).as_str()
}

/// What a reply lacks, in words for the model.
fn problem(completion: &Completion, unreadable: usize) -> String {
    match completion.finish {
        FinishReason::Length => "it was cut off at the length limit; list fewer features".to_owned(),
        _ if unreadable > 0 => "an item had not the form asked for".to_owned(),
        _ => "the text's id was missing".to_owned(),
    }
}

#[async_trait]
impl FeatureExtractor for PromptedExtractor {
    async fn extract(&self, seen: Observation<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let mut results = self.extract_batch(&[seen], ctx).await;
        results.pop().unwrap_or(Err(ExtractError::Ask(AskError::NoResult)))
    }

    async fn extract_batch(
        &self,
        seen: &[Observation<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let mut done: Vec<Option<Result<Extraction, ExtractError>>> = seen.iter().map(|_| None).collect();
        let mut problems: BTreeMap<usize, String> = BTreeMap::new();
        for attempt in 0..=self.max_reasks {
            let missing: Vec<(usize, &Observation<'_>)> =
                seen.iter().enumerate().filter(|(i, _)| done.get(*i).is_some_and(Option::is_none)).collect();
            if missing.is_empty() {
                break;
            }
            let size = if attempt == 0 { self.items_per_request } else { 1 };
            let groups: Vec<&[(usize, &Observation<'_>)]> = missing.chunks(size).collect();
            let requests: Vec<CompletionRequest> = groups
                .iter()
                .filter_map(|group| {
                    let problem = group.first().and_then(|(i, _)| problems.get(i)).map(String::as_str);
                    self.request(group, problem, ctx)
                })
                .collect();
            let completions = ctx.complete_all(&requests, attempt > 0).await;
            for (group, completion) in groups.into_iter().zip(completions) {
                let completion = match completion {
                    Ok(completion) => completion,
                    Err(error) => {
                        // One failure stands for the whole group; the first item carries its cause.
                        let other = error.of_another();
                        let mut error = Some(error);
                        for (i, _) in group {
                            let cause = error.take().unwrap_or_else(|| other.of_another());
                            if let Some(slot) = done.get_mut(*i) {
                                *slot = Some(Err(cause.into()));
                            }
                        }
                        continue;
                    }
                };
                let read: Result<Items<FoundItem>, _> = read_items(&completion.text, "items");
                let (mut items, unreadable) = match read {
                    Ok(read) => {
                        if !read.repairs.is_empty() {
                            ctx.ledger().enter_repair(Stage::Extract);
                        }
                        (read.items, read.unreadable)
                    }
                    Err(_) => (Vec::new(), 1),
                };
                // A single text needs no id to be told apart.
                if let ([_], [only]) = (group, items.as_mut_slice()) {
                    only.about = alias(0);
                }
                for (place, (i, observation)) in group.iter().enumerate() {
                    let found = items.iter().find(|item| item.about == alias(place));
                    match found {
                        Some(item) => {
                            let readable: Vec<FoundFeature> =
                                item.features.iter().filter_map(|f| FoundFeature::deserialize(f).ok()).collect();
                            let unusable = item.features.len() - readable.len();
                            let mut extraction = self.keep(observation, readable);
                            extraction.dropped.add(&Dropped { unusable_name: unusable, ..Dropped::default() });
                            // Small models mix up several texts; by itself each is read well.
                            let mixed_up = extraction.features.is_empty() && extraction.dropped.total() > 0;
                            if mixed_up && group.len() > 1 && attempt < self.max_reasks {
                                problems
                                    .insert(*i, "none of its features is named and quoted from the text".to_owned());
                            } else if let Some(slot) = done.get_mut(*i) {
                                *slot = Some(Ok(extraction));
                            }
                        }
                        None => {
                            problems.insert(*i, problem(&completion, unreadable));
                        }
                    }
                }
            }
        }
        let unusable = |i: usize| {
            let problem = problems.get(&i).cloned().unwrap_or_else(|| "no reply".to_owned());
            Err(AskError::Unusable { attempts: self.max_reasks + 1, problem }.into())
        };
        done.into_iter().enumerate().map(|(i, result)| result.unwrap_or_else(|| unusable(i))).collect()
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "prompted"
    }
}
