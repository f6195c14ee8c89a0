//! The jobs. Each is done again without harm, and holds no more of a user than the id.

use graphile_worker::{IntoTaskHandlerResult, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};

use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_core::{StoredError, UserId};

use crate::error::{FleetError, JobError};
use crate::fleet::Fleet;

/// Users that are nudged at a time.
const PAGE: usize = 500;

/// What a job is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Observe what waits of a user.
    Observe,
    /// Learn a user again.
    Relearn,
    /// Nudge whoever waits and has no job.
    Sweep,
    /// Refresh the population.
    Refresh,
    /// Mend the queue.
    Heal,
}

impl Task {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Observe => Observe::IDENTIFIER,
            Self::Relearn => Relearn::IDENTIFIER,
            Self::Sweep => Sweep::IDENTIFIER,
            Self::Refresh => Refresh::IDENTIFIER,
            Self::Heal => Heal::IDENTIFIER,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Observe {
    user: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Relearn {
    user: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Sweep {}

#[derive(Serialize, Deserialize)]
pub(crate) struct Refresh {
    /// Whether it is time or not.
    pub(crate) at_once: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Heal {}

impl TaskHandler for Observe {
    const IDENTIFIER: &'static str = "observe";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        fleet_of(&ctx)?.observe_waiting(&user_of(&self.user)?).await
    }
}

impl TaskHandler for Relearn {
    const IDENTIFIER: &'static str = "relearn";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        fleet_of(&ctx)?.relearn_now(&user_of(&self.user)?).await
    }
}

impl TaskHandler for Sweep {
    const IDENTIFIER: &'static str = "sweep";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let fleet = fleet_of(&ctx)?;
        fleet.sweep().await?;
        fleet.sweep_population().await
    }
}

impl TaskHandler for Refresh {
    const IDENTIFIER: &'static str = "refresh";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        fleet_of(&ctx)?.refresh_now(self.at_once).await
    }
}

impl TaskHandler for Heal {
    const IDENTIFIER: &'static str = "heal";

    async fn run(self, ctx: WorkerContext) -> impl IntoTaskHandlerResult {
        let healed = fleet_of(&ctx)?.inner.queue.heal().await?;
        if healed > 0 {
            tracing::info!(
                healed,
                "queues that nobody worked on were freed, or jobs that others stand in for taken out"
            );
        }
        Ok::<(), JobError>(())
    }
}

fn fleet_of(ctx: &WorkerContext) -> Result<Fleet, JobError> {
    ctx.get_ext::<Fleet>().cloned().ok_or(JobError::Pipeline)
}

fn user_of(id: &str) -> Result<UserId, JobError> {
    UserId::new(id).map_err(|_| JobError::Queue)
}

impl Fleet {
    /// Nudges those of whom something waits and for whom there is no job: a nudge was lost, or something is due again.
    async fn sweep(&self) -> Result<(), JobError> {
        let (inbox, queue) = (self.inner.store.inbox(), &self.inner.queue);
        let mut after = None;
        loop {
            let users = inbox.users(after.as_ref(), PAGE).await?;
            let is_last = users.len() < PAGE;
            after = users.last().cloned();
            let idle = queue.without_job(Task::Observe, users).await?;
            if !idle.is_empty() {
                queue.nudge(Task::Observe, &idle).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    async fn relearn_now(&self, user: &UserId) -> Result<(), JobError> {
        let store = &self.inner.store;
        if store.version(user).await?.is_none() {
            return Ok(());
        }
        let pipeline = self.pipeline_for(user).await.map_err(|error| job_error(&error))?;
        match pipeline.with_store(store.clone()).relearn(user).await {
            Ok(_) | Err(StoredError::UnknownUser { .. } | StoredError::Deleted { .. }) => Ok(()),
            Err(StoredError::NotSaved { source, .. }) => Err(match *source {
                // Something came in meanwhile: again, from what is held then.
                StoreError::Conflict => JobError::Contended,
                other => other.into(),
            }),
            Err(StoredError::Contended { .. }) => Err(JobError::Contended),
            Err(StoredError::Store(error)) => Err(error.into()),
            Err(StoredError::Operation(error)) => Err((&error).into()),
            Err(_) => Err(JobError::Store),
        }
    }
}

/// The word of an error of making a pipeline.
pub(crate) fn job_error(error: &FleetError) -> JobError {
    match error {
        FleetError::Store(error) if error.is_transient() => JobError::StoreForNow,
        FleetError::Store(_) => JobError::Store,
        _ => JobError::Pipeline,
    }
}
