//! The query of an estimate: its terms, its factors and its tone.

use crate::data::{Query, Span};
use crate::words::Token;

use super::terms::each_term;

/// A query as the estimate sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub(super) query: &'a Query,
    /// The terms of its words, and which of them are whose.
    pub(super) text: Text,
    /// Places of its known factors in the estimator with their boosts, each once, ascending.
    pub(super) factors: Vec<(usize, f64)>,
    /// The tone of its features; `None` when none has a valence.
    pub(super) tone: Option<f64>,
    /// The item to leave out, which is this query's own.
    pub(super) left_out: Option<usize>,
}

/// The terms of a text, and how much of each is of which factor.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    /// Ascending, each once.
    pub(super) terms: Vec<u32>,
    /// In the order of the terms. The parts of a term sum to at most 1; the rest is nobody's.
    pub(super) owned: Vec<Owned>,
}

/// A part of a term that is a factor's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned {
    /// The term's place in its text.
    pub(super) term: usize,
    /// The number of the factor in its query.
    pub(super) owner: usize,
    /// Above 0 and at most 1.
    pub(super) part: f64,
}

impl Text {
    /// The terms of words. `spans` are where the query's factors were seen, each with the factor's number in the query: a term
    /// is its words' in equal parts, and a word its factors'.
    pub(super) fn new(words: &[Token], spans: &[(usize, Span)]) -> Self {
        // By occurrence of a term: its word.
        let mut found: Vec<(u32, usize)> = Vec::with_capacity(words.len() * 6);
        each_term(words, |term, word| found.push((term, word)));
        found.sort_unstable();
        found.dedup();
        let owners: Vec<Vec<usize>> = words.iter().map(|token| owners(token, spans)).collect();
        let mut text = Self::default();
        for same in found.chunk_by(|a, b| a.0 == b.0) {
            let place = text.terms.len();
            text.terms.extend(same.first().map(|(term, _)| *term));
            for (_, word) in same {
                let Some(owners) = owners.get(*word) else { continue };
                let part = 1.0 / (same.len() * owners.len().max(1)) as f64;
                text.owned.extend(owners.iter().map(|owner| Owned { term: place, owner: *owner, part }));
            }
        }
        text
    }
}

/// The factors of which a feature stands where the word does, ascending, each once.
fn owners(token: &Token, spans: &[(usize, Span)]) -> Vec<usize> {
    let here = |(_, span): &&(usize, Span)| token.start < span.end && span.start < token.end;
    distinct(spans.iter().filter(here).map(|(factor, _)| *factor))
}

/// Places in ascending order, each once.
pub(super) fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    places
}
