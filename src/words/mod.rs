//! Words of a text, for extraction, similarity and retrieval alike.

mod cut;
mod language;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use crate::data::text::fold;

pub(crate) use cut::{Cut, has_words};
pub use language::Language;

/// One word of a text.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Case and width folded.
    pub(crate) word: String,
    /// Its bytes in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// It begins a clause: the first word, or one after punctuation.
    pub(crate) opens: bool,
}

/// The words of a text by Unicode's rules (UAX 29), folded; punctuation and white space only separate.
///
/// ASCII, which is nearly all of English, is scanned byte by byte.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let (mut tokens, mut opens, mut at) = (Vec::with_capacity(text.len() / 6 + 1), true, 0);
    for piece in pieces(text) {
        if piece.is_ascii() {
            ascii_tokens(piece, at, &mut opens, &mut tokens);
        } else {
            table_tokens(piece, at, &mut opens, &mut tokens);
        }
        at += piece.len();
    }
    tokens
}

/// Parts a text where it can be read piece by piece, so that of one in ASCII but for a few words only these need tables.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let (ascii, mut rest) = (text.is_ascii(), text);
    std::iter::from_fn(move || {
        // No rule of UAX 29 joins words over ASCII white space, unless what follows is a mark that goes with it.
        let bytes = rest.as_bytes();
        let begins = |next: &u8| next.is_ascii() && !next.is_ascii_whitespace();
        let ends = |(b, next): (&u8, &u8)| b.is_ascii_whitespace() && begins(next);
        let end = if ascii { None } else { bytes.iter().zip(bytes.iter().skip(1)).position(ends) };
        let (piece, later) = rest.split_at_checked(end.map_or(rest.len(), |at| at + 1)).unwrap_or((rest, ""));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

fn table_tokens(text: &str, at: usize, opens: &mut bool, tokens: &mut Vec<Token>) {
    for (start, piece) in text.split_word_bound_indices() {
        let word = fold(piece).replace('’', "'");
        if word.chars().any(char::is_alphanumeric) {
            let start = at + start;
            tokens.push(Token { word, start, end: start + piece.len(), opens: std::mem::take(opens) });
        } else {
            let joins = matches!(piece, "-" | "'" | "’");
            *opens |= piece.contains('\n') || !(joins || piece.trim().is_empty());
        }
    }
}

fn ascii_tokens(text: &str, at: usize, opens: &mut bool, tokens: &mut Vec<Token>) {
    let opening = |byte: &u8| *byte == b'\n' || !(char::from(*byte).is_whitespace() || matches!(byte, b'-' | b'\''));
    let between = |from: usize, to: usize| text.as_bytes().get(from..to).is_some_and(|bytes| bytes.iter().any(opening));
    let mut from = 0;
    each_ascii_span(text.as_bytes(), |start, end| {
        let word = text.get(start..end).unwrap_or_default().to_ascii_lowercase();
        let opens = std::mem::take(opens) | between(from, start);
        tokens.push(Token { word, start: at + start, end: at + end, opens });
        from = end;
    });
    *opens |= between(from, text.len());
}

/// The folded words of [`tokens`] in order, without their places. `scratch` is only room to work in.
pub(crate) fn each_word(text: &str, scratch: &mut String, mut visit: impl FnMut(&str)) {
    for piece in pieces(text) {
        if piece.is_ascii() {
            scratch.clear();
            scratch.push_str(piece);
            scratch.make_ascii_lowercase();
            each_ascii_span(scratch.as_bytes(), |start, end| visit(scratch.get(start..end).unwrap_or_default()));
        } else {
            for token in tokens(piece) {
                visit(&token.word);
            }
        }
    }
}

/// The class of an ASCII character by UAX 29.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Letter,
    Digit,
    /// The underscore, which joins words and numbers.
    Joins,
    /// Goes with letters on both sides.
    MidLetter,
    /// Goes with digits on both sides.
    MidDigit,
    /// Goes with either, the same on both sides.
    Mid,
    Other,
}

impl Kind {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Self::Letter,
            b'0'..=b'9' => Self::Digit,
            b'_' => Self::Joins,
            b':' => Self::MidLetter,
            b',' | b';' => Self::MidDigit,
            b'.' | b'\'' => Self::Mid,
            _ => Self::Other,
        }
    }

    fn in_word(self) -> bool {
        matches!(self, Self::Letter | Self::Digit | Self::Joins)
    }

    /// True if this, between the two, parts no word.
    fn holds(self, before: Self, after: Self) -> bool {
        before == after
            && match before {
                Self::Letter => matches!(self, Self::MidLetter | Self::Mid),
                Self::Digit => matches!(self, Self::MidDigit | Self::Mid),
                _ => false,
            }
    }
}

/// Where the words of ASCII text begin and end.
fn each_ascii_span(bytes: &[u8], mut visit: impl FnMut(usize, usize)) {
    let kind = |at: usize| bytes.get(at).map_or(Kind::Other, |&byte| Kind::of(byte));
    let mut at = 0;
    while at < bytes.len() {
        let mut before = kind(at);
        if !before.in_word() {
            at += 1;
            continue;
        }
        let (start, mut is_word) = (at, before != Kind::Joins);
        loop {
            at += 1;
            let here = kind(at);
            if here.in_word() {
                is_word |= here != Kind::Joins;
                before = here;
            } else if !here.holds(before, kind(at + 1)) {
                break;
            }
        }
        if is_word {
            visit(start, at);
        }
    }
}

/// The stem of an English word; other words are kept as they are.
pub(crate) fn stem(word: &str) -> String {
    if word.is_ascii() && word.len() > 3 {
        Stemmer::create(Algorithm::English).stem(word).into_owned()
    } else {
        word.to_owned()
    }
}

/// True for a word that carries no meaning by itself. Negations are not among them.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// True for a word that turns what follows into its opposite.
pub(crate) fn is_negation(word: &str) -> bool {
    matches!(
        word,
        "not"
            | "no"
            | "never"
            | "nor"
            | "neither"
            | "without"
            | "hardly"
            | "barely"
            | "scarcely"
            | "lacks"
            | "lack"
            | "lacking"
            | "cannot"
            | "nothing"
            | "none"
            | "isnt"
            | "dont"
            // German ones are no English words.
            | "nicht"
            | "nichts"
            | "nie"
            | "niemals"
            | "ohne"
            | "weder"
            | "kaum"
            | "kein"
            | "keine"
            | "keinem"
            | "keinen"
            | "keiner"
            | "keines"
    ) || word.ends_with("n't")
}

/// True where a negation stands one or two words before, in the same clause.
pub(crate) fn is_negated(words: &[Token], at: usize) -> bool {
    let starts = words.get(at).is_some_and(|token| token.opens);
    let before = words.get(at.saturating_sub(2)..at).unwrap_or_default();
    let mut reachable = before.iter().rev().scan(starts, |open, token| {
        if *open {
            return None;
        }
        *open = token.opens;
        Some(token)
    });
    reachable.any(|token| is_negation(&token.word))
}

/// Sorted, for the binary search.
const STOP_WORDS: [&str; 117] = [
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "down",
    "during", "each", "for", "from", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how",
    "i", "i'm", "if", "in", "into", "is", "it", "it's", "its", "itself", "just", "me", "might", "more", "my", "of",
    "off", "on", "once", "one", "only", "or", "other", "our", "out", "over", "own", "same", "she", "should", "since",
    "so", "some", "such", "than", "that", "that's", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "through", "to", "too", "under", "until", "up", "upon", "us", "very", "was", "we", "were", "what", "when",
    "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stop_words_are_sorted_and_keep_no_negation() {
        assert!(STOP_WORDS.is_sorted());
        assert!(!STOP_WORDS.iter().any(|word| is_negation(word)));
    }

    /// The words of a text by the tables alone.
    fn by_tables(text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        table_tokens(text, 0, &mut true, &mut tokens);
        tokens
    }

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, &mut String::new(), |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn scanning_finds_the_words_of_the_tables_in_every_short_text() {
        let alphabet =
            ["a", "B", "7", "_", "'", ".", ",", ":", ";", "-", " ", "\n", "\r", "é", "’", "\u{301}", "\u{93f}"];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            texts = texts.iter().flat_map(|text| alphabet.map(|next| format!("{text}{next}"))).collect();
            for text in &texts {
                assert_eq!(tokens(text), by_tables(text), "{text:?}");
                let expected: Vec<String> = tokens(text).into_iter().map(|token| token.word).collect();
                assert_eq!(words(text), expected, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn scanning_finds_the_words_of_the_tables(text in prop_oneof!["[ -~\n\t]{0,60}", "(\\PC| |[a-z]){0,40}"]) {
            prop_assert_eq!(tokens(&text), by_tables(&text));
            let expected: Vec<String> = tokens(&text).into_iter().map(|token| token.word).collect();
            prop_assert_eq!(words(&text), expected);
        }
    }

    #[test]
    fn words_keep_their_place_and_their_negation() {
        let words: Vec<_> = tokens("I don’t like it; Ｎot good.").into_iter().map(|t| (t.word, t.opens)).collect();
        let expected = [("i", true), ("don't", false), ("like", false), ("it", false), ("not", true), ("good", false)];
        assert_eq!(words, expected.map(|(word, opens)| (word.to_owned(), opens)));
    }
}
