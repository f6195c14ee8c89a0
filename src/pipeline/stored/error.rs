//! The errors of operations by user id.

use crate::data::UserId;
use crate::operation::Kind;
use crate::pipeline::{Error, Learned};
use crate::store::StoreError;

/// Why an operation by user id failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The store holds no model of this user.
    #[error("no user model of {user} is stored")]
    UnknownUser {
        /// Who.
        user: UserId,
    },
    /// The user was deleted while the operation was under way. Nothing was saved.
    #[error("{user} was deleted while the operation was under way")]
    Deleted {
        /// Who.
        user: UserId,
    },
    /// The user was learned and the model was not saved: the store failed, or, with [`StoreError::Conflict`], the
    /// stored model was changed meanwhile, and saving over it would undo the change.
    #[error("the learned user model of {user} was not saved")]
    NotSaved {
        /// Who.
        user: UserId,
        /// The model that was learned and paid for. To keep it in spite of the change, load what is held and save this
        /// with that version.
        learned: Box<Learned>,
        /// Why.
        source: Box<StoreError>,
    },
    /// Other writers were faster at every attempt.
    #[error("the user model of {user} was changed by others at each of {attempts} attempts")]
    Contended {
        /// Who.
        user: UserId,
        /// The number of attempts.
        attempts: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation itself failed.
    #[error(transparent)]
    Operation(#[from] Error),
}

impl StoredError {
    /// The kind's name in spans and metrics; that of the [operation](Error::kind) where it was what failed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownUser { .. } => "unknown_user",
            Self::Deleted { .. } => "deleted",
            Self::NotSaved { .. } => "not_saved",
            Self::Contended { .. } => "contended",
            Self::Store(_) => "store",
            Self::Operation(error) => error.kind(),
        }
    }

    /// True when trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Contended { .. } => true,
            Self::Store(error) => error.is_transient(),
            Self::NotSaved { source, .. } => source.is_transient(),
            Self::Operation(error) => error.is_transient(),
            Self::UnknownUser { .. } | Self::Deleted { .. } => false,
        }
    }
}

impl Kind for StoredError {
    fn kind(&self) -> &'static str {
        self.kind()
    }
}
