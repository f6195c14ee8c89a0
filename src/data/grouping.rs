//! The rules that a partition of features into factors is made by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::text::fold;
use super::{Factor, FactorId, FactorSet, FeatureKey};

/// The rules of the partition into factors, besides the features themselves: the groups that a factor model made, and
/// how like a name must be to join a factor. With it the partition follows from the interactions, so that taking one
/// out leaves the factors as they would be had it never been there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grouping {
    /// Least share of common word stems (Jaccard) with which a feature joins a factor.
    pub(crate) likeness: f64,
    /// The factor model's groups, in order of id; none when likeness alone groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fitted: Vec<FittedFactor>,
}

impl Default for Grouping {
    /// The grouping of a file that gives none.
    fn default() -> Self {
        Self { likeness: 0.0, fitted: Vec::new() }
    }
}

/// Likeness with which a feature joins a factor, where no factor model says another.
pub(crate) const LIKENESS: f64 = 0.6;

impl Grouping {
    /// The grouping that keeps these factors as they are.
    pub(crate) fn of(factors: &FactorSet) -> Self {
        let fitted = |factor: &Factor| FittedFactor {
            id: factor.id().clone(),
            label: factor.label().to_owned(),
            description: factor.description().to_owned(),
            features: factor.features().clone(),
        };
        Self { likeness: LIKENESS, fitted: factors.iter().map(fitted).collect() }
    }
}

/// A group that a factor model made and named.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedFactor {
    pub(crate) id: FactorId,
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) features: BTreeSet<FeatureKey>,
}

impl std::fmt::Debug for FittedFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FittedFactor").field("id", &self.id).finish_non_exhaustive()
    }
}

impl FittedFactor {
    /// Words it anew where its words are those of features that are gone.
    pub(crate) fn reword_without(&mut self, lost: &BTreeSet<FeatureKey>) {
        let speaks = |text: &str| {
            let folded = fold(text);
            lost.iter().any(|key| folded.contains(key.as_str()))
        };
        if speaks(&self.label) {
            self.label = self.features.first().map(|key| key.as_str().to_owned()).unwrap_or_default();
        }
        if speaks(&self.description) {
            let named: Vec<&str> = self.features.iter().take(5).map(FeatureKey::as_str).collect();
            self.description = format!("features named {}", named.join(", "));
        }
    }
}
