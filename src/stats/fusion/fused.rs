//! What fusing comes to, and why there is none.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

use super::ModelView;

/// An estimate and a model's view, put together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FusedEstimate {
    /// The probabilities that they come to. What the model adds is the part [`Source::Model`](crate::stats::Source::Model).
    pub estimate: Estimate,
    /// How likely the model finds each response.
    pub view: ModelView,
    /// The weight of the view ([`Fusion::weight`](super::Fusion::weight)).
    pub weight: f64,
}

/// Why an answer of an answerer that asks a model for its view, or for proposals, is of the statistics alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unfused {
    /// The model's views tell nothing of what users respond: its weight is 0.
    NotTrusted,
    /// The budget did not allow the request.
    Budget,
    /// The model failed, or gave no reply that could be used, and the host wants an answer all the same.
    Failed,
}

impl Unfused {
    /// The reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotTrusted => "its views tell nothing of what users respond",
            Self::Budget => "the budget did not allow it",
            Self::Failed => "it failed, or gave no reply that could be used",
        }
    }
}
