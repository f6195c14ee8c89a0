use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::embed::Embedder;

use super::vectors::Screening;

/// Whether a packed index is of this kind and embedder. What a redaction hook left is looked at when the index is asked for.
pub(super) fn is_own(name: &str, kind: &str, screening: Screening, embedder: &dyn Embedder) -> bool {
    let own = fingerprint(kind, screening, embedder, None::<std::iter::Empty<String>>);
    name.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(REDACTED))
}

/// Stands before the digest of redacted texts.
const REDACTED: &str = " redacted ";

/// Names everything that an index of embedded texts depends on apart from the memory. With a redaction hook that is
/// also the `redacted` texts, since another hook leaves others.
pub(super) fn fingerprint(
    kind: &str,
    screening: Screening,
    embedder: &dyn Embedder,
    redacted: Option<impl Iterator<Item = String>>,
) -> String {
    let mut fingerprint = format!("{kind} {screening:?} {}", embedder.fingerprint());
    if let Some(texts) = redacted {
        let mut hasher = DefaultHasher::new();
        texts.for_each(|text| text.hash(&mut hasher));
        let _ = write!(fingerprint, "{REDACTED}{:x}", hasher.finish());
    }
    fingerprint
}
