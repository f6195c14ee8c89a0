//! Holds what the crate reasons about: plain, checked data. Nothing here does I/O or talks to a model.
//!
//! Start with [`Task`], the question and the responses open to it, and [`History`], what a user responded so far. Learning
//! makes a [`UserModel`](crate::UserModel) of them: a [`FactorSet`] and a [`ReasoningMemory`].
//!
//! ```text
//! Task ─┬─ History ── Interaction ── Query
//!       └─ UserModel ─┬─ FactorSet ── Factor ── FactorStats
//!                     └─ ReasoningMemory ── MemoryItem ─┬─ Feature
//!                                                       └─ ReasoningPath
//! ```
//!
//! A value of these types has passed its checks: constructors return a [`DataError`] that names the item.
//!
//! Guides: [the user model's file](crate::guide::user_model), [the words](crate::guide::glossary).

#[macro_use]
mod door;

mod calibration;
mod change;
mod decay;
mod edit;
mod error;
mod factor;
mod factor_set;
mod feature;
mod features;
pub(crate) mod grouping;
mod history;
mod id;
mod item_file;
mod language;
mod memory;
mod path;
mod task;
pub(crate) mod text;
pub(crate) mod visible;

pub use crate::words::Language;
pub(crate) use calibration::UncheckedCalibration;
pub use calibration::{Calibration, Costs, Decision};
pub use change::MemoryChange;
pub use decay::Decay;
pub(crate) use decay::Horizon;
pub use edit::{Edit, EditRecord, EditedStep};
pub(crate) use edit::{MOST_STEPS, in_force, is_boost, is_odd};
pub use error::DataError;
pub(crate) use error::unreadable;
pub(crate) use factor::Standing;
pub use factor::{ESTABLISHED_AFTER, ESTABLISHED_COHESION, Factor, FactorStats, FactorStatus, PolarityCounts, Totals};
pub use factor_set::FactorSet;
pub(crate) use factor_set::UncheckedFactors;
pub use feature::{AssignedFeature, Feature, FeatureKey, Judgement, Polarity, Span};
pub(crate) use features::Reader;
pub use history::{History, Interaction, Query};
pub use id::{FactorId, ItemId, UserId};
pub(crate) use item_file::{UncheckedItem, WrittenItem};
pub use memory::{Exemplar, MemoryItem, ReasoningMemory};
pub use path::{PathError, PathOrigin, PathStep, ReasoningPath};
pub use task::{ResponseSpace, Task};
pub use text::{fold, hex};

/// The sizes beyond which input is refused with a [`DataError`] instead of being cut.
pub mod limits {
    /// Bytes of one query's text: 65,536.
    pub const QUERY_BYTES: usize = 64 * 1024;
    /// Bytes of one response, option or label: 8,192.
    pub const RESPONSE_BYTES: usize = 8 * 1024;
    /// Options of one query, or labels of a task: 256.
    pub const OPTIONS: usize = 256;
    /// Points of an integer scale: 101 (0 to 100 fits).
    pub const SCALE_POINTS: i64 = 101;
    /// Interactions of one history: 1,000,000.
    pub const INTERACTIONS: usize = 1_000_000;
    /// Bytes of an id: 256.
    pub const ID_BYTES: usize = 256;
    /// Bytes of a task's instruction: 16,384.
    pub const INSTRUCTION_BYTES: usize = 16 * 1024;
    /// Features kept of one query: 512. An extractor that finds more keeps the first ones and reports the rest.
    pub const FEATURES: usize = 512;
}
