//! The user model: plain, checked data.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::file::UncheckedModel;
#[cfg(doc)]
use crate::data::Edit;
use crate::data::grouping::Grouping;
use crate::data::{
    Calibration, DataError, Decay, EditRecord, FactorId, FactorSet, ItemId, MemoryItem, PathStep, ReasoningMemory,
    ReasoningPath, Task, UserId, in_force,
};
use crate::pause::{Pace, at_once, pause};
use crate::stats::Muted;
use crate::words::Language;

use super::heard::heard_places;
use super::partition::Partition;

/// Everything learned of one user: factors with their counts, the reasoning memory, and how the two were made. It is
/// what a host stores; [`to_json`](Self::to_json) and [`from_json`](Self::from_json) are the portable file.
///
/// A user model answers only for the user it was learned from: [`check_user`](Self::check_user) guards every read by
/// id.
///
/// However it is read (`serde_json`, another format, a part of a larger document), it passes the checks of
/// [`new`](Self::new) or is refused. A file of an older version is read by [`from_json`](Self::from_json) alone.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "UncheckedModel")]
pub struct UserModel {
    pub(super) user: UserId,
    pub(super) revision: u64,
    /// The revision that the last forgetting made; 0 before the first.
    pub(super) forgotten_at: u64,
    pub(super) task: Task,
    pub(super) provenance: Provenance,
    pub(super) calibration: Calibration,
    pub(super) decay: Option<Decay>,
    pub(super) grouping: Grouping,
    pub(super) edits: Vec<EditRecord>,
    pub(super) snapshots: Snapshots,
    pub(super) factors: FactorSet,
    /// Factors that the user set aside, with their counts.
    pub(super) set_aside: FactorSet,
    pub(super) memory: ReasoningMemory,
    pub(super) derived: Derived,
}

/// Whether a model's factors are those that its grouping, items and edits make; empty until it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Derived(pub(super) OnceLock<bool>);

impl PartialEq for Derived {
    /// It follows from the rest.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The snapshots that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshots {
    /// The number ever taken; none is used twice.
    pub(super) taken: u32,
    /// The numbers of those that are left, ascending.
    pub(super) numbers: Vec<u32>,
}

impl Snapshots {
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// The most snapshots that are taken of one model, so that their number never runs out of its bits.
    pub(super) const MOST: u32 = u32::MAX - 1;

    fn check(&self) -> Result<(), DataError> {
        if self.taken > Self::MOST {
            return Err(DataError::BadNumbers { what: "list of snapshots", problem: "counts more than can be taken" });
        }
        let ascending = self.numbers.is_sorted_by(|a, b| a < b);
        let taken = |number: &u32| (1..=self.taken).contains(number);
        if ascending && self.numbers.iter().all(taken) {
            return Ok(());
        }
        Err(DataError::BadNumbers { what: "list of snapshots", problem: "is not ascending or names one never taken" })
    }
}

/// The names of the parts that made a user model, so that a host can tell which models to learn again after a change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The feature extractor's name.
    pub extractor: String,
    /// The factor model's name.
    pub factor_model: String,
    /// The path writer's name.
    pub path_writer: String,
    /// The [mark](crate::catalog::Catalog::mark) of the catalog; empty when there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub catalog: String,
    /// Hash of the prompt wording, in hexadecimal; empty when no prompt was used.
    pub prompts: String,
}

impl UserModel {
    /// Puts a user model together from its parts, checked against each other.
    ///
    /// # Errors
    /// [`DataError`] naming the first item that does not fit: a response outside the task's space, a feature outside
    /// its query, a path that cites what is not there, an id that occurs twice.
    pub fn new(
        user: UserId,
        task: Task,
        factors: FactorSet,
        memory: ReasoningMemory,
        calibration: Calibration,
        provenance: Provenance,
    ) -> Result<Self, DataError> {
        let language = Partition::language_of(&task, memory.items());
        let grouping = Grouping { language, ..Grouping::of(&factors) };
        let factors = factors.all_fitted();
        let model = Self {
            user,
            revision: 1,
            forgotten_at: 0,
            task,
            provenance,
            calibration,
            decay: None,
            grouping,
            edits: Vec::new(),
            snapshots: Snapshots::default(),
            factors,
            set_aside: FactorSet::default(),
            memory,
            derived: Derived::default(),
        };
        model.check()?;
        Ok(model)
    }

    pub(crate) fn check(&self) -> Result<(), DataError> {
        at_once(self.check_in_steps())
    }

    /// The same with pauses.
    pub(crate) async fn check_in_steps(&self) -> Result<(), DataError> {
        self.check_parts_in_steps().await?;
        pause().await;
        self.check_factors()
    }

    /// Checks all that needs no factors.
    pub(super) fn check_parts(&self) -> Result<(), DataError> {
        at_once(self.check_parts_in_steps())
    }

    async fn check_parts_in_steps(&self) -> Result<(), DataError> {
        self.calibration.check()?;
        self.snapshots.check()?;
        if self.forgotten_at > self.revision {
            return Err(DataError::BadNumbers { what: "revision", problem: "is before that of the last forgetting" });
        }
        self.grouping.check()?;
        if self.edits.iter().zip(1..).any(|(record, number)| record.number != number) {
            return Err(DataError::BadNumbers { what: "list of edits", problem: "is not numbered from 1" });
        }
        let (mut ids, mut pace): (BTreeSet<&ItemId>, _) = (BTreeSet::new(), Pace::default());
        for item in self.memory.items() {
            pace.step_features(item.query().text().len()).await;
            if !ids.insert(item.id()) {
                return Err(DataError::DuplicateId { item: item.id().clone() });
            }
            let id = item.id().as_str();
            self.task.check_query(id, item.query())?;
            self.task.check_response(id, item.query(), item.response())?;
            item.check()?;
        }
        Ok(())
    }

    /// Checks the factors, and the paths against them.
    pub(super) fn check_factors(&self) -> Result<(), DataError> {
        for factor in self.set_aside.iter() {
            let both = factor.features().iter().any(|key| self.factors.factor_of(key).is_some());
            if both || self.factors.get(factor.id()).is_some() {
                let problem = "is set aside and in use at once";
                return Err(DataError::BadFactor { factor: factor.id().clone(), problem });
            }
        }
        for item in self.memory.items() {
            item.check_path(|step| step.factor == self.factor_of(item, step.feature))?;
        }
        Ok(())
    }

    /// The factor of an item's feature, set aside or not.
    fn factor_of(&self, item: &MemoryItem, position: usize) -> Option<FactorId> {
        let key = item.features().get(position)?.key();
        self.factors.factor_of(&key).or_else(|| self.set_aside.factor_of(&key)).map(|factor| factor.id().clone())
    }

    fn path_fits(&self, item: &MemoryItem, path: &ReasoningPath) -> bool {
        let belongs = |step: &PathStep| step.factor == self.factor_of(item, step.feature);
        path.response() == item.response() && path.check(item.features().len(), belongs).is_ok()
    }

    /// Whose model it is.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Fails unless the model is this user's.
    ///
    /// # Errors
    /// [`DataError::OtherUser`].
    pub fn check_user(&self, user: &UserId) -> Result<(), DataError> {
        if self.user == *user { Ok(()) } else { Err(DataError::OtherUser) }
    }

    /// Counts the changes since the model was learned, from 1.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision that the last forgetting made, or the last going back to a snapshot; 0 before the first. What was begun on an
    /// earlier revision is not taken in any more.
    pub fn forgotten_at(&self) -> u64 {
        self.forgotten_at
    }

    /// True when something was forgotten since this revision, or may have been.
    pub(crate) fn has_forgotten_since(&self, revision: u64) -> bool {
        // At its end a revision stands still.
        revision < self.forgotten_at || self.forgotten_at == u64::MAX
    }

    /// The task it was learned for.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The names of the parts that made it.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The language by which inflected words are one: that of the task, or of the whole history.
    pub fn language(&self) -> Language {
        self.grouping.language
    }

    /// The estimate's parameters for this user.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The speed at which old interactions stop counting, if they do.
    pub fn decay(&self) -> Option<Decay> {
        self.decay
    }

    /// The weight of each item of the memory; empty when all weigh 1.
    pub(crate) fn weights(&self) -> Vec<f64> {
        self.decay.map(|decay| decay.weights(self.memory.items())).unwrap_or_default()
    }

    /// Everything the user asked of this model, in order, taken back or not.
    pub fn edits(&self) -> &[EditRecord] {
        &self.edits
    }

    /// The edits that hold: those that were not taken back.
    pub fn edits_in_force(&self) -> Vec<&EditRecord> {
        in_force(&self.edits)
    }

    /// The numbers of the snapshots that can be gone back to, ascending.
    pub fn snapshots(&self) -> &[u32] {
        &self.snapshots.numbers
    }

    /// The factors that the user set aside ([`Edit::Mute`], [`Edit::NotMe`]), with their counts. No answer uses them.
    pub fn set_aside(&self) -> &FactorSet {
        &self.set_aside
    }

    /// The factors with their counts, apart from those that are [set aside](Self::set_aside).
    pub fn factors(&self) -> &FactorSet {
        &self.factors
    }

    /// The reasoning memory.
    pub fn memory(&self) -> &ReasoningMemory {
        &self.memory
    }

    /// Keeps paths that were written for items as they are shown: what an item's path cites is found by its key.
    pub(crate) fn keep_paths(&mut self, paths: impl IntoIterator<Item = (ItemId, ReasoningPath)>) {
        let muted = (!self.set_aside.is_empty()).then(|| self.muted());
        for (id, path) in paths {
            let whole = self.memory.get(&id).and_then(|item| Self::over_all_features(item, &path, muted.as_ref()));
            if let Some(path) = whole {
                self.memory.set_path(&id, path);
            }
        }
    }

    /// A path over the features that are heard of an item, as one over all of them.
    fn over_all_features(item: &MemoryItem, path: &ReasoningPath, muted: Option<&Muted>) -> Option<ReasoningPath> {
        let Some(muted) = muted else { return Some(path.clone()) };
        let places = heard_places(item, muted);
        path.renumbered(|shown| places.get(shown).copied())
    }

    /// Keeps reasoning paths that were written on first use, so that they are not written again. The revision grows by
    /// one when anything was kept.
    ///
    /// A path that a pipeline had written knows the revision of the model that it was written from, as long as it is in memory. When
    /// something was [forgotten](crate::RpmPipeline::forget) since then, it may speak of that, and is refused. One that a host made
    /// itself or read from somewhere counts as written now.
    ///
    /// # Errors
    /// [`DataError::UnknownItem`] for an item that is not in the memory or a path that does not fit it;
    /// [`DataError::Overtaken`] for a path that was begun before something was forgotten. Nothing is kept then.
    pub fn adopt_paths(&mut self, paths: impl IntoIterator<Item = (ItemId, ReasoningPath)>) -> Result<(), DataError> {
        let paths: Vec<(ItemId, ReasoningPath)> = paths.into_iter().collect();
        let mut whole = Vec::with_capacity(paths.len());
        let muted = (!self.set_aside.is_empty()).then(|| self.muted());
        for (id, path) in paths {
            let fits = |item: &MemoryItem| {
                Self::over_all_features(item, &path, muted.as_ref()).filter(|path| self.path_fits(item, path))
            };
            if path.begun().is_some_and(|begun| self.has_forgotten_since(begun)) {
                return Err(DataError::Overtaken { item: id });
            }
            let path = self.memory.get(&id).and_then(fits);
            whole.push((id.clone(), path.ok_or(DataError::UnknownItem { item: id })?));
        }
        let any = !whole.is_empty();
        for (id, path) in whole {
            self.memory.set_path(&id, path);
        }
        self.revision = self.revision.saturating_add(u64::from(any));
        Ok(())
    }
}

impl fmt::Debug for UserModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserModel")
            .field("user", &self.user)
            .field("revision", &self.revision)
            .field("factors", &self.factors.len())
            .field("memory", &self.memory.len())
            .finish_non_exhaustive()
    }
}
