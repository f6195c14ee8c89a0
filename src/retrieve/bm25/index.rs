//! The index of texts, with its edits.

use std::fmt;

use crate::pause::{Pace, at_once, pause};

use super::columns::Columns;
use super::dictionary::Dictionary;
use super::error::IndexError;
use super::lists::Lists;
use super::numbers::{NOWHERE, counts, small};
use super::vocabulary::{self, Reader, Room, each_token};
use super::weights::{Parameters, Weights, average_length};

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
/// A posting (a text has a token) takes 8 bytes, an occurrence 4, a text 20, a different token some 50. A token that more
/// than one text in eight has takes 4 bytes for every text instead of its postings. Each thread that uses an index keeps
/// 400 KB for words it has met, and each that ranks 4 bytes for each text and token of the largest index it ranked.
///
/// # Limits
/// 4,294,967,294 texts and as many different tokens; what comes after is not found.
///
/// # Examples
/// ```
/// use rpm_core::retrieve::Bm25Index;
///
/// let mut index = Bm25Index::build(["a slow plot", "a great cast"], 1.2, 0.75);
/// index.insert(0, "slow, slower, slowest")?;
/// let best = index.rank("How slow is the plot?", 10);
/// assert_eq!(best.iter().map(|hit| hit.position).collect::<Vec<_>>(), [1, 0]);
/// assert_eq!(Bm25Index::from_bytes(&index.to_bytes())?.rank("How slow is the plot?", 10), best);
/// # Ok::<(), rpm_core::retrieve::IndexError>(())
/// ```
#[derive(Clone)]
pub struct Bm25Index {
    pub(super) tokens: Dictionary,
    pub(super) columns: Columns,
    pub(super) weights: Weights,
    /// By slot: the text's tokens, as often as they occur, ascending. A slot stays a text's own until it is removed.
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
        let mut texts_read = Texts::default();
        texts.into_iter().for_each(|text| texts_read.read(text.as_ref()));
        at_once(texts_read.indexed_in_steps(Parameters::new(k1, b)))
    }

    /// An index of texts that have all of the tokens, text *i* in slot *i*.
    pub(super) fn assemble(tokens: Dictionary, texts: Lists<u32>, parameters: Parameters) -> Self {
        let mut index = Self::unweighed(tokens, texts, parameters);
        at_once(index.weigh_in_steps());
        index
    }

    fn unweighed(tokens: Dictionary, texts: Lists<u32>, parameters: Parameters) -> Self {
        let position_of: Vec<u32> = (0..small(texts.count())).collect();
        let occurrences = position_of.iter().map(|&slot| texts.get(slot).len() as u64).sum();
        let weights = Weights::new(parameters, average_length(position_of.len(), occurrences));
        let (columns, free) = (Columns::default(), Vec::new());
        Self { tokens, columns, weights, texts, position_of, free, occurrences }
    }

    /// The number of texts.
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
        let mut tokens = Vec::new();
        Room::lend(|room| each_token(text, room, |token, hash| tokens.push(self.tokens.number(token, hash))));
        tokens.sort_unstable();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.columns.add_slot();
            self.texts.add();
            self.position_of.push(NOWHERE);
            small(self.position_of.len() - 1)
        });
        self.texts.set(slot, &tokens);
        self.occurrences += tokens.len() as u64;
        let position = small(position);
        for other in &mut self.position_of {
            *other += u32::from(*other >= position && *other != NOWHERE);
        }
        if let Some(place) = self.position_of.get_mut(slot as usize) {
            *place = position;
        }
        self.columns.add_tokens(self.tokens.len());
        if !self.average_moved() {
            let row = self.weights.ready(&tokens);
            for (token, count) in counts(&tokens) {
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
        let tokens = self.texts.get(slot);
        self.occurrences -= tokens.len() as u64;
        for (token, _) in counts(tokens) {
            self.columns.remove(token, slot);
        }
        self.texts.set(slot, &[]);
        self.free.push(slot);
        if !self.tidied() {
            self.average_moved();
        }
        Ok(())
    }

    /// When most slots or tokens are those of texts that are gone, starts afresh without them.
    fn tidied(&mut self) -> bool {
        const SPARE: usize = 64;
        let (slots, tokens) = (self.position_of.len(), self.tokens.len());
        let due = self.free.len() > slots / 2 + SPARE || self.columns.idle() > tokens / 2 + 16 * SPARE;
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
            at_once(self.weigh_in_steps());
        }
        moved
    }

    /// Computes all columns from the texts' tokens, with pauses.
    async fn weigh_in_steps(&mut self) {
        let mut items = vec![0_u32; self.tokens.len()];
        let slots = 0..small(self.texts.count());
        let mut pace = Pace::default();
        for slot in slots.clone() {
            pace.step(self.texts.get(slot).len()).await;
            for (token, _) in counts(self.texts.get(slot)) {
                if let Some(items) = items.get_mut(token as usize) {
                    *items += 1;
                }
            }
        }
        self.columns = Columns::with_counts(&items, self.texts.count());
        pause().await;
        for slot in slots {
            pace.step(4 * self.texts.get(slot).len()).await;
            let tokens = self.texts.get(slot);
            let row = self.weights.ready(tokens);
            for (token, count) in counts(tokens) {
                self.columns.fill(token, slot, row.weight(count));
            }
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let numbers = (self.position_of.capacity() + self.free.capacity()) * size_of::<u32>();
        self.tokens.bytes() + self.columns.bytes() + self.weights.bytes() + self.texts.bytes() + numbers
    }

    /// The tokens by which a text is ranked, in order and as often as they occur.
    pub fn tokens(text: &str) -> Vec<String> {
        vocabulary::tokens(text)
    }
}

/// Texts that are read, to become an index.
#[derive(Default)]
pub(super) struct Texts {
    reader: Reader,
    occurrences: Vec<u32>,
    lengths: Vec<u32>,
}

impl Texts {
    /// Reads a text, which comes after the others.
    pub(super) fn read(&mut self, text: &str) {
        let start = self.occurrences.len();
        self.reader.read(text, &mut self.occurrences);
        let own = self.occurrences.get_mut(start..).unwrap_or_default();
        own.sort_unstable();
        self.lengths.push(small(own.len()));
    }

    /// The index of the texts, made with pauses.
    pub(super) async fn indexed_in_steps(self, parameters: Parameters) -> Bm25Index {
        let texts = Lists::cut(self.occurrences, self.lengths.into_iter());
        let mut index = Bm25Index::unweighed(self.reader.tokens, texts, parameters);
        index.weigh_in_steps().await;
        index
    }
}

impl fmt::Debug for Bm25Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bm25Index").field("texts", &self.len()).finish_non_exhaustive()
    }
}
