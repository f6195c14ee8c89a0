//! The ids of users, interactions and factors.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::text::hex;
use super::{DataError, limits};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            #[doc = concat!("Checks and keeps a ", $what, " id.")]
            ///
            /// # Errors
            /// [`DataError::BadId`] when it is empty, longer than
            /// [`limits::ID_BYTES`](super::limits::ID_BYTES) or holds a control character.
            pub fn new(id: impl Into<String>) -> Result<Self, DataError> {
                let id = id.into();
                if id.trim().is_empty() || id.len() > limits::ID_BYTES || id.chars().any(char::is_control) {
                    return Err(DataError::BadId { what: $what, position: 0 });
                }
                Ok(Self(id.into_boxed_str()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = DataError;
            fn try_from(id: String) -> Result<Self, DataError> {
                Self::new(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

text_id! {
    /// Whose history it is. Required wherever a user's data is read, so that no call can reach another user's.
    UserId, "user"
}
text_id! {
    /// One interaction of a user's history; unique within it and chosen by the host.
    ItemId, "interaction"
}
text_id! {
    /// One factor of a user. Derived from the factor's oldest feature, so relearning a longer history keeps it.
    FactorId, "factor"
}

impl FactorId {
    /// The id of the factor whose oldest feature has this key, the `attempt`-th choice where one is taken: 32 bits by which ids are in
    /// the order they were always in, and 128 of SHA-256, so that nobody can find two features with one id.
    pub(crate) fn of_anchor(key: &str, attempt: u32) -> Self {
        let digest = Sha256::new().chain_update(attempt.to_le_bytes()).chain_update(key).finalize();
        let digest = hex(digest.get(..DIGEST_BYTES).unwrap_or_default());
        Self(format!("f{:08x}{digest}", folded(key, attempt)).into_boxed_str())
    }

    /// The id of the factor of a catalog whose label has this key. No factor of a user's own has it.
    pub(crate) fn of_catalog(label: &str) -> Self {
        Self(format!("c{:08x}", folded(label, 0)).into_boxed_str())
    }

    /// True for an id as files up to version 4 have it, which two features could share.
    pub(crate) fn is_old(&self) -> bool {
        let digits = self.0.strip_prefix('f');
        digits.is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    }

    /// True when a file up to version 4 may have this factor under that id.
    pub(crate) fn was(&self, old: &Self) -> bool {
        old.is_old() && self.0.len() == old.0.len() + 2 * DIGEST_BYTES && self.0.starts_with(&*old.0)
    }

    /// The first choice that is not taken.
    pub(crate) fn free(key: &str, taken: impl Fn(&Self) -> bool) -> Self {
        let mut attempt = 0;
        loop {
            let id = Self::of_anchor(key, attempt);
            if !taken(&id) {
                return id;
            }
            attempt += 1;
        }
    }
}

/// 128 bits: two that are equal are not found by chance, nor by trying.
const DIGEST_BYTES: usize = 16;

/// 64-bit FNV-1a, folded to 32: stable over processes, platforms and versions, which std's hasher does not promise.
fn folded(key: &str, attempt: u32) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(attempt);
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash >> 32) ^ (hash & 0xffff_ffff)
}
