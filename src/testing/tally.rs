//! The count of checks, with those that failed.

use super::error::ConformanceError;

/// The checks made so far, and a line for each that failed.
#[derive(Default)]
pub(super) struct Tally {
    checks: usize,
    failed: Vec<String>,
}

impl Tally {
    /// Counts a check.
    pub(super) fn check(&mut self, name: &str, passed: bool) {
        self.checks += 1;
        if !passed {
            self.failed.push(format!("- {name}"));
        }
    }

    /// The number of checks, if all passed.
    pub(super) fn result(self) -> Result<usize, ConformanceError> {
        match self.failed {
            failed if failed.is_empty() => Ok(self.checks),
            failed => Err(ConformanceError::Broken { checks: self.checks, failed }),
        }
    }
}
