//! The schema of the tables, how they are made, and how later versions change them.
//!
//! ```text
//! meta      the format of the tables, one row
//! versions  the sequence that lives and numbers come from; events: that of the inbox
//! users     user → life, number, model (JSON on one line; none for a reserved place), checksum
//! inbox     user, place → an interaction that waits to be observed; how often that failed and why, and whether it is set aside
//! forgotten user → digests of the ids of items that were forgotten, so that none is taken in again
//! replies   user, request → a reply that was paid for, and which items it is about
//! parts     user, kind → what the user adds to a sum over all users, as of the model of this number
//! spent     allowance, day → calls, money in millionths          booked: when its next call may begin
//! counting  how far the counting of a population over all users is, one row: a number that changes with it, and its sums
//! population the one that was made last, one row
//! to_erase  part of the tables → how often something went from it, up to which of these it was erased, and the transaction of the newest
//! ```

use std::fmt;

use deadpool_postgres::Object;
use tokio_postgres::GenericClient;

use tokio_postgres::types::FromSqlOwned;

use rpm_core::store::StoreError;

use super::error::failed;

/// The parts that users are spread over. Erasing writes one anew, while its users wait.
const PARTS: usize = 32;

/// What each version of the tables adds to the one before, written for a schema.
const STEPS: [fn(&str) -> String; 2] = [first, second];

/// The name of the Postgres schema that a store's tables are in: 1 to 40 lower-case letters, digits and `_`, beginning with a letter.
/// Default: `rpm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(String);

/// A name that a schema cannot have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schema's name is 1 to 40 lower-case letters, digits and `_`, and begins with a letter")]
pub struct SchemaError;

/// The version of a store's tables, told by [`PostgresStore::tables`](super::PostgresStore::tables).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tables {
    /// That of the tables; nothing where there are none. A store that is opened brings an earlier one to `known`, and refuses a later one.
    pub found: Option<u64>,
    /// The one that this crate makes.
    pub known: u64,
}

impl Schema {
    /// Checks and keeps a name.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn new(name: &str) -> Result<Self, SchemaError> {
        let is_plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        // Postgres keeps names that begin with `pg_` to itself.
        if !is_plain || !begins || name.len() > 40 || name.starts_with("pg_") {
            return Err(SchemaError);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An error where a store cannot be in this database, or not by these sessions.
    pub(super) async fn fits(connection: &Object) -> Result<(), StoreError> {
        if the_one::<String>(&***connection, "SELECT current_setting('server_encoding')").await? != "UTF8" {
            return Err(StoreError::NotAStore);
        }
        // What waits for another transaction goes on with what that one left.
        let isolation: String =
            the_one(&***connection, "SELECT current_setting('default_transaction_isolation')").await?;
        if isolation != "read committed" {
            return Err(StoreError::permanent(
                "set `default_transaction_isolation` to `read committed` for the pool's sessions",
            ));
        }
        Ok(())
    }

    /// Sees to it that the tables are there and of this version.
    pub(super) async fn prepare(&self, connection: &mut Object) -> Result<(), StoreError> {
        Self::fits(connection).await?;
        if self.format(&***connection).await? == Some(STEPS.len()) {
            return Ok(());
        }
        let transaction = connection.transaction().await.map_err(failed)?;
        // Whoever opens the store meanwhile waits here, and finds it made.
        let lock = format!("SELECT pg_advisory_xact_lock(hashtextextended('rpm-stores {self}', 0))");
        transaction.batch_execute(&lock).await.map_err(failed)?;
        let found = self.format(&*transaction).await?.unwrap_or(0);
        for (step, version) in STEPS.iter().zip(1..).skip(found) {
            transaction.batch_execute(&step(&self.0)).await.map_err(failed)?;
            let made = format!("UPDATE {self}.meta SET format = {version}");
            transaction.batch_execute(&made).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// The version of the tables; nothing where there are none.
    pub(super) async fn format(&self, client: &impl GenericClient) -> Result<Option<usize>, StoreError> {
        let tables = self.tables(client).await?;
        match (tables.found, tables.found.map(usize::try_from)) {
            (Some(found), _) if found > tables.known => Err(StoreError::FutureVersion { found, known: tables.known }),
            (_, format) => Ok(format.and_then(Result::ok)),
        }
    }

    /// The version of the tables, whichever it is, beside that of this crate.
    pub(super) async fn tables(&self, client: &impl GenericClient) -> Result<Tables, StoreError> {
        let known = STEPS.len() as u64;
        // Read from the catalog's tables: a look-up by name may be answered from what this session knew before it waited.
        let there = format!(
            "SELECT EXISTS (
               SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               WHERE nspname = '{self}' AND relname = 'meta')"
        );
        if !the_one::<bool>(client, &there).await? {
            return Ok(Tables { found: None, known });
        }
        let format: i32 = the_one(client, &format!("SELECT format FROM {self}.meta")).await?;
        Ok(Tables { found: Some(u64::try_from(format).unwrap_or(u64::MAX)), known })
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self("rpm".to_owned())
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one value that a statement without parameters gives.
async fn the_one<T: FromSqlOwned>(client: &impl GenericClient, statement: &str) -> Result<T, StoreError> {
    let rows = client.query_typed(statement, &[]).await.map_err(failed)?;
    let row = rows.first().ok_or_else(|| StoreError::Damaged { source: "a table of one row has none".into() })?;
    row.try_get(0).map_err(failed)
}

fn first(s: &str) -> String {
    let mut steps = vec![format!(
        "CREATE SCHEMA IF NOT EXISTS {s};
         CREATE TABLE {s}.meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), format int NOT NULL);
         INSERT INTO {s}.meta (format) VALUES (0);
         CREATE SEQUENCE {s}.versions;
         CREATE SEQUENCE {s}.events;
         CREATE TABLE {s}.spent (
           name text NOT NULL, day date NOT NULL, calls bigint NOT NULL, money bigint NOT NULL, PRIMARY KEY (name, day));
         CREATE TABLE {s}.booked (name text PRIMARY KEY, next timestamptz NOT NULL);
         CREATE TABLE {s}.to_erase (
           part int PRIMARY KEY, last bigint NOT NULL, erased bigint NOT NULL DEFAULT 0, xid xid NOT NULL);
         CREATE FUNCTION {s}.digest(whose text, item text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
           $$ SELECT substring(sha256(convert_to(whose || chr(10) || item, 'UTF8')) FROM 1 FOR 16) $$;"
    )];
    for (table, columns) in TABLES {
        let all = columns.replace("rpm.", &format!("{s}."));
        steps.push(format!(
            "CREATE TABLE {s}.{table} (user_id text COLLATE \"C\" NOT NULL, {all}) PARTITION BY HASH (user_id);"
        ));
        steps.push(without_statistics(&format!("{s}.{table}"), columns));
        for part in 0..PARTS {
            let name = part_name(s, table, part);
            steps.push(format!(
                "CREATE TABLE {name} PARTITION OF {s}.{table} FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part});"
            ));
            steps.push(without_statistics(&name, columns));
        }
    }
    steps.push(format!(
        "COMMENT ON TABLE {s}.users IS 'User models of rpm-core: convert_from(model, ''UTF8'')::jsonb shows one.';"
    ));
    steps.concat()
}

/// What a population is counted with, and the population.
fn second(s: &str) -> String {
    format!(
        "CREATE TABLE {s}.counting (
           one boolean PRIMARY KEY DEFAULT true CHECK (one), number bigint NOT NULL, stage text NOT NULL DEFAULT 'idle',
           last text COLLATE \"C\", sums bytea, kept_at timestamptz, held boolean NOT NULL DEFAULT false,
           ended_at timestamptz, refused text);
         ALTER TABLE {s}.counting ALTER last SET STATISTICS 0, ALTER sums SET STATISTICS 0;
         INSERT INTO {s}.counting (number) VALUES (nextval('{s}.versions'));
         CREATE TABLE {s}.population (
           one boolean PRIMARY KEY DEFAULT true CHECK (one), version bigint NOT NULL, made_at timestamptz NOT NULL,
           users bigint NOT NULL, digest text NOT NULL, population bytea NOT NULL);"
    )
}

/// The tables of users, each spread over the same parts, with their columns after the user's id.
const TABLES: [(&str, &str); 5] = [
    ("users", "life bigint NOT NULL, number bigint NOT NULL, model bytea, sum int, PRIMARY KEY (user_id)"),
    (
        "inbox",
        "seq bigint NOT NULL DEFAULT nextval('rpm.events'), item_id text COLLATE \"C\" NOT NULL, event bytea NOT NULL,
         put_at timestamptz NOT NULL DEFAULT now(), tries int NOT NULL DEFAULT 0, due timestamptz NOT NULL DEFAULT now(),
         aside boolean NOT NULL DEFAULT false, why text, PRIMARY KEY (user_id, seq), UNIQUE (user_id, item_id)",
    ),
    ("forgotten", "item bytea NOT NULL, PRIMARY KEY (user_id, item)"),
    ("replies", "key bytea NOT NULL, about text[] NOT NULL, reply bytea NOT NULL, PRIMARY KEY (user_id, key)"),
    ("parts", "kind text NOT NULL, number bigint NOT NULL, part bytea NOT NULL, PRIMARY KEY (user_id, kind)"),
];

/// Postgres gathers no statistics over ids and texts: those would be copies, and no statement here needs them.
fn without_statistics(table: &str, columns: &str) -> String {
    let texts = ["model", "item_id", "event", "item", "key", "about", "reply", "part"];
    let there = texts.into_iter().filter(|text| columns.split([' ', '\n']).any(|word| word == *text));
    let altered: Vec<String> =
        std::iter::once("user_id").chain(there).map(|column| format!("ALTER {column} SET STATISTICS 0")).collect();
    format!("ALTER TABLE {table} {};", altered.join(", "))
}

/// The part of the tables, beside those of users, that the sums of a population are in while they are counted.
const COUNTING: usize = PARTS;

/// The tables of a part, with their schema.
pub(super) fn tables_of(s: &str, part: usize) -> Vec<String> {
    match part {
        COUNTING => vec![format!("{s}.counting")],
        part => TABLES.iter().map(|(table, _)| part_name(s, table, part)).collect(),
    }
}

/// The name of a part, with its schema.
fn part_name(s: &str, table: &str, part: usize) -> String {
    format!("{s}.{table}_{part:02}")
}
