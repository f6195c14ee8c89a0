use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::data::{AssignedFeature, Feature, FeatureKey, Span, limits};
use crate::llm::{Completion, CompletionRequest, FinishReason, ReplySchema, Stage};
use crate::prompt::{
    self, AskError, Prompt, ReplyItems, Sources, StageContext, alias, is_about, read_cut_items, read_items,
};

use super::lexicon::valence_of;
use super::names::{is_echo, is_kind, parts, short_name};
use super::{
    Dropped, ExtractError, Extraction, ExtractionRequest, FeatureExtractor, LexicalExtractor, ReplyReading, ground,
};

/// Asks a model for the features of queries, several at a time, and keeps those whose quote it finds in the query.
///
/// An item that is missing from a reply, or unreadable in it, is asked for again by itself; the others keep what they got.
/// Of one whose reply was cut, and cut again, the features that were whole are kept. A text of which a reply about several
/// names nothing is asked about by itself too, since another text may have led the model to pass it over. Of one whose listed
/// features are all unusable to the end, such as echoes of the request's examples, the first key phrases of its own words are
/// taken ([`ReplyReading::Words`]): without a feature an interaction could serve no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedExtractor {
    items_per_request: usize,
    max_features: usize,
    max_reasks: u32,
    from_words: usize,
}

impl Default for PromptedExtractor {
    fn default() -> Self {
        Self { items_per_request: 1, max_features: 6, max_reasks: 1, from_words: 2 }
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

    /// How many features are read off a query's own words where the model listed some and none could be used, from 0 for
    /// none to 32. Default: 2.
    #[must_use]
    pub fn from_words(mut self, features: usize) -> Self {
        self.from_words = features.min(32);
        self
    }

    /// What is left of a query's features in the end: its words', where the model listed some and none could be used.
    fn or_words(&self, seen: &ExtractionRequest<'_>, extraction: Extraction) -> Extraction {
        if !extraction.features.is_empty() || extraction.dropped.total() == 0 || self.from_words == 0 {
            return extraction;
        }
        let mut features = LexicalExtractor::default().read(seen).features;
        features.truncate(self.from_words);
        let reading = if features.is_empty() { extraction.reading } else { ReplyReading::Words };
        Extraction { features, reading, ..extraction }
    }

    fn request(
        &self,
        group: &[(usize, &ExtractionRequest<'_>)],
        problem: Option<&str>,
        ctx: &StageContext<'_>,
    ) -> Option<CompletionRequest> {
        let (_, first) = group.first()?;
        let mut items = String::new();
        for (place, (_, seen)) in group.iter().enumerate() {
            let text = ctx.leaving(seen.query.text());
            let _ = writeln!(items, "[{}]\n{}", alias('t', place), prompt::frame(&text));
        }
        let values = prompt::task_values(first.task)
            .set("max_features", self.max_features.to_string())
            .set("known_factors", first.known.map(|known| prompt::known_factors(known, ctx)).unwrap_or_default())
            .set("items", items)
            .set("note", problem.map(prompt::note).unwrap_or_default());
        let messages = ctx.prompts().render(Prompt::Extract, &values);
        let per_item = 60 * u32::try_from(self.max_features).unwrap_or(32) + 40;
        let max_tokens = per_item.saturating_mul(u32::try_from(group.len()).unwrap_or(1)).min(4_096);
        let ids: Vec<String> = (0..group.len()).map(|place| alias('t', place)).collect();
        let own = group.iter().map(|(_, seen)| seen.item);
        let about = match first.known {
            Some(known) => Sources::new(known, first.past).about(own, prompt::known_shown(known)),
            None => own.collect(),
        };
        Some(CompletionRequest::new(Stage::Extract, messages, max_tokens).schema(self.schema(&ids)).about(about))
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
    pub(crate) fn keep_one(seen: &ExtractionRequest<'_>, name: String, quote: String) -> Extraction {
        Self::default().keep(seen, vec![FoundFeature { name, quote }])
    }

    /// The features of the items that are about the text at `place` of a group; `None` when there is no such item.
    fn found(
        &self,
        items: &[FoundItem],
        place: usize,
        group: &[(usize, &ExtractionRequest<'_>)],
    ) -> Option<Extraction> {
        let (_, seen) = group.get(place)?;
        // All of one id, so that one that is made up cannot take the place of the right one.
        let mut own = items.iter().filter(|item| is_about(&item.about, items.len(), place, group.len())).peekable();
        own.peek()?;
        let (mut found, mut unusable) = (Vec::new(), 0);
        for feature in own.flat_map(|item| &item.features) {
            // serde would also take a list for a struct.
            match FoundFeature::deserialize(feature) {
                Ok(read) if feature.is_object() => found.push(read),
                _ => unusable += 1,
            }
        }
        let mut extraction = self.keep(seen, found);
        extraction.dropped.unusable_name += unusable;
        Some(extraction)
    }

    fn keep(&self, seen: &ExtractionRequest<'_>, found: Vec<FoundFeature>) -> Extraction {
        let mut extraction = Extraction::default();
        let mut keys: BTreeSet<FeatureKey> = BTreeSet::new();
        for feature in found {
            let name = feature.name.split_whitespace().collect::<Vec<_>>().join(" ");
            let kind = is_kind(&name);
            if (is_echo(&name, seen) && !kind) || name.len() > limits::ID_BYTES {
                extraction.dropped.unusable_name += 1;
                continue;
            }
            let Some(span) = ground(seen.query.text(), &feature.quote) else {
                extraction.dropped.ungrounded += 1;
                continue;
            };
            if !kind {
                self.enter(seen, name, span, &mut keys, &mut extraction);
                continue;
            }
            // A model that answers "genre" for the words "space opera" has found a feature and named its kind; one that
            // does so for "space opera, romance" has found two.
            for part in parts(seen.query.text(), &span) {
                match seen.query.text().get(part.start..part.end).and_then(short_name) {
                    Some(name) if !is_echo(&name, seen) => self.enter(seen, name, part, &mut keys, &mut extraction),
                    _ => extraction.dropped.unusable_name += 1,
                }
            }
        }
        extraction
    }

    /// Takes a feature in, unless it is there already or there are enough.
    fn enter(
        &self,
        seen: &ExtractionRequest<'_>,
        name: String,
        span: Span,
        keys: &mut BTreeSet<FeatureKey>,
        extraction: &mut Extraction,
    ) {
        let valence = valence_of(&name).or_else(|| seen.query.text().get(span.start..span.end).and_then(valence_of));
        let Ok(mut kept) = Feature::new(seen.query, name, span) else {
            extraction.dropped.unusable_name += 1;
            return;
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
}

#[derive(Deserialize)]
struct FoundItem {
    #[serde(default, alias = "id")]
    about: serde_json::Value,
    features: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct FoundFeature {
    name: String,
    #[serde(alias = "context")]
    quote: String,
}

/// Why nothing of what a reply lists for a text can be used, in words for the model.
fn useless(dropped: &Dropped) -> String {
    if dropped.ungrounded > 0 {
        "no quote is in the text word for word; copy a few words of the text exactly".to_owned()
    } else {
        "no name says what is in the text; name what the text has, in words of its own".to_owned()
    }
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
    async fn extract(&self, seen: ExtractionRequest<'_>, ctx: &StageContext<'_>) -> Result<Extraction, ExtractError> {
        let mut results = self.extract_batch(&[seen], ctx).await;
        results.pop().unwrap_or(Err(ExtractError::Ask(AskError::NoResult)))
    }

    async fn extract_batch(
        &self,
        seen: &[ExtractionRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Extraction, ExtractError>> {
        let mut done: Vec<Option<Result<Extraction, ExtractError>>> = seen.iter().map(|_| None).collect();
        let mut problems: BTreeMap<usize, String> = BTreeMap::new();
        // What a cut reply, or one that named nothing, held of an item: for the case that asking again brings no more.
        let mut parts: BTreeMap<usize, Extraction> = BTreeMap::new();
        for attempt in 0..=self.max_reasks {
            let missing: Vec<(usize, &ExtractionRequest<'_>)> =
                seen.iter().enumerate().filter(|(i, _)| done.get(*i).is_some_and(Option::is_none)).collect();
            if missing.is_empty() {
                break;
            }
            let size = if attempt == 0 { self.items_per_request } else { 1 };
            let groups: Vec<&[(usize, &ExtractionRequest<'_>)]> = missing.chunks(size).collect();
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
                                *slot = Some(parts.remove(i).map_or_else(|| Err(cause.into()), Ok));
                            }
                        }
                        continue;
                    }
                };
                let read: Result<ReplyItems<FoundItem>, _> = read_items(&completion.text, "items");
                let (mut items, mut unreadable, mut reading) = (Vec::new(), 1, ReplyReading::AtOnce);
                if let Ok(read) = read {
                    if !read.repairs.is_empty() {
                        ctx.ledger().enter_repair(Stage::Extract);
                        reading = ReplyReading::Repaired;
                    }
                    (items, unreadable) = (read.items, read.unreadable);
                }
                if attempt > 0 {
                    reading = ReplyReading::AskedAgain;
                }
                let cut = || read_cut_items(&completion.text, "items").map_or_else(|_| Vec::new(), |read| read.items);
                let mut part: Option<Vec<FoundItem>> = None;
                for (place, (i, _)) in group.iter().enumerate() {
                    match self.found(&items, place, group) {
                        // Nothing found, though features are listed or another text may have led the model past this one:
                        // it is asked about once more, by itself.
                        Some(nothing)
                            if nothing.features.is_empty()
                                && attempt < self.max_reasks
                                && (nothing.dropped.total() > 0 || group.len() > 1) =>
                        {
                            if nothing.dropped.total() > 0 {
                                problems.insert(*i, useless(&nothing.dropped));
                            }
                            parts.insert(*i, Extraction { reading: ReplyReading::AskedAgain, ..nothing });
                        }
                        Some(mut extraction) => {
                            extraction.reading = reading;
                            if let Some(part) = parts.remove(i) {
                                extraction.dropped.add(&part.dropped);
                            }
                            let extraction = match seen.get(*i) {
                                Some(seen) => self.or_words(seen, extraction),
                                None => extraction,
                            };
                            if let Some(slot) = done.get_mut(*i) {
                                *slot = Some(Ok(extraction));
                            }
                        }
                        None => {
                            let part = self.found(part.get_or_insert_with(cut), place, group);
                            if let Some(part) = part.filter(|part| !part.features.is_empty()) {
                                parts.insert(*i, Extraction { reading: ReplyReading::InPart, ..part });
                            }
                            problems.insert(*i, problem(&completion, unreadable));
                        }
                    }
                }
            }
        }
        let unusable = |i: usize| {
            let problem = problems.get(&i).cloned().unwrap_or_else(|| "no reply".to_owned());
            let error = AskError::Unusable { attempts: self.max_reasks + 1, problem };
            parts.get(&i).cloned().map_or_else(|| Err(error.into()), Ok)
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
