//! What one user adds to the sums that noise goes into: bounded, whatever they responded.
//!
//! Which queries a user has, and how many, is taken as known. Whatever here is of these alone needs no bound: how much a user
//! weighs, and the radius that all they add is cut to.

use std::collections::BTreeMap;

use crate::data::MemoryItem;
use crate::parallel;

use super::Population;
use super::axis::Placed;
use super::census::latest;
use super::coins::Coins;
use super::many::parts;
use super::noise::sigma;
use super::reading::{Told, standard, tone};
use super::user::{OF_WEIGHT, triangle};

/// Units of shares, of products of tones, of what goes with words, and of weights of users.
pub(super) const OF_PART: i64 = 4_096;
pub(super) const OF_WORDS: f64 = 1_024.0;
pub(super) const OF_USER: f64 = 1_024.0;
/// The most that the mean products of a user's tones count, as a length.
const TONES_COUNT: i64 = 2 * OF_PART;

/// A sum over users in whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounded {
    pub(super) sums: Vec<i64>,
    /// The most that the sums move, as a length, when one user responds otherwise.
    pub(super) moves: f64,
}

impl Bounded {
    fn new(length: usize, moves: f64) -> Self {
        Self { sums: vec![0; length], moves }
    }

    /// The sums with noise for this ρ, and the noise's σ.
    pub(super) fn noised(&self, rho: f64, coins: &mut Coins) -> (Vec<f64>, f64) {
        let sigma = sigma(self.moves, rho);
        let noised = self.sums.iter().map(|sum| sum.saturating_add(coins.gaussian(sigma)) as f64).collect();
        (noised, sigma as f64)
    }
}

/// What all users' words weigh: nothing of it is of responses.
#[derive(Clone)]
pub(super) struct Known {
    /// The mean over users of how many of their interactions have a word, and a text, that k share.
    pub(super) mean: f64,
    /// By pair of terms, and by text, in units of [`OF_USER`] and the squares of [`OF_WEIGHT`].
    pub(super) likeness: Vec<i64>,
    pub(super) masses: Vec<i64>,
}

impl Population {
    /// By response: the sum over users of its share of the user's responses. Two users' shares are √2 from each other at most.
    pub(super) fn shares_of<U: AsRef<[MemoryItem]>>(&self, users: &[U]) -> Bounded {
        let mut all = Bounded::new(self.responses.len(), f64::hypot(OF_PART as f64, OF_PART as f64));
        for items in users.iter().map(|user| latest(user.as_ref())) {
            let n = i64::try_from(items.len()).unwrap_or(i64::MAX).max(1);
            for (sum, total) in all.sums.iter_mut().zip(self.totals(items)) {
                *sum += total * OF_PART / n;
            }
        }
        all
    }

    /// The sum over users of two interactions or more of how likely two of their responses are the same; and their number.
    pub(super) fn pairs_of<U: AsRef<[MemoryItem]>>(&self, users: &[U]) -> (Bounded, u64) {
        let (mut all, mut several) = (Bounded::new(1, OF_PART as f64), 0);
        for items in users.iter().map(|user| latest(user.as_ref())).filter(|items| items.len() > 1) {
            let n = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let same: i64 = self.totals(items).iter().map(|total| total * (total - 1)).sum();
            all.sums.iter_mut().for_each(|sum| *sum += same * OF_PART / (n * (n - 1)));
            several += 1;
        }
        (all, several)
    }

    /// Of a scale: the sums over users of the mean product of tones with what responses leave, and of the mean square of tones.
    pub(super) fn tones_of<U: AsRef<[MemoryItem]>>(&self, users: &[U]) -> Bounded {
        let mut all = Bounded::new(2, 2.0 * TONES_COUNT as f64);
        for items in users.iter().map(|user| latest(user.as_ref())) {
            let ground = self.ground(self.base_of(&self.totals(items).iter().map(|n| *n as f64).collect::<Vec<f64>>()));
            let (mut products, mut squares) = (0.0, 0.0);
            for item in items {
                let tone = tone(item.features().iter()).map(standard);
                let latent = self.place(item).and_then(|given| ground.left(given).first().copied());
                if let (Some(tone), Some(latent)) = (tone, latent) {
                    (products, squares) = (products + tone * latent, squares + tone * tone);
                }
            }
            let unit = OF_PART as f64 / items.len().max(1) as f64;
            let mut own = [whole(products * unit), whole(squares * unit)];
            cut(&mut own, TONES_COUNT);
            all.sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
        }
        all
    }

    /// What users' words weigh.
    pub(super) fn known<U: AsRef<[MemoryItem]> + Sync>(&self, users: &[U]) -> Known {
        let sizes = parallel::map(users, |user| size(&self.places(user.as_ref())));
        let with = sizes.iter().filter(|size| **size > 0.0).count();
        let mean = sizes.iter().sum::<f64>() / with.max(1) as f64;
        let terms = self.terms.len();
        let mut known = Known { mean, likeness: vec![0; terms * (terms + 1) / 2], masses: vec![0; self.texts.len()] };
        for of in parallel::map(&parts(users), |users| self.known_of(users, &known)) {
            sum(&mut known.likeness, &of.likeness);
            sum(&mut known.masses, &of.masses);
        }
        known
    }

    /// What these users' words weigh, beside a mean of all.
    fn known_of<U: AsRef<[MemoryItem]>>(&self, users: &[U], nobody: &Known) -> Known {
        let mut known = nobody.clone();
        for user in users {
            let placed = self.places(user.as_ref());
            let weighs = weight(size(&placed), known.mean);
            for placed in &placed {
                let whole = |(term, by): &(usize, f64)| (*term, whole(by * OF_WEIGHT));
                let terms: Vec<(usize, i64)> = placed.terms.iter().map(whole).collect();
                for (number, (a, by)) in terms.iter().enumerate() {
                    for (b, with) in terms.iter().take(number + 1) {
                        if let Some(sum) = known.likeness.get_mut(triangle(*a, *b)) {
                            *sum = sum.wrapping_add(weighs * by * with);
                        }
                    }
                }
                if let Some(mass) = placed.text.and_then(|text| known.masses.get_mut(text)) {
                    *mass += weighs;
                }
            }
        }
        known
    }

    /// By term and column, and behind them by text and column: the sum over users of what their responses left to explain, each
    /// user's cut to `reach` times the length that it has in a user of the mean size whose words say nothing.
    pub(super) fn words_of<U: AsRef<[MemoryItem]> + Sync>(&self, users: &[U], mean: f64, reach: f64) -> Bounded {
        let (columns, length) = (self.columns(), reach * (mean * self.spread()).sqrt());
        let radius = whole((length * OF_WORDS).ceil()).max(1);
        let mut all = Bounded::new((self.terms.len() + self.texts.len()) * columns, 2.0 * radius as f64);
        let of = |users: &&[U]| {
            let mut sums = vec![0; all.sums.len()];
            for user in *users {
                let (places, own) = self.words(user.as_ref(), mean, radius);
                for (place, own) in places.into_iter().zip(own) {
                    if let Some(sum) = sums.get_mut(place) {
                        *sum += own;
                    }
                }
            }
            sums
        };
        for sums in parallel::map(&parts(users), of) {
            sum(&mut all.sums, &sums);
        }
        all
    }

    /// One user's part of these sums: places, and numbers.
    fn words(&self, items: &[MemoryItem], mean: f64, radius: i64) -> (Vec<usize>, Vec<i64>) {
        let items = latest(items);
        let placed = self.places(items);
        let weighs = weight(size(&placed), mean) as f64 / OF_USER;
        let (columns, terms) = (self.columns(), self.terms.len());
        let ground = self.ground(self.base_of(&self.totals(items).iter().map(|n| *n as f64).collect::<Vec<f64>>()));
        let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
        for (item, placed) in items.iter().zip(&placed) {
            let Some(given) = self.place(item) else { continue };
            let toned = self.toned(tone(item.features().iter()));
            for (column, left) in ground.left(given).into_iter().enumerate() {
                let left = weighs * (left - toned);
                for (term, by) in &placed.terms {
                    *sums.entry(term * columns + column).or_default() += by * left;
                }
                if let Some(text) = placed.text {
                    *sums.entry((terms + text) * columns + column).or_default() += left;
                }
            }
        }
        let (places, mut own): (Vec<usize>, Vec<i64>) =
            sums.into_iter().map(|(place, sum)| (place, whole(sum * OF_WORDS))).unzip();
        cut(&mut own, radius);
        (places, own)
    }

    /// The variance of a response about the base rates, over all columns.
    pub(super) fn spread(&self) -> f64 {
        if self.scale { 1.0 } else { 1.0 - self.base.iter().map(|share| share * share).sum::<f64>() }
    }

    /// Where the words of a user's queries stand.
    fn places(&self, items: &[MemoryItem]) -> Vec<Placed> {
        latest(items).iter().map(|item| self.placed(&Told::of(item.query()))).collect()
    }

    fn place(&self, item: &MemoryItem) -> Option<usize> {
        self.responses.iter().position(|response| response == item.response())
    }

    fn totals(&self, items: &[MemoryItem]) -> Vec<i64> {
        let mut totals = vec![0; self.responses.len()];
        for place in items.iter().filter_map(|item| self.place(item)) {
            if let Some(total) = totals.get_mut(place) {
                *total += 1;
            }
        }
        totals
    }
}

fn sum(sums: &mut [i64], more: &[i64]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
}

/// How many of a user's interactions have a word, and how many a text, that k users share.
fn size(placed: &[Placed]) -> f64 {
    let of =
        |placed: &Placed| f64::from(u8::from(!placed.terms.is_empty())) + f64::from(u8::from(placed.text.is_some()));
    placed.iter().map(of).sum()
}

/// What a user with so many weighs: 1, or so much less that what they add is as long as that of an average user.
fn weight(size: f64, mean: f64) -> i64 {
    whole(OF_USER * (mean / size.max(1.0)).sqrt().min(1.0))
}

/// Shortens what a user adds to this length, if it is longer.
pub(super) fn cut(numbers: &mut [i64], radius: i64) {
    let square = |numbers: &[i64]| numbers.iter().map(|number| i128::from(*number).pow(2)).sum::<i128>();
    let (most, mut part) = (i128::from(radius).pow(2), 1.0 - 1e-12);
    while square(numbers) > most {
        let by = part * radius as f64 / (square(numbers) as f64).sqrt();
        for number in &mut *numbers {
            *number = whole_below(*number as f64 * by);
        }
        part *= 0.999;
    }
}

/// The nearest whole number; 0 for what is none, and at most 2⁴⁰.
#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn whole(number: f64) -> i64 {
    let most = 2_f64.powi(40);
    if number.is_finite() { number.round().clamp(-most, most) as i64 } else { 0 }
}

/// The next whole number towards 0.
#[expect(clippy::cast_possible_truncation, reason = "less than it was, and that was whole")]
fn whole_below(number: f64) -> i64 {
    number.trunc() as i64
}
