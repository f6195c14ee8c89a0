//! The statistics of a user model over time: whether they drift, hold on either half, and come true.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::data::{FactorId, MemoryItem, Polarity, ResponseSpace};
use crate::model::UserModel;
use crate::stats::{
    Beliefs, Drift, Halves, Moments, RELIABILITY_BINS, Reliability, lift_reliability, scale_stability, stability,
};

/// By factor that is not set aside: the positions of the items it is present in, oldest first.
pub(super) type Sightings = BTreeMap<FactorId, Vec<usize>>;

/// The sightings and drifts of one user model, each found when it is first asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drifts {
    sightings: OnceLock<Sightings>,
    /// By the factor's place.
    drifts: OnceLock<Vec<OnceLock<Option<Drift>>>>,
}

impl Drifts {
    /// Those of a model of which this is known.
    pub(super) fn knowing(sightings: Sightings) -> Self {
        Self { sightings: OnceLock::from(sightings), drifts: OnceLock::new() }
    }

    /// The drift of a factor of this model; it must always be asked with the same one.
    pub(crate) fn of(&self, model: &UserModel, factor: &FactorId) -> Option<Drift> {
        let place = model.factors().place_of_id(factor)?;
        let drifts = self.drifts.get_or_init(|| vec![OnceLock::new(); model.factors().len()]);
        let sightings = || self.sightings.get_or_init(|| model.sightings());
        *drifts.get(place)?.get_or_init(|| model.drift_in(sightings(), factor))
    }
}

impl UserModel {
    /// The counts as posteriors, intervals, lifts and significance. Tests all factors;
    /// [`Prepared::beliefs`](crate::Prepared::beliefs) does so once.
    pub fn beliefs(&self) -> Beliefs<'_> {
        Beliefs::new(self.task(), self.factors(), self.calibration())
    }

    /// Tests whether the responses that a factor goes with have changed of late ([`Drift`]), on all its sightings
    /// without decay; `None` for a factor that is not there or was seen too seldom to tell.
    ///
    /// Reads the whole memory; [`Prepared::drift`](crate::Prepared::drift) does so once.
    pub fn drift(&self, factor: &FactorId) -> Option<Drift> {
        self.drift_in(&self.sightings(), factor)
    }

    fn drift_in(&self, sightings: &Sightings, factor: &FactorId) -> Option<Drift> {
        let items = self.items_at(sightings.get(factor)?);
        if self.task().space().is_open_ended() {
            return Drift::of_judgements(&items.map(|item| self.judged(item, factor)).collect::<Vec<_>>());
        }
        let responses = self.factors().responses(self.task());
        let place = |item: &MemoryItem| responses.iter().position(|response| response == item.response());
        let places: Vec<usize> = items.filter_map(place).collect();
        match self.task().space() {
            ResponseSpace::Scale { .. } => Drift::of_points(&places, responses.len()),
            _ => Drift::of_responses(&places, responses.len()),
        }
    }

    /// The factors that are drifting, with what says so, in order of id.
    pub fn drifting(&self) -> Vec<(FactorId, Drift)> {
        let sightings = self.sightings();
        let drift = |id: &FactorId| self.drift_in(&sightings, id).filter(|drift| drift.alarm);
        self.factors().iter().filter_map(|factor| Some((factor.id().clone(), drift(factor.id())?))).collect()
    }

    /// The likeness of a factor's statistics on the odd and the even of its sightings, from 0 to 1 ([`stability`];
    /// [`scale_stability`] for a scale; of influence for an open-ended task). `None` with fewer than four sightings.
    pub fn stability(&self, factor: &FactorId) -> Option<f64> {
        let sightings = self.sightings();
        let positions = sightings.get(factor)?;
        let kappa = self.calibration().kappa;
        if matches!(self.task().space(), ResponseSpace::Scale { .. }) {
            let value = |item: &MemoryItem| item.response().parse::<f64>().ok();
            let mut halves = [Moments::default(); 2];
            for (place, item) in self.items_at(positions).enumerate() {
                if let (Some(value), Some(half)) = (value(item), halves.get_mut(place % 2)) {
                    half.add(value, 1.0);
                }
            }
            let mut all = Moments::default();
            self.memory().items().iter().filter_map(value).for_each(|value| all.add(value, 1.0));
            let [odd, even] = halves;
            return scale_stability(&odd, &even, all.mean()?, kappa);
        }
        let (base, [odd, even]) = (self.base_rates(), self.halves(factor, positions));
        stability(Halves { odd: &odd, even: &even }, &base, kappa)
    }

    /// The reliability of this user's lifts, over all factors, from 0 (chance) to 1 ([`lift_reliability`]). `None` with
    /// fewer than three factors that were seen four times.
    pub fn lift_reliability(&self) -> Option<f64> {
        let sightings = self.sightings();
        let halves: Vec<[Vec<f64>; 2]> = sightings.iter().map(|(id, positions)| self.halves(id, positions)).collect();
        let halves: Vec<Halves<'_>> = halves.iter().map(|[odd, even]| Halves { odd, even }).collect();
        lift_reliability(&halves, &self.base_rates(), self.calibration().kappa)
    }

    /// Compares the estimate's probabilities with this user's own responses, each estimated from the others. At
    /// most 512, evenly spread, are looked at. `None` for open-ended tasks and without interactions.
    pub fn reliability(&self) -> Option<Reliability> {
        const MOST: usize = 512;
        let items = self.heard_items(self.memory().items());
        let estimator = self.heard_estimator(None)?;
        let every = items.len().div_ceil(MOST).max(1);
        let pairs = items.iter().enumerate().step_by(every).filter_map(|(position, item)| {
            let estimate = estimator.left_out(self.calibration(), position, item)?;
            let decision = estimate.decision();
            Some((estimate.probability(decision), decision == item.response()))
        });
        Reliability::of(&pairs.collect::<Vec<_>>(), RELIABILITY_BINS)
    }

    pub(super) fn sightings(&self) -> Sightings {
        let mut sightings = Sightings::new();
        for (position, item) in self.memory().items().iter().enumerate() {
            for factor in self.factors().present_in(item.features_once().iter()) {
                sightings.entry(factor.id().clone()).or_default().push(position);
            }
        }
        sightings
    }

    fn items_at(&self, positions: &[usize]) -> impl Iterator<Item = &MemoryItem> {
        positions.iter().filter_map(|position| self.memory().items().get(*position))
    }

    /// Which way the factor swayed an item's response, by the first of its features that did.
    fn judged(&self, item: &MemoryItem, factor: &FactorId) -> Option<Polarity> {
        let of =
            item.features().iter().filter(|f| self.factors().factor_of(&f.key()).is_some_and(|f| f.id() == factor));
        of.filter_map(crate::data::Feature::judgement).find(|judged| judged.influential).map(|judged| judged.polarity)
    }

    fn base_rates(&self) -> Vec<f64> {
        if self.task().space().is_open_ended() {
            let stats = || self.factors().iter().map(crate::data::Factor::stats);
            let (seen, swayed): (f64, f64) = (stats().map(|s| s.coverage).sum(), stats().map(|s| s.influence).sum());
            let share = if seen > 0.0 { (swayed / seen).min(1.0) } else { 0.5 };
            return vec![share, 1.0 - share];
        }
        let (task, factors) = (self.task(), self.factors());
        // Base rates need no tests.
        let beliefs = Beliefs::sharing(task, factors, self.calibration(), Arc::default());
        self.factors().responses(self.task()).iter().map(|response| beliefs.base(response)).collect()
    }

    /// Counts by response on the odd and on the even sightings.
    fn halves(&self, factor: &FactorId, positions: &[usize]) -> [Vec<f64>; 2] {
        let open_ended = self.task().space().is_open_ended();
        let responses = self.factors().responses(self.task());
        let width = if open_ended { 2 } else { responses.len() };
        let mut halves = [vec![0.0; width], vec![0.0; width]];
        for (turn, item) in self.items_at(positions).enumerate() {
            let place = if open_ended {
                Some(usize::from(self.judged(item, factor).is_none()))
            } else {
                responses.iter().position(|response| response == item.response())
            };
            let half = halves.get_mut(turn % 2);
            if let Some(count) = place.zip(half).and_then(|(place, half)| half.get_mut(place)) {
                *count += 1.0;
            }
        }
        halves
    }
}
