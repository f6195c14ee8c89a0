//! A pipeline by user id, over a store with many writers.

mod change;
mod coming_and_going;
mod error;
mod learning;
mod opened;
mod swap;

use std::fmt;
use std::sync::Arc;

use crate::data::{Edit, MemoryItem, Query, UserId};
use crate::explain::{ExplainOptions, WhatIf};
use crate::model::UserModel;
use crate::model::{EditEffect, Proposal};
use crate::stats::NextQuestion;
use crate::store::{StoredModel, UserModelStore};

pub use error::StoredError;

use self::change::{Editing, Revise, Rollback, Update};
use self::opened::OpenModels;
use self::swap::{Held, Life};
use super::{Answer, Error, Prepared, RpmPipeline};

/// Models that are kept open unless the host says otherwise.
const KEPT_OPEN: usize = 32;

impl RpmPipeline {
    /// Makes the pipeline one by user id: models are loaded from this store and saved to it.
    #[must_use]
    pub fn with_store(self, store: impl UserModelStore + 'static) -> StoredPipeline {
        let open = Arc::new(OpenModels::new(KEPT_OPEN));
        StoredPipeline { pipeline: self, store: Arc::new(store), open, told: None }
    }
}

/// An [`RpmPipeline`] whose user models are in a [`UserModelStore`]. Cheap to clone.
///
/// Any number of these, in any number of processes that share a store, work on the same users. Nothing is locked: who
/// saves says which version the change was made from, and when another writer was faster, the change is made again from
/// what is held now. No update is lost.
///
/// Models that were answered from are kept open, up to a [number](Self::keep_open), so that the next answer for the
/// same user costs what an answer costs. Each question asks the store for the model's version first; a model that
/// somebody else changed is loaded anew.
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
    told: Option<Arc<Tell>>,
}

type Tell = dyn Fn(Changed<'_>) + Send + Sync;

/// A change of a user's interactions that was saved, from [`StoredPipeline::told_of_changes`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Changed<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The interactions before; none for a user who was not there.
    pub before: &'a [MemoryItem],
    /// The interactions now; none for a user who was deleted.
    pub after: &'a [MemoryItem],
}

impl fmt::Debug for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.before.len(), self.after.len());
        f.debug_struct("Changed").field("user", self.user).field("before", &before).field("after", &after).finish()
    }
}

/// An answer with the model it is from.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// The answer.
    pub answer: Answer,
    /// The open model that answered, for [`Answer::reasons`] and [`RpmPipeline::explain`].
    pub prepared: Prepared,
    /// The number of [`Answer::written_paths`] that were saved. An error costs nothing but that they are written again.
    pub kept_paths: Result<usize, StoredError>,
}

impl StoredPipeline {
    /// Keeps at most this many models open, the ones used last. An open model takes memory in
    /// proportion to its history; 0 keeps none. Default: 32. Clones share the open models, and with them this number.
    ///
    /// A model that is deleted, forgotten from or changed through this pipeline leaves memory with the call; one that another
    /// process deleted or changed leaves it when its user is next asked about, or for newer ones.
    #[must_use]
    pub fn keep_open(self, models: usize) -> Self {
        self.open.resize(models);
        self
    }

    /// Calls `tell` once for every change of a user's interactions that is saved through this pipeline and clones made of it from
    /// now on, after it is saved: learned, observed, forgotten, rolled back, deleted. There is one listener; another takes its place.
    ///
    /// Of changes that meet, each is told with what was held when it was saved, so what was before one is what was after
    /// another, whichever process made it; they may be told in another order. Not told is what was saved by a process that died before it
    /// told, what a store saved although it answered with an error, the deletion of a model that could not be read or emptied first, and
    /// what another writer saves in the moment between these two steps: count anew now and then. Let it be quick and not panic: it is called where the change is awaited.
    #[must_use]
    pub fn told_of_changes(mut self, tell: impl Fn(Changed<'_>) + Send + Sync + 'static) -> Self {
        self.told = Some(Arc::new(tell));
        self
    }

    fn tell(&self, user: &UserId, before: Option<&UserModel>, after: Option<&UserModel>) {
        let [before, after] = [before, after].map(|model| model.map_or(&[][..], |model| model.memory().items()));
        let same =
            |(a, b): (&MemoryItem, &MemoryItem)| a.interaction() == b.interaction() && a.features() == b.features();
        let changed = before.len() != after.len() || !before.iter().zip(after).all(same);
        if let Some(tell) = self.told.as_ref().filter(|_| changed) {
            tell(Changed { user, before, after });
        }
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

    /// Answers a query the way the user would. Reasoning paths that were written on the way are saved, so that they are
    /// not written again.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Operation`] when there is no answer; [`StoredError::Store`] when
    /// the model could not be loaded. That the paths could not be saved is no error: see [`StoredAnswer::kept_paths`].
    pub async fn personalize(&self, user: &UserId, query: &Query) -> Result<StoredAnswer, StoredError> {
        let Held { version, prepared } = self.held(user).await?;
        let answer = self.pipeline.personalize(&prepared, query).await?;
        let kept_paths = match &answer.written_paths[..] {
            [] => Ok(0),
            paths => self.adopt(user, version, paths).await,
        };
        Ok(StoredAnswer { answer, prepared, kept_paths })
    }

    /// The question of a pool to ask the user next, as [`Prepared::next_question`] finds it.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub async fn next_question(&self, user: &UserId, pool: &[Query]) -> Result<Option<NextQuestion>, StoredError> {
        Ok(self.open(user).await?.next_question(pool))
    }

    /// Finds what an answer depended on, as [`RpmPipeline::explain_with`] does, given the user's model as it is held
    /// now.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`]; [`StoredError::Operation`] with [`Error::OtherModel`] when
    /// the answer rests on what the model no longer has.
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

    /// Changes the user's model: loads it, applies `change` to a copy and saves that; when another writer was faster,
    /// all of it again from what is held then. A change that leaves the model as it was saves nothing.
    ///
    /// `change` is called once for each attempt, each time on another model: let it be quick, and do what costs
    /// something before. What it returns at the attempt that was saved is what this returns. When it fails, nothing is
    /// saved.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`], also when the user is deleted between two attempts; [`StoredError::Operation`]
    /// with the error of `change`; [`StoredError::Contended`] after 1,000 attempts, at each of which somebody else
    /// saved; [`StoredError::Store`], after which the change may have been saved or not.
    pub async fn update<T: Send>(
        &self,
        user: &UserId,
        change: impl FnMut(&mut UserModel) -> Result<T, Error> + Send,
    ) -> Result<T, StoredError> {
        self.swap(user, Life::Any, &mut Update { user, pipeline: &self.pipeline, change }).await
    }

    /// Tells what an edit would change of the user's answers ([`UserModel::preview`]), and changes nothing.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`]; [`StoredError::Operation`] for an edit that cannot be made.
    pub async fn preview(&self, user: &UserId, edit: Edit) -> Result<EditEffect, StoredError> {
        let held = self.held(user).await?;
        Ok(self.pipeline.preview(&held.prepared, edit)?)
    }

    /// Enters an edit in the user's model ([`UserModel::edit`]) and gives its number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn edit(&self, user: &UserId, edit: Edit) -> Result<u32, StoredError> {
        self.swap(user, Life::Any, &mut Editing { user, pipeline: &self.pipeline, edit }).await
    }

    /// Marks the user's model as it is ([`UserModel::snapshot`]) and gives the mark's number.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn snapshot(&self, user: &UserId) -> Result<u32, StoredError> {
        let change = |prepared: &mut Prepared| Ok(prepared.snapshot());
        self.swap(user, Life::Any, &mut Revise { user, change }).await
    }

    /// Goes back to a snapshot ([`UserModel::rollback`]).
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn rollback(&self, user: &UserId, snapshot: u32) -> Result<(), StoredError> {
        self.swap(user, Life::Any, &mut Rollback { user, pipeline: &self.pipeline, snapshot }).await
    }
}

impl fmt::Debug for StoredPipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPipeline").field("pipeline", &self.pipeline).field("store", &self.store.name()).finish()
    }
}
