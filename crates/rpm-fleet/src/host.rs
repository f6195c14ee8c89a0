//! What a host does with users: record, answer, explain.

use rpm_core::explain::WhatIf;
use rpm_core::personalizer::Told;
use rpm_core::profile::Profile;
use rpm_core::{Interaction, Query, UserId};
use rpm_stores::postgres::Put;

use crate::error::FleetError;
use crate::fleet::Fleet;
use crate::jobs::Task;

impl Fleet {
    /// Records interactions of a user, who need not be known: they wait safely once it returns, and a worker observes them. One [`Put`] for
    /// each, in their order. What was recorded already changes nothing, so that whoever does not know whether it arrived may record it again.
    ///
    /// A worker is nudged. Where that fails, the next sweep does it, within a minute.
    ///
    /// # Errors
    /// [`FleetError::Store`]; then they may be recorded or not.
    pub async fn record(
        &self,
        user: &UserId,
        interactions: impl IntoIterator<Item = Interaction>,
    ) -> Result<Vec<Put>, FleetError> {
        let interactions: Vec<Interaction> = interactions.into_iter().collect();
        let put = self.inner.store.inbox().put(user, &interactions).await?;
        if put.iter().any(|put| *put != Put::Forgotten)
            && let Err(error) = self.inner.queue.nudge(Task::Observe, std::slice::from_ref(user)).await
        {
            tracing::warn!(%error, "no worker was nudged; the next sweep will do it");
        }
        Ok(put)
    }

    /// Has a worker learn a user again from what was observed, which is worth it where a model groups the factors and the user has grown
    /// much.
    ///
    /// # Errors
    /// [`FleetError::Queue`].
    pub async fn relearn(&self, user: &UserId) -> Result<(), FleetError> {
        Ok(self.inner.queue.nudge(Task::Relearn, std::slice::from_ref(user)).await?)
    }

    /// Answers a query the way the user would, from what was observed so far. Of a user who is not known the answer says so.
    ///
    /// Each call loads the model. Who asks much about the same users keeps a
    /// [`StoredPipeline`](rpm_core::StoredPipeline) over [`store`](Self::store) of their own, which keeps models open.
    ///
    /// # Errors
    /// [`FleetError::Personalizer`], [`FleetError::Store`], [`FleetError::Pipeline`].
    pub async fn answer(&self, user: &UserId, query: &Query) -> Result<Told, FleetError> {
        Ok(self.personalizer(user).await?.answer(user, query).await?)
    }

    /// Finds what an answer depended on. With a model each factor and past interaction costs a request.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub async fn explain(&self, user: &UserId, told: &Told) -> Result<WhatIf, FleetError> {
        Ok(self.personalizer(user).await?.what_if(told).await?)
    }

    /// What is known of a user, for that user to read.
    ///
    /// # Errors
    /// As for [`answer`](Self::answer).
    pub async fn profile(&self, user: &UserId) -> Result<Profile, FleetError> {
        Ok(self.personalizer(user).await?.profile(user).await?)
    }

    /// Has what was put off or set aside of a user be observed now. Says how many interactions.
    ///
    /// # Errors
    /// [`FleetError::Store`], [`FleetError::Queue`].
    pub async fn try_again(&self, user: &UserId) -> Result<u64, FleetError> {
        let again = self.inner.store.inbox().try_again(user).await?;
        self.inner.queue.nudge(Task::Observe, std::slice::from_ref(user)).await?;
        Ok(again)
    }
}
