//! The ids of factors in files up to version 4, which had 32 bits: edits, factors and paths get those of today.

use std::collections::{BTreeMap, BTreeSet};

use super::UserModel;
use super::partition::Partition;
use crate::data::{DataError, Edit, EditRecord, Factor, FactorId, FeatureKey, MemoryItem, ReasoningPath};

impl UserModel {
    /// Gives everything that names a factor of the user's own by an old id the id of today, in one step. True when there
    /// was any; then paths have yet to be stamped.
    ///
    /// An edit of a factor that is not there keeps the old id, and finds the factor by it when it comes back. Groups that a factor
    /// model made keep the ids that are in the file: no other factor can get one.
    ///
    /// # Errors
    /// [`DataError::BadFactor`] for factors that would have one id.
    pub(super) fn renew_ids(&mut self) -> Result<bool, DataError> {
        if !self.has_old_ids() {
            return Ok(false);
        }
        let partition = self.partition();
        let kept: BTreeSet<FactorId> = self.grouping.fitted.iter().map(|group| group.id.clone()).collect();
        let split_off: Vec<FactorId> = self.edits.iter().flat_map(split_ids).collect();
        let now = |old: &FactorId, features: &BTreeSet<FeatureKey>| {
            let of_partition = || partition.id_now(old, features);
            let of_split = || split_off.iter().find(|id| id.was(old)).cloned();
            (old.is_old() && !kept.contains(old)).then(|| of_partition().or_else(of_split)).flatten()
        };
        for record in &mut self.edits {
            let known: BTreeMap<FactorId, FactorId> = record
                .edit
                .factors()
                .into_iter()
                .filter_map(|old| {
                    let features = record.anchors.get(old).cloned().unwrap_or_default();
                    Some((old.clone(), now(old, &features)?))
                })
                .collect();
            record.edit.rename(|old| known.get(old).cloned());
            let anchors = std::mem::take(&mut record.anchors).into_iter();
            record.anchors = anchors.map(|(id, keys)| (known.get(&id).cloned().unwrap_or(id), keys)).collect();
        }
        let renamed = |factor: &Factor| now(factor.id(), factor.features());
        self.factors = std::mem::take(&mut self.factors).renamed(renamed)?;
        self.set_aside = std::mem::take(&mut self.set_aside).renamed(renamed)?;
        Ok(true)
    }

    fn has_old_ids(&self) -> bool {
        let kept = |id: &FactorId| self.grouping.fitted.iter().any(|group| group.id == *id);
        let is_old = |id: &FactorId| id.is_old() && !kept(id);
        let paths = self.memory.items().iter().filter_map(MemoryItem::path);
        let mut cited = paths.flat_map(ReasoningPath::steps).filter_map(|step| step.factor.as_ref());
        self.edits.iter().flat_map(|record| record.edit.factors()).any(is_old)
            || self.factors.iter().chain(self.set_aside.iter()).any(|factor| is_old(factor.id()))
            || cited.any(is_old)
    }
}

/// The ids that a factor split off by this edit may have.
fn split_ids(record: &EditRecord) -> Vec<FactorId> {
    match &record.edit {
        Edit::Split { features, .. } => features.iter().map(Partition::id_of_split).collect(),
        _ => Vec::new(),
    }
}
