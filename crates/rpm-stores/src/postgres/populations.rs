//! What all users have in common, kept for all processes, and how far the counting of the next one is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use rpm_core::data::UserId;
use rpm_core::stats::population::Population;
use rpm_core::store::StoreError;

use super::error::failed;
use super::{PostgresStore, Value, statements};

/// The population of a [`PostgresStore`]'s users, and how far the counting of the next one is; made by [`PostgresStore::populations`].
///
/// Counting takes long, and whoever does it may be killed: what was counted so far is [kept](Self::keep) here, under a number that changes each
/// time, so that another goes on with it and two never mix. Whoever deletes a user or forgets something of one makes what was counted void in
/// that transaction: the number is another one then, so that what was counted with it is neither kept nor [made](Self::made) a population.
#[derive(Debug, Clone)]
pub struct Populations {
    store: PostgresStore,
}

/// How far a counting is. What it holds is as private as the histories it is of.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counting {
    number: i64,
    /// What is being counted, in a word; nothing where none is under way.
    pub stage: Option<String>,
    /// The last user that was counted; users are counted in ascending order of their ids' bytes.
    pub after: Option<UserId>,
    /// The sums up to that user.
    pub sums: Vec<u8>,
}

/// A population as it was kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KeptPopulation {
    /// How many were kept up to it: the first is 1.
    pub version: u64,
    /// The population.
    pub population: Arc<Population>,
}

/// What is to be told of a population and the counting of the next, without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PopulationTold {
    /// The version of the one that is kept; nothing where there is none.
    pub version: Option<u64>,
    /// The users that it is of.
    pub users: u64,
    /// SHA-256 of what it holds.
    pub digest: String,
    /// How long ago it was made.
    pub age: Duration,
    /// What is being counted, and how long ago something of it was kept; nothing where no counting is under way.
    pub under_way: Option<(String, Duration)>,
    /// How long ago the last counting came to an end, with a population or without; nothing where none did.
    pub ended: Option<Duration>,
    /// Why the last one made no population, in the word that [`Populations::refused`] was told.
    pub refused: Option<String>,
}

impl PostgresStore {
    /// The population of this store's users, and how far the counting of the next one is.
    pub fn populations(&self) -> Populations {
        Populations { store: self.clone() }
    }
}

impl Populations {
    /// The version of the population that is kept; nothing where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn version(&self) -> Result<Option<u64>, StoreError> {
        let row = self.store.inner.one(statements::POPULATION_VERSION, &[]).await?;
        row.map(|row| version(&row)).transpose()
    }

    /// The population that is kept; nothing where there is none.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Damaged`] where it cannot be read, as one that a later version of rpm-core wrote.
    pub async fn load(&self) -> Result<Option<KeptPopulation>, StoreError> {
        let inner = &self.store.inner;
        let Some(row) = inner.one(statements::POPULATION, &[]).await? else { return Ok(None) };
        let version = version(&row)?;
        // It takes some milliseconds, and others wait for this thread.
        let read = inner.connections.apart(move || {
            let json: &[u8] = row.try_get(1).map_err(failed)?;
            let json = std::str::from_utf8(json)
                .map_err(|_| StoreError::Damaged { source: "the population is not UTF-8".into() })?;
            Population::from_json(json).map_err(|source| StoreError::Damaged { source: source.into() })
        });
        let population = Arc::new(read.await??);
        Ok(Some(KeptPopulation { version, population }))
    }

    /// What is to be told of it, for dashboards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn told(&self) -> Result<PopulationTold, StoreError> {
        let row = self.store.inner.one(statements::POPULATION_TOLD, &[]).await?;
        row.map_or_else(|| Err(no_row()), |row| told(&row).map_err(failed))
    }

    /// How far the counting is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counting(&self) -> Result<Counting, StoreError> {
        let row = self.store.inner.one(statements::COUNTING, &[]).await?.ok_or_else(no_row)?;
        let stage: String = row.try_get(1).map_err(failed)?;
        let after: Option<&str> = row.try_get(2).map_err(failed)?;
        let after = after.map(UserId::new).transpose();
        Ok(Counting {
            number: row.try_get(0).map_err(failed)?,
            stage: Some(stage).filter(|stage| stage != IDLE),
            after: after.map_err(|source| StoreError::Damaged { source: source.into() })?,
            sums: row.try_get::<_, Option<Vec<u8>>>(3).map_err(failed)?.unwrap_or_default(),
        })
    }

    /// Keeps how far it is by now in the place of what is held, and gives `counting` its next number. False where another is held by now, since
    /// somebody else counts, or what was counted is void: then nothing was kept, and [`counting`](Self::counting) says how far it is.
    ///
    /// # Errors
    /// [`StoreError`]; then it may be kept or not. [`StoreError::Permanent`] for a counting without a stage.
    pub async fn keep(&self, counting: &mut Counting) -> Result<bool, StoreError> {
        let Some(stage) = counting.stage.as_deref().filter(|stage| *stage != IDLE) else {
            return Err(StoreError::permanent("what is kept of a counting has a stage"));
        };
        let after = counting.after.as_ref().map(UserId::as_str);
        let values: [Value<'_>; 4] =
            [(&counting.number, Type::INT8), (&stage, Type::TEXT), (&after, Type::TEXT), (&counting.sums, Type::BYTEA)];
        let Some(row) = self.store.inner.one(statements::KEEP_COUNTING, &values).await? else { return Ok(false) };
        counting.number = row.try_get(0).map_err(failed)?;
        Ok(true)
    }

    /// Ends a counting with the population that it made, which is kept in the place of the one before; what was counted is gone from the table,
    /// and from its file after the next [erasure](rpm_core::store::UserModelStore::erase). False, with nothing kept, as for [`keep`](Self::keep).
    ///
    /// # Errors
    /// [`StoreError`]; then it may be kept or not.
    pub async fn made(&self, counting: &Counting, population: &Population) -> Result<bool, StoreError> {
        let users = i64::try_from(population.users()).unwrap_or(i64::MAX);
        self.end(counting, None, Some((users, population.digest(), population.to_json().as_bytes()))).await
    }

    /// Keeps a population that was fitted elsewhere, such as by rpm-datafusion, in the place of the one before. A counting that is under way is void, as after a
    /// deletion.
    ///
    /// # Errors
    /// As for [`made`](Self::made).
    pub async fn put(&self, population: &Population) -> Result<(), StoreError> {
        // Whoever keeps something in between is only a page further.
        while !self.made(&self.counting().await?, population).await? {}
        Ok(())
    }

    /// Ends a counting that makes no population, with a word that says why and quotes nothing of a user. The population before it stays.
    ///
    /// # Errors
    /// As for [`made`](Self::made).
    pub async fn refused(&self, counting: &Counting, why: &str) -> Result<bool, StoreError> {
        self.end(counting, Some(why), None).await
    }

    async fn end(
        &self,
        counting: &Counting,
        why: Option<&str>,
        made: Option<(i64, &str, &[u8])>,
    ) -> Result<bool, StoreError> {
        let (users, digest, json) = (made.map(|made| made.0), made.map(|made| made.1), made.map(|made| made.2));
        let values: [Value<'_>; 5] = [
            (&counting.number, Type::INT8),
            (&why, Type::TEXT),
            (&users, Type::INT8),
            (&digest, Type::TEXT),
            (&json, Type::BYTEA),
        ];
        let row = self.store.inner.one(statements::END_COUNTING, &values).await?;
        let ended: i64 = row.map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        Ok(ended > 0)
    }
}

/// Stands for no stage.
const IDLE: &str = "idle";

fn no_row() -> StoreError {
    StoreError::Damaged { source: "the table `counting` has no row".into() }
}

fn version(row: &Row) -> Result<u64, StoreError> {
    Ok(row.try_get::<_, i64>(0).map_err(failed)?.unsigned_abs())
}

fn told(row: &Row) -> Result<PopulationTold, tokio_postgres::Error> {
    let ago = |column| {
        let seconds: Option<f64> = row.try_get(column)?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    };
    let stage: Option<String> = row.try_get(4)?;
    let kept = ago(5)?.unwrap_or_default();
    Ok(PopulationTold {
        version: row.try_get::<_, Option<i64>>(0)?.map(i64::unsigned_abs),
        users: row.try_get::<_, Option<i64>>(1)?.map_or(0, i64::unsigned_abs),
        digest: row.try_get::<_, Option<String>>(2)?.unwrap_or_default(),
        age: ago(3)?.unwrap_or_default(),
        under_way: stage.map(|stage| (stage, kept)),
        ended: ago(6)?,
        refused: row.try_get(7)?,
    })
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("stage", &self.stage).field("sums", &self.sums.len()).finish_non_exhaustive()
    }
}
