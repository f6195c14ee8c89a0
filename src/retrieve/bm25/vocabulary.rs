//! From text to tokens, the same for every index.

use std::cell::RefCell;

use crate::words::{each_word, is_stop_word, stem};

use super::dictionary::{Dictionary, WordHash};

/// Shows each token of a text with its hash, in order and as often as it occurs: the stems of its words, stop words left
/// out, negations kept.
///
/// Stemming costs more than all else, so each thread remembers the tokens of some thousands of words, whoever's they
/// were. That changes the time only.
pub(super) fn each_token(text: &str, room: &mut Room, mut show: impl FnMut(&[u8], WordHash)) {
    let Room { text: scratch, memo } = room;
    memo.resize(WAYS * SETS, Remembered::default());
    each_word(text, scratch, |word| {
        let Some(short) = Short::new(word) else {
            if !is_stop_word(word) {
                let stem = stem(word);
                show(stem.as_bytes(), WordHash::of(stem.as_bytes()));
            }
            return;
        };
        let start = short.set() * WAYS;
        let Some([first, second]) = memo.get_mut(start..).and_then(<[_]>::first_chunk_mut::<WAYS>) else { return };
        let known = if first.word == short {
            first
        } else if second.word == short {
            second
        } else {
            *second = *first;
            *first = Remembered::learn(word, short);
            first
        };
        if known.len > 0 {
            let bytes = known.token.0.to_le_bytes();
            show(bytes.get(..usize::from(known.len)).unwrap_or_default(), known.hash);
        }
    });
}

/// Words in a set of the memo.
const WAYS: usize = 2;
/// Sets of the memo, a power of two.
const SETS: usize = 1 << 12;

/// The room that reading a text takes.
#[derive(Default)]
pub(super) struct Room {
    text: String,
    /// In sets of [`WAYS`].
    memo: Vec<Remembered>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

impl Room {
    /// Lends the thread's own. It is taken, not borrowed: whoever asks in between gets another.
    pub(super) fn lend<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut room = ROOM.try_with(RefCell::take).unwrap_or_default();
        let result = work(&mut room);
        let _ = ROOM.try_with(|kept| kept.replace(room));
        result
    }
}

/// The outcome of reading a word: its token, or nothing for a stop word.
#[derive(Clone, Copy, Default)]
struct Remembered {
    word: Short,
    token: Short,
    hash: WordHash,
    /// The token's bytes; 0 for a stop word.
    len: u8,
}

impl Remembered {
    fn learn(word: &str, short: Short) -> Self {
        let stem = if is_stop_word(word) { String::new() } else { stem(word) };
        // A stem is no longer than its word.
        let (token, len) = (Short::new(&stem).unwrap_or_default(), u8::try_from(stem.len()).unwrap_or(0));
        Self { word: short, token, hash: WordHash::of(stem.as_bytes()), len }
    }
}

/// A text of up to 16 bytes, zeros behind it. No word has a zero in it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Short(u128);

impl Short {
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(u128::from_le_bytes(bytes)))
    }

    /// Its set in the memo.
    fn set(self) -> usize {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        #[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let mixed = (low.wrapping_mul(FACTOR).rotate_left(32) ^ high).wrapping_mul(FACTOR);
        usize::try_from(mixed >> 40).unwrap_or_default() % SETS
    }
}

/// The tokens of a text, in order and as often as they occur.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    Room::lend(|room| each_token(text, room, |token, _| tokens.push(String::from_utf8_lossy(token).into_owned())));
    tokens
}

/// Numbers the tokens of many texts: each different word is stemmed once.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) tokens: Dictionary,
    words: Dictionary,
    /// By word: its token, none for a stop word.
    token_of: Vec<Option<u32>>,
    text: String,
}

impl Reader {
    /// Puts the numbers of a text's tokens behind the others.
    pub(super) fn read(&mut self, text: &str, numbers: &mut Vec<u32>) {
        let Self { tokens, words, token_of, text: scratch } = self;
        each_word(text, scratch, |word| {
            let number = words.number(word.as_bytes(), WordHash::of(word.as_bytes()));
            if number as usize == token_of.len() {
                token_of.push((!is_stop_word(word)).then(|| {
                    let stem = stem(word);
                    tokens.number(stem.as_bytes(), WordHash::of(stem.as_bytes()))
                }));
            }
            numbers.extend(token_of.get(number as usize).copied().flatten());
        });
    }
}
