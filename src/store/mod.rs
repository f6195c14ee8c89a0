//! Keeps user models by user id, with one writer's work never lost to another's.
//!
//! ```text
//! load → StoredModel { model, version } → change a copy → save(model, version) ─┬─ a new Version
//!                                           ↑                                  │
//!                                           └──────── load again ← Conflict ───┘
//! ```
//!
//! [`UserModelStore`] is the seam; [`StoredPipeline`](crate::StoredPipeline) learns, answers and forgets by user id over it.
//! [`InMemoryStore`] is for tests and small hosts.
//!
//! Guide: [a user model that lives](crate::guide::living).

mod erasure;
mod error;
mod memory;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::data::UserId;
use crate::model::UserModel;

pub use erasure::Erasure;
pub use error::StoreError;
pub use memory::InMemoryStore;

/// Keeps the user models of many users, each under its user's id.
///
/// Nothing can be read without the id of the user it belongs to; [`list`](Self::list) gives ids and nothing else.
/// `rpm_core::testing::user_model_store_conformance` (feature `testing`) checks a store of your own.
///
/// # What to implement
/// All but [`version`](Self::version), [`name`](Self::name) and the two of erasing: [`erase`](Self::erase) says by itself that this
/// store does not erase, and receipts of forgettings then name it; a store whose files or tables keep old bytes for a while (copy on
/// write, a write-ahead log, free pages) has it take them out. A store needs a counter for versions that never goes back, and one atomic step that
/// compares a version and writes; in SQL that is an `UPDATE … WHERE user = $1 AND version = $2`.
///
/// # Contract
/// - What [`save`](Self::save) acknowledged is what [`load`](Self::load) gives, to the byte of
///   [`UserModel::to_json`], until the next save or delete.
/// - A save is compared and written in one step: of two writers that loaded the same version, one gets
///   [`StoreError::Conflict`]. A conflict changes nothing.
/// - No two saves or reservations in the life of a store give the same [`Version::number`], also not after a delete.
/// - [`Version::life`] stays the same from a user's first save or reservation until the user is deleted, and is new
///   afterwards.
/// - A future that is dropped leaves the old model or the new one, whole.
/// - Once [`erase`](Self::erase) said [`Erasure::Erased`], no byte of what was deleted or overwritten before the call is in what the
///   store keeps.
/// - Ids are compared byte for byte.
/// - No text of a user is in an error.
#[async_trait]
pub trait UserModelStore: Send + Sync {
    /// The user's model; `None` when there is none, which includes a place that is only reserved.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError>;

    /// The version of the user's model; `None` when there is none. It lets a host that has the model of this version go on
    /// with it; a store that knows it without reading the model should say so. Default: that of [`load`](Self::load).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        Ok(self.load(user).await?.map(|stored| stored.version))
    }

    /// Saves a model under its own user's id, if what the store holds of this user is still `expected`: the version
    /// that was loaded or reserved, or `None` for no model. (A reserved place holds none; its reservation ends.) Gives
    /// the new version once the model is as safe as this store can make it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store holds another version, or nothing any more. After any other error the
    /// store may hold the old model or the new one.
    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError>;

    /// Saves a model from which something was forgotten, as [`save`](Self::save) does; [`erase`](Self::erase) is called next. A store
    /// that erases enters, in the same step, that it is to: when the process ends in between, it erases when it is next opened.
    /// Default: [`save`](Self::save).
    ///
    /// # Errors
    /// As for [`save`](Self::save).
    async fn save_forgetting(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save(model, expected).await
    }

    /// Takes the bytes of all that was deleted or overwritten before this call out of everything that the store keeps, and says so; or
    /// says why they may still be there and what to do. Called after each forgetting and each deletion, so let calls that meet share the
    /// work. Default: [`Erasure::Left`].
    ///
    /// # Errors
    /// [`StoreError`]; the bytes may still be there then, and it can be called again.
    async fn erase(&self) -> Result<Erasure, StoreError> {
        Ok(Erasure::left(
            "the store does not say that it erases",
            "erase what it keeps of old versions, by its own means",
        ))
    }

    /// The version of what is held of this user. When nothing is held, reserves the user's place first and gives the
    /// reservation's version, which [`save`](Self::save) then expects.
    ///
    /// A model that takes minutes to learn is saved with the version that was reserved before: when the user is deleted
    /// in between, so is the reservation, and the save fails instead of bringing the user back.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError>;

    /// Deletes all that is held of this user, a reservation too. True when there was a model.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&self, user: &UserId) -> Result<bool, StoreError>;

    /// Deletes all that is held of this user, a reservation too, if it is of the version `expected`; compared and deleted in one step,
    /// so that whoever looked at a model before deleting it has seen all of what goes.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the store holds another version, or nothing; nothing is deleted then.
    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError>;

    /// The ids of at most `limit` users who have a model, those after `after`, in ascending order of their bytes. Fewer
    /// than `limit` means that there are no more. Users that come and go between two pages may be missed; others are not.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError>;

    /// A name for logs and reports.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: UserModelStore + ?Sized> UserModelStore for Arc<S> {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        (**self).load(user).await
    }

    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        (**self).version(user).await
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        (**self).save(model, expected).await
    }

    async fn save_forgetting(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        (**self).save_forgetting(model, expected).await
    }

    async fn erase(&self) -> Result<Erasure, StoreError> {
        (**self).erase().await
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        (**self).reserve(user).await
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        (**self).delete(user).await
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        (**self).delete_version(user, expected).await
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        (**self).list(after, limit).await
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}

/// A model as the store holds it. Shared, so that loading from memory copies nothing.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct StoredModel {
    /// The model.
    pub model: Arc<UserModel>,
    /// The version that [`UserModelStore::save`] expects when the model is changed.
    pub version: Version,
}

impl StoredModel {
    /// A model with the version it is held under.
    pub fn new(model: Arc<UserModel>, version: Version) -> Self {
        Self { model, version }
    }
}

impl fmt::Debug for StoredModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredModel").field("version", &self.version).field("model", &self.model).finish()
    }
}

/// The save of a user's life that a store holds. Two numbers from one counter of the store, for a store to write down;
/// to everyone else it is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    life: u64,
    number: u64,
}

impl Version {
    /// The version that a store wrote down as these two numbers.
    pub fn new(life: u64, number: u64) -> Self {
        Self { life, number }
    }

    /// The number of the save or reservation that the user's life in the store began with. The same until the user is
    /// deleted: a writer that finds another one must not write what it made from the life before.
    pub fn life(self) -> u64 {
        self.life
    }

    /// The number of this save or reservation; no other one in the store has it.
    pub fn number(self) -> u64 {
        self.number
    }
}

/// The one rule of saving, for whoever writes a store: the life that a save goes on with, `None` for a new one, given what
/// is held (its version, and whether there is a model).
///
/// # Errors
/// [`StoreError::Conflict`] unless what is held is what is expected.
pub fn life_to_save(held: Option<(Version, bool)>, expected: Option<Version>) -> Result<Option<u64>, StoreError> {
    match (held, expected) {
        (None, None) => Ok(None),
        // A reserved place holds no model, and its life goes on.
        (Some((version, false)), None) => Ok(Some(version.life())),
        (Some((version, _)), Some(expected)) if version == expected => Ok(Some(version.life())),
        _ => Err(StoreError::Conflict),
    }
}
