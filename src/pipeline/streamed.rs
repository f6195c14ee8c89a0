//! Answers, and tells what the model writes while it writes it.

use crate::data::Query;
use crate::llm::{Heard, Ledger, Listener};
use crate::operation::Operation;

use super::{Answer, Error, Prepared, RpmPipeline};

/// A piece of an answer as the model writes it. Nothing of it is checked: it may be withdrawn, and the [`Answer`] may say otherwise. A
/// host that shows it marks it so, and puts the answer in its place.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unchecked {
    /// All that was told is void: the model is asked again.
    Again,
    /// The response goes on with these words. Where estimate and model decide together, it is the model's alone.
    Response(String),
    /// A reason goes on with these words.
    Reason {
        /// Which one, from 0.
        number: usize,
        /// The words.
        text: String,
    },
}

impl std::fmt::Debug for Unchecked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Again => f.write_str("Again"),
            Self::Response(text) => write!(f, "Response({} bytes)", text.len()),
            Self::Reason { number, text } => write!(f, "Reason({number}, {} bytes)", text.len()),
        }
    }
}

impl Unchecked {
    fn of(heard: Heard) -> Option<Self> {
        match heard {
            Heard::Again => Some(Self::Again),
            Heard::Value { key, text, .. } if key == ANSWER || key == RESPONSE => Some(Self::Response(text)),
            Heard::Value { key, number, text } if key == WHY => Some(Self::Reason { number, text }),
            Heard::Value { .. } => None,
        }
    }
}

impl RpmPipeline {
    /// Answers as [`personalize`](Self::personalize) does, and tells what the model writes of the answer while it writes it, where the
    /// backend can stream ([`CompletionRequest::is_heard`](crate::CompletionRequest::is_heard)). What comes from a response log, from a
    /// backend that cannot stream, or from the statistics, is not told; nor is a reply that another task is waiting for already.
    ///
    /// The answer is the same as without a listener. `tell` is called while the reply is read, so it must be quick and must not block: hand
    /// the pieces to a channel.
    ///
    /// # Errors
    /// As for [`personalize`](Self::personalize). What was told before an error is void.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept, and nothing more is told.
    pub async fn personalize_streaming(
        &self,
        prepared: &Prepared,
        query: &Query,
        tell: impl Fn(Unchecked) + Send + Sync + 'static,
    ) -> Result<Answer, Error> {
        let listener = Listener::new(&[ANSWER, RESPONSE, WHY], move |heard| {
            if let Some(piece) = Unchecked::of(heard) {
                tell(piece);
            }
        });
        // A request that others wait for too may outlive this operation.
        let listening = Listening(listener.clone());
        let ledger = Ledger::of(self.budget.clone(), self.forms.clone(), self.progress.clone(), Some(listener));
        let ledger = ledger.begun_at(prepared.as_of());
        let operation = Operation::named("personalize").on(&ledger);
        let answer = operation.run(self.answering(prepared, query, ledger)).await?;
        if answer.stated.is_none() {
            // The answer rests on nothing that was told.
            listening.0.begin();
        }
        Ok(answer)
    }
}

const ANSWER: &str = "answer";
const RESPONSE: &str = "response";
const WHY: &str = "why";

/// Closes the listener when the operation is over, or dropped.
struct Listening(Listener);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
