//! The estimator: the pool of factors and the vote of similar queries, blended.

use std::fmt;
use std::sync::OnceLock;

use crate::data::{AssignedFeature, Calibration, Factor, FactorId, FactorSet, MemoryItem, Query, ResponseSpace, Task};
use crate::stats::Beliefs;

use super::choices::Choices;
use super::labels::Labels;
use super::muted::Muted;
use super::ordinal::Ordinal;
use super::past::Past;
use super::result::Estimate;
use super::ridge::{LAMBDA_WORDS, Ridge};
use super::seen::{Seen, distinct, tone};
use super::shares::{mixed, normalised, softmax};
use super::similar::{Likeness, Terms};

/// The past of a user, read and counted, from which P(response | features, user) of a new query is estimated.
///
/// [`new`](Self::new) reads the items once, in time linear in their text; [`of_query`](Self::of_query) then estimates
/// without reading them again. A [`Prepared`](crate::Prepared) holds one and puts it into every
/// [`AnswerRequest`](crate::answer::AnswerRequest); a host that calls an [`Answerer`](crate::Answerer) by itself makes one
/// from the parts of a user model:
///
/// ```
/// use rpm_core::stats::{Beliefs, Estimator};
/// use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let history = History::new(&task, "ana", [
///     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
///     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
///     Interaction::new("c", Query::new("A slow film about a quiet town.")?, "5")?,
/// ])?;
/// let model = RpmPipeline::offline(task.clone()).learn(&history).await?.model;
///
/// let estimator = Estimator::new(&task, model.factors(), model.memory().items(), &[]).expect("a scale is no free text");
/// let beliefs = Beliefs::new(&task, model.factors(), model.calibration());
/// let estimate = estimator.of_query(&beliefs, &Query::new("Slow and quiet.")?, &[]);
/// assert_eq!(estimate.decision(), "5");
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct Estimator {
    pub(super) past: Past,
    pub(super) pool: Pool,
    /// By item: the weight of its vote, by its own weight and its place in time.
    vote_weights: Vec<f64>,
    /// Likeness of whole queries, once asked for.
    likeness: OnceLock<Likeness>,
    /// The second half of the vote, for labels; once asked for.
    ridge: OnceLock<Option<Ridge>>,
}

impl fmt::Debug for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Estimator").field("items", &self.vote_weights.len()).finish_non_exhaustive()
    }
}

/// The part of the estimate that goes by the query's factors, by kind of response space.
#[derive(Debug, Clone)]
pub(super) enum Pool {
    Labels(Labels),
    Ordinal(Ordinal),
    Choices(Choices),
}

/// Half-life of a vote, in parts of the history's length: interests drift, and how fast shows in how long people stay.
const HALF_LIFE: f64 = 0.5;
/// Weight of the base rate among the votes, in votes of likeness 1.
const VOTE_BASE: f64 = 0.1;
/// Power of the likeness by which a vote counts.
const VOTE_POWER: i32 = 3;
/// The strongest boost of a factor; the weakest is 0.
const STRONGEST: f64 = 4.0;

impl Estimator {
    /// The estimate for a query with these features: the probability of each response. `beliefs` bring the user's
    /// calibration and boosts, and must be of the factors that the estimator was made with. Features without a factor, or of
    /// a factor that is not among them, only count by their tone.
    pub fn of_query(&self, beliefs: &Beliefs<'_>, query: &Query, features: &[AssignedFeature]) -> Estimate {
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        self.estimate(beliefs.calibration(), query, features, boost)
    }

    /// The estimate for a query by its features alone: that of [`of_query`](Self::of_query) if the vote of similar queries had
    /// no weight, and the pool of factors the strength that the calibration chose, or 1 where it chose 0. The features' tone
    /// counts as it does there. Choices have no such vote, so theirs is the same as there.
    pub fn of_factors(&self, beliefs: &Beliefs<'_>, query: &Query, features: &[AssignedFeature]) -> Estimate {
        let chosen = beliefs.calibration();
        let pool = if chosen.pool > 0.0 { chosen.pool } else { 1.0 };
        let alone = Calibration { vote: 0.0, pool, ..chosen.clone() };
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        self.estimate(&alone, query, features, boost)
    }

    /// Reads items, in the memory's canonical order; `None` for tasks of free text. Each item counts with its weight, above 0
    /// and at most 1; those that `weights` is too short for weigh 1. Counts are exact for weights that are multiples of 2⁻³².
    pub fn new(task: &Task, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) -> Option<Self> {
        Self::setting_aside(&FactorSet::default(), task, set, items, weights)
    }

    /// The same of a user who set factors aside ([`UserModel::set_aside`](crate::UserModel::set_aside)): history and query
    /// are read as if their words did not stand there, so that no part of the estimate hears them.
    pub fn setting_aside(
        set_aside: &FactorSet,
        task: &Task,
        set: &FactorSet,
        items: &[MemoryItem],
        weights: &[f64],
    ) -> Option<Self> {
        let pool = match task.space() {
            ResponseSpace::Labels { .. } => Pool::Labels(Labels::default()),
            ResponseSpace::Scale { .. } => Pool::Ordinal(Ordinal::default()),
            ResponseSpace::Choices => Pool::Choices(Choices::default()),
            ResponseSpace::Text { .. } => return None,
        };
        let past = Past::new(task, Muted::of(set_aside));
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

    /// The estimate for a query with these features. `boost` gives each factor's strength in it, from 0 to 4; 1 is as
    /// counted. Below 1 it scales the factor's part in the pool; what it is above 1 is added to the blend of pool and vote, in
    /// which the pool may have no share.
    pub(crate) fn estimate(
        &self,
        calibration: &Calibration,
        query: &Query,
        features: &[AssignedFeature],
        boost: impl Fn(&FactorId) -> f64,
    ) -> Estimate {
        let muted = &self.past.muted;
        let words = self.past.texts.read(muted.heard(query, features.iter().map(|f| &f.feature)));
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
            tone: tone(features.iter().map(|f| &f.feature).filter(|feature| !muted.is_of(feature))),
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
        let rule = matches!(self.pool, Pool::Ordinal(_)).then_some(calibration.decision);
        Estimate::new(responses.to_vec(), &base, p, rule)
    }

    /// The estimate of an item's own query from all other items, with every factor as counted; `None` when its response is
    /// not among those open to it.
    pub(crate) fn left_out(&self, calibration: &Calibration, position: usize, item: &MemoryItem) -> Option<Estimate> {
        self.left_out_of(calibration, position, item, |_| 1.0)
    }

    /// The same with the user's boosts.
    pub(crate) fn left_out_boosted(
        &self,
        beliefs: &Beliefs<'_>,
        position: usize,
        item: &MemoryItem,
    ) -> Option<Estimate> {
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        self.left_out_of(beliefs.calibration(), position, item, boost)
    }

    fn left_out_of(
        &self,
        calibration: &Calibration,
        position: usize,
        item: &MemoryItem,
        boost: impl Fn(&FactorId) -> f64,
    ) -> Option<Estimate> {
        let words = self.past.texts.of(position);
        let similar = self.likeness().to(words);
        let boosted = |place: &usize| (*place, self.past.ids.get(*place).map_or(1.0, &boost));
        let seen = Seen {
            query: item.query(),
            words,
            factors: self.past.factors_of.get(position)?.iter().map(boosted).collect(),
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

    pub(super) fn likeness(&self) -> &Likeness {
        self.likeness.get_or_init(|| Likeness::new(&self.past.texts, 0, Terms::WordsAndPairs))
    }

    /// The base rates of the responses open to a query.
    pub(super) fn base(&self, seen: &Seen<'_>) -> Vec<f64> {
        match &self.pool {
            Pool::Labels(pool) => pool.base(&self.past, seen.left_out),
            Pool::Ordinal(pool) => pool.base(&self.past, seen.left_out),
            Pool::Choices(pool) => pool.base(&self.past, seen),
        }
    }

    /// The place of the given response among those open to a query whose item is left out.
    pub(super) fn given(&self, seen: &Seen<'_>) -> Option<usize> {
        match &self.pool {
            Pool::Choices(pool) => pool.given(seen.left_out),
            _ => self.past.given(seen.left_out),
        }
    }

    /// The probabilities by the query's factors.
    pub(super) fn pooled(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64]) -> Vec<f64> {
        match &self.pool {
            Pool::Labels(pool) => pool.pool(&self.past, seen, calibration, base),
            Pool::Ordinal(pool) => pool.pool(&self.past, seen, calibration, base),
            Pool::Choices(pool) => pool.pool(&self.past, seen),
        }
    }

    /// The blend, raised by the evidence of factors that are boosted above 1, in log-odds or, on a scale, in the latent mean.
    fn raised(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64], blend: Vec<f64>) -> Vec<f64> {
        if seen.factors.iter().all(|(_, boost)| *boost <= 1.0) {
            return blend;
        }
        let share = |boost: f64| (boost - 1.0).max(0.0);
        let evidence = match &self.pool {
            Pool::Labels(pool) => pool.evidence(&self.past, seen, base, share),
            Pool::Choices(pool) => pool.evidence(&self.past, seen, calibration, share),
            Pool::Ordinal(pool) => return pool.raised(&self.past, seen, base, &blend),
        };
        softmax(&blend.iter().zip(evidence).map(|(p, evidence)| p.max(1e-12).ln() + evidence).collect::<Vec<f64>>())
    }

    /// The vote of similar queries; `None` for choices, whose lifts hold it already.
    pub(super) fn votes(&self, seen: &Seen<'_>, base: &[f64]) -> Option<Vec<f64>> {
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
        let Some(ridge) = self.ridge.get_or_init(|| Ridge::new(past, &past.texts, LAMBDA_WORDS)) else {
            return Some(votes);
        };
        let left_out = seen.left_out.and_then(|item| Some((item, past.given(Some(item))?)));
        let joint = ridge.vote(seen.words, base, left_out);
        Some(votes.iter().zip(joint).map(|(vote, joint)| f64::midpoint(*vote, joint)).collect())
    }
}
