mod judge;
mod placing;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::data::text::fold;
use crate::data::{FactorId, FeatureKey, Judgement};
use crate::llm::{Completion, CompletionRequest, FinishReason, ReplySchema, Stage};
use crate::prompt::{self, AskError, Prompt, ReplyError, ReplyItems, StageContext, alias, rows_of};

use self::placing::{LABEL_CHARS, Names, Placed, assemble, most_groups, read_factors, read_names};
use super::{AssignRequest, FactorError, FactorFit, FactorGroup, FactorModel, FitRequest, SimilarityFactorModel};

/// Feature names shown of one group, besides its label.
const NAMES_SHOWN: usize = 4;

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

fn group_request(
    request: FitRequest<'_>,
    groups: &[FactorGroup],
    seen: &[BTreeSet<usize>],
    ask: &Ask,
    ctx: &StageContext<'_>,
) -> CompletionRequest {
    let mut text = String::new();
    let mut rows: BTreeSet<usize> = BTreeSet::new();
    for (place, (group, seen)) in ask.groups.iter().filter_map(|i| Some((groups.get(*i)?, seen.get(*i)?))).enumerate() {
        let label = fold(&group.label);
        let names = group.features.iter().map(FeatureKey::as_str).filter(|name| *name != label);
        let names: Vec<&str> = names.take(NAMES_SHOWN).collect();
        let also = if names.is_empty() { String::new() } else { format!(" (also: {})", names.join("; ")) };
        let line = one_line(&ctx.leaving(&format!("{}{also}", group.label)), usize::MAX);
        let id = alias('g', place);
        let _ = writeln!(text, "[{id}] seen in {} of {}\n{}", seen.len(), request.rows.len(), prompt::frame(&line));
        rows.extend(seen);
    }
    let values = prompt::task_values(request.task)
        .set("groups", text)
        .set("note", ask.problem.as_deref().map(prompt::note).unwrap_or_default());
    let ids: Vec<String> = (0..ask.groups.len()).map(|place| alias('g', place)).collect();
    let name = json!({ "type": "string", "maxLength": LABEL_CHARS });
    let names: Map<String, Value> = ids.iter().map(|id| (id.clone(), name.clone())).collect();
    let schema = object(&json!({ "factors": object(&json!(names), &ids) }), &["factors"]);
    let messages = ctx.prompts().render(Prompt::Group, &values);
    let about = rows.into_iter().filter_map(|row| request.rows.get(row)).map(|row| row.id().as_str());
    CompletionRequest::new(Stage::Group, messages, tokens(24, ids.len()))
        .schema(ReplySchema { name: "factors", schema })
        .about(about)
}

fn one_line(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(chars).collect::<String>().trim_end().to_owned()
}

fn object(properties: &Value, required: &[impl serde::Serialize]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn tokens(each: u32, count: usize) -> u32 {
    each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).saturating_add(80).min(4_096)
}

/// What to tell the model about a reply that lacks some of what was asked.
fn lacking(completion: &Completion) -> String {
    let problem = match completion.finish {
        FinishReason::Length => "it was cut off at the length limit, so be shorter",
        _ => "ids were missing or not in the form asked for; these are the ones that were missing",
    };
    problem.to_owned()
}

/// The items that were read from a reply, and what to tell the model when some are missing.
fn items<T>(
    stage: Stage,
    read: Result<ReplyItems<T>, ReplyError>,
    completion: &Completion,
    ctx: &StageContext<'_>,
) -> (Vec<T>, String) {
    match read {
        Ok(read) => {
            if !read.repairs.is_empty() {
                ctx.ledger().enter_repair(stage);
            }
            (read.items, lacking(completion))
        }
        Err(error) => (Vec::new(), prompt::unreadable(&error, completion)),
    }
}

#[async_trait]
impl FactorModel for PromptedFactorModel {
    async fn fit(&self, request: FitRequest<'_>, ctx: &StageContext<'_>) -> Result<FactorFit, FactorError> {
        let groups = SimilarityFactorModel::default().groups(request);
        let seen = rows_of(request.rows, groups.iter().map(|group| group.features.as_slice()));
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
                let (names, problem) = match read_names(&completion.text) {
                    Ok(reply) => (ctx.accept(Stage::Group, reply), lacking(&completion)),
                    Err(error) => (Names::new(), prompt::unreadable(&error, &completion)),
                };
                let placed: Placed = read_factors(&names, &ask.groups, &groups);
                named.extend(placed.factors);
                refused += placed.refused;
                if !placed.missing.is_empty() {
                    let most = most_groups(ask.groups.len());
                    let overfull =
                        || format!("one name stood for more than {most} groups, which says little; split it");
                    let problem = if placed.overfull { overfull() } else { problem };
                    again.push(Ask { groups: placed.missing, problem: Some(problem) });
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
        Ok(FactorFit { refused, unplaced, ..FactorFit::new(groups) })
    }

    async fn assign(
        &self,
        request: AssignRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        SimilarityFactorModel::default().assign(request, ctx).await
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
