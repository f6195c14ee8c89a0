//! What a method is in a report: one of this library's, a simple baseline, or another.

use crate::method::Spec;

use super::values::{MethodRow, SetReport};

/// Methods that ask no model and look for nothing that a pipeline learns.
const SIMPLE: [&str; 6] = ["global-majority", "majority", "median", "mean", "first-sentence", "knn"];
const OURS: [&str; 2] = ["rpm", "offline"];

/// The part a method plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ours,
    Simple,
    Other,
}

impl Role {
    pub(super) fn of(method: &str) -> Self {
        match method.parse::<Spec>() {
            Ok(spec) if OURS.contains(&spec.name.as_str()) => Self::Ours,
            Ok(spec) if SIMPLE.contains(&spec.name.as_str()) => Self::Simple,
            _ => Self::Other,
        }
    }
}

impl SetReport {
    /// A method's value of the metric at this place.
    pub(super) fn value(&self, method: &str, metric: usize) -> Option<f64> {
        self.methods.iter().find(|row| row.method == method).and_then(|row| value(row, metric))
    }

    /// The method of ours that the report speaks of first: the first of the run that knows all own interactions.
    pub(super) fn lead(&self) -> Option<&str> {
        let ours = || self.methods.iter().filter(|row| Role::of(&row.method) == Role::Ours && value(row, 0).is_some());
        let whole = |row: &&MethodRow| row.method.parse::<Spec>().is_ok_and(|spec| !spec.options.contains_key("own"));
        ours().find(whole).or_else(|| ours().next()).map(|row| row.method.as_str())
    }

    /// The best of the methods that play this part, by the metric at this place; of equals the first.
    pub(super) fn best(&self, role: Role, metric: usize) -> Option<&str> {
        let better = if self.metrics.get(metric)?.higher_is_better { 1.0 } else { -1.0 };
        let mut best: Option<(&str, f64)> = None;
        for row in self.methods.iter().filter(|row| Role::of(&row.method) == role) {
            let Some(value) = value(row, metric).map(|value| value * better) else { continue };
            if best.is_none_or(|(_, least)| value > least) {
                best = Some((&row.method, value));
            }
        }
        best.map(|(method, _)| method)
    }

    /// The places of the metrics that decide: the first, and others by which methods were compared with the main base.
    pub(super) fn deciding(&self) -> Vec<usize> {
        let main = self.main_base();
        let compared = |name: &str| self.comparisons.iter().any(|c| Some(c.base.as_str()) == main && c.metric == name);
        let decides = |(place, metric): &(usize, &super::Metric)| *place == 0 || compared(&metric.name);
        self.metrics.iter().enumerate().filter(decides).map(|(place, _)| place).collect()
    }
}

fn value(row: &MethodRow, metric: usize) -> Option<f64> {
    row.scores.get(metric).copied().flatten().map(|score| score.value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Measured;
    use crate::report::Metric;

    #[test]
    fn the_best_is_the_least_where_less_is_better_and_the_lead_knows_everything() {
        let row = |method: &str, value| MethodRow {
            method: method.into(),
            scores: vec![Some(Measured { value, interval: None })],
            ..MethodRow::default()
        };
        let mut set = SetReport {
            metrics: vec![Metric { name: "MAE".into(), ..Metric::default() }],
            methods: vec![row("median", 1.5), row("knn:k=3", 1.25), row("offline:own=3", 1.0), row("offline", 1.25)],
            ..SetReport::default()
        };
        assert_eq!((set.best(Role::Simple, 0), set.lead()), (Some("knn:k=3"), Some("offline")));
        set.methods.pop();
        assert_eq!((set.lead(), set.best(Role::Other, 0), set.deciding()), (Some("offline:own=3"), None, vec![0]));
    }
}
