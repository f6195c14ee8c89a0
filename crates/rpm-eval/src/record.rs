//! What was measured, item by item: a line of JSON each.

use std::fmt;

use serde::{Deserialize, Serialize};

use rpm_core::llm::UsageReport;
use rpm_core::stats::{Tier, TierReason};

/// A line of a run's records: what a method learned of a user, or how it answered one test item. Lines quote the data set's
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

/// What a piece of work asks of a model, whether its replies were paid for or kept from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Need {
    /// Requests that were answered.
    pub requests: u64,
    /// Tokens of their prompts, as the provider counted them.
    pub input_tokens: u64,
    /// Tokens of their replies.
    pub output_tokens: u64,
    /// Requests whose tokens the provider did not say; they count as none.
    pub uncounted: u64,
}

impl Record {
    /// What the work asks of a model.
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
        self.requests += other.requests;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.uncounted += other.uncounted;
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
    /// Names of the error's kinds from the outermost to its cause, if it failed: then every item of the user counts as not
    /// answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// True where a request got no reply for a reason that may pass, so that a resumed run does the job again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub passing: bool,
    /// A hash of all requests, in hexadecimal; empty where nothing was asked.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub requests: String,
    /// What it asks of a model.
    pub need: Need,
    /// What was sent and paid this time.
    pub usage: UsageReport,
    /// What learning met, by name: items, features, factors. In order of name.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty", default)]
    pub counts: std::collections::BTreeMap<String, u64>,
    /// How long it took this time, by the clock. No report but the timings holds it.
    pub milliseconds: f64,
}

/// One test item with what a method made of it.
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
    /// True where the item's text is in the history too, if the data set says.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seen: Option<bool>,
    /// What the method said, as it said it. `None` when it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub raw: Option<String>,
    /// The response of the task's space that this states, in its spelling; `None` when it states none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response: Option<String>,
    /// A value between the points of a scale, for means and medians.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// The probability the method gives to each response, in the order the task shows them; empty if it gives none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub probabilities: Vec<f64>,
    /// What the statistics alone say, likewise, where a pipeline asked a model for the response. Scored by nothing.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub estimate: Vec<f64>,
    /// The probability it gives to its response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confidence: Option<f64>,
    /// How much of the user it used, and why; of pipelines only.
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
    /// What it asks of a model.
    pub need: Need,
    /// What was sent and paid this time.
    pub usage: UsageReport,
    /// How long it took this time, by the clock. No report but the timings holds it.
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
