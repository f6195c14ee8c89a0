//! How text becomes words, for extraction, similarity and retrieval alike.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

use crate::data::text::fold;

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut opens = true;
    for (start, piece) in text.split_word_bound_indices() {
        let word = fold(piece).replace('’', "'");
        if word.chars().any(char::is_alphanumeric) {
            tokens.push(Token { word, start, end: start + piece.len(), opens });
            opens = false;
        } else {
            let joins = matches!(piece, "-" | "'" | "’");
            opens |= piece.contains('\n') || !(joins || piece.trim().is_empty());
        }
    }
    tokens
}

/// The stem of an English word; other words are kept as they are.
pub(crate) fn stem(word: &str) -> String {
    if word.is_ascii() && word.len() > 3 {
        Stemmer::create(Algorithm::English).stem(word).into_owned()
    } else {
        word.to_owned()
    }
}

/// Words that say nothing by themselves. Negations are not among them.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Words that turn what follows into its opposite.
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
    ) || word.ends_with("n't")
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

    #[test]
    fn stop_words_are_sorted_and_keep_no_negation() {
        assert!(STOP_WORDS.is_sorted());
        assert!(!STOP_WORDS.iter().any(|word| is_negation(word)));
    }

    #[test]
    fn words_keep_their_place_and_their_negation() {
        let words: Vec<_> = tokens("I don’t like it; Ｎot good.").into_iter().map(|t| (t.word, t.opens)).collect();
        let expected = [("i", true), ("don't", false), ("like", false), ("it", false), ("not", true), ("good", false)];
        assert_eq!(words, expected.map(|(word, opens)| (word.to_owned(), opens)));
    }
}
