//! Invented tasks, histories and pipelines.

use std::sync::OnceLock;

use rpm_core::catalog::Catalog;
use rpm_core::data::Decay;
use rpm_core::{History, Interaction, Query, ResponseSpace, RpmPipeline, Task};

use crate::steps::run;

pub(crate) const TEXTS: [&str; 6] = [
    "A slow and quiet walk to the harbour.",
    "A loud chase with a baker.",
    "A slow, loud zqsecret.",
    "A zebra and a baker in a quiet harbour.",
    "Nothing much.",
    "A quiet film of a slow zebra.",
];

pub(crate) fn task(kind: u8) -> Task {
    let space = match kind % 4 {
        0 => ResponseSpace::scale(1, 5).unwrap(),
        1 => ResponseSpace::labels(["good", "bad", "odd"]).unwrap(),
        2 => ResponseSpace::choices(),
        _ => ResponseSpace::text(80).unwrap(),
    };
    Task::new("How would this person respond to the film?", space).unwrap()
}

/// A query that a task of this kind takes.
pub(crate) fn query(kind: u8, text: impl Into<String>) -> Result<Query, rpm_core::DataError> {
    if kind % 4 == 2 { Query::with_options(text, ["see it", "skip it", "ask a friend"]) } else { Query::new(text) }
}

/// One of the responses that a task of this kind takes.
pub(crate) fn response(kind: u8, which: u8) -> &'static str {
    let all: &[&str] = match kind % 4 {
        0 => &["1", "2", "3", "4", "5"],
        1 => &["good", "bad", "odd"],
        2 => &["see it", "skip it", "ask a friend"],
        _ => &["A Quiet Walk", "Loud Zebras", "The Baker"],
    };
    all[usize::from(which) % all.len()]
}

pub(crate) fn interaction(kind: u8, id: &str, text: &str, which: u8, time: i64) -> Option<Interaction> {
    let query = query(kind, text).ok()?;
    Some(Interaction::new(id, query, response(kind, which)).ok()?.at(time))
}

pub(crate) fn history(kind: u8) -> History {
    beginning(kind, TEXTS.len())
}

/// The first interactions of the history.
pub(crate) fn beginning(kind: u8, items: usize) -> History {
    let all = TEXTS.iter().take(items).zip(0_u8..).map(|(text, n)| {
        interaction(kind, &format!("i{n}"), text, n * 3 + u8::from(text.contains("slow")), i64::from(n) * 10).unwrap()
    });
    History::new(&task(kind), "ana", all).unwrap()
}

pub(crate) fn catalog() -> Catalog {
    Catalog::of(["slow", "quiet", "loud", "baker", "zebra"]).unwrap()
}

/// Pipelines that need no model, by kind of task: by words alone, and with a catalog and decay.
pub(crate) fn offline(kind: u8) -> &'static RpmPipeline {
    static MADE: OnceLock<Vec<RpmPipeline>> = OnceLock::new();
    let all = MADE.get_or_init(|| {
        let plain = (0..4).map(|kind| RpmPipeline::offline(task(kind)));
        let rich = (0..4).map(|kind| {
            let builder = RpmPipeline::offline_builder(task(kind)).catalog(catalog());
            builder.decay(Decay::half_life(40).unwrap()).build().unwrap()
        });
        plain.chain(rich).collect()
    });
    &all[usize::from(kind % 8)]
}

/// The model that a pipeline makes of the invented history.
pub(crate) fn model(kind: u8) -> &'static rpm_core::UserModel {
    static MADE: OnceLock<Vec<rpm_core::UserModel>> = OnceLock::new();
    let all = MADE.get_or_init(|| (0..8).map(|kind| run(offline(kind).learn(&history(kind))).unwrap().model).collect());
    &all[usize::from(kind % 8)]
}
