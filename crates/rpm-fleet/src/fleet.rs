//! A fleet: a store, a queue beside it, and how a pipeline for work on one user is made.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rpm_core::stats::population::Population;
use rpm_core::{Personalizer, RpmPipeline, UserId};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::Schema;

use crate::calls::Calls;
use crate::error::{FleetError, PipelineError};
use crate::queue::Queue;
use crate::refresh::Refresh;
use crate::worker::Worker;

type Make = dyn Fn(&Calls) -> Result<RpmPipeline, PipelineError> + Send + Sync;

/// Any number of processes that work on the same users: hosts that record and answer, and [`Worker`]s that observe. Cheap to clone.
///
/// ```no_run
/// # async fn example(store: rpm_stores::PostgresStore) -> Result<(), Box<dyn std::error::Error>> {
/// use rpm_core::{Interaction, Query, ResponseSpace, RpmPipeline, Task, UserId};
/// use rpm_fleet::Fleet;
///
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let fleet = Fleet::builder(store, "host=localhost user=app dbname=app", move |_calls| Ok(RpmPipeline::offline(task.clone())))
///     .open()
///     .await?;
///
/// // Where users come and go: safe once it returns, and observed by whichever worker is free.
/// let ana = UserId::new("ana")?;
/// fleet.record(&ana, [Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?.at(1)]).await?;
///
/// // In each worker process, until it is told to stop:
/// fleet.worker().run(std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fleet {
    pub(crate) inner: Arc<Inner>,
}

/// A population's version and digest, and the population, as this process has it.
pub(crate) type HeldPopulation = (Option<(u64, String)>, Option<Arc<Population>>);

pub(crate) struct Inner {
    pub(crate) store: PostgresStore,
    pub(crate) queue: Queue,
    make: Box<Make>,
    pub(crate) concurrency: usize,
    pub(crate) silent_after: Duration,
    pub(crate) batch: usize,
    pub(crate) most_tries: u32,
    pub(crate) pauses: AtomicU64,
    pub(crate) refresh: Option<Arc<Refresh>>,
    /// The population that was read last, and its version.
    pub(crate) population: Mutex<HeldPopulation>,
}

/// What a [`Fleet`] is made of; made by [`Fleet::builder`].
#[must_use = "a builder does nothing until it is opened"]
pub struct FleetBuilder {
    store: PostgresStore,
    address: String,
    make: Box<Make>,
    schema: Option<Schema>,
    concurrency: usize,
    silent_after: Duration,
    batch: usize,
    most_tries: u32,
    refresh: Option<Refresh>,
}

impl Fleet {
    /// A fleet over a store. `address` is where the queue's database is reached, as `tokio_postgres` reads it: the queue listens there and
    /// sends its workers' signs of life, by connections of its own and without TLS. It may be the store's database, which is simplest, or
    /// another one.
    ///
    /// `make` makes the pipeline for work on one user, of the user's [`Calls`]: it is asked for each job and each question. What is costly to
    /// make, such as a backend, belongs outside, and is cloned.
    pub fn builder(
        store: PostgresStore,
        address: impl Into<String>,
        make: impl Fn(&Calls) -> Result<RpmPipeline, PipelineError> + Send + Sync + 'static,
    ) -> FleetBuilder {
        FleetBuilder {
            store,
            address: address.into(),
            make: Box::new(make),
            schema: None,
            concurrency: 4,
            silent_after: Duration::from_secs(30),
            batch: 64,
            most_tries: 12,
            refresh: None,
        }
    }

    /// A worker of this fleet.
    pub fn worker(&self) -> Worker {
        Worker::new(self.clone())
    }

    /// The store. Whoever changes users through a pipeline of their own may do so beside the fleet.
    pub fn store(&self) -> &PostgresStore {
        &self.inner.store
    }

    /// The times that workers of this process lost the queue's database, or had it refuse.
    pub fn pauses(&self) -> u64 {
        self.inner.pauses.load(Ordering::Relaxed)
    }

    /// The pipeline for work on a user.
    pub(crate) async fn pipeline_for(&self, user: &UserId) -> Result<RpmPipeline, FleetError> {
        let population = match self.inner.refresh {
            Some(_) => self.population().await?,
            None => None,
        };
        let calls = Calls::of(&self.inner.store, user, population).await?;
        self.made(&calls)
    }

    /// A user as [`Personalizer`] treats them, for answering: whoever is not there is not made known by that.
    pub(crate) async fn personalizer(&self, user: &UserId) -> Result<Personalizer, FleetError> {
        Ok(self.pipeline_for(user).await?.with_store(self.inner.store.clone()).into())
    }

    fn made(&self, calls: &Calls) -> Result<RpmPipeline, FleetError> {
        (self.inner.make)(calls).map_err(FleetError::Pipeline)
    }
}

impl FleetBuilder {
    /// The schema that the queue's tables are in. Default: `rpm_queue`.
    pub fn schema(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Users that a worker works on at a time; at least 1. Default: 4. The queue takes 4 connections more than that; the store's pool should
    /// have at least as many as users, and those that answers need.
    pub fn concurrency(mut self, users: usize) -> Self {
        self.concurrency = users.max(1);
        self
    }

    /// How long a worker gives no sign of life until its jobs are given to others; at least 1 s. Default: 30 s. The same in all processes of a
    /// fleet. A worker that was only slow does no harm afterwards, but may have paid for the same replies.
    pub fn silent_after(mut self, time: Duration) -> Self {
        self.silent_after = time.max(Duration::from_secs(1));
        self
    }

    /// The interactions of a user that are observed in one step, which is one save; at least 1. Default: 64.
    pub fn batch(mut self, interactions: usize) -> Self {
        self.batch = interactions.max(1);
        self
    }

    /// How often it is tried to observe an interaction whose features cannot be found, after 2, 4, 8 … minutes, six hours at most,
    /// until it is set aside; at least 1. Default: 12, which takes some 20 hours.
    pub fn most_tries(mut self, tries: u32) -> Self {
        self.most_tries = tries.max(1);
        self
    }

    /// Has workers refresh the [population](rpm_core::stats::population::Population) of all users, one at a time and as often as is said, and
    /// gives it to whoever makes a pipeline, as [`Calls::population`]. The same in all processes of a fleet. While it is counted it takes one of a
    /// worker's [places](Self::concurrency), so let there be two or more, and up to four of the store's connections. Default: none is made.
    pub fn population(mut self, refresh: Refresh) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// Opens the fleet, and makes the queue's tables where there are none, which takes the right to create a schema.
    ///
    /// # Errors
    /// [`FleetError::Queue`].
    pub async fn open(self) -> Result<Fleet, FleetError> {
        let schema = self.schema.as_ref().map_or("rpm_queue", Schema::as_str).to_owned();
        let queue = Queue::at(&self.address, schema, self.concurrency + 4)?;
        queue.prepare(&self.address).await?;
        let inner = Inner {
            store: self.store,
            queue,
            make: self.make,
            concurrency: self.concurrency,
            silent_after: self.silent_after,
            batch: self.batch,
            most_tries: self.most_tries,
            pauses: AtomicU64::new(0),
            refresh: self.refresh.map(Arc::new),
            population: Mutex::default(),
        };
        Ok(Fleet { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.inner.store)
            .field("queue", &self.inner.queue)
            .finish_non_exhaustive()
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for FleetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetBuilder")
            .field("store", &self.store)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
