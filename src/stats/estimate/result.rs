//! The estimate: the probability of each response.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::{Decision, FactorId};

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

/// P(response | features, user) from the statistics, without a model; of a [`FusedEstimate`](crate::stats::FusedEstimate), with what a
/// model's view adds as one more part. One that is read from a file is checked: its
/// decision is one of its responses, and its shares are from 0 to 1.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedEstimate")]
pub struct Estimate {
    responses: Vec<ResponseProbability>,
    decision: usize,
    rule: Decision,
    parts: Vec<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    people: Option<People>,
}

/// The people behind what [others](Source::Others) add to an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct People {
    /// How many there are in the population.
    pub users: u64,
    /// How likely it is that the user is like none of them, from 0 to 1, by how well others foretell what the user responded: as far they
    /// are kept to themselves, and others add nothing.
    /// `None` before any interaction of the user tells.
    pub alone: Option<f64>,
}

/// Something that moved an estimate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Source {
    /// A factor of the query: what responses went with it, and with its words.
    Factor(FactorId),
    /// Past queries that are like this one in words that are no factor's.
    Similar,
    /// How much the query praises or blames, on a scale.
    Tone,
    /// How the query's options, and the places they stand in, were picked elsewhere.
    Options,
    /// What others of a [population](crate::stats::population) respond to such queries, as far as they foretell the user.
    Others,
    /// What a model says of the query beyond its habit ([`Fusion`](crate::stats::Fusion)), where it was asked.
    Model,
}

/// What one source added to the probability of each response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// The source.
    pub source: Source,
    /// By response, in their order: what it added, below 0 for what it took away. Sums to 0.
    pub added: Vec<f64>,
}

#[derive(Deserialize)]
struct UncheckedEstimate {
    responses: Vec<ResponseProbability>,
    decision: usize,
    #[serde(default)]
    rule: Decision,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    people: Option<People>,
}

impl TryFrom<UncheckedEstimate> for Estimate {
    type Error = &'static str;
    fn try_from(unchecked: UncheckedEstimate) -> Result<Self, Self::Error> {
        let UncheckedEstimate { responses, decision, rule, parts, people } = unchecked;
        if decision > 0 && decision >= responses.len() {
            return Err("the estimate decides for a response that it does not have");
        }
        // Sums of shares are rounded, so one may come out a little above 1.
        let share = |share: f64| (0.0..=1.0 + 1e-9).contains(&share);
        if !responses.iter().all(|r| share(r.probability) && share(r.base)) {
            return Err("the estimate has a probability or a base rate outside 0 to 1");
        }
        let whole = |(place, r): (usize, &ResponseProbability)| {
            let added: f64 = parts.iter().filter_map(|part| part.added.get(place)).sum();
            (r.base + added - r.probability).abs() <= 1e-6
        };
        let sized = parts.iter().all(|part| part.added.len() == responses.len());
        let adds_up = parts.is_empty() || (sized && responses.iter().enumerate().all(whole));
        if !adds_up {
            return Err("the estimate's parts do not add up to it");
        }
        if people.and_then(|people| people.alone).is_some_and(|alone| !share(alone)) {
            return Err("the estimate has a share of the user outside 0 to 1");
        }
        Ok(Self { responses, decision, rule, parts, people })
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

    /// The response to give: the one that [the rule](Self::decided_by) makes of the probabilities.
    pub fn decision(&self) -> &str {
        self.responses.get(self.decision).map(|weighted| weighted.response.as_str()).unwrap_or_default()
    }

    /// The rule that the decision was made by.
    pub fn decided_by(&self) -> &Decision {
        &self.rule
    }

    /// What moved the probabilities from the user's base rates. For every response, its base rate and what the parts added to
    /// it sum to its probability.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The people behind what others add; `None` without a population.
    pub fn people(&self) -> Option<People> {
        self.people
    }

    /// The same with the people behind what others add.
    pub(super) fn behind(self, people: Option<People>) -> Self {
        Self { people, ..self }
    }

    /// The same moved to these probabilities by what a model says, which it becomes a part of.
    pub(in crate::stats) fn moved_by_model(&self, probability: Vec<f64>) -> Self {
        let added = self.responses.iter().zip(&probability).map(|(was, is)| is - was.probability).collect();
        let mut moved = self.clone();
        moved.decision = decided(&self.rule, &probability);
        moved.parts.push(Part { source: Source::Model, added });
        for (response, probability) in moved.responses.iter_mut().zip(probability) {
            response.probability = probability;
        }
        moved
    }

    /// What each source added to the probability of a response, in probability, the strongest first.
    pub fn contributions(&self, response: &str) -> Vec<(&Source, f64)> {
        let place = self.responses.iter().position(|weighted| weighted.response == response);
        let of = |part: &'_ Part| part.added.get(place?).copied();
        strongest(self.parts.iter().filter_map(|part| Some((&part.source, of(part)?))).collect())
    }

    /// What each source added to the expected value, in points of the scale, the strongest first; empty where responses are no
    /// numbers.
    pub fn contributions_to_mean(&self) -> Vec<(&Source, f64)> {
        let Some(points) = self.points() else { return Vec::new() };
        let of = |part: &'_ Part| part.added.iter().zip(&points).map(|(added, point)| added * point).sum();
        strongest(self.parts.iter().map(|part| (&part.source, of(part))).collect())
    }

    /// The estimated probability of a response; 0 for one that is not open.
    pub fn probability(&self, response: &str) -> f64 {
        self.responses.iter().find(|w| w.response == response).map_or(0.0, |w| w.probability)
    }

    /// The expected value, in points of the scale; `None` where responses are no numbers.
    pub fn expected(&self) -> Option<f64> {
        Some(self.points()?.iter().zip(&self.responses).map(|(point, weighted)| point * weighted.probability).sum())
    }

    /// The mean of the user's base rates, in points of the scale: what is expected of a query of which nothing is known. `None` where
    /// responses are no numbers. With [what the parts added to it](Self::contributions_to_mean) it sums to what is
    /// [expected](Self::expected).
    pub fn usual(&self) -> Option<f64> {
        Some(self.points()?.iter().zip(&self.responses).map(|(point, weighted)| point * weighted.base).sum())
    }

    /// How far the estimate leans to a response: its probability, from 0 to 1; where responses are numbers, how near the expected value
    /// is to it, in points, 0 at it and below 0 elsewhere. What a factor adds to this speaks for the response.
    pub fn leaning(&self, response: &str) -> f64 {
        match (self.expected(), response.parse::<f64>()) {
            (Some(expected), Ok(point)) => -(expected - point).abs(),
            _ => self.probability(response),
        }
    }

    /// The responses as numbers, where all are.
    fn points(&self) -> Option<Vec<f64>> {
        let point = |weighted: &ResponseProbability| weighted.response.parse::<f64>().ok().filter(|it| it.is_finite());
        self.responses.iter().map(point).collect::<Option<Vec<f64>>>().filter(|points| !points.is_empty())
    }

    /// Entropy of the base rates less the estimate's, in bits.
    pub fn information(&self) -> f64 {
        let entropy = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
        let total: f64 = self.responses.iter().map(|w| w.base).sum();
        let base: f64 = self.responses.iter().map(|w| entropy(w.base / total.max(f64::MIN_POSITIVE))).sum();
        base - self.responses.iter().map(|w| entropy(w.probability)).sum::<f64>()
    }

    pub(super) fn new(
        responses: Vec<String>,
        base: &[f64],
        probability: Vec<f64>,
        parts: Vec<Part>,
        rule: Decision,
    ) -> Self {
        let decision = decided(&rule, &probability);
        let zipped = responses.into_iter().zip(probability).zip(base);
        let weighted = |((response, probability), base): ((String, f64), &f64)| ResponseProbability {
            response,
            probability,
            base: *base,
        };
        Self { responses: zipped.map(weighted).collect(), decision, rule, parts, people: None }
    }
}

fn strongest(mut parts: Vec<(&Source, f64)>) -> Vec<(&Source, f64)> {
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(b.0)));
    parts
}

/// The response that a rule decides for.
pub(super) fn decided(rule: &Decision, p: &[f64]) -> usize {
    match rule {
        Decision::Costs(costs) => {
            let cost = |answered: usize| -> f64 {
                p.iter().enumerate().map(|(given, share)| share * f64::from(costs.of(given, answered))).sum()
            };
            first_max(&(0..p.len()).map(|answered| -cost(answered)).collect::<Vec<f64>>())
        }
        Decision::LeastCost => least_cost(p),
        Decision::MostLikely => first_max(p),
        Decision::Median => median(p),
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

/// The point of least expected distance among those that are at least half as probable as if all were alike, the lowest of equals:
/// where a person is of two minds, the median lies between the two, where nobody of that mind would answer.
fn median(p: &[f64]) -> usize {
    let least = 0.5 / p.len().max(1) as f64;
    let distance = |a: usize| p.iter().enumerate().map(|(k, p)| p * k.abs_diff(a) as f64).sum::<f64>();
    let near = |(a, p): (usize, &f64)| if *p >= least { -distance(a) } else { f64::NEG_INFINITY };
    first_max(&p.iter().enumerate().map(near).collect::<Vec<f64>>())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_between_two_minds_is_one_of_them() {
        for (p, point) in [
            ([0.02, 0.46, 0.03, 0.03, 0.46], 1),
            ([0.43, 0.04, 0.04, 0.04, 0.45], 4),
            ([0.1, 0.15, 0.3, 0.25, 0.2], 2),
            ([0.4, 0.05, 0.3, 0.15, 0.1], 2),
            ([0.51, 0.49, 0.0, 0.0, 0.0], 0),
            ([0.2, 0.2, 0.2, 0.2, 0.2], 2),
        ] {
            assert_eq!(decided(&Decision::Median, &p), point, "{p:?}");
        }
    }
}
