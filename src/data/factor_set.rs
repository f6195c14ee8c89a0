//! All factors of one user, as a partition with counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::factor::{Standing, UncheckedFactor, UncheckedTotals};
use super::{
    AssignedFeature, DataError, Factor, FactorId, FactorStats, Feature, FeatureKey, Judgement, MemoryItem,
    ResponseSpace, Task, Totals,
};

/// All factors of one user (paper: *C*ᵤ): a partition of the user's features, with counts. Every feature key belongs to
/// exactly one factor.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "UncheckedFactors", into = "WrittenFactors")]
pub struct FactorSet {
    /// In order of id, so that any output in this order is the same every time. Shared, so that a clone is cheap.
    factors: Vec<Arc<Factor>>,
    /// The factor that a feature belongs to. Only looked up, never iterated.
    of_feature: HashMap<FeatureKey, FactorId>,
    totals: Totals,
}

/// A factor set as it stands in a file.
#[derive(Deserialize, Default)]
pub(crate) struct UncheckedFactors {
    #[serde(with = "UncheckedTotals")]
    totals: Totals,
    factors: Vec<UncheckedFactor>,
}

/// A factor set as it is written.
#[derive(Serialize)]
struct WrittenFactors {
    totals: Totals,
    factors: Vec<Factor>,
}

impl fmt::Debug for FactorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorSet")
            .field("factors", &self.factors.len())
            .field("features", &self.of_feature.len())
            .field("totals", &self.totals)
            .finish()
    }
}

impl TryFrom<UncheckedFactors> for FactorSet {
    type Error = DataError;
    fn try_from(unchecked: UncheckedFactors) -> Result<Self, DataError> {
        unchecked.totals.check()?;
        Self::new(unchecked.factors.into_iter().map(UncheckedFactor::assume).collect(), unchecked.totals)
    }
}

impl From<FactorSet> for WrittenFactors {
    fn from(set: FactorSet) -> Self {
        Self { totals: set.totals, factors: set.factors.into_iter().map(Arc::unwrap_or_clone).collect() }
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
            let id = FactorId::free(&anchor, |id| taken.contains(id));
            taken.insert(id.clone());
            let mut factor = Factor::new(id, label.into(), description.into(), Standing::default());
            factor.features = keys.collect();
            factors.push(factor);
        }
        Self::new(factors, Totals::default())
    }

    pub(crate) fn new(mut factors: Vec<Factor>, totals: Totals) -> Result<Self, DataError> {
        factors.sort_by(|a, b| a.id.cmp(&b.id));
        let mut of_feature = HashMap::new();
        let mut last: Option<&FactorId> = None;
        for factor in &factors {
            factor.check()?;
            let bad = |problem| Err(DataError::BadFactor { factor: factor.id.clone(), problem });
            if last.replace(&factor.id) == Some(&factor.id) {
                return bad("occurs twice");
            }
            for key in &factor.features {
                if of_feature.insert(key.clone(), factor.id.clone()).is_some() {
                    return bad("claims a feature of another factor");
                }
            }
        }
        let factors = factors.into_iter().map(Arc::new).collect();
        Ok(Self { factors, of_feature, totals })
    }

    /// The set with other ids for some of its factors.
    ///
    /// # Errors
    /// [`DataError::BadFactor`] when two have one id then.
    pub(crate) fn renamed(self, now: impl Fn(&Factor) -> Option<FactorId>) -> Result<Self, DataError> {
        let mut factors: Vec<Factor> = self.factors.into_iter().map(Arc::unwrap_or_clone).collect();
        for factor in &mut factors {
            if let Some(id) = now(factor) {
                factor.id = id;
            }
        }
        Self::new(factors, self.totals)
    }

    /// Marks each factor as one that a factor model made.
    #[must_use]
    pub(crate) fn all_fitted(mut self) -> Self {
        for factor in &mut self.factors {
            Arc::make_mut(factor).standing.fitted = true;
        }
        self
    }

    /// Counts these items, each with weight 1, in place of any before.
    #[must_use]
    pub fn count(self, task: &Task, items: &[MemoryItem]) -> Self {
        self.count_weighted(task, items, &[])
    }

    /// Counts these items, each with its weight; those that have none weigh 1.
    #[must_use]
    pub(crate) fn count_weighted(mut self, task: &Task, items: &[MemoryItem], weights: &[f64]) -> Self {
        self.totals = Totals::default();
        for factor in &mut self.factors {
            Arc::make_mut(factor).stats = FactorStats::default();
        }
        for (item, weight) in items.iter().zip(weights.iter().copied().chain(std::iter::repeat(1.0))) {
            self.count_in(task, item, weight);
        }
        self
    }

    /// Counts one item more. Features of no factor of the set are left aside.
    pub(crate) fn count_in(&mut self, task: &Task, item: &MemoryItem, weight: f64) {
        let response = (!task.space().is_open_ended()).then_some(item.response());
        self.totals.interactions += weight;
        if let Some(response) = response {
            *self.totals.by_response.entry(response.to_owned()).or_default() += weight;
        }
        let mut judgements: BTreeMap<usize, Vec<Judgement>> = BTreeMap::new();
        for feature in item.features_once().iter() {
            if let Some(place) = self.place_of(&feature.key()) {
                judgements.entry(place).or_default().extend(feature.judgement());
            }
        }
        for (place, judgements) in judgements {
            if let Some(factor) = self.factors.get_mut(place) {
                Arc::make_mut(factor).stats.observe(response, &judgements, weight);
            }
        }
    }

    /// The set without the features that `keep` refuses, and without the factors that have none then.
    #[must_use]
    pub(crate) fn only(mut self, keep: impl Fn(&FeatureKey) -> bool) -> Self {
        self.of_feature.retain(|key, _| keep(key));
        self.factors.retain_mut(|factor| {
            if !factor.features.iter().all(&keep) {
                Arc::make_mut(factor).features.retain(&keep);
            }
            !factor.features.is_empty()
        });
        self
    }

    /// The set without the factors that were counted in no item.
    #[must_use]
    pub(crate) fn counted(mut self) -> Self {
        self.factors.retain(|factor| factor.stats.coverage > 0.0);
        let Self { factors, of_feature, .. } = &mut self;
        of_feature.retain(|_, id| factors.binary_search_by(|factor| factor.id.cmp(id)).is_ok());
        self
    }

    /// The factor with this id to be changed, made by `new` when it is not there.
    pub(crate) fn entry(&mut self, id: &FactorId, new: impl FnOnce() -> Factor) -> &mut Factor {
        let place = match self.factors.binary_search_by(|factor| factor.id.cmp(id)) {
            Ok(place) => place,
            Err(place) => {
                self.factors.insert(place, Arc::new(new()));
                place
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the place was found or made above")]
        Arc::make_mut(&mut self.factors[place])
    }

    /// Takes a feature into a factor of the set.
    pub(crate) fn take_in(&mut self, id: &FactorId, key: FeatureKey) {
        if let Some(factor) = self.place_of_id(id).and_then(|place| self.factors.get_mut(place)) {
            Arc::make_mut(factor).features.insert(key.clone());
            self.of_feature.insert(key, id.clone());
        }
    }

    /// The factors in order of id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Factor> {
        self.factors.iter().map(|factor| &**factor)
    }

    /// The number of factors.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// The features that have a factor, by factor.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &FeatureKey> {
        self.iter().flat_map(Factor::features)
    }

    /// The number of features that have a factor.
    pub(crate) fn features(&self) -> usize {
        self.of_feature.len()
    }

    /// True without factors, as when no item had a feature.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// The factor with this id.
    pub fn get(&self, id: &FactorId) -> Option<&Factor> {
        self.at(self.place_of_id(id)?)
    }

    fn at(&self, place: usize) -> Option<&Factor> {
        self.factors.get(place).map(|factor| &**factor)
    }

    /// A factor's place in the order of [`iter`](Self::iter).
    pub(crate) fn place_of_id(&self, id: &FactorId) -> Option<usize> {
        self.factors.binary_search_by(|factor| factor.id.cmp(id)).ok()
    }

    /// The factor that a feature key belongs to.
    pub fn factor_of(&self, key: &FeatureKey) -> Option<&Factor> {
        self.get(self.of_feature.get(key)?)
    }

    /// The place of a feature's factor in the order of [`iter`](Self::iter).
    pub(crate) fn place_of(&self, key: &FeatureKey) -> Option<usize> {
        self.place_of_id(self.of_feature.get(key)?)
    }

    /// The factors of these features, each once, in order of id. Features of no known factor have none.
    pub fn present_in<'f>(&self, features: impl IntoIterator<Item = &'f Feature>) -> Vec<&Factor> {
        let places: BTreeSet<usize> =
            features.into_iter().filter_map(|feature| self.place_of(&feature.key())).collect();
        places.into_iter().filter_map(|place| self.at(place)).collect()
    }

    /// The factors that these features were assigned to, each once, in order of id.
    pub fn present_in_assigned(&self, features: &[AssignedFeature]) -> Vec<&Factor> {
        let ids: BTreeSet<&FactorId> = features.iter().filter_map(|feature| feature.factor.as_ref()).collect();
        ids.into_iter().filter_map(|id| self.get(id)).collect()
    }

    /// The counts over the whole history.
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
