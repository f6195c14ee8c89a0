//! What is looked at in the queue's tables, which are its crate's.

use std::collections::BTreeSet;
use std::time::Duration;

use rpm_core::UserId;
use rpm_stores::PostgresStore;
use rpm_stores::postgres::Schema;
use tokio_postgres::types::Type;

use crate::database::{Database, Value, column, in_words};
use crate::report::Check;

/// The last migration of the queue's crate, whose version is fixed; a test compares it with what that makes.
const MIGRATIONS: i32 = 22;
/// What the sweep and the mending of each minute would have seen to, were there a worker.
const SEEN_TO: Duration = Duration::from_secs(180);
/// Users that are looked at together.
const PAGE: usize = 1_000;

/// A queue that is only read.
pub(crate) struct Queue {
    pub(crate) database: Database,
    pub(crate) schema: Schema,
}

impl Queue {
    /// Looks at the queue, and at whether it and the store's inbox agree.
    pub(crate) async fn look(&self, store: Option<&PostgresStore>, checks: &mut Vec<Check>) -> Result<(), String> {
        let Some(migrated) = self.migrated().await? else {
            checks.push(Check::wrong(
                "queue",
                format!("the database has no queue in the schema {}", self.schema),
                "Where there should be one, QUEUE or --queue-schema names another place; else open the fleet, which makes it",
            ));
            return Ok(());
        };
        if migrated > MIGRATIONS {
            checks.push(Check::wrong(
                "queue",
                format!("its tables are of migration {migrated}, and this crate knows up to {MIGRATIONS}"),
                "Run the version of rpm-fleet that the fleet runs",
            ));
            return Ok(());
        }
        if migrated < MIGRATIONS {
            checks.push(Check::note(
                "queue",
                format!("its tables are of migration {migrated}, and this crate's of {MIGRATIONS}"),
                "The next opening by this version brings them to it: stop old processes first",
            ));
            return Err("its tables are older than this crate's, and jobs were not looked at".to_owned());
        }
        checks.push(Check::ok("queue", format!("its tables are in {}, of migration {migrated}", self.schema)));
        self.jobs(checks).await?;
        checks.push(self.locked().await?);
        let workers = self.workers().await?;
        let Some(store) = store else { return Ok(()) };
        checks.push(self.without_job(store).await?);
        checks.push(self.with_nothing_to_do(store).await?);
        let waits = store.inbox().overdue(Duration::ZERO, None, 1).await.map_err(|error| in_words(&error))?;
        checks.push(match (workers, waits.is_empty()) {
            (0, false) => Check::wrong(
                "workers",
                "no worker gave a sign of life in two minutes, and there is something to observe",
                "Start one: Fleet::worker",
            ),
            (0, true) => Check::note(
                "workers",
                "no worker gave a sign of life in two minutes, and nothing is to be observed",
                "Start one before somebody records something: Fleet::worker",
            ),
            (n, _) => Check::ok("workers", format!("{n} gave a sign of life in two minutes")),
        });
        Ok(())
    }

    /// The last migration that was done; nothing where there are no tables.
    async fn migrated(&self) -> Result<Option<i32>, String> {
        let there = "SELECT EXISTS (
            SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = $1 AND relname = 'migrations')";
        let schema = self.schema.as_str();
        let row = self.database.one(there, &[(&schema, Type::TEXT)]).await?;
        if !column::<bool>(&row, 0)? {
            return Ok(None);
        }
        let row = self.database.one(&self.sql("SELECT coalesce(max(id), 0) FROM q.migrations"), &[]).await?;
        column(&row, 0).map(Some)
    }

    /// How many jobs there are, and failed.
    async fn jobs(&self, checks: &mut Vec<Check>) -> Result<(), String> {
        let sql = self.sql(
            "SELECT count(*) FILTER (WHERE locked_at IS NULL AND attempts < max_attempts),
                    count(*) FILTER (WHERE locked_at IS NOT NULL),
                    count(*) FILTER (WHERE locked_at IS NULL AND attempts < max_attempts AND last_error IS NOT NULL),
                    count(*) FILTER (WHERE locked_at IS NULL AND attempts >= max_attempts AND key IS NOT NULL)
             FROM q._private_jobs",
        );
        let row = self.database.one(&sql, &[]).await?;
        let mut counts = [0_i64; 4];
        for (place, count) in counts.iter_mut().enumerate() {
            *count = column(&row, place)?;
        }
        let [waiting, running, again, failed] = counts;
        let means = format!("{waiting} jobs wait, {running} run, {again} of them failed and are tried again");
        checks.push(if again == 0 {
            Check::ok("jobs", means)
        } else {
            Check::note("jobs", means, "Fleet::failed_jobs says why, in a word each")
        });
        checks.push(match failed {
            0 => Check::ok("jobs-failed", "no job failed for good"),
            n => Check::wrong(
                "jobs-failed",
                format!("{n} jobs failed at every attempt"),
                "Fleet::failed_jobs says why; see to that, then call Fleet::retry",
            ),
        });
        Ok(())
    }

    /// Queues that are locked and of which no job runs: their users wait.
    async fn locked(&self) -> Result<Check, String> {
        let sql = self.sql(
            "SELECT count(*) FROM q._private_job_queues AS queue
             WHERE queue.locked_at < now() - make_interval(secs => $1) AND NOT EXISTS (
               SELECT FROM q._private_jobs AS job WHERE job.job_queue_id = queue.id AND job.locked_at IS NOT NULL)",
        );
        let row = self.database.one(&sql, &[(&SEEN_TO.as_secs_f64(), Type::FLOAT8)]).await?;
        Ok(match column::<i64>(&row, 0)? {
            0 => Check::ok("queues-locked", "no queue is locked by nobody"),
            n => Check::wrong(
                "queues-locked",
                format!("{n} queues are locked though none of their jobs runs"),
                "Workers free such queues each minute: see that one runs",
            ),
        })
    }

    /// Workers that gave a sign of life lately.
    async fn workers(&self) -> Result<i64, String> {
        let sql =
            self.sql("SELECT count(*) FROM q._private_workers WHERE last_heartbeat_at > now() - interval '2 minutes'");
        column(&self.database.one(&sql, &[]).await?, 0)
    }

    /// Users of whom something could have been observed for minutes, and for whom there is no job.
    async fn without_job(&self, store: &PostgresStore) -> Result<Check, String> {
        let (mut after, mut without, sql) =
            (None::<UserId>, 0, self.sql("SELECT key FROM q._private_jobs WHERE key = ANY($1)"));
        loop {
            let users = store.inbox().overdue(SEEN_TO, after.as_ref(), PAGE).await;
            let users = users.map_err(|error| in_words(&error))?;
            let keys: Vec<String> = users.iter().map(|user| format!("observe:{user}")).collect();
            let values: [Value<'_>; 1] = [(&keys, Type::TEXT_ARRAY)];
            let rows = self.database.all(&sql, &values).await?;
            let there: BTreeSet<String> = rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
            let none: Vec<&UserId> = users.iter().filter(|user| !there.contains(&format!("observe:{user}"))).collect();
            if !none.is_empty() {
                // A job may have ended between the two statements.
                let still = store.inbox().overdue(SEEN_TO, after.as_ref(), PAGE).await;
                let still = still.map_err(|error| in_words(&error))?;
                without += none.into_iter().filter(|user| still.contains(user)).count();
            }
            after = users.last().cloned();
            if users.len() < PAGE {
                break;
            }
        }
        Ok(match without {
            0 => Check::ok("without-job", "nobody waits for minutes without a job"),
            n => Check::wrong(
                "without-job",
                format!("{n} users wait for minutes and have no job"),
                "The sweep of each minute nudges them: see that a worker runs",
            ),
        })
    }

    /// Jobs whose user has nothing waiting: they find nothing to do.
    async fn with_nothing_to_do(&self, store: &PostgresStore) -> Result<Check, String> {
        let sql = self.sql(
            "SELECT whose FROM (
               SELECT job.payload->>'user' COLLATE \"C\" AS whose
               FROM q._private_jobs AS job JOIN q._private_tasks AS task ON task.id = job.task_id
               WHERE task.identifier = 'observe' AND job.locked_at IS NULL AND job.key IS NOT NULL) AS jobs
             WHERE whose > $1 ORDER BY whose LIMIT $2",
        );
        let (mut after, mut idle, limit) = (String::new(), 0, i64::try_from(PAGE).unwrap_or(i64::MAX));
        loop {
            let rows = self.database.all(&sql, &[(&after, Type::TEXT), (&limit, Type::INT8)]).await?;
            let ids: Vec<String> = rows.iter().map(|row| column(row, 0)).collect::<Result<_, _>>()?;
            // An id that is none is of nobody.
            let users: Vec<UserId> = ids.iter().filter_map(|id| UserId::new(id.as_str()).ok()).collect();
            idle += ids.len() - users.len();
            idle += store.inbox().idle(&users).await.map_err(|error| in_words(&error))?.len();
            after = ids.last().cloned().unwrap_or_default();
            if ids.len() < PAGE {
                break;
            }
        }
        Ok(match idle {
            0 => Check::ok("nothing-to-do", "no job is of a user of whom nothing waits"),
            n => Check::note(
                "nothing-to-do",
                format!("{n} jobs are of users of whom nothing waits"),
                "Nothing: they find that there is nothing to do, and go",
            ),
        })
    }

    /// A statement for this queue's schema.
    fn sql(&self, statement: &str) -> String {
        statement.replace("q.", &format!("{}.", self.schema))
    }
}
