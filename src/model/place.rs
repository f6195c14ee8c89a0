//! The places where removed text may be, and what a forgetting did about each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place where text of a user may be, and what a forgetting did there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Place {
    /// The place.
    pub kind: PlaceKind,
    /// What was done there.
    pub state: PlaceState,
}

/// A kind of place where text of a user may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlaceKind {
    /// The user model, as it is written.
    UserModel,
    /// The retriever's index of the open model, with its vectors.
    Index,
    /// A response log that the pipeline was told of by `forgets_in`; each is a place of its own.
    ResponseLog,
    /// The store that the user model is in.
    Store,
    /// What the host wrote itself: exports, packed models, back-ups, and what a provider keeps.
    Copies,
}

/// What a forgetting did in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlaceState {
    /// What is there was searched for the removed text.
    Searched {
        /// The bytes that were searched. Of none nothing was found, and nothing follows.
        bytes: u64,
        /// The places where a piece was found. Zero, or the removal failed.
        found: usize,
    },
    /// What was there is no more; it was not searched.
    Erased {
        /// How.
        how: String,
    },
    /// Nothing was done: the removed text may be there.
    NotReached {
        /// Why.
        why: String,
        /// What to do about it.
        to_do: String,
    },
}

impl Place {
    pub(crate) fn searched(kind: PlaceKind, bytes: u64, found: usize) -> Self {
        Self { kind, state: PlaceState::Searched { bytes, found } }
    }

    pub(crate) fn erased(kind: PlaceKind, how: impl Into<String>) -> Self {
        Self { kind, state: PlaceState::Erased { how: how.into() } }
    }

    pub(crate) fn not_reached(kind: PlaceKind, why: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { kind, state: PlaceState::NotReached { why: why.into(), to_do: to_do.into() } }
    }

    /// True when the removed text may be there for all that is known.
    pub fn is_open(&self) -> bool {
        match self.state {
            PlaceState::Searched { found, .. } => found > 0,
            PlaceState::Erased { .. } => false,
            PlaceState::NotReached { .. } => true,
        }
    }
}

impl fmt::Display for PlaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserModel => "user model",
            Self::Index => "index",
            Self::ResponseLog => "response log",
            Self::Store => "store",
            Self::Copies => "copies",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        match &self.state {
            PlaceState::Searched { bytes: 0, .. } => write!(f, "{kind}: not searched, there was nothing to search"),
            PlaceState::Searched { bytes, found } => write!(f, "{kind}: {found} found in {bytes} bytes"),
            PlaceState::Erased { how } => write!(f, "{kind}: erased, not searched ({how})"),
            PlaceState::NotReached { why, to_do } => write!(f, "{kind}: not reached ({why}); to do: {to_do}"),
        }
    }
}
