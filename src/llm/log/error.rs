//! The errors of opening or changing a response log.

use crate::container::DamagedFile;

/// A response log that could not be opened or changed. Holds no text of a user and no path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file could not be read or written.
    #[error("the log's file could not be read or written")]
    Io(#[from] std::io::Error),
    /// The file is something else, its header is damaged, or a newer version of this crate wrote it. It was left as it is.
    #[error("the log's file cannot be used")]
    Damaged(#[from] DamagedFile),
    /// Another opening of the same file, in this process or another one, is in use.
    #[error(
        "the log is already open, in this process or in another; share a clone of that opening or wait for its end"
    )]
    InUse,
    /// The file has more than one name (hard links). Written anew under one, to erase, it would stay as it was under the others.
    /// Nothing was changed.
    #[error("the log's file has {names} names (hard links); remove the others, or give the log a copy of its own")]
    ManyNames {
        /// How many.
        names: u64,
    },
    /// The file was renamed, replaced or removed while it is open, so that a rewrite would leave it as it is. Nothing was changed.
    #[error("the log's file was moved or removed while it is open; close the log and open it again where it is now")]
    Moved,
}
