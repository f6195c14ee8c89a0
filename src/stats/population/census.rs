//! Who uses which words and texts, and how responses are spread over users.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::data::{MemoryItem, ResponseSpace, Task};

use super::error::few_enough;
use super::reading::Reading;
use super::{INTERACTIONS_COUNTED, PopulationError};

/// Units of a share, so that sums are whole numbers: 2⁻²⁰.
pub(super) const UNITS: f64 = 1_048_576.0;

/// The first count of a population: how many users have each word and each text, and how their responses are spread. A sum over
/// users; keep it as you keep their models.
///
/// [`merge`](Self::merge) is associative and commutative to the bit, [`take_out`](Self::take_out) undoes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Census {
    /// None where every query has its own.
    pub(super) responses: Vec<String>,
    pub(super) scale: bool,
    pub(super) users: u64,
    pub(super) interactions: u64,
    /// By response: the sum over users of its share of the user's responses, in units.
    pub(super) shares: Vec<i64>,
    /// Users with two interactions or more, and the sum of how likely two of a user's responses are the same, in units.
    pub(super) pairs: (u64, i64),
    pub(super) terms: BTreeMap<u64, Shared>,
    pub(super) texts: BTreeMap<u64, Shared>,
}

/// By how many users, and in how many interactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shared {
    pub(super) users: u64,
    pub(super) interactions: u64,
}

impl fmt::Debug for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Census")
            .field("users", &self.users)
            .field("interactions", &self.interactions)
            .finish_non_exhaustive()
    }
}

impl Census {
    /// The census of nobody.
    ///
    /// # Errors
    /// [`PopulationError::FreeText`].
    pub fn new(task: &Task) -> Result<Self, PopulationError> {
        let scale = matches!(task.space(), ResponseSpace::Scale { .. });
        let responses = match task.space() {
            ResponseSpace::Text { .. } => return Err(PopulationError::FreeText),
            ResponseSpace::Choices => Vec::new(),
            space => space.fixed_responses().unwrap_or_default(),
        };
        let shares = vec![0; responses.len()];
        Ok(Self {
            responses,
            scale,
            users: 0,
            interactions: 0,
            shares,
            pairs: (0, 0),
            terms: BTreeMap::new(),
            texts: BTreeMap::new(),
        })
    }

    /// The census of one user: of the latest [`INTERACTIONS_COUNTED`]. A user without any counts as none.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn of(task: &Task, items: &[MemoryItem]) -> Result<Self, PopulationError> {
        let mut census = Self::new(task)?;
        let items = latest(items);
        if items.is_empty() {
            return Ok(census);
        }
        let n = items.len() as f64;
        census.users = 1;
        census.interactions = items.len() as u64;
        let mut given = vec![0.0_f64; census.responses.len()];
        for item in items {
            let place = census.responses.iter().position(|response| response == item.response());
            if let Some(count) = place.and_then(|place| given.get_mut(place)) {
                *count += 1.0;
            }
            let told = census.reading().of(item.query());
            let terms: BTreeSet<u64> = told.iter().flat_map(|told| told.terms.iter().copied()).collect();
            let texts: BTreeSet<u64> = told.iter().filter_map(|told| told.text).collect();
            for (all, digests) in [(&mut census.terms, terms), (&mut census.texts, texts)] {
                for digest in digests {
                    let shared = all.entry(digest).or_default();
                    (shared.users, shared.interactions) = (1, shared.interactions + 1);
                }
            }
        }
        census.shares = given.iter().map(|count| units(count / n)).collect();
        if n > 1.0 {
            let same: f64 = given.iter().map(|count| count * (count - 1.0)).sum();
            census.pairs = (1, units(same / (n * (n - 1.0))));
        }
        Ok(census)
    }

    /// Adds the users of another census.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when it is of another task, [`PopulationError::TooMany`] users; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), PopulationError> {
        self.matches(other)?;
        few_enough(self.users, other.users)?;
        self.users += other.users;
        self.interactions += other.interactions;
        self.shares.iter_mut().zip(&other.shares).for_each(|(sum, more)| *sum += more);
        self.pairs = (self.pairs.0 + other.pairs.0, self.pairs.1 + other.pairs.1);
        for (all, more) in [(&mut self.terms, &other.terms), (&mut self.texts, &other.texts)] {
            for (digest, more) in more {
                let shared = all.entry(*digest).or_default();
                shared.users += more.users;
                shared.interactions += more.interactions;
            }
        }
        Ok(())
    }

    /// Takes out users that were merged, so that this is to the bit what it would be had they never been.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when it is of another task, [`PopulationError::NotIn`] when they were not merged, or not
    /// counted as they are now; nothing is taken out then.
    pub fn take_out(&mut self, other: &Self) -> Result<(), PopulationError> {
        self.matches(other)?;
        let less = |all: &Shared, less: &Shared| {
            Some(Shared {
                users: all.users.checked_sub(less.users)?,
                interactions: all.interactions.checked_sub(less.interactions)?,
            })
        };
        let is_in = |all: &BTreeMap<u64, Shared>, out: &BTreeMap<u64, Shared>| {
            out.iter().all(|(digest, shared)| all.get(digest).is_some_and(|all| less(all, shared).is_some()))
        };
        let users = self.users.checked_sub(other.users);
        let interactions = self.interactions.checked_sub(other.interactions);
        let pairs = self.pairs.0.checked_sub(other.pairs.0);
        let (Some(users), Some(interactions), Some(pairs)) = (users, interactions, pairs) else {
            return Err(PopulationError::NotIn);
        };
        let shares = self.shares.iter().zip(&other.shares).all(|(sum, less)| sum >= less);
        if !shares
            || self.pairs.1 < other.pairs.1
            || !is_in(&self.terms, &other.terms)
            || !is_in(&self.texts, &other.texts)
        {
            return Err(PopulationError::NotIn);
        }
        (self.users, self.interactions, self.pairs) = (users, interactions, (pairs, self.pairs.1 - other.pairs.1));
        self.shares.iter_mut().zip(&other.shares).for_each(|(sum, less)| *sum -= less);
        for (all, out) in [(&mut self.terms, &other.terms), (&mut self.texts, &other.texts)] {
            for (digest, shared) in out {
                let left = all.get(digest).and_then(|all| less(all, shared)).unwrap_or_default();
                if left == Shared::default() {
                    all.remove(digest);
                } else {
                    all.insert(*digest, left);
                }
            }
        }
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

    /// About how many bytes of memory it takes. It grows with every word, every pair of words and every text that any of its users has.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + (self.terms.len() + self.texts.len()) * OF_DIGEST
    }

    /// What is read of a query.
    fn reading(&self) -> Reading {
        if self.responses.is_empty() { Reading::Options } else { Reading::Query }
    }

    fn matches(&self, other: &Self) -> Result<(), PopulationError> {
        let same = self.responses == other.responses && self.scale == other.scale;
        if same { Ok(()) } else { Err(PopulationError::Other("task")) }
    }

    /// By response: the mean share over users, with half a user spread evenly.
    pub(super) fn base(&self) -> Vec<f64> {
        let even = 0.5 / self.responses.len().max(1) as f64;
        let share = |sum: &i64| (*sum as f64 / UNITS + even) / (self.users as f64 + 0.5);
        let shares: Vec<f64> = self.shares.iter().map(share).collect();
        // Each is rounded by itself.
        let all: f64 = shares.iter().sum();
        shares.into_iter().map(|share| share / all).collect()
    }

    /// How many interactions of their own a user's base rates outweigh the population's after: τ of a Dirichlet with this mean
    /// whose draws agree with themselves as users do, by moments, from 1 to 100.
    pub(super) fn strength(&self, base: &[f64]) -> f64 {
        let chance: f64 = base.iter().map(|share| share * share).sum();
        let (users, same) = self.pairs;
        if users == 0 {
            return STRONGEST;
        }
        let agreement = same as f64 / UNITS / users as f64 - chance;
        if agreement <= 0.0 { STRONGEST } else { ((1.0 - chance) / agreement - 1.0).clamp(1.0, STRONGEST) }
    }
}

/// The memory that a digest takes with its numbers, in bytes: measured of 45,000 and of 8,000,000 of them.
const OF_DIGEST: usize = 60;

pub(super) const STRONGEST: f64 = 100.0;

/// The interactions of a user that are counted.
pub(super) fn latest(items: &[MemoryItem]) -> &[MemoryItem] {
    items.get(items.len().saturating_sub(INTERACTIONS_COUNTED)..).unwrap_or(items)
}

#[expect(clippy::cast_possible_truncation, reason = "shares are from 0 to 1")]
fn units(share: f64) -> i64 {
    (share * UNITS).round() as i64
}
