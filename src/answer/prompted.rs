use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::data::text::fold;
use crate::data::{
    AssignedFeature, Exemplar, Factor, FactorId, Feature, MemoryItem, PathOrigin, PathStep, Query, ReasoningPath,
    ResponseSpace, Task,
};
use crate::llm::{Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, AskError, ExampleStyle, Prompt, Sources, StageContext, read_reply};
use crate::reason::PromptedPathWriter;
use crate::stats::Tier;

use super::statistical::supported_path;
use super::{AnswerError, AnswerRequest, Answerer, Draft};

/// Shows a model the user's factors and similar past interactions, and asks for the steps and then the response.
///
/// The tier says what is shown: everything, no paths, no past interactions, or nothing of the user. A response outside the
/// task's space is asked for again with the reason; steps that cite what is not listed are asked for once more and then
/// composed from the statistics, so a sound response is not lost to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedAnswerer {
    max_steps: usize,
    max_reasks: u32,
    factors_shown: usize,
    factor_tokens: Option<u64>,
    example_tokens: Option<u64>,
    estimate: bool,
}

impl Default for PromptedAnswerer {
    fn default() -> Self {
        Self {
            max_steps: 3,
            max_reasks: 1,
            factors_shown: 12,
            factor_tokens: None,
            example_tokens: None,
            estimate: false,
        }
    }
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default, rename = "reasons", alias = "steps")]
    steps: Value,
    response: Value,
}

impl PromptedAnswerer {
    /// The most steps asked for and kept, from 1 to 12. Default: 3.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps.clamp(1, 12);
        self
    }

    /// How often a reply that cannot be used is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// The most factors shown, those of the query before those of the past interactions. Default: 12.
    #[must_use]
    pub fn factors_shown(mut self, factors: usize) -> Self {
        self.factors_shown = factors;
        self
    }

    /// About how many tokens of factors are shown at most, in the same order; one is always shown. Default: no limit.
    #[must_use]
    pub fn factor_tokens(mut self, tokens: u64) -> Self {
        self.factor_tokens = Some(tokens);
        self
    }

    /// About how many tokens of each past text are shown: of longer ones the sentences with their features. Default: all.
    #[must_use]
    pub fn example_tokens(mut self, tokens: u64) -> Self {
        self.example_tokens = Some(tokens);
        self
    }

    /// Whether the prompt ends with what all counts say together (the [`Estimate`](crate::stats::Estimate)): the likeliest responses
    /// with their probabilities, and the one to give. There is none for free text, and none where nothing of the user is
    /// used. Default: no.
    #[must_use]
    pub fn show_estimate(mut self, shown: bool) -> Self {
        self.estimate = shown;
        self
    }

    fn request(&self, request: &AnswerRequest<'_>, options: &[Allowed], ctx: &StageContext<'_>) -> CompletionRequest {
        let (task, query, tier) = (request.task, request.query, request.support.tier);
        let values = prompt::task_values(task).set("responses", prompt::responses(task));
        let mut properties = Map::new();
        let mut required = vec!["response"];
        let mut max_tokens = 64 + response_tokens(task, options);
        let mut about = vec!["query"];
        let messages = if tier == Tier::Generic {
            let values = values.set("item", prompt::item(task, query, &[], &[], ctx));
            ctx.prompts().render(Prompt::AnswerGeneric, &values)
        } else {
            let exemplars = shown_exemplars(request);
            let shown = self.shown_factors(request, exemplars, ctx);
            about = sources_of(request, exemplars, &shown);
            let style = ExampleStyle {
                factors: &shown,
                features: true,
                paths: tier == Tier::Full,
                tokens: self.example_tokens,
            };
            let mut item = prompt::item(task, query, request.features, &shown, ctx);
            if request.features.is_empty() {
                item.push_str("\nFeatures: none found, so give no steps.");
            } else {
                let steps = PromptedPathWriter::steps_schema(request.features.len(), self.max_steps);
                properties.insert("reasons".to_owned(), steps);
                required.insert(0, "reasons");
                max_tokens += 130 * u32::try_from(self.max_steps).unwrap_or(12);
            }
            item.push_str(&prompt::estimate(task, request.estimate.filter(|_| self.estimate), ctx));
            let values = values
                .set("factors", prompt::factors(request.beliefs, &shown, Some(query), ctx))
                .set("exemplars", prompt::exemplars(task, exemplars, &style, ctx))
                .set("max_steps", self.max_steps.to_string())
                .set("item", item);
            ctx.prompts().render(Prompt::Answer, &values)
        };
        properties.insert("response".to_owned(), response_schema(task, options));
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        CompletionRequest::new(Stage::Answer, messages, max_tokens)
            .schema(ReplySchema { name: "answer", schema })
            .about(about)
    }

    /// Pinned factors, the query's, the surest first, then those of the exemplars that are shown.
    pub(super) fn shown_factors<'r>(
        &self,
        request: &AnswerRequest<'r>,
        exemplars: &[Exemplar],
        ctx: &StageContext<'_>,
    ) -> Vec<&'r Factor> {
        let known = request.beliefs.factors();
        let mut in_query: BTreeSet<&FactorId> = request.features.iter().filter_map(|f| f.factor.as_ref()).collect();
        in_query.extend(known.iter().filter(|factor| factor.is_pinned()).map(Factor::id));
        let mut shown: Vec<&Factor> = in_query.into_iter().filter_map(|id| known.get(id)).collect();
        let mut past: Vec<&Factor> = known.present_in(exemplars.iter().flat_map(|exemplar| exemplar.item.features()));
        past.retain(|factor| shown.iter().all(|other| other.id() != factor.id()));
        for part in [&mut shown, &mut past] {
            part.sort_by(|a, b| {
                let surer = request.beliefs.q(a.id()).total_cmp(&request.beliefs.q(b.id()));
                let pinned = b.is_pinned().cmp(&a.is_pinned());
                pinned
                    .then(surer)
                    .then_with(|| b.stats().coverage.total_cmp(&a.stats().coverage))
                    .then_with(|| a.id().cmp(b.id()))
            });
        }
        shown.append(&mut past);
        shown.truncate(self.factors_shown);
        if let Some(tokens) = self.factor_tokens {
            shown.truncate(prompt::factors_within(request.beliefs, &shown, Some(request.query), tokens, ctx));
        }
        shown
    }

    /// The path over the model's steps, or over the statistics when there are none to use. Where nothing of the user was
    /// used, it says so.
    fn path(
        request: &AnswerRequest<'_>,
        steps: Option<Vec<PathStep>>,
        response: &str,
    ) -> Result<ReasoningPath, AnswerError> {
        let composed = || supported_path(request, response);
        let (steps, origin) = match steps {
            _ if request.support.tier == Tier::Generic => (generic_steps(request), PathOrigin::Statistics),
            Some(steps) => (steps, PathOrigin::Model),
            None => return composed(),
        };
        let features: Vec<Feature> = request.features.iter().map(|assigned| assigned.feature.clone()).collect();
        let factor_of = |place: usize| request.features.get(place).and_then(|feature| feature.factor.clone());
        ReasoningPath::new(steps, response, origin, &features, factor_of).or_else(|_| composed())
    }
}

/// Whose text a request holds that shows these exemplars and factors: the query's, the exemplars', and that of every
/// interaction a factor was seen in.
pub(super) fn sources_of<'r>(
    request: &AnswerRequest<'r>,
    exemplars: &'r [Exemplar],
    shown: &[&'r Factor],
) -> Vec<&'r str> {
    let past = exemplars.iter().map(|exemplar| &exemplar.item);
    let own = std::iter::once("query").chain(past.clone().map(|item| item.id().as_str()));
    // The paths of the examples may speak of factors that are not shown.
    let spoken = request.beliefs.factors().present_in(past.flat_map(MemoryItem::features));
    let sources = Sources::new(request.beliefs.factors(), request.memory.items());
    sources.about(own, shown.iter().copied().chain(spoken))
}

/// A path needs a step where there are features; this one claims nothing of them.
fn generic_steps(request: &AnswerRequest<'_>) -> Vec<PathStep> {
    let text =
        format!("nothing of this person was used: the answer rests on the {} alone", request.task.query_name_str());
    let step = |first: &AssignedFeature| PathStep { feature: 0, factor: first.factor.clone(), text };
    request.features.first().map(step).into_iter().collect()
}

/// A response that may be given: as it is shown to the model, and in the task's spelling.
#[derive(Clone)]
pub struct Allowed {
    shown: String,
    response: String,
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowed").finish_non_exhaustive()
    }
}

/// Lists the responses open to the query; empty for free text. Options are the user's data, so they leave through the hook.
pub fn allowed(task: &Task, query: &Query, ctx: &StageContext<'_>) -> Vec<Allowed> {
    let own = matches!(task.space(), ResponseSpace::Choices);
    let shown = |response: &String| if own { ctx.leaving(response) } else { response.clone() };
    task.responses(query).into_iter().map(|response| Allowed { shown: shown(&response), response }).collect()
}

pub(super) fn shown_exemplars<'r>(request: &AnswerRequest<'r>) -> &'r [Exemplar] {
    if request.support.tier >= Tier::Pairs { request.exemplars } else { &[] }
}

/// The JSON schema of a response among these options, or of free text.
pub fn response_schema(task: &Task, options: &[Allowed]) -> Value {
    if let ResponseSpace::Text { max_chars } = task.space() {
        return json!({ "type": "string", "maxLength": max_chars });
    }
    // Two options that the hook made the same may stand in the list only once.
    let mut seen = BTreeSet::new();
    let values: Vec<&str> = options.iter().map(|o| o.shown.as_str()).filter(|o| seen.insert(*o)).collect();
    json!({ "type": "string", "enum": values })
}

/// The most tokens that a response can take, for the limit of a request.
pub fn response_tokens(task: &Task, options: &[Allowed]) -> u32 {
    let chars = match task.space() {
        ResponseSpace::Text { max_chars } => *max_chars,
        _ => options.iter().map(|option| option.shown.chars().count()).max().unwrap_or_default(),
    };
    // Scripts without spaces take up to about one token for a character.
    u32::try_from(chars).unwrap_or(4_096).min(4_096)
}

/// Reads the response that a reply states.
///
/// # Errors
/// The problem in words for the model, without text of the user.
pub fn read_response(task: &Task, query: &Query, options: &[Allowed], stated: &Value) -> Result<String, String> {
    let name = task.response_name_str();
    let stated = PromptedPathWriter::response_text(stated).ok_or_else(|| format!("it has no {name}"))?;
    if let ResponseSpace::Text { max_chars } = task.space() {
        let line = bare_line(&stated);
        let says = line.chars().any(char::is_alphanumeric) && fold(&line) != fold(&format!("<{name}>"));
        let fits = says.then(|| task.parse_response(query, &line)).flatten();
        return fits.ok_or_else(|| format!("the {name} is blank or longer than {max_chars} characters"));
    }
    let wanted = fold(&stated);
    let mut same = options.iter().filter(|option| fold(&option.shown) == wanted);
    let only = match (same.next(), same.next()) {
        (Some(option), None) => Some(option.response.clone()),
        _ => None,
    };
    only.or_else(|| task.parse_response(query, &stated))
        .ok_or_else(|| format!("the {name} is not one of those allowed"))
}

/// Free text on one line, without quotes around it and without the full stop of a sentence.
fn bare_line(text: &str) -> String {
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted = |line: &str| line.starts_with(QUOTES) && line.trim_end_matches('.').ends_with(QUOTES);
    let mut bare = line.as_str();
    if quoted(bare) {
        bare = bare.trim_end_matches('.').trim_matches(QUOTES).trim();
    }
    match bare.strip_suffix('.') {
        Some(before) if !before.ends_with('.') => before.trim_end().to_owned(),
        _ => bare.to_owned(),
    }
}

#[async_trait]
impl Answerer for PromptedAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let options = allowed(request.task, request.query, ctx);
        let prompt = self.request(&request, &options, ctx);
        let argued = request.support.tier != Tier::Generic && !request.features.is_empty();
        let mut attempts = 0;
        // The last response that was sound; its steps were not.
        let mut unargued: Option<String> = None;
        let mut stated = None;
        let read = |_: usize, completion: &Completion| -> Result<(String, Option<Vec<PathStep>>), String> {
            attempts += 1;
            let reply = read_reply::<Answered>(&completion.text).map_err(|e| prompt::unreadable(&e, completion))?;
            let answered = ctx.accept(Stage::Answer, reply);
            let response = read_response(request.task, request.query, &options, &answered.response)?;
            stated = PromptedPathWriter::response_text(&answered.response);
            if !argued {
                return Ok((response, request.features.is_empty().then(Vec::new)));
            }
            match PromptedPathWriter::read_steps(&answered.steps, request.features, self.max_steps) {
                Ok(steps) => Ok((response, Some(steps))),
                Err(problem) if attempts == 1 => {
                    unargued = Some(response);
                    Err(problem)
                }
                Err(_) => Ok((response, None)),
            }
        };
        let outcome = ctx.ask_all(vec![prompt], self.max_reasks, read).await.pop();
        let (response, steps) = match (outcome.unwrap_or(Err(AskError::NoResult)), unargued) {
            (Ok(answered), _) => answered,
            (Err(_), Some(response)) => (response, None),
            (Err(error), None) => return Err(error.into()),
        };
        let path = Self::path(&request, steps, &response)?;
        Ok(Draft::new(response, path).stated(stated))
    }

    fn wants_paths(&self) -> bool {
        true
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

    #[test]
    fn free_text_loses_quotes_and_the_full_stop_only() {
        for (text, bare) in [
            ("\"A Fine Title.\"", "A Fine Title"),
            ("“A Fine\n Title”.", "A Fine Title"),
            ("Wait...", "Wait..."),
            ("'Big' and small", "'Big' and small"),
        ] {
            assert_eq!(bare_line(text), bare);
        }
    }

    #[test]
    fn responses_are_read_in_the_shown_spelling_or_the_tasks() {
        let task = Task::new("Choose", ResponseSpace::choices()).unwrap();
        let query = Query::with_options("Which?", ["Ask Ana", "Ask Bo"]).unwrap();
        let shown = |shown: &str, response: &str| Allowed { shown: shown.to_owned(), response: response.to_owned() };
        let options = [shown("Ask [name]", "Ask Ana"), shown("Ask Bo", "Ask Bo")];
        let read = |stated: Value| read_response(&task, &query, &options, &stated);
        assert_eq!(read(json!("ask [NAME]")).unwrap(), "Ask Ana");
        assert_eq!(read(json!("'Ask Bo'")).unwrap(), "Ask Bo");
        assert_eq!(read(json!("Ask Cy")).unwrap_err(), "the response is not one of those allowed");
        let task = Task::new("Rate", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        assert_eq!(read_response(&task, &query, &[], &json!(4)).unwrap(), "4");
        assert!(read_response(&task, &query, &[], &json!(9)).is_err());
    }
}
