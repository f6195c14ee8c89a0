//! One user as a population sees them.

use crate::data::MemoryItem;

use super::census::latest;
use super::kind::{Ground, Placed};
use super::membership::Membership;
use super::reading::{Told, standard, tone};
use super::{Counts, Population};

/// Units of weights, of what is left to explain, of memberships, and of products of tones, so that sums are whole numbers.
pub(super) const OF_WEIGHT: f64 = 1_024.0;
pub(super) const OF_LEFT: f64 = 16_384.0;
pub(super) const OF_SHARE: f64 = 64.0;
pub(super) const OF_TONE: f64 = 65_536.0;

/// One user's interactions as they are counted.
pub(super) struct Own {
    pub(super) interactions: Vec<OwnItem>,
}

pub(super) struct OwnItem {
    /// The query, or each of its options, with what the response leaves to explain, by column.
    rows: Vec<(Placed, Vec<f64>)>,
    /// Of a scale: the standard tone, and the latent response.
    toned: Option<(f64, f64)>,
    /// By kind, nobody's last: what the response's probability was, from the base rates without it.
    likely: Vec<f64>,
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
        let ground = self.ground(self.base_of(&totals));
        // By response: the base rates without one of it.
        let without: Vec<Ground> = (0..totals.len())
            .map(|place| {
                let less = |(other, total): (usize, &f64)| if other == place { (total - 1.0).max(0.0) } else { *total };
                self.ground(self.base_of(&totals.iter().enumerate().map(less).collect::<Vec<f64>>()))
            })
            .collect();
        let one = |(number, item): (usize, &MemoryItem)| {
            let placed: Vec<Placed> = told(number, item).iter().map(|told| self.placed(told)).collect();
            if self.responses.is_empty() {
                return self.own_choice(item, placed);
            }
            let given = place(item)?;
            let tone = tone(item.features().iter()).filter(|_| self.scale);
            let toned = self.toned(tone);
            let p = |by: &[f64]| {
                let by: Vec<f64> = by.iter().map(|by| by + toned).collect();
                without.get(given)?.moved(&by).get(given).copied()
            };
            let nothing = vec![0.0; self.columns()];
            let says = self.said(&placed).into_iter().chain([nothing]);
            let likely: Option<Vec<f64>> = says.map(|says| p(&says)).collect();
            let whole = ground.left(given);
            let left: Vec<f64> = whole.iter().map(|left| left - toned).collect();
            let toned = tone.zip(whole.first()).map(|(tone, latent)| (standard(tone), *latent));
            let rows = placed.into_iter().map(|placed| (placed, left.clone())).collect();
            Some(OwnItem { rows, toned, likely: likely? })
        };
        Own { interactions: items.iter().enumerate().filter_map(one).collect() }
    }

    /// An interaction whose query has its own options, all alike to begin with.
    fn own_choice(&self, item: &MemoryItem, placed: Vec<Placed>) -> Option<OwnItem> {
        let given = item.query().options().iter().position(|option| option == item.response())?;
        let ground = self.ground(even(placed.len()));
        let nothing = vec![0.0; placed.len()];
        let says = self.said(&placed).into_iter().chain([nothing]);
        let likely: Option<Vec<f64>> = says.map(|says| ground.moved(&says).get(given).copied()).collect();
        let rows = placed.into_iter().zip(ground.left(given)).map(|(placed, left)| (placed, vec![left])).collect();
        Some(OwnItem { rows, toned: None, likely: likely? })
    }

    /// What is counted of a user with these shares of kinds.
    pub(super) fn counted(&self, own: &Own, shares: &[f64]) -> Counts {
        let mut counts = self.nobody();
        self.add(&mut counts, own, shares);
        counts
    }

    /// Adds it to what was counted of others.
    pub(super) fn add(&self, counts: &mut Counts, own: &Own, shares: &[f64]) {
        counts.users += 1;
        counts.interactions += own.interactions.len() as u64;
        let mut shares: Vec<i64> = shares.iter().map(|share| whole(*share, OF_SHARE)).collect();
        let alone = shares.pop().unwrap_or_default();
        let of_kinds: i64 = shares.iter().sum();
        shares.push((whole(1.0, OF_SHARE) - of_kinds).max(alone.min(0)));
        let columns = self.columns();
        let interactions = i64::try_from(own.interactions.len()).unwrap_or(i64::MAX);
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
        for (number, (share, kind)) in shares.iter().zip(&mut counts.kinds).enumerate() {
            let spread = if number == self.kinds.len() { of_kinds } else { *share };
            kind.users += share;
            kind.squares += spread * spread;
            kind.interactions += share * interactions;
            for cell in &cells {
                kind.having.add(*cell, spread);
                kind.having_squares.add(*cell, spread * spread);
            }
        }
        for (tone, latent) in own.interactions.iter().filter_map(|item| item.toned) {
            counts.tones.0 = counts.tones.0.wrapping_add(whole(tone * latent, OF_TONE));
            counts.tones.1 = counts.tones.1.wrapping_add(whole(tone * tone, OF_TONE));
        }
        for (placed, left) in rows() {
            let left: Vec<i64> = left.iter().map(|left| whole(*left, OF_LEFT)).collect();
            let terms: Vec<(usize, i64)> =
                placed.terms.iter().map(|(place, weight)| (*place, whole(*weight, OF_WEIGHT))).collect();
            for (number, (a, by)) in terms.iter().enumerate() {
                for (b, with) in terms.iter().take(number + 1) {
                    counts.likeness.add(triangle(*a, *b), by * with);
                }
            }
            for (share, kind) in shares.iter().zip(&mut counts.kinds).take(self.kinds.len()) {
                for (column, left) in left.iter().enumerate() {
                    for (term, weight) in &terms {
                        kind.effects.add(term * columns + column, share * weight * left);
                    }
                    if let Some(text) = placed.text {
                        kind.texts.add(text * columns + column, share * left);
                    }
                }
                if let Some(text) = placed.text {
                    kind.masses.add(text, *share);
                }
            }
        }
    }

    /// How much of each kind a user is.
    pub(super) fn membership(&self, own: &Own) -> Membership {
        let likely: Vec<Vec<f64>> = own.interactions.iter().map(|item| item.likely.clone()).collect();
        Membership::new(&self.prior(), &likely, &[])
    }
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
