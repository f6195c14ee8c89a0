//! A text without some of its words, and where the rest came from.

use std::ops::Range;

/// The bytes of a text that were left when others were cut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut(Vec<Piece>);

/// Bytes of the old text that stand at `at` in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    old: Range<usize>,
    at: usize,
}

impl Cut {
    /// The text without these spans, in order, and where the rest came from. White space is closed: none doubles, none is
    /// left at an end or before a mark that closes.
    pub(crate) fn new(text: &str, spans: &[Range<usize>]) -> (String, Self) {
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
        (left, Self(pieces))
    }

    /// The bytes of the new text, `left`, that are left of these of the old one; `None` without a letter or digit.
    pub(crate) fn left_of(&self, old: Range<usize>, left: &str) -> Option<Range<usize>> {
        let parts = self.0.iter().filter_map(|piece| {
            let (start, end) = (piece.old.start.max(old.start), piece.old.end.min(old.end));
            (start < end).then(|| (piece.at + start - piece.old.start, piece.at + end - piece.old.start))
        });
        let (start, end) = parts.reduce(|whole, part| (whole.0, part.1))?;
        let words = left.get(start..end)?;
        if !has_words(words) {
            return None;
        }
        let start = start + words.len() - words.trim_start().len();
        Some(start..start + words.trim().len())
    }

    /// The bytes of the old text that these of the new one came from, with what was cut out between them.
    pub(crate) fn came_from(&self, new: Range<usize>) -> Option<Range<usize>> {
        let old = |byte: usize| {
            let piece = self.0.iter().rev().find(|piece| piece.at <= byte)?;
            Some(piece.old.start + byte - piece.at)
        };
        Some(old(new.start)?..old(new.end.checked_sub(1)?)? + 1)
    }
}

/// True for a text with a letter or a digit.
pub(crate) fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Takes white space off the end.
fn shorten(left: &mut String, pieces: &mut [Piece]) {
    left.truncate(left.trim_end().len());
    for piece in pieces.iter_mut().rev().take_while(|piece| piece.at + piece.old.len() > left.len()) {
        piece.old.end = piece.old.start + left.len().saturating_sub(piece.at);
    }
}
