//! Learning a user and saving the model, and the cost of it.

use crate::data::{History, Interaction, Query, UserId};
use crate::llm::{CostEstimate, Moment};
use crate::pipeline::{LearnReport, Learned, RpmPipeline};
use crate::store::{StoreError, Version};

use super::change::Learning;
use super::swap::{Held, Life};
use super::{StoredError, StoredPipeline};

impl StoredPipeline {
    /// Learns a user as [`RpmPipeline::learn`](crate::RpmPipeline::learn) does and saves the model in the place of the
    /// one that was held when it began. The [edits](crate::UserModel::edits) of that one hold on, as in
    /// [`RpmPipeline::relearn`](crate::RpmPipeline::relearn).
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
        let begun = Moment::now();
        let reserved = self.store.reserve(user).await?;
        let base = self.find(user).await?;
        let mut learned = self.pipeline.learn_as_of(history, begun).await?;
        if let Some(base) = &base {
            learned.model.succeed(base.prepared.model());
        }
        let saved = self.save_learned(user, learned, base, reserved).await;
        if let Err(StoredError::Deleted { .. }) = &saved {
            // Replies about what the deleted model never had.
            let ids = RpmPipeline::names_of_ids(history.interactions().iter().map(Interaction::id));
            let (_, erasing) = self.pipeline.erase_in_logs(ids)?;
            erasing.end();
        }
        saved
    }

    /// Begins a user of whom nothing is known yet, as [`RpmPipeline::newcomer`](crate::RpmPipeline::newcomer) does. False when
    /// the user is there already, who stays as they are.
    ///
    /// # Errors
    /// [`StoredError::Store`]; [`StoredError::Deleted`] when the user was deleted meanwhile; [`StoredError::NotSaved`].
    pub async fn newcomer(&self, user: &UserId) -> Result<bool, StoredError> {
        let reserved = self.store.reserve(user).await?;
        if self.find(user).await?.is_some() {
            return Ok(false);
        }
        let model = self.pipeline.newcomer(user.clone()).await?;
        self.save_learned(user, Learned { model, report: LearnReport::default() }, None, reserved).await?;
        Ok(true)
    }

    /// Learns a user again from the interactions that are held, as
    /// [`RpmPipeline::relearn`](crate::RpmPipeline::relearn) does, and saves the model as [`learn`](Self::learn) does.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; otherwise as for [`learn`](Self::learn).
    ///
    /// # Cancellation
    /// As for [`learn`](Self::learn).
    pub async fn relearn(&self, user: &UserId) -> Result<Learned, StoredError> {
        let base = self.held(user).await?;
        let learned = self.pipeline.relearn_as_of(base.prepared.model(), base.prepared.as_of()).await?;
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
        let life = base.as_ref().map_or(Life::Reserved(reserved), |base| Life::Held(base.version));
        let base = base.as_ref().map(|base| base.prepared.model());
        let mut learning = Learning { pipeline: &self.pipeline, base, learned: &mut learned.model };
        match self.swap(user, life, &mut learning).await {
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

    /// The calls, tokens and money that learning this history would take, as
    /// [`RpmPipeline::cost_of_learning`](crate::RpmPipeline::cost_of_learning) counts them. Asks nothing, and reads
    /// nothing from the store.
    ///
    /// # Errors
    /// As for [`RpmPipeline::cost_of_learning`](crate::RpmPipeline::cost_of_learning).
    pub async fn cost_of_learning(&self, history: &History) -> Result<CostEstimate, StoredError> {
        Ok(self.pipeline.cost_of_learning(history).await?)
    }

    /// The calls, tokens and money that answering this query for the user would take, as
    /// [`RpmPipeline::cost_of_answer`](crate::RpmPipeline::cost_of_answer) counts them. Asks nothing.
    ///
    /// # Errors
    /// [`StoredError::UnknownUser`]; [`StoredError::Store`]; otherwise as for
    /// [`RpmPipeline::cost_of_answer`](crate::RpmPipeline::cost_of_answer).
    pub async fn cost_of_answer(&self, user: &UserId, query: &Query) -> Result<CostEstimate, StoredError> {
        let prepared = self.open(user).await?;
        Ok(self.pipeline.cost_of_answer(&prepared, query).await?)
    }
}
