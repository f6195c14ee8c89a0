//! What all files of populations and of their sums begin with, and how one that cannot be read is told.

use serde::Deserialize;

use super::PopulationError;

/// One form of file.
pub(super) struct Form {
    pub(super) name: &'static str,
    /// The version that is written, and the latest that is read.
    pub(super) version: u32,
    /// The error of a file that is not of this form, with its problem, line and column.
    pub(super) wrong: fn(&'static str, usize, usize) -> PopulationError,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    format_version: u32,
}

impl Form {
    /// Reads what stands in a file whose header is of this form. Its numbers are not checked yet.
    pub(super) fn read<'j, W: Deserialize<'j>>(&self, json: &'j str) -> Result<W, PopulationError> {
        let header: Header = serde_json::from_str(json).map_err(|error| self.unreadable(&error))?;
        if header.format != self.name {
            return Err(self.whole("its format field names another format"));
        }
        if header.format_version == 0 {
            return Err(self.whole("its format version is 0, and versions begin at 1"));
        }
        if header.format_version > self.version {
            return Err(PopulationError::FutureVersion { found: header.format_version, supported: self.version });
        }
        serde_json::from_str(json).map_err(|error| self.unreadable(&error))
    }

    /// The error of a file that is wrong as a whole.
    pub(super) fn whole(&self, problem: &'static str) -> PopulationError {
        (self.wrong)(problem, 0, 0)
    }

    /// The first of these checks that does not hold.
    pub(super) fn check(&self, checks: &[(bool, &'static str)]) -> Result<(), PopulationError> {
        checks.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, problem)| Err(self.whole(problem)))
    }

    /// Keeps the place and the kind of a JSON error.
    fn unreadable(&self, error: &serde_json::Error) -> PopulationError {
        let problem = match error.classify() {
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Eof => "it is cut short",
            serde_json::error::Category::Data => "a field is missing, unknown or not valid",
            serde_json::error::Category::Io => "it could not be read",
        };
        (self.wrong)(problem, error.line(), error.column())
    }
}
