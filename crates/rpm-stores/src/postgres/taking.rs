//! A store whose saves of one user take interactions out of the inbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::{Erasure, StoreError, StoredModel, UserModelStore, Version};

use super::PostgresStore;
use super::inbox::Waiting;

/// A [`PostgresStore`] whose saves of one user also take interactions out of the inbox, in one transaction; made by
/// [`PostgresStore::taking`].
///
/// ```no_run
/// # async fn example(store: rpm_stores::PostgresStore, pipeline: rpm_core::RpmPipeline, user: rpm_core::UserId)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = store.inbox();
/// let waiting = inbox.waiting(&user, 64).await?;
/// let taking = store.taking(&user, &waiting);
/// let report = pipeline.with_store(taking.clone()).observe(&user, waiting.interactions.clone()).await?;
/// // Where nothing in the model changed nothing was saved: what it had before waits still.
/// let is_known = |new: &rpm_core::Interaction| {
///     report.items.iter().any(|item| item.id == *new.id() && item.outcome == rpm_core::pipeline::ObserveOutcome::Known)
/// };
/// inbox.discard(&user, &taking.left().only(is_known)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Taking {
    store: PostgresStore,
    user: UserId,
    /// Those that no save has taken yet.
    left: Arc<Mutex<Waiting>>,
}

/// The places that a save is about.
#[derive(Debug)]
pub(super) struct Going {
    /// Those that the work began with, which have to be there still.
    pub(super) read: Vec<i64>,
    /// Those of them that the model holds, which go.
    pub(super) taken_in: Vec<i64>,
}

/// The source of the [`StoreError::Transient`] of a save when another worker took some of the interactions, or they were forgotten. Nothing
/// was saved: read what waits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("some of the interactions no longer wait: another worker took them, or they were forgotten")]
pub struct NoLongerWaiting;

impl PostgresStore {
    /// This store for work on one user, each of whose saves takes those of these interactions out of the [inbox](super::Inbox) that the
    /// saved model holds, in the same transaction: both are done or neither. Those that could not be taken in wait on. When one of those
    /// that no save has taken yet is not there any more, nothing is saved, and the save fails with [`StoreError::Transient`] from
    /// [`NoLongerWaiting`].
    pub fn taking(&self, user: &UserId, waiting: &Waiting) -> Taking {
        Taking { store: self.clone(), user: user.clone(), left: Arc::new(Mutex::new(waiting.clone())) }
    }
}

impl Taking {
    /// True when all were taken, or there were none.
    pub fn has_taken(&self) -> bool {
        self.locked().is_empty()
    }

    /// Those that no save has taken.
    pub fn left(&self) -> Waiting {
        self.locked().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn save_and(
        &self,
        model: &UserModel,
        expected: Option<Version>,
        forgets: bool,
    ) -> Result<Version, StoreError> {
        let left = self.left();
        if model.user() != &self.user || left.is_empty() {
            return self.store.save_and(model, expected, forgets, None).await;
        }
        let stays = left.without_those_in(model);
        let taken_in = left.places.iter().copied().filter(|place| !stays.places.contains(place)).collect();
        let going = Going { read: left.places, taken_in };
        let saved = self.store.save_and(model, expected, forgets, Some(&going)).await;
        match (&saved, expected) {
            (Ok(_), _) => *self.locked() = stays,
            // The place of a newcomer of whom nothing waits: they were deleted.
            (Err(StoreError::Transient { source }), Some(reserved)) if source.is::<NoLongerWaiting>() => {
                self.store.release(model.user(), reserved).await?;
            }
            _ => {}
        }
        saved
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl UserModelStore for Taking {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        self.store.load(user).await
    }

    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        self.store.version(user).await
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, false).await
    }

    async fn save_forgetting(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, true).await
    }

    async fn erase(&self) -> Result<Erasure, StoreError> {
        self.store.erase().await
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        self.store.reserve(user).await
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        self.store.delete(user).await
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        self.store.delete_version(user, expected).await
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        self.store.list(after, limit).await
    }

    fn name(&self) -> &str {
        self.store.name()
    }
}
