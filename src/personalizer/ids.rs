//! Ids for interactions that come without.

use sha2::{Digest as _, Sha256};

use crate::data::{Query, hex};

/// An id that no interaction of the user has: it begins with the model's revision, which grows with each change and so puts
/// interactions in the order in which they were recorded, and ends with what is recorded, so that two writers at one revision do not
/// make the same id of two interactions.
pub(super) fn made(revision: u64, query: &Query, response: &str) -> String {
    let mut content = Sha256::new();
    for part in [query.text(), response].into_iter().chain(query.options().iter().map(String::as_str)) {
        content.update((part.len() as u64).to_le_bytes());
        content.update(part);
    }
    let mark = hex(&content.finalize());
    format!("{revision:010}-{}", mark.get(..12).unwrap_or(&mark))
}
