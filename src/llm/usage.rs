//! The requests sent, and the tokens and money paid, by stage.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Usage;

/// The work a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Finding the features of a query.
    Extract,
    /// Grouping features into factors and naming them, those of a catalog too.
    Group,
    /// Judging influence and polarity.
    Judge,
    /// Writing a reasoning path.
    WritePath,
    /// Finding the exemplars of a query.
    Retrieve,
    /// Answering a query.
    Answer,
}

impl Stage {
    /// The stage's name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Group => "group",
            Self::Judge => "judge",
            Self::WritePath => "write path",
            Self::Retrieve => "retrieve",
            Self::Answer => "answer",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The use that one stage made of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StageUsage {
    /// Requests sent, failed ones included.
    pub calls: u64,
    /// Requests that failed.
    pub failed_calls: u64,
    /// Requests that were sent again after a failure; counted in `calls` too.
    #[serde(default)]
    pub retries: u64,
    /// Requests that were answered from the response log; not counted in `calls`.
    #[serde(default)]
    pub reused: u64,
    /// Requests that were not sent, or given up, because the budget was reached. Their attempts are counted in `calls`.
    #[serde(default)]
    pub withheld: u64,
    /// Requests that were sent again in a looser reply form; counted in `calls` too.
    #[serde(default)]
    pub stepped_down: u64,
    /// Requests that asked again for what an earlier reply lacked; counted in `calls` too.
    pub reasks: u64,
    /// Replies that could be read only after a repair, such as a stripped fence.
    pub repaired: u64,
    /// Replies with calls whose tokens the backend did not report.
    pub unmetered: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Of those, tokens that the provider served from its cache.
    pub cached_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
}

impl StageUsage {
    pub(super) fn add_tokens(&mut self, used: &Usage) {
        self.input_tokens = self.input_tokens.saturating_add(used.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(used.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(used.output_tokens);
    }

    /// Adds another, up to the largest number there is: a server may report any.
    pub(super) fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed_calls = self.failed_calls.saturating_add(other.failed_calls);
        self.retries = self.retries.saturating_add(other.retries);
        self.reused = self.reused.saturating_add(other.reused);
        self.withheld = self.withheld.saturating_add(other.withheld);
        self.stepped_down = self.stepped_down.saturating_add(other.stepped_down);
        self.reasks = self.reasks.saturating_add(other.reasks);
        self.repaired = self.repaired.saturating_add(other.repaired);
        self.unmetered = self.unmetered.saturating_add(other.unmetered);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// Calls and tokens by stage. Stages that asked nothing are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageReport(pub(super) BTreeMap<Stage, StageUsage>);

impl UsageReport {
    /// Returns the use of one stage.
    pub fn stage(&self, stage: Stage) -> StageUsage {
        self.0.get(&stage).copied().unwrap_or_default()
    }

    /// The stages that asked, in the order of the flow.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, &StageUsage)> {
        self.0.iter().map(|(&stage, usage)| (stage, usage))
    }

    /// The sum over all stages.
    pub fn total(&self) -> StageUsage {
        let mut total = StageUsage::default();
        for usage in self.0.values() {
            total.add(usage);
        }
        total
    }

    /// Adds another report to this one.
    pub fn add(&mut self, other: &Self) {
        for (stage, usage) in &other.0 {
            self.0.entry(*stage).or_default().add(usage);
        }
    }
}

impl fmt::Display for UsageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [
            "stage",
            "calls",
            "failed",
            "retries",
            "reused",
            "re-asks",
            "repaired",
            "tokens in",
            "cached",
            "tokens out",
        ];
        let [stage, rest @ ..] = columns;
        write!(f, "{stage:<12}")?;
        for column in rest {
            write!(f, "{column:>11}")?;
        }
        let rows = self.iter().map(|(stage, usage)| (stage.as_str(), *usage));
        for (name, u) in rows.chain(std::iter::once(("total", self.total()))) {
            write!(f, "\n{name:<12}")?;
            let calls = [u.calls, u.failed_calls, u.retries, u.reused, u.reasks, u.repaired];
            for count in calls.into_iter().chain([u.input_tokens, u.cached_tokens, u.output_tokens]) {
                write!(f, "{count:>11}")?;
            }
        }
        let total = self.total();
        if total.withheld > 0 {
            write!(f, "\nnot sent for want of budget: {}", total.withheld)?;
        }
        if total.unmetered > 0 {
            write!(f, "\ncalls whose tokens the backend did not count: {}", total.unmetered)?;
        }
        Ok(())
    }
}
