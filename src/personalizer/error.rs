//! The errors of a personalizer.

use crate::data::{DataError, ItemId, UserId};
use crate::llm::Stage;
use crate::pipeline::{Error, StoredError};

/// Why a [`Personalizer`](super::Personalizer) could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersonalizerError {
    /// A user id, query or response that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The interaction was not recorded, since its features could not be found. Record it again.
    #[error("{item} was not recorded, its features could not be found ({}): {reason}; record it again", stage.as_str())]
    NotRecorded {
        /// The id it would have had.
        item: ItemId,
        /// The stage.
        stage: Stage,
        /// Why, without the user's text.
        reason: String,
    },
    /// The interaction was not recorded, since the user had something forgotten while its features were being found. Record it again if
    /// it is to stay.
    #[error("{item} was not recorded, something was forgotten meanwhile; record it again if it is to stay")]
    Overtaken {
        /// The id it would have had.
        item: ItemId,
    },
    /// No factor of the user has this label, feature or id. The profile names them.
    #[error("{user} has no factor of this name; their profile names the factors")]
    UnknownFactor {
        /// The user.
        user: UserId,
    },
    /// The operation failed, or the store did.
    #[error(transparent)]
    Stored(#[from] StoredError),
}

impl PersonalizerError {
    /// True when trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotRecorded { .. } | Self::Overtaken { .. } => true,
            Self::Stored(error) => error.is_transient(),
            Self::Data(_) | Self::UnknownFactor { .. } => false,
        }
    }

    /// The error of an operation, of which that of the data is told as such.
    pub(super) fn of(error: StoredError) -> Self {
        match error {
            StoredError::Operation(Error::Data(error)) => Self::Data(error),
            other => Self::Stored(other),
        }
    }
}
