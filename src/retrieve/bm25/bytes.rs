//! An index as bytes.
//!
//! A [container](crate::container) of kind `bm25` with these sections; numbers are little-endian and take 4 bytes:
//!
//! ```text
//! parameters   k1, b
//! ends         by token: where its word ends
//! lengths      by text: how many occurrences
//! occurrences  by text and occurrence: the token
//! words        the tokens' words
//! ```
//!
//! Tokens are in the order of their words' bytes, texts in that of their positions, the tokens of a text ascending: an
//! index has one spelling. Columns are computed from it, so nothing is written twice.

use crate::container::{DamagedFile, Sections, Writer};

use super::dictionary::Dictionary;
use super::error::IndexError;
use super::index::Bm25Index;
use super::lists::Lists;
use super::numbers::{NOWHERE, small};
use super::weights::Parameters;

/// The kind of the container.
const KIND: &str = "bm25";
/// Goes up when the layout changes, or what a text's tokens are. Version 1 had a form of its own.
const VERSION: u32 = 2;

/// The names of the sections.
const PARAMETERS: &str = "parameters";
const ENDS: &str = "ends";
const LENGTHS: &str = "lengths";
const OCCURRENCES: &str = "occurrences";
const WORDS: &str = "words";

impl Bm25Index {
    /// The index as bytes, for [`from_bytes`](Self::from_bytes). Indexes of the same texts with the same parameters have
    /// the same bytes, whatever the edits that led to them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut known: Vec<u32> = (0..small(self.tokens.len())).collect();
        known.retain(|&token| self.columns.items(token) > 0);
        known.sort_unstable_by_key(|&token| self.tokens.word(token));
        let mut ranks = vec![u32::MAX; self.tokens.len()];
        for (rank, &token) in (0..).zip(&known) {
            if let Some(place) = ranks.get_mut(token as usize) {
                *place = rank;
            }
        }

        let mut slots: Vec<(u32, u32)> = self.position_of.iter().copied().zip(0..).collect();
        slots.retain(|&(position, _)| position != NOWHERE);
        slots.sort_unstable();
        let mut lengths = Vec::with_capacity(slots.len());
        let mut occurrences: Vec<u32> = Vec::new();
        for &(_, slot) in &slots {
            let (start, text) = (occurrences.len(), self.texts.get(slot));
            occurrences.extend(text.iter().filter_map(|&token| ranks.get(token as usize).copied()));
            occurrences.get_mut(start..).unwrap_or_default().sort_unstable();
            lengths.push(small(text.len()));
        }

        let mut words = Vec::new();
        let end_of = |&token: &u32| {
            words.extend_from_slice(self.tokens.word(token));
            small(words.len())
        };
        let ends: Vec<u32> = known.iter().map(end_of).collect();
        let Parameters { k1, b } = self.weights.parameters();
        let mut writer = Writer::new(KIND, VERSION);
        writer.section(PARAMETERS, [k1.to_le_bytes(), b.to_le_bytes()].as_flattened());
        for (name, numbers) in [(ENDS, &ends), (LENGTHS, &lengths), (OCCURRENCES, &occurrences)] {
            writer.section_with(name, |bytes| bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes())));
        }
        writer.section(WORDS, &words);
        writer.finish()
    }

    /// The index that [`to_bytes`](Self::to_bytes) wrote. No text is read again.
    ///
    /// # Errors
    /// Every [`IndexError`] but `NoSuchPosition`. A checksum shows chance damage. Bytes made up to deceive can rank badly,
    /// but do no other harm.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexError> {
        let sections = Sections::read(bytes, KIND, VERSION)?;
        let (k1, b) = match numbers(&sections, PARAMETERS)?.as_slice() {
            [k1, b] => (f32::from_bits(*k1), f32::from_bits(*b)),
            _ => return Err(sections.wrong(PARAMETERS, "there are two of them").into()),
        };
        let parameters = Parameters::new(k1, b);
        if (parameters.k1.to_bits(), parameters.b.to_bits()) != (k1.to_bits(), b.to_bits()) {
            return Err(sections.wrong(PARAMETERS, "one is out of range").into());
        }
        let (lengths, occurrences) = (numbers(&sections, LENGTHS)?, numbers(&sections, OCCURRENCES)?);
        let tokens = words(sections.get(WORDS)?, numbers(&sections, ENDS)?);
        let tokens = tokens.map_err(|problem| sections.wrong(WORDS, problem))?;
        let texts = texts(lengths, occurrences, tokens.len());
        let texts = texts.map_err(|problem| sections.wrong(OCCURRENCES, problem))?;
        Ok(Self::assemble(tokens, texts, parameters))
    }
}

/// The numbers of a section.
fn numbers(sections: &Sections<'_>, name: &str) -> Result<Vec<u32>, DamagedFile> {
    match sections.get(name)?.as_chunks() {
        (numbers, []) => Ok(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect()),
        _ => Err(sections.wrong(name, "it is no whole number of numbers")),
    }
}

/// The texts of these lengths, if their tokens are known, used and in order.
fn texts(lengths: Vec<u32>, occurrences: Vec<u32>, tokens: usize) -> Result<Lists<u32>, &'static str> {
    if lengths.iter().map(|&length| u64::from(length)).sum::<u64>() != occurrences.len() as u64 {
        return Err("the texts have another number of tokens than there are");
    }
    let mut used = vec![false; tokens];
    for &token in &occurrences {
        *used.get_mut(token as usize).ok_or("a text has an unknown token")? = true;
    }
    if used.contains(&false) {
        return Err("no text has one of the tokens");
    }
    let texts = Lists::cut(occurrences, lengths.into_iter());
    if (0..small(texts.count())).any(|text| !texts.get(text).is_sorted()) {
        return Err("the tokens of a text are out of order");
    }
    Ok(texts)
}

/// The words of `bytes` that end at `ends`, if they are in order.
fn words(bytes: &[u8], ends: Vec<u32>) -> Result<Dictionary, &'static str> {
    let (mut start, mut last) = (0, None);
    for &end in &ends {
        let word = bytes.get(start..end as usize).ok_or("a word ends where it cannot")?;
        if last.is_some_and(|last| last >= word) {
            return Err("words are out of order");
        }
        (start, last) = (end as usize, Some(word));
    }
    if start != bytes.len() {
        return Err("there are bytes after the last word");
    }
    Ok(Dictionary::from_parts(bytes.to_vec(), ends))
}
