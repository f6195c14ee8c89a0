//! One factor with its counts and its standing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DataError, FactorId, FeatureKey, Judgement, Polarity};

/// Features that act alike for one user (paper: *F*⁽ᵐ⁾), with the statistics of that user's responses.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedFactor")]
pub struct Factor {
    pub(super) id: FactorId,
    pub(super) label: String,
    pub(super) description: String,
    pub(super) features: BTreeSet<FeatureKey>,
    #[serde(skip_serializing_if = "is_one")]
    pub(super) cohesion: f64,
    pub(super) stats: FactorStats,
    #[serde(skip_serializing_if = "Standing::is_plain")]
    pub(super) standing: Standing,
}

/// A factor as it stands in a file.
#[derive(Deserialize)]
pub(super) struct UncheckedFactor {
    id: FactorId,
    label: String,
    description: String,
    features: BTreeSet<FeatureKey>,
    #[serde(default = "one")]
    cohesion: f64,
    #[serde(with = "UncheckedStats")]
    stats: FactorStats,
    #[serde(default)]
    standing: Standing,
}

impl UncheckedFactor {
    /// The factor, which its set has yet to check.
    pub(super) fn assume(self) -> Factor {
        let Self { id, label, description, features, cohesion, stats, standing } = self;
        Factor { id, label, description, features, cohesion, stats, standing }
    }
}

impl TryFrom<UncheckedFactor> for Factor {
    type Error = DataError;
    fn try_from(unchecked: UncheckedFactor) -> Result<Self, DataError> {
        let factor = unchecked.assume();
        factor.check()?;
        Ok(factor)
    }
}

/// The standing of a factor, whatever was counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Standing {
    /// A factor model grouped and named it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fitted: bool,
    /// The user said of it that it is not them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) disowned: bool,
    /// The user keeps it in view.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
    /// The multiplier of its weight in the estimate.
    #[serde(skip_serializing_if = "is_one")]
    pub(crate) boost: f64,
}

impl Standing {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Standing {
    fn default() -> Self {
        Self { fitted: false, disowned: false, pinned: false, boost: 1.0 }
    }
}

/// The degree to which a factor is to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorStatus {
    /// Founded by a feature that fitted no factor, and not seen often enough yet, or its features are too unlike.
    Provisional,
    /// Grouped by a factor model, pinned by the user, or seen often enough with features that are alike.
    Established,
}

/// Sightings (weighted, where decay is on) from which a factor that no model grouped is established.
pub const ESTABLISHED_AFTER: f64 = 3.0;
/// Cohesion from which a factor that no model grouped is established.
pub const ESTABLISHED_COHESION: f64 = 0.5;

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_one(value: &f64) -> bool {
    (*value - 1.0).abs() < f64::EPSILON
}

/// The counts of one factor (paper: *θ*⁽ᵐ⁾). Only counts are kept; every ratio, interval and test is derived from
/// them, so adding or removing an interaction is exact. Counts that are read from a file are finite and not below 0.
#[derive(Clone, PartialEq, Default, Serialize)]
pub struct FactorStats {
    /// Interactions in which the factor is present (paper: coverage).
    pub coverage: f64,
    /// Of those, how many had each response. Empty for open-ended tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_response: BTreeMap<String, f64>,
    /// Features judged to have swayed the response (paper: influence). Zero unless the task is open-ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub influence: f64,
    /// Which way the influential ones swayed it (paper: polarity).
    #[serde(skip_serializing_if = "PolarityCounts::is_empty")]
    pub polarity: PolarityCounts,
}

#[derive(Deserialize)]
#[serde(remote = "FactorStats")]
struct UncheckedStats {
    coverage: f64,
    #[serde(default)]
    by_response: BTreeMap<String, f64>,
    #[serde(default)]
    influence: f64,
    #[serde(default, with = "UncheckedPolarity")]
    polarity: PolarityCounts,
}

checked_on_reading!(FactorStats, UncheckedStats);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(count: &f64) -> bool {
    *count == 0.0
}

/// Counts of the three polarities among influential features.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct PolarityCounts {
    /// Swayed towards.
    pub positive: f64,
    /// Swayed neither way.
    pub neutral: f64,
    /// Swayed away.
    pub negative: f64,
}

#[derive(Deserialize)]
#[serde(remote = "PolarityCounts")]
struct UncheckedPolarity {
    positive: f64,
    neutral: f64,
    negative: f64,
}

checked_on_reading!(PolarityCounts, UncheckedPolarity);

/// True for what can have been counted, with weights or without.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is asked of what iterators lend")]
fn is_count(count: &f64) -> bool {
    count.is_finite() && *count >= 0.0
}

impl PolarityCounts {
    /// The sum of the three.
    pub fn total(&self) -> f64 {
        self.positive + self.neutral + self.negative
    }

    fn is_empty(&self) -> bool {
        self.total() == 0.0
    }

    fn are_counts(&self) -> bool {
        [self.positive, self.neutral, self.negative].iter().all(is_count)
    }

    fn check(&self) -> Result<(), DataError> {
        let problem = "have a negative or non-finite count";
        if self.are_counts() { Ok(()) } else { Err(DataError::BadNumbers { what: "polarities", problem }) }
    }

    fn add(&mut self, polarity: Polarity, weight: f64) {
        match polarity {
            Polarity::Positive => self.positive += weight,
            Polarity::Neutral => self.neutral += weight,
            Polarity::Negative => self.negative += weight,
        }
    }
}

impl FactorStats {
    fn are_counts(&self) -> bool {
        [self.coverage, self.influence].iter().chain(self.by_response.values()).all(is_count)
            && self.polarity.are_counts()
    }

    fn check(&self) -> Result<(), DataError> {
        let problem = "have a negative or non-finite count";
        if self.are_counts() { Ok(()) } else { Err(DataError::BadNumbers { what: "factor statistics", problem }) }
    }

    pub(super) fn observe(&mut self, response: Option<&str>, judgements: &[Judgement], weight: f64) {
        self.coverage += weight;
        if let Some(response) = response {
            *self.by_response.entry(response.to_owned()).or_default() += weight;
        }
        for judgement in judgements.iter().filter(|judgement| judgement.influential) {
            self.influence += weight;
            self.polarity.add(judgement.polarity, weight);
        }
    }
}

/// The counts over a user's whole history. Counts that are read from a file are finite and not below 0.
#[derive(Clone, PartialEq, Default, Serialize)]
pub struct Totals {
    /// Interactions.
    pub interactions: f64,
    /// Interactions with each response. Empty for open-ended tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_response: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(remote = "Totals")]
pub(super) struct UncheckedTotals {
    interactions: f64,
    #[serde(default)]
    by_response: BTreeMap<String, f64>,
}

checked_on_reading!(Totals, UncheckedTotals);

impl Totals {
    pub(super) fn check(&self) -> Result<(), DataError> {
        let problem = "have a negative or non-finite count";
        let counts = std::iter::once(&self.interactions).chain(self.by_response.values()).all(is_count);
        if counts { Ok(()) } else { Err(DataError::BadNumbers { what: "totals", problem }) }
    }
}

impl Factor {
    /// All that can be checked of one factor.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let bad = |problem| Err(DataError::BadFactor { factor: self.id.clone(), problem });
        if self.features.is_empty() {
            return bad("has no features");
        }
        if self.label.trim().is_empty() {
            return bad("has no label");
        }
        if !self.stats.are_counts() {
            return bad("has a negative or non-finite count");
        }
        if !(0.0..=16.0).contains(&self.standing.boost) {
            return bad("has a boost outside 0 to 16");
        }
        if !(0.0..=1.0).contains(&self.cohesion) {
            return bad("has a cohesion outside 0 to 1");
        }
        Ok(())
    }

    /// The id; the same after relearning as long as the factor keeps its oldest feature.
    pub fn id(&self) -> &FactorId {
        &self.id
    }

    /// A few words that name it.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A sentence that says what belongs to it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its features.
    pub fn features(&self) -> &BTreeSet<FeatureKey> {
        &self.features
    }

    /// Its counts.
    pub fn stats(&self) -> &FactorStats {
        &self.stats
    }

    /// The likeness of its features' names, from 0 to 1: the share of their sightings whose name is like the most
    /// frequent one as far as the grouping asks. 1 for a factor that a factor model grouped, which need not go by
    /// names.
    pub fn cohesion(&self) -> f64 {
        self.cohesion
    }

    /// Established or provisional. Established is a factor that was grouped by a factor model or pinned, or seen
    /// [`ESTABLISHED_AFTER`] times with a [`cohesion`](Self::cohesion) of [`ESTABLISHED_COHESION`]. A provisional
    /// factor is counted and shown with its numbers; the support gate does not reckon with it.
    pub fn status(&self) -> FactorStatus {
        let counted = self.stats.coverage >= ESTABLISHED_AFTER && self.cohesion >= ESTABLISHED_COHESION;
        if self.standing.fitted || self.standing.pinned || counted {
            FactorStatus::Established
        } else {
            FactorStatus::Provisional
        }
    }

    /// True when the user wants it shown with every answer.
    pub fn is_pinned(&self) -> bool {
        self.standing.pinned
    }

    /// True when the user said of it that it is not them.
    pub(crate) fn is_disowned(&self) -> bool {
        self.standing.disowned
    }

    /// The multiplier of its weight in the estimate that the user set: above 1 raises, below 1 lowers.
    pub fn boost(&self) -> f64 {
        self.standing.boost
    }

    /// A factor without counts.
    pub(crate) fn new(id: FactorId, label: String, description: String, standing: Standing) -> Self {
        let (features, stats) = (BTreeSet::new(), FactorStats::default());
        Self { id, label, description, features, cohesion: 1.0, stats, standing }
    }

    pub(crate) fn set_standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Gives it a name, and says how alike its features are.
    pub(crate) fn name(&mut self, label: String, description: String, cohesion: f64) {
        self.label = label;
        self.description = description;
        self.cohesion = cohesion;
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factor")
            .field("id", &self.id)
            .field("features", &self.features.len())
            .field("coverage", &self.stats.coverage)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FactorStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorStats")
            .field("coverage", &self.coverage)
            .field("responses", &self.by_response.len())
            .field("influence", &self.influence)
            .field("polarity", &self.polarity)
            .finish()
    }
}

impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals")
            .field("interactions", &self.interactions)
            .field("responses", &self.by_response.len())
            .finish()
    }
}
