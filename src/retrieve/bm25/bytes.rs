//! An index as bytes.
//!
//! ```text
//! magic "RPMBM25\0", version, k1, b, tokens, texts, bytes of the tokens' words, occurrences (8 bytes)
//! by token: where its word ends; by text: how many occurrences; by text and occurrence: the token
//! the words, checksum (8 bytes)
//! ```
//!
//! Numbers are little-endian and take 4 bytes unless said. Tokens are in the order of their words' bytes, texts in that of
//! their positions, the tokens of a text ascending: an index has one spelling. Columns are computed from it, so nothing is
//! said twice.

use super::dictionary::Dictionary;
use super::index::{Bm25Index, NOWHERE, small};
use super::lists::Lists;
use super::weights::Parameters;

const MAGIC: [u8; 8] = *b"RPMBM25\0";
/// Goes up when the layout changes, or what a text's tokens are.
const VERSION: u32 = 1;
const HEADER: usize = 40;
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
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(k1.to_le_bytes());
        bytes.extend(b.to_le_bytes());
        let counts = [known.len(), slots.len(), words.len()];
        bytes.extend(counts.iter().flat_map(|&count| small(count).to_le_bytes()));
        bytes.extend((occurrences.len() as u64).to_le_bytes());
        for numbers in [&ends, &lengths, &occurrences] {
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        bytes.extend(words);
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
        let [tokens, texts, word_bytes] = [next()?, next()?, next()?];
        let occurrences = u64::from(next()?) | u64::from(next()?) << 32;

        let numbers = u128::from(tokens) + u128::from(texts) + u128::from(occurrences);
        let wanted = (HEADER + CHECKSUM) as u128 + 4 * numbers + u128::from(word_bytes);
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
        let ends = reader.numbers(tokens as usize);
        let lengths = reader.numbers(texts as usize);
        let occurrences = reader.numbers(usize::try_from(occurrences).unwrap_or(usize::MAX));
        let tokens = words(reader.take(word_bytes as usize), ends).map_err(damaged)?;

        if lengths.iter().map(|&length| u64::from(length)).sum::<u64>() != occurrences.len() as u64 {
            return Err(damaged("the texts have another number of tokens than there are"));
        }
        let mut used = vec![false; tokens.len()];
        for &token in &occurrences {
            *used.get_mut(token as usize).ok_or_else(|| damaged("a text has an unknown token"))? = true;
        }
        if used.contains(&false) {
            return Err(damaged("no text has one of the tokens"));
        }
        let texts = Lists::cut(occurrences, lengths.into_iter());
        if (0..small(texts.count())).any(|text| !texts.get(text).is_sorted()) {
            return Err(damaged("the tokens of a text are out of order"));
        }
        Ok(Self::assemble(tokens, texts, parameters))
    }
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

/// Tells chance damage: CRC-32 in the low half.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    u64::from(crc32fast::hash(bytes))
}
