//! The user model, its files, and everything that changes it after it was learned.
//!
//! ```text
//! grouping ┐
//! items    ├─ Partition (which factor each feature is of) ─ arrangement of the edits ─ factors with counts
//! edits    ┘
//! ```
//!
//! A [`UserModel`] is a function of three things: the grouping that a factor model made, the interactions with their
//! features, and the edits in force. Factors, counts and calibration follow from them. So whatever the order of changes, the
//! model is the one that the surviving interactions and edits make, and taking something out leaves what would be there
//! without it. Appending the newest interaction extends what is there; every other change builds it anew, to the same
//! result.
//!
//! Taking in what is new ([`observe`](crate::RpmPipeline::observe)) and taking out what a user takes back
//! ([`forget`](crate::RpmPipeline::forget), with a [`Receipt`]) are the pipeline's; edits ([`edit`](UserModel::edit)),
//! [proposals](UserModel::proposals) and snapshots ([`snapshot`](UserModel::snapshot)) are the model's own.
//! [`UserModel::to_json`] is the portable file; [`PackedModel`] is a model with its indexes as one binary file.
//!
//! Guides: [a user model that lives](crate::guide::living), [the file](crate::guide::user_model).

mod arrangement;
mod catalogued;
mod edits;
mod file;
mod forget;
mod grow;
mod heard;
mod old_ids;
mod over_time;
mod packed;
mod partition;
mod place;
mod preview;
mod probe;
mod propose;
mod reading;
mod receipt;
mod search;
mod snapshots;
mod telling;
#[cfg(test)]
mod tests;
mod user_model;

pub(crate) use catalogued::catalog_groups;
pub use edits::EditError;
pub use file::{FORMAT_NAME, FORMAT_VERSION};
pub use forget::Forget;
pub(crate) use forget::Forgotten;
pub(crate) use grow::{Extent, fitted};
pub(crate) use heard::{Heard, change_between};
pub(crate) use over_time::Drifts;
pub use packed::{PackedError, PackedModel};
pub(crate) use partition::{Growth, Partition};
pub use place::{Place, PlaceKind, PlaceState};
pub use preview::{EditEffect, PREVIEWED};
pub(crate) use probe::Needles;
pub use propose::{MERGE_LIKENESS, MERGE_P, PROPOSE_AFTER, Proposal, SPLIT_P};
pub use receipt::{Probe, Receipt};
pub(crate) use search::Search;
pub use user_model::{Provenance, UserModel};
