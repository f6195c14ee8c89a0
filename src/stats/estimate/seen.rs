//! The query of an estimate: its words, its factors, its tone and its likeness to the past.

use crate::data::{Feature, Query};

use super::similar::Term;

/// A query as the estimate sees it.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a> {
    pub(super) query: &'a Query,
    /// Its words and pairs of words.
    pub(super) words: &'a [Term],
    /// Places of its known factors in the estimator with their boosts, each once, ascending.
    pub(super) factors: Vec<(usize, f64)>,
    /// The tone of its features; `None` when none has a valence.
    pub(super) tone: Option<f64>,
    /// Likeness to each item, by position.
    pub(super) similar: &'a [f64],
    /// The item to leave out, which is this query's own.
    pub(super) left_out: Option<usize>,
}

/// Places in ascending order, each once.
pub(super) fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The tone of features, which praise (above 0) or blame in all: the sum of their valences over one more than their number,
/// so that a single weak word counts for little. From −8 to 8; `None` when none has a valence.
pub(super) fn tone<'f>(features: impl Iterator<Item = &'f Feature>) -> Option<f64> {
    let valences: Vec<f64> = features.filter_map(Feature::valence).collect();
    (!valences.is_empty()).then(|| 4.0 * valences.iter().sum::<f64>() / (valences.len() as f64 + 1.0))
}
