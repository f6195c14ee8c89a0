//! The estimate: the probability of each response.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::Decision;

/// One response with its probability.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseProbability {
    /// The response.
    pub response: String,
    /// Its estimated probability for this query.
    pub probability: f64,
    /// The user's base rate for it.
    pub base: f64,
}

/// P(response | features, user) from the statistics alone, without a model. One that is read from a file is checked: its
/// decision is one of its responses, and its shares are from 0 to 1.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedEstimate")]
pub struct Estimate {
    responses: Vec<ResponseProbability>,
    decision: usize,
}

#[derive(Deserialize)]
struct UncheckedEstimate {
    responses: Vec<ResponseProbability>,
    decision: usize,
}

impl TryFrom<UncheckedEstimate> for Estimate {
    type Error = &'static str;
    fn try_from(unchecked: UncheckedEstimate) -> Result<Self, Self::Error> {
        let UncheckedEstimate { responses, decision } = unchecked;
        if decision > 0 && decision >= responses.len() {
            return Err("the estimate decides for a response that it does not have");
        }
        // Sums of shares are rounded, so one may come out a little above 1.
        let share = |share: f64| (0.0..=1.0 + 1e-9).contains(&share);
        if !responses.iter().all(|r| share(r.probability) && share(r.base)) {
            return Err("the estimate has a probability or a base rate outside 0 to 1");
        }
        Ok(Self { responses, decision })
    }
}

impl fmt::Debug for ResponseProbability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (probability, base) = (self.probability, self.base);
        f.debug_struct("ResponseProbability")
            .field("probability", &probability)
            .field("base", &base)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Estimate").field("responses", &self.responses).field("decision", &self.decision).finish()
    }
}

impl Estimate {
    /// The responses in the order they are shown, with probabilities that sum to 1.
    pub fn responses(&self) -> &[ResponseProbability] {
        &self.responses
    }

    /// The response to give: the most probable one; on a scale the one that the user's [`Decision`] rule makes of the
    /// probabilities.
    pub fn decision(&self) -> &str {
        self.responses.get(self.decision).map(|weighted| weighted.response.as_str()).unwrap_or_default()
    }

    /// The estimated probability of a response; 0 for one that is not open.
    pub fn probability(&self, response: &str) -> f64 {
        self.responses.iter().find(|w| w.response == response).map_or(0.0, |w| w.probability)
    }

    /// Entropy of the base rates less the estimate's, in bits.
    pub fn information(&self) -> f64 {
        let entropy = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
        let total: f64 = self.responses.iter().map(|w| w.base).sum();
        let base: f64 = self.responses.iter().map(|w| entropy(w.base / total.max(f64::MIN_POSITIVE))).sum();
        base - self.responses.iter().map(|w| entropy(w.probability)).sum::<f64>()
    }

    /// `rule` is that of a scale, `None` for other tasks.
    pub(super) fn new(responses: Vec<String>, base: &[f64], probability: Vec<f64>, rule: Option<Decision>) -> Self {
        let decision = rule.map_or_else(|| first_max(&probability), |rule| decided(rule, &probability));
        let zipped = responses.into_iter().zip(probability).zip(base);
        let weighted = |((response, probability), base): ((String, f64), &f64)| ResponseProbability {
            response,
            probability,
            base: *base,
        };
        Self { responses: zipped.map(weighted).collect(), decision }
    }
}

/// The point of a scale that a rule decides for.
pub(super) fn decided(rule: Decision, p: &[f64]) -> usize {
    match rule {
        Decision::LeastCost => least_cost(p),
        Decision::MostLikely => first_max(p),
        Decision::Median => {
            let mut below = 0.0;
            let reached = |share: &f64| {
                below += share;
                below >= 0.5 - 1e-12
            };
            p.iter().position(reached).unwrap_or_default()
        }
        Decision::Mean => {
            let total: f64 = p.iter().sum();
            let sum: f64 = p.iter().enumerate().map(|(point, share)| point as f64 * share).sum();
            let mean = if total > 0.0 { sum / total } else { 0.0 };
            let near = |point: &usize| (*point as f64 - mean).abs();
            // The later of equals: half up.
            (0..p.len()).rev().min_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or_default()
        }
    }
}

fn first_max(p: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in p.iter().enumerate() {
        if p.get(best).is_none_or(|top| value > top) {
            best = place;
        }
    }
    best
}

/// The point with the least expected cost; the lower one of equals.
fn least_cost(p: &[f64]) -> usize {
    const DISTANCE: f64 = 0.1;
    let cost = |a: usize| -> f64 {
        p.iter()
            .enumerate()
            .map(|(k, p)| p * (f64::from(u8::from(k != a)) + DISTANCE * (k as f64 - a as f64).abs()))
            .sum()
    };
    first_max(&(0..p.len()).map(|a| -cost(a)).collect::<Vec<f64>>())
}
