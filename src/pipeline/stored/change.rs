//! The changes of a stored model, each made again when another writer was faster.

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{Edit, ItemId, ReasoningPath, UserId};
use crate::model::UserModel;
use crate::model::{Forget, Receipt};
use crate::pipeline::erasing::ErasingLogs;
use crate::pipeline::observe::ReadItems;
use crate::pipeline::{Error, ObserveReport, Prepared, RpmPipeline};
use crate::store::StoreError;

use super::StoredError;

/// A change that can be made again on another state of the model.
#[async_trait]
pub(super) trait Change: Send {
    /// The value of the change at the attempt that was saved.
    type Value: Send;

    /// True of a change after which the store is to erase what it held before.
    const FORGETS: bool = false;

    /// Makes the change. `held` is what the store holds; `None` for a place that is only reserved.
    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, Self::Value), StoredError>;
}

/// The held model, which a change needs.
fn needed(held: Option<Prepared>, user: &UserId) -> Result<Prepared, StoredError> {
    held.ok_or_else(|| StoredError::UnknownUser { user: user.clone() })
}

/// Any change of the plain model.
pub(super) struct Update<'a, F> {
    pub(super) user: &'a UserId,
    pub(super) pipeline: &'a RpmPipeline,
    pub(super) change: F,
}

#[async_trait]
impl<T: Send, F: FnMut(&mut UserModel) -> Result<T, Error> + Send> Change for Update<'_, F> {
    type Value = T;

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, T), StoredError> {
        let held = needed(held, self.user)?;
        let mut model = held.model().clone();
        let value = (self.change)(&mut model)?;
        let changed = if model == *held.model() { held } else { self.pipeline.prepared(Arc::new(model)) };
        Ok((changed, value))
    }
}

/// A quick change of the open model, which keeps what still holds.
pub(super) struct Revise<'a, F> {
    pub(super) user: &'a UserId,
    pub(super) change: F,
}

#[async_trait]
impl<T: Send, F: FnMut(&mut Prepared) -> Result<T, Error> + Send> Change for Revise<'_, F> {
    type Value = T;

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, T), StoredError> {
        let mut changed = needed(held, self.user)?;
        let value = (self.change)(&mut changed)?;
        Ok((changed, value))
    }
}

/// Interactions whose features were found already.
pub(super) struct Observe<'a> {
    pub(super) user: &'a UserId,
    pub(super) pipeline: &'a RpmPipeline,
    pub(super) ctx: &'a StageContext<'a>,
    pub(super) read: ReadItems,
    /// The model that was held when it began.
    pub(super) base: &'a UserModel,
}

#[async_trait]
impl Change for Observe<'_> {
    type Value = (ObserveReport, Vec<ItemId>);

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, Self::Value), StoredError> {
        let mut changed = needed(held, self.user)?;
        let model = changed.model();
        // What was forgotten since it began may be what it brings.
        let overtaken = model.has_forgotten_since(self.base.revision()) && model != self.base;
        let read = if overtaken { self.read.clone().overtaken(model) } else { self.read.clone() };
        let counted = self.pipeline.count_in(&mut changed, read, self.ctx).await;
        Ok((changed, counted))
    }
}

/// A forgetting.
pub(super) struct Forgetting<'a> {
    pub(super) user: &'a UserId,
    pub(super) pipeline: &'a RpmPipeline,
    pub(super) what: &'a Forget<'a>,
}

#[async_trait]
impl Change for Forgetting<'_> {
    /// The logs take nothing in of what went until it is saved.
    type Value = (Receipt, ErasingLogs);

    const FORGETS: bool = true;

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, Self::Value), StoredError> {
        let mut changed = needed(held, self.user)?;
        let forgotten = self.pipeline.forget_until(&mut changed, self.what).await?;
        Ok((changed, forgotten))
    }
}

/// An edit of the user's.
pub(super) struct Editing<'a> {
    pub(super) user: &'a UserId,
    pub(super) pipeline: &'a RpmPipeline,
    pub(super) edit: Edit,
}

#[async_trait]
impl Change for Editing<'_> {
    type Value = u32;

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, u32), StoredError> {
        let mut changed = needed(held, self.user)?;
        let number = self.pipeline.edit(&mut changed, self.edit.clone()).await?;
        Ok((changed, number))
    }
}

/// A snapshot to go back to.
pub(super) struct Rollback<'a> {
    pub(super) user: &'a UserId,
    pub(super) pipeline: &'a RpmPipeline,
    pub(super) snapshot: u32,
}

#[async_trait]
impl Change for Rollback<'_> {
    type Value = ();

    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, ()), StoredError> {
        let mut changed = needed(held, self.user)?;
        self.pipeline.rollback(&mut changed, self.snapshot).await?;
        Ok((changed, ()))
    }
}

/// A model that was learned while others may have written.
pub(super) struct Learning<'a> {
    pub(super) pipeline: &'a RpmPipeline,
    /// The model that was held when learning began.
    pub(super) base: Option<&'a UserModel>,
    pub(super) learned: &'a mut UserModel,
}

#[async_trait]
impl Change for Learning<'_> {
    type Value = ();

    /// Paths that others kept meanwhile are taken over; any other change of theirs stays, and nothing is saved.
    async fn make(&mut self, held: Option<Prepared>) -> Result<(Prepared, ()), StoredError> {
        if let Some(held) = &held {
            let held = held.model();
            let untouched = self.base.is_some_and(|base| base == held || base.is_same_but_for_paths(held));
            // Another may have learned the same.
            if !untouched && !self.learned.is_same_but_for_paths(held) {
                return Err(StoreError::Conflict.into());
            }
            if self.base != Some(held) {
                let paths = held.memory().items().iter();
                adopt_fitting(self.learned, paths.filter_map(|item| Some((item.id(), item.path()?))));
            }
            // What is begun with either is told apart by its revision.
            self.learned.comes_after(held);
        }
        Ok((self.pipeline.prepared(Arc::new(self.learned.clone())), ()))
    }
}

/// Adopts the paths of items that have none and that they fit, and says how many. An item may have been forgotten, or
/// another writer's path been faster.
pub(super) fn adopt_fitting<'a>(
    model: &mut UserModel,
    paths: impl Iterator<Item = (&'a ItemId, &'a ReasoningPath)>,
) -> usize {
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
