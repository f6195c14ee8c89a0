//! Answers by one request to a model, which finds the features of the query as well.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::context::StageContext;
use crate::data::{AssignedFeature, FactorId, Feature, PathOrigin, PathStep, ReasoningPath, ResponseSpace, Task};
use crate::extract::{Dropped, ExtractionRequest, PromptedExtractor};
use crate::factor::{AssignRequest, FactorModel, FactorNames, SimilarityFactorModel};
use crate::llm::{Completion, CompletionRequest, ReplySchema, Stage};
use crate::prompt::{self, ExampleStyle, OwnWords, Prompt};
use crate::reason::{STEP_CHARS, read_why};
use crate::stats::{Estimate, Fusion, ModelView, Muted, Tier, Unfused};

use super::against::speaks_against;
use super::fusing::{fused, spared};
use super::reading::{Allowed, Question, Reading, allowed, response_schema, response_tokens};
use super::shown::{MostShown, shown_exemplars, shown_factors, sources_of};
use super::statistical::supported_path;
use super::told::{counted, of_value};
use super::{AnswerError, AnswerRequest, Answerer, Draft, FusedAnswerer, PromptedAnswerer, StatisticalAnswerer};

/// Asks a model for the answer and its reasons in one request: cheaper, where features for retrieval and statistics come from
/// elsewhere, as from a [`LexicalExtractor`](crate::extract::LexicalExtractor).
///
/// The request shows at most four factors, those in which the user differs most surely from most people first, and past answers with
/// the nearest last, beside the new text; to a model that decides alone also how often the user gave each response. The reply gives the response before the reasons: of small models the first thought was
/// measured to be the better one, and its probabilities are read before the model argues for it.
///
/// The reasons are checked as an extractor's finds are: each is kept only if its quote is found in the query, and gets its factor by the
/// likeness of names; one whose factor speaks against the response by the user's own statistics is not kept. The features kept replace
/// those the answer was asked with. When no quote is found, it is asked for again; then the path is composed from the statistics, so that
/// a sound response is not lost.
///
/// With a [`Fusion`] the response is that of the estimate and the model's view together, as in [`FusedAnswerer`](super::FusedAnswerer):
/// the view is read off the probabilities of the response's first token where the provider tells them, else it is the response stated.
/// The model's reasons are kept where they are for that response; for another one the path is composed.
#[derive(Debug, Clone)]
pub struct OneCallAnswerer {
    max_steps: usize,
    max_reasks: u32,
    most_shown: MostShown,
    example_tokens: u64,
    estimate: bool,
    fusion: Option<Arc<Fusion>>,
    falls_back: bool,
}

impl Default for OneCallAnswerer {
    fn default() -> Self {
        Self {
            max_steps: 2,
            max_reasks: 1,
            most_shown: MostShown { factors: 4, tokens: Some(300) },
            example_tokens: 80,
            estimate: false,
            fusion: None,
            falls_back: false,
        }
    }
}

/// The key of the response. It stands before the reasons in the alphabet, which is the order of a schema.
const RESPONSE: &str = "answer";

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    reasons: Vec<Value>,
    #[serde(default)]
    answer: Option<Value>,
    /// In place of the answer, or beside it.
    #[serde(default)]
    response: Option<Value>,
}

impl Answered {
    fn said(&self) -> &Value {
        self.answer.as_ref().or(self.response.as_ref()).unwrap_or(&Value::Null)
    }
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
    /// How likely the model finds each response; `None` where that is not asked.
    view: Option<ModelView>,
}

impl OneCallAnswerer {
    /// The most features asked for and kept, from 1 to 12; each has a step. Default: 2.
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

    /// The most factors shown. Default: 4.
    #[must_use]
    pub fn factors_shown(mut self, factors: usize) -> Self {
        self.most_shown.factors = factors;
        self
    }

    /// About how many tokens of factors are shown; one is always shown. Default: 300.
    #[must_use]
    pub fn factor_tokens(mut self, tokens: u64) -> Self {
        self.most_shown.tokens = Some(tokens);
        self
    }

    /// About how many tokens of each past text are shown. Default: 80.
    #[must_use]
    pub fn example_tokens(mut self, tokens: u64) -> Self {
        self.example_tokens = tokens;
        self
    }

    /// Ends the prompt with the estimate, as [`PromptedAnswerer::show_estimate`] does, unless it decides with the model: then it would
    /// count twice. Default: it is not shown.
    #[must_use]
    pub fn show_estimate(mut self) -> Self {
        self.estimate = true;
        self
    }

    /// Decides by the estimate and the model's view together. One comes from [`Fusion::fit`] over answers of this answerer whose
    /// responses the users gave later ([`Answer::past_view`](crate::Answer::past_view)); until then [`Fusion::default`]. Default: the
    /// response is the model's.
    #[must_use]
    pub fn fusion(mut self, fusion: impl Into<Arc<Fusion>>) -> Self {
        self.fusion = Some(fusion.into());
        self
    }

    /// With a fusion, answers by the statistics alone where the model fails or gives no reply that can be used, as it does where the budget
    /// does not allow the request; [`Draft::unfused`] says so. Default: that is an error.
    #[must_use]
    pub fn falling_back(mut self) -> Self {
        self.falls_back = true;
        self
    }

    fn request(&self, request: &AnswerRequest<'_>, options: &[Allowed], ctx: &StageContext<'_>) -> CompletionRequest {
        let (task, query) = (request.task, request.query);
        let mut exemplars = shown_exemplars(request).to_vec();
        // The nearest stands last, beside the text.
        exemplars.reverse();
        let shown = shown_factors(self.most_shown, request, &exemplars, ctx);
        let style = ExampleStyle { factors: &shown, features: false, paths: false, tokens: Some(self.example_tokens) };
        let mut item = prompt::item(task, query, &[], &[], ctx.redaction());
        item.push_str(&prompt::estimate(
            task,
            request.estimate.filter(|_| self.estimate && self.fusion_of(request).is_none()),
            ctx.redaction(),
        ));
        // Where the estimate decides too, it knows this, and the model's own view is asked.
        let fixed = task.space().fixed_responses().filter(|_| self.fusion_of(request).is_none()).unwrap_or_default();
        let overall = prompt::overall(request.beliefs, &fixed, ctx.redaction());
        let factors = prompt::factors(request.beliefs, &shown, Some(query), ctx.redaction());
        let values = prompt::task_values(task)
            .set("responses", prompt::responses(task))
            .set("factors", format!("{overall}{factors}"))
            .set("exemplars", prompt::exemplars(task, &exemplars, &style, ctx.redaction()))
            .set("max_steps", self.max_steps.to_string())
            .set("item", item);
        let text = |chars: usize| json!({ "type": "string", "maxLength": chars });
        let reason = json!({
            "type": "object",
            "properties": { "name": text(60), "quote": text(160), "why": text(STEP_CHARS) },
            "required": ["name", "quote", "why"],
            "additionalProperties": false,
        });
        let mut properties = Map::new();
        let reasons = json!({ "type": "array", "items": reason, "minItems": 1, "maxItems": self.max_steps });
        properties.insert(RESPONSE.to_owned(), response_schema(task, options));
        properties.insert("reasons".to_owned(), reasons);
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": [RESPONSE, "reasons"],
            "additionalProperties": false,
        });
        let max_tokens = 64 + response_tokens(task, options) + 130 * u32::try_from(self.max_steps).unwrap_or(12);
        let messages = ctx.prompts().render(Prompt::AnswerMerged, &values);
        let told =
            if self.fusion_of(request).is_some() { u8::try_from(2 * options.len()).unwrap_or(u8::MAX) } else { 0 };
        CompletionRequest::new(Stage::Answer, messages, max_tokens)
            .schema(ReplySchema { name: "answer", schema })
            .logprobs(told)
            .about(sources_of(request, &exemplars, &shown))
    }

    /// How far the model is trusted beside the estimate; `None` where there is none, as for free text.
    fn fusion_of(&self, request: &AnswerRequest<'_>) -> Option<&Arc<Fusion>> {
        self.fusion.as_ref().filter(|_| request.estimate.is_some())
    }

    /// The view that a reply gives: by the probabilities of the response's first token, else that of the response stated.
    fn view(
        &self,
        request: &AnswerRequest<'_>,
        options: &[Allowed],
        response: &str,
        completion: &Completion,
    ) -> Option<ModelView> {
        self.fusion_of(request)?;
        let told = [RESPONSE, "response"].iter().find_map(|key| of_value(&completion.tokens, key, options));
        // A view of what was not stated is of another reply.
        let is_stated = |place: &usize| options.get(*place).is_some_and(|option| option.response() == response);
        let told = told.filter(|(said, _)| is_stated(said)).map(|(_, view)| view);
        let near = matches!(request.task.space(), ResponseSpace::Scale { .. });
        let stated = || options.iter().position(|option| option.response() == response);
        told.or_else(|| counted(options.len(), &[stated()?], near).ok())
    }

    /// The features of a reply that are in the query, with their steps.
    fn read(&self, request: &AnswerRequest<'_>, reasons: &[Value], response: String, own: &OwnWords) -> Read {
        let seen = ExtractionRequest::new(request.task, "query", request.query).knowing(request.beliefs.factors());
        let dropped = Dropped::default();
        let mut read = Read { response, features: Vec::new(), steps: Vec::new(), dropped, view: None };
        read.dropped.over_limit += reasons.len().saturating_sub(self.max_steps);
        for reason in reasons.iter().take(self.max_steps) {
            let Ok(found) = Found::deserialize(reason) else {
                read.dropped.unusable_name += 1;
                continue;
            };
            let kept = PromptedExtractor::keep_one(&seen, found.name, found.quote, own);
            read.dropped.add(&kept.dropped);
            let Some(feature) = kept.features.into_iter().next().map(|assigned| assigned.feature) else { continue };
            let aside = request.set_aside.is_some_and(|it| Muted::of(it, request.language).is_name(&feature.key()));
            let Some(why) = read_why(&found.why).filter(|_| !aside) else {
                read.dropped.unusable_name += 1;
                continue;
            };
            let same = read.features.iter().position(|other| other.key() == feature.key());
            let place = same.unwrap_or_else(|| {
                read.features.push(feature);
                read.features.len() - 1
            });
            read.steps.push((place, why));
        }
        read
    }

    /// The answer over the features of the reply, with their factors; over the statistics where there are none, or where the response is
    /// not the one that they are reasons for.
    async fn draft(
        &self,
        request: &AnswerRequest<'_>,
        mut read: Read,
        ctx: &StageContext<'_>,
    ) -> Result<Draft, AnswerError> {
        let view = read.view.take();
        let fused = match self.fusion_of(request).zip(view) {
            Some((fusion, view)) => Some(fused(fusion, request, view)?),
            None => None,
        };
        let deciding = fused.as_ref().map(|(fused, _)| &fused.estimate).or(request.estimate);
        let response = fused.as_ref().map_or(&read.response, |(_, response)| response).clone();
        let of_model =
            if response == read.response { Self::argued(request, &mut read, deciding, ctx).await? } else { None };
        let draft = match of_model {
            Some((path, features)) => Draft::new(response, path).over(features, read.dropped),
            None => {
                let path = supported_path(request, &response).await?;
                let mut draft = Draft::new(response, path);
                draft.dropped = read.dropped;
                draft
            }
        };
        Ok(match fused {
            Some((fused, _)) => draft.fused(fused),
            None => draft,
        })
    }

    /// The path of the model's reasons, and the features it is over with their factors; `None` where no reason is left.
    async fn argued(
        request: &AnswerRequest<'_>,
        read: &mut Read,
        deciding: Option<&Estimate>,
        ctx: &StageContext<'_>,
    ) -> Result<Option<(ReasoningPath, Vec<AssignedFeature>)>, AnswerError> {
        let other = |error: crate::llm::BoxError| AnswerError::Other(error);
        let bare: Vec<AssignedFeature> = read.features.iter().cloned().map(AssignedFeature::unknown).collect();
        let unkept = FactorNames::default();
        let names = request.names.unwrap_or(&unkept);
        let assign = AssignRequest::new(request.beliefs.factors(), request.query, &bare, names);
        let factors = SimilarityFactorModel::default().assign(assign, ctx).await;
        let factors = factors.map_err(|error| other(error.into()))?;
        let response = read.response.as_str();
        let against = |factor: &Option<FactorId>| {
            factor.as_ref().is_some_and(|id| speaks_against(request, deciding, id, response))
        };
        let found = read.features.iter().zip(factors);
        let all: Vec<AssignedFeature> =
            found.map(|(feature, factor)| AssignedFeature { feature: feature.clone(), factor }).collect();
        let (mut features, mut places) = (Vec::new(), Vec::new());
        for feature in all {
            let kept = !against(&feature.factor);
            places.push(kept.then_some(features.len()));
            if kept {
                features.push(feature);
            }
        }
        read.dropped.against += places.iter().filter(|place| place.is_none()).count();
        let bare: Vec<Feature> = features.iter().map(|assigned| assigned.feature.clone()).collect();
        let factor_of = |place: usize| features.get(place).and_then(|assigned| assigned.factor.clone());
        let step = |(feature, text): &(usize, String)| {
            let feature = places.get(*feature).copied().flatten()?;
            Some(PathStep { feature, factor: factor_of(feature), text: text.clone() })
        };
        let steps: Vec<PathStep> = read.steps.iter().filter_map(step).collect();
        if steps.is_empty() {
            return Ok(None);
        }
        let path = ReasoningPath::new(steps, read.response.as_str(), PathOrigin::Model, &bare, factor_of);
        let path = path.map_err(|error| other(error.into()))?;
        Ok(Some((path, features)))
    }
}

/// The words of the request besides the data.
fn own_words(task: &Task, ctx: &StageContext<'_>) -> OwnWords {
    let unset = ["responses", "max_steps", "factors", "exemplars", "item", "note"];
    let values = unset.into_iter().fold(prompt::task_values(task), |values, name| values.set(name, ""));
    OwnWords::of(&ctx.prompts().render(Prompt::AnswerMerged, &values))
}

#[async_trait]
impl Answerer for OneCallAnswerer {
    async fn answer(&self, request: AnswerRequest<'_>, ctx: &StageContext<'_>) -> Result<Draft, AnswerError> {
        let fusion = self.fusion_of(&request);
        if request.support.tier == Tier::Generic {
            // Nothing of the user is shown, so that there are no reasons to give either.
            return match fusion {
                // A view of the text alone is another one than the fusion was learned of.
                Some(_) => {
                    let alone = FusedAnswerer::default().max_reasks(self.max_reasks);
                    let alone = if self.falls_back { alone.falling_back() } else { alone };
                    alone.answer(request, ctx).await
                }
                None => PromptedAnswerer::default().max_reasks(self.max_reasks).answer(request, ctx).await,
            };
        }
        if fusion.is_some_and(|fusion| fusion.weight() <= 0.0) {
            return Ok(StatisticalAnswerer.answer(request, ctx).await?.unfused(Unfused::NotTrusted));
        }
        let options = allowed(request.task, request.query, ctx);
        let prompt = self.request(&request, &options, ctx);
        let own = own_words(request.task, ctx);
        let question = Question { request: &request, options: &options, prompt, reasks: self.max_reasks };
        let read = |answered: Answered, response: String, completion: &Completion| {
            let view = self.view(&request, &options, &response, completion);
            let value = Read { view, ..self.read(&request, &answered.reasons, response, &own) };
            let unfounded = || "it has no feature with a name, a why and a quote that is in the new text".to_owned();
            let problem = value.features.is_empty().then(unfounded);
            Reading { value, problem }
        };
        match question.ask(ctx, Answered::said, read).await {
            Ok(argued) => Ok(self.draft(&request, argued.value, ctx).await?.stated(argued.stated)),
            Err(error) => {
                let error = AnswerError::Ask(error);
                let why = fusion.and_then(|_| spared(&error, self.falls_back)).ok_or(error)?;
                Ok(StatisticalAnswerer.answer(request, ctx).await?.unfused(why))
            }
        }
    }

    fn needs_backend(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "one call"
    }
}
