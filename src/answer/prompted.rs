//! Answers by a model that is shown the user's factors and similar past interactions.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::context::StageContext;
use crate::data::{AssignedFeature, Feature, PathOrigin, PathStep, ReasoningPath};
use crate::llm::{Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, ExampleStyle, Prompt};
use crate::reason::{read_steps, steps_schema};
use crate::stats::Tier;

use super::reading::{Allowed, Question, Reading, allowed, response_schema, response_tokens};
use super::shown::{MostShown, shown_exemplars, shown_factors, sources_of};
use super::statistical::supported_path;
use super::{AnswerError, AnswerRequest, Answerer, Draft};

/// Shows a model the user's factors and similar past interactions, and asks for the steps and then the response.
///
/// The tier says what is shown: everything, no paths, no past interactions, or nothing of the user. A response outside
/// the task's space is asked for again with the reason; steps that cite what is not listed are asked for once more and
/// then composed from the statistics, so a sound response is not lost to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedAnswerer {
    max_steps: usize,
    max_reasks: u32,
    most_shown: MostShown,
    example_tokens: Option<u64>,
    estimate: bool,
}

impl Default for PromptedAnswerer {
    fn default() -> Self {
        Self { max_steps: 3, max_reasks: 1, most_shown: MostShown::default(), example_tokens: None, estimate: false }
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

    /// Sets how often a reply that cannot be used is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// The most factors shown, those of the query before those of the past interactions. Default: 12.
    #[must_use]
    pub fn factors_shown(mut self, factors: usize) -> Self {
        self.most_shown.factors = factors;
        self
    }

    /// About how many tokens of factors are shown at most, in the same order; one is always shown. Default: no limit.
    #[must_use]
    pub fn factor_tokens(mut self, tokens: u64) -> Self {
        self.most_shown.tokens = Some(tokens);
        self
    }

    /// About how many tokens of each past text are shown: of longer ones the sentences with their features. Default:
    /// all.
    #[must_use]
    pub fn example_tokens(mut self, tokens: u64) -> Self {
        self.example_tokens = Some(tokens);
        self
    }

    /// Ends the prompt with the [`Estimate`](crate::stats::Estimate): the likeliest responses with their probabilities,
    /// and the one to give. There is none for free text, and none where nothing of the user is used. Default: it is not
    /// shown.
    #[must_use]
    pub fn show_estimate(mut self) -> Self {
        self.estimate = true;
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
            let values = values.set("item", prompt::item(task, query, &[], &[], ctx.redaction()));
            ctx.prompts().render(Prompt::AnswerGeneric, &values)
        } else {
            let exemplars = shown_exemplars(request);
            let shown = shown_factors(self.most_shown, request, exemplars, ctx);
            about = sources_of(request, exemplars, &shown);
            let style = ExampleStyle {
                factors: &shown,
                features: true,
                paths: tier == Tier::Full,
                tokens: self.example_tokens,
            };
            let mut item = prompt::item(task, query, request.features, &shown, ctx.redaction());
            if request.features.is_empty() {
                item.push_str("\nFeatures: none found, so give no steps.");
            } else {
                let steps = steps_schema(request.features.len(), self.max_steps);
                properties.insert("reasons".to_owned(), steps);
                required.insert(0, "reasons");
                max_tokens += 130 * u32::try_from(self.max_steps).unwrap_or(12);
            }
            item.push_str(&prompt::estimate(task, request.estimate.filter(|_| self.estimate), ctx.redaction()));
            let values = values
                .set("factors", prompt::factors(request.beliefs, &shown, Some(query), ctx.redaction()))
                .set("exemplars", prompt::exemplars(task, exemplars, &style, ctx.redaction()))
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

    /// The steps of a reply that can be used, and what is wrong with those that cannot.
    fn steps(&self, request: &AnswerRequest<'_>, steps: &Value) -> (Option<Vec<PathStep>>, Option<String>) {
        if request.features.is_empty() {
            return (Some(Vec::new()), None);
        }
        if request.support.tier == Tier::Generic {
            return (None, None);
        }
        match read_steps(steps, request.features, self.max_steps) {
            Ok(steps) => (Some(steps), None),
            Err(problem) => (None, Some(problem)),
        }
    }

    /// The path over the model's steps, or over the statistics when there are none to use. Where nothing of the user
    /// was used, it says so.
    async fn path(
        request: &AnswerRequest<'_>,
        steps: Option<Vec<PathStep>>,
        response: &str,
    ) -> Result<ReasoningPath, AnswerError> {
        let (steps, origin) = match steps {
            _ if request.support.tier == Tier::Generic => (generic_steps(request), PathOrigin::Statistics),
            Some(steps) => (steps, PathOrigin::Model),
            None => return supported_path(request, response).await,
        };
        let features: Vec<Feature> = request.features.iter().map(|assigned| assigned.feature.clone()).collect();
        let factor_of = |place: usize| request.features.get(place).and_then(|feature| feature.factor.clone());
        match ReasoningPath::new(steps, response, origin, &features, factor_of) {
            Ok(path) => Ok(path),
            Err(_) => supported_path(request, response).await,
        }
    }
}

/// A path needs a step where there are features; this one claims nothing of them.
fn generic_steps(request: &AnswerRequest<'_>) -> Vec<PathStep> {
    let text =
        format!("nothing of this person was used: the answer rests on the {} alone", request.task.query_name_str());
    let step = |first: &AssignedFeature| PathStep { feature: 0, factor: first.factor.clone(), text };
    request.features.first().map(step).into_iter().collect()
}

#[async_trait]
impl Answerer for PromptedAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let options = allowed(request.task, request.query, ctx);
        let prompt = self.request(&request, &options, ctx);
        let question = Question { request: &request, options: &options, prompt, reasks: self.max_reasks };
        let read = |answered: Answered, response, _: &Completion| {
            let (steps, problem) = self.steps(&request, &answered.steps);
            Reading { value: (response, steps), problem }
        };
        let argued = question.ask(ctx, |answered: &Answered| &answered.response, read).await?;
        let (response, steps) = argued.value;
        let path = Self::path(&request, steps, &response).await?;
        Ok(Draft::new(response, path).stated(argued.stated))
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
