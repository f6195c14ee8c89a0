//! The reports of learning and observing: the outcome of every interaction.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::data::visible::Shown;
use crate::data::{FactorId, ItemId};
use crate::extract::{Dropped, ReplyReading};
use crate::llm::{BudgetLimit, Stage, UsageReport};
use crate::model::UserModel;

/// The user model that [`RpmPipeline::learn`](crate::RpmPipeline::learn) made, with its report.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Learned {
    /// The user model.
    pub model: UserModel,
    /// The outcome of each interaction, and the cost.
    pub report: LearnReport,
}

/// The account of one learning: every interaction with its outcome, what was refused, what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LearnReport {
    /// Every interaction of the history, in canonical order.
    pub items: Vec<ItemReport>,
    /// Features that were found and not kept, by reason.
    pub dropped: Dropped,
    /// Factors of the user model.
    pub factors: usize,
    /// Group assignments of the factor model that could not be used.
    pub refused_groups: usize,
    /// Groups that the factor model did not place; those that recur are factors of their own, under their most typical name.
    pub unplaced_groups: usize,
    /// Interactions whose influence and polarity were asked for and not judged, or not of every feature.
    pub unjudged: usize,
    /// Reasoning paths by the path writer.
    pub paths_written: usize,
    /// Reasoning paths composed from the statistics because the path writer gave none that passed the check.
    pub paths_composed: usize,
    /// The limit of the budget for which requests were not sent; `None` when the budget sufficed.
    #[serde(default)]
    pub budget_reached: Option<BudgetLimit>,
    /// Calls and tokens by stage.
    pub usage: UsageReport,
}

/// One interaction and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemReport {
    /// The interaction.
    pub id: ItemId,
    /// Its outcome.
    pub outcome: ItemOutcome,
    /// The effort that its features took; `None` when it failed.
    #[serde(default)]
    pub reading: Option<ReplyReading>,
}

/// The outcome of one interaction. In every case it is part of the memory and of the base rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemOutcome {
    /// Features were found.
    Learned {
        /// Their number.
        features: usize,
    },
    /// It was read, and nothing in it was kept as a feature.
    NoFeatures,
    /// A stage failed for it.
    Failed {
        /// The stage.
        stage: Stage,
        /// Why, without the user's text.
        reason: String,
    },
}

/// The account of one [`observe`](crate::RpmPipeline::observe).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObserveReport {
    /// Every interaction that was handed over, in order of id.
    pub items: Vec<ObservedItem>,
    /// Features that were found and not kept, by reason.
    pub dropped: Dropped,
    /// Factors that a feature founded which fitted none, in order of id.
    pub founded: Vec<FactorId>,
    /// Factors that were provisional, or not there, and are established now.
    pub established: Vec<FactorId>,
    /// Interactions whose influence and polarity were asked for and not judged, or not of every feature.
    pub unjudged: usize,
    /// Reasoning paths by the path writer.
    pub paths_written: usize,
    /// Reasoning paths that are composed from the statistics because the path writer gave none that passed the check.
    pub paths_composed: usize,
    /// The limit of the budget for which requests were not sent.
    #[serde(default)]
    pub budget_reached: Option<BudgetLimit>,
    /// The user model's revision afterwards.
    pub revision: u64,
    /// Calls and tokens by stage.
    pub usage: UsageReport,
}

/// One interaction that was observed and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObservedItem {
    /// The interaction.
    pub id: ItemId,
    /// Its outcome.
    pub outcome: ObserveOutcome,
    /// The effort that its features took; `None` when there was no need, or it failed.
    #[serde(default)]
    pub reading: Option<ReplyReading>,
}

/// The outcome of one interaction that was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObserveOutcome {
    /// It was taken in with features.
    Learned {
        /// Their number.
        features: usize,
    },
    /// It was taken in; nothing in it was kept as a feature.
    NoFeatures,
    /// It was there already, the same in all; nothing changed.
    Known,
    /// Its id is there with another query, response or time; nothing changed. Forget the old one first.
    Conflicting,
    /// Its features could not be found; it was not taken in.
    Failed {
        /// The stage.
        stage: Stage,
        /// Why, without the user's text.
        reason: String,
    },
    /// The user had something forgotten while its features were being found, and nobody can tell whether that was meant to go too; it was
    /// not taken in. Observe it again if it is to stay.
    Overtaken,
}

impl ObservedItem {
    pub(super) fn new(id: ItemId, outcome: ObserveOutcome, reading: Option<ReplyReading>) -> Self {
        Self { id, outcome, reading }
    }
}

impl ObserveReport {
    /// Interactions that were taken in.
    pub fn taken_in(&self) -> usize {
        let taken =
            |item: &&ObservedItem| matches!(item.outcome, ObserveOutcome::Learned { .. } | ObserveOutcome::NoFeatures);
        self.items.iter().filter(taken).count()
    }

    /// Interactions that were not taken in since something was forgotten meanwhile.
    pub fn overtaken(&self) -> usize {
        self.items.iter().filter(|item| item.outcome == ObserveOutcome::Overtaken).count()
    }

    /// Interactions for which a stage failed.
    pub fn failed(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.outcome, ObserveOutcome::Failed { .. })).count()
    }
}

impl ItemReport {
    pub(super) fn new(id: ItemId, outcome: ItemOutcome, reading: Option<ReplyReading>) -> Self {
        Self { id, outcome, reading }
    }
}

impl LearnReport {
    /// Interactions with features.
    pub fn learned(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.outcome, ItemOutcome::Learned { .. })).count()
    }

    /// Interactions of which the features took this much to get.
    pub fn read(&self, reading: ReplyReading) -> usize {
        self.items.iter().filter(|item| item.reading == Some(reading)).count()
    }

    /// Interactions for which a stage failed.
    pub fn failed(&self) -> usize {
        self.items.iter().filter(|item| matches!(item.outcome, ItemOutcome::Failed { .. })).count()
    }
}

impl fmt::Display for LearnReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Shown::new(f);
        let none = self.items.len() - self.learned() - self.failed();
        writeln!(
            f,
            "{} interactions: {} learned, {none} without features, {} failed",
            self.items.len(),
            self.learned(),
            self.failed()
        )?;
        let counts = ReplyReading::ALL.map(|reading| format!("{} {}", self.read(reading), reading.as_str()));
        if self.read(ReplyReading::AtOnce) < self.items.len() - self.failed() {
            writeln!(f, "read {}", counts.join(", "))?;
        }
        let d = &self.dropped;
        writeln!(
            f,
            "features dropped: {} ungrounded, {} unusable names, {} repeated, {} over the limit",
            d.ungrounded, d.unusable_name, d.repeated, d.over_limit
        )?;
        writeln!(
            f,
            "{} factors ({} groups unplaced, {} assignments refused); paths: {} written, {} composed in their place",
            self.factors, self.unplaced_groups, self.refused_groups, self.paths_written, self.paths_composed
        )?;
        if let Some(limit) = self.budget_reached {
            let withheld = self.usage.total().withheld;
            writeln!(f, "the budget's limit of {limit} was reached: {withheld} requests not sent")?;
        }
        for item in &self.items {
            if let ItemOutcome::Failed { stage, reason } = &item.outcome {
                writeln!(f, "  {} failed at {stage}: {reason}", item.id)?;
            }
        }
        write!(f, "{}", self.usage)
    }
}
