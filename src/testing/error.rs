//! The error of the suites, and what of an error may be printed.

use std::fmt::Write as _;
use std::io;

/// Why a backend or a retriever does not conform.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// Checks failed.
    #[error("{} of {checks} checks failed:\n{}", failed.len(), failed.join("\n"))]
    Broken {
        /// The number of checks that were made.
        checks: usize,
        /// A line for each that failed.
        failed: Vec<String>,
    },
    /// No mock server could be started.
    #[error("no mock server could be started")]
    Server(#[from] io::Error),
    /// The suite's own data was refused.
    #[error("the suite's own data was refused")]
    Data(#[from] crate::data::DataError),
}

/// An error with all its causes, in every way it may be printed.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let _ = write!(text, "{error} {error:?} {error:#?} ");
        next = error.source();
    }
    text
}
