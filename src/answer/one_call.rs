//! Answers by one request to a model, which finds the features of the query as well.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::context::StageContext;
use crate::data::{AssignedFeature, Feature, PathOrigin, PathStep, ReasoningPath, Task};
use crate::extract::{Dropped, ExtractionRequest, PromptedExtractor};
use crate::factor::{AssignRequest, FactorModel, FactorNames, SimilarityFactorModel};
use crate::llm::{CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, ExampleStyle, OwnWords, Prompt};
use crate::reason::{STEP_CHARS, read_why};
use crate::stats::{Muted, Tier};

use super::reading::{Allowed, Question, Reading, allowed, response_schema, response_tokens};
use super::shown::{MostShown, shown_exemplars, shown_factors, sources_of};
use super::statistical::supported_path;
use super::{AnswerError, AnswerRequest, Answerer, Draft, PromptedAnswerer};

/// Asks a model for the features of the query and the answer in one request: cheaper, where features for retrieval and
/// statistics come from elsewhere, as from a [`LexicalExtractor`](crate::extract::LexicalExtractor).
///
/// The model's features are checked as an extractor's are: each is kept only if its quote is found in the query, and
/// gets its factor by the likeness of names. The features kept replace those the answer was asked with. When no quote
/// is found, it is asked for again; then the path is composed from the statistics, so that a sound response is not
/// lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneCallAnswerer {
    max_steps: usize,
    max_reasks: u32,
    factor_tokens: u64,
    example_tokens: u64,
    estimate: bool,
}

impl Default for OneCallAnswerer {
    fn default() -> Self {
        Self { max_steps: 3, max_reasks: 1, factor_tokens: 300, example_tokens: 120, estimate: false }
    }
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    reasons: Vec<Value>,
    response: Value,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    #[serde(alias = "context")]
    quote: String,
    why: String,
}

/// The content of a reply: the response, and the features found in the query, each with the steps that cite it.
struct Read {
    response: String,
    features: Vec<Feature>,
    steps: Vec<(usize, String)>,
    dropped: Dropped,
}

impl OneCallAnswerer {
    /// The most features asked for and kept, from 1 to 12; each has a step. Default: 3.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps.clamp(1, 12);
        self
    }

    /// Sets how often a reply that cannot be used is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// About how many tokens of factors are shown, the surest of the query first; one is always shown. Default: 300.
    #[must_use]
    pub fn factor_tokens(mut self, tokens: u64) -> Self {
        self.factor_tokens = tokens;
        self
    }

    /// About how many tokens of each past text are shown. Default: 120.
    #[must_use]
    pub fn example_tokens(mut self, tokens: u64) -> Self {
        self.example_tokens = tokens;
        self
    }

    /// Ends the prompt with the estimate, as [`PromptedAnswerer::show_estimate`] does. Default: it is not shown.
    #[must_use]
    pub fn show_estimate(mut self) -> Self {
        self.estimate = true;
        self
    }

    fn request(&self, request: &AnswerRequest<'_>, options: &[Allowed], ctx: &StageContext<'_>) -> CompletionRequest {
        let (task, query) = (request.task, request.query);
        let exemplars = shown_exemplars(request);
        let most = MostShown { tokens: Some(self.factor_tokens), ..MostShown::default() };
        let shown = shown_factors(most, request, exemplars, ctx);
        let style = ExampleStyle { factors: &shown, features: false, paths: false, tokens: Some(self.example_tokens) };
        let mut item = prompt::item(task, query, &[], &[], ctx.redaction());
        item.push_str(&prompt::estimate(task, request.estimate.filter(|_| self.estimate), ctx.redaction()));
        let values = prompt::task_values(task)
            .set("responses", prompt::responses(task))
            .set("factors", prompt::factors(request.beliefs, &shown, Some(query), ctx.redaction()))
            .set("exemplars", prompt::exemplars(task, exemplars, &style, ctx.redaction()))
            .set("max_steps", self.max_steps.to_string())
            .set("item", item);
        let reason = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "maxLength": 60 },
                "quote": { "type": "string", "maxLength": 160 },
                "why": { "type": "string", "maxLength": STEP_CHARS },
            },
            "required": ["name", "quote", "why"],
            "additionalProperties": false,
        });
        let mut properties = Map::new();
        let reasons = json!({ "type": "array", "items": reason, "minItems": 1, "maxItems": self.max_steps });
        properties.insert("reasons".to_owned(), reasons);
        properties.insert("response".to_owned(), response_schema(task, options));
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": ["reasons", "response"],
            "additionalProperties": false,
        });
        let max_tokens = 64 + response_tokens(task, options) + 130 * u32::try_from(self.max_steps).unwrap_or(12);
        let messages = ctx.prompts().render(Prompt::AnswerMerged, &values);
        CompletionRequest::new(Stage::Answer, messages, max_tokens)
            .schema(ReplySchema { name: "answer", schema })
            .about(sources_of(request, exemplars, &shown))
    }

    /// The features of a reply that are in the query, with their steps.
    fn read(&self, request: &AnswerRequest<'_>, reasons: &[Value], response: String, own: &OwnWords) -> Read {
        let seen = ExtractionRequest::new(request.task, "query", request.query);
        let mut read = Read { response, features: Vec::new(), steps: Vec::new(), dropped: Dropped::default() };
        for reason in reasons.iter().take(self.max_steps) {
            let Ok(found) = Found::deserialize(reason) else {
                read.dropped.unusable_name += 1;
                continue;
            };
            let kept = PromptedExtractor::keep_one(&seen, found.name, found.quote, own);
            read.dropped.add(&kept.dropped);
            let Some(why) = read_why(&found.why) else { continue };
            let Some(feature) = kept.features.into_iter().next().map(|assigned| assigned.feature) else { continue };
            if request.set_aside.is_some_and(|aside| Muted::of(aside, request.language).is_name(&feature.key())) {
                continue;
            }
            let same = read.features.iter().position(|other| other.key() == feature.key());
            let place = same.unwrap_or_else(|| {
                read.features.push(feature);
                read.features.len() - 1
            });
            read.steps.push((place, why));
        }
        read
    }

    /// The answer over the features of the reply, with their factors; over the statistics where there are none.
    async fn draft(request: &AnswerRequest<'_>, read: Read, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let other = |error: crate::llm::BoxError| AnswerError::Other(error);
        if read.features.is_empty() {
            let path = supported_path(request, &read.response)?;
            let mut draft = Draft::new(read.response, path);
            draft.dropped = read.dropped;
            return Ok(draft);
        }
        let bare: Vec<AssignedFeature> = read.features.iter().cloned().map(AssignedFeature::unknown).collect();
        let unkept = FactorNames::default();
        let names = request.names.unwrap_or(&unkept);
        let assign = AssignRequest::new(request.beliefs.factors(), request.query, &bare, names);
        let factors = SimilarityFactorModel::default().assign(assign, ctx).await;
        let factors = factors.map_err(|error| other(error.into()))?;
        let factor_of = |place: usize| factors.get(place).cloned().flatten();
        let step = |(feature, text): (usize, String)| PathStep { feature, factor: factor_of(feature), text };
        let steps = read.steps.into_iter().map(step).collect();
        let path = ReasoningPath::new(steps, read.response.as_str(), PathOrigin::Model, &read.features, factor_of);
        let path = path.map_err(|error| other(error.into()))?;
        let features = read.features.into_iter().zip(&factors);
        let features = features.map(|(feature, factor)| AssignedFeature { feature, factor: factor.clone() }).collect();
        Ok(Draft::new(read.response, path).over(features, read.dropped))
    }
}

/// The words of the request besides the data.
fn own_words(task: &Task, ctx: &StageContext<'_>) -> OwnWords {
    let values = prompt::task_values(task).set("responses", "").set("max_steps", "").set("factors", "");
    let values = values.set("exemplars", "").set("item", "").set("note", "");
    OwnWords::of(&ctx.prompts().render(Prompt::AnswerMerged, &values))
}

#[async_trait]
impl Answerer for OneCallAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        if request.support.tier == Tier::Generic {
            return PromptedAnswerer::default().max_reasks(self.max_reasks).answer(request, ctx).await;
        }
        let options = allowed(request.task, request.query, ctx);
        let prompt = self.request(&request, &options, ctx);
        let own = own_words(request.task, ctx);
        let question = Question { request: &request, options: &options, prompt, reasks: self.max_reasks };
        let read = |answered: Answered, response| {
            let value = self.read(&request, &answered.reasons, response, &own);
            let unfounded = || "it has no feature with a name, a why and a quote that is in the new text".to_owned();
            let problem = value.features.is_empty().then(unfounded);
            Reading { value, problem }
        };
        let argued = question.ask(ctx, |answered: &Answered| &answered.response, read).await?;
        Ok(Self::draft(&request, argued.value, ctx).await?.stated(argued.stated))
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "one call"
    }
}
