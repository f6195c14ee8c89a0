//! Kinds of people, fitted from counts.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::data::{MemoryItem, Task};
use crate::parallel;
use crate::stats::linear::{cholesky, solve};

use super::census::Shared;
use super::counts::KindCounts;
use super::held::alone;
use super::kind::Kind;
use super::reading::SLOPE;
use super::seeds::cosine;
use super::user::{OF_LEFT, OF_SHARE, OF_TONE, OF_WEIGHT};
use super::{Census, Counts, Population, PopulationError};

/// The most terms and texts that are kept, those that most users share.
const TERMS: usize = 1_024;
const TEXTS: usize = 4_096;
/// λ: an interaction's own share of chance, in units of its likeness to itself.
const LAMBDA: f64 = 1.0;
/// How often kinds and memberships are found anew.
const SWEEPS: usize = 4;
/// Interactions that the general slope of responses on tones weighs.
const TONES: f64 = 20.0;
/// The users that are counted before they are merged.
const AT_ONCE: usize = 256;

impl Population {
    /// Learns a population from the histories of its users, as their models hold them, in a few passes over all.
    ///
    /// Where they do not fit into memory, or come as a stream: merge a [`Census`] of each, [`begin`](Self::begin) with a
    /// sample, and repeat [`count`](Self::count) and [`fitted`](Self::fitted) as often as is worth it, four times here.
    ///
    /// # Errors
    /// [`PopulationError::NoFixedResponses`], [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users.
    pub fn learn<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U], k: usize) -> Result<Self, PopulationError> {
        let mut census = Census::new(task)?;
        for users in users.chunks(AT_ONCE) {
            for of in parallel::map(users, |user| Census::of(task, user.as_ref())) {
                census.merge(&of?)?;
            }
        }
        let mut population = Self::begin(&census, users, k)?;
        for _ in 0..SWEEPS {
            let mut counts = population.nobody();
            for users in users.chunks(AT_ONCE) {
                for of in parallel::map(users, |user| population.count(user.as_ref())) {
                    counts.merge(&of)?;
                }
            }
            population = population.fitted(&counts)?;
        }
        Ok(population)
    }

    /// Begins a population: with what k users of the census share, and with kinds that are as unlike each other as users of the
    /// sample are. Which users the sample has decides where the search for kinds begins, so give some hundreds; the order
    /// does not matter to the counts, and little to the kinds.
    ///
    /// # Errors
    /// [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users.
    pub fn begin<U: AsRef<[MemoryItem]> + Sync>(
        census: &Census,
        sample: &[U],
        k: usize,
    ) -> Result<Self, PopulationError> {
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
        begun.seeded(sample)
    }

    /// Counts one user under this population.
    pub fn count(&self, items: &[MemoryItem]) -> Counts {
        let own = self.own(items);
        if own.interactions.is_empty() {
            return self.nobody();
        }
        self.counted(&own, &self.membership(&own).shares())
    }

    /// The population that these counts make. Kinds that fewer than k users are of become one with those most like them.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when they were not counted under this one, [`PopulationError::TooFew`] users.
    pub fn fitted(&self, counts: &Counts) -> Result<Self, PopulationError> {
        if counts.under != self.digest() || counts.kinds.len() != self.kinds.len() + 1 {
            return Err(PopulationError::Other("population"));
        }
        if counts.users < self.k as u64 {
            return Err(PopulationError::TooFew { users: counts.users, k: self.k });
        }
        Ok(self.of_counts(counts))
    }

    /// The counts of nobody under this population, to merge others into.
    pub fn nobody(&self) -> Counts {
        Counts::of_nobody(self.digest(), self.kinds.len() + 1)
    }

    /// The population of these counts, which are counted under this one.
    pub(super) fn of_counts(&self, counts: &Counts) -> Self {
        let (columns, rows, texts) = (self.columns(), self.terms.len(), self.texts.len());
        let likeness = counts.likeness.dense(rows * (rows + 1) / 2, OF_WEIGHT * OF_WEIGHT);
        let users = counts.users as f64 + self.kinds.len() as f64 + 1.0;
        let interactions: f64 = counts.kinds.iter().map(|kind| kind.interactions as f64).sum::<f64>().max(1.0);
        let mut fitted = self.clone();
        fitted.users = counts.users;
        fitted.interactions = counts.interactions;
        let (cross, squares) = (counts.tones.0 as f64 / OF_TONE, counts.tones.1 as f64 / OF_TONE);
        fitted.slope = ((cross + TONES * SLOPE) / (squares + TONES)).clamp(0.0, 0.95);
        let kinds = of_enough(counts.kinds.get(..self.kinds.len()).unwrap_or_default(), self.k);
        fitted.kinds = parallel::map(&kinds, |kind| {
            let part = kind.interactions as f64 / interactions;
            let mut matrix = Array2::zeros((rows, rows));
            let mut entries = likeness.iter();
            for (a, mut row) in matrix.rows_mut().into_iter().enumerate() {
                for (slot, entry) in row.iter_mut().take(a + 1).zip(&mut entries) {
                    *slot = part * entry;
                }
                if let Some(own) = row.get_mut(a) {
                    *own += LAMBDA;
                }
            }
            let effects = kind.effects.dense(rows * columns, OF_SHARE * OF_WEIGHT * OF_LEFT);
            let effects = Array2::from_shape_vec((rows, columns), effects).unwrap_or_default();
            Kind {
                // As if one user more were wholly of each kind, nobody's too.
                share: (kind.users as f64 / OF_SHARE + 1.0) / users,
                effects: solve(&cholesky(matrix), effects).into_iter().collect(),
                texts: kind.texts.dense(texts * columns, OF_SHARE * OF_LEFT),
                masses: kind.masses.dense(texts, OF_SHARE),
            }
        });
        fitted.alone = alone(&fitted.kinds);
        fitted.seal();
        fitted
    }
}

/// The kinds with those that fewer than k users are of joined to the one they are most like; none when all of them are too few.
fn of_enough(kinds: &[KindCounts], k: usize) -> Vec<KindCounts> {
    let mut kinds = kinds.to_vec();
    loop {
        let few = kinds.iter().enumerate().map(|(place, kind)| (place, kind.effective()));
        let Some((least, users)) = few.min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) else { return kinds };
        // Sums of shares are rounded.
        if users > k as f64 - 1e-6 {
            return kinds;
        }
        let few = kinds.remove(least);
        let near = kinds.iter().enumerate().map(|(place, kind)| (place, cosine(&kind.effects, &few.effects)));
        let near = near.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(place, _)| place);
        match near.and_then(|place| kinds.get_mut(place)) {
            Some(near) => near.join(&few),
            None => return Vec::new(),
        }
    }
}
