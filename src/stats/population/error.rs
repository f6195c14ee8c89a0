//! What can be wrong with a population.

use thiserror::Error;

use super::USERS_SUMMED;
use crate::operation::Kind;

/// A population cannot be made, added to, or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// Free text has no responses to count.
    #[error("the task's responses are free text; a population is of labels, of a scale or of options")]
    FreeText,
    /// Noise is for responses that are the same for every query.
    #[error("every query has its own options, and noise is for labels and scales; learn the population without noise")]
    OwnOptions,
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
    /// Together more users than a sum can be of.
    #[error("together these are more users than the {most} that a sum can be of; keep them in several")]
    TooMany {
        /// The most that a sum can be of.
        most: u64,
    },
    /// Sums that no users have, as only a file that was made up can hold.
    #[error("the sums are of no users: there is none whose numbers could be these; count them again")]
    Impossible,
    /// An ε or a δ that noise cannot keep.
    #[error("ε is from 0.01 to 1,000, and δ from 10^-12 to 10^-3")]
    NoPromise,
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
    /// Not a file of a census or of counts.
    #[error("not {what}: {problem} (line {line}, column {column})")]
    NotSums {
        /// What it was read as.
        what: &'static str,
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

/// An error when these are together more users than a sum can be of.
pub(super) fn few_enough(users: u64, more: u64) -> Result<(), PopulationError> {
    let most = USERS_SUMMED;
    if users.saturating_add(more) > most { Err(PopulationError::TooMany { most }) } else { Ok(()) }
}

impl Kind for PopulationError {
    fn kind(&self) -> &'static str {
        match self {
            Self::TooFew { .. } | Self::TooMany { .. } => "users",
            Self::Impossible | Self::NotIn | Self::Other(_) => "sums",
            _ => "input",
        }
    }
}
