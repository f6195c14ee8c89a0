//! Sentences that several parts of the report share.

use super::number;
use super::values::{Comparison, Metric, SetReport, WithOthers};
use crate::method::Spec;

impl Metric {
    /// The metric's name with the direction that is better.
    pub(super) fn direction(&self) -> String {
        format!("{} ({} is better)", self.name, if self.higher_is_better { "higher" } else { "lower" })
    }
}

/// A number of own interactions.
pub(super) fn own(own: Option<usize>) -> String {
    own.map_or_else(|| "all".to_owned(), number::count)
}

/// A method without its number of own interactions.
fn without_own(method: &str) -> String {
    let spec = method.parse::<Spec>().map(|mut spec| {
        spec.options.remove("own");
        spec.to_string()
    });
    spec.unwrap_or_else(|_| method.to_owned())
}

impl WithOthers {
    /// The method with others, without its number of own interactions.
    pub(super) fn method(&self) -> String {
        without_own(&self.comparison.method)
    }

    /// The method alone, without its number of own interactions.
    pub(super) fn alone(&self) -> String {
        without_own(&self.comparison.base)
    }
}

impl SetReport {
    /// The comparisons whose p are adjusted together.
    pub(super) fn compared(&self) -> usize {
        let known = |it: &WithOthers| {
            let of = |it: &Comparison| (it.base.clone(), it.method.clone(), it.metric.clone());
            self.comparisons.iter().any(|other| of(other) == of(&it.comparison))
        };
        self.comparisons.len() + self.with_others.iter().filter(|it| !known(it)).count()
    }

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
