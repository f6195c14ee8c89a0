//! Users with a history to learn from and test items to be asked.
//!
//! A reader turns a published file into a [`Dataset`] and names the rows it could not use, with the reason
//! ([`Skipped`]); it never drops one in silence. Users and items are numbered, so that no name in a file reaches a
//! prompt.

mod collect;
pub(crate) mod date;
mod format;
pub(crate) mod json;
mod jsonl;
mod lamp;
mod longlamp;
mod opinions;
mod people;
mod profiles;
mod python;
pub(crate) mod rows;
pub(crate) mod source;
mod teachers;
#[cfg(test)]
mod tests;
mod wording;

use std::fmt;

use rpm_core::data::{DataError, History, Interaction, Query, Task, UserId};

use super::EvalError;

pub use format::{Format, ReadOptions, UnknownFormat, read};
pub use people::{Mark, people};
pub use teachers::Teachers;

/// Users of one task.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// A short name for tables.
    pub name: String,
    /// The task of all users.
    pub task: Task,
    /// The users, in the file's order.
    pub users: Vec<EvalUser>,
    /// Rows that could not be used.
    pub skipped: Vec<Skipped>,
    /// The number of further rows that could not be used and are not named ([`ReadOptions::max_skipped_named`]).
    pub skipped_unnamed: usize,
    /// What is to be known of how it was read, in sentences.
    pub notes: Vec<String>,
    /// SHA-256 of the files' bytes, in hexadecimal: which data this is.
    pub sha256: String,
    /// The limits that were applied.
    pub limits: Limits,
    /// The users of another set, who teach these; none where [`beside`](Self::beside) named none.
    pub teachers: Option<Teachers>,
}

/// One user.
#[derive(Debug, Clone)]
pub struct EvalUser {
    /// `user 1`, `user 2`, … by place in the file; names in the file are not kept.
    pub id: UserId,
    /// What says who this is, or whom they belong to; empty where the file says nothing.
    pub marks: Vec<Mark>,
    /// The past interactions to learn from, oldest first.
    pub history: Vec<Interaction>,
    /// The items to be asked.
    pub tests: Vec<TestItem>,
}

/// One test item. A method sees its query only.
#[derive(Clone)]
pub struct TestItem {
    /// Its id within the user.
    pub id: String,
    /// The query.
    pub query: Query,
    /// When it was asked, in seconds of any epoch, if the data set says so.
    pub time: Option<i64>,
    /// The user's own response.
    pub gold: String,
    /// For opinions: which share of the group chose each option, in the query's order, adding up to 1. Empty elsewhere.
    pub shares: Vec<f64>,
    /// True where the text is in the history too, if the data set records that.
    pub seen: Option<bool>,
}

/// A row of a file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file's name with the row's line, place or id; or the group of people.
    pub row: String,
    /// The reason, without the row's text.
    pub problem: String,
}

impl Dataset {
    /// The checked history of a user.
    ///
    /// # Errors
    /// [`EvalError::Data`] when an interaction does not fit the task.
    pub fn history(&self, user: &EvalUser) -> Result<History, EvalError> {
        let data =
            |source: DataError| EvalError::Data { set: self.name.clone(), item: user.id.as_str().to_owned(), source };
        History::new(&self.task, user.id.as_str(), user.history.iter().cloned()).map_err(data)
    }

    /// The number of test items.
    pub fn items(&self) -> usize {
        self.users.iter().map(|user| user.tests.len()).sum()
    }

    /// Keeps the users and test items that these limits name. Users left without an item go.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        for user in &mut self.users {
            if limits.only_unseen {
                user.tests.retain(|item| item.seen != Some(true));
            }
            user.tests.truncate(limits.tests.unwrap_or(usize::MAX));
        }
        self.users.retain(|user| !user.tests.is_empty());
        self.users.drain(..limits.skip_users.min(self.users.len()));
        self.users.truncate(limits.users.unwrap_or(usize::MAX));
        self.limits = limits;
        self
    }
}

/// The part of a data set that is used. The default uses all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Users passed over, from the first.
    pub skip_users: usize,
    /// The most users after them.
    pub users: Option<usize>,
    /// The first test items of each user.
    pub tests: Option<usize>,
    /// Leaves out test items whose text is in the history too.
    pub only_unseen: bool,
}

impl fmt::Debug for TestItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestItem")
            .field("id", &self.id)
            .field("query", &self.query)
            .field("time", &self.time)
            .field("shares", &self.shares.len())
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
