//! The rules that a partition of features into factors is made by.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::text::fold;
use super::{DataError, Factor, FactorId, FactorSet, FeatureKey, is_odd};
use crate::words::Language;

/// The rules of the partition into factors, besides the features themselves: the groups that a factor model made, and
/// how like a name must be to join a factor. With it the partition follows from the interactions, so that taking one
/// out leaves the factors as they would be had it never been there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grouping {
    /// Least share of common word stems (Jaccard) with which a feature joins a factor.
    pub(crate) likeness: f64,
    /// The language by whose stems names are compared: that of the task, or of all interactions.
    #[serde(default, skip_serializing_if = "Language::is_default")]
    pub(crate) language: Language,
    /// The factor model's groups, in order of id; none when likeness alone groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fitted: Vec<FittedFactor>,
}

impl Default for Grouping {
    /// The grouping of a file that gives none.
    fn default() -> Self {
        Self::by_likeness(0.0)
    }
}

/// Likeness with which a feature joins a factor, where no factor model says another.
pub(crate) const LIKENESS: f64 = 0.6;

impl Grouping {
    /// The grouping by likeness alone.
    pub(crate) fn by_likeness(likeness: f64) -> Self {
        Self { likeness, language: Language::default(), fitted: Vec::new() }
    }

    /// The grouping that keeps these factors as they are.
    pub(crate) fn of(factors: &FactorSet) -> Self {
        Self { fitted: factors.iter().map(FittedFactor::of).collect(), ..Self::by_likeness(LIKENESS) }
    }

    /// Takes in groups that a catalog made, by their ids. False when they were all there.
    pub(crate) fn take_in(&mut self, groups: Vec<FittedFactor>) -> bool {
        let mut changed = false;
        for mut group in groups {
            let other = |known: &FittedFactor| known.id != group.id;
            let taken: HashSet<&FeatureKey> =
                self.fitted.iter().filter(|g| other(g)).flat_map(|g| &g.features).collect();
            group.features.retain(|key| !taken.contains(key));
            if group.features.is_empty() {
                continue;
            }
            match self.fitted.binary_search_by(|known| known.id.cmp(&group.id)) {
                Ok(place) => {
                    if let Some(known) = self.fitted.get_mut(place) {
                        let before = known.features.len();
                        known.features.append(&mut group.features);
                        changed |= known.features.len() > before;
                    }
                }
                Err(place) => {
                    self.fitted.insert(place, group);
                    changed = true;
                }
            }
        }
        changed
    }

    /// Fails for groups that no factors could be made of again.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if !(0.05..=1.0).contains(&self.likeness) {
            return Err(DataError::BadNumbers { what: "grouping", problem: "has no likeness from 0.05 to 1" });
        }
        let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
        if let Some([_, late]) = self.fitted.windows(2).find(|pair| !pair.is_sorted_by_key(|group| &group.id)) {
            // A group that comes later is looked for, and put in, by its id.
            let problem = "is grouped out of order: groups are in order of id";
            return Err(DataError::BadFactor { factor: late.id.clone(), problem });
        }
        for group in &self.fitted {
            let bad = |problem| Err(DataError::BadFactor { factor: group.id.clone(), problem });
            if !ids.insert(&group.id) {
                return bad("is grouped twice");
            }
            if group.features.is_empty() {
                return bad("is grouped without features");
            }
            if group.label.trim().is_empty() {
                return bad("is grouped without a label");
            }
            if group.label.chars().chain(group.description.chars()).any(is_odd) {
                return bad("is grouped with a control character in its label or description");
            }
            if !group.features.iter().all(|key| keys.insert(key)) {
                return bad("is grouped with a feature of another factor");
            }
        }
        Ok(())
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
    /// The group that a factor is, without the control characters that a factor model may have put into its words.
    fn of(factor: &Factor) -> Self {
        let printable = |text: &str| text.chars().filter(|c| !is_odd(*c)).collect::<String>();
        let (mut label, features) = (printable(factor.label()), factor.features().clone());
        if label.trim().is_empty() {
            label = first_key(&features);
        }
        Self { id: factor.id().clone(), label, description: printable(factor.description()), features }
    }

    /// Words it anew where its words are those of features that are gone.
    pub(crate) fn reword_without(&mut self, lost: &BTreeSet<FeatureKey>) {
        let speaks = |text: &str| {
            let folded = fold(text);
            lost.iter().any(|key| folded.contains(key.as_str()))
        };
        if speaks(&self.label) {
            self.label = first_key(&self.features);
        }
        if speaks(&self.description) {
            let named: Vec<&str> = self.features.iter().take(5).map(FeatureKey::as_str).collect();
            self.description = format!("features named {}", named.join(", "));
        }
    }
}

fn first_key(features: &BTreeSet<FeatureKey>) -> String {
    features.first().map(|key| key.as_str().to_owned()).unwrap_or_default()
}
