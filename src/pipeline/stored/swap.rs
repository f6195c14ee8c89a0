//! The one loop in which a stored model is changed: make the change, save it if nobody was faster, or make it again.

use std::future::poll_fn;
use std::task::Poll;

use crate::data::{ItemId, ReasoningPath, UserId};
use crate::llm::Moment;
use crate::pipeline::{Error, Prepared};
use crate::store::{StoreError, StoredModel, Version};

use super::change::{Change, Revise, adopt_fitting};
use super::{StoredError, StoredPipeline};

/// Attempts at one update. Each failed one is a save of the same user by somebody else, so that this is never reached
/// while a user's writers number in the dozens.
pub(super) const ATTEMPTS: usize = 1_000;

/// A model as it is held, open.
pub(super) struct Held {
    pub(super) version: Version,
    pub(super) prepared: Prepared,
}

/// The life of a user that a change is made in.
#[derive(Clone, Copy)]
pub(super) enum Life {
    /// Whichever the user has.
    Any,
    /// The one of a place that was reserved, which holds no model yet.
    Reserved(Version),
    /// The one of a model that was held.
    Held(Version),
}

impl Life {
    fn version(self) -> Option<Version> {
        match self {
            Self::Any => None,
            Self::Reserved(version) | Self::Held(version) => Some(version),
        }
    }

    /// True when it is over, given the version that is held now. A place that is only reserved is written at the first
    /// attempt, or it is no longer there.
    fn is_over(self, held: Option<Version>, attempt: usize) -> bool {
        match (self, held) {
            (Self::Any, _) => false,
            (Self::Reserved(seen) | Self::Held(seen), Some(held)) => held.life() != seen.life(),
            (Self::Reserved(_), None) => attempt > 0,
            (Self::Held(_), None) => true,
        }
    }
}

impl StoredPipeline {
    /// Keeps written paths of items that have none, in the life of the user that `seen` is a version of.
    pub(super) async fn adopt(
        &self,
        user: &UserId,
        seen: Version,
        paths: &[(ItemId, ReasoningPath)],
    ) -> Result<usize, StoredError> {
        let change = |prepared: &mut Prepared| {
            Ok(prepared.revise_paths(|model| adopt_fitting(model, paths.iter().map(|(id, path)| (id, path)))))
        };
        self.swap(user, Life::Held(seen), &mut Revise { user, change }).await
    }

    /// Makes a change and saves it if nobody else saved meanwhile; otherwise makes it again on what is held then, in
    /// this life of the user only.
    pub(super) async fn swap<C: Change>(
        &self,
        user: &UserId,
        life: Life,
        change: &mut C,
    ) -> Result<C::Value, StoredError> {
        for attempt in 0..ATTEMPTS {
            let held = self.find(user).await?;
            let version = held.as_ref().map(|held| held.version);
            if life.is_over(version, attempt) {
                return Err(StoredError::Deleted { user: user.clone() });
            }
            let before = held.map(|held| held.prepared);
            let (changed, value) = change.make(before.clone()).await?;
            changed.model().check_user(user).map_err(Error::from)?;
            // What would not load again is never acknowledged: the store keeps what it has.
            changed.model().check_in_steps().await.map_err(Error::from)?;
            if before.as_ref().is_some_and(|before| before.model() == changed.model()) {
                return Ok(value);
            }
            let ending = self.open.ending(user);
            let expected = version.or(life.version());
            let saved = if C::FORGETS {
                self.store.save_forgetting(changed.model(), expected).await
            } else {
                self.store.save(changed.model(), expected).await
            };
            match saved {
                Err(StoreError::Conflict) => let_others_run().await,
                Err(error) => return Err(error.into()),
                Ok(version) => {
                    let saved = changed.shared_model();
                    ending.replace(version, changed);
                    self.tell(user, before.as_ref().map(Prepared::model), Some(&saved));
                    return Ok(value);
                }
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }

    pub(super) async fn held(&self, user: &UserId) -> Result<Held, StoredError> {
        self.find(user).await?.ok_or_else(|| StoredError::UnknownUser { user: user.clone() })
    }

    /// The model that the store holds, from the open models where its version is among them.
    pub(super) async fn find(&self, user: &UserId) -> Result<Option<Held>, StoredError> {
        let opening = self.open.opening(user);
        // What is found is the newest at a moment after this one.
        let as_of = Moment::now();
        let Some(version) = self.store.version(user).await? else {
            self.open.remove(user);
            return Ok(None);
        };
        if let Some(mut prepared) = self.open.get(user, version) {
            prepared.known_as_of(as_of);
            return Ok(Some(Held { version, prepared }));
        }
        let Some(StoredModel { model, version }) = self.store.load(user).await? else {
            self.open.remove(user);
            return Ok(None);
        };
        model.check_user(user).map_err(Error::from)?;
        let mut prepared = self.pipeline.prepared(model);
        prepared.known_as_of(as_of);
        opening.put(version, prepared.clone());
        Ok(Some(Held { version, prepared }))
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
