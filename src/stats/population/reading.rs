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
            Self::Options => Question::of(query).options(query),
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
}

/// The most words of a question, and of an option, that are read beside each other: what is told grows with their product.
const WORDS_OF_QUESTION: usize = 128;
const WORDS_OF_OPTION: usize = 32;

/// A question, to be read with each of its options.
struct Question {
    words: Vec<String>,
    /// The digest of all words and options; none without words.
    whole: Option<u64>,
}

impl Question {
    fn of(query: &Query) -> Self {
        let tokens = tokens(query.text());
        let whole = tokens.iter().map(|token| token.word.as_bytes());
        let whole = digest(whole.chain(query.options().iter().map(String::as_bytes)));
        let mut words: Vec<String> = Vec::new();
        for word in tokens.iter().map(|token| cut(&token.word)) {
            if words.len() < WORDS_OF_QUESTION && !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
        Self { words, whole: (!tokens.is_empty()).then_some(whole) }
    }

    /// What is told of each option: its words, the whole of it and its place, each by itself and but for the whole with every
    /// word of the question.
    fn options(&self, query: &Query) -> Vec<Told> {
        let options = query.options();
        let told = |(place, option): (usize, &String)| {
            let words = tokens(option);
            let at = format!("{place}/{}", options.len());
            let read = words.iter().take(WORDS_OF_OPTION).map(|token| ("word", cut(&token.word)));
            let parts: Vec<(&str, &str)> = read.chain([("place", at.as_str())]).collect();
            let singles = parts.iter().map(|(kind, part)| digest([kind.as_bytes(), part.as_bytes()]));
            let whole = [b"option".as_slice()].into_iter().chain(words.iter().map(|token| token.word.as_bytes()));
            let singles = singles.chain([digest(whole)]);
            let with = self.words.iter().flat_map(|word| {
                parts.iter().map(move |(kind, part)| digest([kind.as_bytes(), part.as_bytes(), word.as_bytes()]))
            });
            let text = self.whole.map(|whole| digest([whole.to_le_bytes().as_slice(), at.as_bytes()]));
            Told { terms: once(singles.chain(with).collect()), text }
        };
        options.iter().enumerate().map(told).collect()
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
