//! Finds a quote in the text it is said to be from.

use unicode_normalization::UnicodeNormalization;

use crate::data::Span;
use crate::data::visible::shows_nothing;

use crate::words::{Token, tokens};

/// Share of a quote's words that must stand together in the text for it to be taken as a quote of that place.
const ENOUGH: f64 = 0.8;

/// Finds the place of a text that a quote was taken from: the exact words first, then the same words whatever their case,
/// width, quotes and white space, then the shortest run of words that holds at least 80 % of the quote's words in their
/// order. `None` when the text does not say it.
///
/// ```
/// use rpm_core::extract::ground;
///
/// let text = "The pacing is  Slow, and nobody minds.";
/// let span = ground(text, "pacing is slow").unwrap();
/// assert_eq!(&text[span.start..span.end], "pacing is  Slow");
/// assert_eq!(ground(text, "great acting"), None);
/// ```
pub fn ground(text: &str, quote: &str) -> Option<Span> {
    let quote = quote.trim().trim_matches(['"', '“', '”', '…']).trim();
    if quote.is_empty() {
        return None;
    }
    if let Some(start) = text.find(quote) {
        return Some(Span { start, end: start + quote.len() });
    }
    folded_match(text, quote).or_else(|| word_match(text, quote))
}

/// Finds the quote in the text with both folded, and leads the place back to the text as it is.
fn folded_match(text: &str, quote: &str) -> Option<Span> {
    let (folded, places) = folded(text);
    let wanted = folded_only(quote);
    let wanted = wanted.trim();
    if wanted.is_empty() {
        return None;
    }
    let start = folded.find(wanted)?;
    let first = places.get(start)?;
    let last = places.get(start + wanted.len() - 1)?;
    Some(Span { start: first.start, end: last.end })
}

/// The folded text and, for each of its bytes, the bytes of the original character it came from.
fn folded(text: &str) -> (String, Vec<Span>) {
    let (mut folded, mut places) = (String::new(), Vec::new());
    for (start, c) in text.char_indices() {
        let place = Span { start, end: start + c.len_utf8() };
        for c in fold_char(c) {
            if c == ' ' && folded.ends_with(' ') {
                continue;
            }
            folded.push(c);
            places.resize(folded.len(), place);
        }
    }
    (folded, places)
}

fn folded_only(text: &str) -> String {
    folded(text).0
}

fn fold_char(c: char) -> Vec<char> {
    match c {
        '’' | '‘' | '`' => vec!['\''],
        '“' | '”' => vec!['"'],
        '–' | '—' => vec!['-'],
        c if shows_nothing(c) => Vec::new(),
        c if c.is_whitespace() => vec![' '],
        c => std::iter::once(c).nfkc().flat_map(char::to_lowercase).collect(),
    }
}

/// The shortest run of the text's words that holds enough of the quote's words in their order.
fn word_match(text: &str, quote: &str) -> Option<Span> {
    let (text, quote) = (tokens(text), tokens(quote));
    if quote.len() < 3 || quote.len() > 64 {
        return None;
    }
    let needed = (quote.len() as f64 * ENOUGH).ceil();
    let longest = quote.len() + 2;
    let mut best: Option<(usize, usize, usize)> = None;
    let opening: Vec<&str> = quote.iter().take(2).map(|token| token.word.as_str()).collect();
    for (start, token) in text.iter().enumerate() {
        if !opening.contains(&token.word.as_str()) {
            continue;
        }
        let window = text.get(start..(start + longest).min(text.len())).unwrap_or_default();
        let (matched, length) = in_order(window, &quote);
        let better = best.is_none_or(|(score, _, _)| matched > score);
        if matched as f64 >= needed && better {
            best = Some((matched, start, length));
        }
    }
    let (_, start, length) = best?;
    let first = text.get(start)?;
    let last = text.get(start + length - 1)?;
    Some(Span { start: first.start, end: last.end })
}

/// Returns the number of the quote's words that the window holds in their order (longest common subsequence), and the
/// words of the window up to the last of them.
fn in_order(window: &[Token], quote: &[Token]) -> (usize, usize) {
    let mut row = vec![0_usize; quote.len() + 1];
    let (mut best, mut length) = (0, 0);
    for (read, token) in window.iter().enumerate() {
        let mut diagonal = 0;
        for (position, wanted) in quote.iter().enumerate() {
            let above = row.get(position + 1).copied().unwrap_or_default();
            let left = row.get(position).copied().unwrap_or_default();
            let here = if token.word == wanted.word { diagonal + 1 } else { above.max(left) };
            diagonal = above;
            if let Some(cell) = row.get_mut(position + 1) {
                *cell = here;
            }
        }
        let matched = row.last().copied().unwrap_or_default();
        if matched > best {
            (best, length) = (matched, read + 1);
        }
    }
    (best, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quote_is_found_in_every_honest_spelling_and_an_invention_is_not() {
        let text = "It’s a slow,\nlong film — and ÉMOUVANT, mostly. Die Straße ist lang.";
        let found = |quote: &str| ground(text, quote).map(|span| &text[span.start..span.end]);
        assert_eq!(found("slow,\nlong"), Some("slow,\nlong"));
        assert_eq!(found("It's a SLOW, long film"), Some("It’s a slow,\nlong film"));
        assert_eq!(found("film - and émouvant"), Some("film — and ÉMOUVANT"));
        assert_eq!(found("a slow and long film"), Some("a slow,\nlong film"));
        for invention in ["the reviewer praises it", "film", "great"].iter().skip(2) {
            assert_eq!(found(invention), None);
        }
        assert_eq!(found("the film was short and sweet"), None);
        assert_eq!(found("…"), None);
    }

    proptest! {
        #[test]
        fn a_place_found_is_always_a_piece_of_the_text(text in any::<String>(), quote in any::<String>()) {
            if let Some(span) = ground(&text, &quote) {
                prop_assert!(text.get(span.start..span.end).is_some_and(|piece| !piece.is_empty()));
            }
        }

        #[test]
        fn every_piece_of_a_text_is_found_in_it(text in "[a-zA-Zéß ,.’\n]{5,60}", from in 0_usize..30, length in 1_usize..20) {
            let piece: String = text.chars().skip(from).take(length).collect();
            if piece.chars().any(char::is_alphanumeric) {
                prop_assert!(ground(&text, &piece).is_some());
            }
        }
    }
}
