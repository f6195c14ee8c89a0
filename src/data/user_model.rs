use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DataError, FactorSet, ItemId, MemoryItem, ReasoningMemory, ReasoningPath, Task, UserId};

/// What was learned of one user: factors with their counts, the reasoning memory, and how the two were made. It is what a
/// host stores; [`to_json`](Self::to_json) and [`from_json`](Self::from_json) are the portable file.
///
/// A user model answers only for the user it was learned from: [`check_user`](Self::check_user) guards every read by id.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserModel {
    pub(super) user: UserId,
    pub(super) revision: u64,
    pub(super) task: Task,
    pub(super) provenance: Provenance,
    pub(super) calibration: Calibration,
    pub(super) factors: FactorSet,
    pub(super) memory: ReasoningMemory,
}

/// What made a user model: the names of the parts, so that a host can tell which models to learn again after a change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The feature extractor's name.
    pub extractor: String,
    /// The factor model's name.
    pub factor_model: String,
    /// The path writer's name.
    pub path_writer: String,
    /// Hash of the prompt wording, in hexadecimal; empty when no prompt was used.
    pub prompts: String,
}

/// The estimate's parameters for one user, chosen by leave-one-out on the user's own history, with the score they reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Pseudo-count κ that shrinks each factor's propensity to the base rate.
    pub kappa: f64,
    /// How strongly the factors move the estimate: 0 (not at all) to 2; 1 by default.
    pub pool: f64,
    /// Weight of the similarity-weighted vote, from 0 (ignored) to 1.
    pub vote: f64,
    /// Interactions the two scores are over; 0 when there were too few to score.
    pub scored: usize,
    /// Mean log-probability (nats) of the response when its interaction is left out.
    pub left_out_score: f64,
    /// The same for the base rate alone; the gain is the difference.
    pub base_score: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { kappa: 4.0, pool: 1.0, vote: 0.5, scored: 0, left_out_score: 0.0, base_score: 0.0 }
    }
}

impl UserModel {
    /// Puts a user model together from its parts, checked against each other.
    ///
    /// # Errors
    /// [`DataError`] naming the first item that does not fit: a response outside the task's space, a feature outside its
    /// query or without a factor, a path that cites what is not there, an id that occurs twice.
    pub fn new(
        user: UserId,
        task: Task,
        factors: FactorSet,
        memory: ReasoningMemory,
        calibration: Calibration,
        provenance: Provenance,
    ) -> Result<Self, DataError> {
        let model = Self { user, revision: 1, task, provenance, calibration, factors, memory };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), DataError> {
        let c = &self.calibration;
        let within = |value: f64, low: f64, high: f64| value.is_finite() && (low..=high).contains(&value);
        let usable = within(c.kappa, 1e-6, 1e9)
            && within(c.pool, 0.0, 16.0)
            && within(c.vote, 0.0, 1.0)
            && c.left_out_score.is_finite()
            && c.base_score.is_finite();
        if !usable {
            return Err(DataError::BadNumbers { what: "calibration", problem: "is out of range" });
        }
        let mut ids: BTreeSet<&ItemId> = BTreeSet::new();
        for item in self.memory.items() {
            if !ids.insert(item.id()) {
                return Err(DataError::DuplicateId { item: item.id().clone() });
            }
            let id = item.id().as_str();
            self.task.check_query(id, item.query())?;
            self.task.check_response(id, item.query(), item.response())?;
            item.check()?;
            let bad = |position, problem| DataError::BadFeature { item: id.to_owned(), position, problem };
            if let Some(position) = item.features().iter().position(|f| self.factors.factor_of(&f.key()).is_none()) {
                return Err(bad(position, "belongs to no factor"));
            }
            if item.path().is_some_and(|path| !self.path_fits(item, path)) {
                return Err(bad(0, "is cited wrongly by the item's reasoning path"));
            }
        }
        Ok(())
    }

    fn path_fits(&self, item: &MemoryItem, path: &ReasoningPath) -> bool {
        let factor_of = |position: usize| {
            item.features().get(position).and_then(|f| self.factors.factor_of(&f.key())).map(|f| f.id().clone())
        };
        path.response() == item.response()
            && ReasoningPath::new(path.steps().to_vec(), path.response(), path.origin(), item.features(), factor_of)
                .is_ok()
    }

    /// The same model with no memory, as a packed file keeps it beside the items.
    #[must_use]
    pub(crate) fn without_memory(self) -> Self {
        Self { memory: ReasoningMemory::default(), ..self }
    }

    /// The model that [`without_memory`](Self::without_memory) left, with its items again.
    pub(crate) fn with_memory(self, items: Vec<MemoryItem>) -> Result<Self, DataError> {
        let model = Self { memory: ReasoningMemory::new(items), ..self };
        model.check()?;
        Ok(model)
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

    /// The task it was learned for.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// What made it.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The estimate's parameters for this user.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The factors with their counts.
    pub fn factors(&self) -> &FactorSet {
        &self.factors
    }

    /// The reasoning memory.
    pub fn memory(&self) -> &ReasoningMemory {
        &self.memory
    }

    /// Keeps reasoning paths that were written on first use, so that they are not written again. The revision grows by
    /// one when anything was kept.
    ///
    /// # Errors
    /// [`DataError::UnknownItem`] for an item that is not in the memory or a path that does not fit it; nothing is kept
    /// then.
    pub fn adopt_paths(&mut self, paths: impl IntoIterator<Item = (ItemId, ReasoningPath)>) -> Result<(), DataError> {
        let paths: Vec<(ItemId, ReasoningPath)> = paths.into_iter().collect();
        for (id, path) in &paths {
            let item = self.memory.get(id).filter(|item| self.path_fits(item, path));
            item.ok_or_else(|| DataError::UnknownItem { item: id.clone() })?;
        }
        let any = !paths.is_empty();
        for (id, path) in paths {
            self.memory.set_path(&id, path);
        }
        self.revision += u64::from(any);
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
