//! What can be wrong with a population.

use thiserror::Error;

/// A population cannot be made, added to, or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// Free text has no responses to count.
    #[error("the task's responses are free text; a population is of labels, of a scale or of options")]
    FreeText,
    /// The sums are of another task or population.
    #[error("the sums are of another {0}; count them again under this one")]
    Other(&'static str),
    /// More is taken out than is in.
    #[error("what is taken out is not in the sums; take out what was merged, as it was counted then")]
    NotIn,
    /// Fewer users than must share what is kept.
    #[error(
        "{users} users, and at least {k} must share what a population keeps; count more users or ask for a smaller k"
    )]
    TooFew {
        /// The users counted.
        users: u64,
        /// The number that must share.
        k: usize,
    },
    /// k below 2: it would tell what one user said.
    #[error("k is {0}, and at least 2 users must share what a population keeps")]
    Single(usize),
    /// Not a file of a population.
    #[error("not a population: {problem} (line {line}, column {column})")]
    NotAPopulation {
        /// What is wrong, without anything that the file holds.
        problem: &'static str,
        /// The line, from 1; 0 when it is about the whole.
        line: usize,
        /// The column, from 1; 0 when it is about the whole.
        column: usize,
    },
    /// A later version of the format than this crate knows.
    #[error("the file's format version is {found}, and this crate reads up to {supported}; update rpm-core")]
    FutureVersion {
        /// The file's version.
        found: u32,
        /// The latest that is read.
        supported: u32,
    },
}
