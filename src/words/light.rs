//! Light words: those that name nothing by themselves.

use std::collections::HashSet;
use std::sync::LazyLock;

/// A language whose light words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// English, and any other.
    #[default]
    English,
    /// German.
    German,
}

static ENGLISH: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("light_english.txt").lines().collect());
static GERMAN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("light_german.txt").lines().collect());

/// Words that are frequent in German and in no other language that is written like it.
const GERMAN_ONLY: [&str; 16] = [
    "auf", "das", "der", "des", "eine", "für", "im", "ist", "mit", "nicht", "sich", "soll", "und", "von", "werden",
    "zu",
];

impl Language {
    /// True for a word that names nothing by itself: articles, pronouns, auxiliaries, adverbs of degree and time, verbs
    /// such as "make" and "get".
    pub(crate) fn is_light(self, word: &str) -> bool {
        match self {
            Self::English => ENGLISH.contains(word),
            Self::German => GERMAN.contains(word),
        }
    }

    /// True for a word that tells that a text is German.
    pub(crate) fn is_german_sign(word: &str) -> bool {
        GERMAN_ONLY.contains(&word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_say_each_word_once() {
        for list in [include_str!("light_english.txt"), include_str!("light_german.txt")] {
            let words: Vec<&str> = list.lines().collect();
            assert!(words.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn a_word_is_light_in_its_language_only() {
        assert!(Language::German.is_light("war") && !Language::English.is_light("war"));
        assert!(Language::English.is_light("however") && !Language::English.is_light("harbour"));
    }
}
