//! The reader of features that a user model leaves out, since they follow from its texts.

use serde::{Deserialize, Serialize};

use crate::data::{DataError, Reader};
use crate::extract::LexicalExtractor;

/// Reads the features that are left out.
pub(super) const READER: Reader = LexicalExtractor::read_all;

/// Says in a file what reads the features that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReaderName {
    name: String,
    /// The rule by which it reads, counted from 1.
    rule: u32,
}

impl ReaderName {
    pub(super) fn current() -> Self {
        Self { name: "lexical".to_owned(), rule: LexicalExtractor::RULE }
    }

    /// True when it reads as it did when the file was written.
    pub(super) fn is_current(&self) -> bool {
        *self == Self::current()
    }

    /// The reader.
    ///
    /// # Errors
    /// [`DataError::NotAUserModel`] for one that this version of the crate does not have.
    pub(super) fn reader(&self) -> Result<Reader, DataError> {
        if self.name == Self::current().name && (1..=LexicalExtractor::RULE).contains(&self.rule) {
            return Ok(READER);
        }
        let problem = "its features are left out, to be read by a reader that is not known";
        Err(DataError::NotAUserModel { problem, line: 0, column: 0 })
    }
}
