//! The edits that a user makes of their own model, and the list they stand in.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::text::fold;
use super::{FactorId, FeatureKey, ItemId, limits};

/// A user's word on their own model, entered by them or by a host on their behalf. Edits stand beside what was learned
/// and above it: they hold through observing, forgetting and learning again, and each can be undone.
///
/// An edit that is read from a file is checked as far as it can be without the model it belongs to: its numbers and the
/// sizes of its texts. A label and steps may be empty there, since forgetting takes words out of old edits.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Edit {
    /// Leave a factor out of answers, prompts and the estimate. It is still counted, and reported as set aside.
    Mute {
        /// The factor.
        factor: FactorId,
    },
    /// "That's not me": like [`Mute`](Self::Mute), and interactions that have no other factor serve as no exemplar.
    NotMe {
        /// The factor.
        factor: FactorId,
    },
    /// Show a factor with every answer, and take it as established.
    Pin {
        /// The factor.
        factor: FactorId,
    },
    /// Raise or lower a factor's say in the estimate.
    Boost {
        /// The factor.
        factor: FactorId,
        /// Its say, from 0.25 to 4; 1 is as counted.
        #[serde(deserialize_with = "boost")]
        by: f64,
    },
    /// Call a factor something else.
    Rename {
        /// The factor.
        factor: FactorId,
        /// Its new label, at most 256 bytes.
        #[serde(deserialize_with = "label")]
        label: String,
    },
    /// Take one factor into another.
    Merge {
        /// The factor that goes.
        factor: FactorId,
        /// The factor that takes its features.
        into: FactorId,
    },
    /// Make some features of a factor a factor of their own.
    Split {
        /// The factor.
        factor: FactorId,
        /// The features that leave it; not all of its features.
        features: BTreeSet<FeatureKey>,
    },
    /// Replace the reasoning path of an interaction.
    Path {
        /// The interaction.
        item: ItemId,
        /// The steps, each about a feature of the interaction: 1 to 16 of at most 8,192 bytes each.
        #[serde(deserialize_with = "steps")]
        steps: Vec<EditedStep>,
    },
    /// Never show a reasoning path of this interaction that a model wrote.
    WithdrawPath {
        /// The interaction.
        item: ItemId,
    },
    /// Take an earlier edit back. An undone `Undo` restores it.
    Undo {
        /// The number of the edit.
        edit: u32,
    },
    /// The trace that [`UserModel::rollback`](crate::UserModel::rollback) leaves in the list: it takes back the edits
    /// since the snapshot.
    Rollback {
        /// The number of the snapshot.
        snapshot: u32,
    },
}

/// One step of a path that a user wrote.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditedStep {
    /// The feature it is about.
    pub feature: FeatureKey,
    /// The text; not blank.
    #[serde(deserialize_with = "step_text")]
    pub text: String,
}

/// An edit in the list of a user model. The list only grows; forgetting what an edit speaks of takes the text out of
/// it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditRecord {
    pub(crate) number: u32,
    /// Snapshots taken before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) after: u32,
    pub(crate) edit: Edit,
    /// Features of each factor it names, by which the factor is found again when its id is gone: after learning again,
    /// or when what founded it was forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) anchors: BTreeMap<FactorId, BTreeSet<FeatureKey>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Most steps of a path that a user writes.
pub(crate) const MOST_STEPS: usize = 16;

/// True for a number that a factor's say may be multiplied with.
pub(crate) fn is_boost(by: f64) -> bool {
    (0.25..=4.0).contains(&by)
}

/// A control character other than white space.
pub(crate) fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

fn boost<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let by = f64::deserialize(deserializer)?;
    if is_boost(by) {
        Ok(by)
    } else {
        Err(D::Error::custom("an edit boosts a factor by less than 0.25 or more than 4"))
    }
}

fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let label = String::deserialize(deserializer)?;
    if label.len() > limits::ID_BYTES || label.chars().any(char::is_control) {
        return Err(D::Error::custom("an edit has a label over 256 bytes or with a control character"));
    }
    Ok(label)
}

fn steps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<EditedStep>, D::Error> {
    let steps = Vec::deserialize(deserializer)?;
    if steps.len() > MOST_STEPS { Err(D::Error::custom("an edit has a path of more than 16 steps")) } else { Ok(steps) }
}

fn step_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() || text.len() > limits::RESPONSE_BYTES || text.chars().any(is_odd) {
        return Err(D::Error::custom("an edit has a step that is blank, over 8,192 bytes or with a control character"));
    }
    Ok(text)
}

impl Edit {
    /// The factors it names.
    pub(crate) fn factors(&self) -> Vec<&FactorId> {
        match self {
            Self::Mute { factor }
            | Self::NotMe { factor }
            | Self::Pin { factor }
            | Self::Boost { factor, .. }
            | Self::Rename { factor, .. }
            | Self::Split { factor, .. } => vec![factor],
            Self::Merge { factor, into } => vec![factor, into],
            Self::Path { .. } | Self::WithdrawPath { .. } | Self::Undo { .. } | Self::Rollback { .. } => Vec::new(),
        }
    }

    /// Gives the factors it names other ids.
    pub(crate) fn rename(&mut self, now: impl Fn(&FactorId) -> Option<FactorId>) {
        let renew = |id: &mut FactorId| {
            if let Some(new) = now(id) {
                *id = new;
            }
        };
        match self {
            Self::Mute { factor }
            | Self::NotMe { factor }
            | Self::Pin { factor }
            | Self::Boost { factor, .. }
            | Self::Rename { factor, .. }
            | Self::Split { factor, .. } => renew(factor),
            Self::Merge { factor, into } => [factor, into].into_iter().for_each(renew),
            Self::Path { .. } | Self::WithdrawPath { .. } | Self::Undo { .. } | Self::Rollback { .. } => {}
        }
    }

    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mute { .. } => "mute",
            Self::NotMe { .. } => "not_me",
            Self::Pin { .. } => "pin",
            Self::Boost { .. } => "boost",
            Self::Rename { .. } => "rename",
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
            Self::Path { .. } => "path",
            Self::WithdrawPath { .. } => "withdraw_path",
            Self::Undo { .. } => "undo",
            Self::Rollback { .. } => "rollback",
        }
    }
}

impl EditRecord {
    /// Its number in the list, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The edit itself.
    pub fn edit(&self) -> &Edit {
        &self.edit
    }

    /// Takes the text of features and items that are gone out of it.
    pub(crate) fn drop_text(&mut self, lost: &BTreeSet<FeatureKey>, gone: &BTreeSet<ItemId>) {
        for keys in self.anchors.values_mut() {
            keys.retain(|key| !lost.contains(key));
        }
        self.anchors.retain(|_, keys| !keys.is_empty());
        match &mut self.edit {
            Edit::Split { features, .. } => features.retain(|key| !lost.contains(key)),
            Edit::Path { item, steps } if gone.contains(item) => steps.clear(),
            Edit::Path { steps, .. } => steps.retain(|step| !lost.contains(&step.feature)),
            Edit::Rename { label, .. } if lost.iter().any(|key| fold(label).contains(key.as_str())) => label.clear(),
            _ => {}
        }
    }
}

/// The edits that hold: those that no later edit that holds takes back.
pub(crate) fn in_force(records: &[EditRecord]) -> Vec<&EditRecord> {
    let mut undone: BTreeSet<u32> = BTreeSet::new();
    for record in records.iter().rev() {
        if undone.contains(&record.number) {
            continue;
        }
        match record.edit {
            Edit::Undo { edit } => {
                undone.insert(edit);
            }
            Edit::Rollback { snapshot } => {
                undone.extend(
                    records.iter().filter(|r| r.number < record.number && r.after >= snapshot).map(|r| r.number),
                );
            }
            _ => {}
        }
    }
    let says = |record: &&EditRecord| !matches!(record.edit, Edit::Undo { .. } | Edit::Rollback { .. });
    records.iter().filter(|record| !undone.contains(&record.number)).filter(says).collect()
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("kind", &self.kind()).field("factors", &self.factors()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for EditedStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EditedStep").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for EditRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EditRecord").field("number", &self.number).field("edit", &self.edit).finish_non_exhaustive()
    }
}
