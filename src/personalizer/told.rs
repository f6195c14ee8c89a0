//! An answer with its reasons.

use std::fmt;

use crate::explain::Reasons;
use crate::pipeline::{Answer, Prepared};
use crate::profile::paragraph;

/// An answer with its reasons, from [`Personalizer::answer`](super::Personalizer::answer).
///
/// [`Display`](fmt::Display) tells it in plain words, and draws what it is made of. It names the user's factors; show it to them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Told {
    /// The response.
    pub response: String,
    /// The reasons, as data and with all numbers.
    pub reasons: Reasons,
    /// The answer, with what it cost and all it rests on.
    pub answer: Answer,
    /// The user as they were when it was given.
    pub user: Prepared,
}

impl Told {
    pub(super) fn new(answer: Answer, user: Prepared) -> Self {
        Self { response: answer.response.clone(), reasons: answer.reasons(&user), answer, user }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        paragraph(f, &self.reasons.in_words(), "")?;
        match self.reasons.waterfall() {
            Some(sum) if !self.reasons.contributions.is_empty() && !self.reasons.by_model => write!(f, "\n{sum}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("answer", &self.answer).field("user", &self.user).finish_non_exhaustive()
    }
}
