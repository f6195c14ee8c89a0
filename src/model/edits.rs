//! Entering an edit, and showing a model as its edits have it.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{
    Edit, EditRecord, EditedStep, Factor, FactorId, Feature, FeatureKey, ItemId, MOST_STEPS, MemoryItem, PathOrigin,
    PathStep, ReasoningPath, is_boost, is_odd, limits,
};
use crate::model::UserModel;

use super::partition::Partition;

/// Features of a factor that an edit keeps, to find the factor again.
const ANCHORS: usize = 32;

/// An edit that cannot be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The user model has no such factor.
    #[error("no factor {factor} in this user model")]
    UnknownFactor {
        /// The factor asked for.
        factor: FactorId,
    },
    /// The user model has no such interaction.
    #[error("no interaction {item} in this user's memory")]
    UnknownItem {
        /// The interaction asked for.
        item: ItemId,
    },
    /// The list has no such edit, or it is one that cannot be taken back: a rollback.
    #[error("edit {edit} cannot be undone: there is no such edit, or it is a rollback")]
    UnknownEdit {
        /// The number asked for.
        edit: u32,
    },
    /// There is no such snapshot, or no more.
    #[error("there is no snapshot {snapshot}")]
    UnknownSnapshot {
        /// The number asked for.
        snapshot: u32,
    },
    /// The edit says nothing that could be done.
    #[error("{kind}: {problem}")]
    Unusable {
        /// The kind of edit.
        kind: &'static str,
        /// Its fault.
        problem: &'static str,
    },
}

impl UserModel {
    /// Enters an edit in the list, and does what it says. Gives its number, by which it can be undone.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    pub fn edit(&mut self, edit: Edit) -> Result<u32, EditError> {
        self.edit_in(edit, &self.partition())
    }

    /// Enters an edit, given the model's partition.
    pub(crate) fn edit_in(&mut self, edit: Edit, partition: &Partition) -> Result<u32, EditError> {
        self.check_edit(&edit)?;
        let anchors: BTreeMap<FactorId, BTreeSet<FeatureKey>> =
            edit.factors().into_iter().map(|id| (id.clone(), self.anchors(id))).collect();
        let number = u32::try_from(self.edits.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.edits.push(EditRecord { number, after: self.snapshots.taken, edit, anchors });
        self.rearrange(partition);
        Ok(number)
    }

    /// Does what the edits say, after they changed.
    pub(super) fn rearrange(&mut self, partition: &Partition) {
        self.recount(partition);
        self.recalibrate();
        self.revision = self.revision.saturating_add(1);
    }

    fn anchors(&self, id: &FactorId) -> BTreeSet<FeatureKey> {
        let factor = self.factors.get(id).or_else(|| self.set_aside.get(id));
        factor.into_iter().flat_map(|factor| factor.features().iter().take(ANCHORS).cloned()).collect()
    }

    fn check_edit(&self, edit: &Edit) -> Result<(), EditError> {
        let unusable = |problem| Err(EditError::Unusable { kind: edit.kind(), problem });
        for id in edit.factors() {
            if self.factors.get(id).or_else(|| self.set_aside.get(id)).is_none() {
                return Err(EditError::UnknownFactor { factor: id.clone() });
            }
        }
        match edit {
            Edit::Boost { by, .. } if !is_boost(*by) => unusable("is not from 0.25 to 4"),
            Edit::Rename { label, .. } if label.trim().is_empty() || label.len() > 256 => {
                unusable("has a blank label, or one over 256 bytes")
            }
            Edit::Rename { label, .. } if label.chars().any(char::is_control) => {
                unusable("has a control character in its label")
            }
            Edit::Merge { factor, into } if factor == into => unusable("names one factor twice"),
            Edit::Split { factor, features } => {
                let of = self.factors.get(factor).or_else(|| self.set_aside.get(factor));
                match of.map(Factor::features) {
                    Some(all) if features.is_empty() || !features.is_subset(all) => {
                        unusable("names no feature, or one that the factor does not have")
                    }
                    Some(all) if features.len() == all.len() => unusable("leaves no feature in the factor"),
                    _ => Ok(()),
                }
            }
            Edit::Path { item, steps } => {
                let item = self.item(item)?;
                let said = |text: &str| text.len() <= limits::RESPONSE_BYTES && !text.chars().any(is_odd);
                if steps.len() > MOST_STEPS || !steps.iter().all(|step| said(&step.text)) {
                    return unusable("has more than 16 steps, or one over 8,192 bytes or with a control character");
                }
                match user_path(item, steps, |_| None) {
                    Some(_) => Ok(()),
                    None => {
                        unusable("has no step, a blank one, or one about a feature that the interaction does not have")
                    }
                }
            }
            Edit::WithdrawPath { item } => self.item(item).map(|_| ()),
            Edit::Undo { edit } => {
                let known = self.edits.iter().find(|record| record.number == *edit);
                match known {
                    Some(record) if !matches!(record.edit, Edit::Rollback { .. }) => Ok(()),
                    _ => Err(EditError::UnknownEdit { edit: *edit }),
                }
            }
            Edit::Rollback { .. } => unusable("is entered by going back to a snapshot"),
            _ => Ok(()),
        }
    }

    fn item(&self, id: &ItemId) -> Result<&MemoryItem, EditError> {
        self.memory.get(id).ok_or_else(|| EditError::UnknownItem { item: id.clone() })
    }

    /// True when the user said of every factor of an interaction that it is not them.
    pub(crate) fn is_disowned(&self, item: &MemoryItem) -> bool {
        let keys = || item.features().iter().map(Feature::key);
        let mut aside = keys().filter_map(|key| self.set_aside.factor_of(&key)).peekable();
        aside.peek().is_some()
            && aside.all(Factor::is_disowned)
            && keys().all(|key| self.factors.factor_of(&key).is_none())
    }
}

impl MemoryItem {
    pub(super) fn with_path_edits(&self, model: &UserModel) -> Self {
        let mut item = self.clone();
        for record in model.edits_in_force() {
            match record.edit() {
                Edit::Path { item: id, steps } if id == self.id() => {
                    let factor_of = |key: &FeatureKey| model.factors.factor_of(key).map(|factor| factor.id().clone());
                    if let Some(path) = user_path(self, steps, factor_of) {
                        item.keep_path(path);
                    }
                }
                Edit::WithdrawPath { item: id } if id == self.id() => item.compose_path(),
                _ => {}
            }
        }
        item
    }
}

/// The path that a user wrote, over the interaction's features; `None` when it does not fit them.
fn user_path(
    item: &MemoryItem,
    steps: &[EditedStep],
    factor_of: impl Fn(&FeatureKey) -> Option<FactorId>,
) -> Option<ReasoningPath> {
    let place = |key: &FeatureKey| item.features().iter().position(|feature| feature.key() == *key);
    let step = |step: &EditedStep| {
        let factor = factor_of(&step.feature);
        Some(PathStep { feature: place(&step.feature)?, factor, text: step.text.clone() })
    };
    let steps: Vec<PathStep> = steps.iter().map(step).collect::<Option<_>>()?;
    let of = |place: usize| item.features().get(place).and_then(|feature| factor_of(&feature.key()));
    if steps.is_empty() {
        return None;
    }
    ReasoningPath::new(steps, item.response(), PathOrigin::User, item.features(), of).ok()
}
