//! The weight of a token in an item: the part of BM25 that needs no other item.

use std::collections::HashMap;

use bm25::{EmbedderBuilder, TokenEmbedder, Tokenizer};

use super::numbers::{counts, small};

/// BM25's two parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parameters {
    /// The saturation of repeated tokens: the smaller, the sooner a repeated token stops counting. From 0 to 1,000.
    pub(super) k1: f32,
    /// The normalization by length: how far long items are held back. From 0 to 1.
    pub(super) b: f32,
}

impl Parameters {
    pub(super) const DEFAULT: Self = Self { k1: 1.2, b: 0.75 };
    /// Far beyond this, a weight would overflow.
    const MOST: f32 = 1_000.0;

    /// The nearest parameters that are allowed: `k1` from 0 to 1,000, `b` from 0 to 1; the defaults for what is not finite.
    pub(super) fn new(k1: f32, b: f32) -> Self {
        let k1 = if k1.is_finite() { k1.clamp(0.0, Self::MOST) } else { Self::DEFAULT.k1 };
        let b = if b.is_finite() { b.clamp(0.0, 1.0) } else { Self::DEFAULT.b };
        // A negative zero would be other bytes and another fingerprint.
        Self { k1: k1 + 0.0, b: b + 0.0 }
    }
}

/// The mean number of tokens of an item, at least 1, to the nearest sixteenth of the power of two below it.
///
/// That is at most 1/32 (3.2 %) away from the mean, and an edit seldom changes it. It depends on the items alone.
pub(super) fn average_length(items: usize, tokens: u64) -> f32 {
    /// Of the 52 bits of a float's fraction, 4 stay.
    const DROPPED: u32 = 48;
    let mean = (tokens as f64 / items.max(1) as f64).max(1.0);
    let rounded = (mean.to_bits() + (1 << (DROPPED - 1))) & !((1 << DROPPED) - 1);
    #[expect(clippy::cast_possible_truncation, reason = "a short fraction and a small exponent")]
    let average = f64::from_bits(rounded) as f32;
    average
}

/// The weights of the `bm25` crate's embedder, each asked for once: they depend on nothing but the length of an item and
/// how often it has the token.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    parameters: Parameters,
    average: f32,
    /// By length: count and weight, by count; 0 weighs 0.
    rows: HashMap<u32, Vec<(u32, f32)>>,
}

impl Weights {
    pub(super) fn new(parameters: Parameters, average: f32) -> Self {
        Self { parameters, average, rows: HashMap::new() }
    }

    pub(super) fn parameters(&self) -> Parameters {
        self.parameters
    }

    pub(super) fn average(&self) -> f32 {
        self.average
    }

    /// The weights of a text with these tokens, given ascending; those that are missing are asked for.
    pub(super) fn ready(&mut self, tokens: &[u32]) -> Row<'_> {
        let length = small(tokens.len());
        let row = self.rows.entry(length).or_insert_with(|| vec![(0, 0.0)]);
        let counts = counts(tokens).map(|(_, count)| count);
        let mut missing: Vec<u32> = counts.filter(|&count| Row(row).find(count).is_none()).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            missing.dedup();
            // Small counts come with them as far as the length allows: others will ask for these.
            let mut used: u64 = missing.iter().map(|&count| u64::from(count)).sum();
            missing.extend((1..=length).take_while(|&count| {
                used += u64::from(count);
                used <= u64::from(length)
            }));
            missing.sort_unstable();
            missing.dedup();
            let Parameters { k1, b } = self.parameters;
            let embedder = EmbedderBuilder::<Count, Sketch>::with_avgdl(self.average).k1(k1).b(b).build();
            let embedding = embedder.embed(&Sketch::of(length, &missing)).0;
            row.extend(
                embedding.into_iter().filter(|entry| entry.index.0 > 0).map(|entry| (entry.index.0, entry.value)),
            );
            row.sort_unstable_by_key(|&(count, _)| count);
            row.dedup();
        }
        Row(row)
    }

    /// The weights of a text with these tokens that are ready.
    pub(super) fn row(&self, tokens: &[u32]) -> Row<'_> {
        Row(self.rows.get(&small(tokens.len())).map_or(&[], Vec::as_slice))
    }

    /// Bytes on the heap, nearly.
    pub(super) fn bytes(&self) -> usize {
        let rows: usize = self.rows.values().map(|row| row.capacity() * size_of::<(u32, f32)>()).sum();
        rows + self.rows.capacity() * size_of::<(u32, Vec<(u32, f32)>)>()
    }
}

/// The weights of items of one length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a>(&'a [(u32, f32)]);

impl Row<'_> {
    fn find(self, count: u32) -> Option<f32> {
        // As a rule the counts from 0 to the greatest are all there.
        match self.0.get(count as usize) {
            Some(&(other, weight)) if other == count => Some(weight),
            _ => {
                let at = self.0.binary_search_by_key(&count, |&(count, _)| count).ok()?;
                self.0.get(at).map(|&(_, weight)| weight)
            }
        }
    }

    /// The weight of a token that occurs so often; 0 if that is not ready.
    pub(super) fn weight(self, count: u32) -> f32 {
        self.find(count).unwrap_or(0.0)
    }
}

/// The number of times that a token occurs, standing for the token: the embedding space of [`Sketch`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Count(u32);

impl TokenEmbedder for Count {
    type EmbeddingSpace = Self;
    fn embed(token: &str) -> Self {
        Self(token.parse().unwrap_or(0))
    }
}

/// Reads an item's sketch, "length count count ..", as a text of that length in which each count's token occurs that
/// often and 0 fills the rest.
#[derive(Debug, Default)]
struct Sketch;

impl Sketch {
    /// `counts` differ and sum up to no more than `length`.
    fn of(length: u32, counts: &[u32]) -> String {
        counts.iter().fold(length.to_string(), |sketch, count| format!("{sketch} {count}"))
    }
}

impl Tokenizer for Sketch {
    fn tokenize(&self, sketch: &str) -> Vec<String> {
        let mut numbers = sketch.split(' ').map(|number| number.parse::<usize>().unwrap_or(0));
        let length = numbers.next().unwrap_or(0);
        let mut tokens: Vec<String> =
            numbers.flat_map(|count| std::iter::repeat_n(count.to_string(), count)).take(length).collect();
        tokens.resize(length, "0".to_owned());
        tokens
    }
}
