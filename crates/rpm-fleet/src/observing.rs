//! Taking what waits of a user into their model, in batches, until nothing does.

use std::collections::BTreeSet;

use rpm_core::data::ItemId;
use rpm_core::pipeline::{ObserveOutcome, ObserveReport};
use rpm_core::store::{StoreError, UserModelStore as _};
use rpm_core::{Error, RpmPipeline, StoredError, StoredPipeline, UserId};
use rpm_stores::postgres::{Taking, Waiting};

use crate::error::{JobError, is_no_longer_waiting};
use crate::fleet::Fleet;
use crate::jobs::job_error;

/// Times in a row that others may have been faster.
const OVERTAKEN: usize = 100;

/// What became of a batch.
enum Step {
    /// It waits no longer, or not for now.
    Done,
    /// The user, or what waits, is another by now: read it again.
    Overtaken,
    /// One of them cannot be used: one by one.
    Alone,
}

struct Observing<'a> {
    fleet: &'a Fleet,
    user: &'a UserId,
    pipeline: RpmPipeline,
}

impl Fleet {
    /// Observes what waits of a user, whom it makes known. Interactions that cannot be observed are put off or set aside.
    pub(crate) async fn observe_waiting(&self, user: &UserId) -> Result<(), JobError> {
        let store = &self.inner.store;
        let waiting = store.inbox().waiting(user, 1).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        if store.version(user).await?.is_none() && !self.make_known(user, &waiting).await? {
            return Ok(());
        }
        // In this order: of a user who is deleted from here on, what was read no longer waits, and no reply is kept.
        let pipeline = self.pipeline_for(user).await.map_err(|error| job_error(&error))?;
        Observing { fleet: self, user, pipeline }.all().await
    }

    /// Begins a user of whom nothing but this is known; false where it no longer waits.
    async fn make_known(&self, user: &UserId, waiting: &Waiting) -> Result<bool, JobError> {
        let pipeline = self.pipeline_for(user).await.map_err(|error| job_error(&error))?;
        let made = pipeline.with_store(self.inner.store.taking(user, waiting)).newcomer(user).await;
        match made {
            Ok(_) => Ok(true),
            Err(StoredError::Deleted { .. }) => Ok(false),
            Err(StoredError::NotSaved { source, .. }) => match *source {
                // Another worker was faster.
                StoreError::Conflict => Ok(true),
                error if is_no_longer_waiting(&error) => Ok(false),
                error => Err(error.into()),
            },
            Err(StoredError::Store(error)) => Err(error.into()),
            Err(StoredError::Operation(error)) => Err((&error).into()),
            Err(_) => Err(JobError::Store),
        }
    }
}

impl Observing<'_> {
    async fn all(&self) -> Result<(), JobError> {
        let (inner, mut alone, mut overtaken) = (&self.fleet.inner, 0_usize, 0);
        loop {
            let size = if alone > 0 { 1 } else { inner.batch };
            let waiting = inner.store.inbox().waiting(self.user, size).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            match self.batch(&waiting).await? {
                Step::Done => (alone, overtaken) = (alone.saturating_sub(1), 0),
                Step::Alone => alone = waiting.len(),
                Step::Overtaken if overtaken == OVERTAKEN => return Err(JobError::Contended),
                Step::Overtaken => overtaken += 1,
            }
        }
    }

    async fn batch(&self, waiting: &Waiting) -> Result<Step, JobError> {
        let taking = self.fleet.inner.store.taking(self.user, waiting);
        let stored = self.pipeline.clone().with_store(taking.clone());
        match self.observed(&stored, waiting).await {
            Ok(report) => self.settled(&report, &taking).await,
            Err(error) => self.failed(error, waiting).await,
        }
    }

    async fn observed(&self, stored: &StoredPipeline, waiting: &Waiting) -> Result<ObserveReport, StoredError> {
        if self.fleet.inner.store.version(self.user).await?.is_none() {
            stored.newcomer(self.user).await?;
        }
        stored.observe(self.user, waiting.interactions.clone()).await
    }

    /// Sees to those that no save took.
    async fn settled(&self, report: &ObserveReport, taking: &Taking) -> Result<Step, JobError> {
        let inbox = self.fleet.inner.store.inbox();
        let (mut known, mut failed, mut conflicting) = (BTreeSet::new(), Vec::new(), Vec::new());
        let mut learned = false;
        for item in &report.items {
            match &item.outcome {
                ObserveOutcome::Known => drop(known.insert(&item.id)),
                ObserveOutcome::Conflicting => conflicting.push((item.id.clone(), "conflicting")),
                ObserveOutcome::Failed { stage, .. } => failed.push((item.id.clone(), stage.as_str())),
                ObserveOutcome::Learned { .. } | ObserveOutcome::NoFeatures => learned = true,
                _ => {}
            }
        }
        let left = taking.left();
        if !known.is_empty() && !left.is_empty() {
            inbox.discard(self.user, &left.only(|new| known.contains(new.id()))).await?;
        }
        self.put_off(&conflicting, 0).await?;
        if failed.is_empty() {
            return Ok(if report.overtaken() > 0 { Step::Overtaken } else { Step::Done });
        }
        if report.budget_reached.is_some() {
            // Nothing is wrong with them.
            return Err(JobError::Budget);
        }
        self.put_off(&failed, self.fleet.inner.most_tries).await?;
        // Where nothing can be read the model rather than a text is at fault: others of the user would be tried in vain.
        if learned { Ok(Step::Done) } else { Err(JobError::Model) }
    }

    async fn failed(&self, error: StoredError, waiting: &Waiting) -> Result<Step, JobError> {
        match error {
            StoredError::UnknownUser { .. } | StoredError::Deleted { .. } => Ok(Step::Overtaken),
            StoredError::NotSaved { source, .. } => Self::not_saved(*source),
            StoredError::Store(source) => Self::not_saved(source),
            StoredError::Contended { .. } => Err(JobError::Contended),
            StoredError::Operation(Error::Data(_)) => match waiting.interactions.first() {
                Some(one) if waiting.len() == 1 => {
                    self.put_off(&[(one.id().clone(), "data")], 0).await?;
                    Ok(Step::Done)
                }
                _ => Ok(Step::Alone),
            },
            StoredError::Operation(error) => Err((&error).into()),
            _ => Err(JobError::Store),
        }
    }

    fn not_saved(error: StoreError) -> Result<Step, JobError> {
        match error {
            StoreError::Conflict => Ok(Step::Overtaken),
            error if is_no_longer_waiting(&error) => Ok(Step::Overtaken),
            error => Err(error.into()),
        }
    }

    async fn put_off(&self, items: &[(ItemId, &str)], most: u32) -> Result<(), JobError> {
        if !items.is_empty() {
            self.fleet.inner.store.inbox().put_off(self.user, items, most).await?;
            let why = items.first().map_or("", |(_, why)| *why);
            tracing::warn!(
                interactions = items.len(),
                why,
                "interactions could not be observed, and were put off or set aside"
            );
        }
        Ok(())
    }
}
