//! The records of a run, item by item: a line of JSON each.

use std::fmt;

use serde::{Deserialize, Serialize};

use rpm_core::llm::UsageReport;
use rpm_core::stats::{Tier, TierReason};

/// A line of a run's records: a method that learned a user, or its answer to one test item. Lines quote the data set's
/// texts; treat them as such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Record {
    /// A method is ready for a user's test items.
    Learned(Learned),
    /// A method answered one test item, or failed to.
    Answered(Answered),
}

/// The requests and tokens of a piece of work, with replies that were paid for or kept from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Need {
    /// Requests that were answered.
    pub requests: u64,
    /// Tokens of their prompts, as the provider counted them.
    pub input_tokens: u64,
    /// Tokens of their replies.
    pub output_tokens: u64,
    /// Requests whose tokens the provider did not report; they count as none.
    pub uncounted: u64,
}

impl Record {
    /// The requests and tokens of the work.
    pub(super) fn need(&self) -> &Need {
        match self {
            Self::Learned(it) => &it.need,
            Self::Answered(it) => &it.need,
        }
    }
}

impl Need {
    /// Adds another to this one.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.uncounted = self.uncounted.saturating_add(other.uncounted);
    }
}

/// A method made ready for one user.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Learned {
    /// The data set.
    pub set: String,
    /// The method, with its options.
    pub method: String,
    /// The user.
    pub user: String,
    /// Interactions of the user, of which a method may take fewer.
    pub history: usize,
    /// Names of the error's kinds from the outermost to its cause, if it failed: then every item of the user counts as
    /// not answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// True where a request got no reply for a reason that may pass, so that a resumed run does the job again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub passing: bool,
    /// A hash of all requests, in hexadecimal; empty where nothing was asked.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub requests: String,
    /// The requests and tokens of the work.
    pub need: Need,
    /// The requests sent and paid this time.
    pub usage: UsageReport,
    /// Counts of learning by name: items, features, factors. In order of name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty", default)]
    pub counts: std::collections::BTreeMap<String, u64>,
    /// The time it took, by the clock. Only the timings report it.
    pub milliseconds: f64,
}

/// One test item with a method's answer.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answered {
    /// The data set.
    pub set: String,
    /// The method, with its options.
    pub method: String,
    /// The user.
    pub user: String,
    /// The item's id within the user.
    pub item: String,
    /// The response the user gave.
    pub gold: String,
    /// For opinions: which share of the group chose each option, in the query's order. Empty elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub gold_shares: Vec<f64>,
    /// True where the item's text is in the history too, if the data set records that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<bool>,
    /// The method's reply, word for word. `None` when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raw: Option<String>,
    /// The response of the task's space that the reply states, in its spelling; `None` when it states none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
    /// A value between the points of a scale, for means and medians.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// The probability the method gives to each response, in the order the task shows them; empty if it gives none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub probabilities: Vec<f64>,
    /// The probabilities by the statistics alone, where a pipeline asked a model for the response. No metric scores
    /// them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub estimate: Vec<f64>,
    /// The probability it gives to its response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<f64>,
    /// The tier of the answer and the reason for it; of pipelines only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub support: Option<(Tier, TierReason)>,
    /// Names of the error's kinds from the outermost to its cause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// True where a request got no reply for a reason that may pass, so that a resumed run does the job again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub passing: bool,
    /// A hash of all requests, in hexadecimal; empty where nothing was asked.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub requests: String,
    /// The requests and tokens of the work.
    pub need: Need,
    /// The requests sent and paid this time.
    pub usage: UsageReport,
    /// The time it took, by the clock. Only the timings report it.
    pub milliseconds: f64,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("set", &self.set)
            .field("method", &self.method)
            .field("user", &self.user)
            .field("item", &self.item)
            .field("answered", &self.response.is_some())
            .field("support", &self.support)
            .field("error", &self.error)
            .field("need", &self.need)
            .finish_non_exhaustive()
    }
}
