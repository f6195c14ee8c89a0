//! Writes the parts of the tables anew that something was deleted from or overwritten in.

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Row, SimpleQueryMessage};

use rpm_core::store::{Erasure, StoreError};

use super::error::failed;
use super::schema::tables_of;
use super::{Inner, Value, statements};

/// Times that an erasure waits for open transactions.
const WAITS: usize = 40;
const WAIT: &str = "SELECT pg_sleep(0.05)";
/// A part that somebody reads is not waited for long, since its users wait behind; and is copied however long that takes.
const PATIENCE: &str = "SET lock_timeout = '2s'; SET statement_timeout = 0";

/// What keeps old rows in a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Nothing,
    /// So many transactions that may still read them.
    Open(i64),
    /// Sessions that the role may not look into.
    Hidden(i64),
    /// The role does not own the table, which Postgres only warns of.
    NotOwned,
}

/// The erasure of all that was marked when it began, by this process or by another one that was at it.
struct Erasing<'a> {
    store: &'a Inner,
    /// Holds the lock, in a transaction that is open and reads nothing, so that a pooler in between leaves it its session.
    holder: ClientWrapper,
    client: ClientWrapper,
    /// The parts, and up to which deletion.
    parts: Vec<i32>,
    upto: Vec<i64>,
    waits: usize,
}

/// Erases in all parts that are marked.
pub(super) async fn erase(store: &Inner) -> Result<Erasure, StoreError> {
    let (mut parts, mut upto) = (Vec::new(), Vec::new());
    for row in store.all(statements::MARKED, &[]).await? {
        parts.push(row.try_get::<_, i32>(0).map_err(failed)?);
        upto.push(row.try_get::<_, i64>(1).map_err(failed)?);
    }
    if parts.is_empty() {
        return Ok(told(Kept::Nothing));
    }
    // One of a process at a time: the others find it done, and take no connections.
    let _alone = store.erasing.lock().await;
    let mine: [Value<'_>; 2] = [(&parts, Type::INT4_ARRAY), (&upto, Type::INT8_ARRAY)];
    if store.all(statements::LEFT, &mine).await?.is_empty() {
        return Ok(told(Kept::Nothing));
    }
    // Out of the pool and closed at the end, however this ends: the lock goes with its session, and nobody waits for the other one.
    let holder = Object::take(store.connections.one().await?);
    let client = Object::take(store.connections.one().await?);
    client.batch_execute(PATIENCE).await.map_err(failed)?;
    let mut erasing = Erasing { store, holder, client, parts, upto, waits: 0 };
    let mut kept = Kept::Nothing;
    for part in erasing.left().await? {
        match erasing.part(part).await? {
            Kept::Nothing => {}
            some => kept = some,
        }
    }
    Ok(told(kept))
}

impl Erasing<'_> {
    /// The parts that are to be written anew, once nobody else is at it; none where others have done it meanwhile.
    async fn left(&self) -> Result<Vec<i32>, StoreError> {
        let lock = self.store.sql(statements::LOCK_ERASING);
        let mine: [Value<'_>; 2] = [(&self.parts, Type::INT4_ARRAY), (&self.upto, Type::INT8_ARRAY)];
        loop {
            // Not waited for in one statement, which would hold old rows while it waits.
            self.holder.batch_execute("BEGIN").await.map_err(failed)?;
            // By the simple protocol: the other one keeps what a statement has seen until the next.
            let tried = self.holder.simple_query(&lock).await.map_err(failed)?;
            let is_mine =
                tried.iter().any(|one| matches!(one, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")));
            let rows = self.all(statements::LEFT, &mine).await?;
            if is_mine || rows.is_empty() {
                return rows.iter().map(|row| row.try_get(0).map_err(failed)).collect();
            }
            self.holder.batch_execute("ROLLBACK").await.map_err(failed)?;
            self.wait().await?;
        }
    }

    /// Writes a part anew, unless something may still read what went from it.
    async fn part(&mut self, part: i32) -> Result<Kept, StoreError> {
        let rows = self.all(statements::MARK, &[(&part, Type::INT4)]).await?;
        let Some(row) = rows.first() else { return Ok(Kept::Nothing) };
        let (last, xid): (i64, &str) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        let mut kept = self.what_keeps(xid).await?;
        while matches!(kept, Kept::Open(_)) && self.waits < WAITS {
            self.waits += 1;
            self.wait().await?;
            kept = self.what_keeps(xid).await?;
        }
        if kept != Kept::Nothing {
            return Ok(kept);
        }
        for name in tables_of(self.store.schema.as_str(), usize::try_from(part).unwrap_or_default()) {
            let before = self.file_of(&name).await?;
            match self.client.batch_execute(&format!("VACUUM (FULL) {name}")).await {
                Ok(()) => {}
                // Somebody reads it, in a transaction that is as good as one from before.
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => return Ok(Kept::Open(1)),
                Err(error) => return Err(failed(error)),
            }
            if self.file_of(&name).await? == before {
                return Ok(Kept::NotOwned);
            }
        }
        self.all(statements::UNMARK, &[(&part, Type::INT4), (&last, Type::INT8)]).await?;
        Ok(Kept::Nothing)
    }

    async fn all(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        self.client.query_typed(&self.store.sql(statement), values).await.map_err(failed)
    }

    async fn wait(&self) -> Result<(), StoreError> {
        self.client.batch_execute(WAIT).await.map_err(failed)
    }

    /// The number of a table's file.
    async fn file_of(&self, table: &str) -> Result<Option<u32>, StoreError> {
        let asked = "SELECT pg_relation_filenode($1::text::regclass)";
        let rows = self.all(asked, &[(&table, Type::TEXT)]).await?;
        rows.first().map_or(Ok(None), |row| row.try_get(0).map_err(failed))
    }

    /// What may still read the rows that went up to a transaction, or keeps the server from knowing that nobody does: transactions that are
    /// older and not over, in any database; sessions of this one that began before; slots of standbys; prepared transactions.
    async fn what_keeps(&self, xid: &str) -> Result<Kept, StoreError> {
        let asked = "WITH gone AS (SELECT age($1::text::xid) AS age),
             sessions AS (
               SELECT query = '<insufficient privilege>' AS hidden, age(backend_xmin) AS age
               FROM pg_stat_activity
               WHERE pid <> pg_backend_pid()
                 AND (datid IS NULL OR datid = (SELECT oid FROM pg_database WHERE datname = current_database()))),
             others AS (
               SELECT age(pg_snapshot_xmin(pg_current_snapshot())::xid) AS age
               UNION ALL SELECT age(xmin) FROM pg_replication_slots WHERE xmin IS NOT NULL
               UNION ALL SELECT age(transaction) FROM pg_prepared_xacts)
             SELECT (SELECT count(*) FROM sessions, gone WHERE sessions.age >= gone.age)
                  + (SELECT count(*) FROM others, gone WHERE others.age >= gone.age),
                    (SELECT count(*) FROM sessions WHERE hidden)";
        let rows = self.all(asked, &[(&xid, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(Kept::Nothing) };
        let [open, hidden] = [row.try_get::<_, i64>(0).map_err(failed)?, row.try_get::<_, i64>(1).map_err(failed)?];
        Ok(match (open, hidden) {
            (0, 0) => Kept::Nothing,
            (0, hidden) => Kept::Hidden(hidden),
            (open, _) => Kept::Open(open),
        })
    }
}

fn told(kept: Kept) -> Erasure {
    match kept {
        Kept::Nothing => Erasure::erased(
            "the parts of the tables that it was in were written anew; the write-ahead log and back-ups are the database's",
        ),
        Kept::Open(open) => Erasure::left(
            format!("{open} transactions from before, or replication slots, may still read it"),
            "end them, and call `PostgresStore::compact`",
        ),
        Kept::Hidden(sessions) => Erasure::left(
            format!("of {sessions} sessions the role may not see whether they began before"),
            "grant the role `pg_read_all_stats`, and call `PostgresStore::compact`",
        ),
        Kept::NotOwned => Erasure::left(
            "the role does not own the tables, which it would write anew",
            "open the store as their owner, and call `PostgresStore::compact`",
        ),
    }
}
