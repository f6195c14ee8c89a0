//! Where the search for kinds begins.

use crate::data::MemoryItem;
use crate::parallel;

use super::counts::Sums;
use super::kind::Kind;
use super::user::Own;
use super::{Population, PopulationError};

/// The most kinds.
pub(super) const KINDS: usize = 4;
/// Where options come with the query, at most one kind is looked for in so many users: so much is read of each option that one of
/// fewer knows too little.
const USERS_OF_OPTIONS: usize = 25;
/// The share of nobody's kind to begin with.
pub(super) const ALONE: f64 = 0.25;
/// The users among whom the first of each kind is looked for, or more where k is more than half of that.
const SEEDS: usize = 512;
/// How sharply users are of the kind that they begin nearest to.
const NEARNESS: f64 = 8.0;
/// Users nearer than this to each other begin no two kinds.
const ALIKE: f64 = 0.9;

impl Population {
    /// The first kinds: users of the sample that are as unlike each other as can be, and who is near them.
    pub(super) fn seeded<U: AsRef<[MemoryItem]> + Sync>(&self, sample: &[U]) -> Result<Self, PopulationError> {
        let step = (sample.len() / SEEDS.max(2 * self.k)).max(1);
        let sample: Vec<&U> = sample.iter().step_by(step).collect();
        let mut begun = self.clone();
        begun.kinds = vec![Kind { share: 1.0, effects: Vec::new(), texts: Vec::new(), masses: Vec::new() }];
        let read = |user: &&U| {
            let own = begun.own(user.as_ref());
            let all = begun.counted(&own, &[1.0, 0.0]);
            let effects = all.kinds.into_iter().next().map(|kind| kind.effects).unwrap_or_default();
            (own, effects)
        };
        let mut read: Vec<(Own, Sums)> = parallel::map(&sample, read);
        // So that the order of users does not matter.
        read.sort_by(|(a, of_a), (b, of_b)| {
            b.interactions.len().cmp(&a.interactions.len()).then_with(|| of_a.cmp(of_b))
        });
        let least = if self.responses.is_empty() { self.k.max(USERS_OF_OPTIONS) } else { self.k };
        let kinds = usize::try_from(self.users).unwrap_or(usize::MAX) / least;
        let seeds = unlike(&read, kinds.clamp(1, KINDS));
        begun.kinds = vec![begun.kinds.remove(0); seeds.len().max(1)];
        let mut counts = begun.nobody();
        for (own, effects) in read.iter().filter(|(own, _)| !own.interactions.is_empty()) {
            let near = |seed: &usize| read.get(*seed).map_or(0.0, |(_, seed)| NEARNESS * cosine(effects, seed));
            let near: Vec<f64> = seeds.iter().map(near).map(f64::exp).collect();
            let all: f64 = near.iter().sum();
            let shares: Vec<f64> = near.iter().map(|near| (1.0 - ALONE) * near / all).chain([ALONE]).collect();
            counts.merge(&begun.counted(own, &shares))?;
        }
        let (users, interactions) = (self.users, self.interactions);
        let mut first = begun.of_counts(&counts, false);
        if first.kinds.is_empty() {
            return Err(PopulationError::TooFew { users: counts.users, k: self.k });
        }
        (first.users, first.interactions) = (users, interactions);
        first.seal();
        Ok(first)
    }
}

/// The users that are least like each other: the first, then whoever is least like those chosen.
fn unlike(read: &[(Own, Sums)], most: usize) -> Vec<usize> {
    let mut seeds: Vec<usize> = (0..read.len().min(1)).collect();
    let mut nearest: Vec<f64> = vec![f64::NEG_INFINITY; read.len()];
    while seeds.len() < most {
        let Some((_, last)) = seeds.last().and_then(|last| read.get(*last)) else { break };
        for (nearest, (_, effects)) in nearest.iter_mut().zip(read) {
            *nearest = nearest.max(cosine(effects, last));
        }
        let far = nearest.iter().enumerate().filter(|(place, _)| !seeds.contains(place));
        match far.min_by(|a, b| a.1.total_cmp(b.1).then(a.0.cmp(&b.0))) {
            Some((far, near)) if *near < ALIKE => seeds.push(far),
            _ => break,
        }
    }
    seeds
}

/// How alike two sums are, from −1 to 1.
pub(super) fn cosine(a: &Sums, b: &Sums) -> f64 {
    let (few, many) = if a.0.len() < b.0.len() { (a, b) } else { (b, a) };
    let of = |(place, number): (&u32, &i64)| *number as f64 * many.0.get(place).copied().unwrap_or_default() as f64;
    let dot: f64 = few.0.iter().map(of).sum();
    let length = |sums: &Sums| sums.0.values().map(|number| (*number as f64).powi(2)).sum::<f64>().sqrt();
    let lengths = length(a) * length(b);
    if lengths > 0.0 { dot / lengths } else { 0.0 }
}
