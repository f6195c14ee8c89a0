//! What can be wrong with rows, and with what a statement gives.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use rpm_core::stats::population::PopulationError;
use rpm_core::{DataError, Error};

/// A function cannot use its rows, or a population cannot be fitted from them. No text of a user is in it.
///
/// A statement wraps it into [`DataFusionError::External`]; from a cluster it comes back as text.
#[derive(Error)]
#[non_exhaustive]
pub enum BulkError {
    /// A row of an interaction lacks a column.
    #[error("an interaction of the user {user} has no {column}: NULL can stand for a time and for options alone")]
    Missing {
        /// The user.
        user: String,
        /// The column.
        column: &'static str,
    },
    /// A group has the interactions of several users.
    #[error(
        "interactions of several users are in one group, of {user} among others: add GROUP BY of the user's column"
    )]
    SeveralUsers {
        /// One of them.
        user: String,
    },
    /// An interaction cannot be used.
    #[error("the interaction {item} of the user {user} cannot be used")]
    Interaction {
        /// The user.
        user: String,
        /// The interaction's id.
        item: String,
        /// Why.
        source: DataError,
    },
    /// A user's interactions are not a history of the task.
    #[error("the user {user} cannot be learned")]
    History {
        /// The user.
        user: String,
        /// Why, with the interaction's id.
        source: DataError,
    },
    /// A user cannot be learned.
    #[error("the user {user} cannot be learned")]
    Learn {
        /// The user.
        user: String,
        /// Why.
        source: Box<Error>,
    },
    /// A model that cannot be read.
    #[error("a model cannot be read, of {bytes} bytes")]
    Model {
        /// How long its file is.
        bytes: usize,
        /// Why.
        source: DataError,
    },
    /// A model of another task than the function's.
    #[error("the model of the user {user} is of another task than the function's")]
    OtherTask {
        /// The user.
        user: String,
    },
    /// A part is neither a census nor counts.
    #[error("a part of {bytes} bytes is neither a census nor counts: give what rpm_census or rpm_counts gave")]
    NoPart {
        /// How long it is.
        bytes: usize,
    },
    /// Files that are bytes and not UTF-8.
    #[error("a file of {bytes} bytes is not UTF-8")]
    NotText {
        /// How long it is.
        bytes: usize,
    },
    /// A sum cannot be made, or be merged with another.
    #[error(transparent)]
    Population(#[from] PopulationError),
    /// A statement gave something else than what it was for.
    #[error("a statement gave {0}")]
    Result(&'static str),
    /// What a function is bound to cannot be read: it was sent by another version.
    #[error("the function {name} comes from another version of this crate: use the same one in all processes")]
    OtherVersion {
        /// The function.
        name: String,
    },
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[from] Box<DataFusionError>),
}

impl BulkError {
    /// The error with all that is behind it.
    pub(crate) fn said(&self) -> String {
        let (mut said, mut behind) = (self.to_string(), self.source());
        while let Some(error) = behind {
            said = format!("{said}: {error}");
            behind = error.source();
        }
        said
    }
}

/// What it says, with all that is behind it: a cluster shows errors this way.
impl fmt::Debug for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BulkError({})", self.said())
    }
}

impl From<DataFusionError> for BulkError {
    /// What this crate's functions found wrong comes out as it was.
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(found) => *found,
                Err(inner) => Self::Statement(Box::new(DataFusionError::External(inner))),
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => (*inner).into(),
            DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
                Ok(inner) => inner.into(),
                Err(inner) => Self::Statement(Box::new(DataFusionError::Shared(inner))),
            },
            DataFusionError::ArrowError(inner, trace) => match *inner {
                ArrowError::ExternalError(inner) => DataFusionError::External(inner).into(),
                inner => Self::Statement(Box::new(DataFusionError::ArrowError(Box::new(inner), trace))),
            },
            other => Self::Statement(Box::new(other)),
        }
    }
}

impl From<BulkError> for DataFusionError {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::Statement(inner) => *inner,
            error => Self::External(Box::new(error)),
        }
    }
}
