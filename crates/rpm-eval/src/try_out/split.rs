//! Which queries of a user are asked, and which are the history.

use std::collections::{BTreeMap, BTreeSet};

use rpm_core::data::{DataError, Interaction, UserId, fold};

use crate::Chance;
use crate::dataset::{Dataset, EvalUser, Limits, Skipped, TestItem};

use super::said::{AllSaid, Said};
use super::{Reason, TryError, TryOptions};

/// The fewest past interactions that anything is learned from.
const LEAST_HISTORY: usize = 3;
/// Without a number given, one query in so many is asked, and at most this many of a user.
const ONE_IN: usize = 5;
const MOST_ASKED: usize = 50;
/// Users that are looked at, where the table has more: enough for a narrow interval, and few enough for minutes.
const MOST_USERS: usize = 500;
/// Rows of users set aside that are named.
const NAMED: usize = 5;

/// A table's users, each with a history and with what is asked of them.
pub(super) struct Split {
    pub(super) set: Dataset,
    /// By user of the set: their first row.
    pub(super) first_rows: Vec<usize>,
    /// How the split was made and who is set aside, in sentences.
    pub(super) told: Vec<String>,
}

/// Splits each user's interactions: the latest are asked, or as many drawn by the seed where there are no times.
pub(super) fn split(all: &mut AllSaid, name: String, sha256: String, options: &TryOptions) -> Result<Split, TryError> {
    let (tests, seed) = (options.tests, options.seed);
    let needed = tests.map_or(ONE_IN, |tests| tests.saturating_add(LEAST_HISTORY));
    let users = by_user(all);
    let (all_users, most) = (users.len(), users.iter().map(Vec::len).max().unwrap_or_default());
    let first = |said: &Vec<Said>| said.iter().map(|said| said.row).min().unwrap_or_default();
    let (kept, aside): (Vec<Vec<Said>>, Vec<Vec<Said>>) = users.into_iter().partition(|said| said.len() >= needed);
    let aside_rows: Vec<usize> = aside.iter().map(first).collect();
    if kept.is_empty() {
        let remedy = match tests {
            Some(_) => "Give a lower --tests, or more rows of each user",
            None => "More rows of each user are needed; is the right column named for --user?",
        };
        return Err(TryError::TooFew { users: all_users, needed, most, remedy });
    }
    let (enough, looked_at) = (kept.len(), options.users.unwrap_or(MOST_USERS));
    let drawn: BTreeSet<usize> = Chance::of(seed, "users").sample(enough, looked_at).into_iter().collect();
    let (mut users, mut rows) = (Vec::new(), Vec::new());
    for said in kept.into_iter().enumerate().filter(|(place, _)| drawn.contains(place)).map(|(_, said)| said) {
        let count = tests.unwrap_or((said.len() / ONE_IN).clamp(1, MOST_ASKED));
        rows.push(first(&said));
        users.push(user(users.len() + 1, said, count, all.timed, seed)?);
    }
    let mut told = told(tests, all.timed, seed, needed, &aside_rows);
    if enough > users.len() {
        let looked_at = users.len();
        told.push(format!("Of {enough} users, {looked_at} drawn by seed {seed} are looked at (--users for more)."));
    }
    let skipped = skipped(all, needed, &aside_rows);
    let set = Dataset {
        name,
        task: all.task.clone(),
        users,
        skipped,
        skipped_unnamed: 0,
        notes: Vec::new(),
        sha256,
        limits: Limits::default(),
        teachers: None,
    };
    Ok(Split { set, first_rows: rows, told })
}

/// By user, in the order of their first rows: what they said in the order of time, each query once.
fn by_user(all: &mut AllSaid) -> Vec<Vec<Said>> {
    let mut users: BTreeMap<usize, Vec<Said>> = BTreeMap::new();
    for said in std::mem::take(&mut all.said) {
        users.entry(said.user).or_default().push(said);
    }
    for said in users.values_mut() {
        // Rows of one time stay as they are in the file; so do all where there are no times.
        said.sort_by_key(|said| (said.time, said.row));
        let mut asked = BTreeSet::new();
        said.retain(|said| {
            let new = asked.insert(fold(said.query.text()));
            if !new {
                all.counter.add(Reason::Repeated, None, said.row);
            }
            new
        });
    }
    users.into_values().collect()
}

fn user(number: usize, said: Vec<Said>, tests: usize, timed: bool, seed: u64) -> Result<EvalUser, DataError> {
    let name = format!("user {number}");
    let places = said.len();
    let asked: BTreeSet<usize> = if timed {
        (places.saturating_sub(tests)..places).collect()
    } else {
        Chance::of(seed, &name).sample(places, tests).into_iter().collect()
    };
    let (mut history, mut items) = (Vec::new(), Vec::new());
    for (place, Said { query, response, time, .. }) in said.into_iter().enumerate() {
        if asked.contains(&place) {
            let id = format!("t{:04}", items.len() + 1);
            items.push(TestItem { id, query, time, gold: response, shares: Vec::new(), seen: None });
        } else {
            let interaction = Interaction::new(format!("h{:06}", history.len() + 1), query, response)?;
            history.push(time.into_iter().fold(interaction, Interaction::at));
        }
    }
    Ok(EvalUser { id: UserId::new(name)?, marks: Vec::new(), history, tests: items })
}

fn told(tests: Option<usize>, timed: bool, seed: u64, needed: usize, aside: &[usize]) -> Vec<String> {
    let how_many = match tests {
        Some(tests) => tests.to_string(),
        None => "fifth".to_owned(),
    };
    let mut told = vec![if timed {
        format!("The last {how_many} of each user's queries are asked; the earlier ones are the history.")
    } else if tests.is_some() {
        format!("{how_many} of each user's queries, drawn by seed {seed}, are asked; the others are the history.")
    } else {
        format!("A {how_many} of each user's queries, drawn by seed {seed}, is asked; the others are the history.")
    }];
    if !aside.is_empty() {
        let count = aside.len();
        let users = if count == 1 { "1 user is".to_owned() } else { format!("{count} users are") };
        let rows = aside.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = if count > NAMED { " and others" } else { "" };
        told.push(format!(
            "{users} set aside, with fewer than {needed} different queries (their first rows: {rows}{more})."
        ));
    }
    told
}

/// What was not used, as the harness's report names it.
fn skipped(all: &AllSaid, needed: usize, aside: &[usize]) -> Vec<Skipped> {
    let of_rows = all.counter.all().into_iter().map(|unused| Skipped {
        row: format!("row {} and those like it", unused.first_row),
        problem: unused.to_string(),
    });
    let of_users = aside.iter().map(|row| Skipped {
        row: format!("the user of row {row}"),
        problem: format!("has fewer than {needed} different queries"),
    });
    of_rows.chain(of_users).collect()
}
