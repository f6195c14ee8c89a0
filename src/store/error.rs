//! The error of stores.

use std::io;

use crate::data::{DataError, UserId};
use crate::llm::BoxError;

/// Why a store did not do what was asked. Names users by id; no text of a user is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store holds another version of this user's model than the one expected, or none any more. Load it again and
    /// decide; nothing was changed.
    #[error("the stored user model is another one than was expected")]
    Conflict,
    /// The stored model of this user is not the one that was saved.
    #[error("the stored user model of {user} is damaged: {problem}")]
    Corrupt {
        /// Whose.
        user: UserId,
        /// The problem.
        problem: &'static str,
    },
    /// The saved model of this user cannot be read by this version of the crate.
    #[error("the stored user model of {user} cannot be used")]
    Model {
        /// Whose.
        user: UserId,
        /// Why.
        source: Box<DataError>,
    },
    /// The store as a whole is damaged.
    #[error("the store is damaged")]
    Damaged {
        /// The cause.
        source: BoxError,
    },
    /// The file is something else than a store. It was left as it is.
    #[error("the file is no store of user models")]
    NotAStore,
    /// The store was written by a later version of this crate. It was left as it is.
    #[error("the store has format version {found}; this version of the crate reads up to {known}")]
    FutureVersion {
        /// The store's version.
        found: u64,
        /// The latest version this crate reads.
        known: u64,
    },
    /// Another process, or another opening in this one, has the store open.
    #[error(
        "the store is in use by another process or another opening; share a clone of that opening or wait for its end"
    )]
    InUse,
    /// The store's file has more than one name (hard links). Written anew under one, to erase, it would stay as it was under the
    /// others. Nothing was changed.
    #[error("the store's file has {names} names (hard links); remove the others, or give the store a copy of its own")]
    ManyNames {
        /// How many.
        names: u64,
    },
    /// The store's file was renamed, replaced or removed while it is open, so that a rewrite would leave it as it is. Nothing
    /// was changed.
    #[error(
        "the store's file was moved or removed while it is open; close the store and open it again where it is now"
    )]
    Moved,
    /// There is no room left.
    #[error("the store has no room left")]
    Full {
        /// The cause.
        source: BoxError,
    },
    /// Trying again may help: a connection that was lost, a time-out.
    #[error("the store failed for now")]
    Transient {
        /// The cause; it must not hold the user's text if the host logs it.
        source: BoxError,
    },
    /// Trying again cannot help.
    #[error("the store failed")]
    Permanent {
        /// The cause; it must not hold the user's text if the host logs it.
        source: BoxError,
    },
}

impl StoreError {
    /// A failure that may pass.
    pub fn transient(source: impl Into<BoxError>) -> Self {
        Self::Transient { source: source.into() }
    }

    /// A failure that stays.
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self::Permanent { source: source.into() }
    }

    /// True when the same call may succeed later. A conflict is not of these: what it was based on is gone.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::InUse | Self::Full { .. } | Self::Transient { .. })
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, Interrupted, QuotaExceeded, StorageFull, TimedOut, WouldBlock};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full { source: error.into() },
            Interrupted | TimedOut | WouldBlock => Self::transient(error),
            _ => Self::permanent(error),
        }
    }
}
