//! What of a query may be compared between users: digests of its words, of the whole, and its tone.

use crate::data::{Feature, Query};
use crate::words::tokens;

/// What a query says to those who compare users. Nothing is kept of the words themselves.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// Digests of words and of what stands together, ascending, each once.
    pub(super) terms: Vec<u64>,
    /// The digest of all words, and of the options with this one's place: the same question has the same; none without words.
    pub(super) text: Option<u64>,
}

/// How a query whose options come with it is divided: every option is read by itself, beside the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Every query has the same responses, so what is read is the query.
    Query,
    /// Options come with the query, so what is read is each option beside the question.
    Options,
}

/// Letters of a word that count: what is behind them is mostly inflection, in any language that is written in letters.
const LETTERS: usize = 6;

impl Reading {
    /// What a query says: once, or once by option.
    pub(crate) fn of(self, query: &Query) -> Vec<Told> {
        match self {
            Self::Query => vec![Told::of(query)],
            Self::Options => (0..query.options().len()).map(|place| Told::of_option(query, place)).collect(),
        }
    }
}

impl Told {
    /// Of the query as a whole: its words and pairs of words.
    pub(super) fn of(query: &Query) -> Self {
        let tokens = tokens(query.text());
        let words: Vec<&str> = tokens.iter().map(|token| cut(&token.word)).collect();
        let singles = words.iter().map(|word| digest([word.as_bytes()]));
        let pairs = words.windows(2).filter_map(|pair| match pair {
            [a, b] => Some(digest([a.as_bytes(), b.as_bytes()])),
            _ => None,
        });
        let terms = once(singles.chain(pairs).collect());
        let whole = tokens.iter().map(|token| token.word.as_bytes());
        let whole = whole.chain(query.options().iter().map(String::as_bytes));
        let text = (!tokens.is_empty()).then(|| digest(whole));
        Self { terms, text }
    }

    /// Of one option: its words, the whole of it and its place, each by itself and with every word of the question.
    fn of_option(query: &Query, place: usize) -> Self {
        let (question, option) = (tokens(query.text()), query.options().get(place).map_or("", String::as_str));
        let words = tokens(option);
        let at = format!("{place}/{}", query.options().len());
        let parts: Vec<(&str, &str)> =
            words.iter().map(|token| ("word", cut(&token.word))).chain([("place", at.as_str())]).collect();
        let singles = parts.iter().map(|(kind, part)| digest([kind.as_bytes(), part.as_bytes()]));
        let whole = [b"option".as_slice()].into_iter().chain(words.iter().map(|token| token.word.as_bytes()));
        let singles = singles.chain([digest(whole)]);
        let with = question.iter().flat_map(|token| {
            let word = cut(&token.word);
            parts.iter().map(move |(kind, part)| digest([kind.as_bytes(), part.as_bytes(), word.as_bytes()]))
        });
        let terms = once(singles.chain(with).collect());
        let asked = question.iter().map(|token| token.word.as_bytes());
        let asked = asked.chain(query.options().iter().map(String::as_bytes)).chain([at.as_bytes()]);
        let text = (!question.is_empty()).then(|| digest(asked));
        Self { terms, text }
    }
}

fn once(mut digests: Vec<u64>) -> Vec<u64> {
    digests.sort_unstable();
    digests.dedup();
    digests
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
