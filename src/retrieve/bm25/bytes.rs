//! An index as bytes.
//!
//! ```text
//! magic "RPMBM25\0", version, k1, b, tokens, forms, texts, bytes of tokens, bytes of forms, occurrences (8 bytes)
//! by token: where its word ends; by form: where its word ends; by form: its token
//! by text: how many occurrences; by text and occurrence: the form
//! the words of the tokens, the words of the forms, checksum (8 bytes)
//! ```
//!
//! Numbers are little-endian and take 4 bytes unless said. Tokens and forms are in the order of their bytes, texts in
//! that of their positions, the forms of a text ascending: an index has one spelling. Columns are computed from it, so
//! nothing is said twice.

use super::dictionary::Dictionary;
use super::index::{Bm25Index, NOWHERE, small};
use super::lists::Lists;
use super::vocabulary::Vocabulary;
use super::weights::Parameters;

const MAGIC: [u8; 8] = *b"RPMBM25\0";
/// Goes up when the layout changes, or what a text's tokens are.
const VERSION: u32 = 1;
const HEADER: usize = 48;
const CHECKSUM: usize = 8;

/// Why an index could not be edited or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The index has no such position.
    #[error("position {position} in an index of {len} texts")]
    NoSuchPosition {
        /// The position asked for.
        position: usize,
        /// How many texts there are.
        len: usize,
    },
    /// The bytes do not begin as an index does.
    #[error("the bytes are no index")]
    NotAnIndex,
    /// The bytes are an index of another version of the format; building it from its texts helps.
    #[error("the index has format version {found}, this build reads version {known}")]
    OtherVersion {
        /// The version of the bytes.
        found: u32,
        /// The version that can be read.
        known: u32,
    },
    /// Bytes are missing, or there are too many.
    #[error("the index has {found} bytes instead of {wanted}")]
    WrongSize {
        /// How many there are.
        found: usize,
        /// How many there would have to be.
        wanted: u64,
    },
    /// The bytes contradict themselves.
    #[error("the index is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

impl Bm25Index {
    /// The index as bytes, for [`from_bytes`](Self::from_bytes). Indexes of the same texts with the same parameters have
    /// the same bytes, whatever the edits that led to them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (forms, tokens) = (self.vocabulary.forms(), self.vocabulary.tokens());
        let in_use = in_order(forms, |form| self.vocabulary.uses(form) > 0);
        let mut has_form = vec![false; tokens.len()];
        for &form in &in_use {
            if let Some(has) = has_form.get_mut(self.vocabulary.token_of(form) as usize) {
                *has = true;
            }
        }
        let known = in_order(tokens, |token| has_form.get(token as usize).is_some_and(|&has| has));
        let (form_ranks, token_ranks) = (ranks(&in_use, forms.len()), ranks(&known, tokens.len()));
        let rank = |ranks: &[u32], number: u32| ranks.get(number as usize).copied().unwrap_or(u32::MAX);

        let mut slots: Vec<(u32, u32)> = self.position_of.iter().copied().zip(0..).collect();
        slots.retain(|&(position, _)| position != NOWHERE);
        slots.sort_unstable();
        let mut lengths = Vec::with_capacity(slots.len());
        let mut occurrences: Vec<u32> = Vec::new();
        for &(_, slot) in &slots {
            let (start, text) = (occurrences.len(), self.texts.get(slot));
            occurrences.extend(text.iter().map(|&form| rank(&form_ranks, form)));
            occurrences.get_mut(start..).unwrap_or_default().sort_unstable();
            lengths.push(small(text.len()));
        }

        let (token_ends, token_text) = spelled(tokens, &known);
        let (form_ends, form_text) = spelled(forms, &in_use);
        let token_of: Vec<u32> =
            in_use.iter().map(|&form| rank(&token_ranks, self.vocabulary.token_of(form))).collect();
        let Parameters { k1, b } = self.weights.parameters();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(k1.to_le_bytes());
        bytes.extend(b.to_le_bytes());
        let counts = [known.len(), in_use.len(), slots.len(), token_text.len(), form_text.len()];
        counts.iter().for_each(|&count| bytes.extend(small(count).to_le_bytes()));
        bytes.extend((occurrences.len() as u64).to_le_bytes());
        for numbers in [&token_ends, &form_ends, &token_of, &lengths, &occurrences] {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend(token_text.as_bytes());
        bytes.extend(form_text.as_bytes());
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// The index that [`to_bytes`](Self::to_bytes) wrote. No text is read again.
    ///
    /// # Errors
    /// Every [`IndexError`] but `NoSuchPosition`. A checksum tells chance damage. Bytes made up to deceive can rank badly,
    /// but do no other harm.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(IndexError::NotAnIndex);
        }
        let short = IndexError::WrongSize { found: bytes.len(), wanted: (HEADER + CHECKSUM) as u64 };
        let (all, mut reader) = (bytes.len(), Reader(bytes.get(MAGIC.len()..).unwrap_or_default()));
        let mut next = || reader.number().ok_or_else(|| short.clone());
        let version = next()?;
        if version != VERSION {
            return Err(IndexError::OtherVersion { found: version, known: VERSION });
        }
        let (k1, b) = (f32::from_bits(next()?), f32::from_bits(next()?));
        let [tokens, forms, texts, token_bytes, form_bytes] = [next()?, next()?, next()?, next()?, next()?];
        let occurrences = u64::from(next()?) | u64::from(next()?) << 32;

        let numbers = [tokens, forms, forms, texts].map(u128::from).iter().sum::<u128>() + u128::from(occurrences);
        let wanted = (HEADER + CHECKSUM) as u128 + 4 * numbers + u128::from(token_bytes) + u128::from(form_bytes);
        if wanted != all as u128 {
            return Err(IndexError::WrongSize { found: all, wanted: u64::try_from(wanted).unwrap_or(u64::MAX) });
        }
        let damaged = |what| IndexError::Damaged { what };
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(short)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(damaged("the checksum is another"));
        }
        let parameters = Parameters::new(k1, b);
        if (parameters.k1.to_bits(), parameters.b.to_bits()) != (k1.to_bits(), b.to_bits()) {
            return Err(damaged("a parameter is out of range"));
        }

        // All of these are there, by the check of the size.
        let token_ends = reader.numbers(tokens as usize);
        let form_ends = reader.numbers(forms as usize);
        let token_of = reader.numbers(forms as usize);
        let lengths = reader.numbers(texts as usize);
        let occurrences = reader.numbers(usize::try_from(occurrences).unwrap_or(usize::MAX));
        let tokens = words(reader.take(token_bytes as usize), token_ends).map_err(damaged)?;
        let forms = words(reader.take(form_bytes as usize), form_ends).map_err(damaged)?;

        let mut has_form = vec![false; tokens.len()];
        for &token in &token_of {
            *has_form.get_mut(token as usize).ok_or_else(|| damaged("a form has no token"))? = true;
        }
        if has_form.contains(&false) {
            return Err(damaged("a token has no form"));
        }
        if lengths.iter().map(|&length| u64::from(length)).sum::<u64>() != occurrences.len() as u64 {
            return Err(damaged("the texts have another number of words than there are"));
        }
        let mut vocabulary = Vocabulary::from_parts(tokens, forms, token_of);
        if occurrences.iter().any(|&form| form as usize >= vocabulary.forms().len()) {
            return Err(damaged("a text has an unknown form"));
        }
        occurrences.iter().for_each(|&form| vocabulary.start_using(form));
        if vocabulary.idle() > 0 {
            return Err(damaged("no text has one of the forms"));
        }
        let texts = Lists::cut(occurrences, lengths.into_iter());
        if (0..small(texts.count())).any(|text| !texts.get(text).is_sorted()) {
            return Err(damaged("the forms of a text are out of order"));
        }
        Ok(Self::assemble(vocabulary, texts, parameters))
    }
}

/// The words to keep, in the order of their bytes.
fn in_order(dictionary: &Dictionary, keep: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..small(dictionary.len())).filter(|&number| keep(number)).collect();
    numbers.sort_unstable_by_key(|&number| dictionary.word(number));
    numbers
}

/// By number: its place in the order.
fn ranks(order: &[u32], numbers: usize) -> Vec<u32> {
    let mut ranks = vec![u32::MAX; numbers];
    for (rank, &number) in (0..).zip(order) {
        if let Some(place) = ranks.get_mut(number as usize) {
            *place = rank;
        }
    }
    ranks
}

/// The words one after another, and where each ends.
fn spelled(dictionary: &Dictionary, order: &[u32]) -> (Vec<u32>, String) {
    let mut text = String::new();
    let end_of = |&number: &u32| {
        text.push_str(dictionary.word(number));
        small(text.len())
    };
    let ends = order.iter().map(end_of).collect();
    (ends, text)
}

/// Reads what [`spelled`] gave.
fn words(bytes: &[u8], ends: Vec<u32>) -> Result<Dictionary, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "words are not UTF-8")?;
    let (mut start, mut last) = (0, None);
    for &end in &ends {
        let word = text.get(start..end as usize).ok_or("a word ends where it cannot")?;
        if last.is_some_and(|last| last >= word) {
            return Err("words are out of order");
        }
        (start, last) = (end as usize, Some(word));
    }
    if start != text.len() {
        return Err("there is text after the last word");
    }
    Ok(Dictionary::from_parts(text.to_owned(), ends))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(bytes).unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*number))
    }

    fn numbers(&mut self, count: usize) -> Vec<u32> {
        let (numbers, _) = self.take(count.saturating_mul(4)).as_chunks();
        numbers.iter().map(|number| u32::from_le_bytes(*number)).collect()
    }
}

/// Tells chance damage. In each of four lanes every word of 8 bytes is mixed in reversibly, so that a change to one word
/// alone never goes unseen.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1_u64, 2, 3, 4];
    let mix = |lane: &mut u64, word: u64| *lane = (*lane ^ word).wrapping_mul(FACTOR).rotate_left(29);
    let (rows, rest) = bytes.as_chunks::<32>();
    for row in rows {
        let (words, _) = row.as_chunks();
        lanes.iter_mut().zip(words).for_each(|(lane, word)| mix(lane, u64::from_le_bytes(*word)));
    }
    let mut sum = bytes.len() as u64;
    rest.iter().for_each(|&byte| mix(&mut sum, u64::from(byte)));
    lanes.iter().for_each(|&lane| mix(&mut sum, lane));
    sum
}
