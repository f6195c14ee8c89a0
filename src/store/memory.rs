//! A store in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Erasure, StoreError, StoredModel, UserModelStore, Version};
use crate::data::UserId;
use crate::model::UserModel;

/// Keeps user models in memory, for tests, for one process that needs no more, and as the example of a store.
///
/// Loading shares what is held and copies nothing.
#[derive(Default)]
pub struct InMemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    /// The last number given.
    counter: u64,
    held: BTreeMap<UserId, Held>,
}

struct Held {
    /// `None`: the place is reserved.
    model: Option<Arc<UserModel>>,
    version: Version,
}

impl InMemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step below leaves the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

#[async_trait]
impl UserModelStore for InMemoryStore {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        let state = self.state();
        let held = state.held.get(user);
        Ok(held.and_then(|held| Some(StoredModel::new(Arc::clone(held.model.as_ref()?), held.version))))
    }

    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        let state = self.state();
        Ok(state.held.get(user).filter(|held| held.model.is_some()).map(|held| held.version))
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        // Copied before the lock: it may be large.
        let model = Arc::new(model.clone());
        let mut state = self.state();
        let held = state.held.get(model.user());
        let life = super::life_to_save(held.map(|held| (held.version, held.model.is_some())), expected)?;
        let number = state.next();
        let version = Version::new(life.unwrap_or(number), number);
        state.held.insert(model.user().clone(), Held { model: Some(model), version });
        Ok(version)
    }

    async fn erase(&self) -> Result<Erasure, StoreError> {
        Ok(Erasure::erased("it is in memory, and holds the newest models only"))
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        let mut state = self.state();
        if let Some(held) = state.held.get(user) {
            return Ok(held.version);
        }
        let number = state.next();
        let version = Version::new(number, number);
        state.held.insert(user.clone(), Held { model: None, version });
        Ok(version)
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.state().held.remove(user).is_some_and(|held| held.model.is_some()))
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.held.get(user).is_none_or(|held| held.version != expected) {
            return Err(StoreError::Conflict);
        }
        state.held.remove(user);
        Ok(())
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let with_models =
            state.held.range::<UserId, _>((from, Bound::Unbounded)).filter(|(_, held)| held.model.is_some());
        Ok(with_models.take(limit).map(|(user, _)| user.clone()).collect())
    }
}

impl fmt::Debug for InMemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryStore").field("held", &self.state().held.len()).finish()
    }
}
