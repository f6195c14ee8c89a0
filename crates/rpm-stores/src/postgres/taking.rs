//! A store whose next save of one user takes interactions out of the inbox.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use rpm_core::data::UserId;
use rpm_core::model::UserModel;
use rpm_core::store::{Erasure, StoreError, StoredModel, UserModelStore, Version};

use super::PostgresStore;
use super::inbox::Waiting;

/// A [`PostgresStore`] whose first save of one user also takes interactions out of the inbox, in one transaction; made by
/// [`PostgresStore::taking`].
///
/// ```no_run
/// # async fn example(store: rpm_stores::PostgresStore, pipeline: rpm_core::RpmPipeline, user: rpm_core::UserId)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let inbox = store.inbox();
/// let waiting = inbox.waiting(&user, 64).await?;
/// let taking = store.taking(&user, &waiting);
/// pipeline.with_store(taking.clone()).observe(&user, waiting.interactions.clone()).await?;
/// if !taking.has_taken() {
///     // Nothing in the model changed, so nothing was saved.
///     inbox.discard(&user, &waiting).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Taking {
    store: PostgresStore,
    taken: Arc<Taken>,
}

#[derive(Debug)]
pub(super) struct Taken {
    pub(super) user: UserId,
    pub(super) places: Vec<i64>,
    is_done: AtomicBool,
}

/// The source of the [`StoreError::Transient`] of a save when another worker took some of the interactions, or they were forgotten. Nothing
/// was saved: read what waits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("some of the interactions no longer wait: another worker took them, or they were forgotten")]
pub struct NoLongerWaiting;

impl PostgresStore {
    /// This store for work on one user, whose first save takes these interactions out of the [inbox](super::Inbox) in the same
    /// transaction: both are done or neither. When one of them is not there any more, nothing is saved, and the save fails with
    /// [`StoreError::Transient`] from [`NoLongerWaiting`].
    pub fn taking(&self, user: &UserId, waiting: &Waiting) -> Taking {
        let places = waiting.places.clone();
        let is_done = AtomicBool::new(places.is_empty());
        Taking { store: self.clone(), taken: Arc::new(Taken { user: user.clone(), places, is_done }) }
    }
}

impl Taking {
    /// True when they were taken, or there were none.
    pub fn has_taken(&self) -> bool {
        self.taken.is_done.load(Ordering::SeqCst)
    }

    async fn save_and(
        &self,
        model: &UserModel,
        expected: Option<Version>,
        forgets: bool,
    ) -> Result<Version, StoreError> {
        let taken = (model.user() == &self.taken.user && !self.has_taken()).then_some(&*self.taken);
        let version = self.store.save_and(model, expected, forgets, taken).await?;
        if let Some(taken) = taken {
            taken.is_done.store(true, Ordering::SeqCst);
        }
        Ok(version)
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
