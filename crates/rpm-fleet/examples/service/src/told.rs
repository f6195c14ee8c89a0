//! What goes over the wire.

use rpm_core::personalizer::Told;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Recorded {
    /// The host's id of the event, so that it may be sent again.
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) response: String,
    /// Seconds since the epoch, or any number that grows.
    pub(crate) at: Option<i64>,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) text: String,
}

#[derive(Deserialize)]
pub(crate) struct ToForget {
    /// Ids of interactions.
    pub(crate) items: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Answered {
    pub(crate) response: String,
    /// In plain words, for the user.
    pub(crate) because: String,
    /// How much of the user the answer uses.
    pub(crate) tier: String,
    /// Calls of a model that it took.
    pub(crate) calls: u64,
    /// The revision of the user's model.
    pub(crate) revision: u64,
}

impl Answered {
    pub(crate) fn of(told: &Told) -> Self {
        let total = told.answer.usage.total();
        Self {
            response: told.response.clone(),
            because: told.reasons.in_words(),
            tier: format!("{:?}", told.answer.support.tier).to_lowercase(),
            calls: total.calls,
            revision: told.user.model().revision(),
        }
    }
}
