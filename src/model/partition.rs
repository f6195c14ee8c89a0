//! The partition of features into factors, before edits.

use std::collections::{BTreeSet, HashMap};

use crate::data::grouping::Grouping;
use crate::data::{EditRecord, Factor, FactorId, FactorSet, FactorStatus, FeatureKey, MemoryItem, Standing, Task};
use crate::factor::grouping::Clusters;

use super::arrangement::Arrangement;

/// Which factor each feature is of: the factor model's groups, and for what they do not hold, likeness of names in the
/// order of the interactions.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    clusters: Clusters,
    /// By cluster.
    ids: Vec<FactorId>,
    places: HashMap<FactorId, usize>,
    /// The number of clusters that a factor model made; they come first.
    fitted: usize,
}

/// The factors that came or changed their standing while interactions were taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Growth {
    /// Factors that a feature founded which fitted none.
    pub(crate) founded: BTreeSet<FactorId>,
    /// Factors that were provisional, or not there, and are established.
    pub(crate) established: BTreeSet<FactorId>,
}

/// The rules that factors are made by, besides the partition.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) task: &'a Task,
    pub(super) grouping: &'a Grouping,
    pub(super) edits: &'a [EditRecord],
}

/// The two sets of factors that a partition and the edits make.
pub(super) struct Factors {
    pub(super) active: FactorSet,
    pub(super) set_aside: FactorSet,
}

impl Partition {
    pub(super) fn new(grouping: &Grouping, items: &[MemoryItem]) -> Self {
        let fitted = grouping.fitted.len();
        let (clusters, ids, places) = (Clusters::new(grouping.likeness), Vec::new(), HashMap::new());
        let mut partition = Self { clusters, ids, places, fitted };
        for group in &grouping.fitted {
            let cluster = partition.clusters.seed(&group.label, &group.features);
            partition.places.insert(group.id.clone(), cluster);
            partition.ids.push(group.id.clone());
        }
        for item in items {
            partition.see(item);
        }
        partition
    }

    /// Takes in the features of an item behind all others.
    fn see(&mut self, item: &MemoryItem) {
        for feature in item.features() {
            let key = feature.key();
            let cluster = self.clusters.see(&key);
            if cluster == self.ids.len() {
                let id = FactorId::free(key.as_str(), |id| self.places.contains_key(id));
                self.places.insert(id.clone(), cluster);
                self.ids.push(id);
            }
        }
    }

    fn base_of(&self, key: &FeatureKey) -> Option<FactorId> {
        self.ids.get(self.clusters.cluster_of(key)?).cloned()
    }

    pub(super) fn arrangement(&self, edits: &[EditRecord]) -> Arrangement {
        Arrangement::new(edits, |id| self.places.contains_key(id), |key| self.base_of(key))
    }

    /// The factors with the counts of the items, each of its weight.
    pub(super) fn factors(&self, rules: Rules<'_>, items: &[MemoryItem], weights: &[f64]) -> Factors {
        let arrangement = self.arrangement(rules.edits);
        let mut factors = Factors { active: FactorSet::default(), set_aside: FactorSet::default() };
        let mut touched = BTreeSet::new();
        for (members, base) in self.clusters.members().iter().zip(&self.ids) {
            for key in members {
                touched.insert(place(&mut factors, &arrangement, key, base));
            }
        }
        self.name(&mut factors, &arrangement, rules.grouping, &touched);
        factors.active = factors.active.count_weighted(rules.task, items, weights);
        if !factors.set_aside.is_empty() {
            factors.set_aside = factors.set_aside.count_weighted(rules.task, items, weights);
        }
        factors
    }

    /// Counts in one more item, which is behind all others. False when they have to be made anew: nothing was
    /// set aside before, and now is.
    #[must_use]
    pub(super) fn append(
        &mut self,
        factors: &mut Factors,
        rules: Rules<'_>,
        item: &MemoryItem,
        weight: f64,
        growth: &mut Growth,
    ) -> bool {
        self.see(item);
        let none_aside = factors.set_aside.is_empty();
        let arrangement = self.arrangement(rules.edits);
        let mut touched = BTreeSet::new();
        let mut provisional = BTreeSet::new();
        for feature in item.features() {
            let key = feature.key();
            let Some(base) = self.base_of(&key) else { continue };
            let id = arrangement.factor_of(&key, &base);
            match factors.active.get(&id).or_else(|| factors.set_aside.get(&id)).map(Factor::status) {
                Some(FactorStatus::Established) => {}
                Some(FactorStatus::Provisional) => {
                    provisional.insert(id);
                }
                None => {
                    growth.founded.insert(id.clone());
                    provisional.insert(id);
                }
            }
            touched.insert(place(factors, &arrangement, &key, &base));
        }
        self.name(factors, &arrangement, rules.grouping, &touched);
        factors.active.count_in(rules.task, item, weight);
        if !factors.set_aside.is_empty() {
            factors.set_aside.count_in(rules.task, item, weight);
        }
        let now = |id: &FactorId| factors.active.get(id).is_some_and(|f| f.status() == FactorStatus::Established);
        growth.established.extend(provisional.into_iter().filter(now));
        none_aside == factors.set_aside.is_empty()
    }

    /// Names the factors that were touched.
    fn name(
        &self,
        factors: &mut Factors,
        arrangement: &Arrangement,
        grouping: &Grouping,
        touched: &BTreeSet<FactorId>,
    ) {
        for id in touched {
            let set = if arrangement.is_set_aside(id) { &mut factors.set_aside } else { &mut factors.active };
            let Some(features) = set.get(id).map(|factor| factor.features().clone()) else { continue };
            let group = self.places.get(id).filter(|place| **place < self.fitted).and_then(|p| grouping.fitted.get(*p));
            let (mut label, description, cohesion) = match group {
                Some(group) => (group.label.clone(), group.description.clone(), 1.0),
                None => self.clusters.named(&features),
            };
            if let Some(given) = arrangement.label(id) {
                given.clone_into(&mut label);
            }
            let factor = set.entry(id, || Factor::new(id.clone(), String::new(), String::new(), Standing::default()));
            factor.name(label, description, cohesion);
            factor.set_standing(Standing { fitted: group.is_some(), ..arrangement.standing(id) });
        }
    }
}

/// Puts a feature into its factor.
fn place(factors: &mut Factors, arrangement: &Arrangement, key: &FeatureKey, base: &FactorId) -> FactorId {
    let id = arrangement.factor_of(key, base);
    let set = if arrangement.is_set_aside(&id) { &mut factors.set_aside } else { &mut factors.active };
    set.entry(&id, || Factor::new(id.clone(), String::new(), String::new(), Standing::default()));
    set.take_in(&id, key.clone());
    id
}
