//! What of a query may be compared between users: digests of its words, of the whole, and its tone.

use crate::data::{Feature, Query};
use crate::words::tokens;

/// What a query says to those who compare users. Nothing is kept of the words themselves.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Digests of words and of pairs of words, ascending, each once.
    pub(super) terms: Vec<u64>,
    /// The digest of all words and options: the same question has the same; none without words.
    pub(super) text: Option<u64>,
}

/// Letters of a word that count: what is behind them is mostly inflection, in any language that is written in letters.
const LETTERS: usize = 6;

impl Told {
    pub(crate) fn of(query: &Query) -> Self {
        let tokens = tokens(query.text());
        let words: Vec<&str> = tokens.iter().map(|token| cut(&token.word)).collect();
        let singles = words.iter().map(|word| digest([word.as_bytes()]));
        let pairs = words.windows(2).filter_map(|pair| match pair {
            [a, b] => Some(digest([a.as_bytes(), b.as_bytes()])),
            _ => None,
        });
        let mut terms: Vec<u64> = singles.chain(pairs).collect();
        terms.sort_unstable();
        terms.dedup();
        let whole = tokens.iter().map(|token| token.word.as_bytes());
        let whole = digest(whole.chain(query.options().iter().map(String::as_bytes)));
        let text = (!tokens.is_empty()).then_some(whole);
        Self { terms, text }
    }
}

fn cut(word: &str) -> &str {
    let end = word.char_indices().nth(LETTERS).map_or(word.len(), |(at, _)| at);
    word.get(..end).unwrap_or(word)
}

/// FNV-1a of 64 bits, with a mark behind every part.
fn digest<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    parts.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| step(part.iter().fold(hash, step), &0xff))
}

/// The tone of features, which praise (above 0) or blame in all: the sum of their valences over one more than their number,
/// so that a single weak word counts for little. From −8 to 8; `None` when none has a valence.
pub(crate) fn tone<'f>(features: impl Iterator<Item = &'f Feature>) -> Option<f64> {
    let valences: Vec<f64> = features.filter_map(Feature::valence).collect();
    (!valences.is_empty()).then(|| 4.0 * valences.iter().sum::<f64>() / (valences.len() as f64 + 1.0))
}

/// Mean tone of people in general; tones are from −8 to 8.
pub(crate) const TONE_MEAN: f64 = 0.6;
/// Variance of tones of people in general.
pub(crate) const TONE_VARIANCE: f64 = 1.2;
/// Slope of the latent response of a scale on the standardized tone in general, from 0 to 1; a population has its own.
pub(crate) const SLOPE: f64 = 0.4;

/// A tone in standard units of people in general.
pub(super) fn standard(tone: f64) -> f64 {
    (tone - TONE_MEAN) / TONE_VARIANCE.sqrt()
}
