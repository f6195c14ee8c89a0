//! A population: what it holds, and what it says of a query.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::data::{Query, Task, hex};

use super::axis::{Axes, Placed};
use super::ground::Ground;
use super::reading::{Reading, Told, standard};
use super::user::OF_WEIGHT;
use super::{Census, Promise};

/// What the users of a task have in common: how they respond, which words and texts they share, and what of these sways
/// whom. Counts and moments: no text, no id, and nothing that fewer than [`k`](Self::k) users share.
///
/// ```
/// use rpm_core::stats::population::Population;
/// use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let pipeline = RpmPipeline::offline(task.clone());
/// let mut models = Vec::new();
/// for user in ["ana", "ben", "caro"] {
///     let history = History::new(&task, user, [
///         Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
///         Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
///     ])?;
///     models.push(pipeline.learn(&history).await?.model);
/// }
/// let histories: Vec<_> = models.iter().map(|model| model.memory().items()).collect();
/// let population = Population::learn(&task, &histories, 2)?;
/// assert_eq!((population.users(), population.k()), (3, 2));
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone, PartialEq)]
pub struct Population {
    pub(super) responses: Vec<String>,
    pub(super) scale: bool,
    pub(super) k: usize,
    pub(super) users: u64,
    pub(super) interactions: u64,
    /// The mean base rates of users, and how many own interactions outweigh them.
    pub(super) base: Vec<f64>,
    pub(super) strength: f64,
    /// How the latent response of a scale goes with the standard tone of a text.
    pub(super) slope: f64,
    /// Digests of terms, ascending, with how telling each is.
    pub(super) terms: Vec<(u64, f64)>,
    /// Digests of texts, ascending.
    pub(super) texts: Vec<u64>,
    pub(super) axes: Axes,
    /// λ: an interaction's own share of chance, in units of its likeness to itself. The more, the less words say.
    pub(super) ridge: f64,
    /// The variance of what axes leave of a response, by column, of users whom they were not learned from.
    pub(super) variance: f64,
    /// The part of users who are like none of the others.
    pub(super) alone: f64,
    /// What noise promises of responses, where it was learned under noise.
    pub(super) promise: Option<Promise>,
    digest: String,
}

impl fmt::Debug for Population {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = (self.terms.len(), self.texts.len(), self.sizes().2);
        f.debug_struct("Population")
            .field("users", &self.users)
            .field("k", &self.k)
            .field("terms, texts, axes", &sizes)
            .finish_non_exhaustive()
    }
}

impl Population {
    /// The number of users that share whatever is kept.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The number of users.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// The number of interactions.
    pub fn interactions(&self) -> u64 {
        self.interactions
    }

    /// The mean base rate of each response over users, in the order of the task's responses; none where options come with the
    /// query.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The number of words with pairs of words, of texts, and of axes on which people differ. Where options come with the query, each
    /// option beside its question is a text.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.terms.len(), self.texts.len(), self.axes.each.len().saturating_sub(1))
    }

    /// What it promises of its users' responses: where it was [learned under noise](Self::learn_private), else nothing.
    pub fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// ε of its [promise](Self::promise).
    pub fn epsilon(&self) -> Option<f64> {
        self.promise.map(|promise| promise.epsilon)
    }

    /// SHA-256 of what it holds, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// True for the population of this task's responses.
    pub fn is_of(&self, task: &Task) -> bool {
        Census::new(task).is_ok_and(|census| census.responses == self.responses && census.scale == self.scale)
    }

    /// The numbers that an axis has by term: one for each response, or one where responses are on a scale or every option
    /// is read by itself.
    pub(crate) fn columns(&self) -> usize {
        if self.scale { 1 } else { self.responses.len().max(1) }
    }

    pub(crate) fn is_scale(&self) -> bool {
        self.scale
    }

    /// What is read of a query.
    pub(crate) fn reading(&self) -> Reading {
        if self.responses.is_empty() { Reading::Options } else { Reading::Query }
    }

    /// The base rates of someone with these counts of responses.
    pub(crate) fn base_of(&self, counts: &[f64]) -> Vec<f64> {
        let n: f64 = counts.iter().sum();
        let of = |(count, base): (&f64, &f64)| (count + self.strength * base) / (n + self.strength);
        counts.iter().zip(&self.base).map(of).collect()
    }

    /// How many own interactions outweigh the population's base rates.
    pub(crate) fn strength(&self) -> f64 {
        self.strength
    }

    pub(crate) fn ground(&self, base: Vec<f64>) -> Ground {
        Ground::new(base, self.scale)
    }

    /// The number of axes, of which the first is what all have in common; 0 where nothing is said.
    pub(crate) fn axes(&self) -> usize {
        self.axes.each.len()
    }

    /// The variance of what the axes leave of a response.
    pub(crate) fn variance(&self) -> f64 {
        self.variance
    }

    /// The part of users who are like none of the others.
    pub(crate) fn alone(&self) -> f64 {
        self.alone
    }

    /// By axis: what it says of a query, by column, or by option.
    pub(crate) fn says(&self, query: &Query) -> Vec<Vec<f64>> {
        let placed: Vec<Placed> = self.reading().of(query).iter().map(|told| self.placed(told)).collect();
        self.said(placed.iter())
    }

    pub(super) fn said<'p>(&self, placed: impl Iterator<Item = &'p Placed>) -> Vec<Vec<f64>> {
        let mut says = vec![Vec::new(); self.axes.each.len()];
        for placed in placed {
            let more = self.axes.say(placed, self.columns());
            says.iter_mut().zip(more).for_each(|(says, more)| says.extend(more));
        }
        says
    }

    /// The slope of the latent response of a scale on the standard tone, over all users.
    pub(crate) fn slope(&self) -> f64 {
        self.slope
    }

    /// What a tone adds to the latent response of all users; axes are of what it leaves.
    pub(crate) fn toned(&self, tone: Option<f64>) -> f64 {
        tone.filter(|_| self.scale).map_or(0.0, |tone| self.slope * standard(tone))
    }

    /// Where a query stands among the terms and texts.
    pub(super) fn placed(&self, told: &Told) -> Placed {
        let find = |term: &u64| self.terms.binary_search_by_key(term, |(digest, _)| *digest).ok();
        let found = told.terms.iter().filter_map(find);
        let mut terms: Vec<(usize, f64)> = found.filter_map(|place| Some((place, self.terms.get(place)?.1))).collect();
        terms.sort_unstable_by_key(|(place, _)| *place);
        let length = terms.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        for (_, weight) in &mut terms {
            *weight = (*weight / length * OF_WEIGHT).round() / OF_WEIGHT;
        }
        Placed { terms, text: told.text.and_then(|text| self.texts.binary_search(&text).ok()) }
    }

    /// A population of these parts, without its digest.
    pub(super) fn unsealed(
        (responses, scale): (Vec<String>, bool),
        (k, users, interactions): (usize, u64, u64),
        (base, strength, slope): (Vec<f64>, f64, f64),
        (terms, texts): (Vec<(u64, f64)>, Vec<u64>),
        (axes, ridge, variance, alone): (Axes, f64, f64, f64),
    ) -> Self {
        let (promise, digest) = (None, String::new());
        Self {
            responses,
            scale,
            k,
            users,
            interactions,
            base,
            strength,
            slope,
            terms,
            texts,
            axes,
            ridge,
            variance,
            alone,
            promise,
            digest,
        }
    }

    /// Takes the digest of what it holds.
    pub(super) fn seal(&mut self) {
        self.digest = String::new();
        let content = serde_json::to_vec(&super::file::Written::of(self)).unwrap_or_default();
        self.digest = hex(&Sha256::digest(content));
    }
}
