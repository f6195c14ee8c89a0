//! Which factors of a catalog stand in a text.
//!
//! ```text
//! text → tokens → stems → the phrases that begin with each → places of terms → weights by factor → those of 1 or more
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::data::Span;
use crate::words::{Token, is_negated, is_stop_word, stem, tokens};

use super::CatalogFactor;

/// Weights that should sum to 1 may miss it by this much.
const ROUNDING: f64 = 1e-9;

/// A factor of a catalog that stands in a text, with the places that tell so.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Assigned<'c> {
    /// The factor.
    pub factor: &'c CatalogFactor,
    /// The places of its terms in the text, one for each term that counts, the heaviest term's first.
    pub spans: Vec<Span>,
    /// The sum of the weights of these terms, at least 1.
    pub strength: f64,
}

impl Assigned<'_> {
    /// The place of the heaviest term: of equals the longest, then the first in the text.
    pub fn span(&self) -> Span {
        self.spans.first().copied().unwrap_or(Span { start: 0, end: 0 })
    }
}

/// The phrases of all terms, by the stem that they begin with.
#[derive(Clone, Default)]
pub(super) struct Index {
    numbers: HashMap<String, u32>,
    /// The beginnings of stems: a word that begins otherwise has none of them.
    beginnings: HashSet<[u8; 2]>,
    /// By number of the first stem.
    phrases: Vec<Vec<Phrase>>,
}

#[derive(Clone)]
struct Phrase {
    /// The stems after the first.
    rest: Box<[u32]>,
    factor: usize,
    /// Numbers the factor's terms.
    term: usize,
    weight: f64,
}

/// The place of a term in a text.
struct Found {
    term: usize,
    weight: f64,
    span: Span,
}

/// A factor in a text.
struct Present {
    spans: Vec<Span>,
    strength: f64,
}

impl Index {
    pub(super) fn new(factors: &[CatalogFactor]) -> Self {
        let mut index = Self::default();
        for (place, factor) in factors.iter().enumerate() {
            // By stems, so that forms of a term count once.
            let mut weights: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
            for (words, weight) in phrases(factor) {
                let numbers: Vec<u32> = words.iter().map(|word| index.number(word)).collect();
                let known = weights.entry(numbers).or_default();
                *known = known.max(weight);
            }
            for (term, (numbers, weight)) in weights.into_iter().enumerate() {
                let Some((first, rest)) = numbers.split_first() else { continue };
                let phrase = Phrase { rest: rest.into(), factor: place, term, weight };
                if let Some(phrases) = index.phrases.get_mut(*first as usize) {
                    phrases.push(phrase);
                }
            }
        }
        index
    }

    /// The number of a word's stem.
    fn number(&mut self, word: &str) -> u32 {
        let stem = stem(word);
        self.beginnings.extend(beginning(&stem));
        let next = u32::try_from(self.phrases.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(stem).or_insert(next);
        if number == next {
            self.phrases.push(Vec::new());
        }
        number
    }

    /// The number of a word's stem, if a term has it.
    fn known(&self, word: &str) -> Option<u32> {
        // Stemming keeps how a word begins, but for the y of a few short ones.
        let may = beginning(word).is_none_or(|two| self.beginnings.contains(&two) || two[1] == b'y');
        if may { self.numbers.get(&stem(word)).copied() } else { None }
    }

    pub(super) fn assign<'c>(&self, factors: &'c [CatalogFactor], text: &str) -> Vec<Assigned<'c>> {
        let assigned = |(place, present): (usize, Present)| {
            Some(Assigned { factor: factors.get(place)?, spans: present.spans, strength: present.strength })
        };
        self.present(text).into_iter().filter_map(assigned).collect()
    }

    /// The places of the factors that stand in a text, ascending.
    pub(super) fn places(&self, text: &str) -> Vec<usize> {
        self.present(text).into_iter().map(|(place, _)| place).collect()
    }

    /// The places of the factors with a word in common with a text, each with the largest share of a term that stands there,
    /// in any order of its words, by the term's weight.
    pub(super) fn near(&self, text: &str) -> BTreeMap<usize, f64> {
        let words = tokens(text).into_iter().filter(|token| !is_stop_word(&token.word));
        let said: HashSet<u32> = words.filter_map(|token| self.known(&token.word)).collect();
        let mut near: BTreeMap<usize, f64> = BTreeMap::new();
        for (first, phrases) in (0_u32..).zip(&self.phrases) {
            for phrase in phrases {
                let there = std::iter::once(&first).chain(&*phrase.rest).filter(|number| said.contains(number)).count();
                if there > 0 {
                    let share = phrase.weight * there as f64 / (phrase.rest.len() + 1) as f64;
                    let most = near.entry(phrase.factor).or_default();
                    *most = most.max(share);
                }
            }
        }
        near
    }

    fn present(&self, text: &str) -> Vec<(usize, Present)> {
        let words = tokens(text);
        let numbers: Vec<Option<u32>> = words.iter().map(|token| self.known(&token.word)).collect();
        let mut found: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
        for (at, number) in numbers.iter().enumerate() {
            let Some(phrases) = number.and_then(|number| self.phrases.get(number as usize)) else { continue };
            for phrase in phrases {
                let Some(span) = phrase.at(at, &words, &numbers) else { continue };
                let of = found.entry(phrase.factor).or_default();
                if of.iter().all(|known| known.term != phrase.term) {
                    of.push(Found { term: phrase.term, weight: phrase.weight, span });
                }
            }
        }
        found.into_iter().filter_map(|(place, found)| Some((place, present(found)?))).collect()
    }
}

impl Phrase {
    /// The place of the phrase in a text, if it begins with this word.
    fn at(&self, at: usize, words: &[Token], numbers: &[Option<u32>]) -> Option<Span> {
        let end = at + 1 + self.rest.len();
        let (first, last) = (words.get(at)?, words.get(end - 1)?);
        let same = |(number, wanted): (&Option<u32>, &u32)| *number == Some(*wanted);
        let stands = numbers.get(at + 1..end)?.iter().zip(&self.rest).all(same)
            && !words.get(at + 1..end)?.iter().any(|token| token.opens)
            && !is_negated(words, at);
        stands.then_some(Span { start: first.start, end: last.end })
    }
}

/// What was found of a factor, if it is enough. A word counts once: for the heaviest term, of equals the longest.
fn present(mut found: Vec<Found>) -> Option<Present> {
    found.sort_by(|a, b| {
        let longest = (b.span.end - b.span.start).cmp(&(a.span.end - a.span.start));
        b.weight.total_cmp(&a.weight).then(longest).then(a.span.cmp(&b.span)).then(a.term.cmp(&b.term))
    });
    let mut present = Present { spans: Vec::new(), strength: 0.0 };
    for Found { weight, span, .. } in found {
        if present.spans.iter().all(|other| span.end <= other.start || other.end <= span.start) {
            present.spans.push(span);
            present.strength += weight;
        }
    }
    (present.strength >= 1.0 - ROUNDING).then_some(present)
}

fn beginning(word: &str) -> Option<[u8; 2]> {
    word.as_bytes().first_chunk().copied()
}

/// The phrases that tell of a factor, as words, with their weights.
fn phrases(factor: &CatalogFactor) -> Vec<(Vec<String>, f64)> {
    let words = |text: &str| tokens(text).into_iter().map(|token| token.word).collect::<Vec<String>>();
    let telling = factor.telling();
    let label = std::iter::once((words(factor.label()), 1.0));
    label.chain(telling.iter().map(|term| (words(term.term()), term.weight()))).collect()
}

/// The share of common places of two ascending lists.
pub(super) fn jaccard(a: &[usize], b: &[usize]) -> f64 {
    let shared = a.iter().filter(|place| b.binary_search(place).is_ok()).count();
    shared as f64 / ((a.len() + b.len() - shared) as f64).max(1.0)
}
