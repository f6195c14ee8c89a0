mod judge;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::data::text::fold;
use crate::data::{AssignedFeature, FactorId, FactorSet, FeatureKey, Judgement, MemoryItem, Query};
use crate::llm::{Completion, CompletionRequest, FinishReason, ReplySchema, Stage};
use crate::prompt::{self, AskError, Items, Prompt, StageContext, read_items};

use super::{FactorError, FactorFit, FactorGroup, FactorModel, FitRequest, SimilarityFactorModel};

/// Feature names shown of one group, besides its label.
const NAMES_SHOWN: usize = 4;
const LABEL_CHARS: usize = 60;
const DESCRIPTION_CHARS: usize = 200;

/// Asks a model which features act alike, what to call them and, for open-ended tasks, which swayed the response.
///
/// Features that look alike are grouped first without the model, so it only merges and names groups. Whatever it leaves
/// out or makes up cannot break the partition: a group that no factor took is asked for again and then stays a factor of
/// its own, under the name of its most typical feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedFactorModel {
    groups_per_request: usize,
    max_reasks: u32,
}

impl Default for PromptedFactorModel {
    fn default() -> Self {
        Self { groups_per_request: 24, max_reasks: 1 }
    }
}

impl PromptedFactorModel {
    /// Groups in one request, from 1 to 200. Only groups of one request, and factors of one name, are merged, so more
    /// find more factors that are the same; small models then leave more groups out. Default: 24.
    #[must_use]
    pub fn groups_per_request(mut self, groups: usize) -> Self {
        self.groups_per_request = groups.clamp(1, 200);
        self
    }

    /// How often groups that no factor took, and rows that were not judged, are asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }
}

/// Groups to place, by position, and what was wrong with the reply before.
struct Ask {
    groups: Vec<usize>,
    problem: Option<String>,
}

/// A factor of the model's making, over groups by position.
#[derive(Debug)]
struct Named {
    label: Option<String>,
    description: String,
    groups: Vec<usize>,
}

#[derive(Deserialize)]
struct FoundFactor {
    #[serde(default)]
    label: String,
    #[serde(default)]
    description: String,
    groups: Vec<Value>,
}

fn group_request(
    request: FitRequest<'_>,
    groups: &[FactorGroup],
    seen: &[usize],
    ask: &Ask,
    ctx: &StageContext<'_>,
) -> CompletionRequest {
    let mut text = String::new();
    for (place, (group, seen)) in
        ask.groups.iter().filter_map(|i| Some((groups.get(*i)?, seen.get(*i)?))).enumerate()
    {
        let label = fold(&group.label);
        let names = group.features.iter().map(FeatureKey::as_str).filter(|name| *name != label);
        let names: Vec<&str> = names.take(NAMES_SHOWN).collect();
        let also = if names.is_empty() { String::new() } else { format!(" (also: {})", names.join("; ")) };
        let line = one_line(&ctx.leaving(&format!("{}{also}", group.label)), usize::MAX);
        let id = alias('g', place);
        text.push_str(&format!("[{id}] seen in {seen} of {}\n{}\n", request.rows.len(), prompt::frame(&line)));
    }
    let values = prompt::task_values(request.task)
        .set("groups", text)
        .set("note", ask.problem.as_deref().map(prompt::note).unwrap_or_default());
    let ids: Vec<String> = (0..ask.groups.len()).map(|place| alias('g', place)).collect();
    let factor = json!({
        "type": "object",
        "properties": {
            "label": { "type": "string", "maxLength": LABEL_CHARS },
            "description": { "type": "string", "maxLength": DESCRIPTION_CHARS },
            "groups": { "type": "array", "items": { "type": "string", "enum": ids }, "minItems": 1, "maxItems": ids.len() },
        },
        "required": ["label", "description", "groups"],
        "additionalProperties": false,
    });
    let factors = json!({ "type": "array", "items": factor, "minItems": 1, "maxItems": ids.len() });
    let schema = object(&json!({ "factors": factors }), &["factors"]);
    let messages = ctx.prompts().render(Prompt::Group, &values);
    CompletionRequest::new(Stage::Group, messages, tokens(80, ids.len())).schema(ReplySchema { name: "factors", schema })
}

/// The factors of one reply, how much of it was refused, and the groups it left out.
fn read_factors(found: Vec<FoundFactor>, asked: &[usize]) -> (Vec<Named>, usize, Vec<usize>) {
    let (mut named, mut refused, mut taken) = (Vec::new(), 0, BTreeSet::new());
    for factor in found {
        let mut groups = Vec::new();
        for id in &factor.groups {
            let group = id.as_str().and_then(|id| place('g', id)).and_then(|place| asked.get(place));
            match group {
                Some(group) if taken.insert(*group) => groups.push(*group),
                _ => refused += 1,
            }
        }
        if !groups.is_empty() {
            let description = one_line(&factor.description, DESCRIPTION_CHARS);
            named.push(Named { label: usable_label(&factor.label), description, groups });
        }
    }
    let missing = asked.iter().copied().filter(|group| !taken.contains(group)).collect();
    (named, refused, missing)
}

/// The partition that the model's factors make of the groups, oldest first, and how many groups none of them took.
fn assemble(groups: &[FactorGroup], mut named: Vec<Named>) -> (Vec<FactorGroup>, usize) {
    let taken: BTreeSet<usize> = named.iter().flat_map(|factor| factor.groups.iter().copied()).collect();
    let left: Vec<usize> = (0..groups.len()).filter(|i| !taken.contains(i)).collect();
    named.extend(left.iter().map(|i| Named { label: None, description: String::new(), groups: vec![*i] }));
    for factor in &mut named {
        factor.groups.sort_unstable();
    }
    named.sort_by(|a, b| a.groups.cmp(&b.groups));
    let mut merged: Vec<Named> = Vec::new();
    let mut by_label: BTreeMap<String, usize> = BTreeMap::new();
    for mut factor in named {
        let oldest = factor.groups.first().and_then(|i| groups.get(*i));
        let label = factor.label.take().or_else(|| oldest.map(|group| group.label.clone())).unwrap_or_default();
        if factor.description.is_empty() {
            factor.description = oldest.map(|group| group.description.clone()).unwrap_or_default();
        }
        match by_label.get(&fold(&label)).and_then(|place| merged.get_mut(*place)) {
            Some(same) => same.groups.append(&mut factor.groups),
            None => {
                by_label.insert(fold(&label), merged.len());
                merged.push(Named { label: Some(label), ..factor });
            }
        }
    }
    let factors = merged.into_iter().map(|mut factor| {
        factor.groups.sort_unstable();
        let features = factor.groups.iter().filter_map(|i| groups.get(*i)).flat_map(|g| g.features.iter().cloned());
        let features = features.collect();
        FactorGroup { label: factor.label.unwrap_or_default(), description: factor.description, features }
    });
    (factors.collect(), left.len())
}

/// In how many rows each group is seen.
fn sightings(rows: &[MemoryItem], groups: &[FactorGroup]) -> Vec<usize> {
    let of: BTreeMap<&FeatureKey, usize> =
        groups.iter().enumerate().flat_map(|(i, group)| group.features.iter().map(move |key| (key, i))).collect();
    let mut seen = vec![0; groups.len()];
    for row in rows {
        let present: BTreeSet<usize> = row.features().iter().filter_map(|f| of.get(&f.key()).copied()).collect();
        for i in present {
            if let Some(count) = seen.get_mut(i) {
                *count += 1;
            }
        }
    }
    seen
}

/// The label, unless it is blank or repeats the request's own words: two factors of such a name would be merged.
fn usable_label(label: &str) -> Option<String> {
    const ECHOES: [&str; 11] = [
        "label", "factor", "group", "feature", "name", "string", "description", "other", "positive", "negative", "neutral",
    ];
    let label = one_line(label, LABEL_CHARS);
    let key = fold(label.trim_matches(['<', '>', '"', '.', '…']));
    let usable = key.chars().any(char::is_alphabetic) && !ECHOES.contains(&key.as_str()) && place('g', &key).is_none();
    usable.then_some(label)
}

fn alias(kind: char, place: usize) -> String {
    format!("{kind}{}", place + 1)
}

/// The place that an alias stands for, from 0.
fn place(kind: char, alias: &str) -> Option<usize> {
    let bare = alias.trim().trim_matches(['[', ']', '(', ')', '"']).to_lowercase();
    bare.strip_prefix(kind)?.parse::<usize>().ok()?.checked_sub(1)
}

fn one_line(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(chars).collect::<String>().trim_end().to_owned()
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn tokens(each: u32, count: usize) -> u32 {
    each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).saturating_add(80).min(4_096)
}

/// The items of a reply, and what to tell the model when some are missing.
fn items<T: serde::de::DeserializeOwned>(
    stage: Stage,
    field: &'static str,
    completion: &Completion,
    ctx: &StageContext<'_>,
) -> (Vec<T>, String) {
    let read: Result<Items<T>, _> = read_items(&completion.text, field);
    match read {
        Ok(read) => {
            if !read.repairs.is_empty() {
                ctx.ledger().enter_repair(stage);
            }
            let problem = match completion.finish {
                FinishReason::Length => "it was cut off at the length limit, so be shorter",
                _ => "ids were missing or not in the form asked for; these are the ones that were missing",
            };
            (read.items, problem.to_owned())
        }
        Err(error) => (Vec::new(), prompt::unreadable(&error, completion)),
    }
}

#[async_trait]
impl FactorModel for PromptedFactorModel {
    async fn fit(&self, request: FitRequest<'_>, ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        let groups = SimilarityFactorModel::default().groups(request);
        let seen = sightings(request.rows, &groups);
        let all: Vec<usize> = (0..groups.len()).collect();
        let chunks = all.chunks(self.groups_per_request);
        let mut pending: Vec<Ask> = chunks.map(|chunk| Ask { groups: chunk.to_vec(), problem: None }).collect();
        let (mut named, mut refused) = (Vec::new(), 0);
        for attempt in 0..=self.max_reasks {
            if pending.is_empty() {
                break;
            }
            let requests: Vec<CompletionRequest> =
                pending.iter().map(|ask| group_request(request, &groups, &seen, ask, ctx)).collect();
            let completions = ctx.complete_all(&requests, attempt > 0).await;
            let (mut again, mut failures) = (Vec::new(), Vec::new());
            for (ask, completion) in pending.into_iter().zip(completions) {
                let completion = match completion {
                    Ok(completion) => completion,
                    Err(error) => {
                        failures.push(error);
                        continue;
                    }
                };
                let (found, problem) = items(Stage::Group, "factors", &completion, ctx);
                let (factors, unknown, missing) = read_factors(found, &ask.groups);
                named.extend(factors);
                refused += unknown;
                if !missing.is_empty() {
                    again.push(Ask { groups: missing, problem: Some(problem) });
                }
            }
            // A reply withheld for its content is the text's doing; without any backend there is nothing to build on.
            let nothing = attempt == 0 && failures.len() == requests.len();
            if let Some(error) = failures.into_iter().find(|e| nothing && !matches!(e, AskError::Filtered)) {
                return Err(error.into());
            }
            pending = again;
        }
        let (groups, unplaced) = assemble(&groups, named);
        Ok(FactorFit { groups, refused, unplaced })
    }

    async fn assign(
        &self,
        factors: &FactorSet,
        features: &[AssignedFeature],
        query: &Query,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        let similar = SimilarityFactorModel::default().assign(factors, features, query, ctx).await?;
        let exact = |f: &AssignedFeature| factors.factor_of(&f.feature.key()).map(|factor| factor.id().clone());
        Ok(features.iter().zip(similar).map(|(feature, similar)| exact(feature).or(similar)).collect())
    }

    async fn judge(
        &self,
        request: FitRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Vec<Option<Judgement>>, FactorError>> {
        judge::judge(request, self.max_reasks, ctx).await
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "prompted"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> FactorGroup {
        FactorGroup { label: name.to_owned(), description: String::new(), features: vec![FeatureKey::of(name)] }
    }

    fn found(label: &str, groups: &[&str]) -> FoundFactor {
        let groups = groups.iter().map(|id| json!(id)).collect();
        FoundFactor { label: label.to_owned(), description: String::new(), groups }
    }

    #[test]
    fn unknown_and_repeated_groups_are_refused_and_the_rest_stays_whole() {
        let groups = [group("a a"), group("b b"), group("c c"), group("d d")];
        let reply = vec![found("late", &["g3", "g9", "x1"]), found("<label>", &["[G2]", "g3"])];
        let (named, refused, missing) = read_factors(reply, &[0, 1, 2, 3]);
        assert_eq!((refused, missing), (3, vec![0, 3]));
        let (factors, unplaced) = assemble(&groups, named);
        let labels: Vec<&str> = factors.iter().map(|factor| factor.label.as_str()).collect();
        assert_eq!((labels, unplaced), (vec!["a a", "b b", "late", "d d"], 2));
    }

    #[test]
    fn factors_of_one_name_are_one_factor_in_the_order_of_age() {
        let groups = [group("a a"), group("b b"), group("c c")];
        let named = |label: &str, of: &[usize]| Named {
            label: usable_label(label),
            description: String::new(),
            groups: of.to_vec(),
        };
        let (factors, unplaced) = assemble(&groups, vec![named("Pace ", &[2]), named("x y", &[1]), named("pace", &[0])]);
        assert_eq!(unplaced, 0);
        assert_eq!(factors[0].features, [FeatureKey::of("a a"), FeatureKey::of("c c")]);
        assert_eq!(factors[1].label, "x y");
    }
}
