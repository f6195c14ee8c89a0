//! What others say: a population's kinds of people, weighed by how well each foretells the user.

use std::sync::Arc;

use crate::data::{MemoryItem, Query};
use crate::stats::population::{Membership, Population};

use super::past::{Past, READ};
use super::result::People;

/// A population beside a user's past.
#[derive(Debug, Clone)]
pub(super) struct Others {
    population: Arc<Population>,
    /// By item that is read: what each kind adds.
    says: Vec<Vec<Vec<f64>>>,
    member: Membership,
    /// By item that is read: what the kinds add in all, weighed without it: to the probabilities of labels, or to the latent
    /// mean of a scale.
    added: Vec<Vec<f64>>,
}

impl Others {
    pub(super) fn new(population: Arc<Population>) -> Self {
        let member = Membership::new(&population.prior(), &[], &[]);
        Self { population, says: Vec::new(), member, added: Vec::new() }
    }

    pub(super) fn population(&self) -> &Population {
        &self.population
    }

    pub(super) fn shared_population(&self) -> Arc<Population> {
        Arc::clone(&self.population)
    }

    /// The people behind what is said, and how much of the user is like none of them.
    pub(super) fn people(&self) -> People {
        let alone = self.member.shares().last().copied().filter(|_| self.member.tells());
        People { users: self.population.users(), alone }
    }

    /// Reads new items, which come after those already there.
    pub(super) fn extend(&mut self, new: &[MemoryItem]) {
        let new = new.get(new.len().saturating_sub(READ)..).unwrap_or(new);
        let says = |item: &MemoryItem| self.population.says(item.query());
        let more: Vec<Vec<Vec<f64>>> = new.iter().map(says).collect();
        self.says.extend(more);
        self.says.drain(..self.says.len().saturating_sub(READ));
    }

    /// Weighs the kinds by the items that are read. `base` gives the base rates without an item, and `given` the place of its
    /// response among them.
    pub(super) fn count(
        &mut self,
        past: &Past,
        base: impl Fn(usize) -> Vec<f64>,
        given: impl Fn(usize) -> Option<usize>,
    ) {
        let first = past.len().saturating_sub(self.says.len());
        let likely = |(number, says): (usize, &Vec<Vec<f64>>)| {
            let ground = self.population.ground(base(first + number));
            let given = given(first + number).unwrap_or_default();
            let nothing = vec![0.0; self.width(&base(first + number))];
            let toned = self.population.toned(past.tone(first + number));
            let of = |says: &Vec<f64>| {
                let by: Vec<f64> = says.iter().map(|by| by + toned).collect();
                ground.moved(&by).get(given).copied().unwrap_or_default()
            };
            says.iter().chain([&nothing]).map(of).collect()
        };
        let likely: Vec<Vec<f64>> = self.says.iter().enumerate().map(likely).collect();
        let weights = past.weights.get(first..).unwrap_or_default();
        self.member = Membership::new(&self.population.prior(), &likely, weights);
        let added = |(number, says): (usize, &Vec<Vec<f64>>)| {
            let base = base(first + number);
            self.grounded(&base, weighed(&self.member.without(number), says, self.width(&base)))
        };
        self.added = self.says.iter().enumerate().map(added).collect();
    }

    /// What others add to the base rates for an item that is read, which has no say in it.
    pub(super) fn added_to(&self, past: &Past, item: usize) -> Option<&[f64]> {
        let first = past.len().saturating_sub(self.added.len());
        self.added.get(item.checked_sub(first)?).map(Vec::as_slice)
    }

    /// The same for a query that is no item that is read.
    pub(super) fn add_to(&self, query: &Query, base: &[f64]) -> Vec<f64> {
        let says = self.population.says(query);
        self.grounded(base, weighed(self.member.shares(), &says, self.width(base)))
    }

    /// What most people would respond to an item that is read: the population's base rates, moved by its kinds as they are
    /// spread over it.
    pub(super) fn most_people(&self, past: &Past, item: usize) -> Option<Vec<f64>> {
        let first = past.len().saturating_sub(self.says.len());
        let says = self.says.get(item.checked_sub(first)?)?;
        let toned = self.population.toned(past.tone(item));
        let by: Vec<f64> = weighed(&self.population.prior(), says, self.width(self.population.base()))
            .iter()
            .map(|by| by + toned)
            .collect();
        Some(self.population.ground(self.population.base().to_vec()).moved(&by))
    }

    /// `√(θ_a θ_b) Σ_y (p_a − p)(y) (p_b − p)(y) / p(y)` by pair of kinds, nobody's too: how the kinds of people that the user may
    /// be of are divided on a query.
    pub(super) fn divided(&self, query: &Query, base: &[f64]) -> Vec<f64> {
        let says = self.population.says(query);
        let ground = self.population.ground(base.to_vec());
        let nothing = vec![0.0; self.width(base)];
        let by_kind: Vec<Vec<f64>> = says.iter().chain([&nothing]).map(|says| ground.moved(says)).collect();
        let shares = self.member.shares();
        let p: Vec<f64> = (0..base.len())
            .map(|y| by_kind.iter().zip(shares).map(|(p, share)| share * p.get(y).copied().unwrap_or_default()).sum())
            .collect();
        let off = |(share, of): (&f64, &Vec<f64>)| -> Vec<f64> {
            let off = |(of, p): (&f64, &f64)| (share / p.max(f64::MIN_POSITIVE)).sqrt() * (of - p);
            of.iter().zip(&p).map(off).collect()
        };
        let off: Vec<Vec<f64>> = shares.iter().zip(&by_kind).map(off).collect();
        let dot = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        off.iter().flat_map(|a| off.iter().map(move |b| dot(a, b))).collect()
    }

    /// What is added to probabilities when no response may fall too low.
    fn grounded(&self, base: &[f64], added: Vec<f64>) -> Vec<f64> {
        if added.len() != base.len() {
            return added;
        }
        let moved = self.population.ground(base.to_vec()).moved(&added);
        moved.iter().zip(base).map(|(moved, base)| moved - base).collect()
    }

    /// How many numbers a kind says beside these base rates.
    fn width(&self, base: &[f64]) -> usize {
        if self.population.is_scale() { 1 } else { base.len() }
    }
}

/// What the kinds add in all, by their shares.
fn weighed(shares: &[f64], says: &[Vec<f64>], width: usize) -> Vec<f64> {
    let mut added = vec![0.0; width];
    for (share, says) in shares.iter().zip(says) {
        added.iter_mut().zip(says).for_each(|(sum, says)| *sum += share * says);
    }
    added
}
