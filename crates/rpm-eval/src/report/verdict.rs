//! Judges a comparison by its adjusted p: better, worse or not told apart.

use super::values::{Comparison, SetReport};

/// Below this adjusted p a difference is called one.
pub(super) const THRESHOLD: f64 = 0.05;

/// The outcome of comparing a method with its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
    /// Not told apart, which differs from equal.
    Not,
}

impl Verdict {
    /// The verdict in words.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Not => "not told apart",
        }
    }

    /// The mark behind a score.
    pub(super) fn mark(self) -> Option<&'static str> {
        match self {
            Self::Better => Some("↑"),
            Self::Worse => Some("↓"),
            Self::Not => None,
        }
    }
}

impl SetReport {
    /// The verdict by the adjusted p. A metric that is not listed counts as one where more is better.
    pub(super) fn verdict(&self, comparison: &Comparison) -> Verdict {
        let sure = comparison.adjusted_p.is_some_and(|p| p < THRESHOLD);
        let metric = self.metrics.iter().find(|metric| metric.name == comparison.metric);
        let more_is_better = metric.is_none_or(|metric| metric.higher_is_better);
        if !sure || comparison.difference.value == 0.0 {
            Verdict::Not
        } else if (comparison.difference.value > 0.0) == more_is_better {
            Verdict::Better
        } else {
            Verdict::Worse
        }
    }

    /// The method that the others are compared with first.
    pub(super) fn main_base(&self) -> Option<&str> {
        self.comparisons.first().map(|comparison| comparison.base.as_str())
    }

    /// Comparisons with the main base on the first metric.
    pub(super) fn main_comparisons(&self) -> impl Iterator<Item = &Comparison> {
        let metric = self.metrics.first().map(|metric| metric.name.as_str());
        self.comparisons
            .iter()
            .filter(move |c| Some(c.base.as_str()) == self.main_base() && Some(c.metric.as_str()) == metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Measured;
    use crate::report::Metric;

    #[test]
    fn only_the_adjusted_p_decides_and_the_metric_says_which_way_is_better() {
        let metric = |name: &str, higher_is_better| Metric { name: name.into(), higher_is_better, note: String::new() };
        let set = SetReport { metrics: vec![metric("accuracy", true), metric("MAE", false)], ..SetReport::default() };
        let verdict = |metric: &str, value, p, adjusted_p| {
            let difference = Measured { value, interval: None };
            set.verdict(&Comparison { metric: metric.into(), difference, p, adjusted_p, ..Comparison::default() })
        };
        assert_eq!(verdict("accuracy", 0.1, Some(0.001), Some(0.01)), Verdict::Better);
        assert_eq!(verdict("MAE", 0.1, Some(0.001), Some(0.01)), Verdict::Worse);
        assert_eq!(verdict("MAE", -0.1, Some(0.001), Some(0.01)), Verdict::Better);
        assert_eq!(verdict("accuracy", 0.1, Some(0.01), Some(0.05)), Verdict::Not);
        assert_eq!(verdict("accuracy", 0.1, Some(0.01), None), Verdict::Not);
        assert_eq!(verdict("accuracy", 0.0, Some(0.01), Some(0.01)), Verdict::Not);
    }
}
