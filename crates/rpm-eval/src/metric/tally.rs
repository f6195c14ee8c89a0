//! Sums and counts over items, from which a metric is computed.

use super::labels::{f1_of_counts, label_counts};
use super::numbers::pairwise_sum;
use super::scorer::Scorer;
use super::shares::{calibration_gaps, error_of_gaps};
use super::{Answered, Metric};

/// The sums and counts over items that a [`Metric`] is computed from. They add up.
///
/// ```
/// use rpm_eval::{Answered, metric::Metric};
/// use rpm_core::{ResponseSpace, Task};
///
/// let task = Task::new("Tag it", ResponseSpace::labels(["drama", "war"])?)?;
/// let said = |gold: &str, given: &str| Answered { gold: gold.into(), response: Some(given.into()), ..Answered::default() };
/// let (one, other) = ([said("war", "war")], [said("war", "drama"), said("drama", "drama")]);
///
/// // One user drawn twice, the other once.
/// let mut drawn = Metric::Accuracy.tally(&task, []);
/// drawn.add_times(&Metric::Accuracy.tally(&task, &one), 2);
/// drawn.add(&Metric::Accuracy.tally(&task, &other));
/// assert_eq!(drawn.value(), Some(0.75));
/// # Ok::<(), rpm_core::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// `None` once tallies of different metrics or tasks were mixed.
    metric: Option<Metric>,
    /// Items that could be scored.
    items: u64,
    /// For macro-F1 three counts per label, for ECE the gap of each bin, else one sum over the items.
    sums: Vec<f64>,
}

impl Tally {
    pub(super) fn of<'a>(metric: Metric, scorer: &Scorer, items: impl IntoIterator<Item = &'a Answered>) -> Self {
        let items = items.into_iter();
        let (sums, items) = match metric {
            Metric::MacroF1 | Metric::StrictMacroF1 => {
                label_counts(scorer.classes(), items.map(|item| scorer.places(item)))
            }
            Metric::CalibrationError => calibration_gaps(items.filter_map(|item| scorer.confidence(item))),
            _ => {
                let worths: Vec<f64> = items.filter_map(|item| scorer.worth(item)).collect();
                (vec![pairwise_sum(&worths)], worths.len() as u64)
            }
        };
        Self { metric: Some(metric), items, sums }
    }

    /// The number of items that could be scored.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Adds the items of another.
    pub fn add(&mut self, other: &Self) {
        self.add_times(other, 1);
    }

    /// Adds the items of another, each `times` times. A tally of another metric, or of a task with other responses,
    /// does not add up with this one: then there is no value any more.
    pub fn add_times(&mut self, other: &Self, times: u32) {
        if self.metric != other.metric || self.sums.len() != other.sums.len() {
            self.metric = None;
        }
        // Nothing times infinity would be NaN.
        if times == 0 {
            return;
        }
        self.items += other.items * u64::from(times);
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more * f64::from(times);
        }
    }

    /// The figure over all items added; `None` when none could be scored. Tallies added up give that of all items at
    /// once to within rounding; a single one gives it to the bit.
    pub fn value(&self) -> Option<f64> {
        let metric = self.metric.filter(|_| self.items > 0)?;
        let mean = || self.sums.first().map(|sum| sum / self.items as f64);
        match metric {
            Metric::MacroF1 | Metric::StrictMacroF1 => f1_of_counts(&self.sums),
            Metric::CalibrationError => Some(error_of_gaps(&self.sums, self.items)),
            Metric::Rmse | Metric::StrictRmse => mean().map(f64::sqrt),
            _ => mean(),
        }
    }
}
