//! Searching for pieces of text, many at once, in text that comes block by block.

use std::collections::{BTreeSet, HashMap};

use crate::pause::Pace;

use super::probe::{EDGE, Needles, RUN};

/// Bytes of a piece by which it is told whether one may begin at a place.
const START: usize = 4;
/// The longest piece that is found by its start.
const LONGEST: usize = 63;
/// Bytes of text without an edge that are held at most before they are searched.
const HELD: usize = 1 << 18;

/// Short texts to be found, in time that does not grow with their number.
#[derive(Default)]
pub(super) struct Pieces {
    all: BTreeSet<String>,
    /// By the start of a piece: the lengths of those that begin so, as bits.
    lengths: HashMap<[u8; START], u64>,
    /// Too short or too long to be found by their start.
    odd: BTreeSet<String>,
}

impl Pieces {
    pub(super) fn of(all: BTreeSet<String>) -> Self {
        let (mut lengths, mut odd) = (HashMap::new(), BTreeSet::new());
        for piece in &all {
            match piece.as_bytes().first_chunk::<START>().filter(|_| piece.len() <= LONGEST) {
                Some(start) => *lengths.entry(*start).or_default() |= 1_u64 << piece.len(),
                None => drop(odd.insert(piece.clone())),
            }
        }
        Self { all, lengths, odd }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Tells every place where one stands in this text, which is in lower case.
    pub(super) fn each_in<'t>(&self, text: &'t str, mut found: impl FnMut(&'t str)) {
        if self.all.is_empty() {
            return;
        }
        for (place, start) in text.as_bytes().windows(START).enumerate() {
            let Some(mut lengths) = start.first_chunk().and_then(|start| self.lengths.get(start)).copied() else {
                continue;
            };
            while lengths != 0 {
                let length = lengths.trailing_zeros() as usize;
                lengths &= lengths - 1;
                if let Some(piece) = text.get(place..place + length).filter(|piece| self.all.contains(*piece)) {
                    found(piece);
                }
            }
        }
        for odd in &self.odd {
            text.matches(odd.as_str()).for_each(&mut found);
        }
    }

    /// Takes out those that stand in any of these texts, with pauses.
    pub(super) async fn without_in_steps(mut self, texts: impl Iterator<Item = String> + Send) -> Self {
        let (mut known, mut pace): (BTreeSet<String>, _) = (BTreeSet::new(), Pace::default());
        for text in texts {
            pace.step(text.len()).await;
            let text = text.to_lowercase();
            self.each_in(&text, |piece| {
                known.insert(piece.to_owned());
            });
            if known.len() == self.all.len() {
                break;
            }
        }
        self.all.retain(|piece| !known.contains(piece));
        Self::of(self.all)
    }
}

/// A search for removed text in bytes that come block by block: text that stands in JSON, or in JSON within JSON, is found as well. Holds
/// one text at a time.
pub(crate) struct Search<'n> {
    needles: &'n Needles,
    /// The beginning of a character whose rest is in the next block.
    pending: Vec<u8>,
    is_escaped: bool,
    /// The text since the last edge.
    held: String,
    bytes: u64,
    found: usize,
}

impl<'n> Search<'n> {
    pub(crate) fn new(needles: &'n Needles) -> Self {
        Self { needles, pending: Vec::new(), is_escaped: false, held: String::new(), bytes: 0, found: 0 }
    }

    /// Searches the next block.
    pub(crate) fn read(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        let mut bytes = std::mem::take(&mut self.pending);
        let joined = if bytes.is_empty() {
            block
        } else {
            bytes.extend_from_slice(block);
            &bytes
        };
        let mut chunks = joined.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            chunk.valid().chars().for_each(|c| self.take(c));
            match chunk.invalid() {
                [] => {}
                cut if chunks.peek().is_none() && cut.len() < 4 => self.pending = cut.to_vec(),
                _ => self.take(char::REPLACEMENT_CHARACTER),
            }
        }
    }

    /// The number of bytes that were searched, and in how many places one was found.
    pub(crate) fn end(mut self) -> (u64, usize) {
        self.look(0);
        (self.bytes, self.found)
    }

    /// Takes a character in its bare form: without white space, with an edge for what JSON escapes.
    fn take(&mut self, c: char) {
        match c {
            '\\' => self.is_escaped = true,
            // The name of a control character.
            'n' | 't' | 'r' | 'b' | 'f' if self.is_escaped => self.is_escaped = false,
            c => {
                if self.is_escaped || c == '"' {
                    // Nothing is searched for across an edge.
                    self.look(0);
                }
                self.is_escaped = false;
                if c != '"' && c != EDGE && !c.is_control() && !c.is_whitespace() {
                    self.held.push(c);
                    if self.held.len() >= HELD {
                        self.look(RUN - 1);
                    }
                }
            }
        }
    }

    /// Searches the text that is held, and keeps its end of about so many bytes, in which something may begin.
    fn look(&mut self, keep: usize) {
        if !self.held.is_empty() {
            self.found += self.needles.found_in_bare(&self.held);
        }
        let least = self.held.len().saturating_sub(keep);
        let from = (0..=least).rev().find(|place| self.held.is_char_boundary(*place)).unwrap_or_default();
        drop(self.held.drain(..from));
    }
}
