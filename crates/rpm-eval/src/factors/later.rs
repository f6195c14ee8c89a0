//! Whether factors point the same way on later items.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use rpm_core::data::{Factor, FactorId, ResponseSpace};
use rpm_core::stats::{Beliefs, association, rank_sum};

/// The p- or q-value up to which a factor counts as significant here.
pub(super) const SIGNIFICANT: f64 = 0.05;

/// One later item: the factors of its query and the response that was given.
pub(super) struct LaterItem {
    pub(super) factors: BTreeSet<FactorId>,
    pub(super) response: String,
}

/// The significant factors of a user, looked at on later items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Later {
    /// Significant factors that are in at least one later item and not in another, so that they can be looked at.
    pub tested_later: usize,
    /// Of those, how many point the same way on the later items.
    pub same_direction: usize,
    /// Of those that do, how many are significant on the later items by themselves.
    pub replicated: usize,
}

/// The way that a factor points.
#[derive(PartialEq)]
enum Direction {
    /// On a scale: responses with it are higher or lower than without.
    Scale(Ordering),
    /// This response is the one that it raises most.
    Raises(String),
}

/// Counts of responses with a factor and without it.
#[derive(Default)]
struct Sides(BTreeMap<String, (f64, f64)>);

impl Later {
    /// Looks at those of the factors that are significant.
    pub(super) fn of(beliefs: &Beliefs<'_>, items: &[LaterItem]) -> Self {
        let mut later = Self::default();
        for factor in beliefs.factors().iter().filter(|factor| beliefs.q(factor.id()) <= SIGNIFICANT) {
            let sides = Sides::of_items(factor.id(), items);
            if let Some(direction) = direction(beliefs, factor).filter(|_| sides.has_both()) {
                later.add(&direction, &sides);
            }
        }
        later
    }

    fn add(&mut self, direction: &Direction, sides: &Sides) {
        let same = sides.show(direction);
        self.tested_later += 1;
        self.same_direction += usize::from(same);
        self.replicated += usize::from(same && sides.p(direction) <= SIGNIFICANT);
    }
}

/// The way a factor points in the history; `None` where it points nowhere.
fn direction(beliefs: &Beliefs<'_>, factor: &Factor) -> Option<Direction> {
    if matches!(beliefs.task().space(), ResponseSpace::Scale { .. }) {
        let with = &factor.stats().by_response;
        let sides = beliefs.factors().totals().by_response.iter().map(|(response, all)| {
            let with = with.get(response).copied().unwrap_or_default();
            (response.clone(), (with, (all - with).max(0.0)))
        });
        return Sides(sides.collect()).higher().filter(|order| order.is_ne()).map(Direction::Scale);
    }
    let raised = beliefs.summary(factor, None).strongest().filter(|belief| belief.lift > 1.0)?.response.clone();
    Some(Direction::Raises(raised))
}

impl Sides {
    fn of_items(factor: &FactorId, items: &[LaterItem]) -> Self {
        let mut sides = Self::default();
        for item in items {
            let (with, without) = sides.0.entry(item.response.clone()).or_default();
            *(if item.factors.contains(factor) { with } else { without }) += 1.0;
        }
        sides
    }

    fn sums(&self) -> (f64, f64) {
        self.0.values().fold((0.0, 0.0), |(a, b), (with, without)| (a + with, b + without))
    }

    fn has_both(&self) -> bool {
        let (with, without) = self.sums();
        with > 0.0 && without > 0.0
    }

    /// The mean of responses that are numbers with the factor, compared with that without it; `None` without both.
    fn higher(&self) -> Option<Ordering> {
        let (mut with, mut without) = ((0.0, 0.0), (0.0, 0.0));
        for (response, (a, b)) in &self.0 {
            let value: f64 = response.parse().ok()?;
            with = (with.0 + a * value, with.1 + a);
            without = (without.0 + b * value, without.1 + b);
        }
        let both = with.1 > 0.0 && without.1 > 0.0;
        // Cross-multiplied: whole numbers, so that equal means are equal.
        both.then(|| (with.0 * without.1).total_cmp(&(without.0 * with.1)))
    }

    fn show(&self, direction: &Direction) -> bool {
        match direction {
            Direction::Scale(order) => self.higher() == Some(*order),
            Direction::Raises(response) => {
                let (with, without) = self.0.get(response).copied().unwrap_or_default();
                let all = self.sums();
                self.has_both() && with * all.1 > without * all.0
            }
        }
    }

    /// The p-value by the test that the statistics use for such responses.
    fn p(&self, direction: &Direction) -> f64 {
        let mut counts: Vec<(&String, &(f64, f64))> = self.0.iter().collect();
        let ordered = matches!(direction, Direction::Scale(_));
        if ordered {
            let value = |response: &str| response.parse::<f64>().unwrap_or(f64::NAN);
            counts.sort_by(|(a, _), (b, _)| value(a).total_cmp(&value(b)));
        }
        let with: Vec<f64> = counts.iter().map(|(_, (with, _))| *with).collect();
        let without: Vec<f64> = counts.iter().map(|(_, (_, without))| *without).collect();
        if ordered { rank_sum(&with, &without) } else { association(&with, &without) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(rows: &[(&str, f64, f64)]) -> Sides {
        Sides(rows.iter().map(|(response, with, without)| ((*response).to_owned(), (*with, *without))).collect())
    }

    fn later(direction: &Direction, sides: &Sides) -> (usize, usize, usize) {
        let mut later = Later::default();
        later.add(direction, sides);
        (later.tested_later, later.same_direction, later.replicated)
    }

    #[test]
    fn on_a_scale_the_sign_of_the_difference_of_means_is_the_direction() {
        let lower = sides(&[("1", 6.0, 0.0), ("3", 1.0, 4.0), ("10", 0.0, 6.0)]);
        assert_eq!(lower.higher(), Some(Ordering::Less));
        assert_eq!(later(&Direction::Scale(Ordering::Less), &lower), (1, 1, 1));
        assert_eq!(later(&Direction::Scale(Ordering::Greater), &lower), (1, 0, 0), "significant the other way");
        let same = sides(&[("1", 1.0, 2.0), ("3", 1.0, 2.0)]);
        assert_eq!(later(&Direction::Scale(Ordering::Less), &same), (1, 0, 0), "equal means point nowhere");
        let few = sides(&[("1", 1.0, 0.0), ("2", 0.0, 1.0)]);
        assert_eq!(later(&Direction::Scale(Ordering::Less), &few), (1, 1, 0), "two items prove nothing");
    }

    #[test]
    fn of_labels_the_share_of_the_raised_response_is_the_direction() {
        let raises = |response: &str| Direction::Raises(response.to_owned());
        let found = sides(&[("no", 1.0, 9.0), ("yes", 9.0, 1.0)]);
        assert_eq!(later(&raises("yes"), &found), (1, 1, 1));
        assert_eq!(later(&raises("no"), &found), (1, 0, 0));
        assert_eq!(later(&raises("never given"), &found), (1, 0, 0));
        assert_eq!(later(&raises("yes"), &sides(&[("no", 1.0, 2.0), ("yes", 1.0, 2.0)])), (1, 0, 0));
        assert_eq!(later(&raises("yes"), &sides(&[("no", 0.0, 2.0), ("yes", 1.0, 2.0)])), (1, 1, 0));
    }

    #[test]
    fn a_factor_in_all_later_items_or_in_none_cannot_be_looked_at() {
        let id = FactorId::new("slow").unwrap();
        let item = |factors: &[&FactorId], response: &str| LaterItem {
            factors: factors.iter().map(|id| (*id).clone()).collect(),
            response: response.to_owned(),
        };
        assert!(Sides::of_items(&id, &[item(&[&id], "1"), item(&[], "2")]).has_both());
        assert!(!Sides::of_items(&id, &[item(&[&id], "1"), item(&[&id], "2")]).has_both());
        assert!(!Sides::of_items(&id, &[item(&[], "1")]).has_both());
        assert!(!Sides::of_items(&id, &[]).has_both());
    }
}
