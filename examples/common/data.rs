//! Reads a data set and hands it to the crate without names: users and interactions are numbered.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rpm_core::{DataError, History, Interaction, Query, ResponseSpace, Task};
use serde::Deserialize;

use crate::args::Args;

/// What the users of a set respond to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A point of a scale for a review.
    Rating,
    /// A label for a resolution.
    Votes,
    /// One of a question's own options.
    Opinion,
    /// A title for an abstract.
    Title,
}

/// One past or test interaction. Fields not listed here are not read.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) query: String,
    pub(crate) response: String,
    #[serde(default)]
    options: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) timestamp: Option<i64>,
    /// True for a text that occurs in the history too. Splits the score and is shown to no method.
    #[serde(default)]
    pub(crate) seen_text: Option<bool>,
}

/// One user, oldest interaction first.
#[derive(Deserialize)]
pub(crate) struct User {
    task: Kind,
    pub(crate) history: Vec<Row>,
    pub(crate) test: Vec<Row>,
}

/// All users of one folder.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) task: Task,
    pub(crate) users: Vec<User>,
}

impl Row {
    /// The options; empty unless they come with the query.
    pub(crate) fn options(&self) -> &[String] {
        self.options.as_deref().unwrap_or_default()
    }

    pub(crate) fn query(&self, kind: Kind) -> Result<Query, DataError> {
        match kind {
            Kind::Opinion => Query::with_options(&self.query, self.options()),
            _ => Query::new(&self.query),
        }
    }
}

impl Set {
    /// The history of the user at `position`.
    pub(crate) fn history(&self, position: usize) -> Result<History, DataError> {
        let mut interactions = Vec::new();
        for (n, row) in self.users[position].history.iter().enumerate() {
            // Numbers of one width keep the file's order among interactions of one time.
            let interaction = Interaction::new(format!("h{n:06}"), row.query(self.kind)?, &row.response)?;
            interactions.push(match row.timestamp {
                Some(time) => interaction.at(time),
                None => interaction,
            });
        }
        History::new(&self.task, format!("user {}", position + 1), interactions)
    }

    /// All test items, user by user.
    pub(crate) fn tests(&self) -> impl Iterator<Item = &Row> {
        self.users.iter().flat_map(|user| &user.test)
    }
}

/// Reads a folder; `None` when it holds no `users.jsonl`.
pub(crate) fn load(folder: &Path, args: &Args) -> Result<Option<Set>, Box<dyn Error>> {
    let text = match fs::read_to_string(folder.join("users.jsonl")) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut users = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut user: User = serde_json::from_str(line)?;
        if args.unseen {
            user.test.retain(|row| !row.seen_text.unwrap_or(false));
        }
        user.test.truncate(args.limit_test.unwrap_or(usize::MAX));
        let kept = args.limit_history.unwrap_or(usize::MAX);
        user.history.drain(..user.history.len().saturating_sub(kept));
        if !user.history.is_empty() {
            users.push(user);
        }
    }
    users.drain(..args.skip_users.min(users.len()));
    users.truncate(args.limit_users.unwrap_or(usize::MAX));
    let kind = users.first().ok_or("no user with a history")?.task;
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    Ok(Some(Set { name, kind, task: task(kind, folder)?, users }))
}

fn task(kind: Kind, folder: &Path) -> Result<Task, Box<dyn Error>> {
    let (instruction, query, response) = match kind {
        Kind::Rating => {
            let instruction = "Which rating does this user give along with this review? The text is all or part of the \
                review; the lowest point of the scale is the worst.";
            (instruction, "review", "rating")
        }
        Kind::Votes => {
            let instruction = "A member state votes on resolutions of the General Assembly of the United Nations. How \
                does it vote on the resolution with this title or text?";
            (instruction, "resolution", "vote")
        }
        Kind::Opinion => {
            let instruction =
                "A group of people is asked a survey question. Which of the options do most of them choose?";
            (instruction, "question", "answer")
        }
        Kind::Title => ("Which title does this author give to the paper with this abstract?", "abstract", "title"),
    };
    let space = match kind {
        Kind::Rating => {
            let points: Vec<i64> = labels(folder)?.iter().map(|label| label.parse()).collect::<Result<_, _>>()?;
            let (low, high) = (points.iter().min(), points.iter().max());
            ResponseSpace::scale(*low.ok_or("labels.json is empty")?, *high.ok_or("labels.json is empty")?)?
        }
        Kind::Votes => ResponseSpace::labels(labels(folder)?)?,
        Kind::Opinion => ResponseSpace::choices(),
        Kind::Title => ResponseSpace::text(300)?,
    };
    Ok(Task::new(instruction, space)?.query_name(query)?.response_name(response)?)
}

fn labels(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    Ok(serde_json::from_slice(&fs::read(folder.join("labels.json"))?)?)
}
