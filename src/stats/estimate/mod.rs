//! P(response | features, user) from the statistics alone.
//!
//! ```text
//! pool:  what the query's factors say (labels: propensities; scale: tone and factor effects; choices: option lifts)
//! vote:  what the user responded to similar queries; for labels also with their likeness to each other allowed for
//! P(y) ∝ pool(y)^(1−b) · vote(y)^b, b and the pool's strength chosen on the user's own history by leave-one-out
//! ```
//!
//! `docs/method.md` has the formulas. Everything is a function of weighted counts over the items, so leaving an item out
//! subtracts its own share and refits nothing. Items are read once: when some are appended, only those are read and all are
//! counted again, so the result is to the bit what it would be had all come at once.

mod calibrate;
mod choices;
mod kept;
mod labels;
mod numbers;
mod ordinal;
mod past;
mod result;
mod ridge;
mod similar;

use std::sync::OnceLock;

use crate::data::{
    AssignedFeature, Calibration, Factor, FactorId, FactorSet, Feature, MemoryItem, Query, ResponseSpace, Task,
};

use super::Beliefs;
pub use calibrate::calibrate;
pub(crate) use calibrate::calibration_point;
use choices::Choices;
pub(crate) use kept::KeptEstimator;
use labels::Labels;
use ordinal::Ordinal;
use past::Past;
pub use result::{Estimate, ResponseProbability};
use ridge::Ridge;
use similar::{Likeness, Term, Terms};

/// Scales to a sum of 1; even shares when nothing is left.
fn normalised(mut p: Vec<f64>) -> Vec<f64> {
    for value in &mut p {
        if !value.is_finite() || *value < 0.0 {
            *value = 0.0;
        }
    }
    let total: f64 = p.iter().sum();
    let even = 1.0 / p.len().max(1) as f64;
    let usable = total.is_finite() && total > 0.0;
    for value in &mut p {
        *value = if usable { *value / total } else { even };
    }
    p
}

/// exp of log-weights, scaled to a sum of 1.
fn softmax(log: &[f64]) -> Vec<f64> {
    let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    normalised(log.iter().map(|l| (l - top).exp()).collect())
}

/// A query as the estimate sees it.
#[derive(Debug, Clone)]
struct Seen<'a> {
    query: &'a Query,
    /// Its words and pairs of words.
    words: &'a [Term],
    /// Places of its known factors in the estimator with their boosts, each once, ascending.
    factors: Vec<(usize, f64)>,
    /// How much its features praise or blame in all; `None` when no feature says.
    tone: Option<f64>,
    /// Likeness to each item, by position.
    similar: &'a [f64],
    /// The item to leave out, which is this query's own.
    left_out: Option<usize>,
}

/// The past of a user, read and counted, from which P(response | features, user) of a new query is estimated.
///
/// [`Prepared`](crate::Prepared) holds one; it is in every [`AnswerRequest`](crate::answer::AnswerRequest) of a pipeline.
#[derive(Debug, Clone)]
pub struct Estimator {
    past: Past,
    pool: Pool,
    /// By item: how much its vote counts for its weight and its place in time.
    vote_weights: Vec<f64>,
    /// Likeness of whole queries, once asked for.
    likeness: OnceLock<Likeness>,
    /// The second half of the vote, for labels; once asked for.
    ridge: OnceLock<Option<Ridge>>,
}

#[derive(Debug, Clone)]
enum Pool {
    Labels(Labels),
    Ordinal(Ordinal),
    Choices(Choices),
}

/// Half of a history's length is the half-life of a vote: interests drift, and how fast shows in how long people stay.
const HALF_LIFE: f64 = 0.5;
/// Weight of the base rate among the votes.
const VOTE_BASE: f64 = 0.1;
/// How much more a vote counts the more alike its item is.
const VOTE_POWER: i32 = 3;
/// The strongest boost of a factor.
const STRONGEST: f64 = 4.0;

impl Estimator {
    /// The estimate for a query with these features, with the user's boosts.
    pub fn of_query(&self, beliefs: &Beliefs<'_>, query: &Query, features: &[AssignedFeature]) -> Estimate {
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        self.estimate(beliefs.calibration(), query, features, boost)
    }

    /// The estimator of these items, in the memory's canonical order; `None` for open-ended tasks. Each item counts with its
    /// weight, above 0 and at most 1; those that `weights` is too short for weigh 1. Counts are exact for weights that are
    /// multiples of 2⁻³².
    pub fn new(task: &Task, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) -> Option<Self> {
        let pool = match task.space() {
            ResponseSpace::Labels { .. } => Pool::Labels(Labels::default()),
            ResponseSpace::Scale { .. } => Pool::Ordinal(Ordinal::default()),
            ResponseSpace::Choices => Pool::Choices(Choices::default()),
            ResponseSpace::Text { .. } => return None,
        };
        let past = Past::new(task);
        let mut estimator =
            Self { past, pool, vote_weights: Vec::new(), likeness: OnceLock::new(), ridge: OnceLock::new() };
        estimator.append(set, items, weights);
        Some(estimator)
    }

    /// Makes this the estimator of `items`, which begin with those it has; the factors and all weights may be others. Only
    /// the new items are read. The rest is one pass over counts now, and one over term counts with the fit of the joint vote
    /// when an estimate is first asked for.
    pub(crate) fn append(&mut self, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) {
        let new = items.get(self.past.len()..).unwrap_or_default();
        self.past.extend(new);
        if let Pool::Choices(choices) = &mut self.pool {
            choices.extend(new);
        }
        self.past.place(set, weights);
        self.count();
    }

    fn count(&mut self) {
        match &mut self.pool {
            Pool::Labels(labels) => *labels = Labels::count(&self.past),
            Pool::Ordinal(ordinal) => *ordinal = Ordinal::count(&self.past),
            Pool::Choices(choices) => choices.count(&self.past.weights),
        }
        let (timed, n) = (self.past.is_timed(), self.past.len() as f64);
        let age = |item: usize| (n - 1.0 - item as f64) / (HALF_LIFE * n);
        let vote_weight = |(item, weight): (usize, &f64)| if timed { weight * (-age(item)).exp2() } else { *weight };
        self.vote_weights = self.past.weights.iter().enumerate().map(vote_weight).collect();
        self.likeness = OnceLock::new();
        self.ridge = OnceLock::new();
    }

    /// The estimate for a query with these features. `boost` says how much more than counted a factor is to move it: 1 as
    /// counted, from 0 to 4. What is below 1 scales the factor's part in the pool; what is above 1 is added to the blend of
    /// pool and vote, in which the pool may have no share.
    pub(crate) fn estimate(
        &self,
        calibration: &Calibration,
        query: &Query,
        features: &[AssignedFeature],
        boost: impl Fn(&FactorId) -> f64,
    ) -> Estimate {
        let words = self.past.texts.read(query);
        let similar = self.likeness().to(&words);
        let place = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| self.past.ids.binary_search(id).ok());
        let boost = |place: usize| {
            let boost = self.past.ids.get(place).map_or(1.0, &boost);
            (place, if boost.is_finite() { boost.clamp(0.0, STRONGEST) } else { 1.0 })
        };
        let seen = Seen {
            query,
            words: &words,
            factors: distinct(features.iter().filter_map(place)).into_iter().map(boost).collect(),
            tone: tone(features.iter().map(|f| &f.feature)),
            similar: &similar,
            left_out: None,
        };
        self.of_seen(&seen, calibration)
    }

    fn of_seen(&self, seen: &Seen<'_>, calibration: &Calibration) -> Estimate {
        let base = self.base(seen);
        let blend = mixed(self.pooled(seen, calibration, &base), self.votes(seen, &base).as_deref(), calibration.vote);
        let p = self.raised(seen, calibration, &base, blend);
        let responses = match self.pool {
            Pool::Choices(_) => seen.query.options(),
            _ => &self.past.responses,
        };
        Estimate::new(responses.to_vec(), &base, p, matches!(self.pool, Pool::Ordinal(_)))
    }

    /// The estimate of an item's own query from all other items; `None` when its response is not among those open to it.
    pub(crate) fn left_out(&self, calibration: &Calibration, position: usize, item: &MemoryItem) -> Option<Estimate> {
        let words = self.past.texts.of(position);
        let similar = self.likeness().to(words);
        let seen = Seen {
            query: item.query(),
            words,
            factors: self.past.factors_of.get(position)?.iter().map(|factor| (*factor, 1.0)).collect(),
            tone: self.past.tones.get(position).copied()?,
            similar: &similar,
            left_out: Some(position),
        };
        self.given(&seen)?;
        Some(self.of_seen(&seen, calibration))
    }

    /// The estimator as it would be without the item at this position. Exact, and slow: all others are counted again.
    #[must_use]
    pub(crate) fn without_item(&self, position: usize) -> Self {
        let kept: Vec<usize> = (0..self.past.len()).filter(|item| *item != position).collect();
        let pool = match &self.pool {
            Pool::Choices(choices) => Pool::Choices(choices.only(&kept)),
            other => other.clone(),
        };
        let past = self.past.only(&kept);
        let mut without =
            Self { past, pool, vote_weights: Vec::new(), likeness: OnceLock::new(), ridge: OnceLock::new() };
        without.count();
        without
    }

    fn likeness(&self) -> &Likeness {
        self.likeness.get_or_init(|| Likeness::new(&self.past.texts, 0, Terms::WordsAndPairs))
    }

    /// The base rates of the responses open to a query.
    fn base(&self, seen: &Seen<'_>) -> Vec<f64> {
        match &self.pool {
            Pool::Labels(pool) => pool.base(&self.past, seen.left_out),
            Pool::Ordinal(pool) => pool.base(&self.past, seen.left_out),
            Pool::Choices(pool) => pool.base(&self.past, seen),
        }
    }

    /// The place of the given response among those open to a query whose item is left out.
    fn given(&self, seen: &Seen<'_>) -> Option<usize> {
        match &self.pool {
            Pool::Choices(pool) => pool.given(seen.left_out),
            _ => self.past.given(seen.left_out),
        }
    }

    /// What the query's factors say.
    fn pooled(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        match &self.pool {
            Pool::Labels(pool) => pool.pool(&self.past, seen, calibration, base),
            Pool::Ordinal(pool) => pool.pool(&self.past, seen, calibration, base),
            Pool::Choices(pool) => pool.pool(&self.past, seen),
        }
    }

    /// The blend with what factors say that are boosted above 1, in log-odds or, on a scale, in the latent mean.
    fn raised(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64], blend: Vec<f64>) -> Vec<f64> {
        if seen.factors.iter().all(|(_, boost)| *boost <= 1.0) {
            return blend;
        }
        let share = |boost: f64| (boost - 1.0).max(0.0);
        let evidence = match &self.pool {
            Pool::Labels(pool) => pool.evidence(&self.past, seen, calibration, base, share),
            Pool::Choices(pool) => pool.evidence(&self.past, seen, calibration, share),
            Pool::Ordinal(pool) => return pool.raised(&self.past, seen, base, &blend),
        };
        softmax(&blend.iter().zip(evidence).map(|(p, evidence)| p.max(1e-12).ln() + evidence).collect::<Vec<f64>>())
    }

    /// What the user responded to similar queries; `None` for choices, whose lifts hold it already.
    fn votes(&self, seen: &Seen<'_>, base: &[f64]) -> Option<Vec<f64>> {
        if matches!(self.pool, Pool::Choices(_)) {
            return None;
        }
        let past = &self.past;
        let mut votes: Vec<f64> = base.iter().map(|base| VOTE_BASE * base).collect();
        for (item, ((likeness, response), vote_weight)) in
            seen.similar.iter().zip(&past.given).zip(&self.vote_weights).enumerate()
        {
            if seen.left_out != Some(item)
                && let Some(vote) = votes.get_mut(*response)
            {
                *vote += vote_weight * likeness.powi(VOTE_POWER);
            }
        }
        let votes = normalised(votes);
        let Pool::Labels(_) = self.pool else { return Some(votes) };
        let Some(ridge) = self.ridge.get_or_init(|| Ridge::new(past)) else { return Some(votes) };
        let left_out = seen.left_out.and_then(|item| Some((item, past.given(Some(item))?)));
        let joint = ridge.vote(seen.words, base, left_out);
        Some(votes.iter().zip(joint).map(|(vote, joint)| f64::midpoint(*vote, joint)).collect())
    }
}

/// `pool^(1−b) · vote^b`, scaled to a sum of 1.
fn mixed(pooled: Vec<f64>, votes: Option<&[f64]>, b: f64) -> Vec<f64> {
    let b = b.clamp(0.0, 1.0);
    match votes {
        Some(votes) if b > 0.0 => normalised(
            pooled.iter().zip(votes).map(|(p, v)| p.max(1e-12).powf(1.0 - b) * v.max(1e-12).powf(b)).collect(),
        ),
        _ => pooled,
    }
}

/// Places in ascending order, each once.
fn distinct(places: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places: Vec<usize> = places.collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// How much features praise (above 0) or blame in all: their valences' sum over one more than their number, so that a
/// single weak word says little. From −8 to 8; `None` when none has a valence.
fn tone<'f>(features: impl Iterator<Item = &'f Feature>) -> Option<f64> {
    let valences: Vec<f64> = features.filter_map(Feature::valence).collect();
    (!valences.is_empty()).then(|| 4.0 * valences.iter().sum::<f64>() / (valences.len() as f64 + 1.0))
}

#[cfg(test)]
mod tests;
