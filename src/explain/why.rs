//! The reasons of an answer, as they were given.

use std::fmt;

use serde::Serialize;

use crate::data::{FactorId, ItemId, PathOrigin};
use crate::extract::Dropped;
use crate::stats::{Estimate, FactorSummary, FusedEstimate, ProposedResponse, Source, Support, Unfused};

/// An answer with its reasons as they were given, from [`Answer::reasons`](crate::Answer::reasons). They are told, not
/// tested: [`WhatIf`](super::WhatIf) is the test.
///
/// It quotes the user's own material, in [`Display`](fmt::Display) and as data; treat it as such. `Debug` prints ids
/// and numbers only.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reasons {
    /// The task's word for a response.
    pub response_name: String,
    /// The response.
    pub response: String,
    /// True when a model gave the response by itself: the estimate stands beside it and did not decide.
    pub by_model: bool,
    /// The evidence, the tier it allows and why.
    pub support: Support,
    /// How many past interactions the user has.
    pub interactions: usize,
    /// P(response | features, user) from the statistics, with what a model's view adds where it was fused with them; `None` for free
    /// text.
    pub estimate: Option<Estimate>,
    /// The part that a model has in it, where its view was put together with the statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelPart>,
    /// The model's own response, word for word, where one stated a response and another was decided on: its reasons were for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overruled: Option<String>,
    /// Features of the query, and reasons of the model, that were found and not kept.
    pub dropped: Dropped,
    /// Why a model has none, where one would have been asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfused: Option<Unfused>,
    /// The responses of free text among which the user's habits chose, the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<ProposedResponse>,
    /// What made the estimate of the response more or less than the user's base rate for it, the strongest first. Base rate and
    /// contributions sum to the estimate. What the tone adds stands with a factor where all of its words are that factor's.
    pub contributions: Vec<Contribution>,
    /// Who wrote the path.
    pub origin: PathOrigin,
    /// The path.
    pub steps: Vec<CitedStep>,
    /// The past interactions the answer rests on, most similar first.
    pub exemplars: Vec<ExemplarSummary>,
    /// Factors of the query whose statistics have changed of late.
    pub drifting: Vec<FactorId>,
    /// What the query says that is set aside at the user's wish: it moved nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
}

/// The part that a model has in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelPart {
    /// How likely the model finds the response by itself, from 0 to 1: by the text alone, or by what one call showed it of the user.
    pub alone: f64,
    /// How likely the statistics find it without the model, from 0 to 1.
    pub without: f64,
    /// How far the model is trusted, from 0 to 4: 1 as another estimate, 0 not at all.
    pub weight: f64,
}

impl ModelPart {
    pub(crate) fn of(fused: &FusedEstimate, response: &str) -> Self {
        let place = fused.estimate.responses().iter().position(|it| it.response == response);
        let alone = place.and_then(|place| fused.view.shares().get(place)).copied().unwrap_or_default();
        let added = fused.estimate.contributions(response).into_iter().find(|(source, _)| **source == Source::Model);
        let without = fused.estimate.probability(response) - added.map_or(0.0, |(_, added)| added);
        Self { alone, without, weight: fused.weight }
    }
}

/// What one source added to the estimate of the response.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contribution {
    /// The source.
    pub source: Source,
    /// The label of the factor, or what else the source is called.
    pub name: String,
    /// What it added to the probability of the response; below 0 for what it took away.
    pub added: f64,
    /// What it added to the expected value, in points of the scale; `None` where responses are no numbers.
    pub points: Option<f64>,
}

impl Contribution {
    /// `words` are the label of a factor, or the words that praise or blame.
    pub(crate) fn new(source: &Source, words: Option<&str>, added: f64, points: Option<f64>) -> Self {
        let name = match (source, words) {
            (Source::Tone, Some(words)) => format!("words such as {words}"),
            (_, words) => Self::called(source, words).to_owned(),
        };
        Self { source: source.clone(), name, added, points }
    }

    fn called<'a>(source: &'a Source, words: Option<&'a str>) -> &'a str {
        match source {
            Source::Factor(id) => words.unwrap_or(id.as_str()),
            Source::Similar => "similar queries",
            Source::Tone => "how it is worded",
            Source::Options => "how the options were picked elsewhere",
            Source::Others => "what others respond",
            Source::Model => "what the model makes of it",
        }
    }
}

impl fmt::Debug for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, added, points) = (&self.source, &self.added, &self.points);
        f.debug_struct("Contribution")
            .field("source", source)
            .field("added", added)
            .field("points", points)
            .finish_non_exhaustive()
    }
}

/// Words of a query that were not heard, at the user's wish.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SetAside {
    /// The words.
    pub words: String,
    /// The label of the factor that the user set aside.
    pub factor: String,
}

/// One step of a path with what it cites.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CitedStep {
    /// The text of the step.
    pub text: String,
    /// The name of the cited feature.
    pub feature: String,
    /// The words of the query it was seen in.
    pub words: String,
    /// The factor it belongs to, with its statistics; `None` for a feature of no known factor.
    pub factor: Option<FactorSummary>,
}

/// One past interaction that an answer rests on.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExemplarSummary {
    /// The interaction.
    pub item: ItemId,
    /// The question.
    pub query: String,
    /// The user's response.
    pub response: String,
    /// Its similarity to the query, from 0 to 1.
    pub similarity: f64,
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reasons")
            .field("support", &self.support)
            .field("origin", &self.origin)
            .field("steps", &self.steps)
            .field("exemplars", &self.exemplars)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetAside").finish_non_exhaustive()
    }
}

impl fmt::Debug for CitedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let factor = self.factor.as_ref().map(|factor| &factor.id);
        f.debug_struct("CitedStep").field("factor", &factor).finish_non_exhaustive()
    }
}

impl fmt::Debug for ExemplarSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExemplarSummary")
            .field("item", &self.item)
            .field("similarity", &self.similarity)
            .finish_non_exhaustive()
    }
}
