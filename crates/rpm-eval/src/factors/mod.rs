//! How good the factors are that a pipeline learns: few, readable, of different evidence, true of later items, and what the
//! estimate rests on.
//!
//! ```text
//! Dataset → one user learned → shown, faults, later, fidelity → SetFactors → Markdown, JSON
//! ```
//!
//! A user's factors are learned from the history by a [`Learner`]; the test items are the later data. Within this
//! folder arrows go `table → set → user → learner, shown, faults, fidelity → later, words`.
//!
//! ```
//! use rpm_eval::dataset::{ReadOptions, read};
//! use rpm_eval::factors::{Learner, SetFactors};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/raters");
//! let set = read(folder.as_ref(), None, &ReadOptions::default())?;
//! let factors = pollster::block_on(SetFactors::of(&set, &Learner::default()))?;
//! assert!(factors.shown_coverage <= 1.0 && factors.labels_shown <= 12 * factors.users);
//! # Ok(())
//! # }
//! ```

mod faults;
mod fidelity;
mod later;
mod learner;
mod set;
mod shown;
mod table;
mod user;
mod words;

pub use faults::{FaultCounts, LabelFault};
pub use fidelity::Gain;
pub use later::Later;
pub use learner::Learner;
pub use set::SetFactors;
pub use table::to_markdown;
pub use user::{ShownLabel, UserFactors};
