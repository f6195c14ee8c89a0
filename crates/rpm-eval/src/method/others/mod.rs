//! What other users teach a user: populations in which nobody is whom they are used on, of what was said before the question.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rpm_core::RpmPipeline;
use rpm_core::data::{History, Interaction, MemoryItem, Task};
use rpm_core::stats::PastView;
use rpm_core::stats::population::{Noise, Population, PopulationError};
use sha2::{Digest as _, Sha256};

use super::{Bench, MethodError};

/// The most times at which the population of a fold is learned anew.
pub(super) const CUTS: usize = 8;

/// Who the others are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom {
    /// The users of all folds but the user's.
    Folds(usize),
    /// The users of another set.
    Set,
}

/// What others teach, by question: the latest population whose cut-off is not after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others {
    pub(super) whom: Whom,
    /// The users that share whatever a population keeps.
    pub(super) shared: usize,
    /// ε of the noise under which they teach, if there is any.
    pub(super) epsilon: Option<f64>,
}

/// What was learned of the others of a data set, for all methods of a run that learn from them.
#[derive(Default)]
pub(crate) struct Taught {
    models: Mutex<BTreeMap<bool, Arc<Models>>>,
    cuts: Mutex<Cuts>,
    populations: Mutex<BTreeMap<Key, Option<Arc<Population>>>>,
    /// By method, user, and the time before which they are: a model's views of past queries.
    pub(super) views: Mutex<BTreeMap<ViewsOf, Vec<PastView>>>,
}

/// A method, a user, and a time.
pub(super) type ViewsOf = (String, usize, Option<i64>);
/// The histories of users as their models hold them.
type Models = Vec<Vec<MemoryItem>>;
/// By who and fold: the times at which a population is learned.
type Cuts = BTreeMap<(Whom, usize), Arc<[i64]>>;
/// Who, the fold, the users that share, the bits of ε, and the time before which others teach.
type Key = (Whom, usize, usize, Option<u64>, Option<i64>);

impl Others {
    /// The population for what is asked now; `None` where too few others are there, or had said something by then.
    pub(super) async fn population(&self, bench: &Bench<'_>) -> Result<Option<Arc<Population>>, MethodError> {
        let Some(user) = bench.user else { return Ok(None) };
        let fold = self.whom.fold(bench, user);
        let models = self.models(bench).await?;
        let taught = &bench.taught;
        let cut = bench.before.map(|now| latest(&self.cuts(bench, &models, fold), now));
        let key = (self.whom, fold, self.shared, self.epsilon.map(f64::to_bits), cut);
        if let Some(known) = locked(&taught.populations).get(&key) {
            return Ok(known.clone());
        }
        let earlier = |item: &&MemoryItem| cut.is_none_or(|cut| item.time().is_some_and(|time| time < cut));
        let histories: Vec<Vec<MemoryItem>> = self
            .teaching(bench, &models, fold)
            .map(|items| items.iter().filter(earlier).cloned().collect::<Vec<_>>())
            .filter(|items| !items.is_empty())
            .collect();
        let learned = match self.epsilon {
            None => Population::learn(bench.task, &histories, self.shared),
            Some(epsilon) => Noise::new(epsilon, seed(bench.seed, fold, cut))
                .and_then(|noise| Population::learn_private(bench.task, &histories, self.shared, &noise)),
        };
        let population = match learned {
            Ok(population) => Some(Arc::new(population)),
            Err(PopulationError::TooFew { .. } | PopulationError::FreeText) => None,
            Err(error) => return Err(MethodError::Other(error.into())),
        };
        locked(&taught.populations).insert(key, population.clone());
        Ok(population)
    }

    /// The models of those who teach this fold.
    fn teaching<'m>(
        &'m self,
        bench: &'m Bench<'_>,
        models: &'m Models,
        fold: usize,
    ) -> impl Iterator<Item = &'m Vec<MemoryItem>> {
        let teaches = move |place: usize| self.whom == Whom::Set || self.whom.fold(bench, place) != fold;
        models.iter().enumerate().filter(move |(place, _)| teaches(*place)).map(|(_, items)| items)
    }

    /// The times at which the population of this fold is learned.
    fn cuts(&self, bench: &Bench<'_>, models: &Models, fold: usize) -> Arc<[i64]> {
        let key = (self.whom, fold);
        if let Some(known) = locked(&bench.taught.cuts).get(&key) {
            return Arc::clone(known);
        }
        let of_fold = bench.asked.iter().enumerate().filter(|(place, _)| self.whom.fold(bench, *place) == fold);
        let asked = of_fold.flat_map(|(_, times)| times.iter().copied()).collect();
        let said = self.teaching(bench, models, fold).flatten().filter_map(MemoryItem::time).collect();
        let cuts: Arc<[i64]> = cut_offs(asked, said, CUTS).into();
        locked(&bench.taught.cuts).insert(key, Arc::clone(&cuts));
        cuts
    }

    /// The models of all who may teach, learned without a model.
    async fn models(&self, bench: &Bench<'_>) -> Result<Arc<Models>, MethodError> {
        let of_set = self.whom == Whom::Set;
        if let Some(models) = locked(&bench.taught.models).get(&of_set) {
            return Ok(Arc::clone(models));
        }
        let histories = if of_set { bench.teachers.ok_or(MethodError::NoTeachers)? } else { bench.population };
        let models = Arc::new(learned(bench.task, histories).await?);
        locked(&bench.taught.models).insert(of_set, Arc::clone(&models));
        Ok(models)
    }
}

impl Whom {
    /// The fold of a user. All who are asked are of one where others come from another set.
    pub(super) fn fold(self, bench: &Bench<'_>, place: usize) -> usize {
        match self {
            Self::Folds(folds) => bench.people.get(place).copied().unwrap_or(place) % folds.max(1),
            Self::Set => 0,
        }
    }
}

async fn learned(task: &Task, histories: &[Vec<Interaction>]) -> Result<Models, MethodError> {
    let pipeline = RpmPipeline::offline(task.clone());
    let mut models = Models::new();
    for (number, history) in histories.iter().enumerate() {
        let history = History::new(task, format!("user {}", number + 1), history.iter().cloned())
            .map_err(|error| MethodError::Other(error.into()))?;
        models.push(pipeline.learn(&history).await?.model.memory().items().to_vec());
    }
    Ok(models)
}

/// The seed of the noise: the same in every run, since nothing that is measured here is handed to anybody.
fn seed(seed: u64, fold: usize, cut: Option<i64>) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update((fold as u64).to_le_bytes());
    digest.update(cut.unwrap_or_default().to_le_bytes());
    digest.finalize().into()
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// At most so many of the times at which something is asked, ascending, the earliest among them: all times by which others had
/// said more than by the one before or, where these are too many, those that part the questions into shares of equal size.
fn cut_offs(mut asked: Vec<i64>, mut said: Vec<i64>, most: usize) -> Vec<i64> {
    asked.sort_unstable();
    said.sort_unstable();
    let by_then = |time: i64| said.partition_point(|said| *said < time);
    // By question, the earliest time at which as much was known.
    let mut known: Vec<i64> = Vec::with_capacity(asked.len());
    for time in asked {
        let same = known.last().copied().filter(|before| by_then(*before) == by_then(time));
        known.push(same.unwrap_or(time));
    }
    let mut all = known.clone();
    all.dedup();
    if all.len() <= most {
        return all;
    }
    let mut chosen: Vec<i64> = (0..most).filter_map(|part| known.get(part * known.len() / most).copied()).collect();
    chosen.dedup();
    chosen
}

/// The latest cut-off that is not after this time; the time itself where none is.
fn latest(cuts: &[i64], now: i64) -> i64 {
    let after = cuts.partition_point(|cut| *cut <= now);
    after.checked_sub(1).and_then(|last| cuts.get(last)).copied().unwrap_or(now)
}

#[cfg(test)]
mod tests;
