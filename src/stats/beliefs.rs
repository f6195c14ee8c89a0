//! The statistics of a user's factors.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use crate::data::{Calibration, Factor, FactorId, FactorSet, Query, ResponseSpace, Task};
use crate::parallel;

use super::{
    Contrast, Interval, MeanDifference, Moments, association, base_rate, benjamini_hochberg, cautious_interval,
    dirichlet_shares, lift, mean_difference, posterior_mean, rank_sum, wilson,
};

/// Pseudo-interactions that smooth the base rate over the response space (α of the base rate).
const ALPHA: f64 = 1.0;
/// The fewest sightings of a factor that is tested: no count of two can be significant.
const LEAST_TESTED: f64 = 3.0;

/// The standard errors from which a difference to most people is told.
const DISTINCT: f64 = 2.0;

/// The statistics of a user's counts: posteriors, intervals, lifts and significance, computed when asked for.
///
/// Cheap to clone. The significance and the information of all factors are computed once and shared.
#[derive(Clone)]
pub struct Beliefs<'a> {
    task: &'a Task,
    factors: &'a FactorSet,
    calibration: &'a Calibration,
    evidence: Arc<FactorEvidence>,
    /// How the user differs from most people, in order of id.
    contrasts: Contrasts,
}

/// How a user differs from most people by factor, in order of id.
pub(crate) type Contrasts = Arc<[(FactorId, Contrast)]>;

/// The tests and the information of all factors of a set, by the factor's place: the statistics that a single factor's counts do not
/// give. Beliefs over the same factors and calibration share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FactorEvidence {
    q: Vec<f64>,
    /// Computed when first asked for.
    information: OnceLock<Vec<f64>>,
}

impl FactorEvidence {
    /// Tests all factors of a set.
    pub(crate) fn new(task: &Task, factors: &FactorSet) -> Self {
        Self { q: significance(task, factors), information: OnceLock::new() }
    }
}

/// One response under one factor.
#[derive(Clone, PartialEq, Serialize)]
pub struct ResponseBelief {
    /// The response.
    pub response: String,
    /// Interactions with the factor and this response (*n*_my).
    pub count: f64,
    /// Posterior mean of P(response | factor), shrunk to the base rate.
    pub propensity: f64,
    /// Its 95 % interval, equal-tailed for each κ that the counts allow.
    pub interval: Interval,
    /// The user's base rate of the response.
    pub base: f64,
    /// Propensity over base rate.
    pub lift: f64,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The share, from 0 to 1.
    pub share: f64,
    /// Its interval.
    pub interval: Interval,
}

/// All statistics of one factor.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FactorSummary {
    /// The factor.
    pub id: FactorId,
    /// Its label.
    pub label: String,
    /// Interactions in which it is present.
    pub coverage: f64,
    /// Interactions in all.
    pub total: f64,
    /// Each response under it, highest lift first; empty for open-ended tasks.
    pub responses: Vec<ResponseBelief>,
    /// False-discovery rate (Benjamini–Hochberg) at which its association with the response is significant; 1.0 for
    /// factors seen fewer than three times and for open-ended tasks.
    pub q: f64,
    /// For scales: mean response with the factor less mean response without it, if both are seen twice or more.
    pub difference: Option<MeanDifference>,
    /// How the user differs from most people where it is, beside a population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
    /// For open-ended tasks: share of its interactions' features that were judged influential.
    pub influence: Option<Share>,
    /// For open-ended tasks: positive, neutral and negative among the influential ones.
    pub polarity: Option<[Share; 3]>,
}

impl fmt::Debug for Beliefs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beliefs").field("factors", &self.factors).field("calibration", self.calibration).finish()
    }
}

impl fmt::Debug for ResponseBelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, propensity) = (self.count, self.propensity);
        f.debug_struct("ResponseBelief").field("count", &count).field("propensity", &propensity).finish_non_exhaustive()
    }
}

impl fmt::Debug for FactorSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorSummary")
            .field("id", &self.id)
            .field("coverage", &self.coverage)
            .field("responses", &self.responses.len())
            .field("q", &self.q)
            .finish_non_exhaustive()
    }
}

impl FactorSummary {
    /// The response that the factor raises most.
    pub fn strongest(&self) -> Option<&ResponseBelief> {
        self.responses.first()
    }
}

impl<'a> Beliefs<'a> {
    /// Beliefs from their parts. Tests all factors; [`Prepared::beliefs`](crate::Prepared::beliefs) does so once.
    pub fn new(task: &'a Task, factors: &'a FactorSet, calibration: &'a Calibration) -> Self {
        Self::sharing(task, factors, calibration, Arc::new(FactorEvidence::new(task, factors)))
    }

    /// Beliefs with evidence that was computed for the same parts.
    pub(crate) fn sharing(
        task: &'a Task,
        factors: &'a FactorSet,
        calibration: &'a Calibration,
        evidence: Arc<FactorEvidence>,
    ) -> Self {
        Self { task, factors, calibration, evidence, contrasts: Arc::default() }
    }

    /// The same with how the user differs from most people, by [`Estimator::contrasts`](super::Estimator::contrasts) beside a
    /// population.
    #[must_use]
    pub fn contrasted(self, contrasts: impl Into<Arc<[(FactorId, Contrast)]>>) -> Self {
        Self { contrasts: contrasts.into(), ..self }
    }

    /// How the user differs from most people where a factor is; `None` where that is not known, or by fewer than three interactions.
    pub fn contrast(&self, factor: &FactorId) -> Option<&Contrast> {
        let place = self.contrasts.binary_search_by(|(id, _)| id.cmp(factor)).ok()?;
        let contrast = self.contrasts.get(place).map(|(_, contrast)| contrast);
        contrast.filter(|contrast| contrast.n >= LEAST_TESTED)
    }

    /// How surely the user differs from most people where a factor is: standard errors beyond two, 0 for fewer.
    pub(crate) fn distinct(&self, factor: &FactorId) -> f64 {
        self.contrast(factor).map_or(0.0, |contrast| contrast.deviates).max(DISTINCT) - DISTINCT
    }

    /// The task.
    pub fn task(&self) -> &'a Task {
        self.task
    }

    /// The factors.
    pub fn factors(&self) -> &'a FactorSet {
        self.factors
    }

    /// The estimate's parameters for this user.
    pub fn calibration(&self) -> &'a Calibration {
        self.calibration
    }

    /// The user's base rate π of a response, smoothed over the response space.
    pub fn base(&self, response: &str) -> f64 {
        let totals = self.factors.totals();
        let count = totals.by_response.get(response).copied().unwrap_or_default();
        base_rate(count, totals.interactions, self.categories(), ALPHA)
    }

    fn categories(&self) -> usize {
        match self.task.space() {
            ResponseSpace::Choices => self.factors.totals().by_response.len().max(2),
            space => space.fixed_responses().map_or(1, |responses| responses.len()),
        }
    }

    /// Posterior mean of P(response | factor).
    pub fn propensity(&self, factor: &Factor, response: &str) -> f64 {
        let stats = factor.stats();
        let count = stats.by_response.get(response).copied().unwrap_or_default();
        posterior_mean(count, stats.coverage, self.base(response), self.calibration.kappa)
    }

    /// The factor's false-discovery rate; 1.0 for one that was not tested.
    pub fn q(&self, factor: &FactorId) -> f64 {
        self.factors.place_of_id(factor).and_then(|place| self.evidence.q.get(place)).copied().unwrap_or(1.0)
    }

    /// The information of a factor about the response, in bits; 0 for one that the user does not have.
    ///
    /// It is the divergence of its propensities *p* from the base rates π (Kullback and Leibler 1951), less what a
    /// factor with the same coverage *c* that is independent of the response shows by chance, and at least 0:
    ///
    /// ```text
    /// max(Σ_y p_y · log2(p_y / π_y) − c · (K − 1) / (2 ln 2 · (c + κ)²), 0)
    /// ```
    ///
    /// The chance term is the mean, with *K* responses, of `Σ (p − π)² / (2 ln 2 · π)`, the divergence to second
    /// order; the propensities are shrunk by κ. For open-ended tasks, which have no propensities, it is the lower end
    /// of the 95 % Wilson interval of the factor's influence, from 0 to 1.
    pub fn information(&self, factor: &FactorId) -> f64 {
        self.factors.place_of_id(factor).map_or(0.0, |place| self.information_at(place))
    }

    /// The information of the factor at this place in the order of the factors.
    pub(crate) fn information_at(&self, place: usize) -> f64 {
        let all = self.evidence.information.get_or_init(|| {
            let base: Vec<(String, f64)> =
                self.factors.responses(self.task).into_iter().map(|y| (y.clone(), self.base(&y))).collect();
            self.factors.iter().map(|factor| self.information_of(factor, &base)).collect()
        });
        all.get(place).copied().unwrap_or_default()
    }

    fn information_of(&self, factor: &Factor, base: &[(String, f64)]) -> f64 {
        let stats = factor.stats();
        if self.task.space().is_open_ended() {
            return wilson(stats.influence, stats.coverage.max(stats.influence), 0.95).low;
        }
        let kappa = self.calibration.kappa;
        let bits = |(response, base): &(String, f64)| {
            let count = stats.by_response.get(response).copied().unwrap_or_default();
            let p = posterior_mean(count, stats.coverage, *base, kappa);
            if p > 0.0 && *base > 0.0 { p * (p / base).log2() } else { 0.0 }
        };
        let divergence: f64 = base.iter().map(bits).sum();
        let spread = (stats.coverage + kappa).max(f64::MIN_POSITIVE);
        let others = base.len().saturating_sub(1) as f64;
        let chance = stats.coverage / spread * others / (2.0 * std::f64::consts::LN_2 * spread);
        (divergence - chance).max(0.0)
    }

    fn kappas(&self) -> Interval {
        let high = self.calibration.kappa;
        Interval { low: self.calibration.kappa_low.min(high), high }
    }

    /// One response under a factor.
    pub fn response(&self, factor: &Factor, response: &str) -> ResponseBelief {
        let stats = factor.stats();
        let count = stats.by_response.get(response).copied().unwrap_or_default();
        let base = self.base(response);
        let propensity = self.propensity(factor, response);
        ResponseBelief {
            response: response.to_owned(),
            count,
            propensity,
            interval: cautious_interval(count, stats.coverage, base, self.kappas(), 0.95),
            base,
            lift: lift(propensity, base),
        }
    }

    /// All statistics of a factor. `query` narrows choices to its options; without one, all responses
    /// seen.
    pub fn summary(&self, factor: &Factor, query: Option<&Query>) -> FactorSummary {
        let stats = factor.stats();
        let open_ended = self.task.space().is_open_ended();
        let candidates = match query {
            Some(query) => self.task.responses(query),
            None => self.factors.responses(self.task),
        };
        let mut responses: Vec<ResponseBelief> = candidates.iter().map(|y| self.response(factor, y)).collect();
        responses.sort_by(|a, b| b.lift.total_cmp(&a.lift));
        let judged = stats.influence.max(0.0);
        let polarity =
            dirichlet_shares(&[stats.polarity.positive, stats.polarity.neutral, stats.polarity.negative], 1.0, 0.95);
        let shares = |share: &(f64, Interval)| Share { share: share.0, interval: share.1 };
        FactorSummary {
            id: factor.id().clone(),
            label: factor.label().to_owned(),
            coverage: stats.coverage,
            total: self.factors.totals().interactions,
            responses,
            q: self.q(factor.id()),
            difference: self.difference(factor),
            contrast: self.contrast(factor.id()).cloned(),
            influence: open_ended.then(|| {
                let of = stats.coverage.max(judged);
                let share = if of > 0.0 { judged / of } else { 0.0 };
                Share { share, interval: wilson(judged, of, 0.95) }
            }),
            polarity: match polarity.as_slice() {
                [a, b, c] if open_ended => Some([shares(a), shares(b), shares(c)]),
                _ => None,
            },
        }
    }

    /// Summaries of all factors, the most telling first: by q, then coverage, then id.
    pub fn summaries(&self, query: Option<&Query>) -> Vec<FactorSummary> {
        let mut summaries: Vec<FactorSummary> = self.factors.iter().map(|f| self.summary(f, query)).collect();
        summaries.sort_by(|a, b| {
            let weight = |s: &FactorSummary| s.influence.map_or(0.0, |i| i.interval.low) * s.coverage;
            a.q.total_cmp(&b.q)
                .then_with(|| weight(b).total_cmp(&weight(a)))
                .then_with(|| b.coverage.total_cmp(&a.coverage))
                .then_with(|| a.id.cmp(&b.id))
        });
        summaries
    }

    /// Summaries of the factors in which the user differs from most people, the surest first: those seen at least three times,
    /// two standard errors or more from what most people would have responded. Empty without a population.
    pub fn distinctive(&self, query: Option<&Query>) -> Vec<FactorSummary> {
        let off = |factor: &Factor| self.distinct(factor.id());
        let mut found: Vec<&Factor> = self.factors.iter().filter(|factor| off(factor) > 0.0).collect();
        found.sort_by(|a, b| off(b).total_cmp(&off(a)).then_with(|| a.id().cmp(b.id())));
        found.into_iter().map(|factor| self.summary(factor, query)).collect()
    }

    /// For scales: mean response with the factor less mean response without it, if both are seen twice or more.
    pub fn difference(&self, factor: &Factor) -> Option<MeanDifference> {
        if !matches!(self.task.space(), ResponseSpace::Scale { .. }) {
            return None;
        }
        let with = moments(&factor.stats().by_response);
        let all = moments(&self.factors.totals().by_response);
        let without = Moments { n: all.n - with.n, sum: all.sum - with.sum, sum_sq: all.sum_sq - with.sum_sq };
        mean_difference(&with, &without, 0.95)
    }
}

fn moments(by_response: &BTreeMap<String, f64>) -> Moments {
    let mut moments = Moments { n: 0.0, sum: 0.0, sum_sq: 0.0 };
    for (response, count) in by_response {
        if let Ok(value) = response.parse::<f64>() {
            moments.n += count;
            moments.sum += count * value;
            moments.sum_sq += count * value * value;
        }
    }
    moments
}

/// False-discovery rates of all factors, by place; 1 for those that were not seen often enough to be tested.
fn significance(task: &Task, factors: &FactorSet) -> Vec<f64> {
    let responses = factors.responses(task);
    let totals = factors.totals();
    let counts = |by: &BTreeMap<String, f64>| -> Vec<f64> {
        responses.iter().map(|response| by.get(response).copied().unwrap_or_default()).collect()
    };
    let all = counts(&totals.by_response);
    let ordered = matches!(task.space(), ResponseSpace::Scale { .. });
    // Factors that were seen alike have one test: of those seen a few times there are many.
    let mut tests: Vec<Vec<f64>> = Vec::new();
    let mut known: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
    let mut tested: Vec<(usize, usize)> = Vec::new();
    for (place, factor) in factors.iter().enumerate().filter(|(_, f)| f.stats().coverage >= LEAST_TESTED) {
        let with = counts(&factor.stats().by_response);
        let test = *known.entry(with.iter().map(|count| count.to_bits()).collect()).or_insert_with(|| {
            tests.push(with);
            tests.len() - 1
        });
        tested.push((place, test));
    }
    let p: Vec<f64> = parallel::map(&tests, |with| {
        let without: Vec<f64> = all.iter().zip(with).map(|(all, with)| (all - with).max(0.0)).collect();
        if ordered { rank_sum(with, &without) } else { association(with, &without) }
    });
    let of_tested: Vec<f64> = tested.iter().filter_map(|(_, test)| p.get(*test)).copied().collect();
    let mut q = vec![1.0; factors.len()];
    for ((place, _), value) in tested.iter().zip(benjamini_hochberg(&of_tested)) {
        if let Some(q) = q.get_mut(*place) {
            *q = value;
        }
    }
    q
}
