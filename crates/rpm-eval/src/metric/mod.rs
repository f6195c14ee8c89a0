//! LaMP's metrics to the bit, and scores of distributions.
//!
//! Two readings of a method's reply stand side by side. The strict one is LaMP's: the text without white space around
//! it, and nothing else is forgiven. The other takes the response of the task's space that the text states
//! ([`Task::parse_response`]), so that it scores what was answered and not how it was spelled.
//!
//! An item without an answer counts against the method: as wrong, as the end of the scale farther from what was wanted
//! ([`worst_end`]), as no shared token. Only scores of probabilities leave out items that have none; compare them over
//! the same items.
//!
//! # Where LaMP's own figures differ
//! - ROUGE: LaMP reports the median of 1,000 bootstrap means, drawn without a seed, so its figure changes from run to
//!   run (measured standard deviation 0.0007 with 100 items, 0.0002 with 1,500). Here it is the plain mean that those
//!   scatter around.
//! - Numbers: LaMP's evaluation passes them on as 32-bit floats; `3.3` becomes 3.2999999523. Here they keep 64 bits.
//!   Whole numbers are the same either way.
//! - NaN and infinity: `nan` and `inf` are numbers to LaMP's parser, and the library behind it then fails. Here the
//!   strict figure is NaN or infinite.
//!
//! Source: `eval/evaluation.py` of LaMP-Benchmark/LaMP, Salemi et al. 2024.

mod labels;
mod numbers;
mod rouge;
mod scorer;
mod shares;
mod tally;

use serde::{Deserialize, Serialize};

use self::scorer::Scorer;
use super::Answered;
use rpm_core::data::{ResponseSpace, Task};

pub use labels::{label_place, macro_f1, strict_accuracy, strip};
pub use numbers::{mae, mean, parse_number, rmse, strict_number, worst_end};
pub use rouge::{rouge_1, rouge_l};
pub use shares::{CALIBRATION_BINS, brier, calibration_error, jensen_shannon};
pub use tally::Tally;

/// One figure of merit. The order is that of tables.
///
/// ```
/// use rpm_eval::{Answered, metric::Metric};
/// use rpm_core::{ResponseSpace, Task};
///
/// let task = Task::new("How would this user rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let said = |gold: &str, raw: &str| Answered { gold: gold.into(), raw: Some(raw.into()), ..Answered::default() };
/// // LaMP reads "4 stars" as the end farther from 5.
/// let items = [said("5", "4 stars"), said("2", "2.0")];
/// assert_eq!(Metric::StrictMae.of_items(&task, &items), Some(2.0));
/// # Ok::<(), rpm_core::DataError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The share of items whose response is the wanted one, from 0 to 1.
    Accuracy,
    /// The share LaMP counts as right ([`strict_accuracy`]), from 0 to 1. Where options come with the query there is no
    /// list to look in, and the stripped texts must be equal.
    StrictAccuracy,
    /// The mean of F1 over all labels of the task ([`macro_f1`]), or points of its scale, from 0 to 1.
    MacroF1,
    /// The mean of F1 over all labels, of the labels LaMP reads in the texts: LaMP's `f1`.
    StrictMacroF1,
    /// Mean absolute error, 0 or more: of [`Answered::value`] if there is one, or else of the response, or else of the
    /// end of the scale farther from what was wanted.
    Mae,
    /// Square root of the mean squared error, 0 or more, of the numbers of [`Mae`](Self::Mae).
    Rmse,
    /// Mean absolute error of the numbers LaMP reads ([`strict_number`]), 0 or more, or NaN.
    StrictMae,
    /// Square root of the mean squared error of the numbers LaMP reads, 0 or more, or NaN.
    StrictRmse,
    /// ROUGE-1 of the response ([`rouge_1`]), from 0 to 1. White space makes no difference to it, so it is LaMP's
    /// wherever the text fits the task.
    Rouge1,
    /// ROUGE-L of the response ([`rouge_l`]), from 0 to 1; see [`Rouge1`](Self::Rouge1).
    RougeL,
    /// 1 less the [`jensen_shannon`] divergence of the probabilities from the shares of the group, from 0 to 1.
    DistributionSimilarity,
    /// The [`brier`] score, from 0 to 2. Where options come with the query, what was wanted is the option with the
    /// largest share, the first of equals; without shares there is no score.
    Brier,
    /// The expected [`calibration_error`] of the confidence in the response, from 0 to 1.
    CalibrationError,
}

impl Metric {
    /// The metrics of a task, the primary one first.
    pub fn of(task: &Task) -> Vec<Self> {
        use Metric::{
            Accuracy, Brier, CalibrationError, DistributionSimilarity, MacroF1, Mae, Rmse, Rouge1, RougeL,
            StrictAccuracy, StrictMacroF1, StrictMae, StrictRmse,
        };
        match task.space() {
            ResponseSpace::Labels { .. } => {
                vec![Accuracy, StrictAccuracy, MacroF1, StrictMacroF1, Brier, CalibrationError]
            }
            ResponseSpace::Scale { .. } => {
                vec![Accuracy, Mae, Rmse, StrictMae, StrictRmse, MacroF1, Brier, CalibrationError]
            }
            ResponseSpace::Choices => vec![Accuracy, StrictAccuracy, DistributionSimilarity, Brier, CalibrationError],
            ResponseSpace::Text { .. } => vec![Rouge1, RougeL],
            // A space that this crate does not know yet.
            _ => vec![Accuracy],
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::StrictAccuracy => "strict accuracy",
            Self::MacroF1 => "macro-F1",
            Self::StrictMacroF1 => "strict macro-F1",
            Self::Mae => "MAE",
            Self::Rmse => "RMSE",
            Self::StrictMae => "strict MAE",
            Self::StrictRmse => "strict RMSE",
            Self::Rouge1 => "ROUGE-1",
            Self::RougeL => "ROUGE-L",
            Self::DistributionSimilarity => "1 − JS",
            Self::Brier => "Brier",
            Self::CalibrationError => "ECE",
        }
    }

    /// A description in a few words, for the notes of tables.
    pub fn about(self) -> &'static str {
        match self {
            Self::Accuracy => "share of items whose response is the wanted one; no answer is wrong",
            Self::StrictAccuracy => "the same by LaMP's rule: the text as it was given, to the letter",
            Self::MacroF1 => "mean of F1 over all labels of the task; an absent label counts 0",
            Self::StrictMacroF1 => "the same of the text as it was given: LaMP's f1",
            Self::Mae => "mean absolute error; no answer counts as the farther end of the scale",
            Self::Rmse => "square root of the mean squared error, of the same numbers",
            Self::StrictMae => {
                "MAE of the number LaMP reads in the text as it was given; – where it reads NaN or infinity, and fails"
            }
            Self::StrictRmse => "RMSE of the number LaMP reads in the text as it was given, likewise",
            Self::Rouge1 => {
                "F-measure of shared words, without a stemmer; a plain mean, where LaMP takes a bootstrap's median"
            }
            Self::RougeL => "F-measure of the longest common subsequence of words, likewise",
            Self::DistributionSimilarity => "1 less the Jensen-Shannon divergence (base 2) from the group's shares",
            Self::Brier => "squared error of the probabilities, 0 to 2, of items that have them",
            Self::CalibrationError => "expected calibration error of the confidence in the response, over 10 bins",
        }
    }

    /// False for errors.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Accuracy
            | Self::StrictAccuracy
            | Self::MacroF1
            | Self::StrictMacroF1
            | Self::Rouge1
            | Self::RougeL
            | Self::DistributionSimilarity => true,
            Self::Mae | Self::Rmse | Self::StrictMae | Self::StrictRmse | Self::Brier | Self::CalibrationError => false,
        }
    }

    /// The value of one item. The mean over the items that have one is [`of_items`](Self::of_items).
    ///
    /// `None` for metrics that are no mean over items (macro-F1, RMSE, ECE), for those that do not fit the task, and
    /// where this item cannot be scored: it has no probabilities, or its wanted response is not of the task.
    pub fn of_item(self, task: &Task, item: &Answered) -> Option<f64> {
        if self.is_mean() { Scorer::new(self, task).worth(item) } else { None }
    }

    /// The figure over items; `None` where there is nothing to score. For LaMP's metrics it is that of scikit-learn and
    /// numpy to the bit, given the items in the same order; another order may change the last digits.
    pub fn of_items<'a>(self, task: &Task, items: impl IntoIterator<Item = &'a Answered>) -> Option<f64> {
        self.tally(task, items).value()
    }

    /// The sums and counts of items, such as those of one user. Tallies add up, so that drawing users again and
    /// again costs an addition per user and not a pass over the items.
    pub fn tally<'a>(self, task: &Task, items: impl IntoIterator<Item = &'a Answered>) -> Tally {
        Tally::of(self, &Scorer::new(self, task), items)
    }

    /// True for a mean over items.
    fn is_mean(self) -> bool {
        !matches!(self, Self::MacroF1 | Self::StrictMacroF1 | Self::Rmse | Self::StrictRmse | Self::CalibrationError)
    }
}

#[cfg(test)]
mod tests;
