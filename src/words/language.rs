//! The languages whose words are known: their stems, stop words and light words.

use std::collections::HashSet;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use serde::{Deserialize, Serialize};

use super::{each_word, is_negation, is_stop_word, stem};

/// The language by which inflected words are one and by which words say nothing.
///
/// It is that of a whole history, never of one text: as a [task](crate::Task::in_language) says, else German where words that
/// only German has occur at least half as often as there are interactions, else English. Texts of another language are read as
/// English ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Language {
    /// English, and any other.
    #[default]
    English,
    /// German.
    German,
}

static ENGLISH: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("light_english.txt").lines().collect());
static GERMAN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("light_german.txt").lines().collect());

static WEAK_ENGLISH: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("weak_english.txt").lines().collect());
static WEAK_GERMAN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("weak_german.txt").lines().collect());

/// Words that are frequent in German, and are none of English, Dutch, a Scandinavian or a Romance language.
const GERMAN_ONLY: [&str; 16] = [
    "aber", "auch", "auf", "dass", "eine", "einen", "für", "ich", "ist", "nicht", "oder", "sich", "sind", "soll",
    "und", "wird",
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

    /// True for a word that tells nothing by itself, though it may beside another: shell nouns such as "situation" and
    /// "measures" (Schmid 2000), general praise and blame, verbs such as "work" and "erhalten". Nothing is called by it alone.
    pub(crate) fn is_weak(self, word: &str) -> bool {
        match self {
            Self::English => WEAK_ENGLISH.contains(word) || is_adverb(word),
            Self::German => WEAK_GERMAN.contains(word),
        }
    }

    /// True for a word that tells that a text is German.
    pub(crate) fn is_german_sign(word: &str) -> bool {
        GERMAN_ONLY.contains(&word)
    }

    /// The language of texts with so many [signs](Self::is_german_sign) of German in all.
    pub(crate) fn of_signs(german: usize, texts: usize) -> Self {
        if 2 * german >= texts.max(1) { Self::German } else { Self::English }
    }

    /// The signs of German in a text.
    pub(crate) fn signs_in(text: &str, scratch: &mut String) -> usize {
        let mut signs = 0;
        each_word(text, scratch, |word| signs += usize::from(Self::is_german_sign(word)));
        signs
    }

    /// The stem of a word, which its inflected forms share.
    pub(crate) fn stem(self, word: &str) -> String {
        match self {
            Self::English => stem(word),
            // What is negated in German is so by many words.
            Self::German if is_negation(word) => "not".to_owned(),
            Self::German if word.chars().nth(3).is_some() => Stemmer::create(Algorithm::German).stem(word).into_owned(),
            Self::German => word.to_owned(),
        }
    }

    /// True for a word that carries no meaning by itself. Negations are not among them.
    pub(crate) fn is_stop_word(self, word: &str) -> bool {
        match self {
            Self::English => is_stop_word(word),
            Self::German => GERMAN.contains(word) && !is_negation(word),
        }
    }

    /// True for English, the default, which files leave out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// True for an English adverb such as "moderately".
fn is_adverb(word: &str) -> bool {
    const OTHERS: [&str; 32] = [
        "ally",
        "anomaly",
        "assembly",
        "belly",
        "beverly",
        "bully",
        "butterfly",
        "daily",
        "elderly",
        "emily",
        "family",
        "firefly",
        "folly",
        "friendly",
        "homily",
        "italy",
        "jelly",
        "kelly",
        "lonely",
        "melancholy",
        "molly",
        "monopoly",
        "monthly",
        "philly",
        "rally",
        "reply",
        "sally",
        "silly",
        "supply",
        "tally",
        "ugly",
        "weekly",
    ];
    word.len() > 4 && word.ends_with("ly") && !OTHERS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_say_each_word_once() {
        let lists = [
            include_str!("light_english.txt"),
            include_str!("light_german.txt"),
            include_str!("weak_english.txt"),
            include_str!("weak_german.txt"),
        ];
        for list in lists {
            let words: Vec<&str> = list.lines().collect();
            assert!(words.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn inflected_words_share_a_stem_in_their_language() {
        let same = |language: Language, words: &[&str]| {
            let stems: HashSet<String> = words.iter().map(|word| language.stem(word)).collect();
            assert_eq!(stems.len(), 1, "{stems:?}");
        };
        same(Language::German, &["Steuer", "Steuern"].map(str::to_lowercase).each_ref().map(String::as_str));
        same(Language::German, &["häuser", "hauses", "haus"]);
        same(Language::German, &["mitgliedstaat", "mitgliedstaaten"]);
        same(Language::English, &["chase", "chases"]);
    }

    #[test]
    fn a_history_is_german_by_the_words_that_only_german_has() {
        let signs = |text| Language::signs_in(text, &mut String::new());
        assert_eq!(Language::of_signs(signs("Die Steuer soll steigen, und das ist gut."), 2), Language::German);
        assert_eq!(Language::of_signs(signs("The die is cast; an und for sich."), 5), Language::English);
        assert_eq!(signs("Des Alpes, der danske sang, das casas; werden we, im mit."), 0);
        assert_eq!(Language::of_signs(0, 0), Language::English);
    }

    #[test]
    fn no_stop_word_is_a_negation_and_german_has_one_stem_for_all_of_them() {
        for word in GERMAN.iter().chain(ENGLISH.iter()).filter(|word| is_negation(word)) {
            assert!(!Language::English.is_stop_word(word) && !Language::German.is_stop_word(word), "{word}");
        }
        assert_eq!((Language::German.stem("keine"), Language::German.stem("ohne")), ("not".into(), "not".into()));
    }

    #[test]
    fn a_word_is_light_in_its_language_only() {
        assert!(Language::German.is_light("war") && !Language::English.is_light("war"));
        assert!(Language::English.is_weak("situation") && !Language::English.is_weak("disarmament"));
        assert!(Language::English.is_weak("moderately") && !Language::English.is_weak("family"));
        assert!(Language::English.is_light("however") && !Language::English.is_light("harbour"));
    }
}
