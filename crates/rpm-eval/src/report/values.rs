//! The content of a report as plain values. All numbers are finite; a figure that cannot be given is `None`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::items::{Case, UserPage};
use crate::compare::Measured;

/// Figures of one run. The same run gives the same value, so nothing a clock measured is in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The version of this crate.
    pub crate_version: String,
    /// The name of the model asked; `None` in a run without one.
    pub model: Option<String>,
    /// The seed of random choices.
    pub seed: u64,
    /// A fingerprint of all prompts' wording.
    pub prompts: String,
    /// All methods of the run, in the order they were named. A set lists those that fit its task.
    pub methods: Vec<String>,
    /// One report per data set.
    pub sets: Vec<SetReport>,
    /// What the report opens with, before its own verdict: the verdict of who asked for it, in sentences. Mostly empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opening: Vec<String>,
    /// Methods in words, by name, where who asked for the report calls them so. Mostly empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// The pages of users, by set in order; empty where none are wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserPage>,
}

/// Figures of one data set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SetReport {
    /// The data set's short name.
    pub name: String,
    /// SHA-256 of the files' bytes, in hexadecimal.
    pub data_sha256: String,
    /// The kind of task, in words.
    pub task: String,
    /// Users with a history and a test item.
    pub users: usize,
    /// Persons or groups that the users are of; of one fold are all users of one.
    #[serde(default)]
    pub people: usize,
    /// What is to be known of how the set was read, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The users of another set, who teach these; `None` where there are none.
    #[serde(default)]
    pub teachers: Option<TeachersRow>,
    /// Test items of all users.
    pub items: usize,
    /// Interactions in all histories.
    pub interactions: usize,
    /// The first rows that could not be used.
    pub skipped: Vec<SkippedRow>,
    /// The number of rows that could not be used.
    pub skipped_total: usize,
    /// Methods that the run did not finish: their figures are of the other users only.
    #[serde(default)]
    pub unfinished: Vec<Unfinished>,
    /// The part of the set that was used, in words; `None` when all of it was.
    pub limits: Option<String>,
    /// The metrics, the one that decides first.
    pub metrics: Vec<Metric>,
    /// One row per method, in the run's order.
    pub methods: Vec<MethodRow>,
    /// Items that show how our first method and the best simple baseline differ; none where one of both is missing.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// Paired comparisons; those with the main base first.
    pub comparisons: Vec<Comparison>,
    /// Each method that learns from others less the same method alone, for each number of own interactions, by the metrics that
    /// decide.
    #[serde(default)]
    pub with_others: Vec<WithOthers>,
    /// The metrics that decide over own interactions.
    #[serde(default)]
    pub learning: Vec<Learning>,
    /// Curves over options that were varied.
    pub curves: Vec<Curve>,
    /// The tiers that pipelines used, and their scores by tier.
    pub tiers: Vec<MethodTiers>,
    /// The share of right answers by stated confidence.
    pub reliability: Vec<MethodReliability>,
}

/// A row of a file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SkippedRow {
    /// The file's name and line, or the row's id.
    pub row: String,
    /// The reason, without the row's text.
    pub problem: String,
}

/// The users of another set, who teach those of a set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TeachersRow {
    /// The other set's short name.
    pub name: String,
    /// SHA-256 of its files' bytes, in hexadecimal.
    pub sha256: String,
    /// Its users who teach.
    pub users: usize,
    /// Its users who are in the set that is scored too, and so do not teach.
    pub left_out: usize,
}

/// A method that a run did not finish on a data set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unfinished {
    /// The method.
    pub method: String,
    /// The number of users without records.
    pub users: usize,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, as in tables.
    pub name: String,
    /// True when more is better.
    pub higher_is_better: bool,
    /// A description in a few words; may be empty.
    pub note: String,
}

/// The requests and tokens of a piece of work, on average.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MeanNeed {
    /// Requests that were answered.
    pub requests: f64,
    /// Tokens of their prompts.
    pub input_tokens: f64,
    /// Tokens of their replies.
    pub output_tokens: f64,
    /// Requests whose tokens the provider did not report; they count as none, so the tokens are too few where this is
    /// above 0.
    pub uncounted: f64,
}

impl MeanNeed {
    /// Tokens of prompts and replies.
    pub fn tokens(&self) -> f64 {
        self.input_tokens + self.output_tokens
    }
}

/// One method on one data set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MethodRow {
    /// Its name, with its options.
    pub method: String,
    /// A description in a few words; may be empty.
    pub what: String,
    /// Items it answered, of [`SetReport::items`].
    pub answered: usize,
    /// Items it did not answer, by the kind of error.
    pub errors: BTreeMap<String, usize>,
    /// A score per metric, in the order of [`SetReport::metrics`]; `None` where the metric does not apply.
    pub scores: Vec<Option<Measured>>,
    /// The requests and tokens of learning one user.
    pub learning: MeanNeed,
    /// The requests and tokens of answering one item.
    pub answering: MeanNeed,
    /// Dollars for 1,000 answers at the model's price, learning not counted; `None` without a price.
    pub dollars_per_1000: Option<f64>,
    /// Mean length of its answers in characters; `None` when it answered nothing.
    pub answer_characters: Option<f64>,
}

/// Two methods on the same items.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// The base: the method that is compared with.
    pub base: String,
    /// The method that is compared.
    pub method: String,
    /// The metric, by name.
    pub metric: String,
    /// Items both count.
    pub items: usize,
    /// Users of those items.
    pub users: usize,
    /// The method's value less the base's, in the metric's unit, with its 95 % interval: above 0 is better only where
    /// more is better.
    pub difference: Measured,
    /// The probability of a difference as large as this without a true one; `None` where there are too few users.
    pub p: Option<f64>,
    /// This probability, adjusted by Holm over all comparisons of the set. Only this one decides.
    pub adjusted_p: Option<f64>,
    /// Users on whose items the method did better.
    pub users_won: usize,
    /// Users on whose items both did equally well.
    pub users_tied: usize,
    /// Users on whose items the method did worse.
    pub users_lost: usize,
    /// The difference among items whose two answers are of about equal length; for texts.
    pub length_matched: Option<LengthMatched>,
    /// Tokens more per answer for each hundredth of improvement; `None` where there is no improvement or no count.
    pub tokens_per_point: Option<f64>,
    /// Dollars more per 1,000 answers for each hundredth of improvement; `None` where there is none or no price.
    pub dollars_per_point: Option<f64>,
}

/// A paired difference among items whose two answers are of about equal length.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LengthMatched {
    /// The number of such items.
    pub items: usize,
    /// The method's value less the base's, with its 95 % interval.
    pub difference: Measured,
}

/// A method that learns from others, and the same method alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WithOthers {
    /// The latest own interactions that both know; `None` for all.
    pub own: Option<usize>,
    /// The method with others less the method alone, which is the base.
    pub comparison: Comparison,
    /// The share of its answers that others had taught something for, 0 to 1.
    pub taught: f64,
    /// The share of its users who are mostly like none of the others, and are answered as alone, 0 to 1.
    pub kept: f64,
}

/// A metric over the number of own interactions that methods know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Learning {
    /// The metric, by name.
    pub metric: String,
    /// The numbers of own interactions, ascending; `None`, the last, for all.
    pub steps: Vec<Option<usize>>,
    /// One line per method, in the run's order.
    pub lines: Vec<LearningLine>,
}

/// One method's line of [`Learning`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LearningLine {
    /// The method, without its number of own interactions.
    pub method: String,
    /// The metric's value with its 95 % interval, by step; `None` where the method was not run so.
    pub points: Vec<Option<Measured>>,
}

/// A metric over an option that was varied.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Curve {
    /// Its title.
    pub title: String,
    /// The option that was varied, in words.
    pub x_label: String,
    /// The metric, by name.
    pub metric: String,
    /// True when steps of `x` are ratios. A zero is then drawn apart, at the left.
    pub log_x: bool,
    /// One line per method.
    pub lines: Vec<CurveLine>,
}

/// One method's line of a [`Curve`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CurveLine {
    /// The method.
    pub method: String,
    /// Its points, by rising `x`.
    pub points: Vec<CurvePoint>,
}

/// One point of a [`CurveLine`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The option's value; at least 0 where steps are ratios.
    pub x: f64,
    /// The metric's value with its 95 % interval.
    pub measured: Measured,
}

/// The tiers that one method used.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MethodTiers {
    /// The method.
    pub method: String,
    /// One row per tier and reason.
    pub rows: Vec<TierRow>,
}

/// The answers of one tier that had one reason.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TierRow {
    /// The tier.
    pub tier: String,
    /// The reason it was not a fuller one, or that it was the fullest.
    pub reason: String,
    /// The number of answers.
    pub answers: usize,
    /// Their share of the method's answers, 0 to 1.
    pub share: f64,
    /// The first metric among them; `None` where there are too few.
    pub score: Option<Measured>,
}

/// The share of right answers by one method's stated confidence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MethodReliability {
    /// The method.
    pub method: String,
    /// Answers grouped by confidence, by rising confidence; empty groups are left out.
    pub bins: Vec<ReliabilityBin>,
}

/// Answers of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Their mean confidence, 0 to 1.
    pub confidence: f64,
    /// The share that was right, 0 to 1.
    pub right: f64,
    /// The number of answers.
    pub answers: usize,
}
