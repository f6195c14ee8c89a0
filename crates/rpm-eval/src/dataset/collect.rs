//! Collects the rows of all readers: checks rows, numbers users, and names rows that cannot be used.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::profiles::Profiles;
use super::{Dataset, EvalUser, Mark, ReadOptions, Skipped, TestItem};
use crate::EvalError;
use rpm_core::data::hex;
use rpm_core::data::{DataError, Interaction, Query, ResponseSpace, Task, UserId};

/// A past query with its response, checked against the task.
pub(super) struct Past {
    pub(super) query: Query,
    pub(super) response: String,
    pub(super) time: Option<i64>,
}

impl Past {
    pub(super) fn new(
        task: &Task,
        text: &str,
        options: &[String],
        response: &str,
        time: Option<i64>,
    ) -> Result<Self, String> {
        let (query, response) = checked(task, text, options, response).map_err(|error| words(&error))?;
        Ok(Self { query, response, time })
    }
}

/// A test query with its response, checked against the task.
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) gold: String,
    /// Of the query's options, in their order.
    pub(super) shares: Vec<f64>,
    pub(super) seen: Option<bool>,
    pub(super) time: Option<i64>,
}

impl Asked {
    pub(super) fn new(task: &Task, text: &str, options: &[String], gold: &str) -> Result<Self, String> {
        let (query, gold) = checked(task, text, options, gold).map_err(|error| words(&error))?;
        Ok(Self { query, gold, shares: Vec::new(), seen: None, time: None })
    }
}

/// Options that come with a query are read only where the task is about them: elsewhere they repeat its labels.
fn checked(task: &Task, text: &str, options: &[String], response: &str) -> Result<(Query, String), DataError> {
    let query = match task.space() {
        ResponseSpace::Choices => Query::with_options(text, options)?,
        _ => Query::new(text)?,
    };
    task.check_query("row", &query)?;
    let response = task.check_response("row", &query, response)?;
    Ok((query, response))
}

/// Shares that add up to 1.
///
/// # Errors
/// When one is not a finite number from 0 on, or all are 0.
pub(super) fn shares(values: &[f64]) -> Result<Vec<f64>, String> {
    let sum: f64 = values.iter().sum();
    if values.iter().all(|value| value.is_finite() && *value >= 0.0) && sum.is_finite() && sum > 0.0 {
        return Ok(values.iter().map(|value| value / sum).collect());
    }
    Err("has shares that are not numbers from 0 on with a sum above 0".to_owned())
}

/// The words of an error without the item's name, which the row's name replaces.
pub(super) fn words(error: &DataError) -> String {
    match error {
        DataError::TooLarge { what, size, limit, .. } => format!("{what} is {size}, over the limit of {limit}"),
        DataError::Blank { what, .. } => format!("{what} is blank"),
        DataError::ControlCharacter { what, code, position, .. } => {
            format!("{what} holds control character U+{code:04X} at byte {position}")
        }
        DataError::OutOfSpace { expected, .. } => format!("the response is not {expected}"),
        DataError::MissingOptions { found, .. } => format!("gives {found} options where at least two are needed"),
        DataError::BadOptions { problem, .. } => (*problem).to_owned(),
        other => other.to_string(),
    }
}

/// The data set as it is read.
pub(super) struct Collector {
    users: Vec<EvalUser>,
    skipped: Vec<Skipped>,
    unnamed: usize,
    most_named: usize,
    rows: usize,
    /// By owner, where there is one, and profile: the user.
    groups: BTreeMap<(Option<String>, [u8; 32]), usize>,
    /// The profiles of users without an owner.
    profiles: Profiles,
    /// Rows without an owner whose profile an earlier one has too.
    same_profile: usize,
}

impl Collector {
    pub(super) fn new(options: &ReadOptions) -> Self {
        let (users, skipped, groups) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (profiles, most_named) = (Profiles::default(), options.max_skipped_named);
        Self { users, skipped, unnamed: 0, most_named, rows: 0, groups, profiles, same_profile: 0 }
    }

    /// Counts a row and gives its place, from 1.
    pub(super) fn row(&mut self) -> usize {
        self.rows += 1;
        self.rows
    }

    /// Names a row that cannot be used.
    pub(super) fn skip(&mut self, row: impl Into<String>, problem: impl Into<String>) {
        if self.skipped.len() < self.most_named {
            self.skipped.push(Skipped { row: row.into(), problem: problem.into() });
        } else {
            self.unnamed += 1;
        }
    }

    /// Keeps what could be read; names the row and what is wrong with it where it could not.
    pub(super) fn kept<T>(&mut self, read: Result<T, String>, row: impl FnOnce() -> String) -> Option<T> {
        read.map_err(|problem| self.skip(row(), problem)).ok()
    }

    /// Takes in the user at `place`, or names why it cannot be used. Gives its index.
    pub(super) fn user(
        &mut self,
        place: usize,
        row: &str,
        marks: Vec<Mark>,
        mut history: Vec<Past>,
        tests: Vec<Asked>,
    ) -> Option<usize> {
        let problem = match (history.is_empty(), tests.is_empty()) {
            (true, _) => "is left without a history",
            (_, true) => "is left without a test item",
            _ => "",
        };
        if !problem.is_empty() {
            self.skip(row, problem);
            return None;
        }
        // The order of `History`: by time, those without one first, and as they were given.
        history.sort_by_key(|past| past.time);
        let numbered = |(at, past): (usize, Past)| {
            let interaction = Interaction::new(format!("h{:06}", at + 1), past.query, past.response)?;
            Ok(past.time.into_iter().fold(interaction, Interaction::at))
        };
        let history: Result<Vec<Interaction>, DataError> = history.into_iter().enumerate().map(numbered).collect();
        let user = UserId::new(format!("user {place}")).and_then(|id| Ok((id, history?)));
        let (id, history) = self.kept(user.map_err(|error| words(&error)), || row.to_owned())?;
        self.users.push(EvalUser { id, marks, history, tests: Vec::new() });
        let at = self.users.len() - 1;
        for asked in tests {
            self.ask(at, asked);
        }
        Some(at)
    }

    /// Takes in a row with one test item and the profile that goes with it. Rows of one `owner` with the same profile
    /// are one user; with another profile of the owner the row is a user of its own, and the same person. Rows without an owner
    /// are one user where their profiles are the same, and one person where one profile holds the other. The history is only
    /// built where it is needed.
    pub(super) fn profiled(
        &mut self,
        row: &str,
        owner: Option<&str>,
        profile: &[Value],
        asked: Asked,
        history: impl FnOnce(&mut Self) -> Vec<Past>,
    ) {
        let place = self.rows;
        let owner = owner.filter(|owner| !owner.trim().is_empty());
        let key = (owner.map(str::to_owned), fingerprint(profile));
        if let Some(&at) = self.groups.get(&key) {
            self.same_profile += usize::from(owner.is_none());
            return self.ask(at, asked);
        }
        let history = history(self);
        let marks = Mark::all(owner, None);
        if let Some(at) = self.user(place, row, marks, history, vec![asked]) {
            self.groups.insert(key, at);
            if owner.is_none() {
                self.profiles.add(at, profile);
            }
        }
    }

    /// Marks users whose profile is part of another's, and says what was taken for one user or person.
    fn joined(&mut self) -> Vec<String> {
        let parts = self.profiles.parts();
        for &(part, whole) in &parts {
            let mark = Mark::profile(whole);
            for user in [part, whole] {
                if let Some(user) = self.users.get_mut(user) {
                    user.marks.push(mark);
                }
            }
        }
        let mut notes = Vec::new();
        if self.same_profile > 0 {
            let rows = self.same_profile;
            notes.push(format!(
                "{rows} without an owner's id, with the profile of an earlier question: taken as of its user"
            ));
        }
        if !parts.is_empty() {
            let users = parts.len();
            notes.push(format!(
                "{users} without an owner's id, with a profile that is part of another's: taken as that person"
            ));
        }
        notes
    }

    fn ask(&mut self, at: usize, asked: Asked) {
        if let Some(user) = self.users.get_mut(at) {
            let Asked { query, gold, shares, seen, time } = asked;
            user.tests.push(TestItem { id: format!("t{:04}", user.tests.len() + 1), query, time, gold, shares, seen });
        }
    }

    /// The data set, unless no user is left, as when no row gave the task.
    pub(super) fn finish(mut self, name: String, task: Option<Task>, digest: Sha256) -> Result<Dataset, EvalError> {
        let Some(task) = task.filter(|_| !self.users.is_empty()) else {
            return Err(EvalError::Empty { set: name, rows: self.rows });
        };
        let sha256 = hex(&digest.finalize());
        let notes = self.joined();
        Ok(Dataset {
            name,
            task,
            users: self.users,
            skipped: self.skipped,
            skipped_unnamed: self.unnamed,
            notes,
            sha256,
            limits: super::Limits::default(),
            teachers: None,
        })
    }
}

/// Objects are compared by their fields, not by the order these are written in.
fn fingerprint(profile: &[Value]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for value in profile {
        digest.update(value.to_string());
        digest.update("\n");
    }
    digest.finalize().into()
}
