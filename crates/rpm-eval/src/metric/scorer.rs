//! One item read for one metric.

use super::labels::{label_place, strict_accuracy, strip};
use super::numbers::{parse_number, strict_number, worst_end};
use super::rouge::{rouge_1, rouge_l};
use super::shares::{brier, jensen_shannon, largest};
use super::{Answered, Metric};
use rpm_core::data::{ResponseSpace, Task};

/// Reads one item of a task for a metric.
pub(super) struct Scorer {
    metric: Metric,
    /// Labels, or the points of a scale; empty where they come with the query and for text.
    labels: Vec<String>,
    /// The ends of a scale.
    ends: Option<(f64, f64)>,
    /// Free text has no right or wrong response.
    is_text: bool,
}

impl Scorer {
    pub(super) fn new(metric: Metric, task: &Task) -> Self {
        let space = task.space();
        let ends = match space {
            ResponseSpace::Scale { min, max } => Some((*min as f64, *max as f64)),
            _ => None,
        };
        Self {
            metric,
            labels: space.fixed_responses().unwrap_or_default(),
            ends,
            is_text: matches!(space, ResponseSpace::Text { .. }),
        }
    }

    /// The number of labels that macro-F1 is over.
    pub(super) fn classes(&self) -> usize {
        self.labels.len()
    }

    /// The number an item adds to the mean: of squared errors for RMSE. `None` for metrics of counts, or where it has
    /// none to add.
    pub(super) fn worth(&self, item: &Answered) -> Option<f64> {
        match self.metric {
            Metric::Accuracy => (!self.is_text).then(|| share(is_right(item))),
            Metric::StrictAccuracy => (!self.is_text).then(|| share(self.is_strictly_right(item))),
            Metric::Mae => self.error(item).map(f64::abs),
            Metric::Rmse => self.error(item).map(|error| error * error),
            Metric::StrictMae => self.strict_error(item).map(f64::abs),
            Metric::StrictRmse => self.strict_error(item).map(|error| error * error),
            Metric::Rouge1 => self.is_text.then(|| rouge_1(&item.gold, item.response.as_deref().unwrap_or(""))),
            Metric::RougeL => self.is_text.then(|| rouge_l(&item.gold, item.response.as_deref().unwrap_or(""))),
            Metric::DistributionSimilarity => {
                jensen_shannon(&item.gold_shares, &item.probabilities).map(|divergence| 1.0 - divergence)
            }
            Metric::Brier => self.brier(item),
            Metric::MacroF1 | Metric::StrictMacroF1 | Metric::CalibrationError => None,
        }
    }

    /// The wanted and the given label.
    pub(super) fn places(&self, item: &Answered) -> (Option<usize>, Option<usize>) {
        if self.metric == Metric::StrictMacroF1 {
            let given = item.raw.as_deref().and_then(|raw| label_place(&self.labels, raw));
            return (label_place(&self.labels, &item.gold), given);
        }
        (self.place(&item.gold), item.response.as_deref().and_then(|response| self.place(response)))
    }

    /// The confidence of the method in its response, and true if that was right; `None` if it gave neither.
    pub(super) fn confidence(&self, item: &Answered) -> Option<(f64, bool)> {
        let fits = !self.is_text && item.response.is_some();
        item.confidence.filter(|_| fits).map(|confidence| (confidence, is_right(item)))
    }

    fn place(&self, response: &str) -> Option<usize> {
        self.labels.iter().position(|label| label == response)
    }

    fn is_strictly_right(&self, item: &Answered) -> bool {
        if self.labels.is_empty() {
            return item.raw.as_deref().is_some_and(|raw| strip(raw) == strip(&item.gold));
        }
        strict_accuracy(&self.labels, &item.gold, item.raw.as_deref())
    }

    fn error(&self, item: &Answered) -> Option<f64> {
        let (min, max) = self.ends?;
        let gold = parse_number(&item.gold)?;
        let response = || item.response.as_deref().and_then(parse_number);
        let given = item.value.filter(|value| value.is_finite()).or_else(response);
        Some(given.unwrap_or_else(|| worst_end(gold, min, max)) - gold)
    }

    fn strict_error(&self, item: &Answered) -> Option<f64> {
        let (min, max) = self.ends?;
        let gold = parse_number(&item.gold)?;
        Some(strict_number(item.raw.as_deref(), gold, min, max) - gold)
    }

    fn brier(&self, item: &Answered) -> Option<f64> {
        let (wanted, responses) = match self.labels.len() {
            0 => (largest(&item.gold_shares)?, item.gold_shares.len()),
            labels => (self.place(&item.gold)?, labels),
        };
        if item.probabilities.len() == responses { brier(&item.probabilities, wanted) } else { None }
    }
}

fn is_right(item: &Answered) -> bool {
    item.response.as_ref() == Some(&item.gold)
}

fn share(right: bool) -> f64 {
    f64::from(u8::from(right))
}
