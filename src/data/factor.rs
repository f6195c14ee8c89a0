use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::derived::Derived;
use super::{
    AssignedFeature, DataError, FactorId, Feature, FeatureKey, Judgement, MemoryItem, Polarity, ResponseSpace, Task,
};

/// Features that act alike for one user (paper: *F*⁽ᵐ⁾), with the statistics of that user's responses.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    id: FactorId,
    label: String,
    description: String,
    features: BTreeSet<FeatureKey>,
    stats: FactorStats,
}

/// What was counted for one factor (paper: *θ*⁽ᵐ⁾). Only counts are kept; every ratio, interval and test is derived from
/// them, so adding or removing an interaction is exact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FactorStats {
    /// Interactions in which the factor is present (paper: coverage).
    pub coverage: f64,
    /// Of those, how many had each response. Empty for open-ended tasks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_response: BTreeMap<String, f64>,
    /// Features judged to have swayed the response (paper: influence). Zero unless the task is open-ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub influence: f64,
    /// Which way the influential ones swayed it (paper: polarity).
    #[serde(default, skip_serializing_if = "PolarityCounts::is_empty")]
    pub polarity: PolarityCounts,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(count: &f64) -> bool {
    *count == 0.0
}

/// Counts of the three polarities among influential features.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PolarityCounts {
    /// Swayed towards.
    pub positive: f64,
    /// Swayed neither way.
    pub neutral: f64,
    /// Swayed away.
    pub negative: f64,
}

impl PolarityCounts {
    /// The sum of the three.
    pub fn total(&self) -> f64 {
        self.positive + self.neutral + self.negative
    }

    fn is_empty(&self) -> bool {
        self.total() == 0.0
    }

    fn add(&mut self, polarity: Polarity) {
        match polarity {
            Polarity::Positive => self.positive += 1.0,
            Polarity::Neutral => self.neutral += 1.0,
            Polarity::Negative => self.negative += 1.0,
        }
    }
}

impl FactorStats {
    fn observe(&mut self, response: Option<&str>, judgements: &[Judgement]) {
        self.coverage += 1.0;
        if let Some(response) = response {
            *self.by_response.entry(response.to_owned()).or_default() += 1.0;
        }
        for judgement in judgements.iter().filter(|judgement| judgement.influential) {
            self.influence += 1.0;
            self.polarity.add(judgement.polarity);
        }
    }
}

/// What was counted over a user's whole history.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Interactions.
    pub interactions: f64,
    /// Interactions with each response. Empty for open-ended tasks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_response: BTreeMap<String, f64>,
}

impl Factor {
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

/// All factors of one user (paper: *C*ᵤ): a partition of the user's features, with counts. Every feature key belongs to
/// exactly one factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawFactorSet", into = "RawFactorSet")]
pub struct FactorSet {
    /// In order of id, so that any output in this order is the same every time.
    factors: Vec<Factor>,
    /// The place of the factor that a feature belongs to. Only looked up, never iterated.
    of_feature: HashMap<FeatureKey, usize>,
    totals: Totals,
    derived: Derived,
}

#[derive(Serialize, Deserialize)]
struct RawFactorSet {
    totals: Totals,
    factors: Vec<Factor>,
}

impl TryFrom<RawFactorSet> for FactorSet {
    type Error = DataError;
    fn try_from(raw: RawFactorSet) -> Result<Self, DataError> {
        let totals = std::iter::once(&raw.totals.interactions).chain(raw.totals.by_response.values());
        if totals.into_iter().any(|count| !count.is_finite() || *count < 0.0) {
            return Err(DataError::BadNumbers { what: "totals", problem: "have a negative or non-finite count" });
        }
        Self::new(raw.factors, raw.totals)
    }
}

impl From<FactorSet> for RawFactorSet {
    fn from(set: FactorSet) -> Self {
        Self { totals: set.totals, factors: set.factors }
    }
}

impl FactorSet {
    /// A partition from groups of feature keys, each with its label and description. Groups must come oldest first, and
    /// the keys of each oldest first: ids derive from the first key. Statistics are empty until [`count`](Self::count).
    ///
    /// # Errors
    /// [`DataError::BadFactor`] when a group is empty, its label is blank, or a key is in two groups.
    pub fn from_groups<L, D, K>(groups: impl IntoIterator<Item = (L, D, K)>) -> Result<Self, DataError>
    where
        L: Into<String>,
        D: Into<String>,
        K: IntoIterator<Item = FeatureKey>,
    {
        let mut taken: HashSet<FactorId> = HashSet::new();
        let mut factors = Vec::new();
        for (label, description, keys) in groups {
            let mut keys = keys.into_iter().peekable();
            let anchor = keys.peek().map_or("", FeatureKey::as_str).to_owned();
            let mut attempt = 0;
            let mut id = FactorId::of_anchor(&anchor, attempt);
            while taken.contains(&id) {
                attempt += 1;
                id = FactorId::of_anchor(&anchor, attempt);
            }
            taken.insert(id.clone());
            factors.push(Factor {
                id,
                label: label.into(),
                description: description.into(),
                features: keys.collect(),
                stats: FactorStats::default(),
            });
        }
        Self::new(factors, Totals::default())
    }

    fn new(mut factors: Vec<Factor>, totals: Totals) -> Result<Self, DataError> {
        factors.sort_by(|a, b| a.id.cmp(&b.id));
        let mut of_feature = HashMap::new();
        let mut last: Option<&FactorId> = None;
        for (place, factor) in factors.iter().enumerate() {
            let bad = |problem| Err(DataError::BadFactor { factor: factor.id.clone(), problem });
            if factor.features.is_empty() {
                return bad("has no features");
            }
            if factor.label.trim().is_empty() {
                return bad("has no label");
            }
            if last.replace(&factor.id) == Some(&factor.id) {
                return bad("occurs twice");
            }
            let counts = [factor.stats.coverage, factor.stats.influence, factor.stats.polarity.total()];
            if counts.iter().chain(factor.stats.by_response.values()).any(|c| !c.is_finite() || *c < 0.0) {
                return bad("has a negative or non-finite count");
            }
            for key in &factor.features {
                if of_feature.insert(key.clone(), place).is_some() {
                    return bad("claims a feature of another factor");
                }
            }
        }
        Ok(Self { factors, of_feature, totals, derived: Derived::default() })
    }

    /// The same partition with the counts of these items in place of any before.
    #[must_use]
    pub fn count(mut self, task: &Task, items: &[MemoryItem]) -> Self {
        let open_ended = task.space().is_open_ended();
        self.totals = Totals::default();
        for factor in &mut self.factors {
            factor.stats = FactorStats::default();
        }
        for item in items {
            let response = (!open_ended).then_some(item.response());
            self.totals.interactions += 1.0;
            if let Some(response) = response {
                *self.totals.by_response.entry(response.to_owned()).or_default() += 1.0;
            }
            let mut judgements: BTreeMap<usize, Vec<Judgement>> = BTreeMap::new();
            for feature in item.features() {
                if let Some(place) = self.of_feature.get(&feature.key()) {
                    judgements.entry(*place).or_default().extend(feature.judgement());
                }
            }
            for (place, judgements) in judgements {
                if let Some(factor) = self.factors.get_mut(place) {
                    factor.stats.observe(response, &judgements);
                }
            }
        }
        self
    }

    /// Keeps what is computed from this partition, such as an index over its features, so that the next query finds it
    /// ready. `fingerprint` must say everything else the value depends on. Shared by clones, never saved.
    pub fn derived<T: Any + Send + Sync>(&self, fingerprint: &str, compute: impl FnOnce(&Self) -> T) -> Arc<T> {
        self.derived.get(fingerprint).unwrap_or_else(|| {
            let value = Arc::new(compute(self));
            self.derived.put(fingerprint, Arc::clone(&value));
            value
        })
    }

    /// The factors in order of id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Factor> {
        self.factors.iter()
    }

    /// How many factors there are.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// True without factors, as when no item had a feature.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// The factor with this id.
    pub fn get(&self, id: &FactorId) -> Option<&Factor> {
        self.place_of_id(id).and_then(|place| self.factors.get(place))
    }

    /// A factor's place in the order of [`iter`](Self::iter).
    pub(crate) fn place_of_id(&self, id: &FactorId) -> Option<usize> {
        self.factors.binary_search_by(|factor| factor.id.cmp(id)).ok()
    }

    /// The factor that a feature key belongs to.
    pub fn factor_of(&self, key: &FeatureKey) -> Option<&Factor> {
        self.place_of(key).and_then(|place| self.factors.get(place))
    }

    /// The place of a feature's factor in the order of [`iter`](Self::iter).
    pub(crate) fn place_of(&self, key: &FeatureKey) -> Option<usize> {
        self.of_feature.get(key).copied()
    }

    /// The factors of these features, each once, in order of id. Features of no known factor have none.
    pub fn present_in<'f>(&self, features: impl IntoIterator<Item = &'f Feature>) -> Vec<&Factor> {
        let places: BTreeSet<usize> =
            features.into_iter().filter_map(|feature| self.place_of(&feature.key())).collect();
        places.into_iter().filter_map(|place| self.factors.get(place)).collect()
    }

    /// The factors that these features were assigned to, each once, in order of id.
    pub fn present_in_assigned(&self, features: &[AssignedFeature]) -> Vec<&Factor> {
        let ids: BTreeSet<&FactorId> = features.iter().filter_map(|feature| feature.factor.as_ref()).collect();
        ids.into_iter().filter_map(|id| self.get(id)).collect()
    }

    /// What was counted over the whole history.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The responses that statistics are about, in a fixed order: the task's own, or those that occurred for choices;
    /// empty for free text.
    pub fn responses(&self, task: &Task) -> Vec<String> {
        match task.space() {
            ResponseSpace::Choices => self.totals.by_response.keys().cloned().collect(),
            space => space.fixed_responses().unwrap_or_default(),
        }
    }
}
