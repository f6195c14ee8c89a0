//! Words that praise or blame, graded from −4 to 4: general knowledge of English, made from no one's data.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::words::{Token, is_negation, tokens};

/// The multiplier of the praise or blame that a negation stands before.
const NEGATED: f64 = -0.5;
/// The reach of a negation: the number of words after it.
const REACH: usize = 3;
/// The longest phrase of the list in words.
const LONGEST: usize = 5;

/// What the list says of a word: its own grade, and the longest phrase that it begins.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    alone: Option<f64>,
    longest: usize,
}

struct Lexicon {
    words: HashMap<&'static str, Entry>,
    phrases: HashMap<&'static str, f64>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut lexicon = Lexicon { words: HashMap::new(), phrases: HashMap::new() };
    let entry = |line: &'static str| line.split_once('\t').and_then(|(p, v)| v.trim().parse().ok().map(|v| (p, v)));
    for (phrase, valence) in include_str!("opinion_words.tsv").lines().filter_map(entry) {
        let word = lexicon.words.entry(phrase.split(' ').next().unwrap_or_default()).or_default();
        match phrase.split(' ').count() {
            1 => word.alone = Some(valence),
            length => {
                word.longest = word.longest.max(length);
                lexicon.phrases.insert(phrase, valence);
            }
        }
    }
    lexicon
});

/// Words `first..last` of a text that praise (above 0) or blame (below 0), from −4 to 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Opinion {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) valence: f64,
}

/// The opinions in a text's words, in their order and without overlap: the longest phrases first, then single words,
/// turned by a negation up to three words before and graded by a word such as "very".
pub(super) fn opinions(words: &[Token]) -> Vec<Opinion> {
    let mut taken = vec![false; words.len()];
    let entries: Vec<Entry> = words.iter().map(|token| Entry::of(&token.word)).collect();
    let mut opinions: Vec<Opinion> = Vec::new();
    for length in (1..=LONGEST).rev() {
        for (first, window) in words.windows(length).enumerate() {
            let last = first + length;
            let Some(entry) = entries.get(first) else { continue };
            if taken.get(first..last).is_some_and(|part| part.contains(&true)) {
                continue;
            }
            let Some(valence) = entry.valence(window) else { continue };
            taken.get_mut(first..last).into_iter().flatten().for_each(|word| *word = true);
            opinions.push(turned(words, first, last, valence));
        }
    }
    opinions.sort_by_key(|opinion| opinion.first);
    let turn =
        words.iter().rposition(|token| matches!(token.word.as_str(), "but" | "yet" | "however" | "unfortunately"));
    if let Some(turn) = turn.filter(|&turn| turn > 0) {
        for opinion in &mut opinions {
            opinion.valence *= if opinion.first < turn { 0.6 } else { 1.3 };
        }
    }
    opinions
}

impl Entry {
    fn of(word: &str) -> Self {
        let mut entry = LEXICON.words.get(word).copied().unwrap_or_default();
        if entry.alone.is_none() && word.ends_with("n't") {
            entry.alone = Some(-1.0);
        }
        entry
    }

    /// The grade of a phrase that begins with the word, or of the word alone.
    fn valence(self, phrase: &[Token]) -> Option<f64> {
        if phrase.len() == 1 {
            return self.alone;
        }
        // A phrase does not run over a comma or a full stop.
        if phrase.len() > self.longest || phrase.iter().skip(1).any(|token| token.opens) {
            return None;
        }
        let phrase = phrase.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ");
        LEXICON.phrases.get(phrase.as_str()).copied()
    }
}

/// Returns the praise or blame of a short text, from −1 to 1; `None` when it has neither.
pub(super) fn valence_of(text: &str) -> Option<f64> {
    let found = opinions(&tokens(text));
    let sum: f64 = found.iter().map(|opinion| opinion.valence).sum();
    (!found.is_empty()).then(|| (sum / found.len() as f64 / 4.0).clamp(-1.0, 1.0))
}

fn turned(words: &[Token], first: usize, last: usize, mut valence: f64) -> Opinion {
    let mut start = first;
    let before = words.get(first.saturating_sub(REACH)..first).unwrap_or_default();
    for (back, token) in before.iter().rev().enumerate() {
        if is_negation(&token.word) {
            valence *= NEGATED;
            start = first - back - 1;
        } else if back == 0 {
            valence *= 1.0 + graded(&token.word);
        }
        if token.opens {
            break;
        }
    }
    Opinion { first: start, last, valence }
}

fn graded(word: &str) -> f64 {
    match word {
        "extremely" | "utterly" | "absolutely" => 0.4,
        "incredibly" | "truly" | "totally" | "completely" | "highly" => 0.3,
        "very" | "really" | "deeply" | "most" | "so" => 0.2,
        "somewhat" | "mildly" | "sometimes" | "almost" | "reasonably" | "kinda" | "moderately" => -0.3,
        "slightly" | "occasionally" | "marginally" | "intermittently" => -0.4,
        "fairly" | "rather" | "nearly" => -0.2,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(text: &str) -> f64 {
        opinions(&tokens(text)).iter().map(|opinion| opinion.valence).sum()
    }

    #[test]
    fn praise_blame_and_negation_have_their_sign() {
        assert!(sum("A delightful and gripping film") > 1.0);
        assert!(sum("A dull, tedious film") < -1.0);
        assert!(sum("It is not good") < 0.0);
        assert!(sum("very good") > sum("good"));
        assert!(sum("A film about a town") == 0.0);
    }
}
