//! The text of features, as retrievers compare it.

use std::collections::HashSet;

use crate::data::MemoryItem;

use super::RetrievalRequest;

/// The names and quoted words of an interaction's features, each different one once.
pub(super) fn feature_text(item: &MemoryItem) -> String {
    let features = item.features_once();
    let mut known = HashSet::with_capacity(2 * features.len());
    let mut pieces: Vec<&str> =
        features.iter().flat_map(|feature| [feature.name(), feature.context(item.query())]).collect();
    pieces.retain(|piece| known.insert(*piece));
    pieces.join("\n")
}

/// The names and quoted words of a query's features; the query itself when it has none.
pub(super) fn query_text(request: &RetrievalRequest<'_>) -> String {
    if request.features.is_empty() {
        return request.query.text().to_owned();
    }
    let mut pieces: Vec<&str> = Vec::new();
    for feature in request.features {
        pieces.extend([feature.feature.name(), feature.feature.context(request.query)]);
    }
    pieces.join("\n")
}
