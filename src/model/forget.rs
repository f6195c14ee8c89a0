//! Taking interactions and features out of a model.

use std::collections::BTreeSet;
use std::fmt;

use crate::data::{DataError, FactorId, Feature, FeatureKey, ItemId, MemoryChange, MemoryItem};
use crate::model::UserModel;
use crate::pause::{Pace, pause};

use super::partition::Partition;

/// The interactions or features to forget.
#[non_exhaustive]
pub enum Forget<'a> {
    /// These interactions.
    Items(Vec<ItemId>),
    /// A factor: its features go out of all interactions, the interactions stay. Learning again finds
    /// it again; to keep it out for good, say [`Edit::NotMe`](crate::Edit::NotMe).
    Factor(FactorId),
    /// Interactions with a time before this one.
    Before(i64),
    /// Interactions for which this holds.
    Where(&'a (dyn Fn(&MemoryItem) -> bool + Send + Sync)),
    /// Everything: the model is left without interactions and edits.
    All,
}

impl fmt::Debug for Forget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Items(_) => "Items",
            Self::Factor(_) => "Factor",
            Self::Before(_) => "Before",
            Self::Where(_) => "Where",
            Self::All => "All",
        })
    }
}

/// The items, features and factors that went.
#[derive(Debug, Default)]
pub(crate) struct Forgotten {
    /// Interactions that are gone, whole.
    pub(crate) items: Vec<MemoryItem>,
    /// Interactions that are there and lost features, as they were.
    pub(crate) stripped: Vec<MemoryItem>,
    /// Features that no interaction has any more.
    pub(crate) features: BTreeSet<FeatureKey>,
    /// Factors that are gone.
    pub(crate) factors: Vec<FactorId>,
    /// Paths of interactions that stay, withdrawn because they spoke of what is gone.
    pub(crate) paths: usize,
}

/// What was taken out of the memory, before the rest of the model follows.
struct Taken {
    forgotten: Forgotten,
    change: MemoryChange,
    removed: BTreeSet<ItemId>,
    /// The factors before.
    before: BTreeSet<FactorId>,
}

impl Taken {
    /// Leaves features in the model that these interactions have too.
    fn spare(&mut self, left: &[MemoryItem]) {
        for item in left {
            if self.forgotten.features.is_empty() {
                return;
            }
            for feature in item.features_once().iter() {
                self.forgotten.features.remove(&feature.key());
            }
        }
    }
}

impl UserModel {
    /// The interactions that are to go, and those that are to lose features.
    ///
    /// # Errors
    /// [`DataError::UnknownItem`], [`DataError::UnknownFactor`]: what is not there cannot be forgotten.
    pub(crate) fn selected(&self, what: &Forget<'_>) -> Result<(BTreeSet<ItemId>, BTreeSet<FeatureKey>), DataError> {
        let items = self.memory.items().iter();
        let ids = |items: &mut dyn Iterator<Item = &MemoryItem>| items.map(|item| item.id().clone()).collect();
        match what {
            Forget::Items(wanted) => {
                if let Some(item) = wanted.iter().find(|id| self.memory.get(id).is_none()) {
                    return Err(DataError::UnknownItem { item: item.clone() });
                }
                Ok((wanted.iter().cloned().collect(), BTreeSet::new()))
            }
            Forget::Factor(factor) => {
                let found = self.factors.get(factor).or_else(|| self.set_aside.get(factor));
                let found = found.ok_or_else(|| DataError::UnknownFactor { factor: factor.clone() })?;
                Ok((BTreeSet::new(), found.features().clone()))
            }
            Forget::Before(time) => {
                Ok((ids(&mut items.filter(|item| item.time().is_some_and(|t| t < *time))), BTreeSet::new()))
            }
            Forget::Where(holds) => Ok((ids(&mut items.filter(|item| holds(item))), BTreeSet::new())),
            Forget::All => Ok((ids(&mut items.into_iter()), BTreeSet::new())),
        }
    }

    /// Takes out what [`selected`](Self::selected) named, with all that was known of it alone.
    pub(crate) fn forget(
        &mut self,
        gone: BTreeSet<ItemId>,
        keys: &BTreeSet<FeatureKey>,
    ) -> (Forgotten, MemoryChange, Partition) {
        let mut taken = self.take_out(gone, keys);
        taken.spare(self.memory.items());
        self.drop_taken(&mut taken);
        let partition = self.rebuild();
        self.forgotten(taken, partition)
    }

    /// The same with pauses, between which the work does not grow with the history but for the counting. Whoever is dropped in a
    /// pause leaves a model that is not whole: for a copy.
    pub(crate) async fn forget_in_steps(
        &mut self,
        gone: BTreeSet<ItemId>,
        keys: &BTreeSet<FeatureKey>,
    ) -> (Forgotten, MemoryChange, Partition) {
        let mut taken = self.take_out(gone, keys);
        let mut pace = Pace::default();
        for item in self.memory.items() {
            pace.step(item.query().text().len()).await;
            taken.spare(std::slice::from_ref(item));
        }
        self.drop_taken(&mut taken);
        pause().await;
        let partition = self.rebuild_in_steps().await;
        self.forgotten(taken, partition)
    }

    fn take_out(&mut self, mut gone: BTreeSet<ItemId>, keys: &BTreeSet<FeatureKey>) -> Taken {
        let before: BTreeSet<FactorId> = self.factor_ids();
        let has = |item: &&MemoryItem| item.features_once().iter().any(|feature| keys.contains(&feature.key()));
        let stripped: Vec<MemoryItem> =
            if keys.is_empty() { Vec::new() } else { self.memory.items().iter().filter(has).cloned().collect() };
        let bare: Vec<MemoryItem> =
            stripped.iter().map(|item| item.only(|feature| !keys.contains(&feature.key()))).collect();
        let paths = stripped.iter().zip(&bare).filter(|(a, b)| a.path().is_some() && b.path().is_none()).count();
        let removed = gone.clone();
        gone.extend(stripped.iter().map(|item| item.id().clone()));
        let (mut items, change) = self.memory.change(&gone, bare);
        items.retain(|item| removed.contains(item.id()));
        let features = items.iter().chain(&stripped).flat_map(MemoryItem::features).map(Feature::key).collect();
        let forgotten = Forgotten { items, stripped, features, factors: Vec::new(), paths };
        Taken { forgotten, change, removed, before }
    }

    /// Takes what only the taken interactions had out of the rest of the model.
    fn drop_taken(&mut self, taken: &mut Taken) {
        taken.forgotten.paths += self.drop_text(&taken.forgotten.features, &taken.removed);
        if self.memory.is_empty() {
            self.edits.clear();
        }
    }

    fn forgotten(&mut self, taken: Taken, partition: Partition) -> (Forgotten, MemoryChange, Partition) {
        self.revision = self.revision.saturating_add(1);
        // Also where nothing went: what is under way might have been of it.
        self.forgotten_at = self.revision;
        let after = self.factor_ids();
        let factors = taken.before.difference(&after).cloned().collect();
        (Forgotten { factors, ..taken.forgotten }, taken.change, partition)
    }

    fn factor_ids(&self) -> BTreeSet<FactorId> {
        self.factors.iter().chain(self.set_aside.iter()).map(|factor| factor.id().clone()).collect()
    }

    /// Takes features that no item has any more out of the grouping, the edits and the paths that speak of them, and
    /// items out of the edits. Gives the number of paths that were withdrawn.
    fn drop_text(&mut self, lost: &BTreeSet<FeatureKey>, gone: &BTreeSet<ItemId>) -> usize {
        for group in &mut self.grouping.fitted {
            let before = group.features.len();
            group.features.retain(|key| !lost.contains(key));
            if group.features.len() < before {
                group.reword_without(lost);
            }
        }
        self.grouping.fitted.retain(|group| !group.features.is_empty());
        for record in &mut self.edits {
            record.drop_text(lost, gone);
        }
        let mut withdrawn = 0;
        for item in self.memory.items_mut() {
            if item.path().is_some_and(|path| path.mentions(lost)) {
                item.drop_path();
                withdrawn += 1;
            }
        }
        withdrawn
    }
}
