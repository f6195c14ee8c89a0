//! Many users counted at once: into one sum for each part of them, without a sum for each user.

use crate::data::{MemoryItem, Task};
use crate::parallel;

use super::{Census, Counts, Population, PopulationError};

/// Into how many parts users are split. What is counted is the same however they are.
const PARTS: usize = 32;
/// The users of a part from which on room is made for all sums at once.
const MANY: usize = 64;

impl Census {
    /// The census of all these users: the same as that of each, merged.
    ///
    /// # Errors
    /// As for [`new`](Self::new) and [`merge`](Self::merge).
    pub fn of_all<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U]) -> Result<Self, PopulationError> {
        let of = |part: &&[U]| {
            let mut census = Self::new(task)?;
            part.iter().try_for_each(|user| census.merge(&Self::of(task, user.as_ref())?))?;
            Ok(census)
        };
        let mut all = Self::new(task)?;
        for part in parallel::map(&parts(users), of) {
            all.merge(&part?)?;
        }
        Ok(all)
    }
}

impl Population {
    /// The counts of all these users under this population: the same as those of each, merged, in a fraction of the time.
    ///
    /// # Errors
    /// [`PopulationError::TooMany`] users.
    pub fn count_all<U: AsRef<[MemoryItem]> + Sync>(&self, users: &[U]) -> Result<Counts, PopulationError> {
        let of = |part: &&[U]| {
            let mut counts = self.room(part.len());
            for user in *part {
                let own = self.own(user.as_ref());
                if !own.interactions.is_empty() {
                    self.add(&mut counts, &own, self.membership(&own).shares());
                }
            }
            counts
        };
        let mut all = self.room(users.len());
        for part in parallel::map(&parts(users), of) {
            all.merge(&part)?;
        }
        all.close();
        Ok(all)
    }

    /// The counts of nobody, with room for those of many users.
    fn room(&self, users: usize) -> Counts {
        let mut counts = self.nobody();
        if users >= MANY {
            counts.open((self.terms.len(), self.texts.len(), self.columns()));
        }
        counts
    }
}

pub(super) fn parts<U>(users: &[U]) -> Vec<&[U]> {
    users.chunks(users.len().div_ceil(PARTS).max(1)).collect()
}
