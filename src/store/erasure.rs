//! Whether a store's bytes still hold what was deleted or overwritten.

use std::fmt;

/// What became of the bytes of all that was deleted from a store, or overwritten in it, from [`UserModelStore::erase`](super::UserModelStore::erase).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Erasure {
    /// They are in nothing that the store keeps: no file of it, none beside it.
    Erased {
        /// How that was done, for a receipt.
        how: String,
    },
    /// They may still be there.
    Left {
        /// Why, for a receipt.
        why: String,
        /// What to call or to do, for a receipt.
        to_do: String,
    },
}

impl Erasure {
    /// They are gone, in this way.
    pub fn erased(how: impl Into<String>) -> Self {
        Self::Erased { how: how.into() }
    }

    /// They may be there, for this reason, and this is to be done.
    pub fn left(why: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self::Left { why: why.into(), to_do: to_do.into() }
    }

    /// True when they are gone.
    pub fn is_erased(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }
}

impl fmt::Display for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased { how } => write!(f, "erased: {how}"),
            Self::Left { why, to_do } => write!(f, "not erased ({why}); to do: {to_do}"),
        }
    }
}
