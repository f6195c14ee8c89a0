//! A population is begun, counted and fitted.

use std::collections::BTreeMap;

use crate::data::{MemoryItem, Task};
use crate::operation::{self, Operation};

use super::axis::Axes;
use super::census::Shared;
use super::file::{MOST, MOST_EFFECT};
use super::reading::SLOPE;
use super::regression::Regression;
use super::search::{ALONE, RIDGE, SAMPLE};
use super::user::OF_TONE;
use super::{Census, Counts, Population, PopulationError};

/// The most terms and texts that are kept, those that most users share.
pub(super) const TERMS: usize = 1_024;
pub(super) const TEXTS: usize = 4_096;
/// How often axes, and where users stand, are found anew of all users.
const SWEEPS: usize = 2;
/// Interactions that the general slope of responses on tones weighs.
const TONES: f64 = 20.0;

impl Population {
    /// Learns a population from the histories of its users, as their models hold them, in a few passes over all.
    ///
    /// What a user muted is in the interactions of their model and is counted with them; leave such users out, or count copies
    /// without it, where their wish is that nobody learns from it.
    ///
    /// Where they do not fit into memory, or come as a stream: merge a [`Census`] of each, [`begin`](Self::begin) with a
    /// sample, and repeat [`count`](Self::count) and [`fitted`](Self::fitted) as often as is worth it, twice here.
    ///
    /// # Errors
    /// [`PopulationError::FreeText`], [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users.
    pub fn learn<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U], k: usize) -> Result<Self, PopulationError> {
        Operation::named("population").run_now(|| Self::learned(task, users, k))
    }

    fn learned<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U], k: usize) -> Result<Self, PopulationError> {
        let census = Census::of_all(task, users)?;
        operation::interactions(census.interactions);
        let begun = Self::sharing(&census, k)?.seeded(users)?;
        let read = begun.read(users);
        let mut population = begun.fit(&begun.count_read(&begun, &read)?)?;
        for _ in 1..SWEEPS {
            population = population.fit(&population.count_read(&begun, &read)?)?;
        }
        Ok(population)
    }

    /// Begins a population: with what k users of the census share, and with the axes on which users of the sample differ. How many
    /// axes there are is told by users of it whom they are not learned from: an axis stays that foretells their responses better. Of 1,024
    /// users or more those looked at are spread evenly over the sample. Of fewer their order does not matter.
    ///
    /// # Errors
    /// [`PopulationError::Single`] for a k below 2, [`PopulationError::TooFew`] users, in the census or in the sample.
    pub fn begin<U: AsRef<[MemoryItem]> + Sync>(
        census: &Census,
        sample: &[U],
        k: usize,
    ) -> Result<Self, PopulationError> {
        Operation::named("population").run_now(|| {
            operation::interactions(census.interactions);
            Self::sharing(census, k)?.seeded(sample)
        })
    }

    /// Of so many users of a sample who said anything, [`begin`](Self::begin) looks at the first and at every one that is so many further
    /// on: a sample of these alone begins the same population, and the others need not be held. From 1 on.
    pub fn looks_at_every(users: u64, k: usize) -> usize {
        let looked_at = SAMPLE.max(k.saturating_mul(2));
        usize::try_from(users).map_or(usize::MAX, |users| (users / looked_at).max(1))
    }

    /// The population of what k users of the census share, without axes.
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
            (Axes::default(), RIDGE, 1.0, ALONE),
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
        self.counted(&own)
    }

    /// The population that these counts make. An axis goes on which fewer than k users stand apart.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when they were not counted under this one, [`PopulationError::TooFew`] users,
    /// [`PopulationError::Impossible`] for numbers that no users have.
    pub fn fitted(&self, counts: &Counts) -> Result<Self, PopulationError> {
        Operation::named("population").run_now(|| {
            operation::interactions(counts.interactions());
            self.fit(counts)
        })
    }

    fn fit(&self, counts: &Counts) -> Result<Self, PopulationError> {
        if counts.under != self.digest() || counts.axes.len() != self.axes() {
            return Err(PopulationError::Other("population"));
        }
        if counts.users < self.k as u64 {
            return Err(PopulationError::TooFew { users: counts.users, k: self.k });
        }
        let mut fitted = self.of_counts(counts, true);
        fitted.seal();
        let are_possible =
            fitted.axes.each.iter().flat_map(|axis| &axis.effects).all(|effect| effect.abs() <= MOST_EFFECT)
                && fitted.axes.texts.iter().chain(&fitted.axes.masses).all(|sum| sum.abs() <= MOST);
        if are_possible { Ok(fitted) } else { Err(PopulationError::Impossible) }
    }

    /// The counts of nobody under this population, to merge others into.
    pub fn nobody(&self) -> Counts {
        Counts::of_nobody(self.digest(), self.axes())
    }

    /// The population of these counts, which are counted under this one. `whole` says that they are of all users, so that what
    /// fewer than k of them have goes; otherwise it only tells nothing. Its digest is not taken yet.
    pub(super) fn of_counts(&self, counts: &Counts, whole: bool) -> Self {
        self.of_regression(counts, &Regression::new(counts, self, whole), whole)
    }

    /// The same by a regression that is of these counts, or of such as have them.
    pub(super) fn of_regression(&self, counts: &Counts, regression: &Regression, whole: bool) -> Self {
        let mut fitted = self.clone();
        (fitted.users, fitted.interactions) = (counts.users, counts.interactions);
        // Noise has no part in these counts, so nothing is promised of them.
        fitted.promise = None;
        let kept = regression.terms();
        let kept_texts: Vec<usize> =
            (0..self.texts.len()).filter(|text| !whole || counts.have(self.terms.len() + text, self.k)).collect();
        fitted.terms = kept.iter().filter_map(|term| self.terms.get(*term).copied()).collect();
        fitted.texts = kept_texts.iter().filter_map(|text| self.texts.get(*text).copied()).collect();
        fitted.slope = slope_by(counts);
        fitted.axes = regression.axes(counts, self, &kept_texts);
        fitted
    }
}

/// How the latent response of a scale goes with tones, by these counts.
pub(super) fn slope_by(counts: &Counts) -> f64 {
    let (cross, squares) = (counts.tones.0 as f64 / OF_TONE, counts.tones.1 as f64 / OF_TONE);
    ((cross + TONES * SLOPE) / (squares + TONES)).clamp(0.0, 0.95)
}
