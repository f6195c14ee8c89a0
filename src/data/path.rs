//! Reasoning paths, checked against the features they cite.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::fold;
use super::{FactorId, Feature, FeatureKey};

/// The account of how features and factors led to one response (paper: *r*_q). A path is *checked*: each step cites a
/// feature of its item and the factor that feature belongs to, and its conclusion is the response.
///
/// Read from a file alone, only its steps are checked; the [`MemoryItem`](super::MemoryItem) it belongs to checks what
/// it cites and its conclusion, and the [`UserModel`](crate::UserModel) its factors.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedPath")]
pub struct ReasoningPath {
    steps: Vec<PathStep>,
    response: String,
    origin: PathOrigin,
    /// Of a path that a pipeline had written: the revision of the model that it was written from.
    #[serde(skip)]
    begun: Begun,
}

/// The revision of the model that a path was written from; nothing once it is kept, and of a host's own.
#[derive(Debug, Clone, Copy, Default)]
struct Begun(Option<u64>);

impl PartialEq for Begun {
    /// It is not what a path says.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Begun {}

/// A path as it stands in a file.
#[derive(Deserialize)]
pub(super) struct UncheckedPath {
    steps: Vec<UncheckedStep>,
    response: String,
    origin: PathOrigin,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct UncheckedStep(#[serde(with = "StepFields")] PathStep);

#[derive(Deserialize)]
#[serde(remote = "PathStep")]
struct StepFields {
    feature: usize,
    #[serde(default)]
    factor: Option<FactorId>,
    text: String,
}

checked_on_reading!(PathStep, StepFields);

impl UncheckedPath {
    /// The path, which its item has yet to check.
    pub(super) fn assume(self) -> ReasoningPath {
        let steps = self.steps.into_iter().map(|step| step.0).collect();
        ReasoningPath { steps, response: self.response, origin: self.origin, begun: Begun::default() }
    }
}

impl TryFrom<UncheckedPath> for ReasoningPath {
    type Error = PathError;
    fn try_from(unchecked: UncheckedPath) -> Result<Self, PathError> {
        let path = unchecked.assume();
        match path.steps.iter().position(PathStep::is_blank) {
            Some(step) => Err(PathError::BlankStep { step }),
            None => Ok(path),
        }
    }
}

/// One step of a path. One that is read from a file says something.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct PathStep {
    /// Position of the cited feature among its item's features, from 0.
    pub feature: usize,
    /// The factor it belongs to; `None` for a feature of no known factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorId>,
    /// The text of the step.
    pub text: String,
}

/// Who wrote a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathOrigin {
    /// A model, and its citations were checked. The wording is the model's own.
    Model,
    /// Composed from the statistics.
    Statistics,
    /// The user, or a host on their behalf.
    User,
}

/// Why a path was not accepted. Names positions and ids only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A step cites a feature that the item does not have.
    #[error("step {step} cites feature {feature}, but there are {known}")]
    UnknownFeature {
        /// The step, from 0.
        step: usize,
        /// The feature it cites, from 0.
        feature: usize,
        /// The number of features there are.
        known: usize,
    },
    /// A step cites a factor that its feature does not belong to.
    #[error("step {step} cites a factor that its feature does not belong to")]
    WrongFactor {
        /// The step, from 0.
        step: usize,
    },
    /// A step says nothing.
    #[error("step {step} is blank")]
    BlankStep {
        /// The step, from 0.
        step: usize,
    },
    /// There are features to cite and no step cites one.
    #[error("the path has no step although there are features to cite")]
    NoSteps,
    /// The path concludes on another response.
    #[error("the path's conclusion is not the response")]
    WrongConclusion,
}

impl PathStep {
    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn check(&self) -> Result<(), PathError> {
        if self.is_blank() { Err(PathError::BlankStep { step: 0 }) } else { Ok(()) }
    }
}

impl ReasoningPath {
    /// Checks and keeps a path to `response` over the item's features; `factor_of` tells the factor of the feature at a
    /// position.
    ///
    /// # Errors
    /// [`PathError`]: the first step that cites what does not exist, or a missing or blank one.
    pub fn new(
        steps: Vec<PathStep>,
        response: impl Into<String>,
        origin: PathOrigin,
        features: &[Feature],
        factor_of: impl Fn(usize) -> Option<FactorId>,
    ) -> Result<Self, PathError> {
        let path = Self { steps, response: response.into(), origin, begun: Begun::default() };
        path.check(features.len(), |step| step.factor == factor_of(step.feature))?;
        Ok(path)
    }

    /// Checks it against an item of so many features; `belongs` says whether a step names the factor of its feature.
    pub(crate) fn check(&self, known: usize, belongs: impl Fn(&PathStep) -> bool) -> Result<(), PathError> {
        if self.steps.is_empty() && known > 0 {
            return Err(PathError::NoSteps);
        }
        for (step, cited) in self.steps.iter().enumerate() {
            if cited.feature >= known {
                return Err(PathError::UnknownFeature { step, feature: cited.feature, known });
            }
            if !belongs(cited) {
                return Err(PathError::WrongFactor { step });
            }
            if cited.is_blank() {
                return Err(PathError::BlankStep { step });
            }
        }
        Ok(())
    }

    /// The same path, written from a model of this revision.
    pub(crate) fn begun_at(mut self, revision: u64) -> Self {
        self.begun = Begun(Some(revision));
        self
    }

    /// The revision of the model that it was written from, where a pipeline had it written and nobody kept it yet.
    pub(crate) fn begun(&self) -> Option<u64> {
        self.begun.0
    }

    /// The same path as a model keeps it.
    pub(crate) fn kept(mut self) -> Self {
        self.begun = Begun::default();
        self
    }

    /// Moves the cited features to other places; `None` when one of them is nowhere.
    pub(crate) fn renumbered(&self, place_of: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let step = |step: &PathStep| Some(PathStep { feature: place_of(step.feature)?, ..step.clone() });
        Some(Self { steps: self.steps.iter().map(step).collect::<Option<_>>()?, ..self.clone() })
    }

    /// True when a step's words are those of one of these features.
    pub(crate) fn mentions(&self, features: &BTreeSet<FeatureKey>) -> bool {
        let speaks = |step: &PathStep| {
            let text = fold(&step.text);
            features.iter().any(|key| text.contains(key.as_str()))
        };
        !features.is_empty() && self.steps.iter().any(speaks)
    }

    /// Says again which factor each step is about.
    pub(crate) fn stamp(&mut self, factor_of: impl Fn(usize) -> Option<FactorId>) {
        for step in &mut self.steps {
            step.factor = factor_of(step.feature);
        }
    }

    /// The steps, in the order they argue.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }

    /// The response it leads to.
    pub fn response(&self) -> &str {
        &self.response
    }

    /// Who wrote it.
    pub fn origin(&self) -> PathOrigin {
        self.origin
    }
}

impl fmt::Debug for ReasoningPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReasoningPath")
            .field("steps", &self.steps.len())
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathStep").field("feature", &self.feature).field("factor", &self.factor).finish_non_exhaustive()
    }
}
