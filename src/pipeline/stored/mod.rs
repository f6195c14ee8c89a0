//! A pipeline by user id, over a store with many writers.

mod change;
mod error;
mod opened;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use crate::data::{Edit, History, Interaction, ItemId, Query, ReasoningPath, UserId};
use crate::explain::{ExplainOptions, WhatIf};
use crate::llm::CostEstimate;
use crate::model::UserModel;
use crate::model::{Forget, Proposal, Receipt};
use crate::store::{StoreError, StoredModel, UserModelStore, Version};

pub use error::StoredError;

use self::change::{Change, Editing, Forgetting, Learning, Observe, Revise, Rollback, Update, adopt_fitting};
use self::opened::OpenModels;
use super::{Answer, Error, Learned, ObserveReport, PathPolicy, Prepared, RpmPipeline};

/// Attempts at one update. Each failed one is a save of the same user by somebody else, so that this is never reached
/// while a user's writers number in the dozens.
const ATTEMPTS: usize = 1_000;

/// Models that are kept open unless the host says otherwise.
const KEPT_OPEN: usize = 32;

impl RpmPipeline {
    /// The same pipeline by user id: models are loaded from this store and saved to it.
    #[must_use]
    pub fn with_store(self, store: impl UserModelStore + 'static) -> StoredPipeline {
        let open = Arc::new(OpenModels::new(KEPT_OPEN));
        StoredPipeline { pipeline: self, store: Arc::new(store), open }
    }
}

/// An [`RpmPipeline`] whose user models are in a [`UserModelStore`]. Cheap to clone.
///
/// Any number of these, in any number of processes that share a store, work on the same users. Nothing is locked: who
/// saves says which version the change was made from, and when another writer was faster, the change is made again from
/// what is held now. No update is lost.
///
/// Models that were answered from are kept open, up to a [number](Self::keep_open), so that the next answer for the same
/// user costs what an answer costs. Each question asks the store for the model's version first; a model that somebody else
/// changed is loaded anew.
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
    open: Arc<OpenModels>,
}

/// An answer with the model it is from.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// The answer.
    pub answer: Answer,
    /// The open model that answered, for [`Answer::reasons`] and [`RpmPipeline::explain`].
    pub prepared: Prepared,
    /// How many of [`Answer::written_paths`] were saved. An error costs nothing but that they are written again.
    pub kept_paths: Result<usize, StoredError>,
}

/// A model as it is held, open.
struct Held {
    version: Version,
    prepared: Prepared,
}

impl StoredPipeline {
    /// The same pipeline, which keeps at most this many models open, the ones used last. An open model takes memory in
    /// proportion to its history; 0 keeps none. Default: 32.
    #[must_use]
    pub fn keep_open(mut self, models: usize) -> Self {
        self.open = Arc::new(OpenModels::new(models));
        self
    }

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
        let Held { version, prepared } = self.held(user).await?;
        Ok(StoredModel::new(prepared.shared_model(), version))
    }

    /// The user's model, open for answering.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub async fn open(&self, user: &UserId) -> Result<Prepared, StoredError> {
        Ok(self.held(user).await?.prepared)
    }

    /// Deletes the user's model. True when there was one. A learning of this user that is under way fails with
    /// [`StoredError::Deleted`], also the user's first; no late writer brings the user back.
    ///
    /// # Errors
    /// [`StoredError::Store`].
    pub async fn delete(&self, user: &UserId) -> Result<bool, StoredError> {
        let deleted = self.store.delete(user).await?;
        self.open.remove(user);
        Ok(deleted)
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
            learned.model.succeed(base.prepared.model());
        }
        self.save_learned(user, learned, base, reserved).await
    }

    /// Learns a user again from the interactions that are held, as [`RpmPipeline::relearn`] does, and saves the model as
    /// [`learn`](Self::learn) does.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; otherwise as for [`learn`](Self::learn).
    ///
    /// # Cancellation
    /// As for [`learn`](Self::learn).
    pub async fn relearn(&self, user: &UserId) -> Result<Learned, StoredError> {
        let base = self.held(user).await?;
        let learned = self.pipeline.relearn(base.prepared.model()).await?;
        let version = base.version;
        self.save_learned(user, learned, Some(base), version).await
    }

    async fn save_learned(
        &self,
        user: &UserId,
        mut learned: Learned,
        base: Option<Held>,
        reserved: Version,
    ) -> Result<Learned, StoredError> {
        let seen = base.as_ref().map_or(reserved, |base| base.version);
        let base = base.as_ref().map(|base| base.prepared.model());
        let mut learning = Learning { base, learned: &mut learned.model };
        match self.swap(user, Some(seen), &mut learning).await {
            Ok(()) => Ok(learned),
            Err(StoredError::Store(source)) => {
                Err(StoredError::NotSaved { user: user.clone(), learned: Box::new(learned), source: Box::new(source) })
            }
            Err(StoredError::Contended { .. }) => {
                let source = Box::new(StoreError::Conflict);
                Err(StoredError::NotSaved { user: user.clone(), learned: Box::new(learned), source })
            }
            Err(error) => Err(error),
        }
    }

    /// The calls, tokens and money that learning this history would take, as [`RpmPipeline::cost_of_learning`] counts them. Asks
    /// nothing, and reads nothing from the store.
    ///
    /// # Errors
    /// As for [`RpmPipeline::cost_of_learning`].
    pub async fn cost_of_learning(&self, history: &History) -> Result<CostEstimate, StoredError> {
        Ok(self.pipeline.cost_of_learning(history).await?)
    }

    /// The calls, tokens and money that answering this query for the user would take, as [`RpmPipeline::cost_of_answer`]
    /// counts them. Asks nothing.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`]; otherwise as for [`RpmPipeline::cost_of_answer`].
    pub async fn cost_of_answer(&self, user: &UserId, query: &Query) -> Result<CostEstimate, StoredError> {
        let prepared = self.open(user).await?;
        Ok(self.pipeline.cost_of_answer(&prepared, query).await?)
    }

    /// Answers a query the way the user would. Reasoning paths that were written on the way are saved, so that they are
    /// not written again.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Operation`] when there is no answer; [`StoredError::Store`] when the
    /// model could not be loaded. That the paths could not be saved is no error: see [`StoredAnswer::kept_paths`].
    pub async fn personalize(&self, user: &UserId, query: &Query) -> Result<StoredAnswer, StoredError> {
        let Held { version, prepared } = self.held(user).await?;
        let answer = self.pipeline.personalize(&prepared, query).await?;
        let kept_paths = match &answer.written_paths[..] {
            [] => Ok(0),
            paths => self.adopt(user, version, paths).await,
        };
        Ok(StoredAnswer { answer, prepared, kept_paths })
    }

    /// Finds what an answer depended on, as [`RpmPipeline::explain_with`] does, given the user's model as it is held now.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`]; [`StoredError::Operation`] with [`Error::OtherModel`] when the
    /// answer rests on what the model no longer has.
    pub async fn explain(
        &self,
        user: &UserId,
        answer: &Answer,
        options: &ExplainOptions,
    ) -> Result<WhatIf, StoredError> {
        let prepared = self.open(user).await?;
        Ok(self.pipeline.explain_with(&prepared, answer, options).await?)
    }

    /// The factors of the user that could be merged or split, as [`UserModel::proposals`] finds them.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`].
    pub async fn proposals(&self, user: &UserId) -> Result<Vec<Proposal>, StoredError> {
        Ok(self.open(user).await?.model().proposals())
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
    pub async fn update<T: Send>(
        &self,
        user: &UserId,
        change: impl FnMut(&mut UserModel) -> Result<T, Error> + Send,
    ) -> Result<T, StoredError> {
        self.swap(user, None, &mut Update { user, change }).await
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
        let (pipeline, ledger) = (&self.pipeline, self.pipeline.ledger());
        let ctx = pipeline.context(&ledger);
        let first = self.held(user).await?;
        let read = pipeline.read_new(first.prepared.model(), new, &ctx).await?;
        let mut observe = Observe { user, pipeline, ctx: &ctx, read };
        let (mut report, ids) = self.swap(user, Some(first.version), &mut observe).await?;
        if pipeline.paths == PathPolicy::Eager {
            let held = self.held(user).await?;
            if held.version.life() != first.version.life() {
                return Err(StoredError::Deleted { user: user.clone() });
            }
            let paths = pipeline.write_new_paths(held.prepared.model(), &ids, &mut report, &ctx).await?;
            let mut with_paths = held.prepared.model().clone();
            with_paths.keep_paths(paths);
            let written = |id: &ItemId| Some((id.clone(), with_paths.memory().get(id)?.path()?.clone()));
            let written: Vec<(ItemId, ReasoningPath)> = ids.iter().filter_map(written).collect();
            if !written.is_empty() {
                // A path that cannot be saved is written again on first use.
                let _ = self.adopt(user, first.version, &written).await;
            }
        }
        report.usage = ledger.report();
        report.budget_reached = ledger.budget_reached();
        Ok(report)
    }

    /// Takes interactions, or what was learned of a factor, out of the user's model as [`RpmPipeline::forget`] does. To
    /// forget all of a user, [`delete`](Self::delete) them and remove their log.
    ///
    /// A store may keep bytes of what it held before until it is told to give them back; see the store.
    ///
    /// # Errors
    /// As [`observe`](Self::observe).
    pub async fn forget(&self, user: &UserId, what: &Forget<'_>) -> Result<Receipt, StoredError> {
        self.swap(user, None, &mut Forgetting { user, pipeline: &self.pipeline, what }).await
    }

    /// Enters an edit in the user's model ([`UserModel::edit`]) and gives its number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn edit(&self, user: &UserId, edit: Edit) -> Result<u32, StoredError> {
        self.swap(user, None, &mut Editing { user, pipeline: &self.pipeline, edit }).await
    }

    /// Marks the user's model as it is ([`UserModel::snapshot`]) and gives the mark's number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn snapshot(&self, user: &UserId) -> Result<u32, StoredError> {
        let change = |prepared: &mut Prepared| Ok(prepared.snapshot());
        self.swap(user, None, &mut Revise { user, change }).await
    }

    /// Goes back to a snapshot ([`UserModel::rollback`]).
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn rollback(&self, user: &UserId, snapshot: u32) -> Result<(), StoredError> {
        self.swap(user, None, &mut Rollback { user, pipeline: &self.pipeline, snapshot }).await
    }

    /// Keeps written paths of items that have none, in the life of the user that `seen` is a version of.
    async fn adopt(
        &self,
        user: &UserId,
        seen: Version,
        paths: &[(ItemId, ReasoningPath)],
    ) -> Result<usize, StoredError> {
        let change = |prepared: &mut Prepared| {
            Ok(prepared.revise_paths(|model| adopt_fitting(model, paths.iter().map(|(id, path)| (id, path)))))
        };
        self.swap(user, Some(seen), &mut Revise { user, change }).await
    }

    /// Makes a change and saves it if nobody else saved meanwhile; otherwise makes it again on what is held then. With
    /// `seen`, only in the life of the user that it is a version of.
    async fn swap<C: Change>(
        &self,
        user: &UserId,
        seen: Option<Version>,
        change: &mut C,
    ) -> Result<C::Value, StoredError> {
        for attempt in 0..ATTEMPTS {
            let held = self.find(user).await?;
            let version = held.as_ref().map(|held| held.version);
            let ended = match (version, seen) {
                (Some(version), Some(seen)) => version.life() != seen.life(),
                // A place that is only reserved is written at the first attempt, or it is no longer there.
                (None, Some(_)) => attempt > 0,
                _ => false,
            };
            if ended {
                return Err(StoredError::Deleted { user: user.clone() });
            }
            let before = held.map(|held| held.prepared);
            let (changed, value) = change.make(before.clone()).await?;
            changed.model().check_user(user).map_err(Error::from)?;
            if before.is_some_and(|before| before.model() == changed.model()) {
                return Ok(value);
            }
            match self.store.save(changed.model(), version.or(seen)).await {
                Err(StoreError::Conflict) => let_others_run().await,
                Err(error) => return Err(error.into()),
                Ok(version) => {
                    self.open.put(version, changed);
                    return Ok(value);
                }
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }

    async fn held(&self, user: &UserId) -> Result<Held, StoredError> {
        self.find(user).await?.ok_or_else(|| StoredError::UnknownUser { user: user.clone() })
    }

    /// What the store holds, from the open models where the version is among them.
    async fn find(&self, user: &UserId) -> Result<Option<Held>, StoredError> {
        let Some(version) = self.store.version(user).await? else { return Ok(None) };
        if let Some(prepared) = self.open.get(user, version) {
            return Ok(Some(Held { version, prepared }));
        }
        let Some(StoredModel { model, version }) = self.store.load(user).await? else { return Ok(None) };
        model.check_user(user).map_err(Error::from)?;
        let prepared = Prepared::new(model);
        self.open.put(version, prepared.clone());
        Ok(Some(Held { version, prepared }))
    }
}

impl fmt::Debug for StoredPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPipeline").field("pipeline", &self.pipeline).field("store", &self.store.name()).finish()
    }
}

/// Lets the executor's other tasks get on before another attempt.
async fn let_others_run() {
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
