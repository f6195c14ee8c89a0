//! The profile of a user.

use crate::data::UserId;
use crate::profile::{Known, Profile, ProfileOptions, gather};
use crate::stats::population::Population;

use super::{Prepared, StoredError, StoredPipeline};

impl Prepared {
    /// What is known of the user, for the user to read: as text, as a page, as data. Asks no model.
    pub fn profile(&self) -> Profile {
        self.profile_with(&ProfileOptions::default())
    }

    /// The same, in another extent.
    pub fn profile_with(&self, options: &ProfileOptions) -> Profile {
        let beliefs = self.beliefs();
        let people = self.population().map(Population::users);
        gather(&Known { model: self.model(), beliefs: &beliefs, memory: self.memory(), people }, options)
    }
}

impl StoredPipeline {
    /// What is known of the user, as [`Prepared::profile`] tells it.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub async fn profile(&self, user: &UserId) -> Result<Profile, StoredError> {
        Ok(self.open(user).await?.profile())
    }
}
