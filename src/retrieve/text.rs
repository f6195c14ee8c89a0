use crate::data::MemoryItem;

use super::RetrievalRequest;

/// What an interaction's features say, once per different piece.
pub(super) fn feature_text(item: &MemoryItem) -> String {
    let mut pieces: Vec<&str> = Vec::new();
    for feature in item.features() {
        for piece in [feature.name(), feature.context(item.query())] {
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
    }
    pieces.join("\n")
}

/// What a query's features say; the query itself when it has none.
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
