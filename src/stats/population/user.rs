//! One user as a population sees them.

use std::sync::Arc;

use crate::data::MemoryItem;

use super::axis::Placed;
use super::census::latest;
use super::counts::Sums;
use super::ground::{Ground, own_rate};
use super::position::{Heard, Position};
use super::reading::{Told, standard, tone};
use super::{Counts, Population};

/// Units of weights, of what is left to explain, of where a user stands, of products of such, and of products of tones, so that sums
/// are whole numbers.
pub(super) const OF_WEIGHT: f64 = 1_024.0;
pub(super) const OF_LEFT: f64 = 1_024.0;
pub(super) const OF_PLACE: f64 = 64.0;
pub(super) const OF_PRODUCT: f64 = 4_096.0;
pub(super) const OF_TONE: f64 = 65_536.0;
/// How far from 0 a user counts as standing at most, so that nobody counts for more than that.
pub(super) const FARTHEST: f64 = 4.0;

/// One user's interactions as they are counted.
pub(super) struct Own {
    pub(super) interactions: Vec<OwnItem>,
}

pub(super) struct OwnItem {
    /// Its number among those that are counted.
    number: usize,
    /// The query, or each of its options, with what the response leaves to explain, by column.
    pub(super) rows: Vec<(Placed, Vec<f64>)>,
    /// Of a scale: the standard tone, and the latent response.
    toned: Option<(f64, f64)>,
    /// What the tone adds to all users.
    tone_adds: f64,
    /// The base rates without it, and the place of the response among them.
    ground: Arc<Ground>,
    pub(super) given: usize,
    /// The probability of the response by the user's other responses alone.
    own: f64,
}

impl Population {
    /// One user's interactions under this population.
    pub(super) fn own(&self, items: &[MemoryItem]) -> Own {
        self.own_told(latest(items), |_, item| self.reading().of(item.query()))
    }

    /// The same of what is told of each interaction that is counted, or of each of its options, by its number.
    pub(super) fn own_told(&self, items: &[MemoryItem], told: impl Fn(usize, &MemoryItem) -> Vec<Told>) -> Own {
        let place = |item: &MemoryItem| self.responses.iter().position(|response| response == item.response());
        let mut totals = vec![0.0; self.responses.len()];
        for total in items.iter().filter_map(place) {
            if let Some(total) = totals.get_mut(total) {
                *total += 1.0;
            }
        }
        // By response: the base rates without one of it.
        let without: Vec<Arc<Ground>> = (0..totals.len())
            .map(|place| {
                let less = |(other, total): (usize, &f64)| if other == place { (total - 1.0).max(0.0) } else { *total };
                Arc::new(self.ground(self.base_of(&totals.iter().enumerate().map(less).collect::<Vec<f64>>())))
            })
            .collect();
        let one = |(number, item): (usize, &MemoryItem)| {
            let placed: Vec<Placed> = told(number, item).iter().map(|told| self.placed(told)).collect();
            if self.responses.is_empty() {
                return own_choice(number, item, placed);
            }
            let given = place(item)?;
            let tone = tone(item.features().iter()).filter(|_| self.scale);
            let tone_adds = self.toned(tone);
            let ground = without.get(given)?;
            let all = ground.left(given);
            let left: Vec<f64> = all.iter().map(|left| left - tone_adds).collect();
            let toned = tone.zip(all.first()).map(|(tone, latent)| (standard(tone), *latent));
            let rows = placed.into_iter().map(|placed| (placed, left.clone())).collect();
            let others = totals.get(given).copied().unwrap_or_default() - 1.0;
            let own = own_rate(others, totals.iter().sum::<f64>() - 1.0, totals.len());
            Some(OwnItem { number, rows, toned, tone_adds, ground: Arc::clone(ground), given, own })
        };
        Own { interactions: items.iter().enumerate().filter_map(one).collect() }
    }

    /// By interaction and axis: what the population says.
    pub(super) fn says_of(&self, own: &Own) -> Vec<Vec<Vec<f64>>> {
        own.interactions.iter().map(|item| self.said(item.rows.iter().map(|(placed, _)| placed))).collect()
    }

    /// What is counted of a user.
    pub(super) fn counted(&self, own: &Own) -> Counts {
        let mut counts = self.nobody();
        self.add_placed(&mut counts, own);
        counts
    }

    /// Adds it to what was counted of others.
    pub(super) fn add_placed(&self, counts: &mut Counts, own: &Own) {
        let says = self.says_of(own);
        let position = Position::new(self.axes.each.len(), self.variance, &own.heard(&says));
        self.add(counts, own, &Stands::at(&position), &says);
        add_likeness(&mut counts.likeness, own);
    }

    /// Adds a user who stands there, and of whose interactions axes say this; all but how words go together.
    pub(super) fn add(&self, counts: &mut Counts, own: &Own, stands: &Stands, says: &[Vec<Vec<f64>>]) {
        counts.users += 1;
        counts.interactions += own.interactions.len() as u64;
        let Stands { at, products } = stands;
        let columns = self.columns();
        let rows = || own.interactions.iter().flat_map(|item| &item.rows);
        let mut cells: Vec<usize> = Vec::new();
        for (placed, _) in rows() {
            cells.extend(placed.terms.iter().map(|(term, _)| *term));
            cells.extend(placed.text.map(|text| self.terms.len() + text));
        }
        cells.sort_unstable();
        cells.dedup();
        for cell in &cells {
            counts.having.add(*cell, 1);
        }
        let terms = cells.iter().take_while(|cell| **cell < self.terms.len());
        for (at, axis) in at.iter().zip(&mut counts.axes).skip(1) {
            let powers = [*at, at * at, at * at * at, at * at * at * at];
            axis.powers.iter_mut().zip(powers).for_each(|(sum, power)| *sum = sum.wrapping_add(power));
            for (sums, power) in axis.having.iter_mut().zip(powers) {
                terms.clone().for_each(|term| sums.add(*term, power));
            }
        }
        let queries = i64::try_from(rows().count()).unwrap_or(i64::MAX);
        for (product, (sum, spread)) in products.iter().zip(counts.products.iter_mut().zip(&mut counts.spread)) {
            *sum = sum.wrapping_add(*product);
            *spread = spread.wrapping_add(product.wrapping_mul(queries));
        }
        for (tone, latent) in own.interactions.iter().filter_map(|item| item.toned) {
            counts.tones.0 = counts.tones.0.wrapping_add(whole(tone * latent, OF_TONE));
            counts.tones.1 = counts.tones.1.wrapping_add(whole(tone * tone, OF_TONE));
        }
        for (row, (placed, left)) in beyond(own, at, says).into_iter().zip(rows()) {
            if let Some(text) = placed.text {
                counts.masses.add(text, 1);
                for (column, beyond) in row.iter().enumerate() {
                    counts.texts.add(text * columns + column, whole(*beyond, OF_LEFT));
                }
            }
            let left: Vec<i64> = left.iter().map(|left| whole(*left, OF_LEFT)).collect();
            let terms: Vec<(usize, i64)> =
                placed.terms.iter().map(|(place, weight)| (*place, whole(*weight, OF_WEIGHT))).collect();
            for (at, axis) in at.iter().zip(&mut counts.axes) {
                for (column, left) in left.iter().enumerate() {
                    for (term, weight) in &terms {
                        axis.effects.add(term * columns + column, at * weight * left);
                    }
                }
            }
        }
    }
}

/// Adds how the words of a user's queries go together: nothing of it is of responses, nor of where the user stands.
pub(super) fn add_likeness(likeness: &mut Sums, own: &Own) {
    for (placed, _) in own.interactions.iter().flat_map(|item| &item.rows) {
        let terms: Vec<(usize, i64)> =
            placed.terms.iter().map(|(place, weight)| (*place, whole(*weight, OF_WEIGHT))).collect();
        for (number, (a, by)) in terms.iter().enumerate() {
            for (b, with) in terms.iter().take(number + 1) {
                likeness.add(triangle(*a, *b), by * with);
            }
        }
    }
}

/// By row of a user's interactions: what the response leaves to explain beyond what the axes but the first say.
fn beyond(own: &Own, at: &[i64], says: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let mut rows = Vec::new();
    for (item, says) in own.interactions.iter().zip(says) {
        let mut left = item.left();
        for (at, says) in at.iter().zip(says).skip(1) {
            left.iter_mut().zip(says).for_each(|(left, says)| *left -= *at as f64 / OF_PLACE * says);
        }
        let mut left = left.into_iter();
        rows.extend(item.rows.iter().map(|(_, of)| left.by_ref().take(of.len()).collect::<Vec<f64>>()));
    }
    rows
}

/// Where a user stands, in whole numbers: nobody farther out than 4, so that nobody counts for more than that.
#[derive(Debug, Clone)]
pub(super) struct Stands {
    /// By axis, 1 on the first.
    pub(super) at: Vec<i64>,
    /// By pair of axes, the expected products.
    pub(super) products: Vec<i64>,
}

impl Stands {
    /// A position as it is counted.
    pub(super) fn at(position: &Position) -> Self {
        Self::new(position.at(), |a, b| {
            let varies = a.checked_sub(1).zip(b.checked_sub(1)).and_then(|pair| position.covariance().get(pair));
            varies.copied().unwrap_or_default()
        })
    }

    /// The same of a place of which the covariance is this, by pair of axes.
    pub(super) fn new(at: &[f64], varies: impl Fn(usize, usize) -> f64) -> Self {
        let at: Vec<i64> = at.iter().map(|at| whole(at.clamp(-FARTHEST, FARTHEST), OF_PLACE)).collect();
        let product = |(a, one): (usize, &i64)| -> Vec<i64> {
            let with = |(b, other): (usize, &i64)| one * other + whole(varies(a, b), OF_PRODUCT);
            at.iter().enumerate().take(a + 1).map(with).collect()
        };
        let products = at.iter().enumerate().flat_map(product).collect();
        Self { at, products }
    }
}

impl Own {
    /// The interactions as they are heard by a population that says this of them.
    pub(super) fn heard<'s>(&self, says: &'s [Vec<Vec<f64>>]) -> Vec<Heard<'s>> {
        let heard = |(item, says): (&OwnItem, &'s Vec<Vec<f64>>)| Heard {
            number: item.number,
            weight: 1.0,
            says,
            left: item.left(),
            toned: item.tone_adds,
            ground: Arc::clone(&item.ground),
            given: item.given,
            own: item.own,
        };
        self.interactions.iter().zip(says).map(heard).collect()
    }
}

impl OwnItem {
    /// What the response leaves to explain, by column, or by option.
    pub(super) fn left(&self) -> Vec<f64> {
        self.rows.iter().flat_map(|(_, left)| left).copied().collect()
    }
}

/// An interaction whose query has its own options, all alike to begin with.
fn own_choice(number: usize, item: &MemoryItem, placed: Vec<Placed>) -> Option<OwnItem> {
    let given = item.query().options().iter().position(|option| option == item.response())?;
    let ground = Arc::new(Ground::new(even(placed.len()), false));
    let own = own_rate(0.0, 0.0, placed.len());
    let rows = placed.into_iter().zip(ground.left(given)).map(|(placed, left)| (placed, vec![left])).collect();
    Some(OwnItem { number, rows, toned: None, tone_adds: 0.0, ground, given, own })
}

/// The base rates of a query with so many options of its own.
pub(crate) fn even(options: usize) -> Vec<f64> {
    vec![1.0 / options.max(1) as f64; options]
}

/// The place of a pair in the lower triangle of a symmetric matrix.
pub(super) fn triangle(a: usize, b: usize) -> usize {
    let (low, high) = (a.min(b), a.max(b));
    high * (high + 1) / 2 + low
}

#[expect(clippy::cast_possible_truncation, reason = "numbers are small multiples of 1")]
fn whole(number: f64, units: f64) -> i64 {
    (number * units).round() as i64
}
