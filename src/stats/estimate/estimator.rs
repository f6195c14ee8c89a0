//! The estimator: what the words and factors of past queries say of a new one, in parts.

use std::fmt;
use std::sync::Arc;

use ndarray::Array2;

use crate::data::Feature;
use crate::data::{AssignedFeature, Calibration, Decision, Factor, FactorId, FactorSet, MemoryItem, Query, Task};
use crate::pause::at_once;
use crate::stats::Beliefs;
use crate::stats::population::{Population, even, tone};
use crate::words::tokens;

use super::choices::Choices;
use super::fits::{Basis, Fits};
use super::labels::Labels;
use super::moved::{Heard, Moved, Mover, by_parts, of_options};
use super::ordinal::{Latent, Ordinal};
use super::others::Others;
use super::past::Past;
use super::result::{Estimate, Part, Source};
use super::seen::{Seen, Text, distinct};

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
    pub(super) space: Space,
    /// For labels and scales.
    pub(super) fits: Fits,
    pub(super) others: Option<Others>,
}

impl fmt::Debug for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Estimator").field("items", &self.past.len()).finish_non_exhaustive()
    }
}

/// What the counts are of, by kind of response space.
#[derive(Clone)]
pub(super) enum Space {
    Labels(Labels),
    Scale(Ordinal),
    Choices(Box<Choices>),
}

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

    /// The estimate for a query by its factors and its tone alone: that of [`of_query`](Self::of_query) without what
    /// [similar queries](Source::Similar) and [others](Source::Others) add.
    pub fn of_factors(&self, beliefs: &Beliefs<'_>, query: &Query, features: &[AssignedFeature]) -> Estimate {
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        let seen = self.seen(query, features, boost);
        self.of_seen(&seen, beliefs.calibration(), Heard::Factors)
    }

    /// Reads items, in the memory's canonical order; `None` for tasks of free text. Each item counts with its weight, above 0
    /// and at most 1; those that `weights` is too short for weigh 1. Counts are exact for weights that are multiples of 2⁻³².
    pub fn new(task: &Task, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) -> Option<Self> {
        Self::among(task, set, items, weights, None)
    }

    /// The same beside a [population](Population): base rates begin at the population's, others say what sways the user as far as
    /// they foretell the items, and the user's own words and factors have what that leaves. A population of other
    /// responses is passed over.
    pub fn among(
        task: &Task,
        set: &FactorSet,
        items: &[MemoryItem],
        weights: &[f64],
        population: Option<&Arc<Population>>,
    ) -> Option<Self> {
        at_once(Self::in_steps(task, set, items, weights, population))
    }

    /// Makes this the estimator of `items`, which begin with those it has; the factors and all weights may be others. Only
    /// the new items are read. The rest is one pass over counts now, and the fits when an estimate is first asked for.
    pub(crate) fn append(&mut self, set: &FactorSet, items: &[MemoryItem], weights: &[f64]) {
        at_once(self.append_in_steps(set, items, weights));
    }

    pub(super) fn count(&mut self) {
        match &mut self.space {
            Space::Labels(labels) => *labels = Labels::count(&self.past),
            Space::Scale(ordinal) => *ordinal = Ordinal::count(&self.past),
            Space::Choices(choices) => choices.count(&self.past.weights),
        }
        if let Some(mut others) = self.others.take() {
            let population = others.shared_population();
            match &self.space {
                Space::Choices(space) => {
                    let given = |item| space.given(Some(item));
                    others.count(&self.past, |item| space.even(item), given, |_| Vec::new());
                }
                _ => {
                    let base = |item| population.base_of(&self.totals(Some(item)));
                    others.count(&self.past, base, |item| self.past.given(Some(item)), |item| self.totals(Some(item)));
                }
            }
            self.others = Some(others);
        }
        self.fits = Fits::default();
    }

    /// By response of labels or a scale: the weight of the items it was given in.
    pub(super) fn totals(&self, left_out: Option<usize>) -> Vec<f64> {
        match &self.space {
            Space::Labels(space) => space.totals(&self.past, left_out),
            Space::Scale(space) => space.totals(&self.past, left_out),
            Space::Choices(_) => Vec::new(),
        }
    }

    /// The estimate for a query with these features. `boost` gives each factor's strength in it, from 0 to 4: what the factor
    /// adds is taken times it.
    pub(crate) fn estimate(
        &self,
        calibration: &Calibration,
        query: &Query,
        features: &[AssignedFeature],
        boost: impl Fn(&FactorId) -> f64,
    ) -> Estimate {
        self.of_seen(&self.seen(query, features, boost), calibration, Heard::All)
    }

    fn seen<'q>(&self, query: &'q Query, features: &[AssignedFeature], boost: impl Fn(&FactorId) -> f64) -> Seen<'q> {
        let words = tokens(query.text());
        let place = |f: &AssignedFeature| f.factor.as_ref().and_then(|id| self.past.ids.binary_search(id).ok());
        let places = distinct(features.iter().filter_map(place));
        let owner = |f: &AssignedFeature| Some((places.binary_search(&place(f)?).ok()?, f.feature.span()));
        let text = Text::new(&words, &features.iter().filter_map(owner).collect::<Vec<_>>());
        let boost = |place: usize| {
            let boost = self.past.ids.get(place).map_or(1.0, &boost);
            (place, if boost.is_finite() { boost.clamp(0.0, STRONGEST) } else { 1.0 })
        };
        Seen {
            query,
            text,
            factors: places.iter().map(|place| boost(*place)).collect(),
            tone: tone(features.iter().map(|f| &f.feature)),
            left_out: None,
        }
    }

    fn of_seen(&self, seen: &Seen<'_>, calibration: &Calibration, heard: Heard) -> Estimate {
        let base = self.base(seen);
        let Moved { p, parts } = self.moved(seen, calibration, &base, heard);
        let responses = match self.space {
            Space::Choices(_) => seen.query.options(),
            _ => &self.past.responses,
        };
        let part = |(mover, added): (Mover, Vec<f64>)| {
            let source = match mover {
                Mover::Factor(number) => Source::Factor(self.past.ids.get(seen.factors.get(number)?.0)?.clone()),
                Mover::Similar => Source::Similar,
                Mover::Tone => Source::Tone,
                Mover::Options => Source::Options,
                Mover::Others => Source::Others,
            };
            Some(Part { source, added })
        };
        let parts = parts.into_iter().filter_map(part).collect();
        let people = self.others.as_ref().filter(|_| heard == Heard::All).map(Others::people);
        Estimate::new(responses.to_vec(), &base, p, parts, self.rule(&calibration.decision)).behind(people)
    }

    /// The rule that decides: rules of scales are of scales.
    fn rule(&self, rule: &Decision) -> Decision {
        match (&self.space, rule) {
            (Space::Scale(_), _) | (Space::Labels(_), Decision::Costs(_)) => rule.clone(),
            _ => Decision::MostLikely,
        }
    }

    /// The estimate of an item's own query from all other items, with every factor as counted; `None` when its response is
    /// not among those open to it.
    pub(crate) fn left_out(&self, calibration: &Calibration, position: usize, item: &MemoryItem) -> Option<Estimate> {
        let seen = self.seen_left_out(position, item);
        self.given(&seen)?;
        Some(self.of_seen(&seen, calibration, Heard::All))
    }

    /// The same with the user's boosts.
    pub(crate) fn left_out_boosted(
        &self,
        beliefs: &Beliefs<'_>,
        position: usize,
        item: &MemoryItem,
    ) -> Option<Estimate> {
        let boost = |id: &FactorId| beliefs.factors().get(id).map_or(1.0, Factor::boost);
        let factor = |feature: &Feature| beliefs.factors().factor_of(&feature.key()).map(|factor| factor.id().clone());
        let assign = |feature: &Feature| AssignedFeature { factor: factor(feature), feature: feature.clone() };
        let features: Vec<AssignedFeature> = item.features().iter().map(assign).collect();
        let seen = Seen { left_out: Some(position), ..self.seen(item.query(), &features, boost) };
        self.given(&seen)?;
        Some(self.of_seen(&seen, beliefs.calibration(), Heard::All))
    }

    /// An item's own query, with the item to be left out and every factor as counted.
    pub(super) fn seen_left_out<'i>(&self, position: usize, item: &'i MemoryItem) -> Seen<'i> {
        let (terms, tone, factors) = self.past.told(position, item);
        Seen {
            query: item.query(),
            text: Text { terms, owned: Vec::new() },
            factors: factors.into_iter().map(|factor| (factor, 1.0)).collect(),
            tone,
            left_out: Some(position),
        }
    }

    /// The estimator of all items but the one at this position, each with its weight, and of other factors.
    #[must_use]
    pub(crate) fn of_others(
        &self,
        position: usize,
        task: &Task,
        set: &FactorSet,
        others: &[MemoryItem],
    ) -> Option<Self> {
        let mut weights = self.past.weights.clone();
        if position < weights.len() {
            weights.remove(position);
        }
        let population = self.others.as_ref().map(Others::shared_population);
        Self::among(task, set, others, &weights, population.as_ref())
    }

    /// The base rates of the responses open to a query.
    pub(super) fn base(&self, seen: &Seen<'_>) -> Vec<f64> {
        match (&self.space, &self.others) {
            (Space::Choices(space), _) => space.base(&self.past, seen),
            (_, Some(others)) => others.population().base_of(&self.totals(seen.left_out)),
            (Space::Labels(space), None) => space.base(&self.past, seen.left_out),
            (Space::Scale(space), None) => space.base(&self.past, seen.left_out),
        }
    }

    /// The place of the given response among those open to a query whose item is left out.
    pub(super) fn given(&self, seen: &Seen<'_>) -> Option<usize> {
        match &self.space {
            Space::Choices(space) => space.given(seen.left_out),
            _ => self.past.given(seen.left_out),
        }
    }

    /// What is fitted; `None` for choices.
    pub(super) fn basis(&self) -> Option<Basis<'_>> {
        let targets = match &self.space {
            Space::Labels(space) => space.targets(),
            Space::Scale(space) => space.targets(),
            Space::Choices(_) => return None,
        };
        Some(Basis { past: &self.past, targets, others: self.others.as_ref() })
    }

    /// The probabilities of a query's responses, and what moved them.
    fn moved(&self, seen: &Seen<'_>, calibration: &Calibration, base: &[f64], heard: Heard) -> Moved {
        if let Space::Choices(space) = &self.space {
            let others = self.said_of_options(seen).filter(|_| heard == Heard::All);
            return of_options(space.moved(&self.past, seen, calibration, (base, others.as_deref())), heard);
        }
        let latent = self.latent(seen, base);
        let combined = self.combined(latent.as_ref(), base);
        let share = calibration.factors;
        // Without boosts the whole is all that is asked for, and has a short form.
        let whole =
            seen.left_out.filter(|_| seen.factors.iter().all(|(_, boost)| boost.to_bits() == 1.0_f64.to_bits()));
        let of = |basis: Basis<'_>| {
            let left_out = whole.and_then(|item| self.fits.left_out(&basis, item, &[share], &combined));
            left_out.or_else(|| self.fits.parts(&basis, seen, share, &combined))
        };
        let parts = self.basis().and_then(of).unwrap_or_default();
        let others = if heard == Heard::All { self.added_by_others(seen, base) } else { None };
        by_parts(latent.as_ref(), (base, others.as_deref()), seen.tone, parts, heard)
    }

    /// By option of the query: how likely others find it.
    fn said_of_options(&self, seen: &Seen<'_>) -> Option<Vec<f64>> {
        let even = even(seen.query.options().len());
        let added = self.added_by_others(seen, &even)?;
        Some(even.iter().zip(added).map(|(even, added)| even + added).collect())
    }

    /// What others add to the base rates.
    fn added_by_others(&self, seen: &Seen<'_>, base: &[f64]) -> Option<Vec<f64>> {
        let others = self.others.as_ref()?;
        let known = seen.left_out.and_then(|item| others.added_to(&self.past, item));
        Some(known.map_or_else(|| others.add_to(seen.query, base), <[f64]>::to_vec))
    }

    fn combined(&self, latent: Option<&Latent>, base: &[f64]) -> Array2<f64> {
        latent.map_or_else(|| Labels::combined(base, self.others.is_some()), Latent::combined)
    }

    /// By share of the regression on factors: the probabilities for an item that is left out.
    pub(super) fn by_share(&self, seen: &Seen<'_>, base: &[f64], shares: &[f64]) -> Vec<Vec<f64>> {
        if let Space::Choices(space) = &self.space {
            let others = self.said_of_options(seen);
            let moved = space.moved(&self.past, seen, &Calibration::default(), (base, others.as_deref()));
            return vec![moved.p; shares.len()];
        }
        let latent = self.latent(seen, base);
        let combined = self.combined(latent.as_ref(), base);
        let left_out = |basis: Basis<'_>| self.fits.left_out(&basis, seen.left_out?, shares, &combined);
        let Some(wholes) = self.basis().and_then(left_out) else {
            return shares.iter().map(|_| base.to_vec()).collect();
        };
        let others = self.added_by_others(seen, base);
        let of = |whole| by_parts(latent.as_ref(), (base, others.as_deref()), seen.tone, vec![whole], Heard::All).p;
        wholes.into_iter().map(of).collect()
    }

    fn latent(&self, seen: &Seen<'_>, base: &[f64]) -> Option<Latent> {
        match &self.space {
            Space::Scale(space) => Some(space.latent(&self.past, seen.left_out, base, self.others.as_ref())),
            _ => None,
        }
    }
}
