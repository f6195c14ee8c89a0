//! Errors of trying the method on a table.

use std::path::PathBuf;

use crate::EvalError;
use crate::method::MethodError;

use super::Unused;

/// Data that cannot be tried. It names files, rows and columns and says what to do; it never holds what stands in a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryError {
    /// A file that is no table of rows under named columns.
    #[error("{}: {problem}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The mistake and its correction.
        problem: String,
    },
    /// A file where a folder for the results is needed.
    #[error("{}: is a file, and --out takes a folder", path.display())]
    Out {
        /// The file.
        path: PathBuf,
    },
    /// A column that is needed and is not there, or could be one of several.
    #[error("{problem}. The columns are: {}. Name it, as in: {command}", columns.join(", "))]
    Column {
        /// Which column, and why it is not known.
        problem: String,
        /// The names of the columns there are.
        columns: Vec<String>,
        /// The command to run, with `COLUMN` for what is left to say.
        command: String,
    },
    /// A table of which no row can be used.
    #[error("none of the {rows} rows can be used. The commonest reason: {reason}")]
    NoRow {
        /// The number of rows.
        rows: usize,
        /// The commonest reason.
        reason: Unused,
    },
    /// Responses that are of no kind that can be answered.
    #[error("column {column:?}: {problem}")]
    Responses {
        /// The column of the responses.
        column: String,
        /// The mistake and its correction.
        problem: String,
    },
    /// Dates that may be of either order.
    #[error(
        "column {column:?}: {rows} dates, the first in row {first_row}, could have the day or the month first: pass \
         --dates day-first or --dates month-first"
    )]
    Dates {
        /// The column of the times.
        column: String,
        /// The number of such dates.
        rows: usize,
        /// The row of the first.
        first_row: usize,
    },
    /// A column of times that was named and cannot be read.
    #[error("column {column:?}: {problem}. Or leave out --time: which queries are asked is then drawn by the seed")]
    Times {
        /// The column of the times.
        column: String,
        /// The row, the cause and its correction.
        problem: String,
    },
    /// Users who all have too few interactions.
    #[error(
        "none of the {users} users has {needed} different queries or more, which it takes to learn from some and to be \
         asked others; the most that one has is {most}. {remedy}"
    )]
    TooFew {
        /// The number of users.
        users: usize,
        /// Interactions that a user must have.
        needed: usize,
        /// Interactions of the user with the most.
        most: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// A part of the harness failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A method failed.
    #[error("a method failed on a history")]
    Method(#[from] MethodError),
    /// A task or query breaks a rule of rpm-core.
    #[error("the task cannot be: {0}")]
    Task(#[from] rpm_core::data::DataError),
}

impl TryError {
    /// True where other data or options would help, false where a file could not be written or a method failed.
    pub fn is_of_input(&self) -> bool {
        !matches!(self, Self::Method(_) | Self::Eval(EvalError::Chart { .. }))
    }
}
