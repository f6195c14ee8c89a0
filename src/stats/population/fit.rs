//! Kinds of people, fitted from counts.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::data::{MemoryItem, Task};
use crate::stats::linear::{cholesky, solve};

use super::census::Shared;
use super::counts::{KindCounts, Sums, are_enough};
use super::file::MOST;
use super::held::alone;
use super::kind::Kind;
use super::reading::SLOPE;
use super::seeds::cosine;
use super::user::{OF_LEFT, OF_SHARE, OF_TONE, OF_WEIGHT, triangle};
use super::{Census, Counts, Population, PopulationError};

/// The most terms and texts that are kept, those that most users share.
pub(super) const TERMS: usize = 1_024;
pub(super) const TEXTS: usize = 4_096;
/// λ: an interaction's own share of chance, in units of its likeness to itself.
const LAMBDA: f64 = 1.0;
/// How often kinds and memberships are found anew.
const SWEEPS: usize = 4;
/// Interactions that the general slope of responses on tones weighs.
const TONES: f64 = 20.0;

impl Population {
    /// Learns a population from the histories of its users, as their models hold them, in a few passes over all.
    ///
    /// What a user muted is in the interactions of their model and is counted with them; leave such users out, or count copies
    /// without it, where their wish is that nobody learns from it.
    ///
    /// Where they do not fit into memory, or come as a stream: merge a [`Census`] of each, [`begin`](Self::begin) with a
    /// sample, and repeat [`count`](Self::count) and [`fitted`](Self::fitted) as often as is worth it, four times here.
    ///
    /// # Errors
    /// [`PopulationError::FreeText`], [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users.
    pub fn learn<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U], k: usize) -> Result<Self, PopulationError> {
        let begun = Self::begin(&Census::of_all(task, users)?, users, k)?;
        let read = begun.read(users);
        let mut population = begun.fitted(&begun.count_read(&begun, &read)?)?;
        for _ in 1..SWEEPS {
            population = population.fitted(&population.count_read(&begun, &read)?)?;
        }
        Ok(population)
    }

    /// Begins a population: with what k users of the census share, and with kinds that are as unlike each other as users of the
    /// sample are. Which users the sample has decides where the search for kinds begins; of 1,024 or more they are spread evenly
    /// over it. Of fewer their order does not matter.
    ///
    /// # Errors
    /// [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users, in the census or in the sample.
    pub fn begin<U: AsRef<[MemoryItem]> + Sync>(
        census: &Census,
        sample: &[U],
        k: usize,
    ) -> Result<Self, PopulationError> {
        Self::sharing(census, k)?.seeded(sample)
    }

    /// The population of what k users of the census share, without kinds.
    pub(super) fn sharing(census: &Census, k: usize) -> Result<Self, PopulationError> {
        if k < 2 {
            return Err(PopulationError::Single(k));
        }
        if census.users < k as u64 {
            return Err(PopulationError::TooFew { users: census.users, k });
        }
        let most = |all: &BTreeMap<u64, Shared>, most: usize| {
            let mut shared: Vec<(u64, Shared)> = all.iter().map(|(digest, shared)| (*digest, *shared)).collect();
            shared.retain(|(_, shared)| shared.users >= k as u64);
            shared.sort_by(|a, b| b.1.users.cmp(&a.1.users).then(a.0.cmp(&b.0)));
            shared.truncate(most);
            shared.sort_by_key(|(digest, _)| *digest);
            shared
        };
        let rare = |shared: Shared| (census.interactions as f64 / shared.interactions.max(1) as f64).ln() + 1.0;
        let base = census.base();
        let strength = census.strength(&base);
        let terms = most(&census.terms, TERMS).into_iter().map(|(digest, shared)| (digest, rare(shared))).collect();
        let texts = most(&census.texts, TEXTS).into_iter().map(|(digest, _)| digest).collect();
        let mut begun = Self::unsealed(
            (census.responses.clone(), census.scale),
            (k, census.users, census.interactions),
            (base, strength, SLOPE),
            (terms, texts),
            Vec::new(),
        );
        begun.seal();
        Ok(begun)
    }

    /// Counts one user under this population.
    pub fn count(&self, items: &[MemoryItem]) -> Counts {
        let own = self.own(items);
        if own.interactions.is_empty() {
            return self.nobody();
        }
        self.counted(&own, self.membership(&own).shares())
    }

    /// The population that these counts make. Kinds that fewer than k users are of become one with those most like them.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when they were not counted under this one, [`PopulationError::TooFew`] users,
    /// [`PopulationError::Impossible`] for numbers that no users have.
    pub fn fitted(&self, counts: &Counts) -> Result<Self, PopulationError> {
        if counts.under != self.digest() || counts.kinds.len() != self.kinds.len() + 1 {
            return Err(PopulationError::Other("population"));
        }
        if counts.users < self.k as u64 {
            return Err(PopulationError::TooFew { users: counts.users, k: self.k });
        }
        let fitted = self.of_counts(counts, true);
        let finite = |kind: &Kind| kind.effects.iter().chain(&kind.texts).all(|number| number.abs() <= MOST);
        if fitted.kinds.iter().all(finite) { Ok(fitted) } else { Err(PopulationError::Impossible) }
    }

    /// The counts of nobody under this population, to merge others into.
    pub fn nobody(&self) -> Counts {
        Counts::of_nobody(self.digest(), self.kinds.len() + 1)
    }

    /// The population of these counts, which are counted under this one. `whole` says that they are of all users, so that what
    /// fewer than k of them have goes; otherwise it only tells nothing.
    pub(super) fn of_counts(&self, counts: &Counts, whole: bool) -> Self {
        let (columns, terms) = (self.columns(), self.terms.len());
        let k_have = |cell: usize| !whole || counts.having.at(cell) >= self.k as f64;
        let kept: Vec<usize> = (0..terms).filter(|term| k_have(*term)).collect();
        let kept_texts: Vec<usize> = (0..self.texts.len()).filter(|text| k_have(terms + text)).collect();
        let interactions: f64 = counts.kinds.iter().map(|kind| kind.interactions as f64).sum::<f64>().max(1.0);
        let mut fitted = self.clone();
        (fitted.users, fitted.interactions) = (counts.users, counts.interactions);
        // Noise has no part in these counts, so nothing is promised of them.
        fitted.promise = None;
        fitted.terms = kept.iter().filter_map(|term| self.terms.get(*term).copied()).collect();
        fitted.texts = kept_texts.iter().filter_map(|text| self.texts.get(*text).copied()).collect();
        let (cross, squares) = (counts.tones.0 as f64 / OF_TONE, counts.tones.1 as f64 / OF_TONE);
        fitted.slope = ((cross + TONES * SLOPE) / (squares + TONES)).clamp(0.0, 0.95);

        let (of_all, kinds) = counts.kinds.split_last().map_or((None, &[][..]), |(last, kinds)| (Some(last), kinds));
        let of_all = of_all.cloned().unwrap_or_default();
        let kinds = of_enough(kinds, of_all.squares, self.k);
        let tell = |place: usize| tells(&kinds, &of_all, place, self.k);
        let terms_tell: Vec<(usize, Tells)> = kept.iter().map(|term| (*term, tell(*term))).collect();
        let texts_tell: Vec<(usize, Tells)> = kept_texts.iter().map(|text| (*text, tell(terms + text))).collect();
        let effects = rows(&kinds, |kind| &kind.effects, &terms_tell, columns, OF_SHARE * OF_WEIGHT * OF_LEFT);
        let texts = rows(&kinds, |kind| &kind.texts, &texts_tell, columns, OF_SHARE * OF_LEFT);
        let masses = rows(&kinds, |kind| &kind.masses, &texts_tell, 1, OF_SHARE);
        let likeness = counts.likeness.dense(terms * (terms + 1) / 2, OF_WEIGHT * OF_WEIGHT);
        let users = counts.users as f64 + kinds.len() as f64 + 1.0;
        let fit = |kind: &KindCounts, effects: Vec<f64>, texts: Vec<f64>, masses: Vec<f64>| {
            let part = kind.interactions as f64 / interactions;
            let mut matrix = Array2::zeros((kept.len(), kept.len()));
            for ((a, term), mut row) in kept.iter().enumerate().zip(matrix.rows_mut()) {
                for (slot, other) in row.iter_mut().zip(kept.iter().take(a + 1)) {
                    *slot = part * likeness.get(triangle(*term, *other)).copied().unwrap_or_default();
                }
                if let Some(own) = row.get_mut(a) {
                    *own += LAMBDA;
                }
            }
            let effects = Array2::from_shape_vec((kept.len(), columns), effects).unwrap_or_default();
            // As if one user more were wholly of each kind, nobody's too.
            let share = (kind.users as f64 / OF_SHARE + 1.0) / users;
            Kind { share, effects: solve(&cholesky(matrix), effects).into_iter().collect(), texts, masses }
        };
        let told = kinds.iter().zip(effects).zip(texts.into_iter().zip(masses));
        fitted.kinds = told.map(|((kind, effects), (texts, masses))| fit(kind, effects, texts, masses)).collect();
        fitted.alone = alone(&fitted.kinds);
        fitted.seal();
        fitted
    }
}

/// Of whom a term or a text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// Of each kind by itself.
    EachKind,
    /// Of all kinds alike, since too few users of one have it: of that one it could be told from the others'.
    All,
    /// Of nobody: too few users have it.
    Nobody,
}

fn tells(kinds: &[KindCounts], of_all: &KindCounts, place: usize, k: usize) -> Tells {
    let enough = |kind: &KindCounts| are_enough(kind.having.at(place), kind.having_squares.at(place), k);
    match (kinds.iter().all(enough), enough(of_all)) {
        (true, _) => Tells::EachKind,
        (_, true) => Tells::All,
        _ => Tells::Nobody,
    }
}

/// By kind: the numbers of terms or texts.
fn rows(
    kinds: &[KindCounts],
    numbers: impl Fn(&KindCounts) -> &Sums,
    cells: &[(usize, Tells)],
    columns: usize,
    unit: f64,
) -> Vec<Vec<f64>> {
    let all: f64 = kinds.iter().map(|kind| kind.users as f64).sum::<f64>().max(1.0);
    let of = |kind: &KindCounts| {
        let at = |place: usize, tells: Tells| match tells {
            Tells::EachKind => numbers(kind).at(place) / unit,
            Tells::All => {
                let sum: f64 = kinds.iter().map(|kind| numbers(kind).at(place)).sum();
                kind.users as f64 / all * sum / unit
            }
            Tells::Nobody => 0.0,
        };
        let row = |(place, tells): &(usize, Tells)| -> Vec<f64> {
            (0..columns).map(|column| at(place * columns + column, *tells)).collect()
        };
        cells.iter().flat_map(row).collect()
    };
    kinds.iter().map(of).collect()
}

/// The kinds with those that fewer than k users are of joined to the one they are most like; none when all together are too few.
/// `squares` is of what users are of all kinds together.
fn of_enough(kinds: &[KindCounts], squares: i64, k: usize) -> Vec<KindCounts> {
    let mut kinds = kinds.to_vec();
    loop {
        if let [one] = kinds.as_mut_slice() {
            one.squares = one.squares.min(squares.max(1));
        }
        let few = |kind: &KindCounts| !are_enough(kind.users as f64, kind.squares as f64, k);
        let least = kinds.iter().enumerate().filter(|(_, kind)| few(kind)).min_by_key(|(_, kind)| kind.users);
        let Some((least, _)) = least else { return kinds };
        let few = kinds.remove(least);
        let near = kinds.iter().enumerate().map(|(place, kind)| (place, cosine(&kind.effects, &few.effects)));
        let near = near.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(place, _)| place);
        match near.and_then(|place| kinds.get_mut(place)) {
            Some(near) => near.join(&few),
            None => return Vec::new(),
        }
    }
}
