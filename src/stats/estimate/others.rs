//! What others say: a population's axes, by where the user stands on them and how far the user goes with others.

use std::sync::Arc;

use crate::data::{MemoryItem, Query};
use crate::pause::Pace;
use crate::stats::population::{Heard, Population, Position, added, own_rate};

use super::past::{Past, READ};
use super::result::People;

/// A population beside a user's past.
#[derive(Debug, Clone)]
pub(super) struct Others {
    population: Arc<Population>,
    /// By item that is read: what each axis says.
    says: Vec<Vec<Vec<f64>>>,
    position: Position,
    /// By item that is read: what others add in all, from where the user stands without it: to the probabilities of labels, or to the
    /// latent mean of a scale.
    added: Vec<Vec<f64>>,
}

impl Others {
    pub(super) fn new(population: Arc<Population>) -> Self {
        let position = position(&population, &[]);
        Self { population, says: Vec::new(), position, added: Vec::new() }
    }

    pub(super) fn population(&self) -> &Population {
        &self.population
    }

    pub(super) fn shared_population(&self) -> Arc<Population> {
        Arc::clone(&self.population)
    }

    /// The people behind what is said, and how much of the user is like none of them.
    pub(super) fn people(&self) -> People {
        let alone = self.position.tells().then(|| self.position.alone());
        People { users: self.population.users(), alone }
    }

    /// Reads new items, which come after those already there.
    pub(super) async fn extend_in_steps(&mut self, new: &[MemoryItem]) {
        let new = new.get(new.len().saturating_sub(READ)..).unwrap_or(new);
        let mut pace = Pace::default();
        for item in new {
            pace.step(item.query().text().len()).await;
            self.says.push(self.population.says(item.query()));
        }
        self.says.drain(..self.says.len().saturating_sub(READ));
    }

    /// Finds where the user stands by the items that are read. `base` gives the base rates without an item, `given` the place of
    /// its response among them, and `own` the weights of the other items by response.
    pub(super) fn count(
        &mut self,
        past: &Past,
        base: impl Fn(usize) -> Vec<f64>,
        given: impl Fn(usize) -> Option<usize>,
        own: impl Fn(usize) -> Vec<f64>,
    ) {
        let first = past.len().saturating_sub(self.says.len());
        let bases: Vec<Vec<f64>> = (0..self.says.len()).map(|number| base(first + number)).collect();
        let mut heard: Vec<Heard<'_>> = Vec::new();
        for (number, (says, base)) in self.says.iter().zip(&bases).enumerate() {
            let ground = Arc::new(self.population.ground(base.clone()));
            let given = given(first + number).unwrap_or_default();
            let toned = self.population.toned(past.tone(first + number));
            let left = ground.left(given).iter().map(|left| left - toned).collect();
            let own = own(first + number);
            let own = own_rate(own.get(given).copied().unwrap_or_default(), own.iter().sum(), base.len());
            heard.push(Heard {
                number,
                weight: past.weight(Some(first + number)),
                says,
                left,
                toned,
                ground,
                given,
                own,
            });
        }
        self.position = position(&self.population, &heard);
        let added = |(number, (says, base)): (usize, (&Vec<Vec<f64>>, &Vec<f64>))| {
            self.grounded(base, self.position.adds_without(number, says, self.width(base)))
        };
        self.added = self.says.iter().zip(&bases).enumerate().map(added).collect();
    }

    /// What others add to the base rates for an item that is read, which has no say in it.
    pub(super) fn added_to(&self, past: &Past, item: usize) -> Option<&[f64]> {
        let first = past.len().saturating_sub(self.added.len());
        self.added.get(item.checked_sub(first)?).map(Vec::as_slice)
    }

    /// The same for a query that is no item that is read.
    pub(super) fn add_to(&self, query: &Query, base: &[f64]) -> Vec<f64> {
        let says = self.population.says(query);
        self.grounded(base, self.position.adds(&says, self.width(base)))
    }

    /// What most people would respond to an item that is read: the population's base rates, moved by what all have in common, as far as
    /// people go with others.
    pub(super) fn most_people(&self, past: &Past, item: usize) -> Option<Vec<f64>> {
        let first = past.len().saturating_sub(self.says.len());
        let says = self.says.get(item.checked_sub(first)?)?;
        let toned = self.population.toned(past.tone(item));
        let common = added(&[1.0 - self.population.alone()], says, self.width(self.population.base()));
        let by: Vec<f64> = common.iter().map(|by| by + toned).collect();
        Some(self.population.ground(self.population.base().to_vec()).moved(&by))
    }

    /// `Σ_y u_a u_b / p(y)` by pair of what is not known of the user among others, where u are the changes of a query's probabilities by one
    /// standard deviation of it: of where the user stands, by independent parts, and of whether they go with others at all.
    pub(super) fn divided(&self, query: &Query, base: &[f64]) -> Vec<f64> {
        let says = self.population.says(query);
        let (ground, width) = (self.population.ground(base.to_vec()), self.width(base));
        let unknown = self.position.unknown();
        let p = |at: &[f64], with: f64| {
            let by: Vec<f64> = added(at, &says, width).iter().map(|by| with * by).collect();
            ground.moved(&by)
        };
        let (at, with) = (self.position.at(), 1.0 - self.position.alone());
        let between = |low: Vec<f64>, high: Vec<f64>, by: f64| -> Vec<f64> {
            high.iter().zip(&low).map(|(high, low)| by * (high - low)).collect()
        };
        let moved = |by: &Vec<f64>| {
            let off = |half: f64| -> Vec<f64> { at.iter().zip(by).map(|(at, by)| at + half * by).collect() };
            between(p(&off(-0.5), with), p(&off(0.5), with), 1.0)
        };
        let gone = between(p(at, 0.0), p(at, 1.0), (with * (1.0 - with)).sqrt());
        let changes: Vec<Vec<f64>> = unknown.iter().map(moved).chain([gone]).collect();
        let middle = p(at, with);
        let product = |a: &Vec<f64>, b: &Vec<f64>| {
            let of = |((a, b), p): ((&f64, &f64), &f64)| a * b / p.max(f64::MIN_POSITIVE);
            a.iter().zip(b).zip(&middle).map(of).sum::<f64>()
        };
        changes.iter().flat_map(|a| changes.iter().map(|b| product(a, b)).collect::<Vec<f64>>()).collect()
    }

    /// What is added to probabilities when no response may fall too low.
    fn grounded(&self, base: &[f64], added: Vec<f64>) -> Vec<f64> {
        if added.len() != base.len() {
            return added;
        }
        let moved = self.population.ground(base.to_vec()).moved(&added);
        moved.iter().zip(base).map(|(moved, base)| moved - base).collect()
    }

    /// How many numbers an axis says beside these base rates.
    fn width(&self, base: &[f64]) -> usize {
        if self.population.is_scale() { 1 } else { base.len() }
    }
}

fn position(population: &Population, heard: &[Heard<'_>]) -> Position {
    Position::new(population.axes(), population.variance(), heard).gated(population.alone(), heard)
}
