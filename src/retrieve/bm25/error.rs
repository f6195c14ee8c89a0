//! The error of an index of texts.

use crate::container::DamagedFile;

/// Why an index could not be edited or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The index has no such position.
    #[error("position {position} in an index of {len} texts")]
    NoSuchPosition {
        /// The position asked for.
        position: usize,
        /// The number of texts.
        len: usize,
    },
    /// The bytes are no index of this version, or not as they were written; building it from its texts helps.
    #[error("the index cannot be used")]
    Damaged(#[from] DamagedFile),
}
