//! P(response | features, user) from the statistics alone.
//!
//! ```text
//! pool:  what the query's factors say (labels: propensities; scale: tone and factor effects; choices: option lifts)
//! vote:  what the user responded to similar queries; for labels also with their likeness to each other allowed for
//! P(y) ∝ pool(y)^(1−b) · vote(y)^b, b and the pool's strength chosen on the user's own history by leave-one-out
//! ```
//!
//! `docs/method.md` has the formulas. Everything is a function of counts over the items, so leaving an item out subtracts
//! its own share and refits nothing.

mod calibrate;
mod choices;
mod labels;
mod ordinal;
mod ridge;
mod similar;

use serde::{Deserialize, Serialize};

use crate::data::{
    AssignedFeature, Calibration, FactorId, FactorSet, Feature, MemoryItem, Query, ReasoningMemory, ResponseSpace, Task,
};

pub use calibrate::calibrate;
use ridge::Ridge;
use similar::{Neighbours, Terms};

/// One response with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighted {
    /// The response.
    pub response: String,
    /// Its estimated probability for this query.
    pub probability: f64,
    /// The user's base rate for it.
    pub base: f64,
}

/// P(response | features, user) from the statistics alone, without a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    responses: Vec<Weighted>,
    decision: usize,
}

impl Estimate {
    /// The responses in the order they are shown, with probabilities that sum to 1.
    pub fn responses(&self) -> &[Weighted] {
        &self.responses
    }

    /// The response to give: the most probable one; on a scale the point of least expected cost, where a miss costs 1 and
    /// each point of distance 0.1.
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

    fn new(responses: Vec<String>, base: &[f64], probability: Vec<f64>, ordinal: bool) -> Self {
        let decision = if ordinal { least_cost(&probability) } else { first_max(&probability) };
        let zipped = responses.into_iter().zip(probability).zip(base);
        let weighted =
            |((response, probability), base): ((String, f64), &f64)| Weighted { response, probability, base: *base };
        Self { responses: zipped.map(weighted).collect(), decision }
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
    /// Places of its known factors in the estimator, each once, ascending.
    factors: Vec<usize>,
    /// How much its features praise or blame in all; `None` when no feature says.
    tone: Option<f64>,
    /// Likeness to each item, by position.
    similar: &'a [f64],
    /// The item to leave out, which is this query's own.
    left_out: Option<usize>,
}

/// What a user's items say, ready to be asked. Computed once per memory.
#[derive(Debug)]
pub(crate) struct Estimator {
    pool: Pool,
    /// Likeness of whole queries.
    neighbours: Neighbours,
    /// The second half of the vote, for labels.
    ridge: Option<Ridge>,
    /// Factors in order of id, as in [`FactorSet::iter`].
    ids: Vec<FactorId>,
    /// By item: its factors' places.
    factors_of: Vec<Vec<usize>>,
    tones: Vec<Option<f64>>,
    /// By item: how much its vote counts for its age.
    recency: Vec<f64>,
}

#[derive(Debug)]
enum Pool {
    Labels(labels::Labels),
    Ordinal(ordinal::Ordinal),
    Choices(choices::Choices),
}

/// Half of a history's length is the half-life of a vote: interests drift, and how fast shows in how long people stay.
const HALF_LIFE: f64 = 0.5;
/// Weight of the base rate among the votes.
const VOTE_BASE: f64 = 0.1;
/// How much more a vote counts the more alike its item is.
const VOTE_POWER: i32 = 3;

impl Estimator {
    /// The estimator of a memory; `None` for open-ended tasks.
    pub(crate) fn new(task: &Task, set: &FactorSet, memory: &ReasoningMemory) -> Option<Self> {
        let ids: Vec<FactorId> = set.iter().map(|factor| factor.id().clone()).collect();
        let place = |feature: &Feature| set.place_of(&feature.key());
        let items = memory.items();
        let factors_of: Vec<Vec<usize>> =
            items.iter().map(|item| distinct(item.features().iter().filter_map(place))).collect();
        let tones: Vec<Option<f64>> = items.iter().map(|item| tone(item.features().iter())).collect();
        let timed = items.iter().all(|item| item.time().is_some());
        let n = items.len() as f64;
        let age = |i: usize| (n - 1.0 - i as f64) / (HALF_LIFE * n);
        let recency = (0..items.len()).map(|i| if timed { (-age(i)).exp2() } else { 1.0 }).collect();
        let pool = match task.space() {
            ResponseSpace::Labels { labels } => {
                Pool::Labels(labels::Labels::new(labels, items, &factors_of, ids.len()))
            }
            ResponseSpace::Scale { .. } => {
                let points = task.space().fixed_responses().unwrap_or_default();
                Pool::Ordinal(ordinal::Ordinal::new(points, items, &factors_of, &tones, ids.len()))
            }
            ResponseSpace::Choices => Pool::Choices(choices::Choices::new(items)),
            ResponseSpace::Text { .. } => return None,
        };
        let neighbours = Neighbours::new(items.iter().map(MemoryItem::query), Terms::WordsAndPairs);
        let ridge = match &pool {
            Pool::Labels(labels) => Ridge::new(items, &labels.given, labels.responses.len()),
            _ => None,
        };
        Some(Self { pool, neighbours, ridge, ids, factors_of, tones, recency })
    }

    /// The estimate for a query with these features.
    pub(crate) fn estimate(&self, calibration: &Calibration, query: &Query, features: &[AssignedFeature]) -> Estimate {
        let similar = self.neighbours.to(query);
        let place = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| self.ids.binary_search(id).ok());
        let seen = Seen {
            query,
            factors: distinct(features.iter().filter_map(place)),
            tone: tone(features.iter().map(|f| &f.feature)),
            similar: &similar,
            left_out: None,
        };
        let (responses, base, _) = self.open(&seen);
        let p = self.blend(&seen, calibration, &base);
        Estimate::new(responses, &base, p, matches!(self.pool, Pool::Ordinal(_)))
    }

    /// The responses open to a query, their base rates, and the given one's place when an item is left out.
    fn open(&self, seen: &Seen<'_>) -> (Vec<String>, Vec<f64>, Option<usize>) {
        match &self.pool {
            Pool::Labels(pool) => (pool.responses.clone(), pool.base(seen.left_out), pool.given(seen.left_out)),
            Pool::Ordinal(pool) => (pool.responses.clone(), pool.base(seen.left_out), pool.given(seen.left_out)),
            Pool::Choices(pool) => (seen.query.options().to_vec(), pool.base(seen.query), pool.given(seen.left_out)),
        }
    }

    fn blend(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        mixed(self.pooled(seen, calibration, base), self.votes(seen, base).as_deref(), calibration.vote)
    }

    /// What the query's factors say.
    fn pooled(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        match &self.pool {
            Pool::Labels(pool) => pool.pool(seen, calibration, base),
            Pool::Ordinal(pool) => pool.pool(seen, calibration),
            Pool::Choices(pool) => pool.pool(seen),
        }
    }

    /// What the user responded to similar queries; `None` for choices, whose lifts hold it already.
    fn votes(&self, seen: &Seen<'_>, base: &[f64]) -> Option<Vec<f64>> {
        let given = match &self.pool {
            Pool::Labels(pool) => &pool.given,
            Pool::Ordinal(pool) => &pool.given,
            Pool::Choices(_) => return None,
        };
        let mut votes: Vec<f64> = base.iter().map(|base| VOTE_BASE * base).collect();
        for (item, ((likeness, response), recency)) in seen.similar.iter().zip(given).zip(&self.recency).enumerate() {
            if seen.left_out != Some(item)
                && let Some(vote) = votes.get_mut(*response)
            {
                *vote += recency * likeness.powi(VOTE_POWER);
            }
        }
        let votes = normalised(votes);
        let Some(ridge) = &self.ridge else { return Some(votes) };
        let left_out = seen.left_out.and_then(|item| Some((item, *given.get(item)?)));
        let joint = ridge.vote(seen.query, base, left_out);
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
