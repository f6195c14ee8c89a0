//! The likeness of whole queries.

use std::collections::BTreeMap;

use crate::words::Token;

use super::numbers::Numbers;

/// The terms of a text that are compared, with their weights; idf = ln((1 + n) / (1 + df)) + 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// Words, each once, by √idf.
    Words,
    /// Words and word pairs, by (1 + ln tf) · idf.
    WordsAndPairs,
}

/// A word or a pair of words in one text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    number: u32,
    times: u32,
    /// It stands there as a word, not only as a pair.
    word: bool,
}

impl Term {
    /// The term that stands for a numbered thing.
    pub(super) fn of_place(place: usize) -> Self {
        Self { number: u32::try_from(place).unwrap_or(Numbers::<String>::UNKNOWN), times: 1, word: true }
    }
}

/// The terms of past queries, read once and kept as counts, so that a new query adds its own and reads no other again.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    numbers: Numbers<String>,
    /// The number of terms of texts that were made [of places](Self::of_places).
    places: usize,
    /// The terms of all items, one item after another, each item's in order of their text: sums over them then do not depend
    /// on the numbers.
    terms: Vec<Term>,
    /// By item: where its terms end.
    ends: Vec<usize>,
}

impl Texts {
    /// Texts of numbered things, such as the places of factors, in place of words: by text, its numbers, ascending.
    pub(super) fn of_places(places: usize, rows: &[Vec<usize>]) -> Self {
        let mut texts = Self { places, ..Self::default() };
        for row in rows {
            texts.terms.extend(row.iter().map(|place| Term::of_place(*place)));
            texts.ends.push(texts.terms.len());
        }
        texts
    }

    /// The number of different terms.
    fn kinds(&self) -> usize {
        self.places.max(self.numbers.len())
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Takes in a text by its words.
    pub(super) fn push(&mut self, words: Vec<Token>) {
        for (text, (times, word)) in counts(words) {
            self.terms.push(Term { number: self.numbers.number(text), times, word });
        }
        self.ends.push(self.terms.len());
    }

    /// The terms of any text by its words, in order of their text.
    pub(super) fn read(&self, words: Vec<Token>) -> Vec<Term> {
        let counted = counts(words).into_iter();
        counted.map(|(text, (times, word))| Term { number: self.numbers.known(text.as_str()), times, word }).collect()
    }

    /// The terms of an item.
    pub(super) fn of(&self, item: usize) -> &[Term] {
        let end = |item: Option<usize>| item.and_then(|item| self.ends.get(item)).copied().unwrap_or_default();
        self.terms.get(end(item.checked_sub(1))..end(Some(item))).unwrap_or_default()
    }

    /// The texts of these items alone, in this order.
    pub(super) fn only(&self, items: &[usize]) -> Self {
        let mut kept = Self { numbers: self.numbers.clone(), places: self.places, ..Self::default() };
        for item in items {
            kept.terms.extend_from_slice(self.of(*item));
            kept.ends.push(kept.terms.len());
        }
        kept
    }
}

/// By term, in order of its text: how often it occurs, and whether it does as a word.
fn counts(words: Vec<Token>) -> BTreeMap<String, (u32, bool)> {
    let mut counts: BTreeMap<String, (u32, bool)> = BTreeMap::new();
    for pair in words.windows(2) {
        if let [a, b] = pair {
            counts.entry(format!("{} {}", a.word, b.word)).or_default().0 += 1;
        }
    }
    for token in words {
        let (times, word) = counts.entry(token.word).or_default();
        *times += 1;
        *word = true;
    }
    counts
}

/// Cosine likeness of whole queries over their terms, for the estimate's votes: the weights of the items' terms, derived from
/// the counts in [`Texts`] in one pass that reads no text.
///
/// Terms of a query that no past one has count in its length, so that a query about something new is like nothing. How rare
/// a term is goes by the number of items, whatever their weights: it is about words, not about the user.
#[derive(Debug, Clone)]
pub(super) struct Likeness {
    terms: Terms,
    items: usize,
    /// By term.
    idf: Vec<f64>,
    unseen_idf: f64,
    /// By term: where its postings end.
    ends: Vec<usize>,
    /// The items that have the term, with their normalised weights; one term after another.
    postings: Vec<(u32, f32)>,
}

impl Likeness {
    /// The likeness to the items from `first` on, which are numbered from 0 here.
    pub(super) fn new(texts: &Texts, first: usize, terms: Terms) -> Self {
        let items = texts.len().saturating_sub(first);
        let mut frequency = vec![0_usize; texts.kinds()];
        let all = || (first..texts.len()).flat_map(|item| texts.of(item)).filter(|term| terms.compare(term));
        for term in all() {
            if let Some(frequency) = frequency.get_mut(term.number as usize) {
                *frequency += 1;
            }
        }
        let n = items as f64;
        let rarity: Vec<f64> = (0..=items).map(|df| ((1.0 + n) / (1.0 + df as f64)).ln() + 1.0).collect();
        let idf: Vec<f64> = frequency.iter().filter_map(|df| rarity.get(*df).copied()).collect();
        let mut end = 0;
        // Where the next posting of each term goes; in the end, where its last one is.
        let mut ends: Vec<usize> = Vec::with_capacity(frequency.len());
        for frequency in frequency {
            ends.push(end);
            end += frequency;
        }
        let unseen_idf = rarity.first().copied().unwrap_or(1.0);
        let mut likeness = Self { terms, items, idf, unseen_idf, ends, postings: vec![(0, 0.0); end] };
        for item in 0..items {
            let of_item = texts.of(first + item);
            let length = likeness.length(of_item);
            for term in of_item.iter().filter(|term| terms.compare(term)) {
                let weight = likeness.weight(term) / length;
                if let Some(end) = likeness.ends.get_mut(term.number as usize)
                    && let Some(posting) = likeness.postings.get_mut(*end)
                {
                    #[expect(clippy::cast_possible_truncation, reason = "weights are at most 1, items a million")]
                    let entry = (item as u32, weight as f32);
                    *posting = entry;
                    *end += 1;
                }
            }
        }
        likeness
    }

    fn weight(&self, term: &Term) -> f64 {
        let idf = self.idf.get(term.number as usize).copied().unwrap_or(self.unseen_idf);
        match self.terms {
            Terms::Words => idf.sqrt(),
            // Most terms occur once, and ln 1 = 0.
            Terms::WordsAndPairs if term.times == 1 => idf,
            Terms::WordsAndPairs => (1.0 + f64::from(term.times).ln()) * idf,
        }
    }

    fn length(&self, of: &[Term]) -> f64 {
        let squares = of.iter().filter(|term| self.terms.compare(term)).map(|term| self.weight(term).powi(2));
        squares.fold(0.0, |sum, square| sum + square).sqrt().max(f64::MIN_POSITIVE)
    }

    /// The likeness of a query with these terms to every item, from 0 to 1, by position.
    pub(super) fn to(&self, of: &[Term]) -> Vec<f64> {
        let mut likeness = self.to_shared(of, |_| 1.0);
        for value in &mut likeness {
            *value = value.clamp(0.0, 1.0);
        }
        likeness
    }

    /// The likeness of a query to every item, with each of its terms counted by this share, given the term's place in it.
    pub(super) fn to_shared(&self, of: &[Term], share_of: impl Fn(usize) -> f64) -> Vec<f64> {
        let length = self.length(of);
        let mut likeness = vec![0.0; self.items];
        for (place, term) in of.iter().enumerate().filter(|(_, term)| self.terms.compare(term)) {
            let share = share_of(place) * self.weight(term) / length;
            for &(item, value) in self.postings(term.number as usize) {
                if let Some(sum) = likeness.get_mut(item as usize) {
                    *sum += share * f64::from(value);
                }
            }
        }
        likeness
    }

    fn postings(&self, term: usize) -> &[(u32, f32)] {
        let start = term.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(term).and_then(|end| self.postings.get(start..*end)).unwrap_or_default()
    }
}

impl Terms {
    fn compare(self, term: &Term) -> bool {
        term.word || self == Self::WordsAndPairs
    }
}
