//! The factors that a user is shown, and how well their evidence covers the history.

use std::collections::BTreeSet;

use rpm_core::data::FactorId;
use rpm_core::model::UserModel;
use rpm_core::stats::{Beliefs, FactorSummary};

/// The number of factors that a user is shown.
const SHOWN: usize = 12;
/// Sightings from which a factor is recurring.
pub(super) const RECURRING: usize = 3;

/// The factors that a user is shown, the most telling first.
pub(super) fn shown(model: &UserModel, beliefs: &Beliefs<'_>) -> Vec<FactorSummary> {
    model.most_telling(beliefs, SHOWN)
}

/// The places of interactions in a history.
pub(super) type Places = BTreeSet<usize>;

/// Which interactions of a history have each factor.
#[derive(Debug)]
pub(super) struct Evidence {
    items: usize,
    of: Vec<(FactorId, Places)>,
}

impl Evidence {
    /// The evidence in a user model, by the order of its factors.
    pub(super) fn of(model: &UserModel) -> Self {
        let factors = model.factors();
        let mut of: Vec<(FactorId, Places)> =
            factors.iter().map(|factor| (factor.id().clone(), Places::new())).collect();
        for (place, item) in model.memory().items().iter().enumerate() {
            for factor in factors.present_in(item.features()) {
                if let Ok(at) = of.binary_search_by(|(id, _)| id.cmp(factor.id()))
                    && let Some((_, places)) = of.get_mut(at)
                {
                    places.insert(place);
                }
            }
        }
        Self { items: model.memory().len(), of }
    }

    /// The evidence of one factor.
    pub(super) fn places(&self, factor: &FactorId) -> Option<&Places> {
        let at = self.of.binary_search_by(|(id, _)| id.cmp(factor)).ok()?;
        self.of.get(at).map(|(_, places)| places)
    }

    /// The evidence of each factor that was seen at least three times.
    pub(super) fn recurring(&self) -> Vec<&Places> {
        self.of.iter().map(|(_, places)| places).filter(|places| places.len() >= RECURRING).collect()
    }

    /// The share of interactions that are in at least one of the sets.
    pub(super) fn coverage(&self, sets: &[&Places]) -> f64 {
        coverage(sets, self.items)
    }
}

/// The mean, over all sets, of the largest Jaccard likeness to another one; 0 for fewer than two.
pub(super) fn redundancy(sets: &[&Places]) -> f64 {
    if sets.len() < 2 {
        return 0.0;
    }
    let likeness = |a: &Places, b: &Places| {
        let both = a.intersection(b).count();
        let either = a.len() + b.len() - both;
        if either == 0 { 0.0 } else { both as f64 / either as f64 }
    };
    let largest = |(at, set): (usize, &&Places)| {
        let others = sets.iter().enumerate().filter(|(other, _)| *other != at);
        others.map(|(_, other)| likeness(set, other)).fold(0.0, f64::max)
    };
    sets.iter().enumerate().map(largest).sum::<f64>() / sets.len() as f64
}

fn coverage(sets: &[&Places], items: usize) -> f64 {
    let covered: BTreeSet<usize> = sets.iter().flat_map(|places| places.iter().copied()).collect();
    if items == 0 { 0.0 } else { covered.len() as f64 / items as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(places: &[&[usize]]) -> Vec<Places> {
        places.iter().map(|places| places.iter().copied().collect()).collect()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn redundancy_is_the_mean_of_the_largest_likeness() {
        // The first two share 2 of 4, the third shares 1 of 5 with the second.
        let sets = sets(&[&[0, 1, 2], &[1, 2, 3], &[3, 4, 5]]);
        assert!(near(redundancy(&sets.iter().collect::<Vec<_>>()), (0.5 + 0.5 + 0.2) / 3.0));
    }

    #[test]
    fn fewer_than_two_factors_are_not_redundant_and_two_of_the_same_evidence_are_wholly() {
        let sets = sets(&[&[0, 1], &[0, 1], &[], &[]]);
        let some = |places: &[usize]| redundancy(&places.iter().map(|at| &sets[*at]).collect::<Vec<_>>());
        assert!(near(some(&[]), 0.0) && near(some(&[0]), 0.0) && near(some(&[2, 3]), 0.0));
        assert!(near(some(&[0, 1]), 1.0));
    }

    #[test]
    fn coverage_counts_an_interaction_once() {
        let sets = sets(&[&[0, 1], &[1, 2]]);
        let sets: Vec<&Places> = sets.iter().collect();
        assert!(near(coverage(&sets, 4), 0.75));
        assert!(near(coverage(&[], 4), 0.0) && near(coverage(&[], 0), 0.0));
    }
}
