//! What other users teach a user: populations of folds, in which nobody is whom they are used on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use rpm_core::RpmPipeline;
use rpm_core::data::{History, MemoryItem};
use rpm_core::stats::population::{Noise, Population, PopulationError};

use super::{Bench, MethodError};

/// Populations by fold: a user learns from the users of all other folds, and from what they responded before the user's first
/// test item where there are times.
#[derive(Default)]
pub(super) struct Others {
    folds: usize,
    /// The users that share whatever a population keeps.
    shared: usize,
    /// ε of the noise, if there is any.
    epsilon: Option<f64>,
    models: Mutex<BTreeMap<Vec<u8>, Arc<Models>>>,
    known: Mutex<BTreeMap<Key, Option<Arc<Population>>>>,
}

/// The histories of all users as their models hold them.
type Models = Vec<Vec<MemoryItem>>;
/// A set, a fold, and the time before which others teach.
type Key = (Vec<u8>, usize, Option<i64>);

impl Others {
    pub(super) fn new(folds: usize, shared: usize, epsilon: Option<f64>) -> Self {
        Self { folds, shared, epsilon, ..Self::default() }
    }

    /// The population for the user of this run; `None` where too few others are there.
    pub(super) async fn population(&self, bench: &Bench<'_>) -> Result<Option<Arc<Population>>, MethodError> {
        let Some(user) = bench.user else { return Ok(None) };
        let set = digest(bench);
        let key = (set.clone(), user % self.folds, bench.before);
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(known.clone());
        }
        let models = self.models(set, bench).await?;
        let (fold, before) = (user % self.folds, bench.before);
        let earlier = |item: &&MemoryItem| before.is_none_or(|before| item.time().is_some_and(|time| time < before));
        let others = models.iter().enumerate().filter(|(other, _)| other % self.folds != fold);
        let histories: Vec<Vec<MemoryItem>> =
            others.map(|(_, items)| items.iter().filter(earlier).cloned().collect()).collect();
        let histories: Vec<&[MemoryItem]> =
            histories.iter().filter(|items| !items.is_empty()).map(Vec::as_slice).collect();
        let learned = match self.epsilon {
            None => Population::learn(bench.task, &histories, self.shared),
            Some(epsilon) => Noise::new(epsilon, seed(bench.seed, &key))
                .and_then(|noise| Population::learn_private(bench.task, &histories, self.shared, &noise)),
        };
        let population = match learned {
            Ok(population) => Some(Arc::new(population)),
            Err(PopulationError::TooFew { .. } | PopulationError::NoFixedResponses) => None,
            Err(error) => return Err(MethodError::Other(error.into())),
        };
        lock().insert(key, population.clone());
        Ok(population)
    }

    /// The models of all users, learned without a model.
    async fn models(&self, set: Vec<u8>, bench: &Bench<'_>) -> Result<Arc<Models>, MethodError> {
        let lock = || self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(models) = lock().get(&set) {
            return Ok(Arc::clone(models));
        }
        let pipeline = RpmPipeline::offline(bench.task.clone());
        let mut models = Models::new();
        for (number, history) in bench.population.iter().enumerate() {
            let history = History::new(bench.task, format!("user {}", number + 1), history.iter().cloned())
                .map_err(|error| MethodError::Other(error.into()))?;
            models.push(pipeline.learn(&history).await?.model.memory().items().to_vec());
        }
        let models = Arc::new(models);
        lock().insert(set, Arc::clone(&models));
        Ok(models)
    }
}

/// The seed of the noise: the same in every run, since nothing that is measured here is handed to anybody.
fn seed(seed: u64, (set, fold, before): &Key) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(set);
    digest.update((*fold as u64).to_le_bytes());
    digest.update(before.unwrap_or_default().to_le_bytes());
    digest.finalize().into()
}

/// Which histories these are.
fn digest(bench: &Bench<'_>) -> Vec<u8> {
    let mut digest = Sha256::new();
    for history in bench.population {
        digest.update([1]);
        for interaction in history {
            digest.update(interaction.query().text());
            digest.update([0]);
            digest.update(interaction.response());
            digest.update([0]);
        }
    }
    digest.finalize().to_vec()
}
