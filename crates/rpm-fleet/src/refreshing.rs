//! The job that refreshes the population: page by page over all models, with what was counted kept on the way, so that whoever takes over goes on.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use tokio::task::{JoinSet, spawn_blocking};

use rpm_core::UserId;
use rpm_core::stats::population::{Population, PopulationError};
use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_stores::PostgresStore;
use rpm_stores::postgres::{Counting, Populations};

use crate::counting::{Drawn, Held, Next, Stage};
use crate::error::JobError;
use crate::fleet::Fleet;
use crate::refresh::{NotFitted, Refresh};

/// After so many pages what was counted is kept.
const PAGES_KEPT: usize = 4;
/// Beginnings, the later ones since somebody was deleted or forgot something. The last goes on whoever does.
const BEGUN: usize = 4;
/// Models of a page that are read at a time.
const READERS: usize = 4;
/// Ids that are read at a time.
const IDS: usize = 4_096;
/// Sums of more bytes stay in memory, and a refresh that is killed then begins anew.
const MOST_KEPT: usize = 256 << 20;
/// The word for a counting whose sums are in memory alone.
const IN_MEMORY: &str = "in memory";

/// Why a refresh does not come to its end.
enum Stopped {
    /// Somebody else counts, or what was counted is void.
    Overtaken,
    /// There is no such population.
    NotFitted(PopulationError),
    Failed(JobError),
}

struct Refreshing {
    store: PostgresStore,
    refresh: Arc<Refresh>,
    populations: Populations,
    counting: Counting,
    /// The population's version when it was begun.
    version: Option<u64>,
    /// True of the last beginning.
    goes_on: bool,
    /// False once what was kept is void, and it goes on with what is in memory alone.
    keeps: bool,
    /// Models that do not open.
    unreadable: u64,
}

impl Fleet {
    /// Refreshes the population where it is time, or `at_once`.
    pub(crate) async fn refresh_now(&self, at_once: bool) -> Result<(), JobError> {
        let Some(refresh) = &self.inner.refresh else { return Ok(()) };
        let store = &self.inner.store;
        let populations = store.populations();
        let before = populations.told().await?;
        if !at_once && before.under_way.is_none() && before.ended.is_some_and(|ended| ended < refresh.every) {
            return Ok(());
        }
        for beginning in 1..=BEGUN {
            let mut refreshing = Refreshing {
                store: store.clone(),
                refresh: Arc::clone(refresh),
                counting: populations.counting().await?,
                populations: populations.clone(),
                version: before.version,
                goes_on: beginning == BEGUN,
                keeps: true,
                unreadable: 0,
            };
            match refreshing.all().await {
                Ok(()) => return Ok(()),
                Err(Stopped::Failed(error)) => return Err(error),
                Err(Stopped::NotFitted(error)) => {
                    tracing::warn!(%error, "the population was not refreshed; it is tried again when it is time");
                    let why = NotFitted::of(&error).as_str();
                    if refreshing.refused(why).await? {
                        return Ok(());
                    }
                }
                Err(Stopped::Overtaken) => {}
            }
            let now = refreshing.populations.told().await?;
            if now.under_way.is_some() || now.version != before.version {
                // Somebody else is at it, or was.
                return Ok(());
            }
            tracing::info!("a user was deleted or forgot something: the population is counted anew");
        }
        Err(JobError::Contended)
    }
}

impl Refreshing {
    /// Goes over all models as often as it takes.
    async fn all(&mut self) -> Result<(), Stopped> {
        let mut stage = match self.taken_up().await? {
            Some(stage) => stage,
            None => {
                self.counting.after = None;
                let first = Stage::first(&self.refresh, self.drawn().await?)?;
                self.kept(first).await?
            }
        };
        let mut pages = 0;
        loop {
            let users = self.store.list(self.counting.after.as_ref(), self.refresh.page).await?;
            let (is_last, last) = (users.len() < self.refresh.page, users.last().cloned());
            let models = self.models(users.into_iter().filter(|user| stage.needs(user)).collect()).await?;
            let refresh = Arc::clone(&self.refresh);
            stage = apart(move || stage.counted(&refresh, models)).await??;
            if !is_last {
                self.counting.after = last;
                pages += 1;
                if pages % PAGES_KEPT == 0 && stage.can_be_kept() {
                    stage = self.kept(stage).await?;
                }
                continue;
            }
            let refresh = Arc::clone(&self.refresh);
            match apart(move || stage.ended(&refresh)).await?? {
                Next::Stage(next) => {
                    (self.counting.after, pages) = (None, 0);
                    stage = self.kept(next).await?;
                }
                Next::Made(population) => return self.made(&population).await,
            }
        }
    }

    /// What somebody before this one kept; nothing where it is to be begun.
    async fn taken_up(&mut self) -> Result<Option<Stage>, Stopped> {
        let Some(word) = self.counting.stage.clone() else { return Ok(None) };
        if word == IN_MEMORY {
            tracing::info!("what was counted went with whoever counted it: the population is counted anew");
            return Ok(None);
        }
        let (sums, refresh) = (std::mem::take(&mut self.counting.sums), Arc::clone(&self.refresh));
        let stage = apart(move || Stage::read(&word, &sums, &refresh)).await?;
        if stage.is_none() {
            tracing::warn!("what was kept of a refresh is of other settings, or cannot be read: it begins anew");
        }
        Ok(stage)
    }

    /// Keeps what was counted, and gives it back.
    async fn kept(&mut self, stage: Stage) -> Result<Stage, Stopped> {
        let (refresh, keeps) = (Arc::clone(&self.refresh), self.keeps);
        let (stage, mut sums) = apart(move || {
            let sums = if keeps { stage.written(&refresh) } else { Vec::new() };
            (stage, sums)
        })
        .await?;
        let mut word = stage.word();
        if !keeps || sums.len() > MOST_KEPT {
            // That somebody is at it is told all the same.
            (word, sums) = (IN_MEMORY, Vec::new());
        }
        (self.counting.stage, self.counting.sums) = (Some(word.to_owned()), sums);
        let is_kept = self.populations.keep(&mut self.counting).await?;
        self.counting.sums = Vec::new();
        if is_kept || self.goes_on_in_memory().await? { Ok(stage) } else { Err(Stopped::Overtaken) }
    }

    /// Of the last beginning, where what was kept is void and nobody else counts: takes the number of the deletion or the forgetting, and keeps
    /// nothing from then on, so that nothing that it dropped is written again. Whoever went is in what is made as they would be in one that was made
    /// just before.
    async fn goes_on_in_memory(&mut self) -> Result<bool, Stopped> {
        if !self.goes_on || self.populations.told().await?.version != self.version {
            return Ok(false);
        }
        let mut now = self.populations.counting().await?;
        if now.stage.is_some() {
            return Ok(false);
        }
        now.after = self.counting.after.take();
        (self.counting, self.keeps) = (now, false);
        Ok(true)
    }

    async fn made(&mut self, population: &Population) -> Result<(), Stopped> {
        while !self.populations.made(&self.counting, population).await? {
            if !self.goes_on_in_memory().await? {
                return Err(Stopped::Overtaken);
            }
        }
        tracing::info!(users = population.users(), unreadable = self.unreadable, "the population was refreshed");
        self.erase().await;
        Ok(())
    }

    /// Says why there is none. False where it was overtaken.
    async fn refused(&mut self, why: &str) -> Result<bool, JobError> {
        while !self.populations.refused(&self.counting, why).await? {
            match self.goes_on_in_memory().await {
                Ok(true) => {}
                Err(Stopped::Failed(error)) => return Err(error),
                _ => return Ok(false),
            }
        }
        self.erase().await;
        Ok(true)
    }

    /// Has the sums leave their file, with what else was deleted; where that fails the next erasure does it.
    async fn erase(&self) {
        if let Err(error) = self.store.erase().await {
            tracing::warn!(%error, "what was counted for the population was not erased yet");
        }
    }

    /// The users that the census is taken of: those with the lowest places.
    async fn drawn(&self) -> Result<Drawn, Stopped> {
        let (mut lowest, mut after, mut is_all) = (BinaryHeap::new(), None::<UserId>, true);
        loop {
            let users = self.store.list(after.as_ref(), IDS).await?;
            for user in &users {
                lowest.push(Drawn::place(user));
                if lowest.len() > self.refresh.census_of {
                    lowest.pop();
                    is_all = false;
                }
            }
            after = users.last().cloned();
            if users.len() < IDS {
                let highest = lowest.peek().copied().filter(|_| !is_all);
                return Ok(Drawn(highest.unwrap_or(u64::MAX)));
            }
        }
    }

    /// The models of those of the users who are there still, in their order. One that does not open is left out.
    async fn models(&mut self, users: Vec<UserId>) -> Result<Vec<Held>, Stopped> {
        let (mut reading, mut read) = (JoinSet::new(), BTreeMap::new());
        for (place, some) in users.chunks(users.len().div_ceil(READERS).max(1)).enumerate() {
            let (store, some) = (self.store.clone(), some.to_vec());
            reading.spawn(async move { (place, read_each(&store, &some).await) });
        }
        while let Some(done) = reading.join_next().await {
            let (place, models) = done.map_err(|_| Stopped::Failed(JobError::StoreForNow))?;
            let (models, unreadable) = models?;
            self.unreadable += unreadable;
            read.insert(place, models);
        }
        Ok(read.into_values().flatten().collect())
    }
}

async fn read_each(store: &PostgresStore, users: &[UserId]) -> Result<(Vec<Held>, u64), StoreError> {
    let (mut models, mut unreadable) = (Vec::with_capacity(users.len()), 0);
    for user in users {
        match store.load(user).await {
            Ok(Some(stored)) => models.push(Held(stored.model)),
            Ok(None) => {}
            Err(StoreError::Corrupt { .. } | StoreError::Model { .. }) => unreadable += 1,
            Err(error) => return Err(error),
        }
    }
    Ok((models, unreadable))
}

/// Computes on a thread for that, since others wait for this one.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stopped> {
    spawn_blocking(work).await.map_err(|_| Stopped::Failed(JobError::Pipeline))
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PopulationError> for Stopped {
    fn from(error: PopulationError) -> Self {
        Self::NotFitted(error)
    }
}
