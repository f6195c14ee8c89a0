use std::ops::Range;

use crate::data::{AssignedFeature, FactorId, Feature, Query, Span};
use crate::words::{Token, tokens};

/// Takes one factor after another out of a query.
pub(crate) struct Removal<'a> {
    query: &'a Query,
    features: &'a [AssignedFeature],
    words: Vec<Token>,
}

/// A query without one factor's words.
pub(crate) struct Without {
    pub(crate) query: Query,
    gone: FactorId,
    pieces: Vec<Piece>,
}

/// Bytes of the old text that stand at `at` in the new one.
struct Piece {
    old: Range<usize>,
    at: usize,
}

impl<'a> Removal<'a> {
    /// `features` are all that were found in the query.
    pub(crate) fn new(query: &'a Query, features: &'a [AssignedFeature]) -> Self {
        Self { query, features, words: tokens(query.text()) }
    }

    /// The query without the words in which the factor's features were seen; `None` when no letter or digit would be left,
    /// or when the factor has no feature in the query.
    pub(crate) fn without(&self, factor: &FactorId) -> Option<Without> {
        let own = self.features.iter().filter(|assigned| assigned.factor.as_ref() == Some(factor));
        let mut spans: Vec<Range<usize>> = Vec::new();
        for assigned in own {
            let span = assigned.feature.span();
            spans.push(span.start..span.end);
            self.repeats(span, factor, &mut spans);
        }
        if spans.is_empty() {
            return None;
        }
        spans.sort_unstable_by_key(|span| (span.start, span.end));
        let (text, pieces) = cut(self.query.text(), &spans);
        if !says(&text) {
            return None;
        }
        let query = Query::with_options(text, self.query.options().iter().cloned()).ok()?;
        Some(Without { query, gone: factor.clone(), pieces })
    }

    /// Where else the same words stand, but for places in which a feature of another factor was seen.
    fn repeats(&self, span: Span, factor: &FactorId, spans: &mut Vec<Range<usize>>) {
        let first = self.words.partition_point(|word| word.end <= span.start);
        let last = self.words.partition_point(|word| word.start < span.end);
        let Some(seen) = self.words.get(first..last).filter(|seen| !seen.is_empty()) else { return };
        for same in self.words.windows(seen.len()) {
            let (Some(head), Some(tail)) = (same.first(), same.last()) else { continue };
            let place = Span { start: head.start, end: tail.end };
            let others =
                |f: &AssignedFeature| f.feature.span() == place && f.factor.as_ref().is_some_and(|own| own != factor);
            let alike = same.iter().zip(seen).all(|(a, b)| a.word == b.word);
            if alike && (place.start >= span.end || place.end <= span.start) && !self.features.iter().any(others) {
                spans.push(place.start..place.end);
            }
        }
    }
}

impl Without {
    /// What is left of features that were found in the query: those of the factor are gone, and so are those of which no
    /// letter or digit is left; the others have the words that are left.
    pub(crate) fn left(&self, features: &[AssignedFeature]) -> Vec<AssignedFeature> {
        let kept = features.iter().filter(|assigned| assigned.factor.as_ref() != Some(&self.gone));
        kept.filter_map(|assigned| {
            let feature = self.moved(&assigned.feature)?;
            Some(AssignedFeature { feature, factor: assigned.factor.clone() })
        })
        .collect()
    }

    fn moved(&self, feature: &Feature) -> Option<Feature> {
        let span = feature.span();
        let parts = self.pieces.iter().filter_map(|piece| {
            let (start, end) = (piece.old.start.max(span.start), piece.old.end.min(span.end));
            (start < end).then(|| (piece.at + start - piece.old.start, piece.at + end - piece.old.start))
        });
        let (start, end) = parts.reduce(|whole, part| (whole.0, part.1))?;
        let words = self.query.text().get(start..end)?;
        if !says(words) {
            return None;
        }
        let start = start + words.len() - words.trim_start().len();
        let end = start + words.trim().len();
        let mut moved = Feature::new(&self.query, feature.name(), Span { start, end }).ok()?;
        if let Some(valence) = feature.valence() {
            moved = moved.with_valence(valence);
        }
        Some(match feature.judgement() {
            Some(judgement) => moved.judged(judgement),
            None => moved,
        })
    }
}

fn says(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// The text without these spans, in order, and where the rest came from. White space is closed: none doubles, none is left
/// at an end or before a mark that closes.
fn cut(text: &str, spans: &[Range<usize>]) -> (String, Vec<Piece>) {
    let mut left = String::with_capacity(text.len());
    let mut pieces: Vec<Piece> = Vec::new();
    let mut from = 0;
    for (end, next) in spans.iter().map(|span| (span.start, span.end)).chain([(text.len(), text.len())]) {
        if let Some(piece) = text.get(from..end).filter(|piece| !piece.is_empty()) {
            if !pieces.is_empty() && piece.trim_start().starts_with([',', '.', ';', ':', '!', '?', ')']) {
                shorten(&mut left, &mut pieces);
            }
            let open = pieces.is_empty() || left.is_empty() || left.ends_with(char::is_whitespace);
            let tight = open || piece.trim_start().starts_with([',', '.', ';', ':', '!', '?', ')']);
            let start = if tight { end - piece.trim_start().len() } else { from };
            if let Some(kept) = text.get(start..end).filter(|kept| !kept.is_empty()) {
                pieces.push(Piece { old: start..end, at: left.len() });
                left.push_str(kept);
            }
        }
        from = from.max(next);
    }
    shorten(&mut left, &mut pieces);
    (left, pieces)
}

/// Takes white space off the end.
fn shorten(left: &mut String, pieces: &mut [Piece]) {
    left.truncate(left.trim_end().len());
    for piece in pieces.iter_mut().rev().take_while(|piece| piece.at + piece.old.len() > left.len()) {
        piece.old.end = piece.old.start + left.len().saturating_sub(piece.at);
    }
}
