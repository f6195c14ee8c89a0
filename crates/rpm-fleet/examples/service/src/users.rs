//! The users: in one file, or in Postgres with workers that observe.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use deadpool_postgres::{Manager, Pool, Runtime};
use rpm_core::store::UserModelStore;
use rpm_core::{Forget, Interaction, ItemId, Personalizer, RpmPipeline, Task, UserId};
use rpm_fleet::Fleet;
use rpm_stores::{PostgresStore, RedbStore};
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::failure::Failure;

/// Connections to the database that answers are given over; the queue has its own.
const CONNECTIONS: usize = 16;
/// Models that are kept open, so that the next answer for the same user costs what an answer costs; some 80 kB each.
const KEPT_OPEN: usize = 10_000;

/// All users, by id.
#[derive(Clone)]
pub(crate) struct Users {
    /// For answers, with models kept open.
    pub(crate) personalizer: Personalizer,
    /// Whose workers observe, on Postgres.
    fleet: Option<Fleet>,
}

impl Users {
    pub(crate) fn in_a_file(task: Task, file: &Path) -> Result<Self, Box<dyn Error>> {
        let store = RedbStore::open(file)?.blocking_on(|job| {
            tokio::task::spawn_blocking(job);
        });
        Ok(Self { personalizer: personalizer(task, store), fleet: None })
    }

    /// On Postgres, with a worker in this process. Others run it alone, and as many as there is work for.
    pub(crate) async fn in_postgres(task: Task, address: &str) -> Result<Self, Box<dyn Error>> {
        let manager = Manager::new(address.parse()?, NoTls);
        let wait = Some(Duration::from_secs(5));
        let pool = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).wait_timeout(wait).build()?;
        let store = PostgresStore::open(pool).await?;
        let of = task.clone();
        // A model that finds features is given here, too, through `calls`, which keeps every reply for all workers.
        let make = move |_calls: &rpm_fleet::Calls| Ok(RpmPipeline::offline(of.clone()));
        let fleet = Fleet::builder(store.clone(), address, make).open().await?;
        let worker = fleet.worker();
        tokio::spawn(async move {
            worker.run(std::future::pending()).await;
        });
        Ok(Self { personalizer: personalizer(task, store), fleet: Some(fleet) })
    }

    /// Records an interaction: at once in a file; on Postgres it waits safely for a worker.
    pub(crate) async fn record(&self, user: &UserId, interaction: Interaction) -> Result<Value, Failure> {
        let Some(fleet) = &self.fleet else {
            let report = self.personalizer.record_all(user, [interaction]).await?;
            return Ok(json!({ "items": report.items }));
        };
        let id = interaction.id().clone();
        let put = fleet.record(user, [interaction]).await?;
        Ok(json!({ "id": id.as_str(), "recorded": put.iter().map(|put| format!("{put:?}")).collect::<Vec<_>>() }))
    }

    pub(crate) async fn forget(&self, user: &UserId, items: Vec<ItemId>) -> Result<String, Failure> {
        let what = Forget::Items(items);
        Ok(match &self.fleet {
            Some(fleet) => fleet.forget(user, &what).await?.to_string(),
            None => self.personalizer.stored().forget(user, &what).await?.to_string(),
        })
    }

    pub(crate) async fn delete(&self, user: &UserId) -> Result<bool, Failure> {
        Ok(match &self.fleet {
            Some(fleet) => fleet.delete(user).await?,
            None => self.personalizer.forget_user(user).await?,
        })
    }

    /// What an operator should know; nothing to tell of a file that answers.
    pub(crate) async fn health(&self) -> Result<Value, Failure> {
        self.personalizer.stored().store().list(None, 1).await.map_err(rpm_core::pipeline::StoredError::from)?;
        let Some(fleet) = &self.fleet else { return Ok(json!({ "store": "answers" })) };
        let (status, examined) = (fleet.status().await?, fleet.store().examine().await);
        let examined = examined.map_err(rpm_core::pipeline::StoredError::from)?;
        metrics::gauge!("fleet_jobs_waiting").set(as_metric(status.jobs_waiting));
        metrics::gauge!("fleet_jobs_running").set(as_metric(status.jobs_running));
        metrics::gauge!("fleet_jobs_failed").set(as_metric(status.jobs_failed));
        metrics::gauge!("fleet_interactions_set_aside").set(as_metric(status.inbox.aside));
        metrics::gauge!("fleet_pauses").set(as_metric(status.pauses));
        metrics::gauge!("fleet_interactions_waiting").set(as_metric(status.inbox.interactions));
        metrics::gauge!("fleet_lag_seconds").set(status.inbox.lag.as_secs_f64());
        Ok(json!({
            "models": examined.models,
            "bytes": examined.bytes,
            "jobs": { "waiting": status.jobs_waiting, "running": status.jobs_running, "failed": status.jobs_failed },
            "interactions": { "waiting": status.inbox.interactions, "set_aside": status.inbox.aside },
            "findings": examined.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))
    }
}

fn personalizer(task: Task, store: impl UserModelStore + 'static) -> Personalizer {
    let open = env::var("KEPT_OPEN").ok().and_then(|open| open.parse().ok()).unwrap_or(KEPT_OPEN);
    // A model that answers is given here: `RpmPipeline::builder(task).backend(..)`.
    RpmPipeline::offline(task).with_store(store).keep_open(open).into()
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn as_metric(count: u64) -> f64 {
    count as f64
}
