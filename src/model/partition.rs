//! The partition of features into factors, before edits.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use crate::data::grouping::Grouping;
use crate::data::{
    EditRecord, Factor, FactorId, FactorSet, Feature, FeatureKey, MemoryItem, Span, Standing, Task, in_force,
};
use crate::factor::grouping::Clusters;
use crate::factor::recurring::{Asked, Recurring, offered};
use crate::pause::{Pace, pause};
use crate::words::Language;

use super::arrangement::Arrangement;

/// Which factor each feature is of: the factor model's groups, and of what they do not hold, groups of like names that
/// recur. A feature of no such group has no factor.
#[derive(Clone)]
pub(crate) struct Partition {
    clusters: Clusters,
    recurring: Recurring,
    /// The clusters that a factor model made; they come first.
    fitted: Vec<FactorId>,
    /// The place of each of them.
    fitted_at: HashMap<FactorId, usize>,
    /// The cluster of each id. Made for models with edits, which are found by them.
    places: OnceLock<HashMap<FactorId, usize>>,
    /// Short options that were offered with queries.
    offered: BTreeSet<FeatureKey>,
    /// Signs of German in all queries.
    german: usize,
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

impl Factors {
    fn count_in(&mut self, task: &Task, item: &MemoryItem, weight: f64) {
        self.active.count_in(task, item, weight);
        if !self.set_aside.is_empty() {
            self.set_aside.count_in(task, item, weight);
        }
    }
}

fn weighted<'m>(items: &'m [MemoryItem], weights: &[f64]) -> impl Iterator<Item = (&'m MemoryItem, f64)> {
    items.iter().zip(weights.iter().copied().chain(std::iter::repeat(1.0)))
}

impl Partition {
    /// The partition of items, with pauses.
    pub(super) async fn in_steps(grouping: &Grouping, items: &[MemoryItem]) -> Self {
        let mut partition = Self::new(grouping, &[]);
        partition.see_in_steps(items).await;
        partition
    }

    /// Takes in items behind all others, with pauses.
    pub(super) async fn see_in_steps(&mut self, items: &[MemoryItem]) {
        let mut pace = Pace::default();
        for item in items {
            pace.step_features(item.query().text().len()).await;
            self.see(item);
        }
    }

    pub(super) fn new(grouping: &Grouping, items: &[MemoryItem]) -> Self {
        let clusters = Clusters::new(grouping.likeness, grouping.language);
        let (fitted, fitted_at, places) = (Vec::new(), HashMap::new(), OnceLock::new());
        let (recurring, offered) = (Recurring::default(), BTreeSet::new());
        let mut partition = Self { clusters, recurring, fitted, fitted_at, places, offered, german: 0 };
        for group in &grouping.fitted {
            let cluster = partition.clusters.seed(&group.label, &group.features);
            partition.fitted_at.insert(group.id.clone(), cluster);
            partition.fitted.push(group.id.clone());
        }
        for item in items {
            partition.see(item);
        }
        partition
    }

    /// Lets go of it, with pauses.
    pub(super) async fn let_go_in_steps(self) {
        self.clusters.let_go_in_steps().await;
    }

    /// The id of the factor that is split off with this feature as its first.
    pub(super) fn id_of_split(first: &FeatureKey) -> FactorId {
        FactorId::of_anchor(&split_anchor(first), 0)
    }

    /// The language by whose stems it compares names.
    pub(super) fn language(&self) -> Language {
        self.clusters.language()
    }

    /// The language of items.
    pub(super) fn language_of(task: &Task, items: &[MemoryItem]) -> Language {
        task.language_of(items.iter().map(signs_of_german).sum(), items.len())
    }

    /// The language of its items and of these behind them.
    pub(super) fn language_with(&self, task: &Task, new: &[MemoryItem]) -> Language {
        let german: usize = self.german + new.iter().map(signs_of_german).sum::<usize>();
        task.language_of(german, self.recurring.items() + new.len())
    }

    /// Takes in the features of an item behind all others.
    pub(super) fn see(&mut self, item: &MemoryItem) {
        let features = item.features_once();
        let mut of_item = Vec::with_capacity(features.len());
        for feature in features.iter() {
            let key = feature.key();
            let known = self.clusters.len();
            let cluster = self.clusters.see(&key);
            if cluster == known && self.places.get().is_some() {
                let id = self.id_of(cluster);
                self.places.get_mut().zip(id).map(|(places, id)| places.insert(id, cluster));
            }
            of_item.push((cluster, has_capital(item.query().text(), feature.span())));
        }
        self.recurring.see(of_item);
        self.german += signs_of_german(item);
        self.offered.extend(offered(item.query()));
    }

    /// The id of the factor that a cluster leads. It follows from the cluster's oldest feature, and is made when it is asked
    /// for: few clusters lead a factor.
    fn id_of(&self, cluster: usize) -> Option<FactorId> {
        if let Some(id) = self.fitted.get(cluster) {
            return Some(id.clone());
        }
        let founder = self.clusters.members_of(cluster).next()?;
        // Of 128 bits, so that two founders never have one; a fitted factor may have lost the feature that its own is of.
        Some(FactorId::free(founder.as_str(), |id| self.fitted_at.contains_key(id)))
    }

    fn places(&self) -> &HashMap<FactorId, usize> {
        let ids = || (0..self.clusters.len()).filter_map(|cluster| Some((self.id_of(cluster)?, cluster)));
        self.places.get_or_init(|| ids().collect())
    }

    /// The cluster whose factor has this id, or had it in an older file.
    fn place_of(&self, id: &FactorId) -> Option<usize> {
        if let Some(place) = self.fitted_at.get(id) {
            return Some(*place);
        }
        let places = self.places();
        let had = || places.iter().filter(|(now, _)| now.was(id)).map(|(_, cluster)| *cluster).min();
        places.get(id).copied().or_else(|| id.is_old().then(had).flatten())
    }

    /// The id that a factor with an id of an older file has now: of those that may be meant the one with these features, or
    /// else the first, which had it.
    pub(super) fn id_now(&self, old: &FactorId, features: &BTreeSet<FeatureKey>) -> Option<FactorId> {
        let is_meant = |id: &FactorId| id.was(old);
        let of = features.iter().filter_map(|key| self.id_of(self.clusters.cluster_of(key)?)).find(is_meant);
        let first = || self.places().iter().filter(|(id, _)| is_meant(id)).min_by_key(|(_, cluster)| **cluster);
        of.or_else(|| first().map(|(id, _)| id.clone()))
    }

    /// The partition as the edits in force keep and rearrange it.
    fn arranged(&self, task: &Task, edits: &[EditRecord]) -> Arranged<'_> {
        let mut edited = BTreeSet::new();
        for record in in_force(edits) {
            edited.extend(record.edit.factors().into_iter().filter_map(|id| self.place_of(id)));
            edited.extend(record.anchors.values().flatten().filter_map(|key| self.clusters.cluster_of(key)));
        }
        let asked = Asked::of(task, self.clusters.language(), self.offered.iter().cloned());
        let leaders = self.recurring.leaders(&self.clusters, asked.kept(self.fitted.len(), &edited));
        let leading: BTreeSet<usize> = leaders.iter().flatten().copied().collect();
        let ids: HashMap<usize, FactorId> =
            leading.into_iter().filter_map(|leader| Some((leader, self.id_of(leader)?))).collect();
        let base = |cluster: usize| leaders.get(cluster).copied().flatten().and_then(|leader| ids.get(&leader));
        let arrangement = Arrangement::new(
            edits,
            |id| base(self.place_of(id)?).cloned(),
            |key| base(self.clusters.cluster_of(key)?).cloned(),
        );
        Arranged { partition: self, leaders, ids, arrangement }
    }

    /// The factors with the counts of the items, each of its weight; those that `weights` is too short for weigh 1.
    pub(super) fn factors(&self, rules: Rules<'_>, items: &[MemoryItem], weights: &[f64]) -> Factors {
        let mut factors = self.uncounted(rules);
        for (item, weight) in weighted(items, weights) {
            factors.count_in(rules.task, item, weight);
        }
        factors
    }

    /// The same with pauses.
    pub(super) async fn factors_in_steps(&self, rules: Rules<'_>, items: &[MemoryItem], weights: &[f64]) -> Factors {
        pause().await;
        let (mut factors, mut pace) = (self.uncounted(rules), Pace::default());
        for (item, weight) in weighted(items, weights) {
            pace.step_features(item.query().text().len()).await;
            factors.count_in(rules.task, item, weight);
        }
        factors
    }

    /// The factors that nothing is counted in yet.
    fn uncounted(&self, rules: Rules<'_>) -> Factors {
        let arranged = self.arranged(rules.task, rules.edits);
        let mut factors = Factors { active: FactorSet::default(), set_aside: FactorSet::default() };
        let mut touched = BTreeSet::new();
        for (base, key) in arranged.placed() {
            touched.insert(place(&mut factors, &arranged.arrangement, key, base));
        }
        arranged.name(&mut factors, rules.grouping, &touched);
        factors
    }

    /// Counts in one more item, which is behind all others. False when the factors have to be made anew: other
    /// features make them now.
    #[must_use]
    pub(super) fn append(&mut self, factors: &mut Factors, rules: Rules<'_>, item: &MemoryItem, weight: f64) -> bool {
        self.see(item);
        let arranged = self.arranged(rules.task, rules.edits);
        let mut touched = BTreeSet::new();
        for key in item.features_once().iter().map(Feature::key) {
            let Some(base) = arranged.base_of(&key) else { continue };
            let id = arranged.arrangement.factor_of(&key, base);
            if factors.active.get(&id).or_else(|| factors.set_aside.get(&id)).is_none() {
                return false;
            }
            touched.insert(place(factors, &arranged.arrangement, &key, base));
        }
        if !arranged.is_of(factors) {
            return false;
        }
        arranged.name(factors, rules.grouping, &touched);
        factors.count_in(rules.task, item, weight);
        true
    }
}

/// A partition with the factors that recurrence and the edits in force make of it.
struct Arranged<'p> {
    partition: &'p Partition,
    /// By cluster: the cluster that leads its factor.
    leaders: Vec<Option<usize>>,
    /// By leader.
    ids: HashMap<usize, FactorId>,
    arrangement: Arrangement,
}

impl Arranged<'_> {
    fn leader_of(&self, key: &FeatureKey) -> Option<usize> {
        self.leaders.get(self.partition.clusters.cluster_of(key)?).copied().flatten()
    }

    /// The factor of a feature before edits.
    fn base_of(&self, key: &FeatureKey) -> Option<&FactorId> {
        self.ids.get(&self.leader_of(key)?)
    }

    /// The features that have a factor, each with the one before edits.
    fn placed(&self) -> impl Iterator<Item = (&FactorId, &FeatureKey)> {
        let led = self.leaders.iter().enumerate().filter_map(|(cluster, leader)| {
            let id = self.ids.get(&(*leader)?)?;
            Some(self.partition.clusters.members_of(cluster).map(move |key| (id, key)))
        });
        led.flatten()
    }

    /// True when these are the factors that it makes, whatever their counts.
    fn is_of(&self, factors: &Factors) -> bool {
        let mut placed = 0;
        for (base, key) in self.placed() {
            let id = self.arrangement.factor_of(key, base);
            let set = if self.arrangement.is_set_aside(&id) { &factors.set_aside } else { &factors.active };
            if set.factor_of(key).is_none_or(|factor| *factor.id() != id) {
                return false;
            }
            placed += 1;
        }
        placed == factors.active.features() + factors.set_aside.features()
    }

    /// Names the factors that were touched.
    fn name(&self, factors: &mut Factors, grouping: &Grouping, touched: &BTreeSet<FactorId>) {
        let Self { partition, arrangement, .. } = self;
        for id in touched {
            let set = if arrangement.is_set_aside(id) { &mut factors.set_aside } else { &mut factors.active };
            let Some(features) = set.get(id).map(|factor| factor.features().clone()) else { continue };
            let group = partition.fitted_at.get(id).and_then(|place| grouping.fitted.get(*place));
            let (mut label, description, cohesion) = match group {
                Some(group) => (group.label.clone(), group.description.clone(), 1.0),
                None => self.named(&features),
            };
            if let Some(given) = arrangement.label(id) {
                given.clone_into(&mut label);
            }
            let factor = set.entry(id, || Factor::new(id.clone(), String::new(), String::new(), Standing::default()));
            factor.name(label, description, cohesion);
            factor.set_standing(Standing { fitted: group.is_some(), ..arrangement.standing(id) });
        }
    }

    /// The label, the description and the cohesion of features: by those that lead, with those that are in the same items
    /// told beside them.
    fn named(&self, features: &BTreeSet<FeatureKey>) -> (String, String, f64) {
        let clusters = &self.partition.clusters;
        let leads = |key: &&FeatureKey| self.leader_of(key) == clusters.cluster_of(key);
        let (leading, beside): (Vec<&FeatureKey>, Vec<&FeatureKey>) = features.iter().partition(leads);
        if leading.is_empty() {
            return clusters.named(beside);
        }
        let (label, mut description, cohesion) = clusters.named(leading);
        if !beside.is_empty() {
            let beside: Vec<&str> = beside.into_iter().take(4).map(FeatureKey::as_str).collect();
            description = format!("{description}; in the same texts: {}", beside.join(", "));
        }
        (label, description, cohesion)
    }
}

/// What the id of a factor that was split off follows from.
pub(super) fn split_anchor(first: &FeatureKey) -> String {
    format!("split {first}")
}

/// Whether a word in this span is written with a capital; `None` for one word that begins a clause.
fn has_capital(text: &str, span: Span) -> Option<bool> {
    let before = text.get(..span.start).unwrap_or_default().trim_end();
    let opens = before.chars().next_back().is_none_or(|last| matches!(last, '.' | ':' | '!' | '?' | '"' | '„'));
    let mut words = text.get(span.start..span.end)?.split([' ', '-']).skip(usize::from(opens)).peekable();
    words.peek()?;
    Some(words.any(|word| word.starts_with(char::is_uppercase)))
}

fn signs_of_german(item: &MemoryItem) -> usize {
    Language::signs_in(item.query().text(), &mut String::new())
}

/// Puts a feature into its factor.
fn place(factors: &mut Factors, arrangement: &Arrangement, key: &FeatureKey, base: &FactorId) -> FactorId {
    let id = arrangement.factor_of(key, base);
    let set = if arrangement.is_set_aside(&id) { &mut factors.set_aside } else { &mut factors.active };
    set.entry(&id, || Factor::new(id.clone(), String::new(), String::new(), Standing::default()));
    set.take_in(&id, key.clone());
    id
}
