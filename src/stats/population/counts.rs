//! What went with the words and texts that users share, by where users stand on the axes.

use std::collections::BTreeMap;
use std::fmt;

use super::axis::pairs;
use super::error::few_enough;
use super::{INTERACTIONS_COUNTED, PopulationError, USERS_SUMMED};

/// The second count of a population: what went with the words and the texts that k users share, by where these stand on the axes
/// on which people differ. A sum over users, as [`Population::count`](super::Population::count) counts each; keep it as you keep their models.
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
    /// By pair of axes: the products of where users stand, and the same by how many queries or options each has.
    pub(super) products: Vec<i64>,
    pub(super) spread: Vec<i64>,
    /// By text and column: what responses leave to explain beyond what the axes but the first say of it. And by text, how many these are.
    pub(super) texts: Sums,
    pub(super) masses: Sums,
    /// By axis, the first of which all users have in common.
    pub(super) axes: Vec<AxisCounts>,
}

/// What was counted of one axis.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AxisCounts {
    /// By term and column: what responses leave to explain, by where their users stand.
    pub(super) effects: Sums,
    /// The powers, first to fourth, of where users stand, and of where those stand who have a term. 0 of the first axis, where all
    /// are at 1.
    pub(super) powers: [i64; POWERS],
    pub(super) having: [Sums; POWERS],
}

/// The powers of positions that are summed.
pub(super) const POWERS: usize = 4;

/// Whole numbers by place; what is 0 is not there. While many users are counted at once, the numbers of the first places are in
/// the second, which is empty otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Sums(pub(super) BTreeMap<u32, i64>, Vec<i64>);

/// The memory that a sum takes with its place, in bytes.
const OF_SUM: usize = 24;

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

    /// Bytes, with what a map of such small entries takes beside them.
    fn memory(&self) -> usize {
        self.0.len() * OF_SUM + self.1.len() * size_of::<i64>()
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

impl AxisCounts {
    fn is_sound(&self) -> bool {
        let [_, squares, _, fourths] = &self.having;
        let none_below = |sums: &Sums| sums.0.values().all(|sum| *sum >= 0);
        let [_, square, _, fourth] = self.powers;
        square >= 0 && fourth >= 0 && none_below(squares) && none_below(fourths)
    }

    fn sums(&mut self) -> impl Iterator<Item = &mut Sums> {
        std::iter::once(&mut self.effects).chain(&mut self.having)
    }

    /// True when so many users as this stand as far apart as k do whose positions are normal.
    pub(super) fn is_of_enough(&self, users: u64, k: usize) -> bool {
        are_apart(users as f64, self.powers.map(|power| power as f64), k)
    }
}

/// The most that `(Σ d²)² / Σ d⁴` is where one stands against all others.
const ALONE: f64 = 2.0;

/// True when this many positions with these sums of powers are spread about their mean as those of k users whose positions are normal:
/// `3 (Σ d²)² / Σ d⁴ ≥ k`. Of a normal it is the number of users itself; of some who stand out equally far from all others, three times as many
/// as they are. Who stands out alone could be told from a sum by where the others stand: `(Σ d²)² / Σ d⁴` is at most 2 then, and more is asked for.
fn are_apart(users: f64, [first, second, third, fourth]: [f64; POWERS], k: usize) -> bool {
    if users < k as f64 {
        return false;
    }
    let mean = first / users;
    let squares = second - users * mean * mean;
    let fourths = fourth - 4.0 * mean * third + 6.0 * mean * mean * second - 3.0 * users * mean.powi(4);
    // Positions are rounded.
    let apart = if squares > 0.0 && fourths > 0.0 { squares * squares / fourths } else { 0.0 };
    apart > ALONE + 1e-6 && 3.0 * apart > k as f64 - 1e-6
}

/// True for so many users with so many interactions, from one each to the most that are counted.
pub(super) fn are_possible(users: u64, interactions: u64) -> bool {
    users <= USERS_SUMMED && (users..=users * INTERACTIONS_COUNTED as u64).contains(&interactions)
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
    pub(super) fn of_nobody(under: &str, axes: usize) -> Self {
        Self {
            under: under.to_owned(),
            users: 0,
            interactions: 0,
            tones: (0, 0),
            likeness: Sums::default(),
            having: Sums::default(),
            products: vec![0; pairs(axes)],
            spread: vec![0; pairs(axes)],
            texts: Sums::default(),
            masses: Sums::default(),
            axes: vec![AxisCounts::default(); axes],
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
    /// anything than is taken out; nothing is taken out then. Counts do not know whose they are: who is taken out twice, while others are
    /// in, takes from these, and that is no error.
    pub fn take_out(&mut self, other: &Self) -> Result<(), PopulationError> {
        self.matches(other)?;
        let users = self.users.checked_sub(other.users);
        let interactions = self.interactions.checked_sub(other.interactions);
        let (Some(users), Some(interactions)) = (users, interactions) else { return Err(PopulationError::NotIn) };
        let before = (self.users, self.interactions);
        self.sum(other, -1);
        (self.users, self.interactions) = (users, interactions);
        if !self.is_sound() {
            // Whole numbers: adding gives back what was there.
            self.sum(other, 1);
            (self.users, self.interactions) = before;
            return Err(PopulationError::NotIn);
        }
        Ok(())
    }

    /// True when k users have a term, or behind terms a text.
    pub(super) fn have(&self, cell: usize, k: usize) -> bool {
        self.having.at(cell) >= k as f64
    }

    /// True when what a term says on an axis is of k users: of the first axis of all who have it, of another one of those who stand apart on it.
    pub(super) fn tell(&self, axis: usize, term: usize, k: usize) -> bool {
        match self.axes.get(axis) {
            Some(counts) if axis > 0 => {
                are_apart(self.having.at(term), counts.having.each_ref().map(|sums| sums.at(term)), k)
            }
            _ => self.have(term, k),
        }
    }

    /// About how many bytes of memory they take.
    pub fn memory(&self) -> usize {
        let of_axis = |axis: &AxisCounts| axis.effects.memory() + axis.having.iter().map(Sums::memory).sum::<usize>();
        let sums = [&self.likeness, &self.having, &self.texts, &self.masses];
        let sums = sums.into_iter().map(Sums::memory).sum::<usize>();
        size_of::<Self>() + sums + self.axes.iter().map(of_axis).sum::<usize>()
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
        self.texts.open(texts * columns);
        self.masses.open(texts);
        for axis in &mut self.axes {
            axis.effects.open(terms * columns);
            axis.having.iter_mut().for_each(|sums| sums.open(terms));
        }
    }

    /// Ends that: the sums are as if each user had been merged.
    pub(super) fn close(&mut self) {
        self.likeness.close();
        self.having.close();
        self.texts.close();
        self.masses.close();
        self.axes.iter_mut().flat_map(AxisCounts::sums).for_each(Sums::close);
    }

    /// Adds what was counted under the same population, or takes it out, whether it is in or not.
    pub(super) fn add(&mut self, other: &Self, sign: i64) {
        self.users = self.users.wrapping_add_signed(i64::try_from(other.users).unwrap_or_default() * sign);
        let interactions = i64::try_from(other.interactions).unwrap_or_default();
        self.interactions = self.interactions.wrapping_add_signed(interactions * sign);
        self.sum(other, sign);
    }

    /// True where nothing is below 0 that cannot be, and users have as many interactions as they can.
    pub(super) fn is_sound(&self) -> bool {
        are_possible(self.users, self.interactions)
            && self.having.0.values().chain(self.masses.0.values()).all(|sum| *sum >= 0)
            && self.axes.iter().all(AxisCounts::is_sound)
    }

    fn sum(&mut self, other: &Self, sign: i64) {
        let sum = |sum: i64, more: i64| sum.wrapping_add(more.wrapping_mul(sign));
        self.tones = (sum(self.tones.0, other.tones.0), sum(self.tones.1, other.tones.1));
        self.likeness.merge(&other.likeness, sign);
        self.having.merge(&other.having, sign);
        self.texts.merge(&other.texts, sign);
        self.masses.merge(&other.masses, sign);
        for (sums, more) in [(&mut self.products, &other.products), (&mut self.spread, &other.spread)] {
            sums.iter_mut().zip(more).for_each(|(own, more)| *own = sum(*own, *more));
        }
        for (axis, other) in self.axes.iter_mut().zip(&other.axes) {
            axis.effects.merge(&other.effects, sign);
            axis.powers.iter_mut().zip(other.powers).for_each(|(own, more)| *own = sum(*own, more));
            axis.having.iter_mut().zip(&other.having).for_each(|(own, more)| own.merge(more, sign));
        }
    }

    fn matches(&self, other: &Self) -> Result<(), PopulationError> {
        let same = self.under == other.under && self.axes.len() == other.axes.len();
        if same { Ok(()) } else { Err(PopulationError::Other("population")) }
    }
}
