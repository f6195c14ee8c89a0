//! The terms of texts: character 4-grams of words with pairs of words, and the places of factors.

use crate::words::Token;

/// Characters of a term.
const LENGTH: usize = 4;

/// The terms of texts, each text's in ascending order and each once.
///
/// A term of words is the number of a character 4-gram or of a pair of words ([`each_term`]), one of factors the factor's place.
/// Nothing is kept of the words themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    numbers: Vec<u32>,
    /// By text: where its terms end.
    ends: Vec<usize>,
}

impl Terms {
    pub(super) fn of_places(rows: &[Vec<usize>]) -> Self {
        let mut terms = Self::default();
        for row in rows {
            terms.push(row.iter().filter_map(|place| u32::try_from(*place).ok()));
        }
        terms
    }

    pub(super) fn push(&mut self, terms: impl IntoIterator<Item = u32>) {
        self.numbers.extend(terms);
        self.ends.push(self.numbers.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The terms of a text.
    pub(super) fn of(&self, text: usize) -> &[u32] {
        let end = |text: Option<usize>| text.and_then(|text| self.ends.get(text)).copied().unwrap_or_default();
        self.numbers.get(end(text.checked_sub(1))..end(Some(text))).unwrap_or_default()
    }

    /// Those of the texts behind the first ones.
    pub(super) fn without_first(&self, texts: usize) -> Self {
        let mut kept = Self::default();
        for text in texts..self.len() {
            kept.push(self.of(text).iter().copied());
        }
        kept
    }
}

/// The terms of words, ascending, each once.
pub(super) fn terms_of(words: &[Token]) -> Vec<u32> {
    let mut terms: Vec<u32> = Vec::with_capacity(words.len() * 6);
    each_term(words, |term, _| terms.push(term));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Visits the terms of words, each with the number of the word it is of, or begins with: the character 4-grams of every word
/// with a mark at either end, so that `sea` has `^sea` and `sea$`, and every two words that follow each other.
///
/// Inflected and compound words share most of their 4-grams, in any language that is written in letters, so nothing need be
/// known of its grammar. The number of a term is a hash of 32 bits (FNV-1a).
pub(super) fn each_term(words: &[Token], mut visit: impl FnMut(u32, usize)) {
    for (number, token) in words.iter().enumerate() {
        grams(&token.word, |gram| visit(gram, number));
        if let Some(next) = words.get(number + 1) {
            visit(hash(token.word.bytes().chain([BETWEEN]).chain(next.word.bytes())), number);
        }
    }
}

/// Stands in no word.
const BETWEEN: u8 = 0x01;
const BEGIN: char = '\u{2}';
const END: char = '\u{3}';

fn grams(word: &str, mut visit: impl FnMut(u32)) {
    let mut last = [BEGIN; LENGTH];
    let mut seen = 1;
    for letter in word.chars().chain([END]) {
        last.rotate_left(1);
        if let Some(slot) = last.last_mut() {
            *slot = letter;
        }
        seen += 1;
        if seen >= LENGTH {
            visit(hash(last.iter().flat_map(|letter| u32::from(*letter).to_le_bytes())));
        }
    }
    if seen < LENGTH {
        visit(hash(last.iter().flat_map(|letter| u32::from(*letter).to_le_bytes())));
    }
}

fn hash(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::tokens;

    fn shared(a: &str, b: &str) -> usize {
        let (a, b) = (terms_of(&tokens(a)), terms_of(&tokens(b)));
        a.iter().filter(|term| b.binary_search(term).is_ok()).count()
    }

    #[test]
    fn inflected_and_compound_words_share_most_grams_and_other_words_none() {
        assert_eq!(shared("sea", "sea"), 2);
        assert!(shared("election", "elections") >= 6);
        assert!(shared("Kernkraft", "Kernkraftwerke") >= 6);
        assert_eq!(shared("election", "harbour"), 0);
        assert_eq!((terms_of(&tokens("a")).len(), terms_of(&tokens("é")).len(), terms_of(&[]).len()), (1, 1, 0));
    }
}
