//! Changes a user model after it was learned: what comes in, what is forgotten, what the user says about it.
//!
//! ```text
//! grouping ┐
//! items    ├─ Partition (which factor each feature is of) ─ arrangement of the edits ─ factors with counts
//! edits    ┘
//! ```
//!
//! A user model is a function of three things: the grouping that a factor model made, the interactions with their features,
//! and the edits in force. Factors, counts and calibration follow from them. So whatever the order of changes, the model is
//! the one that the surviving interactions and edits make, and taking something out leaves what would be there without it.
//! Appending the newest interaction extends what is there; every other change builds it anew, to the same result.

mod arrangement;
mod edits;
mod forget;
mod grow;
mod over_time;
mod partition;
mod probe;
mod propose;
mod receipt;
mod snapshots;
#[cfg(test)]
mod tests;

pub use edits::EditError;
pub use forget::Forget;
pub(crate) use forget::Forgotten;
pub(crate) use grow::{Extent, fitted};
pub(crate) use over_time::Drifts;
pub(crate) use partition::{Growth, Partition};
pub(crate) use probe::Needles;
pub use propose::{MERGE_LIKENESS, MERGE_P, PROPOSE_AFTER, Proposal, SPLIT_P};
pub use receipt::{Probe, Receipt};
