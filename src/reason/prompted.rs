use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::data::text::fold;
use crate::data::{AssignedFeature, FeatureKey, PathOrigin, PathStep, ReasoningPath};
use crate::llm::{Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, AskError, Prompt, Sources, StageContext, read_reply};

use super::{PathRequest, PathWriter, WriteError};

/// The longest text of one step, in characters.
const STEP_CHARS: usize = 400;

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

#[derive(Deserialize)]
struct Step {
    feature: Value,
    #[serde(default, alias = "because")]
    why: String,
}

impl PromptedPathWriter {
    /// The most steps asked for and kept, from 1 to 12. Default: 3.
    #[must_use]
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps.clamp(1, 12);
        self
    }

    /// How often a path that fails its check is asked for again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// The shape of the steps over this many features.
    pub(crate) fn steps_schema(features: usize, max_steps: usize) -> Value {
        let ids: Vec<String> = (1..=features).map(|place| format!("x{place}")).collect();
        let step = json!({
            "type": "object",
            "properties": {
                "feature": { "type": "string", "enum": ids },
                "why": { "type": "string", "maxLength": STEP_CHARS },
            },
            "required": ["feature", "why"],
            "additionalProperties": false,
        });
        json!({ "type": "array", "items": step, "minItems": 1, "maxItems": max_steps })
    }

    /// The first `max_steps` steps of a reply with each citation resolved.
    ///
    /// # Errors
    /// What is wrong with them, in words for the model and without text of the user.
    pub(crate) fn read_steps(
        steps: &Value,
        features: &[AssignedFeature],
        max_steps: usize,
    ) -> Result<Vec<PathStep>, String> {
        let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
        if steps.is_empty() {
            return Err("it has no steps".to_owned());
        }
        let mut read = Vec::new();
        for (number, step) in (1..).zip(steps.iter().take(max_steps)) {
            let Ok(step) = Step::deserialize(step) else {
                return Err(format!("step {number} has not the form asked for"));
            };
            let Some((feature, cited)) = cited(&step.feature, features) else {
                // Only an id is repeated: anything else may be the user's words.
                let id = step.feature.as_str().filter(|id| place(id).is_some());
                let id = id.map_or_else(|| "a feature".to_owned(), |id| id.trim().to_lowercase());
                return Err(format!("step {number} cites {id}, which is not listed"));
            };
            let text = one_line(&step.why);
            if !text.chars().any(char::is_alphanumeric) || text.starts_with("<one sentence") {
                return Err(format!("step {number} says nothing"));
            }
            read.push(PathStep { feature, factor: cited.factor.clone(), text });
        }
        Ok(read)
    }

    /// A response as models give it: text, or a bare number.
    pub(crate) fn response_text(response: &Value) -> Option<String> {
        match response {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
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
        let item = prompt::item(task, past.query(), features, &shown, ctx);
        let response = ctx.leaving(past.response());
        let name = task.response_name_str();
        let item = format!("{item}\n{name}: {}", prompt::inline(&response));
        let repeats = !task.space().is_open_ended();
        let conclusion = if repeats { format!(",\"response\":\"<the person's {name}>\"") } else { String::new() };
        let values = prompt::task_values(task)
            .set("conclusion", conclusion)
            .set("factors", prompt::factors(request.beliefs, &shown, Some(past.query()), ctx))
            .set("max_steps", self.max_steps.to_string())
            .set("item", item);
        let mut properties = Map::new();
        properties.insert("reasons".to_owned(), Self::steps_schema(features.len(), self.max_steps));
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
        let reply = read_reply::<Written>(&completion.text).map_err(|error| prompt::unreadable(&error, completion))?;
        let written = ctx.accept(Stage::WritePath, reply);
        let (task, past) = (request.task, request.item);
        if !task.space().is_open_ended() {
            let stated = Self::response_text(&written.response).is_some_and(|text| {
                task.parse_response(past.query(), &text).as_deref() == Some(past.response())
                    || fold(&text) == fold(&ctx.leaving(past.response()))
            });
            if !stated {
                return Err(format!("its response is not the {} the person gave", task.response_name_str()));
            }
        }
        let steps = Self::read_steps(&written.steps, features, self.max_steps)?;
        let factor_of = |place: usize| features.get(place).and_then(|feature| feature.factor.clone());
        ReasoningPath::new(steps, past.response(), PathOrigin::Model, past.features(), factor_of)
            .map_err(|error| error.to_string())
    }
}

/// The feature that a citation means, by its alias or, as small models do, by its name.
fn cited<'f>(citation: &Value, features: &'f [AssignedFeature]) -> Option<(usize, &'f AssignedFeature)> {
    let citation = citation.as_str()?;
    let by_name = || {
        let key = FeatureKey::of(citation);
        features.iter().position(|assigned| assigned.feature.key() == key)
    };
    let position = place(citation).filter(|place| *place < features.len()).or_else(by_name)?;
    features.get(position).map(|feature| (position, feature))
}

/// The place that an alias such as `x2` stands for, from 0.
fn place(alias: &str) -> Option<usize> {
    let bare = alias.trim().trim_matches(['[', ']', '(', ')']).to_lowercase();
    let digits = bare.strip_prefix('x').filter(|digits| (1..=4).contains(&digits.len()))?;
    digits.parse::<usize>().ok()?.checked_sub(1)
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(STEP_CHARS).collect::<String>().trim_end().to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Feature, Query, Span};

    fn features() -> Vec<AssignedFeature> {
        let query = Query::new("secret film").unwrap();
        let feature = |name| AssignedFeature::unknown(Feature::new(&query, name, Span { start: 0, end: 6 }).unwrap());
        vec![feature("slow pacing"), feature("warm acting")]
    }

    #[test]
    fn citations_resolve_by_alias_or_name_and_nothing_else() {
        let steps = json!([
            { "feature": "X2", "why": " it  is\nwarm " },
            { "feature": "slow pacing", "why": "it drags" },
            { "feature": "x9", "why": "beyond the limit of steps" },
        ]);
        let read = PromptedPathWriter::read_steps(&steps, &features(), 2).unwrap();
        assert_eq!(read.iter().map(|step| step.feature).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(read[0].text, "it is warm");
        let problem = PromptedPathWriter::read_steps(&steps, &features(), 3).unwrap_err();
        assert_eq!(problem, "step 3 cites x9, which is not listed");
    }

    #[test]
    fn problems_repeat_only_our_own_ids() {
        for citation in [json!("the secret"), json!("x12345"), json!("x0"), json!(1)] {
            let steps = json!([{ "feature": citation, "why": "secret" }]);
            let problem = PromptedPathWriter::read_steps(&steps, &features(), 3).unwrap_err();
            assert_eq!(problem, "step 1 cites a feature, which is not listed");
        }
        for steps in [json!([]), json!("x1"), Value::Null] {
            assert_eq!(PromptedPathWriter::read_steps(&steps, &features(), 3).unwrap_err(), "it has no steps");
        }
        let echo = json!([{ "feature": "x1", "why": "<one sentence>" }]);
        assert_eq!(PromptedPathWriter::read_steps(&echo, &features(), 3).unwrap_err(), "step 1 says nothing");
    }
}
