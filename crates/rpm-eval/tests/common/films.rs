//! A made-up data set: people who rate films, half of them the quiet ones.

use std::sync::Arc;

use rpm_core::{Interaction, Query, ResponseSpace, Task, UserId};
use rpm_eval::dataset::{Dataset, EvalUser, Limits, TestItem};
use rpm_eval::method::{Method, Spec, named};

const TEXTS: [&str; 6] = [
    "A slow, quiet drama about a lighthouse keeper.",
    "A loud chase through the city, with a thin plot.",
    "A quiet film about a town and its baker.",
    "Loud action without a thought.",
    "A slow, warm comedy about two sisters.",
    "A chase, a fight, a loud end.",
];

pub(crate) fn dataset(name: &str, users: usize) -> Dataset {
    let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5).unwrap()).unwrap();
    let user = |n: usize| {
        let past = |at: usize| {
            let (text, rating) = (TEXTS[(at + n) % 6], if (at + n).is_multiple_of(2) { "5" } else { "2" });
            Interaction::new(format!("h{at}"), Query::new(text).unwrap(), rating).unwrap()
        };
        let test = |at: usize| TestItem {
            time: None,
            id: format!("t{at}"),
            query: Query::new(format!("{} Seen by {n}.", TEXTS[(at + n) % 6])).unwrap(),
            gold: if (at + n).is_multiple_of(2) { "5" } else { "2" }.to_owned(),
            shares: Vec::new(),
            seen: None,
        };
        EvalUser {
            id: UserId::new(format!("user {}", n + 1)).unwrap(),
            marks: Vec::new(),
            history: (0..5).map(past).collect(),
            tests: (0..3).map(test).collect(),
        }
    };
    Dataset {
        name: name.to_owned(),
        task,
        users: (0..users).map(user).collect(),
        skipped: Vec::new(),
        skipped_unnamed: 0,
        sha256: format!("{users}"),
        limits: Limits::default(),
        notes: Vec::new(),
        teachers: None,
    }
}

pub(crate) fn methods(names: &str) -> Vec<Arc<dyn Method>> {
    names.split(',').map(|name| named(&name.parse::<Spec>().unwrap()).unwrap()).collect()
}
