//! Forgetting and deleting: in the model, in what waits, in the replies, and in the queue.

use std::fmt;

use rpm_core::data::ItemId;
use rpm_core::model::Receipt;
use rpm_core::store::{Erasure, UserModelStore as _};
use rpm_core::{Forget, StoredError, UserId};
use rpm_stores::postgres::Gone;

use crate::error::{FleetError, JobError};
use crate::fleet::Fleet;

/// What a [forgetting](Fleet::forget) did. Holds ids and numbers, no text of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// What went from the user's model, and where it was searched for; nothing for a user who has none.
    pub receipt: Option<Receipt>,
    /// Interactions that waited or were set aside, and are gone.
    pub waiting: Vec<ItemId>,
    /// Replies that were paid for, and are gone.
    pub replies: u64,
    /// Interactions that wait still and were not looked at, since they could not be observed for now: of which nobody can tell whether they are
    /// what was meant. Forget them by their ids.
    pub not_looked_at: u64,
    /// What the store says of the bytes, after all of it.
    pub erasure: Erasure,
}

impl Fleet {
    /// Forgets interactions of a user, or what was learned of a factor, wherever they are: in what waits, in the model, in the replies that
    /// were paid for. What a worker is at meanwhile is not saved with them, and a population that is being counted is counted anew. An item that was forgotten is not recorded again under its id.
    ///
    /// Items are named by their ids, whether they were observed yet or not, and those that are not there are no error. For anything else what
    /// waits is observed first, as a worker would do it, so that it is looked at too, which may ask a model.
    ///
    /// # Errors
    /// [`FleetError`]; some may be forgotten then. Call it again.
    pub async fn forget(&self, user: &UserId, what: &Forget<'_>) -> Result<Forgotten, FleetError> {
        let store = &self.inner.store;
        let inbox = store.inbox();
        let mut gone = Gone::default();
        match what {
            Forget::Items(items) => gone = inbox.forget(user, Some(items)).await?,
            Forget::All => gone = inbox.forget(user, None).await?,
            _ => match self.observe_waiting(user).await {
                // What a model would not read is not looked at, and counted below.
                Ok(()) | Err(JobError::Model | JobError::Budget | JobError::Contended) => {}
                Err(error) => return Err(FleetError::Observing(error)),
            },
        }
        let receipt = match what {
            Forget::Items(items) => self.forget_held(user, items).await?,
            what => self.forget_in_model(user, what).await?,
        };
        // With the replies about them, and those that are still to come of work that has begun.
        let mut ids = receipt.as_ref().map(|receipt| receipt.items.clone()).unwrap_or_default();
        ids.extend(gone.items.iter().cloned());
        if !ids.is_empty() {
            let rest = inbox.forget(user, Some(&ids)).await?;
            gone.replies += rest.replies;
            gone.items.extend(rest.items);
        }
        // Those that stay and of which something was forgotten.
        let stripped = receipt.as_ref().map(|receipt| receipt.stripped.clone()).unwrap_or_default();
        if !stripped.is_empty() {
            gone.replies += inbox.forget_replies(user, &stripped).await?;
        }
        let not_looked_at = match what {
            Forget::Items(_) | Forget::All => 0,
            _ => inbox.of(user).await?,
        };
        let erasure = store.erase().await?;
        Ok(Forgotten { receipt, waiting: gone.items, replies: gone.replies, not_looked_at, erasure })
    }

    /// Forgets those of the items that the model has.
    async fn forget_held(&self, user: &UserId, items: &[ItemId]) -> Result<Option<Receipt>, FleetError> {
        let Some(held) = self.inner.store.load(user).await? else { return Ok(None) };
        let held = items.iter().filter(|id| held.model.memory().get(id).is_some()).cloned().collect();
        self.forget_in_model(user, &Forget::Items(held)).await
    }

    async fn forget_in_model(&self, user: &UserId, what: &Forget<'_>) -> Result<Option<Receipt>, FleetError> {
        let store = &self.inner.store;
        if store.version(user).await?.is_none() {
            return Ok(None);
        }
        match self.pipeline_for(user).await?.with_store(store.clone()).forget(user, what).await {
            Ok(receipt) => Ok(Some(receipt)),
            Err(StoredError::UnknownUser { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a user: the model, what waits, the replies, what they add to sums, and the jobs. True when there was a model. A job that runs
    /// meanwhile saves nothing of them, and goes when it is over; a population that is being counted is counted anew. The one in use stays until
    /// the next.
    ///
    /// The store erases as its [documentation](rpm_stores::PostgresStore#deleting) says. The queue's tables hold of a user the id alone; rows
    /// that went stay in their files until Postgres uses the room again.
    ///
    /// # Errors
    /// [`FleetError`]; some may be deleted then. Call it again.
    pub async fn delete(&self, user: &UserId) -> Result<bool, FleetError> {
        let (store, queue) = (&self.inner.store, &self.inner.queue);
        let was_there = match self.pipeline_for(user).await {
            // Through a pipeline, where there is one, so that what the host hung on it is told.
            Ok(pipeline) => pipeline.with_store(store.clone()).delete(user).await?,
            Err(FleetError::Pipeline(_)) => {
                let was_there = store.delete(user).await?;
                store.erase().await?;
                was_there
            }
            Err(error) => return Err(error),
        };
        // Last: a queue that cannot be reached keeps nobody from being deleted, and jobs hold the id alone.
        queue.remove(user).await?;
        Ok(was_there)
    }
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(receipt) = &self.receipt {
            writeln!(f, "{receipt}")?;
        }
        writeln!(f, "waiting: {} interactions gone, {} not looked at", self.waiting.len(), self.not_looked_at)?;
        write!(f, "replies: {} gone\nafterwards: {}", self.replies, self.erasure)
    }
}
