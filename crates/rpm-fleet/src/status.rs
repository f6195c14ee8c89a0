//! How a fleet is doing, for dashboards.

use std::fmt;

use rpm_core::UserId;
use rpm_stores::postgres::Depth;

use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::refresh::PopulationStatus;

/// How a fleet is doing; made by [`Fleet::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Jobs that wait, those among them that failed and are tried again.
    pub jobs_waiting: u64,
    /// Jobs that a worker holds.
    pub jobs_running: u64,
    /// Jobs that failed at every attempt, which are 25 in some four days: they run again when their user records something, and after
    /// [`Fleet::retry`].
    pub jobs_failed: u64,
    /// What waits to be observed, since when, and how much was set aside.
    pub inbox: Depth,
    /// The times that workers of this process lost the queue's database.
    pub pauses: u64,
    /// The population of all users.
    pub population: PopulationStatus,
}

/// A job that failed and is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedJob {
    /// `observe` or `relearn`, `refresh` of the population, or what each minute sees to, `sweep` and `heal`.
    pub task: String,
    /// Whom it is on; nothing where it is of no one user.
    pub user: Option<UserId>,
    /// How often it was tried, of 25 times.
    pub attempts: u32,
    /// Why it failed the last time, in a word.
    pub why: String,
}

impl Fleet {
    /// How the fleet is doing. Reads the whole inbox and all jobs: now and then.
    ///
    /// # Errors
    /// [`FleetError::Store`], [`FleetError::Queue`].
    pub async fn status(&self) -> Result<Status, FleetError> {
        let jobs = self.inner.queue.counts().await?;
        let inbox = self.inner.store.inbox().depth().await?;
        Ok(Status {
            jobs_waiting: jobs.waiting,
            jobs_running: jobs.running,
            jobs_failed: jobs.failed,
            inbox,
            pauses: self.pauses(),
            population: self.population_status().await?,
        })
    }

    /// At most `limit` jobs that failed and are not done yet, those that were tried most often first. What was set aside is told by
    /// [`Inbox::aside`](rpm_stores::postgres::Inbox::aside).
    ///
    /// # Errors
    /// [`FleetError::Queue`].
    pub async fn failed_jobs(&self, limit: usize) -> Result<Vec<FailedJob>, FleetError> {
        let failed = self.inner.queue.failed(limit).await?;
        let job = |(task, user, attempts, why): (String, String, i16, String)| {
            let attempts = u32::from(attempts.unsigned_abs());
            FailedJob { task, user: UserId::new(user).ok(), attempts, why }
        };
        Ok(failed.into_iter().map(job).collect())
    }

    /// Has jobs that failed at every attempt run again. Says how many.
    ///
    /// # Errors
    /// [`FleetError::Queue`].
    pub async fn retry(&self) -> Result<u64, FleetError> {
        Ok(self.inner.queue.retry().await?)
    }
}

/// One number a line.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "jobs waiting: {}", self.jobs_waiting)?;
        writeln!(f, "jobs running: {}", self.jobs_running)?;
        writeln!(f, "jobs failed for good: {}", self.jobs_failed)?;
        writeln!(f, "users of whom something waits: {}", self.inbox.users)?;
        writeln!(f, "interactions waiting: {}", self.inbox.interactions)?;
        writeln!(f, "seconds since the oldest was recorded: {}", self.inbox.lag.as_secs())?;
        writeln!(f, "interactions set aside: {}", self.inbox.aside)?;
        writeln!(f, "times that this process lost the queue's database: {}", self.pauses)?;
        write!(f, "{}", self.population)
    }
}
