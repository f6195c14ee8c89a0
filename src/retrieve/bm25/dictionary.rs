//! Numbers for words, no two words the same.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Differs between processes, so that nobody can prepare words that all fall into one place. No result depends on it.
static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0_u8));

/// A word's hash, the same in every dictionary of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WordHash(u32);

impl WordHash {
    pub(super) fn of(word: &[u8]) -> Self {
        let mut hash = *SEED ^ word.len() as u64;
        let (eights, rest) = word.as_chunks::<8>();
        for eight in eights {
            hash = mix(hash ^ u64::from_le_bytes(*eight));
        }
        let rest = rest.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is the hash")]
        Self(mix(hash ^ rest) as u32)
    }
}

/// The product's halves folded together, as wyhash does.
fn mix(bits: u64) -> u64 {
    let product = u128::from(bits) * 0x9e37_79b9_7f4a_7c15;
    #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// Words numbered from 0 in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Dictionary {
    /// The words, one after another.
    text: Vec<u8>,
    /// By word: the byte after its last.
    ends: Vec<u32>,
    /// Open addressing, at most half full: 0 or a word's number + 1, with its hash.
    table: Vec<(u32, u32)>,
}

impl Dictionary {
    /// The words of `text` that end at `ends`. The caller knows that they differ.
    pub(super) fn from_parts(text: Vec<u8>, ends: Vec<u32>) -> Self {
        let table = Self::table_for(ends.len());
        let mut dictionary = Self { text, ends, table };
        for number in (0..).take(dictionary.ends.len()) {
            dictionary.place(number, WordHash::of(dictionary.word(number)));
        }
        dictionary
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn word(&self, number: u32) -> &[u8] {
        let end_of = |number: u32| self.ends.get(number as usize).map_or(0, |&end| end as usize);
        let start = number.checked_sub(1).map_or(0, end_of);
        self.text.get(start..end_of(number)).unwrap_or_default()
    }

    pub(super) fn find(&self, word: &[u8], hash: WordHash) -> Option<u32> {
        let mask = self.table.len().wrapping_sub(1);
        let mut place = hash.0 as usize & mask;
        while let Some(&(taken, other)) = self.table.get(place) {
            let number = taken.checked_sub(1)?;
            if other == hash.0 && self.word(number) == word {
                return Some(number);
            }
            place = (place + 1) & mask;
        }
        None
    }

    /// The word's number, a new one if it has none.
    pub(super) fn number(&mut self, word: &[u8], hash: WordHash) -> u32 {
        self.find(word, hash).unwrap_or_else(|| {
            let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
            self.text.extend_from_slice(word);
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
            if self.ends.len() * 2 > self.table.len() {
                for (taken, hash) in std::mem::replace(&mut self.table, Self::table_for(self.ends.len())) {
                    if let Some(number) = taken.checked_sub(1) {
                        self.place(number, WordHash(hash));
                    }
                }
            }
            self.place(number, hash);
            number
        })
    }

    /// An empty table that so many words fill by a quarter to a half.
    fn table_for(words: usize) -> Vec<(u32, u32)> {
        vec![(0, 0); (words * 2 + 1).next_power_of_two().max(16)]
    }

    fn place(&mut self, number: u32, hash: WordHash) {
        let mask = self.table.len().wrapping_sub(1);
        let mut place = hash.0 as usize & mask;
        while let Some(entry) = self.table.get_mut(place) {
            if entry.0 == 0 {
                *entry = (number.saturating_add(1), hash.0);
                return;
            }
            place = (place + 1) & mask;
        }
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>() + self.table.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_word_has_one_number_and_every_number_one_word(words in prop::collection::vec("[a-c]{0,3}|\\PC{0,20}", 0..200)) {
            let (mut dictionary, mut model) = (Dictionary::default(), BTreeMap::new());
            for word in &words {
                let next = u32::try_from(model.len()).unwrap();
                let expected = *model.entry(word).or_insert(next);
                prop_assert_eq!(dictionary.number(word.as_bytes(), WordHash::of(word.as_bytes())), expected);
            }
            let copy = Dictionary::from_parts(dictionary.text.clone(), dictionary.ends.clone());
            for (word, &number) in &model {
                prop_assert_eq!(copy.find(word.as_bytes(), WordHash::of(word.as_bytes())), Some(number));
                prop_assert_eq!(dictionary.word(number), word.as_bytes());
            }
            prop_assert_eq!(dictionary.find(b"never given", WordHash::of(b"never given")), None);
        }
    }
}
