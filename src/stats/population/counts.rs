//! What went with the words and texts that users share, by kind of person.

use std::collections::BTreeMap;
use std::fmt;

use super::PopulationError;
use super::error::few_enough;

/// The second count of a population: what went with the words and the texts that k users share, by kind of person. A sum over
/// users, as [`Population::count`](super::Population::count) counts each; keep it as you keep their models.
///
/// [`merge`](Self::merge) is associative and commutative to the bit, [`take_out`](Self::take_out) undoes it. When a user's
/// history changes, take out what was counted of them and merge it counted anew.
#[derive(Clone, PartialEq, Eq)]
pub struct Counts {
    /// The digest of the population that it was counted under.
    pub(super) under: String,
    pub(super) users: u64,
    pub(super) interactions: u64,
    /// Of a scale: the products of standard tones with what responses leave to explain, and the squares of the tones.
    pub(super) tones: (i64, i64),
    /// By pair of terms: how much of both is in the same texts.
    pub(super) likeness: Sums,
    /// By term, and behind them by text: the users who have it.
    pub(super) having: Sums,
    /// By kind. Last is nobody's, of which `squares` and what is by term are of what users are of all kinds together.
    pub(super) kinds: Vec<KindCounts>,
}

/// What was counted of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct KindCounts {
    /// How much of this kind users are, the sum of its squares, and how much of their interactions is.
    pub(super) users: i64,
    pub(super) squares: i64,
    pub(super) interactions: i64,
    /// By term and column, and by text and column.
    pub(super) effects: Sums,
    pub(super) texts: Sums,
    /// By text.
    pub(super) masses: Sums,
    /// By term, and behind them by text: how much of this kind the users are who have it, and the sum of its squares.
    pub(super) having: Sums,
    pub(super) having_squares: Sums,
}

/// Whole numbers by place; what is 0 is not there. While many users are counted at once, the numbers of the first places are in
/// the second, which is empty otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Sums(pub(super) BTreeMap<u32, i64>, Vec<i64>);

impl Sums {
    pub(super) fn new(numbers: BTreeMap<u32, i64>) -> Self {
        Self(numbers, Vec::new())
    }

    pub(super) fn add(&mut self, place: usize, number: i64) {
        if let Some(sum) = self.1.get_mut(place) {
            *sum = sum.wrapping_add(number);
            return;
        }
        let Ok(place) = u32::try_from(place) else { return };
        if number == 0 {
            return;
        }
        let sum = self.0.entry(place).or_default();
        *sum = sum.wrapping_add(number);
        if *sum == 0 {
            self.0.remove(&place);
        }
    }

    fn merge(&mut self, other: &Self, sign: i64) {
        for (place, number) in &other.0 {
            self.add(*place as usize, number.wrapping_mul(sign));
        }
        for (place, number) in other.1.iter().enumerate() {
            self.add(place, number.wrapping_mul(sign));
        }
    }

    /// Makes room for sums at all of the first places.
    fn open(&mut self, places: usize) {
        self.1 = vec![0; places];
    }

    /// Ends that.
    fn close(&mut self) {
        let sums = std::mem::take(&mut self.1);
        if self.0.is_empty() {
            let some = (0..).zip(sums).filter(|(_, number)| *number != 0);
            self.0 = some.collect();
        } else {
            sums.into_iter().enumerate().for_each(|(place, number)| self.add(place, number));
        }
    }

    /// The number at a place.
    pub(super) fn at(&self, place: usize) -> f64 {
        u32::try_from(place).ok().and_then(|place| self.0.get(&place)).copied().unwrap_or_default() as f64
    }

    /// The numbers at all places, as parts of a unit.
    pub(super) fn dense(&self, places: usize, unit: f64) -> Vec<f64> {
        let mut dense = vec![0.0; places];
        for (place, number) in &self.0 {
            if let Some(slot) = dense.get_mut(*place as usize) {
                *slot = *number as f64 / unit;
            }
        }
        dense
    }
}

impl KindCounts {
    /// Both kinds as one. Users may be of both, so it is of as few as it can be.
    pub(super) fn join(&mut self, other: &Self) {
        self.users += other.users;
        self.interactions += other.interactions;
        self.squares = joined(self.squares, other.squares);
        self.effects.merge(&other.effects, 1);
        self.texts.merge(&other.texts, 1);
        self.masses.merge(&other.masses, 1);
        self.having.merge(&other.having, 1);
        for (place, squares) in &other.having_squares.0 {
            let own = self.having_squares.0.entry(*place).or_default();
            *own = joined(*own, *squares);
        }
    }

    fn is_sound(&self) -> bool {
        let none_below = |sums: &Sums| sums.0.values().all(|sum| *sum >= 0);
        self.users >= 0
            && self.squares >= 0
            && self.interactions >= 0
            && [&self.masses, &self.having, &self.having_squares].into_iter().all(none_below)
    }
}

/// The most that squares of sums can be whose own squares are these.
#[expect(clippy::cast_possible_truncation, reason = "far below 2^63")]
fn joined(a: i64, b: i64) -> i64 {
    ((a as f64).sqrt() + (b as f64).sqrt()).powi(2).ceil() as i64
}

/// True when shares with this sum and these squares are spread as those of k users who have all.
pub(super) fn are_enough(sum: f64, squares: f64, k: usize) -> bool {
    // Shares are rounded.
    squares > 0.0 && sum * sum / squares > k as f64 - 1e-6
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts")
            .field("users", &self.users)
            .field("interactions", &self.interactions)
            .finish_non_exhaustive()
    }
}

impl Counts {
    pub(super) fn of_nobody(under: &str, kinds: usize) -> Self {
        Self {
            under: under.to_owned(),
            users: 0,
            interactions: 0,
            tones: (0, 0),
            likeness: Sums::default(),
            having: Sums::default(),
            kinds: vec![KindCounts::default(); kinds],
        }
    }

    /// Adds what was counted of other users.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when it was counted under another population, [`PopulationError::TooMany`] users; nothing
    /// is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), PopulationError> {
        self.matches(other)?;
        few_enough(self.users, other.users)?;
        self.users += other.users;
        self.interactions += other.interactions;
        self.sum(other, 1);
        Ok(())
    }

    /// Takes out users that were merged, so that this is to the bit what it would be had they never been.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when it was counted under another population, [`PopulationError::NotIn`] when there is less of
    /// anything than is taken out; nothing is taken out then.
    pub fn take_out(&mut self, other: &Self) -> Result<(), PopulationError> {
        self.matches(other)?;
        let users = self.users.checked_sub(other.users);
        let interactions = self.interactions.checked_sub(other.interactions);
        let (Some(users), Some(interactions)) = (users, interactions) else { return Err(PopulationError::NotIn) };
        self.sum(other, -1);
        if !self.is_sound() {
            // Whole numbers: adding gives back what was there.
            self.sum(other, 1);
            return Err(PopulationError::NotIn);
        }
        (self.users, self.interactions) = (users, interactions);
        Ok(())
    }

    /// The number of users.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// The number of interactions.
    pub fn interactions(&self) -> u64 {
        self.interactions
    }

    /// Makes room for the sums of many users under a population with so many terms, texts and columns.
    pub(super) fn open(&mut self, (terms, texts, columns): (usize, usize, usize)) {
        self.likeness.open(terms * (terms + 1) / 2);
        self.having.open(terms + texts);
        for kind in &mut self.kinds {
            kind.effects.open(terms * columns);
            kind.texts.open(texts * columns);
            kind.masses.open(texts);
            kind.having.open(terms + texts);
            kind.having_squares.open(terms + texts);
        }
    }

    /// Ends that: the sums are as if each user had been merged.
    pub(super) fn close(&mut self) {
        self.likeness.close();
        self.having.close();
        for kind in &mut self.kinds {
            let sums =
                [&mut kind.effects, &mut kind.texts, &mut kind.masses, &mut kind.having, &mut kind.having_squares];
            sums.into_iter().for_each(Sums::close);
        }
    }

    /// Adds what was counted under the same population, or takes it out, whether it is in or not.
    pub(super) fn add(&mut self, other: &Self, sign: i64) {
        self.users = self.users.wrapping_add_signed(i64::try_from(other.users).unwrap_or_default() * sign);
        let interactions = i64::try_from(other.interactions).unwrap_or_default();
        self.interactions = self.interactions.wrapping_add_signed(interactions * sign);
        self.sum(other, sign);
    }

    /// True where nothing is below 0.
    pub(super) fn is_sound(&self) -> bool {
        let is_some = |number: u64| i64::try_from(number).is_ok();
        is_some(self.users)
            && is_some(self.interactions)
            && self.having.0.values().all(|sum| *sum >= 0)
            && self.kinds.iter().all(KindCounts::is_sound)
    }

    fn sum(&mut self, other: &Self, sign: i64) {
        let sum = |sum: i64, more: i64| sum.wrapping_add(more.wrapping_mul(sign));
        self.tones = (sum(self.tones.0, other.tones.0), sum(self.tones.1, other.tones.1));
        self.likeness.merge(&other.likeness, sign);
        self.having.merge(&other.having, sign);
        for (kind, other) in self.kinds.iter_mut().zip(&other.kinds) {
            kind.users += sign * other.users;
            kind.squares += sign * other.squares;
            kind.interactions += sign * other.interactions;
            kind.effects.merge(&other.effects, sign);
            kind.texts.merge(&other.texts, sign);
            kind.masses.merge(&other.masses, sign);
            kind.having.merge(&other.having, sign);
            kind.having_squares.merge(&other.having_squares, sign);
        }
    }

    fn matches(&self, other: &Self) -> Result<(), PopulationError> {
        let same = self.under == other.under && self.kinds.len() == other.kinds.len();
        if same { Ok(()) } else { Err(PopulationError::Other("population")) }
    }
}
