//! The change of an answer when one thing is taken away.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{ResponseSpace, Task};
use crate::stats::Estimate;
use crate::words::tokens;

/// The yardstick of an [`Effect`]: the estimate's probability, or the answerer's own response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// How far the estimate leans to the given response, where the answer follows the estimate.
    Estimate,
    /// The answerer's own response, where a model gives it or where it is free text.
    Response,
}

/// The change of an answer when one factor or exemplar is taken away.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// The degree to which the answer depended on it; explanations are ordered by it.
    ///
    /// By [`Measure::Estimate`] it is how much further the estimate leans to the response with the thing
    /// ([`Estimate::leaning`]): the probability it adds to it, or on a scale the points by which it brings the expected value
    /// nearer. Above 0 it speaks for the response, below 0 against it. By [`Measure::Response`] it is 1 for another response and 0 for the same one; on a
    /// scale the points between the two; for free text 1 less their token overlap.
    pub size: f64,
    /// The estimate's probability of the given response, less the same without the thing. `None` for free text.
    pub estimate: Option<f64>,
    /// On a scale: the expected value less the same without the thing, in points.
    pub expected: Option<f64>,
    /// True when the estimate's decision is another one. `None` for free text.
    pub decision_flips: Option<bool>,
    /// The response without it.
    pub response: String,
    /// True when that is another response than the given one.
    pub flips: bool,
    /// On a scale: the given response less the response without it, in points.
    pub points: Option<f64>,
}

/// An answer as far as effects go.
#[derive(Clone, Copy)]
pub(crate) struct Outcome<'a> {
    pub(crate) response: &'a str,
    pub(crate) estimate: Option<&'a Estimate>,
}

/// The effect of what the second outcome lacks.
pub(crate) fn effect(task: &Task, measure: Measure, given: Outcome<'_>, without: Outcome<'_>) -> Effect {
    let estimates = given.estimate.zip(without.estimate);
    let estimate = estimates.map(|(a, b)| a.probability(given.response) - b.probability(given.response));
    let leaning = estimates.map(|(a, b)| a.leaning(given.response) - b.leaning(given.response));
    let expected = estimates.and_then(|(a, b)| Some(a.expected()? - b.expected()?));
    let flips = given.response != without.response;
    let points = match task.space() {
        ResponseSpace::Scale { .. } => {
            let point = |response: &str| response.parse::<f64>().ok().filter(|point| point.is_finite());
            point(given.response).zip(point(without.response)).map(|(given, without)| given - without)
        }
        _ => None,
    };
    let size = match (measure, task.space()) {
        (Measure::Estimate, _) => leaning.unwrap_or_default(),
        (Measure::Response, ResponseSpace::Text { .. }) => 1.0 - overlap(given.response, without.response),
        (Measure::Response, _) => points.map_or(f64::from(u8::from(flips)), f64::abs),
    };
    Effect {
        size,
        estimate,
        expected,
        decision_flips: estimates.map(|(a, b)| a.decision() != b.decision()),
        response: without.response.to_owned(),
        flips,
        points,
    }
}

/// The harmonic mean of precision and recall over words in any case, each counted as often as both texts have it: 1 for
/// the same words, 0 for none in common. Of two texts without a word, 1 when they are the same.
fn overlap(a: &str, b: &str) -> f64 {
    let count = |text: &str| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for token in tokens(text) {
            *counts.entry(token.word).or_default() += 1;
        }
        counts
    };
    let (a_words, b_words) = (count(a), count(b));
    let total = a_words.values().sum::<usize>() + b_words.values().sum::<usize>();
    if total == 0 {
        return f64::from(u8::from(a == b));
    }
    let common: usize = a_words.iter().filter_map(|(word, n)| b_words.get(word).map(|m| *n.min(m))).sum();
    2.0 * common as f64 / total as f64
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effect")
            .field("size", &self.size)
            .field("estimate", &self.estimate)
            .field("expected", &self.expected)
            .field("decision_flips", &self.decision_flips)
            .field("flips", &self.flips)
            .field("points", &self.points)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_counts_each_word_as_often_as_both_texts_have_it() {
        for (a, b, f1) in [
            ("A Fast Parser", "a fast parser", 1.0),
            ("a b", "c", 0.0),
            ("the the cat", "the cat", 0.8),
            ("…", "…", 1.0),
            ("…", "!", 0.0),
            ("", "cat", 0.0),
        ] {
            assert!((overlap(a, b) - f1).abs() < 1e-12, "{a} {b}");
        }
    }

    #[test]
    fn a_change_on_a_scale_is_in_points() {
        let task = Task::new("Rate", ResponseSpace::scale(1, 5).unwrap()).unwrap();
        let outcome = |response| Outcome { response, estimate: None };
        let changed = effect(&task, Measure::Response, outcome("4"), outcome("2"));
        assert_eq!((changed.size, changed.points, changed.flips), (2.0, Some(2.0), true));
        let changed = effect(&task, Measure::Response, outcome("2"), outcome("5"));
        assert_eq!((changed.size, changed.points, changed.flips), (3.0, Some(-3.0), true));
        let same = effect(&task, Measure::Response, outcome("4"), outcome("4"));
        assert_eq!((same.size, same.points, same.flips, same.estimate), (0.0, Some(0.0), false, None));
    }
}
