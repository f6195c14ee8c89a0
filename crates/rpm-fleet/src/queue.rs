//! The durable queue: which jobs there are for whom, and what is asked of its tables.
//!
//! Jobs are nudges: "see what there is to do for this user". A nudge that is lost or comes twice changes nothing.

use std::fmt;

use graphile_worker::tokio_postgres::TokioPostgresDatabase;
use graphile_worker::{
    Database, DbExecutor as _, DbParams, DbRow, DbValue, JobKeyMode, JobSpec, RawJobSpec, WorkerUtils,
};
use serde_json::json;

use rpm_core::UserId;

use crate::error::QueueError;
use crate::jobs::Task;

/// Queues that users are spread over: jobs of one are done one after another, and a claim locks the row of each free one.
const QUEUES: u64 = 256;

/// The queue's tables, in a schema of their own.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) database: Database,
    pub(crate) schema: String,
    utils: WorkerUtils,
}

/// The word of an error that the queue wrapped: `TaskError("budget")`.
fn word(why: &str) -> String {
    let inner = why.strip_prefix("TaskError(\"").and_then(|rest| rest.strip_suffix("\")"));
    inner.unwrap_or(why).to_owned()
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) failed: u64,
}

impl Queue {
    /// The queue of the database at this address, with its own connections. Asks nothing yet.
    pub(crate) fn at(address: &str, schema: String, connections: usize) -> Result<Self, QueueError> {
        address.parse::<tokio_postgres::Config>().map_err(|_| QueueError::no_address())?;
        let database = TokioPostgresDatabase::from_url(address, connections).map_err(|error| QueueError::of(&error))?;
        let database = Database::from(database);
        let utils = WorkerUtils::new(database.clone(), schema.as_str());
        Ok(Self { database, schema, utils })
    }

    /// Makes the tables where there are none. Connects by itself first, which tells what is wrong with an address.
    pub(crate) async fn prepare(&self, address: &str) -> Result<(), QueueError> {
        let connected = tokio_postgres::connect(address, tokio_postgres::NoTls).await;
        drop(connected.map_err(|error| QueueError::of_connecting(&error))?);
        self.utils.migrate().await.map_err(|error| QueueError::of(&error))
    }

    /// Which server answers, and since when.
    pub(crate) async fn server(&self) -> Result<String, QueueError> {
        let sql = "SELECT concat(inet_server_addr(), ' ', pg_postmaster_start_time()) AS server";
        let rows = self.all(sql, Vec::new()).await?;
        rows.first().map_or(Ok(String::new()), |row| get(row, "server"))
    }

    /// Adds a job for each of these users, or has the one that waits do.
    pub(crate) async fn nudge(&self, task: Task, users: &[UserId]) -> Result<(), QueueError> {
        let jobs: Vec<RawJobSpec> = users
            .iter()
            .map(|user| RawJobSpec {
                identifier: task.name().to_owned(),
                payload: json!({ "user": user.as_str() }),
                spec: JobSpec::builder().queue_name(queue_of(user)).job_key(key_of(task, user)).build(),
            })
            .collect();
        self.utils.add_raw_jobs(&jobs).await.map(|_| ()).map_err(|error| QueueError::of(&error))
    }

    /// Adds a job that is of no user.
    pub(crate) async fn add(&self, task: Task) -> Result<(), QueueError> {
        let spec = JobSpec::builder().job_key(task.name()).build();
        let added = self.utils.add_raw_job(task.name(), json!({}), spec).await;
        added.map(|_| ()).map_err(|error| QueueError::of(&error))
    }

    /// Adds the job that refreshes the population: one at a time. Where it is not asked for at once and there is one, waiting, running or failed,
    /// that one does.
    pub(crate) async fn refresh(&self, at_once: bool) -> Result<(), QueueError> {
        let mode = if at_once { JobKeyMode::Replace } else { JobKeyMode::UnsafeDedupe };
        let name = Task::Refresh.name();
        let spec = JobSpec::builder().queue_name("population").job_key(name).job_key_mode(mode).build();
        let added = self.utils.add_raw_job(name, json!({ "at_once": at_once }), spec).await;
        added.map(|_| ()).map_err(|error| QueueError::of(&error))
    }

    /// Those of the users for whom there is no job of this task, waiting, running or failed.
    pub(crate) async fn without_job(&self, task: Task, users: Vec<UserId>) -> Result<Vec<UserId>, QueueError> {
        let keys: Vec<String> = users.iter().map(|user| key_of(task, user)).collect();
        let sql = self.sql("SELECT key FROM q._private_jobs WHERE key = ANY($1)");
        let rows = self.all(&sql, vec![DbValue::TextArray(keys)]).await?;
        let there: Vec<String> = rows.iter().map(|row| get(row, "key")).collect::<Result<_, _>>()?;
        Ok(users.into_iter().filter(|user| !there.contains(&key_of(task, user))).collect())
    }

    /// Takes out the jobs of a user that nobody holds. One that runs finds nothing to do, and goes when it is over.
    pub(crate) async fn remove(&self, user: &UserId) -> Result<u64, QueueError> {
        let sql = self.sql("DELETE FROM q._private_jobs WHERE payload->>'user' = $1 AND locked_at IS NULL");
        self.execute(&sql, vec![DbValue::Text(user.as_str().to_owned())]).await
    }

    /// Frees queues whose running job has gone without freeing them, and takes out jobs that another of their key stands in for:
    /// those would never run again.
    pub(crate) async fn heal(&self) -> Result<u64, QueueError> {
        let freed = self.sql(
            "UPDATE q._private_job_queues AS queue SET locked_by = NULL, locked_at = NULL
             WHERE queue.locked_at < now() - interval '10 seconds' AND NOT EXISTS (
               SELECT FROM q._private_jobs AS job WHERE job.job_queue_id = queue.id AND job.locked_at IS NOT NULL)",
        );
        let replaced = self
            .sql("DELETE FROM q._private_jobs WHERE key IS NULL AND locked_at IS NULL AND attempts >= max_attempts");
        Ok(self.execute(&freed, Vec::new()).await? + self.execute(&replaced, Vec::new()).await?)
    }

    /// Has jobs that failed for good run again. Says how many.
    pub(crate) async fn retry(&self) -> Result<u64, QueueError> {
        let sql = self.sql(
            "UPDATE q._private_jobs SET attempts = 0, run_at = now(), last_error = NULL
             WHERE key IS NOT NULL AND locked_at IS NULL AND attempts >= max_attempts",
        );
        self.execute(&sql, Vec::new()).await
    }

    /// Counts the jobs of users, and all that failed.
    pub(crate) async fn counts(&self) -> Result<Counts, QueueError> {
        let sql = self.sql(
            "SELECT count(*) FILTER (WHERE payload->>'user' IS NOT NULL AND locked_at IS NULL AND attempts < max_attempts) AS waiting,
                    count(*) FILTER (WHERE payload->>'user' IS NOT NULL AND locked_at IS NOT NULL) AS running,
                    count(*) FILTER (WHERE locked_at IS NULL AND attempts >= max_attempts AND key IS NOT NULL) AS failed
             FROM q._private_jobs",
        );
        let rows = self.all(&sql, Vec::new()).await?;
        let Some(row) = rows.first() else { return Ok(Counts::default()) };
        let count = |name| get::<i64>(row, name).map(i64::unsigned_abs);
        Ok(Counts { waiting: count("waiting")?, running: count("running")?, failed: count("failed")? })
    }

    /// Jobs that failed and were not done since: task, user or nothing, attempts, the word.
    pub(crate) async fn failed(&self, limit: usize) -> Result<Vec<(String, String, i16, String)>, QueueError> {
        let sql = self.sql(
            "SELECT task.identifier AS task, coalesce(job.payload->>'user', '') AS whose, job.attempts AS attempts,
                    coalesce(job.last_error, '') AS why
             FROM q._private_jobs AS job JOIN q._private_tasks AS task ON task.id = job.task_id
             WHERE job.key IS NOT NULL AND job.locked_at IS NULL
               AND job.last_error IS NOT NULL
             ORDER BY job.attempts DESC, job.id LIMIT $1",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(&sql, vec![DbValue::I64(limit)]).await?;
        let failed =
            |row| Ok((get(row, "task")?, get(row, "whose")?, get(row, "attempts")?, word(&get::<String>(row, "why")?)));
        rows.iter().map(failed).collect()
    }

    /// A statement for this queue's schema.
    fn sql(&self, statement: &str) -> String {
        statement.replace("q._", &format!("{}._", self.schema))
    }

    async fn all(&self, sql: &str, values: Vec<DbValue>) -> Result<Vec<DbRow>, QueueError> {
        self.database.fetch_all(sql, DbParams::from(values)).await.map_err(|error| QueueError::of(&error))
    }

    async fn execute(&self, sql: &str, values: Vec<DbValue>) -> Result<u64, QueueError> {
        self.database.execute(sql, DbParams::from(values)).await.map_err(|error| QueueError::of(&error))
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("schema", &self.schema).finish_non_exhaustive()
    }
}

fn get<T: graphile_worker::FromDbCell>(row: &DbRow, name: &str) -> Result<T, QueueError> {
    row.try_get(name).map_err(|error| QueueError::of(&error))
}

/// One user always has one queue (FNV-1a).
fn queue_of(user: &UserId) -> String {
    let digest = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = user.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, digest);
    format!("users-{:03}", sum % QUEUES)
}

fn key_of(task: Task, user: &UserId) -> String {
    format!("{}:{user}", task.name())
}
