//! The short way in: record, answer, profile, ignore and forget, by user id.
//!
//! A [`Personalizer`] is an [`RpmPipeline`] with a store, for hosts that have no use for its parts: users, ids and user models
//! are made when they are first needed. The parts stay one step below, in [`Personalizer::stored`].
//!
//! ```
//! use rpm_core::{Personalizer, ResponseSpace, Task};
//!
//! # pollster::block_on(async {
//! let films = Personalizer::offline(Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?);
//! films.record("ana", "A quiet drama in natural light.", 5).await?;
//! films.record("ana", "Loud action and huge explosions.", 1).await?;
//! films.record("ana", "A quiet walk along a river.", 5).await?;
//! let told = films.answer("ana", "A quiet film about a lighthouse.").await?;
//! println!("{told}");
//! assert_eq!(told.response, "5");
//!
//! println!("{}", films.profile("ana").await?); // what is known of her, for her to read
//! films.ignore("ana", "quiet").await.ok(); // do not go by it any more
//! films.forget_user("ana").await?; // all of it
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A host without async takes [`Personalizer::blocking`].

#[cfg(feature = "blocking")]
mod blocking;
mod error;
mod ids;
mod told;

use std::convert::Infallible;
use std::fmt::{self, Display};

use crate::data::{DataError, Edit, Factor, FactorId, FeatureKey, Interaction, ItemId, Query, Task, UserId};
use crate::explain::WhatIf;
use crate::model::{Forget, Receipt};
use crate::pipeline::{ObserveOutcome, ObserveReport, Prepared, RpmPipeline, StoredError, StoredPipeline};
use crate::profile::Profile;
use crate::store::{InMemoryStore, StoreError};

#[cfg(feature = "blocking")]
pub use blocking::BlockingPersonalizer;
pub use error::PersonalizerError;
pub use told::Told;

/// Answers the way each user would, by user id: a pipeline with a store, and nothing to set up for a user. Cheap to clone.
///
/// Users, queries and responses are given as they come: a user as text or [`UserId`], a query as text or
/// [`Query`], a response as anything that displays as one of the task's responses, such as `5` or `"yes"`. What cannot be used is
/// refused with [`PersonalizerError::Data`].
///
/// Everything is in the store when a call returns. Any number of these may work on the same users at a time; no update is lost.
///
/// A user model grows with each record. Where the pipeline's factors are grouped by likeness, as they are offline, that is the
/// same model as learning all at once. Where a model groups them, call [`learn_again`](Self::learn_again) when a user has grown much.
#[derive(Clone)]
pub struct Personalizer {
    stored: StoredPipeline,
}

/// A user id as it is given: text or [`UserId`].
pub trait AsUser: TryInto<UserId, Error: Into<DataError>> + Send {}
impl<T: TryInto<UserId, Error: Into<DataError>> + Send> AsUser for T {}

/// A query as it is given: text or [`Query`].
pub trait AsQuery: TryInto<Query, Error: Into<DataError>> + Send {}
impl<T: TryInto<Query, Error: Into<DataError>> + Send> AsQuery for T {}

impl From<Infallible> for DataError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl TryFrom<&str> for UserId {
    type Error = DataError;
    fn try_from(id: &str) -> Result<Self, DataError> {
        Self::new(id)
    }
}

impl From<&UserId> for UserId {
    fn from(id: &UserId) -> Self {
        id.clone()
    }
}

impl TryFrom<&str> for Query {
    type Error = DataError;
    fn try_from(text: &str) -> Result<Self, DataError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Query {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        Self::new(text)
    }
}

impl From<&Query> for Query {
    fn from(query: &Query) -> Self {
        query.clone()
    }
}

fn user_of(user: impl AsUser) -> Result<UserId, PersonalizerError> {
    user.try_into().map_err(|error| PersonalizerError::Data(error.into()))
}

fn query_of(query: impl AsQuery) -> Result<Query, PersonalizerError> {
    query.try_into().map_err(|error| PersonalizerError::Data(error.into()))
}

impl Personalizer {
    /// One that asks no model and keeps user models in memory.
    pub fn offline(task: Task) -> Self {
        Self::new(RpmPipeline::offline(task))
    }

    /// One over a pipeline of the host's, with user models in memory. For a store that lasts, give
    /// [`RpmPipeline::with_store`] to [`From`].
    pub fn new(pipeline: RpmPipeline) -> Self {
        pipeline.with_store(InMemoryStore::new()).into()
    }

    /// What it is made of, for all that this type does not have.
    pub fn stored(&self) -> &StoredPipeline {
        &self.stored
    }

    /// The same for hosts without async: each call blocks its thread until it is done. A backend that needs a runtime must find
    /// it entered; the backends of rpm-providers need tokio's.
    #[cfg(feature = "blocking")]
    pub fn blocking(self) -> BlockingPersonalizer {
        BlockingPersonalizer::new(self)
    }

    /// Records what a user responded to a query, under an id that is made for it; gives the id. The user need not be known. The
    /// interaction has no time, and counts as later than those recorded before it.
    ///
    /// # Errors
    /// [`PersonalizerError::Data`]; [`PersonalizerError::NotRecorded`] when a model that finds the features failed,
    /// [`PersonalizerError::Overtaken`] when the user had something forgotten meanwhile: nothing is kept then, record it again;
    /// [`PersonalizerError::Stored`].
    pub async fn record(
        &self,
        user: impl AsUser,
        query: impl AsQuery,
        response: impl Display + Send,
    ) -> Result<ItemId, PersonalizerError> {
        let (user, query) = (user_of(user)?, query_of(query)?);
        let response = response.to_string();
        let revision = self.known(&user).await?;
        let id = ids::made(revision, &query, &response);
        let interaction = Interaction::new(id, query, response)?;
        let id = interaction.id().clone();
        let report = self.observe(&user, vec![interaction]).await?;
        for item in report.items {
            match item.outcome {
                ObserveOutcome::Failed { stage, reason } => {
                    return Err(PersonalizerError::NotRecorded { item: item.id, stage, reason });
                }
                ObserveOutcome::Overtaken => return Err(PersonalizerError::Overtaken { item: item.id }),
                _ => {}
            }
        }
        Ok(id)
    }

    /// Records interactions with ids and times of the host's, all in one step; the report tells what became of each. Those that are
    /// known, the same in all, change nothing, so that it may be called again with the same after a failure.
    ///
    /// # Errors
    /// [`PersonalizerError::Data`] naming the first that cannot be used: none is recorded then; [`PersonalizerError::Stored`].
    pub async fn record_all(
        &self,
        user: impl AsUser,
        interactions: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, PersonalizerError> {
        let user = user_of(user)?;
        let interactions: Vec<Interaction> = interactions.into_iter().collect();
        self.known(&user).await?;
        self.observe(&user, interactions).await
    }

    async fn observe(&self, user: &UserId, new: Vec<Interaction>) -> Result<ObserveReport, PersonalizerError> {
        self.stored.observe(user, new).await.map_err(PersonalizerError::of)
    }

    /// Makes the user known; gives the revision of their model.
    async fn known(&self, user: &UserId) -> Result<u64, PersonalizerError> {
        match self.stored.load(user).await {
            Err(StoredError::UnknownUser { .. }) => {
                match self.stored.newcomer(user).await {
                    // Another writer was faster, and the user is there.
                    Err(StoredError::NotSaved { source, .. }) if matches!(*source, StoreError::Conflict) => {}
                    made => drop(made?),
                }
                Ok(self.stored.load(user).await?.model.revision())
            }
            found => Ok(found?.model.revision()),
        }
    }

    /// Answers a query the way a user would, with the reasons. Of a user who is not known the answer says so; beside a
    /// [population](crate::stats::population) it is most people's. Asking makes nobody known.
    ///
    /// # Errors
    /// [`PersonalizerError::Data`]; [`PersonalizerError::Stored`] when there is no answer or the store failed.
    pub async fn answer(&self, user: impl AsUser, query: impl AsQuery) -> Result<Told, PersonalizerError> {
        let (user, query) = (user_of(user)?, query_of(query)?);
        match self.stored.personalize(&user, &query).await {
            Err(StoredError::UnknownUser { .. }) => {
                let prepared = self.stranger(&user).await?;
                let answer = self.stored.pipeline().personalize(&prepared, &query).await.map_err(StoredError::from);
                Ok(Told::new(answer.map_err(PersonalizerError::of)?, prepared))
            }
            found => {
                let found = found.map_err(PersonalizerError::of)?;
                Ok(Told::new(found.answer, found.prepared))
            }
        }
    }

    /// Finds what an answer depended on: each factor and past interaction is taken away in turn and the question asked again, by the
    /// user as they were when it was given. With a model each costs a request.
    ///
    /// # Errors
    /// [`PersonalizerError::Stored`] when it cannot be found out.
    pub async fn what_if(&self, told: &Told) -> Result<WhatIf, PersonalizerError> {
        let found = self.stored.pipeline().explain(&told.user, &told.answer).await;
        found.map_err(|error| PersonalizerError::of(error.into()))
    }

    /// What is known of a user, for that user to read.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub async fn profile(&self, user: impl AsUser) -> Result<Profile, PersonalizerError> {
        let user = user_of(user)?;
        match self.stored.open(&user).await {
            Err(StoredError::UnknownUser { .. }) => Ok(self.stranger(&user).await?.profile()),
            found => Ok(found?.profile()),
        }
    }

    /// A user of whom nothing is known, who is not kept.
    async fn stranger(&self, user: &UserId) -> Result<Prepared, PersonalizerError> {
        let pipeline = self.stored.pipeline();
        let nobody = pipeline.newcomer(user.clone()).await.map_err(StoredError::from)?;
        Ok(pipeline.open(nobody).await.map_err(StoredError::from)?)
    }

    /// Sets a factor aside at the user's wish: from now on no answer goes by it. It is named by its label, as the profile shows it, by
    /// one of its features, or by its id. Gives the number of the edit, for [`undo`](Self::undo).
    ///
    /// # Errors
    /// [`PersonalizerError::UnknownFactor`]; [`PersonalizerError::Stored`], also for a user who is not known.
    pub async fn ignore(&self, user: impl AsUser, factor: &str) -> Result<u32, PersonalizerError> {
        let user = user_of(user)?;
        let factor = self.factor(&user, factor).await?;
        Ok(self.stored.edit(&user, Edit::Mute { factor }).await?)
    }

    /// The factor of a user that is named by its label, as the profile shows it, by one of its features, or by its id: for an [`Edit`], or
    /// to [forget](Forget::Factor) it. Of several, one that is not set aside.
    ///
    /// # Errors
    /// [`PersonalizerError::UnknownFactor`]; [`PersonalizerError::Stored`], also for a user who is not known.
    pub async fn factor(&self, user: impl AsUser, name: &str) -> Result<FactorId, PersonalizerError> {
        let user = user_of(user)?;
        let held = self.stored.open(&user).await?;
        named(&held, name).ok_or(PersonalizerError::UnknownFactor { user })
    }

    /// Takes an edit back, such as one of [`ignore`](Self::ignore): every answer is then as it was before, to the byte. Gives the
    /// number of this edit, which may be taken back too.
    ///
    /// # Errors
    /// [`PersonalizerError::Stored`], also for a number that is no edit's.
    pub async fn undo(&self, user: impl AsUser, edit: u32) -> Result<u32, PersonalizerError> {
        Ok(self.stored.edit(&user_of(user)?, Edit::Undo { edit }).await?)
    }

    /// Forgets interactions of a user, and all that follows from them; the receipt says what went, and which places were searched for it.
    /// What was begun before, such as an answer under way, is not kept after.
    ///
    /// # Errors
    /// [`PersonalizerError::Stored`], also for a user who is not known.
    pub async fn forget(
        &self,
        user: impl AsUser,
        interactions: impl IntoIterator<Item = ItemId> + Send,
    ) -> Result<Receipt, PersonalizerError> {
        let (user, gone) = (user_of(user)?, interactions.into_iter().collect());
        Ok(self.stored.forget(&user, &Forget::Items(gone)).await?)
    }

    /// Forgets a user. True when there was one.
    ///
    /// # Errors
    /// [`PersonalizerError::Stored`].
    pub async fn forget_user(&self, user: impl AsUser) -> Result<bool, PersonalizerError> {
        Ok(self.stored.delete(&user_of(user)?).await?)
    }

    /// Learns a user again from what was recorded, which is worth it where a model groups the factors and the user has grown much.
    ///
    /// # Errors
    /// [`PersonalizerError::Stored`], also for a user who is not known.
    pub async fn learn_again(&self, user: impl AsUser) -> Result<(), PersonalizerError> {
        self.stored.relearn(&user_of(user)?).await?;
        Ok(())
    }
}

/// The factor of this label, feature or id; those that are set aside come last.
fn named(user: &Prepared, name: &str) -> Option<FactorId> {
    let (factors, aside) = (user.model().factors(), user.model().set_aside());
    let all = || factors.iter().chain(aside.iter());
    let key = FeatureKey::of(name);
    let by = |is: &dyn Fn(&Factor) -> bool| all().find(|factor| is(factor)).map(|factor| factor.id().clone());
    by(&|factor| factor.label() == name)
        .or_else(|| by(&|factor| FeatureKey::of(factor.label()) == key))
        .or_else(|| by(&|factor| factor.features().contains(&key)))
        .or_else(|| by(&|factor| factor.id().as_str() == name))
}

impl From<StoredPipeline> for Personalizer {
    fn from(stored: StoredPipeline) -> Self {
        Self { stored }
    }
}

impl fmt::Debug for Personalizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Personalizer").field(&self.stored).finish()
    }
}
