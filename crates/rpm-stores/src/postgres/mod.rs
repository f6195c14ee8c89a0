//! A store of user models in a Postgres database, for many processes, and what is kept beside the models for work on them.
//!
//! ```text
//! schema.rs      the tables, and how they are made             statements.rs  what is asked of them
//! mod.rs         user models                                   erase.rs       what was deleted leaves the files
//! inbox.rs       interactions that wait to be observed         taking.rs      and leave in the transaction that saves the model
//! aside.rs       and those that cannot be for now
//! replies.rs     replies that were paid for, for all           parts.rs       what users add to sums over all users
//! populations.rs what all users have in common, and how far it is counted
//! allowance.rs   what all may spend on calls together          examined.rs    what an operator should know, and finds wrong
//! connections.rs, rows.rs, error.rs  what all of these use
//! ```

mod allowance;
mod aside;
mod connections;
mod erase;
mod error;
mod examined;
mod inbox;
mod parts;
mod populations;
mod replies;
mod rows;
mod schema;
mod statements;
mod taking;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use tokio::sync::Mutex;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::{Erasure, StoreError, StoredModel, UserModelStore, Version};

pub use self::allowance::{Allowance, Allowed, Spent};
pub use self::aside::Aside;
pub use self::examined::{Examined, Finding};
pub use self::inbox::{Depth, Gone, Inbox, Put, Waiting};
pub use self::parts::Part;
pub use self::populations::{Counting, KeptPopulation, PopulationTold, Populations};
pub use self::replies::{PaidOnce, Replies};
pub use self::schema::{Schema, SchemaError, Tables};
pub use self::taking::{NoLongerWaiting, Taking};

use self::connections::Connections;
use self::error::failed;
use self::parts::PartsOf;
use self::taking::Going;

/// Keeps user models in a Postgres database, for any number of processes. Cheap to clone; clones share the pool.
///
/// A save is one statement that compares and writes, committed before it is acknowledged. Each model carries a checksum over
/// itself and its user. Every save sends the whole model, and the server compresses it.
///
/// The pool is the host's ([`deadpool_postgres`]), and with it how many connections there are, how long a call waits for one, TLS, and
/// what a session sets (`statement_timeout`, say). Connections run on the tokio runtime that the store was opened in; calls may come from any
/// executor and from blocking code. Statements are sent unnamed, so that a pooler in between (`PgBouncer`) may hand each transaction to another session.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use deadpool_postgres::{Manager, Pool};
/// use rpm_core::{ResponseSpace, RpmPipeline, Task};
/// use rpm_stores::PostgresStore;
/// use tokio_postgres::{Config, NoTls};
///
/// let config: Config = "host=localhost user=app dbname=app".parse()?;
/// let pool = Pool::builder(Manager::new(config, NoTls)).max_size(16).build()?;
/// let store = PostgresStore::open(pool).await?;
///
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let pipeline = RpmPipeline::offline(task).with_store(store);
/// # Ok(())
/// # }
/// ```
///
/// # Tables
/// They are in a [`Schema`] of their own and made when the store is first opened, by one process while others wait; later versions
/// of this crate change them in the same way. Who opens it needs the right to make the schema then, and afterwards only to read and
/// write its tables; erasing asks for their owner. The database's encoding is UTF-8, and transactions are read committed, as they are by
/// default.
///
/// # Deleting
/// Postgres leaves what was overwritten or deleted in its files until the room is used again. After a deletion or a forgetting the
/// store [erases](UserModelStore::erase): of the 32 parts into which users are spread, those that something went from are written anew
/// (`VACUUM FULL`), while the users of that part wait. Those who delete at the same time share the work. What an open transaction
/// from before may still read cannot be erased; then, or where the role may not see whether there is one, nothing is written, and the
/// erasure says so and what to do. It takes two connections beside the pool's, straight to the server: a pooler in between that gives each
/// transaction another session would not keep what it sets. A process that ends in between leaves a mark in the database, and the next erasure does it. With
/// [`erasing_when_told`](Self::erasing_when_told) only [`compact`](Self::compact) erases, for a host that does it at night.
///
/// **Not reached** by any of this are the write-ahead log, which holds every change until its segments are recycled, what is archived of it,
/// standbys' logs, and back-ups: how long those are kept is the database's set-up.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
    /// True when only `compact` erases.
    when_told: bool,
    parts_of: Option<PartsOf>,
}

struct Inner {
    connections: Connections,
    schema: Schema,
    /// Held by whoever erases.
    erasing: Mutex<()>,
}

/// The most bytes of a model that are read where it is asked for: some milliseconds.
const READ_AT_ONCE: usize = 256 << 10;

/// A value of a statement, with the type that the statement takes it as.
type Value<'a> = (&'a (dyn ToSql + Sync), Type);

impl PostgresStore {
    /// Opens the store in the schema `rpm`, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError::FutureVersion`] when a later version of this crate made the tables, which are left as they are;
    /// [`StoreError::NotAStore`] when the database's encoding is another one than UTF-8; [`StoreError::Transient`] when the database
    /// cannot be reached, [`StoreError::Permanent`] when it refuses, and outside of a tokio runtime.
    pub async fn open(pool: Pool) -> Result<Self, StoreError> {
        Self::open_in(pool, Schema::default()).await
    }

    /// [`open`](Self::open) in another schema, for several stores in one database.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn open_in(pool: Pool, schema: Schema) -> Result<Self, StoreError> {
        let connections = Connections::of(pool)?;
        let mut connection = connections.one().await?;
        schema.prepare(&mut connection).await?;
        drop(connection);
        let inner = Inner { connections, schema, erasing: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), when_told: false, parts_of: None })
    }

    /// Opens the store as it is: nothing is made and nothing changed, so that sessions which may only read can look at it. In tables of an
    /// earlier version what later ones added is not there, and asking for it fails.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where there are no tables; otherwise as for [`open`](Self::open).
    pub async fn open_as_it_is(pool: Pool, schema: Schema) -> Result<Self, StoreError> {
        let connections = Connections::of(pool)?;
        let connection = connections.one().await?;
        Schema::fits(&connection).await?;
        let is_there = schema.format(&**connection).await?.is_some();
        drop(connection);
        if !is_there {
            return Err(StoreError::NotAStore);
        }
        let inner = Inner { connections, schema, erasing: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), when_told: false, parts_of: None })
    }

    /// The version of the tables in a schema, without changing anything.
    ///
    /// # Errors
    /// [`StoreError::Transient`] when the database cannot be reached, [`StoreError::Permanent`] when it refuses, and outside of a tokio runtime.
    pub async fn tables(pool: Pool, schema: &Schema) -> Result<Tables, StoreError> {
        let connection = Connections::of(pool)?.one().await?;
        schema.tables(&**connection).await
    }

    /// This store without erasing after each deletion and forgetting: only [`compact`](Self::compact) does, and receipts say so.
    #[must_use]
    pub fn erasing_when_told(mut self) -> Self {
        self.when_told = true;
        self
    }

    /// Erases what was deleted or overwritten by deletions and forgettings since the last time, whether told to wait or not.
    ///
    /// # Errors
    /// [`StoreError`]; some parts may be erased then, and it can be called again.
    pub async fn compact(&self) -> Result<Erasure, StoreError> {
        erase::erase(&self.inner).await
    }

    /// The schema that the tables are in.
    pub fn schema(&self) -> &Schema {
        &self.inner.schema
    }

    /// The pool that it was opened with.
    pub fn pool(&self) -> &Pool {
        self.inner.connections.pool()
    }

    /// Saves a model with its parts, and takes interactions out of the inbox: all or nothing.
    async fn save_and(
        &self,
        model: &UserModel,
        expected: Option<Version>,
        forgets: bool,
        taken: Option<&Going>,
    ) -> Result<Version, StoreError> {
        let bytes = model.to_json_line();
        let (user, sum) = (model.user().as_str(), rows::checksum(model.user(), &bytes));
        let (kinds, added) = self.parts_of(model);
        let has_parts = self.parts_of.is_some();
        let mut values: Vec<Value<'_>> = vec![
            (&user, Type::TEXT),
            (&bytes, Type::BYTEA),
            (&sum, Type::INT4),
            (&forgets, Type::BOOL),
            (&kinds, Type::TEXT_ARRAY),
            (&added, Type::BYTEA_ARRAY),
            (&has_parts, Type::BOOL),
        ];
        let held;
        let statement = match expected.map(rows::numbers) {
            None => statements::SAVE_NEW,
            // Numbers that the database cannot have are held by nobody.
            Some(None) => return Err(StoreError::Conflict),
            Some(Some(numbers)) => {
                held = numbers;
                values.extend([(&held.0 as &(dyn ToSql + Sync), Type::INT8), (&held.1, Type::INT8)]);
                statements::SAVE_OVER
            }
        };
        if taken.is_none() && !forgets {
            let saved = self.inner.one(statement, &values).await?;
            return saved.map_or(Err(StoreError::Conflict), |row| rows::version(&row));
        }
        let mut connection = self.inner.connections.one().await?;
        let transaction = connection.transaction().await.map_err(failed)?;
        // Dropped before its end, it is rolled back.
        let saved = transaction.query_typed(&self.inner.sql(statement), &values).await.map_err(failed)?;
        let version = rows::version(saved.first().ok_or(StoreError::Conflict)?)?;
        if forgets {
            transaction.query_typed(&self.inner.sql(statements::VOID), &[]).await.map_err(failed)?;
        }
        let places = taken.map(|taken| [(statements::HOLD_WAITING, &taken.read), (statements::TAKE, &taken.taken_in)]);
        for (statement, places) in places.into_iter().flatten() {
            if !inbox::has_all(&transaction, &self.inner.sql(statement), model.user(), places).await? {
                return Err(StoreError::transient(NoLongerWaiting));
            }
        }
        transaction.commit().await.map_err(failed)?;
        Ok(version)
    }

    /// Ends a reservation, if it is held still and nothing was saved to it.
    async fn release(&self, user: &UserId, reserved: Version) -> Result<(), StoreError> {
        let Some((life, number)) = rows::numbers(reserved) else { return Ok(()) };
        let values: [Value<'_>; 3] = [(&user.as_str(), Type::TEXT), (&life, Type::INT8), (&number, Type::INT8)];
        // With whatever was kept for it.
        self.delete_by(statements::RELEASE, &values).await.map(|_| ())
    }

    /// Deletes what is held of a user by one of the statements for it, with all that is beside it. Whether there was a model; nothing
    /// where the statement found nothing to delete.
    async fn delete_by(&self, statement: &str, values: &[Value<'_>]) -> Result<Option<bool>, StoreError> {
        let mut connection = self.inner.connections.one().await?;
        let transaction = connection.transaction().await.map_err(failed)?;
        let gone = transaction.query_typed(&self.inner.sql(statement), values).await.map_err(failed)?;
        let had = gone.first().map(|row| row.try_get(0)).transpose().map_err(failed)?;
        if had == Some(true) {
            transaction.query_typed(&self.inner.sql(statements::VOID), &[]).await.map_err(failed)?;
        }
        // What is compared is deleted as a whole or not at all.
        if had.is_some() || values.len() == 1 {
            // By a statement of its own, which sees what others kept while the first one waited for them.
            let whose = values.get(..1).unwrap_or_default();
            transaction.query_typed(&self.inner.sql(statements::DELETE_REST), whose).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(had)
    }
}

#[async_trait]
impl UserModelStore for PostgresStore {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        let row = self.inner.one(statements::LOAD, &[(&user.as_str(), Type::TEXT)]).await?;
        let Some(row) = row else { return Ok(None) };
        if rows::bytes(&row)?.len() <= READ_AT_ONCE {
            return rows::stored(user, &row).map(Some);
        }
        // A large one takes long to read, and others wait for this thread.
        let user = user.clone();
        self.inner.connections.apart(move || rows::stored(&user, &row)).await?.map(Some)
    }

    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        let row = self.inner.one(statements::VERSION, &[(&user.as_str(), Type::TEXT)]).await?;
        row.map(|row| rows::version(&row)).transpose()
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, false, None).await
    }

    async fn save_forgetting(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, true, None).await
    }

    async fn erase(&self) -> Result<Erasure, StoreError> {
        if self.when_told {
            return Ok(Erasure::left("the store erases when it is told to", "call `PostgresStore::compact`"));
        }
        self.compact().await
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        let values: [Value<'_>; 1] = [(&user.as_str(), Type::TEXT)];
        loop {
            // Somebody else may come in between, and go again.
            for statement in [statements::HELD, statements::RESERVE] {
                if let Some(row) = self.inner.one(statement, &values).await? {
                    return rows::version(&row);
                }
            }
        }
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        let values: [Value<'_>; 1] = [(&user.as_str(), Type::TEXT)];
        Ok(self.delete_by(statements::DELETE, &values).await? == Some(true))
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        let (life, number) = rows::numbers(expected).ok_or(StoreError::Conflict)?;
        let values: [Value<'_>; 3] = [(&user.as_str(), Type::TEXT), (&life, Type::INT8), (&number, Type::INT8)];
        let gone = self.delete_by(statements::DELETE_VERSION, &values).await?;
        gone.map(|_| ()).ok_or(StoreError::Conflict)
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // Before every id, which are not empty.
        let after = after.map_or("", UserId::as_str);
        let values: [Value<'_>; 2] = [(&after, Type::TEXT), (&limit, Type::INT8)];
        let found = self.inner.all(statements::LIST, &values).await?;
        found.iter().map(rows::user).collect()
    }
}

impl Inner {
    /// A statement for this store's schema.
    fn sql(&self, statement: &str) -> String {
        statement.replace("rpm.", &format!("{}.", self.schema))
    }

    async fn all(&self, statement: &str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        let connection = self.connections.one().await?;
        connection.query_typed(&self.sql(statement), values).await.map_err(failed)
    }

    /// The first row of those that a statement gives.
    async fn one(&self, statement: &str, values: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.all(statement, values).await?.into_iter().next())
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", self.schema()).finish_non_exhaustive()
    }
}
