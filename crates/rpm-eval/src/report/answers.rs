//! The answers of one method on one data set, taken from a run's records.

use std::collections::BTreeMap;

use crate::compare::{self, Resamples};
use crate::dataset::{Dataset, EvalUser, TestItem};
use crate::metric;
use crate::run::Run;
use crate::{Answered, Learned, Need, Record};
use rpm_core::data::Task;
use rpm_core::llm::Usage;

/// The coverage of intervals.
pub(crate) const LEVEL: f64 = 0.95;

/// One method's answers on a set, by user in the set's order; a user whose job is missing has none.
pub(crate) struct Answers<'r> {
    pub(crate) method: &'r str,
    pub(crate) by_user: Vec<Vec<&'r Answered>>,
    pub(super) learned: Vec<&'r Learned>,
}

impl Answers<'_> {
    /// All items, by user.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Answered> {
        self.by_user.iter().flatten().copied()
    }

    /// The value of each item, by user; NaN where it has none.
    pub(crate) fn values(&self, metric: metric::Metric, task: &Task) -> Vec<Vec<f64>> {
        let value = |item: &&Answered| metric.of_item(task, item).unwrap_or(f64::NAN);
        self.by_user.iter().map(|items| items.iter().map(value).collect()).collect()
    }

    /// The metric on users and resamples of them.
    pub(crate) fn replicates(
        &self,
        metric: metric::Metric,
        task: &Task,
        resamples: &Resamples,
    ) -> Option<compare::Replicates> {
        let tallies: Vec<metric::Tally> =
            self.by_user.iter().map(|items| metric.tally(task, items.iter().copied())).collect();
        let there: Vec<bool> = tallies.iter().map(|tally| tally.items() > 0).collect();
        resamples.only(&there).replicates(|times| {
            let mut sum = metric.tally(task, []);
            for (tally, times) in tallies.iter().zip(times).filter(|(_, times)| **times > 0) {
                sum.add_times(tally, *times);
            }
            sum.value()
        })
    }
}

/// The records of a set by method, in the order of the run; items by user in the set's order. A user of whom an item is
/// missing has none.
pub(crate) fn answers<'r>(run: &'r Run, set: &Dataset) -> Vec<Answers<'r>> {
    let mut order: Vec<&str> = Vec::new();
    let mut learned: BTreeMap<&str, Vec<&Learned>> = BTreeMap::new();
    let mut items: BTreeMap<(&str, &str, &str), &Answered> = BTreeMap::new();
    for record in &run.records {
        match record {
            Record::Learned(it) if it.set == set.name => {
                if !learned.contains_key(it.method.as_str()) {
                    order.push(&it.method);
                }
                learned.entry(&it.method).or_default().push(it);
            }
            Record::Answered(it) if it.set == set.name => {
                items.insert((&it.method, &it.user, &it.item), it);
            }
            _ => {}
        }
    }
    let of_user = |method: &'r str, user: &EvalUser| -> Vec<&'r Answered> {
        let of_item = |item: &TestItem| items.get(&(method, user.id.as_str(), item.id.as_str())).copied();
        user.tests.iter().map(of_item).collect::<Option<Vec<_>>>().unwrap_or_default()
    };
    let of_method = |method: &'r str| Answers {
        method,
        by_user: set.users.iter().map(|user| of_user(method, user)).collect(),
        learned: learned.get(method).cloned().unwrap_or_default(),
    };
    order.into_iter().map(of_method).collect()
}

/// The tokens of a need, as prices take them.
pub(super) fn used(need: &Need) -> Usage {
    Usage { input_tokens: need.input_tokens, output_tokens: need.output_tokens, cached_tokens: 0 }
}
