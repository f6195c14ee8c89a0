mod error;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use serde_json::Value;

use crate::data::{Edit, History, Interaction, ItemId, Query, ReasoningPath, UserId, UserModel};
use crate::prompt::StageContext;
use crate::revise::{Forget, Receipt};
use crate::store::{StoreError, StoredModel, UserModelStore, Version};

pub use error::StoredError;

use super::observe::ReadItems;
use super::{Answer, Error, Learned, ObserveReport, PathPolicy, RpmPipeline};

/// Attempts at one update. Each failed one is a save of the same user by somebody else, so that this is never reached
/// while a user's writers number in the dozens.
const ATTEMPTS: usize = 1_000;

impl RpmPipeline {
    /// The same pipeline by user id: models are loaded from this store and saved to it.
    #[must_use]
    pub fn with_store(self, store: impl UserModelStore + 'static) -> StoredPipeline {
        StoredPipeline { pipeline: self, store: Arc::new(store) }
    }
}

/// An [`RpmPipeline`] whose user models are in a [`UserModelStore`]. Cheap to clone.
///
/// Any number of these, in any number of processes that share a store, work on the same users. Nothing is locked: who
/// saves says which version the change was made from, and when another writer was faster, the change is made again from
/// what is held now. No update is lost.
///
/// ```
/// use rpm_core::{History, Interaction, InMemoryStore, Query, ResponseSpace, RpmPipeline, Task, UserId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let history = History::new(&task, "ana", [
///     Interaction::new("a", Query::new("A slow, quiet drama.")?, "5")?,
///     Interaction::new("b", Query::new("A loud chase through the city.")?, "2")?,
///     Interaction::new("c", Query::new("A slow film about a quiet town.")?, "5")?,
/// ])?;
/// let pipeline = RpmPipeline::offline(task).with_store(InMemoryStore::new());
/// pipeline.learn(&history).await?;
///
/// let ana = UserId::new("ana")?;
/// let told = pipeline.personalize(&ana, &Query::new("A slow, quiet thriller.")?).await?;
/// assert_eq!(told.answer.response, "5");
/// assert!(pipeline.delete(&ana).await?);
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct StoredPipeline {
    pipeline: RpmPipeline,
    store: Arc<dyn UserModelStore>,
}

/// An answer with the model it is from.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// The answer.
    pub answer: Answer,
    /// The model that answered, for [`Answer::reasons`].
    pub model: Arc<UserModel>,
    /// How many of [`Answer::written_paths`] were saved. An error costs nothing but that they are written again.
    pub kept_paths: Result<usize, StoredError>,
}

impl StoredPipeline {
    /// The pipeline without the store.
    pub fn pipeline(&self) -> &RpmPipeline {
        &self.pipeline
    }

    /// The store.
    pub fn store(&self) -> &dyn UserModelStore {
        &*self.store
    }

    /// The user's model with its version.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`].
    pub async fn load(&self, user: &UserId) -> Result<StoredModel, StoredError> {
        self.find(user).await?.ok_or_else(|| StoredError::UnknownUser { user: user.clone() })
    }

    /// Deletes the user's model. True when there was one. A learning of this user that is under way fails with
    /// [`StoredError::Deleted`], also the user's first; no late writer brings the user back.
    ///
    /// # Errors
    /// [`StoredError::Store`].
    pub async fn delete(&self, user: &UserId) -> Result<bool, StoredError> {
        Ok(self.store.delete(user).await?)
    }

    /// Learns a user as [`RpmPipeline::learn`] does and saves the model in the place of the one that was held when it began.
    /// The [edits](UserModel::edits) of that one hold on, as in [`RpmPipeline::relearn`].
    ///
    /// Learning takes long, and others may write meanwhile. Reasoning paths they kept are taken over where they fit.
    /// Any other change, such as another learning with another result, stays: saving over it would undo what was not
    /// known when this one began. The learned model is then handed over in [`StoredError::NotSaved`].
    ///
    /// # Errors
    /// [`StoredError::Store`] before anything was learned; [`StoredError::Operation`] when nothing was;
    /// [`StoredError::Deleted`] or [`StoredError::NotSaved`] afterwards.
    ///
    /// # Cancellation
    /// Dropping the future stops, and leaves the model that was held or the new one. The place of a user whose first
    /// learning did not end stays reserved, which is the id and no more.
    pub async fn learn(&self, history: &History) -> Result<Learned, StoredError> {
        let user = history.user();
        // In this order: what is saved in between is found, what is deleted in between ends the reservation.
        let reserved = self.store.reserve(user).await?;
        let base = self.find(user).await?;
        let mut learned = self.pipeline.learn(history).await?;
        if let Some(base) = &base {
            learned.model.succeed(&base.model);
        }
        match self.save_learned(&mut learned.model, base.as_ref(), reserved).await {
            Ok(()) => Ok(learned),
            Err(StoredError::Store(source)) => {
                Err(StoredError::NotSaved { user: user.clone(), learned: Box::new(learned), source: Box::new(source) })
            }
            Err(error) => Err(error),
        }
    }

    async fn save_learned(
        &self,
        learned: &mut UserModel,
        base: Option<&StoredModel>,
        reserved: Version,
    ) -> Result<(), StoredError> {
        let user = learned.user().clone();
        let mut expected = base.map_or(reserved, |stored| stored.version);
        let life = expected.life();
        for _ in 0..ATTEMPTS {
            match self.store.save(learned, Some(expected)).await {
                Err(StoreError::Conflict) => {}
                result => return Ok(result.map(|_| ())?),
            }
            let Some(now) = self.find(&user).await?.filter(|now| now.version.life() == life) else {
                return Err(StoredError::Deleted { user });
            };
            // Another may have learned the same; of what it was made from, only paths may be new.
            let held = without_paths(&now.model);
            if base.is_none_or(|base| without_paths(&base.model) != held) && without_paths(learned) != held {
                break;
            }
            let paths = now.model.memory().items().iter();
            adopt_fitting(learned, paths.filter_map(|item| Some((item.id(), item.path()?))));
            expected = now.version;
            yield_to_others().await;
        }
        Err(StoreError::Conflict.into())
    }

    /// Answers a query the way the user would. Reasoning paths that were written on the way are saved, so that they are
    /// not written again.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Operation`] when there is no answer; [`StoredError::Store`] when the
    /// model could not be loaded. That the paths could not be saved is no error: see [`StoredAnswer::kept_paths`].
    pub async fn personalize(&self, user: &UserId, query: &Query) -> Result<StoredAnswer, StoredError> {
        let StoredModel { model, version } = self.load(user).await?;
        let answer = self.pipeline.personalize(&model, query).await?;
        let kept_paths = match &answer.written_paths[..] {
            [] => Ok(0),
            paths => {
                let paths = || paths.iter().map(|(id, path)| (id, path));
                self.change(user, Some(version), |model| Ok(adopt_fitting(model, paths()))).await
            }
        };
        Ok(StoredAnswer { answer, model, kept_paths })
    }

    /// Changes the user's model: loads it, applies `change` to a copy and saves that; when another writer was faster, all
    /// of it again from what is held then. A change that leaves the model as it was saves nothing.
    ///
    /// `change` is called once for each attempt, each time on another model: let it be quick, and do what costs
    /// something before. What it returns at the attempt that was saved is what this returns. When it fails, nothing is
    /// saved.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`], also when the user is deleted between two attempts; [`StoredError::Operation`] with
    /// the error of `change`; [`StoredError::Contended`] after 1,000 attempts, at each of which somebody else saved;
    /// [`StoredError::Store`], after which the change may have been saved or not.
    pub async fn update<T>(
        &self,
        user: &UserId,
        change: impl FnMut(&mut UserModel) -> Result<T, Error>,
    ) -> Result<T, StoredError> {
        self.change(user, None, change).await
    }

    /// [`update`](Self::update), only in the life of the user that `seen` is a version of.
    async fn change<T>(
        &self,
        user: &UserId,
        seen: Option<Version>,
        mut change: impl FnMut(&mut UserModel) -> Result<T, Error>,
    ) -> Result<T, StoredError> {
        for _ in 0..ATTEMPTS {
            let held = self.held(user, seen).await?;
            let mut changed = UserModel::clone(&held.model);
            let value = change(&mut changed)?;
            if self.saved(user, &held, &changed).await? {
                return Ok(value);
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }

    /// What is held of a user, in the life that `seen` is a version of.
    async fn held(&self, user: &UserId, seen: Option<Version>) -> Result<StoredModel, StoredError> {
        let held = self.load(user).await?;
        if seen.is_some_and(|seen| seen.life() != held.version.life()) {
            return Err(StoredError::Deleted { user: user.clone() });
        }
        Ok(held)
    }

    /// Saves a changed model; false when another writer was faster. One that is as it was is as good as saved.
    async fn saved(&self, user: &UserId, held: &StoredModel, changed: &UserModel) -> Result<bool, StoredError> {
        changed.check_user(user).map_err(Error::from)?;
        if *changed == *held.model {
            return Ok(true);
        }
        match self.store.save(changed, Some(held.version)).await {
            Err(StoreError::Conflict) => {
                yield_to_others().await;
                Ok(false)
            }
            result => Ok(result.map(|_| true)?),
        }
    }

    /// Takes new interactions into the user's model as [`RpmPipeline::observe`] does. Their features are found once, and
    /// counted again on what is held when another writer was faster.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Deleted`] when the user was deleted meanwhile;
    /// [`StoredError::Operation`]; [`StoredError::Contended`]; [`StoredError::Store`].
    pub async fn observe(
        &self,
        user: &UserId,
        new: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, StoredError> {
        let new: Vec<Interaction> = new.into_iter().collect();
        let ledger = self.pipeline.ledger();
        let ctx = self.pipeline.context(&ledger);
        let first = self.load(user).await?;
        let read = self.pipeline.read_new(&first.model, new, &ctx).await?;
        let (mut report, ids) = self.counted(user, first.version, read, &ctx).await?;
        if self.pipeline.paths == PathPolicy::Eager {
            let held = self.held(user, Some(first.version)).await?;
            let mut with_paths = UserModel::clone(&held.model);
            self.pipeline.write_new_paths(&mut with_paths, &ids, &mut report, &ctx).await?;
            let written = || ids.iter().filter_map(|id| Some((id, with_paths.memory().get(id)?.path()?)));
            // A path that cannot be saved is written again on first use.
            let _ = self.change(user, Some(first.version), |model| Ok(adopt_fitting(model, written()))).await;
        }
        report.usage = ledger.report();
        report.budget_reached = ledger.budget_reached();
        Ok(report)
    }

    async fn counted(
        &self,
        user: &UserId,
        seen: Version,
        read: ReadItems,
        ctx: &StageContext<'_>,
    ) -> Result<(ObserveReport, Vec<ItemId>), StoredError> {
        for _ in 0..ATTEMPTS {
            let held = self.held(user, Some(seen)).await?;
            let mut changed = UserModel::clone(&held.model);
            let counted = self.pipeline.count_in(&mut changed, read.clone(), ctx).await;
            if self.saved(user, &held, &changed).await? {
                return Ok(counted);
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }

    /// Takes interactions, or what was learned of a factor, out of the user's model as [`RpmPipeline::forget`] does. To
    /// forget all of a user, [`delete`](Self::delete) them and remove their log.
    ///
    /// A store may keep bytes of what it held before until it is told to give them back; see the store.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub async fn forget(&self, user: &UserId, what: &Forget<'_>) -> Result<Receipt, StoredError> {
        for _ in 0..ATTEMPTS {
            let held = self.held(user, None).await?;
            let mut changed = UserModel::clone(&held.model);
            let receipt = self.pipeline.forget(&mut changed, what).await?;
            if self.saved(user, &held, &changed).await? {
                return Ok(receipt);
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }

    /// Enters an edit in the user's model ([`UserModel::edit`]) and gives its number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn edit(&self, user: &UserId, edit: Edit) -> Result<u32, StoredError> {
        self.update(user, |model| Ok(model.edit(edit.clone())?)).await
    }

    /// Marks the user's model as it is ([`UserModel::snapshot`]) and gives the mark's number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn snapshot(&self, user: &UserId) -> Result<u32, StoredError> {
        self.update(user, |model| Ok(model.snapshot())).await
    }

    /// Goes back to a snapshot ([`UserModel::rollback`]).
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn rollback(&self, user: &UserId, snapshot: u32) -> Result<(), StoredError> {
        self.update(user, |model| Ok(model.rollback(snapshot)?)).await
    }

    async fn find(&self, user: &UserId) -> Result<Option<StoredModel>, StoredError> {
        let found = self.store.load(user).await?;
        if let Some(found) = &found {
            found.model.check_user(user).map_err(Error::from)?;
        }
        Ok(found)
    }
}

impl fmt::Debug for StoredPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPipeline").field("pipeline", &self.pipeline).field("store", &self.store.name()).finish()
    }
}

/// Adopts the paths of items that have none and that they fit, and says how many. An item may have been forgotten, or
/// another writer's path been faster.
fn adopt_fitting<'a>(model: &mut UserModel, paths: impl Iterator<Item = (&'a ItemId, &'a ReasoningPath)>) -> usize {
    let paths: Vec<(ItemId, ReasoningPath)> = paths
        .filter(|(id, _)| model.memory().get(id).is_some_and(|item| item.path().is_none()))
        .map(|(id, path)| (id.clone(), path.clone()))
        .collect();
    let wanted = paths.len();
    if model.adopt_paths(paths.iter().cloned()).is_ok() {
        return wanted;
    }
    paths.into_iter().filter(|path| model.adopt_paths([path.clone()]).is_ok()).count()
}

/// All of a model that a written path does not change.
fn without_paths(model: &UserModel) -> Value {
    // What cannot be written as JSON is equal to nothing that can; a user model always can.
    let mut value = serde_json::to_value(model).unwrap_or_default();
    if let Some(model) = value.as_object_mut() {
        model.remove("revision");
        let items = model.get_mut("memory").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("path");
            item.remove("composed");
        }
    }
    value
}

/// Lets the executor's other tasks get on before another attempt.
async fn yield_to_others() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
