//! Many users counted at once: into one sum for each part of them, without a sum for each user.

use crate::data::{MemoryItem, Task};
use crate::parallel;

use super::census::{Shared, latest};
use super::reading::Told;
use super::user::Own;
use super::{Census, Counts, Population, PopulationError};

/// Into how many parts users are split. What is counted is the same however they are.
const PARTS: usize = 32;
/// The users of a part from which on room is made for all sums at once.
const MANY: usize = 64;

/// What one query, or one of its options, says of the words and the text that a population began with, by their places.
pub(super) struct Read {
    terms: Box<[u16]>,
    text: Option<u16>,
}

impl Census {
    /// The census of all these users: the same as that of each, merged.
    ///
    /// # Errors
    /// As for [`new`](Self::new) and [`merge`](Self::merge).
    pub fn of_all<U: AsRef<[MemoryItem]> + Sync>(task: &Task, users: &[U]) -> Result<Self, PopulationError> {
        let of = |part: &&[U]| {
            let (mut census, mut terms, mut texts) = (Self::new(task)?, Rows::default(), Rows::default());
            for user in *part {
                let mut one = Self::of(task, user.as_ref())?;
                for (all, more) in [(&mut terms, &mut one.terms), (&mut texts, &mut one.texts)] {
                    all.rows.extend(std::mem::take(more));
                    all.sum_if_many();
                }
                census.merge(&one)?;
            }
            Ok((census, terms.summed(), texts.summed()))
        };
        let (mut all, mut terms, mut texts) = (Self::new(task)?, Rows::default(), Rows::default());
        for part in parallel::map(&parts(users), of) {
            let (census, of_terms, of_texts) = part?;
            all.merge(&census)?;
            for (rows, more) in [(&mut terms, of_terms), (&mut texts, of_texts)] {
                rows.rows.extend(more);
                rows.sum_if_many();
            }
        }
        all.terms = terms.summed().into_iter().collect();
        all.texts = texts.summed().into_iter().collect();
        Ok(all)
    }
}

/// What is counted of digests, of several users one after the other.
#[derive(Default)]
struct Rows {
    rows: Vec<(u64, Shared)>,
    /// The number of rows after they were last summed.
    different: usize,
}

/// The rows from which on they are summed before all are there.
const MANY_ROWS: usize = 1 << 20;

impl Rows {
    /// Sums what is there of each digest, once most of it is of digests that were there before.
    fn sum_if_many(&mut self) {
        if self.rows.len() > MANY_ROWS + 2 * self.different {
            self.rows = summed(std::mem::take(&mut self.rows));
            self.different = self.rows.len();
        }
    }

    fn summed(self) -> Vec<(u64, Shared)> {
        summed(self.rows)
    }
}

/// By digest, in order: what there is of it in all.
fn summed(mut rows: Vec<(u64, Shared)>) -> Vec<(u64, Shared)> {
    // Stable, since the rows are runs that are in order.
    rows.sort_by_key(|(digest, _)| *digest);
    rows.dedup_by(|(next, more), (digest, shared)| {
        let same = next == digest;
        if same {
            shared.users += more.users;
            shared.interactions += more.interactions;
        }
        same
    });
    rows
}

impl Population {
    /// The counts of all these users under this population: the same as those of each, merged, in a fraction of the time.
    ///
    /// # Errors
    /// [`PopulationError::TooMany`] users.
    pub fn count_all<U: AsRef<[MemoryItem]> + Sync>(&self, users: &[U]) -> Result<Counts, PopulationError> {
        self.count_each(users, |user| self.own(user.as_ref()))
    }

    /// The same of users whose queries were read under the population that this one began as.
    pub(super) fn count_read<U: AsRef<[MemoryItem]> + Sync>(
        &self,
        begun: &Self,
        users: &[(&U, Vec<Vec<Read>>)],
    ) -> Result<Counts, PopulationError> {
        self.count_each(users, |(user, read)| {
            let told = |number: usize, item: &MemoryItem| match read.get(number) {
                Some(rows) => rows.iter().map(|read| begun.told(read)).collect(),
                None => begun.reading().of(item.query()),
            };
            self.own_told(latest(user.as_ref()), told)
        })
    }

    /// Reads the queries of all these users once, for several passes.
    pub(super) fn read<'u, U: AsRef<[MemoryItem]> + Sync>(&self, users: &'u [U]) -> Vec<(&'u U, Vec<Vec<Read>>)> {
        parallel::map(users, |user| {
            let rows = |item: &MemoryItem| self.reading().of(item.query()).iter().map(|told| self.row(told)).collect();
            (user, latest(user.as_ref()).iter().map(rows).collect())
        })
    }

    fn row(&self, told: &Told) -> Read {
        let term = |term: &u64| self.terms.binary_search_by_key(term, |(digest, _)| *digest).ok();
        let text = told.text.and_then(|text| self.texts.binary_search(&text).ok());
        Read {
            terms: told.terms.iter().filter_map(term).filter_map(|place| u16::try_from(place).ok()).collect(),
            text: text.and_then(|place| u16::try_from(place).ok()),
        }
    }

    /// What was read, but for words and texts that this population does not have.
    fn told(&self, read: &Read) -> Told {
        let term = |place: &u16| self.terms.get(usize::from(*place)).map(|(digest, _)| *digest);
        let text = read.text.and_then(|place| self.texts.get(usize::from(place)).copied());
        Told { terms: read.terms.iter().filter_map(term).collect(), text }
    }

    fn count_each<U: Sync>(
        &self,
        users: &[U],
        own: impl Fn(&U) -> Own + Sync + Send,
    ) -> Result<Counts, PopulationError> {
        let of = |part: &&[U]| {
            let mut counts = self.room(part.len());
            for own in part.iter().map(&own).filter(|own| !own.interactions.is_empty()) {
                self.add_placed(&mut counts, &own);
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
    pub(super) fn room(&self, users: usize) -> Counts {
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
