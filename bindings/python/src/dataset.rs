//! A data set of the rows of a frame: what of each user is learned from, and what is asked.

use rpm_core::data::{DataError, hex};
use rpm_core::{Task, UserId};
use rpm_eval::Chance;
use rpm_eval::dataset::{Dataset, EvalUser, Limits, Mark, Skipped, TestItem};
use sha2::{Digest as _, Sha256};

use crate::errors::Failure;
use crate::frame::{Row, UserRows};

/// One in so many of a user's rows is asked, and at most `MOST` of them, unless a number is named.
const ONE_IN: usize = 5;
const MOST: usize = 50;

/// A data set with the names that its users have in the frame, in the same order.
pub(crate) struct Split {
    pub(crate) set: Dataset,
    pub(crate) names: Vec<String>,
}

/// How rows are split.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The rows of each user that are asked; `None` for a fifth of them.
    pub(crate) tests: Option<usize>,
    pub(crate) seed: u64,
    /// True when the frame itself says which are asked.
    pub(crate) named: bool,
}

/// Splits each user's rows.
///
/// # Errors
/// When no user is left, or a row breaks the library's rules.
pub(crate) fn split(task: &Task, name: String, users: Vec<UserRows>, rule: Rule) -> Result<Split, Failure> {
    let sha256 = digest(task, &users);
    let (mut found, mut names, mut skipped, mut timed) = (Vec::new(), Vec::new(), Vec::new(), true);
    for UserRows { user, rows } in users {
        let all_timed = rows.iter().all(|row| row.time.is_some());
        // What they are called in the frame reaches no prompt and no report.
        let row = rows.first().map_or_else(String::new, |row| format!("row {}", row.place));
        let (history, tests) = parted(user.as_str(), rows, all_timed, rule);
        if history.is_empty() || tests.is_empty() {
            let problem = "its user has no row to learn from, or none to be asked".to_owned();
            skipped.push(Skipped { row, problem });
            continue;
        }
        timed &= all_timed;
        let id = UserId::new(format!("user {}", found.len() + 1))?;
        let interactions = history.into_iter().enumerate().map(|(place, row)| row.interaction(0, place));
        found.push(EvalUser {
            id,
            marks: vec![Mark::id(user.as_str())],
            history: interactions.collect::<Result<_, DataError>>()?,
            tests: tests.into_iter().map(item).collect(),
        });
        names.push(user.as_str().to_owned());
    }
    if found.is_empty() {
        return Err(Failure::new("EvaluationError", "no user has a row to learn from and one to be asked"));
    }
    let how = match (rule.named, timed) {
        (true, _) => "The frame says which rows are asked.".to_owned(),
        (false, true) => "Of each user the latest rows are asked.".to_owned(),
        (false, false) => {
            format!("Which rows of a user are asked is drawn by the seed {} where rows have no times.", rule.seed)
        }
    };
    let set = Dataset {
        name,
        task: task.clone(),
        users: found,
        skipped,
        skipped_unnamed: 0,
        notes: vec![how],
        sha256,
        limits: Limits::default(),
        teachers: None,
    };
    Ok(Split { set, names })
}

/// The rows to learn from and those to be asked, each in order.
fn parted(user: &str, mut rows: Vec<Row>, timed: bool, rule: Rule) -> (Vec<Row>, Vec<Row>) {
    if rule.named {
        return rows.into_iter().partition(|row| !row.test);
    }
    let asked = rule.tests.unwrap_or_else(|| (rows.len() / ONE_IN).clamp(1, MOST)).min(rows.len().saturating_sub(1));
    if timed {
        rows.sort_by_key(|row| (row.time, row.place));
        let tests = rows.split_off(rows.len() - asked);
        return (rows, tests);
    }
    let drawn = Chance::of(rule.seed, user).sample(rows.len(), asked);
    let (mut history, mut tests) = (Vec::new(), Vec::new());
    for (place, row) in rows.into_iter().enumerate() {
        if drawn.contains(&place) { tests.push(row) } else { history.push(row) }
    }
    (history, tests)
}

fn item(row: Row) -> TestItem {
    let Row { place, query, response, time, .. } = row;
    TestItem { id: place.to_string(), query, time, gold: response, shares: Vec::new(), seen: None }
}

/// Which data this is: a digest of the task and of all rows.
fn digest(task: &Task, users: &[UserRows]) -> String {
    let mut digest = Sha256::new();
    let mut take = |part: &str| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    take(&serde_json::to_string(task).unwrap_or_default());
    for UserRows { user, rows } in users {
        take(user.as_str());
        for row in rows {
            [row.query.text(), &row.response].into_iter().for_each(&mut take);
            row.query.options().iter().for_each(|option| take(option));
            take(&format!("{:?} {}", row.time, row.test));
        }
    }
    hex(&digest.finalize())
}
