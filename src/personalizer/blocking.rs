//! A personalizer for hosts without async.

use std::fmt::Display;

use pollster::block_on;

use crate::data::{Interaction, ItemId};
use crate::explain::WhatIf;
use crate::model::Receipt;
use crate::pipeline::ObserveReport;
use crate::profile::Profile;

use super::{AsQuery, AsUser, Personalizer, PersonalizerError, Told};

/// A [`Personalizer`] whose calls block, from [`Personalizer::blocking`]. Each does what the one of the same name does, on the
/// calling thread. Do not call it inside of async code: it would hold the executor's thread.
#[derive(Debug, Clone)]
pub struct BlockingPersonalizer {
    inner: Personalizer,
}

impl BlockingPersonalizer {
    pub(super) fn new(inner: Personalizer) -> Self {
        Self { inner }
    }

    /// The one that does not block.
    pub fn inner(&self) -> &Personalizer {
        &self.inner
    }

    /// Records what a user responded, as [`Personalizer::record`].
    ///
    /// # Errors
    /// As there.
    pub fn record(
        &self,
        user: impl AsUser,
        query: impl AsQuery,
        response: impl Display + Send,
    ) -> Result<ItemId, PersonalizerError> {
        block_on(self.inner.record(user, query, response))
    }

    /// Records interactions with ids and times, as [`Personalizer::record_all`].
    ///
    /// # Errors
    /// As there.
    pub fn record_all(
        &self,
        user: impl AsUser,
        interactions: impl IntoIterator<Item = Interaction> + Send,
    ) -> Result<ObserveReport, PersonalizerError> {
        block_on(self.inner.record_all(user, interactions))
    }

    /// Answers a query the way a user would, as [`Personalizer::answer`].
    ///
    /// # Errors
    /// As there.
    pub fn answer(&self, user: impl AsUser, query: impl AsQuery) -> Result<Told, PersonalizerError> {
        block_on(self.inner.answer(user, query))
    }

    /// Finds what an answer depended on, as [`Personalizer::what_if`].
    ///
    /// # Errors
    /// As there.
    pub fn what_if(&self, told: &Told) -> Result<WhatIf, PersonalizerError> {
        block_on(self.inner.what_if(told))
    }

    /// What is known of a user, as [`Personalizer::profile`].
    ///
    /// # Errors
    /// As there.
    pub fn profile(&self, user: impl AsUser) -> Result<Profile, PersonalizerError> {
        block_on(self.inner.profile(user))
    }

    /// Sets a factor aside, as [`Personalizer::ignore`].
    ///
    /// # Errors
    /// As there.
    pub fn ignore(&self, user: impl AsUser, factor: &str) -> Result<u32, PersonalizerError> {
        block_on(self.inner.ignore(user, factor))
    }

    /// Takes an edit back, as [`Personalizer::undo`].
    ///
    /// # Errors
    /// As there.
    pub fn undo(&self, user: impl AsUser, edit: u32) -> Result<u32, PersonalizerError> {
        block_on(self.inner.undo(user, edit))
    }

    /// Forgets interactions, as [`Personalizer::forget`].
    ///
    /// # Errors
    /// As there.
    pub fn forget(
        &self,
        user: impl AsUser,
        interactions: impl IntoIterator<Item = ItemId> + Send,
    ) -> Result<Receipt, PersonalizerError> {
        block_on(self.inner.forget(user, interactions))
    }

    /// Forgets a user, as [`Personalizer::forget_user`].
    ///
    /// # Errors
    /// As there.
    pub fn forget_user(&self, user: impl AsUser) -> Result<bool, PersonalizerError> {
        block_on(self.inner.forget_user(user))
    }

    /// Learns a user again, as [`Personalizer::learn_again`].
    ///
    /// # Errors
    /// As there.
    pub fn learn_again(&self, user: impl AsUser) -> Result<(), PersonalizerError> {
        block_on(self.inner.learn_again(user))
    }
}
