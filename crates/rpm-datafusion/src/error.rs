//! What can be wrong with rows, and with what a statement gives.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use rpm_core::stats::population::PopulationError;
use rpm_core::store::StoreError;
use rpm_core::{DataError, Error};

/// A function cannot use its rows, or a population cannot be fitted from them. Users and interactions are named by their ids, and no text of theirs is in
/// it, but for what the engine itself says ([`Statement`](Self::Statement)), which may quote a cell that it could not read or convert.
///
/// A statement wraps it into [`DataFusionError::External`], and `BulkError::from` finds it there; from a cluster it comes back as text.
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum BulkError {
    /// An id that is none: blank, too long, or with control characters. It is not shown, since it may be another column's text.
    #[error(
        "the column {column} has a text of {bytes} bytes that is no id: see that the columns are in the order user, id, query, response"
    )]
    NoId {
        /// The column.
        column: &'static str,
        /// How long it is.
        bytes: usize,
    },
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
        source: Arc<Error>,
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
    /// A part of what was gathered of a user cannot be read.
    #[error(
        "a part of {bytes} bytes of a user's interactions cannot be read: it was damaged on the way, or comes from another version of this crate"
    )]
    Part {
        /// How long it is.
        bytes: usize,
    },
    /// A part is neither a census nor counts.
    #[error("a part of {bytes} bytes is neither a census nor counts: give what rpm_census or rpm_counts gave")]
    NoPart {
        /// How long it is.
        bytes: usize,
    },
    /// A sample is no list of models.
    #[error("a sample of {bytes} bytes is not what rpm_sample gives")]
    NoDrawing {
        /// How long it is.
        bytes: usize,
    },
    /// A model cannot be saved.
    #[error("the model of the user {user} cannot be saved")]
    Save {
        /// The user.
        user: String,
        /// Why.
        source: Arc<StoreError>,
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
    #[error("a statement gave {0}, where one column is to be")]
    Result(&'static str),
    /// What a function is bound to cannot be read: it was sent by another version.
    #[error("the function {name} comes from another version of this crate: use the same one in all processes")]
    OtherVersion {
        /// The function.
        name: String,
    },
    /// The runtime ended while a population was fitted.
    #[error("the runtime ended before the population was fitted")]
    Stopped,
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[source] Arc<DataFusionError>),
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
    /// What this crate's functions found wrong comes out as it was, however the engine wrapped it.
    fn from(error: DataFusionError) -> Self {
        found(&error).unwrap_or_else(|| Self::Statement(Arc::new(error)))
    }
}

/// What a function of this crate found wrong, somewhere in what the engine says.
fn found(error: &DataFusionError) -> Option<BulkError> {
    match error {
        DataFusionError::External(inner) => inside(inner.as_ref()),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => inside(inner.as_ref()),
            _ => None,
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => found(inner),
        DataFusionError::Shared(inner) => found(inner),
        DataFusionError::Collection(all) => all.iter().find_map(found),
        _ => None,
    }
}

fn inside(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<BulkError> {
    let own = error.downcast_ref::<BulkError>().cloned();
    own.or_else(|| error.downcast_ref::<DataFusionError>().and_then(found))
}

impl From<BulkError> for DataFusionError {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::Statement(inner) => Self::Shared(inner),
            error => Self::External(Box::new(error)),
        }
    }
}
