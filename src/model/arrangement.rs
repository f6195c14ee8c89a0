//! The partition as the edits in force rearrange it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::data::{Edit, EditRecord, FactorId, FeatureKey, Standing, in_force};

use super::partition::split_anchor;

/// The edits in force, applied to a partition: which factor each of its factors and some of its features go to, and how
/// the user wants them treated. An edit whose factor is not there has no effect until the factor is there again.
#[derive(Default)]
pub(super) struct Arrangement {
    /// Features that were split off, with the factor they are of now.
    split: HashMap<FeatureKey, FactorId>,
    /// Factors that went into another.
    into: BTreeMap<FactorId, FactorId>,
    labels: BTreeMap<FactorId, String>,
    standing: BTreeMap<FactorId, Standing>,
    muted: BTreeSet<FactorId>,
    /// Muted as "not me".
    disowned: BTreeSet<FactorId>,
}

impl Arrangement {
    /// `known` gives the factor of the partition that has this id or took in the one that had it, `of` the one that a
    /// feature is of.
    pub(super) fn new(
        edits: &[EditRecord],
        known: impl Fn(&FactorId) -> Option<FactorId>,
        of: impl Fn(&FeatureKey) -> Option<FactorId>,
    ) -> Self {
        let mut arrangement = Self::default();
        for record in in_force(edits) {
            let find = |arrangement: &Self, id: &FactorId| {
                let split = || arrangement.split.values().find(|split| *split == id).cloned();
                let anchored = || record.anchors.get(id).into_iter().flatten().find_map(&of);
                let found = known(id).or_else(split).or_else(anchored);
                found.map(|id| arrangement.root(&id))
            };
            // What a factor was made of when the user spoke may be of several factors now.
            let all = |arrangement: &Self, id: &FactorId| {
                let anchors = record.anchors.get(id).into_iter().flatten();
                let of = anchors.filter_map(|key| Some(arrangement.factor_of(key, &of(key)?)));
                find(arrangement, id).into_iter().chain(of).collect::<Vec<FactorId>>()
            };
            match &record.edit {
                Edit::Mute { factor } => arrangement.muted.extend(all(&arrangement, factor)),
                Edit::NotMe { factor } => arrangement.disowned.extend(all(&arrangement, factor)),
                Edit::Pin { factor } => {
                    if let Some(id) = find(&arrangement, factor) {
                        arrangement.standing.entry(id).or_default().pinned = true;
                    }
                }
                Edit::Boost { factor, by } => {
                    if let Some(id) = find(&arrangement, factor) {
                        arrangement.standing.entry(id).or_default().boost = *by;
                    }
                }
                Edit::Rename { factor, label } => {
                    if let Some(id) = find(&arrangement, factor) {
                        arrangement.labels.insert(id, label.clone());
                    }
                }
                Edit::Merge { factor, into } => {
                    if let (Some(from), Some(to)) = (find(&arrangement, factor), find(&arrangement, into))
                        && from != to
                    {
                        arrangement.into.insert(from, to);
                    }
                }
                Edit::Split { factor, features } => {
                    if let Some(from) = find(&arrangement, factor) {
                        arrangement.split_off(&from, features, &of);
                    }
                }
                _ => {}
            }
        }
        arrangement
    }

    fn split_off(
        &mut self,
        from: &FactorId,
        features: &BTreeSet<FeatureKey>,
        of: &impl Fn(&FeatureKey) -> Option<FactorId>,
    ) {
        let held = |key: &&FeatureKey| of(key).is_some_and(|base| self.factor_of(key, &base) == *from);
        let leaving: Vec<FeatureKey> = features.iter().filter(held).cloned().collect();
        if let Some(first) = leaving.first() {
            let taken: BTreeSet<FactorId> = self.split.values().cloned().collect();
            let id = FactorId::free(&split_anchor(first), |id| taken.contains(id));
            self.split.extend(leaving.into_iter().map(|key| (key, id.clone())));
        }
    }

    fn root(&self, id: &FactorId) -> FactorId {
        let mut id = id;
        // A factor goes into one that is the last of its chain, so chains end.
        while let Some(next) = self.into.get(id) {
            id = next;
        }
        id.clone()
    }

    /// The factor of a feature whose factor in the partition is `base`.
    pub(super) fn factor_of(&self, key: &FeatureKey, base: &FactorId) -> FactorId {
        self.root(self.split.get(key).unwrap_or(base))
    }

    /// The label that the user gave.
    pub(super) fn label(&self, id: &FactorId) -> Option<&str> {
        self.labels.get(id).map(String::as_str).filter(|label| !label.trim().is_empty())
    }

    pub(super) fn standing(&self, id: &FactorId) -> Standing {
        let standing = self.standing.get(id).copied().unwrap_or_default();
        Standing { disowned: self.disowned.contains(id), ..standing }
    }

    pub(super) fn is_set_aside(&self, id: &FactorId) -> bool {
        self.muted.contains(id) || self.disowned.contains(id)
    }
}
