//! What comes into a stored model and what goes out of it: observing, forgetting, deleting.

use crate::data::{Interaction, ItemId, ReasoningPath, UserId};
use crate::llm::Ledger;
use crate::model::{Forget, Place, PlaceKind, Receipt};
use crate::operation::Operation;
use crate::pause::pause;
use crate::pipeline::{ObserveOutcome, ObserveReport, PathPolicy, Prepared, RpmPipeline};
use crate::store::{Erasure, StoreError};

use super::change::{Forgetting, Observe};
use super::swap::{ATTEMPTS, Held, Life};
use super::{StoredError, StoredPipeline};

impl StoredPipeline {
    /// Takes new interactions into the user's model as [`RpmPipeline::observe`] does. Their features are found once,
    /// and counted again on what is held when another writer was faster.
    ///
    /// When the user had something forgotten meanwhile, by whichever process, the interactions are not taken in and reported as
    /// [`Overtaken`](ObserveOutcome::Overtaken): what is under way is in no model yet, so that a forgetting of it could not name it.
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
        let ids: Vec<ItemId> = new.iter().map(|interaction| interaction.id().clone()).collect();
        let first = self.held(user).await?;
        let observed = self.observing(user, &first, new).await;
        if let Err(StoredError::Deleted { .. }) = &observed {
            // Replies about what the deleted model never had.
            self.erase_replies(&ids)?;
        }
        observed
    }

    async fn observing(
        &self,
        user: &UserId,
        first: &Held,
        new: Vec<Interaction>,
    ) -> Result<ObserveReport, StoredError> {
        let ledger = self.pipeline.ledger_on(&first.prepared);
        Operation::named("observe").on(&ledger).run(self.taking_in(user, first, new, &ledger)).await
    }

    async fn taking_in(
        &self,
        user: &UserId,
        first: &Held,
        new: Vec<Interaction>,
        ledger: &Ledger,
    ) -> Result<ObserveReport, StoredError> {
        let (pipeline, base) = (&self.pipeline, first.prepared.model());
        let ctx = pipeline.context(ledger);
        let read = pipeline.read_new(base, new, &ctx).await?;
        let mut observe = Observe { user, pipeline, ctx: &ctx, read, base };
        let (mut report, ids) = self.swap(user, Life::Held(first.version), &mut observe).await?;
        self.let_overtaken_go(user, first, &report).await?;
        if pipeline.paths == PathPolicy::Eager && !ids.is_empty() {
            let held = self.find(user).await?.filter(|held| held.version.life() == first.version.life());
            let held = held.ok_or_else(|| StoredError::Deleted { user: user.clone() })?;
            let paths = pipeline.write_new_paths(held.prepared.model(), &ids, &mut report, &ctx).await?;
            let written = kept_of(&held.prepared, paths, &ids);
            if !written.is_empty() {
                // A path that cannot be saved is written again on first use.
                let _ = self.adopt(user, first.version, &written).await;
            }
        }
        report.usage = ledger.report();
        report.budget_reached = ledger.budget_reached();
        Ok(report)
    }

    /// Takes the replies about interactions that were overtaken out of the logs, where nothing is left of what the user had when
    /// they were begun: all was to go. Otherwise they stay, so that observing again costs nothing.
    async fn let_overtaken_go(&self, user: &UserId, first: &Held, report: &ObserveReport) -> Result<(), StoredError> {
        let overtaken = report.items.iter().filter(|item| item.outcome == ObserveOutcome::Overtaken);
        let ids: Vec<ItemId> = overtaken.map(|item| item.id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let held = self.find(user).await?;
        let stays = |id: &ItemId| held.as_ref().is_some_and(|held| held.prepared.model().memory().get(id).is_some());
        if first.prepared.model().memory().items().iter().any(|item| stays(item.id())) {
            return Ok(());
        }
        self.erase_replies(&ids)
    }

    fn erase_replies(&self, ids: &[ItemId]) -> Result<(), StoredError> {
        let (_, erasing) = self.pipeline.erase_in_logs(RpmPipeline::names_of_ids(ids))?;
        erasing.end();
        Ok(())
    }

    /// Takes interactions, or what was learned of a factor, out of the user's model as [`RpmPipeline::forget`] does, and has the store
    /// [erase](crate::store::UserModelStore::erase) what it held before. To forget all of a user, [`delete`](Self::delete) them.
    ///
    /// Answers, observations and learnings of the user that are under way, in this process or another one on the same store, keep
    /// nothing of what they began before: no path, no interaction, no model. Replies under way are kept out of the logs that this
    /// pipeline forgets in.
    ///
    /// The receipt names the store among its places: erased, or why not and what to call.
    ///
    /// # Errors
    /// As [`observe`](Self::observe). A store that fails to erase is no error but in the receipt: the model is saved by then.
    ///
    /// # Cancellation
    /// After dropping the future the model is as it was or without what was to go, and the store may not have erased:
    /// [`erase`](crate::store::UserModelStore::erase) it, or forget again.
    pub async fn forget(&self, user: &UserId, what: &Forget<'_>) -> Result<Receipt, StoredError> {
        let mut receipt = self.forget_all_but_bytes(user, what).await?;
        // Those who forget at once share one erasure. Where nothing went, it may be what another call removed, which was given up.
        pause().await;
        receipt.probe.replace(place_of(self.store.erase().await));
        Ok(receipt)
    }

    async fn forget_all_but_bytes(&self, user: &UserId, what: &Forget<'_>) -> Result<Receipt, StoredError> {
        let mut forgetting = Forgetting { user, pipeline: &self.pipeline, what };
        let (receipt, erasing) = self.swap(user, Life::Any, &mut forgetting).await?;
        // Not before: until it was saved, others may have begun with what was held.
        erasing.end();
        Ok(receipt)
    }

    /// Deletes the user's model, has the store [erase](crate::store::UserModelStore::erase) what it held of it, and takes the replies
    /// about the model's interactions out of the logs that the pipeline forgets in. True when there was a model. A learning of this user
    /// that is under way fails with [`StoredError::Deleted`], also the user's first; no late writer brings the user back.
    ///
    /// Whether a store erases is what its [`erase`](crate::store::UserModelStore::erase) says. Replies about interactions that came
    /// into no model, because an observation failed or was dropped, stay in a log: [purge](crate::llm::ResponseLog::purge) them by their
    /// ids, or keep one log per user and remove it.
    ///
    /// # Errors
    /// [`StoredError::Store`]; where the pipeline forgets in logs, also why the user's replies could not be taken out of them: a log that
    /// could not be written, a model that cannot be read or is of another task. The user may be deleted then and some bytes not be erased:
    /// call it again, and [purge](crate::llm::ResponseLog::purge) the log.
    ///
    /// # Cancellation
    /// After dropping the future the user may be deleted or not, and not everything erased: call it again.
    pub async fn delete(&self, user: &UserId) -> Result<bool, StoredError> {
        let mut log = Ok(());
        let mut gone = None;
        if self.told.is_some() || self.pipeline.has_logs() {
            // Told as a change of what was held, and not of what was read a moment before.
            match self.delete_emptied(user).await {
                Ok(was_there) => gone = Some(was_there),
                // Nobody knows which replies are theirs then, or a log could not be written.
                Err(error) if self.pipeline.has_logs() => log = Err(error),
                Err(_) => {}
            }
        }
        let was_there = match gone {
            Some(was_there) => was_there,
            // Also whoever cannot be read or saved.
            None => {
                let _ending = self.open.ending(user);
                self.store.delete(user).await?
            }
        };
        pause().await;
        self.store.erase().await?;
        log.map(|()| was_there)
    }

    /// Forgets all of a user and deletes what is left, if nothing came into it meanwhile; else that is forgotten first, too, so that
    /// it is told and taken out of the logs. True when there was a model.
    async fn delete_emptied(&self, user: &UserId) -> Result<bool, StoredError> {
        let mut was_there = false;
        for _ in 0..ATTEMPTS {
            let version = match self.forget_all_but_bytes(user, &Forget::All).await {
                Ok(_) => {
                    was_there = true;
                    match self.find(user).await? {
                        Some(held) if held.prepared.model().memory().is_empty() => held.version,
                        Some(_) => continue,
                        None => return Ok(true),
                    }
                }
                // A place that is reserved for a first learning.
                Err(StoredError::UnknownUser { .. }) => self.store.reserve(user).await?,
                Err(error) => return Err(error),
            };
            let ending = self.open.ending(user);
            match self.store.delete_version(user, version).await {
                Err(StoreError::Conflict) => drop(ending),
                deleted => return Ok(deleted.map(|()| was_there)?),
            }
        }
        Err(StoredError::Contended { user: user.clone(), attempts: ATTEMPTS })
    }
}

/// The paths that a model keeps of these, as those that were begun with it.
fn kept_of(held: &Prepared, paths: Vec<(ItemId, ReasoningPath)>, ids: &[ItemId]) -> Vec<(ItemId, ReasoningPath)> {
    let mut with_paths = held.model().clone();
    with_paths.keep_paths(paths);
    let revision = held.model().revision();
    let written = |id: &ItemId| {
        let path = with_paths.memory().get(id)?.path()?.clone();
        Some((id.clone(), path.begun_at(revision)))
    };
    ids.iter().filter_map(written).collect()
}

/// What a receipt says of the store.
fn place_of(erased: Result<Erasure, StoreError>) -> Place {
    match erased {
        Ok(Erasure::Erased { how }) => Place::erased(PlaceKind::Store, how),
        Ok(Erasure::Left { why, to_do }) => Place::not_reached(PlaceKind::Store, why, to_do),
        Err(error) => Place::not_reached(PlaceKind::Store, error.to_string(), "call `erase` of the store again"),
    }
}
