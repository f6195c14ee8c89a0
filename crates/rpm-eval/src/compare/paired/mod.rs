//! Two methods on the same items.

use serde::{Deserialize, Serialize};

use super::replicates::{Measured, ROUNDING};
use super::resamples::Resamples;
use super::sign_flip::sign_flip;

/// Two methods on the same items: which is better, by how much, and how surely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Paired {
    /// The first method's mean less the second's, over all items.
    pub difference: Measured,
    /// Two-sided p-value of "no difference", by the resamples; see [`Replicates::p`](super::Replicates::p).
    pub p: f64,
    /// Two-sided p-value by swapping both methods for whole users at random: a check that needs no large number of
    /// users. Its null is stronger, "no difference for any user". Where the two disagree, believe the larger.
    pub sign_flip_p: f64,
    /// Users, or persons where resamples draw these, by which method has the larger mean.
    pub users: Outcomes,
    /// Items by which method has the larger value.
    pub items: Outcomes,
    /// Items without a partner, or with a value that is not finite. They count nowhere else.
    pub left_out: usize,
}

/// The number of times the first method has the larger value, and the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcomes {
    /// The first's value is larger.
    pub won: usize,
    /// They are alike.
    pub tied: usize,
    /// The second's value is larger.
    pub lost: usize,
}

impl Outcomes {
    fn add(&mut self, difference: f64) {
        if difference > 0.0 {
            self.won += 1;
        } else if difference < 0.0 {
            self.lost += 1;
        } else {
            self.tied += 1;
        }
    }
}

/// The most ways to swap two methods that are drawn: so many that p can be as small as an adjustment for some
/// hundred comparisons needs.
pub const SIGN_FLIPS: usize = 10_000;

/// Compares two methods by their items' values, user by user and item by item in the same order.
///
/// Users without items are left out. Values that differ by less than rounding are tied. `None` when no item is left or
/// when either side is not of the [`users`](Resamples::users) of the resamples.
pub fn paired(resamples: &Resamples, a: &[Vec<f64>], b: &[Vec<f64>], level: f64) -> Option<Paired> {
    let (users, left_out) = together(a, b, |value| value.is_finite())?;
    let mut items = Outcomes::default();
    let mut by_user = Outcomes::default();
    let mut totals = Vec::with_capacity(users.len());
    // By person, at the place of their first user: the total, its size and the number of items.
    let mut persons = vec![(0.0, 0.0, 0); users.len()];
    for (pairs, first) in users.iter().zip(resamples.first()) {
        let (mut total, mut size) = (0.0, 0.0_f64);
        for &(a, b) in pairs {
            let difference = apart(*a, *b);
            items.add(difference);
            total += difference;
            size += difference.abs();
        }
        // Gains and losses of a user that add up to nothing but rounding.
        let total = settled(total, size);
        totals.push((total, pairs.len() as f64));
        if let Some(person) = persons.get_mut(*first) {
            *person = (person.0 + total, person.1 + size, person.2 + pairs.len());
        }
    }
    let mut differences = Vec::with_capacity(users.len());
    for &(total, size, items) in &persons {
        differences.push(settled(total, size));
        if items > 0 {
            by_user.add(settled(total, size));
        }
    }
    let replicates = resamples.ratio(&totals)?;
    Some(Paired {
        difference: replicates.measured(level),
        p: replicates.p(),
        sign_flip_p: sign_flip(&differences, SIGN_FLIPS, resamples.seed()),
        users: by_user,
        items,
        left_out,
    })
}

/// A total of differences of this size, which is 0 when it is rounding.
fn settled(total: f64, size: f64) -> f64 {
    if total.abs() <= ROUNDING * size { 0.0 } else { total }
}

/// The difference, which is 0 when it is rounding.
pub(super) fn apart(a: f64, b: f64) -> f64 {
    let difference = a - b;
    if difference.abs() <= ROUNDING * a.abs().max(b.abs()) { 0.0 } else { difference }
}

/// The users' items side by side.
pub(super) type Pairs<'a, T> = Vec<Vec<(&'a T, &'a T)>>;

/// Puts both methods' items side by side, and counts those that are not usable on both sides; `None` when the users'
/// numbers differ.
pub(super) fn together<'a, T>(
    a: &'a [Vec<T>],
    b: &'a [Vec<T>],
    usable: impl Fn(&T) -> bool,
) -> Option<(Pairs<'a, T>, usize)> {
    if a.len() != b.len() {
        return None;
    }
    let mut left_out = 0;
    let pairs = a.iter().zip(b).map(|(a, b)| {
        let kept: Vec<(&T, &T)> = a.iter().zip(b).filter(|(a, b)| usable(a) && usable(b)).collect();
        left_out += a.len().max(b.len()) - kept.len();
        kept
    });
    let pairs = pairs.collect();
    Some((pairs, left_out))
}

#[cfg(test)]
mod tests;
