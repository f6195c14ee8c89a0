//! Sorts the names that a model gives: those of something in the text, and others.

use crate::data::{FeatureKey, Span};

use super::ExtractionRequest;

/// Names of a kind of feature. A short quote names the one it is.
const KINDS: [&str; 2] = ["genre", "genres"];

/// True for the name of a kind of feature.
pub(super) fn is_kind(name: &str) -> bool {
    KINDS.contains(&FeatureKey::of(name).as_str())
}

/// True for a name that repeats the request's own words instead of naming something in the text.
pub(super) fn is_echo(name: &str, seen: &ExtractionRequest<'_>) -> bool {
    const ECHOES: [&str; 14] = [
        "feature",
        "features",
        "name",
        "quote",
        "context",
        "text",
        "factor",
        "influence",
        "polarity",
        "rating",
        "response",
        "review",
        "query",
        "string",
    ];
    let key = FeatureKey::of(name);
    let key = key.as_str();
    ECHOES.contains(&key)
        || KINDS.contains(&key)
        || key.chars().filter(|c| c.is_alphabetic()).count() < 2
        || key == FeatureKey::of(seen.task.query_name_str()).as_str()
        || key == FeatureKey::of(seen.task.response_name_str()).as_str()
}

/// The parts of a quote that is a list, by its commas, semicolons and slashes; the whole of one that is not.
pub(super) fn parts(text: &str, quote: &Span) -> Vec<Span> {
    let quoted = text.get(quote.start..quote.end).unwrap_or_default();
    let mut parts = Vec::new();
    let mut start = quote.start;
    for part in quoted.split_inclusive([',', ';', '/']) {
        let bare = part.trim_end_matches([',', ';', '/']).trim();
        if !bare.is_empty() {
            let from = start + part.len() - part.trim_start().len();
            parts.push(Span { start: from, end: from + bare.len() });
        }
        start += part.len();
    }
    parts
}

/// A quote that is short enough to be a name: at most four words.
pub(super) fn short_name(quote: &str) -> Option<String> {
    let words: Vec<&str> = quote.split_whitespace().collect();
    let name = words.join(" ");
    let bare = name.trim_matches(|c: char| !c.is_alphanumeric());
    (words.len() <= 4).then(|| bare.to_owned())
}
