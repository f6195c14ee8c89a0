//! An index as bytes.
//!
//! A [container](crate::container) of kind `bm25` with these sections. Parameters are little-endian and take 4 bytes; all other
//! numbers take a byte for each 7 bits, the lowest first, with the high bit set in all but the last (LEB128).
//!
//! ```text
//! parameters   k1, b
//! letters      by token: the bytes of its word
//! lengths      by text: how many occurrences
//! occurrences  by text and occurrence: the token, less the one before it in the text
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
/// Goes up when the layout changes, or what a text's tokens are. Version 1 had a form of its own, and numbers of version 2 took
/// 4 bytes.
pub(super) const VERSION: u32 = 3;

/// The names of the sections.
const PARAMETERS: &str = "parameters";
const LETTERS: &str = "letters";
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
            let own = occurrences.get_mut(start..).unwrap_or_default();
            own.sort_unstable();
            let mut last = 0;
            for token in own {
                let here = *token;
                *token -= last;
                last = here;
            }
            lengths.push(small(text.len()));
        }

        let letters: Vec<u32> = known.iter().map(|&token| small(self.tokens.word(token).len())).collect();
        let words: Vec<u8> = known.iter().flat_map(|&token| self.tokens.word(token)).copied().collect();
        let Parameters { k1, b } = self.weights.parameters();
        let mut writer = Writer::new(KIND, VERSION);
        writer.section(PARAMETERS, [k1.to_le_bytes(), b.to_le_bytes()].as_flattened());
        for (name, numbers) in [(LETTERS, &letters), (LENGTHS, &lengths), (OCCURRENCES, &occurrences)] {
            writer.section_with(name, |bytes| numbers.iter().for_each(|number| write(*number, bytes)));
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
        let (k1, b) = match sections.get(PARAMETERS)?.as_chunks() {
            ([k1, b], []) => (f32::from_le_bytes(*k1), f32::from_le_bytes(*b)),
            _ => return Err(sections.wrong(PARAMETERS, "there are two of them").into()),
        };
        let parameters = Parameters::new(k1, b);
        if (parameters.k1.to_bits(), parameters.b.to_bits()) != (k1.to_bits(), b.to_bits()) {
            return Err(sections.wrong(PARAMETERS, "one is out of range").into());
        }
        let (lengths, occurrences) = (numbers(&sections, LENGTHS)?, numbers(&sections, OCCURRENCES)?);
        let tokens = words(sections.get(WORDS)?, &numbers(&sections, LETTERS)?);
        let tokens = tokens.map_err(|problem| sections.wrong(WORDS, problem))?;
        let texts = texts(lengths, occurrences, tokens.len());
        let texts = texts.map_err(|problem| sections.wrong(OCCURRENCES, problem))?;
        Ok(Self::assemble(tokens, texts, parameters))
    }
}

/// The numbers of a section.
fn numbers(sections: &Sections<'_>, name: &str) -> Result<Vec<u32>, DamagedFile> {
    let (bytes, mut at) = (sections.get(name)?, 0);
    let mut numbers = Vec::with_capacity(bytes.len());
    while at < bytes.len() {
        let number = read(bytes, &mut at);
        numbers.push(number.ok_or_else(|| sections.wrong(name, "a number is cut, too large or spelled too long"))?);
    }
    Ok(numbers)
}

fn write(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// The number that begins here, which is left behind; `None` unless it is spelled as [`write`] does.
fn read(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut number = 0_u64;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok().filter(|_| byte > 0 || shift == 0);
        }
    }
    None
}

/// The texts of these lengths, if their tokens are known and used.
fn texts(lengths: Vec<u32>, mut occurrences: Vec<u32>, tokens: usize) -> Result<Lists<u32>, &'static str> {
    if lengths.iter().map(|&length| u64::from(length)).sum::<u64>() != occurrences.len() as u64 {
        return Err("the texts have another number of tokens than there are");
    }
    let mut rest = occurrences.as_mut_slice();
    for length in &lengths {
        let (text, others) = rest.split_at_mut_checked(*length as usize).unwrap_or_default();
        let mut last = 0_u32;
        for token in text {
            *token = token.checked_add(last).ok_or("a text has an unknown token")?;
            last = *token;
        }
        rest = others;
    }
    let mut used = vec![false; tokens];
    for &token in &occurrences {
        *used.get_mut(token as usize).ok_or("a text has an unknown token")? = true;
    }
    if used.contains(&false) {
        return Err("no text has one of the tokens");
    }
    Ok(Lists::cut(occurrences, lengths.into_iter()))
}

/// The words of `bytes`, of so many bytes each, if they are in order.
fn words(bytes: &[u8], letters: &[u32]) -> Result<Dictionary, &'static str> {
    let (mut rest, mut last, mut ends) = (bytes, None, Vec::with_capacity(letters.len()));
    for &letters in letters {
        let (word, others) = rest.split_at_checked(letters as usize).ok_or("a word ends where it cannot")?;
        if last.is_some_and(|last| last >= word) {
            return Err("words are out of order");
        }
        (rest, last) = (others, Some(word));
        ends.push(small(bytes.len() - rest.len()));
    }
    if !rest.is_empty() {
        return Err("there are bytes after the last word");
    }
    Ok(Dictionary::from_parts(bytes.to_vec(), ends))
}
