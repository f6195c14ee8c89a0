//! Has a model write reasoning paths.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::context::StageContext;
use crate::data::text::fold;
use crate::data::{AssignedFeature, PathOrigin, ReasoningPath};
use crate::llm::{AskError, Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, Prompt, Sources, read_reply};

use super::reading::{read_steps, response_text, steps_schema};
use super::{PathRequest, PathWriter, WriteError};

/// Asks a model how features and factors led to past responses, one request per interaction, and checks what it cites.
///
/// A path that cites what is not listed, or concludes on another response, is asked for again with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptedPathWriter {
    max_steps: usize,
    max_reasks: u32,
}

impl Default for PromptedPathWriter {
    fn default() -> Self {
        Self { max_steps: 3, max_reasks: 1 }
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "reasons", alias = "steps")]
    steps: Value,
    #[serde(default)]
    response: Value,
}

impl PromptedPathWriter {
    /// The most steps asked for and kept, from 1 to 12. Default: 3.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps.clamp(1, 12);
        self
    }

    /// Sets how often a path that fails its check is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    fn request(
        &self,
        request: &PathRequest<'_>,
        features: &[AssignedFeature],
        sources: Option<&Sources<'_>>,
        ctx: &StageContext<'_>,
    ) -> CompletionRequest {
        let (task, past) = (request.task, request.item);
        let shown = request.beliefs.factors().present_in(past.features());
        let item = prompt::item(task, past.query(), features, &shown, ctx.redaction());
        let response = ctx.leaving(past.response());
        let name = task.response_name_str();
        let item = format!("{item}\n{name}: {}", prompt::inline(&response));
        let repeats = !task.space().is_open_ended();
        let conclusion = if repeats {
            format!(", and then \"response\", which is the {name} the person gave")
        } else {
            String::new()
        };
        let values = prompt::task_values(task)
            .set("conclusion", conclusion)
            .set("factors", prompt::factors(request.beliefs, &shown, Some(past.query()), ctx.redaction()))
            .set("max_steps", self.max_steps.to_string())
            .set("item", item);
        let mut properties = Map::new();
        properties.insert("reasons".to_owned(), steps_schema(features.len(), self.max_steps));
        let mut required = vec!["reasons"];
        if repeats {
            properties.insert("response".to_owned(), json!({ "type": "string", "enum": [response] }));
            required.push("response");
        }
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        let messages = ctx.prompts().render(Prompt::Path, &values);
        let steps = u32::try_from(self.max_steps).unwrap_or(12);
        let extra = u32::try_from(past.response().len() / 2).unwrap_or(4_096);
        let max_tokens = (130 * steps + 80).saturating_add(extra).min(8_192);
        let own = past.id().as_str();
        let about = sources.map_or_else(|| vec![own], |sources| sources.about([own], shown.iter().copied()));
        CompletionRequest::new(Stage::WritePath, messages, max_tokens)
            .schema(ReplySchema { name: "path", schema })
            .about(about)
    }

    fn read(
        &self,
        request: &PathRequest<'_>,
        features: &[AssignedFeature],
        completion: &Completion,
        ctx: &StageContext<'_>,
    ) -> Result<ReasoningPath, String> {
        let reply = read_reply::<Written>(&completion.text).map_err(|error| error.problem())?;
        let written = ctx.accept(Stage::WritePath, reply);
        let (task, past) = (request.task, request.item);
        if !task.space().is_open_ended() {
            let stated = response_text(&written.response).is_some_and(|text| {
                task.parse_response(past.query(), &text).as_deref() == Some(past.response())
                    || fold(&text) == fold(&ctx.leaving(past.response()))
            });
            if !stated {
                return Err(format!("its response is not the {} the person gave", task.response_name_str()));
            }
        }
        let steps = read_steps(&written.steps, features, self.max_steps)?;
        let factor_of = |place: usize| features.get(place).and_then(|feature| feature.factor.clone());
        ReasoningPath::new(steps, past.response(), PathOrigin::Model, past.features(), factor_of)
            .map_err(|error| error.to_string())
    }
}

fn assigned(request: &PathRequest<'_>) -> Vec<AssignedFeature> {
    let factors = request.beliefs.factors();
    let features = request.item.features().iter();
    features
        .map(|feature| AssignedFeature {
            feature: feature.clone(),
            factor: factors.factor_of(&feature.key()).map(|factor| factor.id().clone()),
        })
        .collect()
}

#[async_trait]
impl PathWriter for PromptedPathWriter {
    async fn write(&self, request: PathRequest<'_>, ctx: &StageContext<'_>) -> Result<ReasoningPath, WriteError> {
        let mut results = self.write_batch(&[request], ctx).await;
        results.pop().unwrap_or(Err(WriteError::Ask(AskError::NoResult)))
    }

    async fn write_batch(
        &self,
        requests: &[PathRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<ReasoningPath, WriteError>> {
        let features: Vec<Vec<AssignedFeature>> = requests.iter().map(assigned).collect();
        // Without features there is nothing to cite, so nothing to ask.
        let asked: Vec<(&PathRequest<'_>, &[AssignedFeature])> = requests
            .iter()
            .zip(&features)
            .filter(|(_, features)| !features.is_empty())
            .map(|(request, features)| (request, features.as_slice()))
            .collect();
        // All requests of a batch are over one history.
        let sources = requests.first().map(|first| Sources::new(first.beliefs.factors(), first.past));
        let prompts = asked.iter();
        let prompts =
            prompts.map(|(request, features)| self.request(request, features, sources.as_ref(), ctx)).collect();
        let read = |position: usize, completion: &Completion| match asked.get(position) {
            Some((request, features)) => self.read(request, features, completion, ctx),
            None => Err("there was no such request".to_owned()),
        };
        let mut written = ctx.ask_all(prompts, self.max_reasks, read).await.into_iter();
        let mut results = Vec::with_capacity(requests.len());
        for (request, features) in requests.iter().zip(&features) {
            results.push(if features.is_empty() {
                ReasoningPath::new(Vec::new(), request.item.response(), PathOrigin::Statistics, &[], |_| None)
                    .map_err(WriteError::from)
            } else {
                written.next().unwrap_or(Err(AskError::NoResult)).map_err(WriteError::from)
            });
        }
        results
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "prompted"
    }
}
