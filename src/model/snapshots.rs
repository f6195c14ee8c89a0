//! Marks to go back to, and what a model takes over from its predecessor.

use std::collections::BTreeSet;

use crate::data::{Edit, EditRecord, ItemId, MemoryChange, MemoryItem};
use crate::model::UserModel;

use super::EditError;
use super::partition::Partition;
use super::user_model::Snapshots;

impl UserModel {
    /// Marks the model as it is, to go back to with [`rollback`](Self::rollback), and gives the mark's number. It costs
    /// a number, no copy. Learning again ends all snapshots: keep the file for that.
    ///
    /// No number is used for two marks. There are 4,294,967,294 of them; once they are used up, nothing is marked any
    /// more and the last number is given, which goes back to the last mark.
    pub fn snapshot(&mut self) -> u32 {
        if self.snapshots.taken < Snapshots::MOST {
            self.snapshots.taken += 1;
            self.snapshots.numbers.push(self.snapshots.taken);
            self.revision = self.revision.saturating_add(1);
        }
        self.snapshots.taken
    }

    /// Goes back to a snapshot: takes out what was observed since, and takes back the edits since. What was forgotten
    /// in the meantime stays forgotten. The snapshot stays, later ones go.
    ///
    /// [`RpmPipeline::rollback`](crate::RpmPipeline::rollback) does the same to a prepared model.
    ///
    /// # Errors
    /// [`EditError::UnknownSnapshot`].
    pub fn rollback(&mut self, snapshot: u32) -> Result<(), EditError> {
        self.roll_back(snapshot).map(|_| ())
    }

    pub(crate) fn roll_back(&mut self, snapshot: u32) -> Result<(MemoryChange, Partition), EditError> {
        if !self.snapshots.numbers.contains(&snapshot) {
            return Err(EditError::UnknownSnapshot { snapshot });
        }
        self.snapshots.numbers.retain(|number| *number <= snapshot);
        if self.edits.iter().any(|record| record.after >= snapshot) {
            let number = u32::try_from(self.edits.len()).unwrap_or(u32::MAX).saturating_add(1);
            let edit = Edit::Rollback { snapshot };
            self.edits.push(EditRecord { number, after: self.snapshots.taken, edit, anchors: [].into() });
        }
        let since = |item: &&MemoryItem| item.after >= snapshot;
        let gone: BTreeSet<ItemId> = self.memory.items().iter().filter(since).map(|item| item.id().clone()).collect();
        let (_, change, partition) = self.forget(gone, &BTreeSet::new());
        Ok((change, partition))
    }

    /// True when two models differ in nothing but written paths and the revision that counts them.
    pub(crate) fn is_same_but_for_paths(&self, other: &Self) -> bool {
        let without = |model: &Self| {
            let mut bare = Self { revision: 0, ..model.clone() };
            bare.memory.items_mut().iter_mut().for_each(crate::data::MemoryItem::drop_path);
            bare
        };
        without(self) == without(other)
    }

    /// Gives it a revision behind that of the model whose place it takes.
    pub(crate) fn comes_after(&mut self, held: &Self) {
        self.revision = self.revision.max(held.revision.saturating_add(1));
    }

    /// Carries over from the model that was before learning again what does not follow from the history: the edits, and
    /// the numbers that are not used twice.
    pub(crate) fn succeed(&mut self, before: &Self) {
        self.edits.clone_from(&before.edits);
        self.snapshots = Snapshots { taken: before.snapshots.taken, numbers: Vec::new() };
        self.rearrange(&self.partition());
        self.revision = before.revision.saturating_add(1);
        self.forgotten_at = before.forgotten_at;
    }
}
