//! The population of a fleet: how often it is refreshed, and how every process has it.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rpm_core::Task;
use rpm_core::stats::population::{Population, PopulationError, USERS_SHARED};
use rpm_core::store::StoreError;

use crate::error::{FleetError, JobError};
use crate::fleet::Fleet;

/// How a fleet refreshes the [`Population`] of its users: learned anew from all models, as a job of one of its workers.
///
/// ```no_run
/// # async fn example(store: rpm_stores::PostgresStore) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use rpm_core::{ResponseSpace, RpmPipeline, Task};
/// use rpm_fleet::{Fleet, Refresh};
///
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let refresh = Refresh::of(task.clone()).every(Duration::from_secs(24 * 3600));
/// let fleet = Fleet::builder(store, "host=localhost user=app dbname=app", move |calls| {
///     let pipeline = RpmPipeline::offline_builder(task.clone());
///     Ok(match calls.population() {
///         Some(population) => pipeline.population(population).build()?,
///         None => pipeline.build()?,
///     })
/// })
/// .population(refresh)
/// .open()
/// .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until a fleet is built with it"]
pub struct Refresh {
    pub(crate) task: Task,
    pub(crate) k: usize,
    pub(crate) every: Duration,
    pub(crate) census_of: usize,
    pub(crate) page: usize,
}

/// Why the last refresh made no population. It is tried again after the time between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotFitted {
    /// There are fewer users than must share what is kept.
    TooFewUsers,
    /// There are more users than a population can be of.
    TooManyUsers,
    /// The task's responses are free text, of which there is no population.
    FreeText,
    /// k is below 2.
    KTooSmall,
    /// The models are of another task, or what was counted fits nobody.
    Unusable,
}

/// How the population of a fleet is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PopulationStatus {
    /// The version of the one that is in use, from 1 on; nothing where there is none yet.
    pub version: Option<u64>,
    /// The users that it is of.
    pub users: u64,
    /// How long ago it was made.
    pub age: Duration,
    /// True while the next one is being counted.
    pub under_way: bool,
    /// Why the last refresh made none.
    pub not_fitted: Option<NotFitted>,
}

impl Refresh {
    /// Of this task's users, with the defaults. The same in all processes of a fleet.
    pub fn of(task: Task) -> Self {
        Self { task, k: USERS_SHARED, every: Duration::from_secs(24 * 3_600), census_of: 100_000, page: 2_048 }
    }

    /// The users that must share what is kept. Default: 10.
    pub fn k(mut self, users: usize) -> Self {
        self.k = users;
        self
    }

    /// The time from the end of one refresh to the beginning of the next, so that the hour moves. Default: a day. For a fixed hour give a longer one, and call
    /// [`Fleet::refresh_population`] at that hour.
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// The users that the census is taken of and the population is begun with, drawn by their ids; at least 1. Default: 100,000. All are counted
    /// afterwards. A census grows with the words that each user alone has, so that one of all users may be too large to be held.
    pub fn census_of(mut self, users: usize) -> Self {
        self.census_of = users.max(1);
        self
    }

    /// The users whose models are read and counted at a time; at least 1. Default: 2,048. What was counted is kept after every fourth page.
    pub fn page(mut self, users: usize) -> Self {
        self.page = users.max(1);
        self
    }
}

impl NotFitted {
    const ALL: [Self; 5] = [Self::TooFewUsers, Self::TooManyUsers, Self::FreeText, Self::KTooSmall, Self::Unusable];

    pub(crate) fn of(error: &PopulationError) -> Self {
        match error {
            PopulationError::TooFew { .. } => Self::TooFewUsers,
            PopulationError::TooMany { .. } => Self::TooManyUsers,
            PopulationError::FreeText => Self::FreeText,
            PopulationError::Single(_) => Self::KTooSmall,
            _ => Self::Unusable,
        }
    }

    /// The word that is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFewUsers => "too-few-users",
            Self::TooManyUsers => "too-many-users",
            Self::FreeText => "free-text",
            Self::KTooSmall => "k-too-small",
            Self::Unusable => "unusable",
        }
    }

    fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|why| why.as_str() == word).unwrap_or(Self::Unusable)
    }
}

impl fmt::Display for NotFitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewUsers => "there are fewer users than must share what is kept",
            Self::TooManyUsers => "there are more users than a population can be of",
            Self::FreeText => "the responses are free text, of which there is no population",
            Self::KTooSmall => "k is below 2",
            Self::Unusable => "the models are of another task, or what was counted fits nobody",
        })
    }
}

impl Fleet {
    /// The population that is in use; nothing where none was made yet. Asks the database for its version, and reads it only when that is another
    /// one than this process has. One that cannot be read, since a later version of the crate made it, is told by a `tracing` event, and the
    /// one before is used.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn population(&self) -> Result<Option<Arc<Population>>, FleetError> {
        let populations = self.inner.store.populations();
        // With its digest: a database that was restored counts versions again.
        let told = populations.told().await?;
        let version = told.version.map(|version| (version, told.digest));
        let (held, population) = self.inner.population.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if held == version {
            return Ok(population);
        }
        let read = match populations.load().await {
            Ok(Some(kept)) => (Some((kept.version, kept.population.digest().to_owned())), Some(kept.population)),
            Ok(None) => (None, None),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(%error, version = told.version, "the population cannot be read; the one before is used");
                (version, population)
            }
            Err(error) => return Err(error.into()),
        };
        self.inner.population.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&read);
        Ok(read.1)
    }

    /// Has a worker refresh the population now: where it is at it, again afterwards.
    ///
    /// # Errors
    /// [`FleetError::Queue`]; [`FleetError::NoRefresh`] for a fleet that was built without [`population`](crate::FleetBuilder::population).
    pub async fn refresh_population(&self) -> Result<(), FleetError> {
        if self.inner.refresh.is_none() {
            return Err(FleetError::NoRefresh);
        }
        Ok(self.inner.queue.refresh(true).await?)
    }

    /// Adds a job where it is time for a refresh, or one is under way and nobody may be at it.
    pub(crate) async fn sweep_population(&self) -> Result<(), JobError> {
        let Some(refresh) = &self.inner.refresh else { return Ok(()) };
        let told = self.inner.store.populations().told().await?;
        if told.under_way.is_some() || told.ended.is_none_or(|ended| ended >= refresh.every) {
            self.inner.queue.refresh(false).await?;
        }
        Ok(())
    }

    pub(crate) async fn population_status(&self) -> Result<PopulationStatus, FleetError> {
        let told = self.inner.store.populations().told().await?;
        Ok(PopulationStatus {
            version: told.version,
            users: told.users,
            age: told.age,
            under_way: told.under_way.is_some(),
            not_fitted: told.refused.as_deref().map(NotFitted::of_word),
        })
    }
}

/// One number a line.
impl fmt::Display for PopulationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            None => writeln!(f, "population: none")?,
            Some(version) => {
                writeln!(f, "population's version: {version}")?;
                writeln!(f, "users that it is of: {}", self.users)?;
                writeln!(f, "seconds since it was made: {}", self.age.as_secs())?;
            }
        }
        write!(f, "the next one is being counted: {}", if self.under_way { "yes" } else { "no" })?;
        self.not_fitted.map_or(Ok(()), |why| write!(f, "\nthe last refresh made none: {why}"))
    }
}
