//! Sentences that several parts of the report share.

use super::number;
use super::values::{Metric, SetReport};

impl Metric {
    /// The metric's name with the direction that is better.
    pub(super) fn direction(&self) -> String {
        format!("{} ({} is better)", self.name, if self.higher_is_better { "higher" } else { "lower" })
    }
}

impl SetReport {
    /// The sentence about a set that a run did not finish; `None` when it did.
    pub(super) fn unfinished_sentence(&self) -> Option<String> {
        let of: Vec<String> = self
            .unfinished
            .iter()
            .map(|it| format!("{} ({} users missing)", it.method, number::count(it.users)))
            .collect();
        (!of.is_empty()).then(|| {
            format!(
                "The run was not finished: {}. Figures of these methods are of the other users only.",
                of.join("; ")
            )
        })
    }
}
