//! The chance of each token of a text to be in its title, by the use that the text makes of it.

use std::collections::{BTreeMap, HashMap};

use super::weights::{Kind, STOP_BY_COUNT, entry, trait_weight as weight};

/// Chances are kept as whole millionths, so that sums of them do not depend on the order of adding.
pub(super) const MILLION: f64 = 1e6;

/// The distance, in words, over which a cue points at a word.
const CUE_REACH: usize = 12;
/// The distance, in words, over which a cue points strongly.
const CUE_NEAR: usize = 6;

/// A whitespace-separated word and where its text has it.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Gathers characters and their places into words. Characters may be missing between two neighbours: they then make
/// one word.
pub(super) fn gather(chars: impl IntoIterator<Item = (usize, char)>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut inside = false;
    for (at, c) in chars {
        if c.is_whitespace() {
            inside = false;
            continue;
        }
        let end = at + c.len_utf8();
        match words.last_mut() {
            Some(word) if inside => {
                word.text.push(c);
                word.end = end;
            }
            _ => words.push(Word { text: c.to_string(), start: at, end }),
        }
        inside = true;
    }
    words
}

/// The words of each sentence.
pub(super) fn sentences(text: &str) -> Vec<Vec<Word>> {
    let mut sentences = Vec::new();
    let mut open: Vec<Word> = Vec::new();
    for word in gather(text.char_indices()) {
        let starts = !word.text.starts_with(|c: char| c.is_ascii_lowercase());
        if starts && open.last().is_some_and(|last| ends_sentence(&last.text)) {
            sentences.push(std::mem::take(&mut open));
        }
        open.push(word);
    }
    if !open.is_empty() {
        sentences.push(open);
    }
    sentences
}

fn ends_sentence(word: &str) -> bool {
    let closed = word.trim_end_matches(['"', '\'', ')', ']', '”', '’']);
    if !closed.ends_with(['.', '!', '?']) {
        return false;
    }
    let lower = word.to_lowercase();
    let Some(stem) = lower.strip_prefix('(').unwrap_or(&lower).strip_suffix('.') else {
        return true;
    };
    let letter = stem.len() == 1 && stem.starts_with(|c: char| c.is_ascii_lowercase());
    let abbreviation = matches!(
        stem,
        "e.g" | "i.e" | "al" | "etc" | "vs" | "cf" | "fig" | "eq" | "no" | "dr" | "mr" | "ms" | "prof" | "st"
    );
    !letter && !abbreviation
}

/// The word without the marks around it.
pub(super) fn core(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The runs of letters and digits in the word, in lower case.
pub(super) fn tokens(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

pub(super) fn capitals(word: &str) -> usize {
    word.chars().filter(|c| c.is_uppercase()).count()
}

/// The use that a text makes of one token.
#[derive(Default)]
struct Traits {
    count: usize,
    first: usize,
    capital: usize,
    cue: usize,
    opening: bool,
    compound: bool,
    pair: usize,
}

/// The traits of a text's tokens, and the pairs that stand beside each other.
#[derive(Default)]
struct Found {
    ids: HashMap<String, usize>,
    traits: Vec<Traits>,
    pairs: HashMap<(usize, usize), usize>,
}

impl Found {
    /// Reads the sentence at place `s`.
    fn read(&mut self, s: usize, words: &[Word]) {
        let mut after_cue: Option<usize> = None;
        let mut previous: Option<usize> = None;
        for (w, word) in words.iter().enumerate() {
            let tokens = tokens(&word.text);
            let capital = match capitals(&word.text) {
                0 | 1 => usize::from(w > 0 && core(&word.text).starts_with(char::is_uppercase)),
                _ => 2,
            };
            let cue = match after_cue.map(|at| w - at) {
                Some(0..=CUE_NEAR) => 2,
                Some(..=CUE_REACH) => 1,
                _ => 0,
            };
            if let [only] = tokens.as_slice()
                && entry(only).kind == Some(Kind::Cue)
            {
                after_cue = Some(w + 1);
            }
            let compound = tokens.len() > 1;
            for token in tokens {
                let id = *self.ids.entry(token).or_insert(self.traits.len());
                if id == self.traits.len() {
                    self.traits.push(Traits { first: s, ..Traits::default() });
                }
                if let Some(before) = previous.replace(id) {
                    *self.pairs.entry((before, id)).or_default() += 1;
                }
                let Some(traits) = self.traits.get_mut(id) else { continue };
                traits.count += 1;
                traits.capital = traits.capital.max(capital);
                traits.cue = traits.cue.max(cue);
                traits.opening |= s == 0 && w < 4;
                traits.compound |= compound;
            }
        }
    }

    /// Gives each token of content the use of its most used pair.
    fn pair(&mut self) {
        let mut stop = vec![false; self.traits.len()];
        for (token, &id) in &self.ids {
            if let Some(flag) = stop.get_mut(id) {
                *flag = entry(token).stop.is_some();
            }
        }
        for ((a, b), &count) in &self.pairs {
            if stop.get(*a) == Some(&false) && stop.get(*b) == Some(&false) {
                for id in [*a, *b] {
                    if let Some(traits) = self.traits.get_mut(id) {
                        traits.pair = traits.pair.max(count);
                    }
                }
            }
        }
    }
}

/// Each token's general chance of being in the title, in whole millionths of at least 1.
pub(super) fn chances(text: &str) -> BTreeMap<String, f64> {
    let sentences = sentences(text);
    let mut found = Found::default();
    for (s, words) in sentences.iter().enumerate() {
        found.read(s, words);
    }
    found.pair();
    let Found { ids, traits, .. } = found;
    ids.into_iter()
        .filter_map(|(token, id)| {
            let chance = traits.get(id)?.chance(&token, sentences.len());
            Some((token, chance))
        })
        .collect()
}

impl Traits {
    fn chance(&self, token: &str, sentences: usize) -> f64 {
        let entry = entry(token);
        let log_odds = match entry.stop {
            Some(own) => own + level(STOP_BY_COUNT, self.count - 1),
            None => self.log_odds(token, entry.kind == Some(Kind::Cue), sentences),
        };
        (MILLION / (1.0 + (-log_odds).exp())).round().max(1.0)
    }

    fn log_odds(&self, token: &str, is_cue: bool, sentences: usize) -> f64 {
        let first = if self.first >= 2 && self.first + 1 == sentences { 4 } else { self.first.min(3) };
        let mut sum = weight::BIAS
            + level(weight::COUNT, self.count - 1)
            + level(weight::FIRST, first)
            + level(weight::CUE, self.cue)
            + level(weight::PAIR, self.pair.saturating_sub(1))
            + level(weight::CAPITAL, self.capital)
            + level(weight::COMPOUND, usize::from(self.compound))
            + level(weight::LENGTH, token.chars().count() / 3);
        if token.chars().all(char::is_numeric) {
            sum += weight::NUMBER;
        }
        if is_cue {
            sum += weight::CUE_WORD;
        }
        if self.opening {
            sum += weight::OPENING;
        }
        for (endings, weight) in weight::ENDINGS {
            if endings.iter().any(|ending| token.ends_with(ending)) {
                sum += weight;
            }
        }
        sum
    }
}

/// The row's entry at the level, or its last.
fn level(row: &[f64], at: usize) -> f64 {
    row.get(at).or(row.last()).copied().unwrap_or(0.0)
}
