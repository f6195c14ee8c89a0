//! A population beside its counts, kept up as users change.

use std::sync::Arc;

use crate::data::MemoryItem;

use super::{Counts, Population, PopulationError};

/// A population with the counts of its users, which follow every change of a user, so that what a user takes back leaves the next
/// fit to the bit. As private as the users' models: keep it as you keep them.
///
/// Tell it of every change of every user, exactly once, in any order:
/// [`StoredPipeline::told_of_changes`](crate::pipeline::StoredPipeline::told_of_changes) does so for all that is saved through it.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use rpm_core::stats::population::{Population, Upkeep};
/// use rpm_core::{History, InMemoryStore, Interaction, Query, ResponseSpace, RpmPipeline, Task, UserId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// # let history = |user: &str| History::new(&task, user, [
/// #     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
/// #     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
/// # ]);
/// # let pipeline = RpmPipeline::offline(task.clone());
/// # let (ana, ben) = (pipeline.learn(&history("ana")?).await?.model, pipeline.learn(&history("ben")?).await?.model);
/// let population = Population::learn(&task, &[ana.memory().items(), ben.memory().items()], 2)?;
/// let upkeep = Arc::new(Mutex::new(Upkeep::of_nobody(Arc::new(population))));
///
/// let told = Arc::clone(&upkeep);
/// let stored = pipeline.with_store(InMemoryStore::new()).told_of_changes(move |change| {
///     told.lock().expect("nobody panics while counting").change(change.before, change.after);
/// });
/// stored.learn(&history("ana")?).await?;
/// stored.learn(&history("ben")?).await?;
/// assert_eq!(upkeep.lock().unwrap().counts().map(|counts| counts.users()), Some(2));
///
/// stored.delete(&UserId::new("ana")?).await?;
/// assert_eq!(upkeep.lock().unwrap().counts().map(|counts| counts.users()), Some(1));
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Upkeep {
    population: Arc<Population>,
    counts: Counts,
}

impl Upkeep {
    /// Begins with nobody counted under this population.
    pub fn of_nobody(population: Arc<Population>) -> Self {
        let counts = population.nobody();
        Self { population, counts }
    }

    /// Goes on from counts under this population.
    ///
    /// # Errors
    /// [`PopulationError::Other`] when they were counted under another one.
    pub fn new(population: Arc<Population>, counts: &Counts) -> Result<Self, PopulationError> {
        let mut upkeep = Self::of_nobody(population);
        upkeep.counts.merge(counts)?;
        Ok(upkeep)
    }

    /// Counts a user anew whose interactions were `before` and are `after`: none before for a user who came, none after for one
    /// who is gone. What is taken out may be told before what put it in, so only a [fit](Self::fitted) finds that it never was in.
    pub fn change(&mut self, before: &[MemoryItem], after: &[MemoryItem]) {
        for (items, sign) in [(before, -1), (after, 1)] {
            if !items.is_empty() {
                self.counts.add(&self.population.count(items), sign);
            }
        }
    }

    /// The counts; `None` while more was taken out than was in, since a change was not told or has yet to be.
    pub fn counts(&self) -> Option<&Counts> {
        self.counts.is_sound().then_some(&self.counts)
    }

    /// The population that was counted under.
    pub fn population(&self) -> &Arc<Population> {
        &self.population
    }

    /// Fits the population of the users as they are now: put it into service, and what a user took back is gone from what is said of
    /// words and texts. Base rates are those of the users with whom it was begun. The words and texts are those that were shared when it was begun, less those that fewer than k users still have, and counting goes on
    /// under the old one; for new words learn it anew. It promises nothing, whatever noise the old one was learned under.
    ///
    /// # Errors
    /// [`PopulationError::NotIn`] when more was taken out than was in: a change that was not told, or has yet to be. Otherwise as for
    /// [`Population::fitted`].
    pub fn fitted(&self) -> Result<Population, PopulationError> {
        self.population.fitted(self.counts().ok_or(PopulationError::NotIn)?)
    }
}
