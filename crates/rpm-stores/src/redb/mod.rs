//! A store of user models in one redb file.

mod erase;
mod file;
mod place;
mod tables;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use self::erase::ErasingFile;
use self::file::StoreFile;
use self::tables::Written;
use crate::offload::{self, BlockingJob, Runner};
use rpm_core::data::UserId;
use rpm_core::files::{Disk, System};
use rpm_core::model::UserModel;
use rpm_core::store::{Erasure, StoreError, StoredModel, UserModelStore, Version};

/// Keeps user models in one crash-safe file (redb), for one process at a time.
///
/// A save is on the disk before it is acknowledged, and whole or not there at all, whenever the process is killed. Each
/// model carries a checksum over itself, its user and its version: what was not saved is never loaded. Cheap to clone;
/// clones share the file.
///
/// # Blocking
/// Every call blocks its thread: loading for a read, the others for about one flush of the disk, and they wait for each
/// other. In a program on an async runtime, name a place where that may happen; calls then only wait for it:
///
/// ```
/// # fn example() -> Result<(), rpm_core::store::StoreError> {
/// # let path = std::env::temp_dir().join(format!("rpm-stores-doc-{}", std::process::id()));
/// let store = rpm_stores::RedbStore::open(&path)?.blocking_on(|job| {
///     tokio::task::spawn_blocking(job);
/// });
/// # drop(store);
/// # std::fs::remove_file(&path).ok();
/// # std::fs::remove_file(path.with_extension("lock")).ok();
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
///
/// A save whose future is dropped is then carried out all the same once it was begun.
///
/// # Deleting
/// The file is written copy on write: what was overwritten stays in it, unreachable, until the room is used again. After a deletion or a
/// forgetting the store [erases](UserModelStore::erase): it writes the file anew without it and puts that in the place of the old one.
/// That copies the whole store, in time linear in its size; those who delete at the same time wait for one copy together, and nobody
/// for more than two. A process that ends in between leaves a mark, and the next opening erases. Whoever deletes for
/// many users one after another says [`erasing_when_told`](Self::erasing_when_told), and calls [`compact`](Self::compact) at the end.
///
/// # Files
/// Beside the store's file, where links to it lead, are `<file>.lock`, which stays, and `<file>.tmp` while the file is written anew. On
/// Unix they are readable for their owner alone. Do not copy the file while it is open. It has one name: with hard links it is
/// [refused](StoreError::ManyNames), since it could be erased under one of them only. Other systems do not tell.
#[derive(Clone)]
pub struct RedbStore {
    file: Arc<ErasingFile>,
    runner: Option<Runner>,
    /// True when only `compact` erases.
    when_told: bool,
}

/// The file's size in bytes before and after it was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

impl RedbStore {
    /// Opens the store in this file, and makes it when there is none. The whole file is read and checked; a crash is
    /// repaired. Blocks.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while it is open elsewhere, also in this process and by another path; [`StoreError::ManyNames`]; [`StoreError::NotAStore`],
    /// [`StoreError::FutureVersion`] or [`StoreError::Damaged`] for a file that cannot be used, which is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::of(StoreFile::open(System, path.as_ref(), true)?, true)
    }

    /// [`open`](Self::open) on a disk of a test's own.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    #[doc(hidden)]
    pub fn open_on(disk: impl Disk, path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::of(StoreFile::open(disk, path.as_ref(), true)?, true)
    }

    /// [`open`](Self::open) without reading the whole file, at once however large it is; only after a crash is it read
    /// and repaired. It also opens the rest of a damaged store: a model that was damaged is reported by
    /// [`StoreError::Corrupt`] when it is loaded, but where the file's tree is, users may be missing from it without a
    /// sign. Then save what can be loaded to a new store. Nothing is erased when it is opened so.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_unchecked(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::of(StoreFile::open(System, path.as_ref(), false)?, false)
    }

    fn of(file: StoreFile, checked: bool) -> Result<Self, StoreError> {
        let file = ErasingFile::new(file);
        // What was not checked is not written anew: it may be all that is left.
        if checked && file.read(tables::is_to_erase)? {
            // Where there is no room for it now, the mark stays, and the next forgetting or opening does it.
            let _ = file.compact();
        }
        Ok(Self { file: Arc::new(file), runner: None, when_told: false })
    }

    /// This store without erasing after each deletion and forgetting: only [`compact`](Self::compact) does, and receipts say so. For a
    /// host that takes many users out one after another, or whose store is too large to be copied each time.
    #[must_use]
    pub fn erasing_when_told(mut self) -> Self {
        self.when_told = true;
        self
    }

    /// This store with calls that hand their blocking work to `run` and wait for it. `run` must not block and must see
    /// to it that every job is run; a call whose job is dropped fails with [`StoreError::Transient`].
    #[must_use]
    pub fn blocking_on(mut self, run: impl Fn(BlockingJob) + Send + Sync + 'static) -> Self {
        self.runner = Some(Arc::new(run));
        self
    }

    /// Writes the file anew without anything that was deleted or overwritten, and puts it in the place of the old one,
    /// all or nothing. Saves wait for it, loads do not. The old file's room goes back to the file system, which may
    /// keep the bytes until it uses that room again.
    ///
    /// # Errors
    /// [`StoreError`]; the store goes on with the old file. [`StoreError::Moved`] when that is no longer in its place, and
    /// [`StoreError::ManyNames`] when it was given another name: nothing could be erased.
    pub async fn compact(&self) -> Result<Compacted, StoreError> {
        self.run(ErasingFile::compact).await
    }

    async fn save_and(
        &self,
        model: &UserModel,
        expected: Option<Version>,
        forgets: bool,
    ) -> Result<Version, StoreError> {
        let (user, json) = (model.user().clone(), model.to_json_line());
        self.run(move |file| {
            // A writer that is late need not wait for those that are before it.
            file.read(|database| tables::check(database, &user, expected))?;
            let written = Written { user: &user, json: &json, forgets };
            file.write(|database| tables::save(database, &written, expected))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ErasingFile) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(runner) = &self.runner else { return work(&self.file) };
        let file = Arc::clone(&self.file);
        let done = offload::on(runner, move || work(&file)).await;
        done.unwrap_or_else(|| Err(StoreError::transient("the work was given up before it was done")))
    }
}

#[async_trait]
impl UserModelStore for RedbStore {
    async fn load(&self, user: &UserId) -> Result<Option<StoredModel>, StoreError> {
        let user = user.clone();
        self.run(move |file| file.read(|database| tables::load(database, &user))).await
    }

    async fn version(&self, user: &UserId) -> Result<Option<Version>, StoreError> {
        let user = user.clone();
        self.run(move |file| file.read(|database| tables::version(database, &user))).await
    }

    async fn save(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, false).await
    }

    async fn save_forgetting(&self, model: &UserModel, expected: Option<Version>) -> Result<Version, StoreError> {
        self.save_and(model, expected, !self.when_told).await
    }

    async fn erase(&self) -> Result<Erasure, StoreError> {
        if self.when_told {
            return Ok(Erasure::left("the store erases when it is told to", "call `RedbStore::compact`"));
        }
        self.run(ErasingFile::erase).await?;
        Ok(Erasure::erased("its file was written anew without what was there before"))
    }

    async fn reserve(&self, user: &UserId) -> Result<Version, StoreError> {
        let user = user.clone();
        self.run(move |file| match file.read(|database| tables::held(database, &user))? {
            Some(version) => Ok(version),
            None => file.write(|database| tables::reserve(database, &user)),
        })
        .await
    }

    async fn delete(&self, user: &UserId) -> Result<bool, StoreError> {
        let (user, forgets) = (user.clone(), !self.when_told);
        self.run(move |file| file.write(|database| tables::delete(database, &user, None, forgets))).await
    }

    async fn delete_version(&self, user: &UserId, expected: Version) -> Result<(), StoreError> {
        let (user, forgets) = (user.clone(), !self.when_told);
        self.run(move |file| file.write(|database| tables::delete(database, &user, Some(expected), forgets)))
            .await
            .map(|_| ())
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let after = after.cloned();
        self.run(move |file| file.read(|database| tables::list(database, after.as_ref(), limit))).await
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("offloaded", &self.runner.is_some()).finish_non_exhaustive()
    }
}
