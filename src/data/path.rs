use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::fold;
use super::{FactorId, Feature, FeatureKey};

/// How features and factors led to one response (paper: *r*_q). A path is *checked*: each step cites a feature of its item
/// and the factor that feature belongs to, and its conclusion is the response.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningPath {
    steps: Vec<PathStep>,
    response: String,
    origin: PathOrigin,
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// Position of the cited feature among its item's features, from 0.
    pub feature: usize,
    /// The factor it belongs to; `None` for a feature of no known factor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub factor: Option<FactorId>,
    /// What the step says.
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
        /// How many features there are.
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
        if steps.is_empty() && !features.is_empty() {
            return Err(PathError::NoSteps);
        }
        for (step, cited) in steps.iter().enumerate() {
            if cited.feature >= features.len() {
                return Err(PathError::UnknownFeature { step, feature: cited.feature, known: features.len() });
            }
            if cited.factor != factor_of(cited.feature) {
                return Err(PathError::WrongFactor { step });
            }
            if cited.text.trim().is_empty() {
                return Err(PathError::BlankStep { step });
            }
        }
        Ok(Self { steps, response: response.into(), origin })
    }

    /// The same path with the cited features at other places; `None` when one of them is nowhere.
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
