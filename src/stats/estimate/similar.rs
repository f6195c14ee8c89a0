use std::collections::{BTreeMap, HashMap};

use crate::data::Query;
use crate::words::tokens;

/// What of a text is compared, and how it is weighted; idf = ln((1 + n) / (1 + df)) + 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// Words, each once, by √idf.
    Words,
    /// Words and word pairs, by (1 + ln tf) · idf.
    WordsAndPairs,
}

/// Cosine likeness of whole queries over their terms, for the estimate's votes.
///
/// Terms of a query that no past one has count in its length, so that a query about something new is like nothing.
#[derive(Debug)]
pub(super) struct Neighbours {
    terms: Terms,
    words: HashMap<String, u32>,
    idf: Vec<f64>,
    unseen_idf: f64,
    /// By word: the items that have it, with their normalised weights.
    postings: Vec<Vec<(u32, f32)>>,
    items: usize,
}

impl Neighbours {
    pub(super) fn new<'q>(queries: impl Iterator<Item = &'q Query>, terms: Terms) -> Self {
        let counted: Vec<BTreeMap<String, f64>> = queries.map(|query| counts(query.text(), terms)).collect();
        let items = counted.len();
        let mut words: HashMap<String, u32> = HashMap::new();
        let mut frequency: Vec<f64> = Vec::new();
        for word in counted.iter().flat_map(BTreeMap::keys) {
            let next = u32::try_from(frequency.len()).unwrap_or(u32::MAX);
            let id = *words.entry(word.clone()).or_insert(next);
            if id == next {
                frequency.push(0.0);
            }
            if let Some(count) = frequency.get_mut(id as usize) {
                *count += 1.0;
            }
        }
        let n = items as f64;
        let idf: Vec<f64> = frequency.iter().map(|df| ((1.0 + n) / (1.0 + df)).ln() + 1.0).collect();
        let unseen_idf = (1.0 + n).ln() + 1.0;
        let mut neighbours = Self { terms, postings: vec![Vec::new(); idf.len()], words, unseen_idf, idf, items };
        for (item, counted) in counted.iter().enumerate() {
            let (vector, length) = neighbours.vector(counted);
            for (word, weight) in vector {
                if let Some(posting) = neighbours.postings.get_mut(word as usize) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "weights are at most 1, items at most a million"
                    )]
                    posting.push((item as u32, (weight / length) as f32));
                }
            }
        }
        neighbours
    }

    /// The known words of a text with their weights, and the length of the whole vector.
    fn vector(&self, counted: &BTreeMap<String, f64>) -> (Vec<(u32, f64)>, f64) {
        let mut square = 0.0;
        let mut vector = Vec::with_capacity(counted.len());
        for (word, count) in counted {
            let id = self.words.get(word).copied();
            let idf = id.and_then(|id| self.idf.get(id as usize)).copied().unwrap_or(self.unseen_idf);
            let weight = match self.terms {
                Terms::Words => idf.sqrt(),
                Terms::WordsAndPairs => (1.0 + count.ln()) * idf,
            };
            square += weight * weight;
            vector.extend(id.map(|id| (id, weight)));
        }
        (vector, square.sqrt().max(f64::MIN_POSITIVE))
    }

    /// The likeness of a query to every item, from 0 to 1, by position.
    pub(super) fn to(&self, query: &Query) -> Vec<f64> {
        let (vector, length) = self.vector(&counts(query.text(), self.terms));
        let mut likeness = vec![0.0; self.items];
        for (word, weight) in vector {
            let share = weight / length;
            for &(item, value) in self.postings.get(word as usize).into_iter().flatten() {
                if let Some(sum) = likeness.get_mut(item as usize) {
                    *sum += share * f64::from(value);
                }
            }
        }
        for value in &mut likeness {
            *value = value.clamp(0.0, 1.0);
        }
        likeness
    }
}

fn counts(text: &str, terms: Terms) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    let words = tokens(text);
    for token in &words {
        *counts.entry(token.word.clone()).or_insert(0.0) += 1.0;
    }
    let pairs = (terms == Terms::WordsAndPairs).then(|| words.windows(2));
    for pair in pairs.into_iter().flatten() {
        if let [a, b] = pair {
            *counts.entry(format!("{} {}", a.word, b.word)).or_insert(0.0) += 1.0;
        }
    }
    counts
}
