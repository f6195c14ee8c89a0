use std::fmt;

use super::bytes::IndexError;
use super::columns::Columns;
use super::lists::Lists;
use super::vocabulary::{self, Vocabulary};
use super::weights::{Parameters, Weights, average_length};

/// Stands for "no position" where a slot holds no item.
pub(super) const NOWHERE: u32 = u32::MAX;

/// An index of texts by their position, for ranking them by BM25.
///
/// The score of a text for a query is Σ idf(*t*) · *w*(*t*) over the query's different tokens *t*, with
/// idf(*t*) = ln(1 + (*n* − *df* + ½) / (*df* + ½)) for a token that *df* of the *n* texts have, and
/// *w*(*t*) = *tf* (*k*₁ + 1) / (*tf* + *k*₁ (1 − *b* + *b* · length / average length)) (Robertson and Zaragoza 2009, with
/// Lucene's idf, which is never negative). Tokens are stems; stop words do not count, negations do. Weights are the `bm25`
/// crate's, in `f32`; sums are taken in `f64` in the order of the query.
///
/// The average length is the mean number of tokens of a text, at least 1, rounded to the nearest sixteenth of the power of
/// two below it: at most 1/32 from the mean. It thereby changes rarely, and [`insert`](Self::insert) and
/// [`remove`](Self::remove) touch the postings of one text only, yet leave an index that ranks, scores and
/// [saves](Self::to_bytes) exactly as one built from the texts it then holds.
///
/// # Cost
/// A posting (a text has a token) takes 8 bytes, an occurrence 4, a text 20, a different word some 40 with its stem.
/// Ranking works in memory of its thread that is kept: 4 bytes for each text and token of the largest index ranked there.
///
/// # Limits
/// 4,294,967,294 texts and as many different words; what comes after is not found.
#[derive(Clone)]
pub struct Bm25Index {
    pub(super) vocabulary: Vocabulary,
    pub(super) columns: Columns,
    pub(super) weights: Weights,
    /// By slot: the text as the forms of its words, stop words left out. A slot stays a text's own until it is removed.
    pub(super) texts: Lists<u32>,
    /// By slot: the text's position.
    pub(super) position_of: Vec<u32>,
    /// Slots without a text.
    free: Vec<u32>,
    /// Tokens of all texts together.
    occurrences: u64,
}

impl Bm25Index {
    /// An index without texts. `k1`: how soon a repeated token stops counting, from 0.0 to 1,000.0, usually 1.2. `b`: how
    /// much long texts are held back, from 0.0 to 1.0, usually 0.75. The nearest allowed value is taken.
    pub fn new(k1: f32, b: f32) -> Self {
        Self::build(std::iter::empty::<&str>(), k1, b)
    }

    /// An index of these texts, the first at position 0; parameters as for [`new`](Self::new).
    pub fn build<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, k1: f32, b: f32) -> Self {
        let (mut vocabulary, mut scratch) = (Vocabulary::default(), String::new());
        let (mut forms, mut lengths) = (Vec::new(), Vec::new());
        for text in texts {
            let before = forms.len();
            vocabulary.take_in(text.as_ref(), &mut scratch, &mut forms);
            lengths.push(small(forms.len() - before));
        }
        Self::assemble(vocabulary, Lists::cut(forms, lengths.into_iter()), Parameters::new(k1, b))
    }

    /// An index of texts whose forms the vocabulary has in use, text *i* in slot *i*.
    pub(super) fn assemble(vocabulary: Vocabulary, texts: Lists<u32>, parameters: Parameters) -> Self {
        let position_of: Vec<u32> = (0..small(texts.count())).collect();
        let occurrences = position_of.iter().map(|&slot| texts.get(slot).len() as u64).sum();
        let weights = Weights::new(parameters, average_length(position_of.len(), occurrences));
        let (columns, free) = (Columns::default(), Vec::new());
        let mut index = Self { vocabulary, columns, weights, texts, position_of, free, occurrences };
        index.weigh();
        index
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.position_of.len() - self.free.len()
    }

    /// True without texts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Inserts a text at a position from 0 to [`len`](Self::len); those from there on move up by one.
    ///
    /// # Errors
    /// [`IndexError::NoSuchPosition`].
    pub fn insert(&mut self, position: usize, text: &str) -> Result<(), IndexError> {
        if position > self.len() {
            return Err(IndexError::NoSuchPosition { position, len: self.len() });
        }
        let mut forms = Vec::new();
        self.vocabulary.take_in(text, &mut String::new(), &mut forms);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.columns.add_slot();
            self.texts.add();
            self.position_of.push(NOWHERE);
            small(self.position_of.len() - 1)
        });
        self.texts.set(slot, &forms);
        self.occurrences += forms.len() as u64;
        let position = small(position);
        for other in &mut self.position_of {
            *other += u32::from(*other >= position && *other != NOWHERE);
        }
        if let Some(place) = self.position_of.get_mut(slot as usize) {
            *place = position;
        }
        if !self.average_moved() {
            let mut tally = Tally::default();
            tally.count(&self.vocabulary, &forms);
            let row = self.weights.ready(small(forms.len()), tally.counts());
            for (token, count) in tally.tokens() {
                self.columns.insert(token, slot, row.weight(count));
            }
        }
        Ok(())
    }

    /// Removes the text at a position; those after it move down by one.
    ///
    /// # Errors
    /// [`IndexError::NoSuchPosition`].
    pub fn remove(&mut self, position: usize) -> Result<(), IndexError> {
        let at = u32::try_from(position).ok().filter(|&at| at != NOWHERE);
        let slot = at.and_then(|at| self.position_of.iter().position(|&other| other == at));
        let (Some(at), Some(slot)) = (at, slot) else {
            return Err(IndexError::NoSuchPosition { position, len: self.len() });
        };
        for other in &mut self.position_of {
            *other -= u32::from(*other > at && *other != NOWHERE);
        }
        if let Some(place) = self.position_of.get_mut(slot) {
            *place = NOWHERE;
        }
        let slot = small(slot);
        let mut tally = Tally::default();
        tally.count(&self.vocabulary, self.texts.get(slot));
        for (token, _) in tally.tokens() {
            self.columns.remove(token, slot);
        }
        for &form in self.texts.get(slot) {
            self.vocabulary.stop_using(form);
        }
        self.occurrences -= self.texts.get(slot).len() as u64;
        self.texts.set(slot, &[]);
        self.free.push(slot);
        if !self.tidied() {
            self.average_moved();
        }
        Ok(())
    }

    /// When most slots or words are those of texts that are gone, starts afresh without them.
    fn tidied(&mut self) -> bool {
        const SPARE: usize = 64;
        let (slots, forms) = (self.position_of.len(), self.vocabulary.forms().len());
        let due = self.free.len() > slots / 2 + SPARE || self.vocabulary.idle() > forms / 2 + 16 * SPARE;
        if due && let Ok(tidy) = Self::from_bytes(&self.to_bytes()) {
            *self = tidy;
            return true;
        }
        false
    }

    /// Weighs everything anew if the average length is another now.
    fn average_moved(&mut self) -> bool {
        let average = average_length(self.len(), self.occurrences);
        let moved = average.to_bits() != self.weights.average().to_bits();
        if moved {
            self.weights = Weights::new(self.weights.parameters(), average);
            self.weigh();
        }
        moved
    }

    /// Computes all columns from the texts' forms.
    fn weigh(&mut self) {
        let mut tally = Tally::default();
        let mut items = vec![0_u32; self.vocabulary.tokens().len()];
        let slots = 0..small(self.texts.count());
        for slot in slots.clone() {
            tally.count(&self.vocabulary, self.texts.get(slot));
            for (token, _) in tally.tokens() {
                if let Some(items) = items.get_mut(token as usize) {
                    *items += 1;
                }
            }
            tally.clear();
        }
        self.columns = Columns::with_counts(&items, self.texts.count());
        for slot in slots {
            let forms = self.texts.get(slot);
            tally.count(&self.vocabulary, forms);
            let row = self.weights.ready(small(forms.len()), tally.counts());
            for (token, count) in tally.tokens() {
                self.columns.fill(token, slot, row.weight(count));
            }
            tally.clear();
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let numbers = (self.position_of.capacity() + self.free.capacity()) * size_of::<u32>();
        self.vocabulary.bytes() + self.columns.bytes() + self.weights.bytes() + self.texts.bytes() + numbers
    }

    /// What a text is ranked by: its tokens, in order and as often as they occur.
    pub fn tokens(text: &str) -> Vec<String> {
        vocabulary::tokens(text)
    }
}

impl fmt::Debug for Bm25Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bm25Index").field("texts", &self.len()).finish_non_exhaustive()
    }
}

/// Numbers of texts, words and slots are small; see the limits of [`Bm25Index`].
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Counts the tokens of one text.
#[derive(Debug, Default)]
struct Tally {
    /// By token; 0 outside `seen`.
    counts: Vec<u32>,
    seen: Vec<u32>,
}

impl Tally {
    fn count(&mut self, vocabulary: &Vocabulary, forms: &[u32]) {
        self.counts.resize(vocabulary.tokens().len(), 0);
        for &form in forms {
            let token = vocabulary.token_of(form);
            if let Some(count) = self.counts.get_mut(token as usize) {
                if *count == 0 {
                    self.seen.push(token);
                }
                *count += 1;
            }
        }
    }

    /// The different tokens with their counts.
    fn tokens(&self) -> impl Iterator<Item = (u32, u32)> {
        self.seen.iter().map(|&token| (token, self.counts.get(token as usize).copied().unwrap_or(0)))
    }

    fn counts(&self) -> impl Iterator<Item = u32> {
        self.tokens().map(|(_, count)| count)
    }

    fn clear(&mut self) {
        for token in self.seen.drain(..) {
            if let Some(count) = self.counts.get_mut(token as usize) {
                *count = 0;
            }
        }
    }
}
