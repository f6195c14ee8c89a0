//! Connects the pipeline to a model: the [`LlmBackend`] seam, what goes over it, and the account of it.
//!
//! A host implements [`LlmBackend::complete`] and is done. Whoever can send several requests at once overrides
//! [`LlmBackend::complete_batch`] as well; that one method sets the concurrency of every stage.
//!
//! Around a backend: [`ResponseLog`] keeps every paid reply, `Resilient` (feature `resilience`) retries and paces, [`Budget`] limits, and
//! [`UsageReport`] says what was spent on each [`Stage`].
//!
//! Guide: [between the pipeline and a model](crate::guide::llm).

mod asking;
mod backend;
mod budget;
mod completion;
mod control;
mod cost;
mod endpoint;
mod error;
mod heard;
mod ledger;
#[cfg(feature = "response-log")]
mod log;
mod logprobs;
mod message;
mod moment;
mod progress;
#[cfg(feature = "resilience")]
mod resilient;
mod roles;
mod tokens;
pub(crate) mod trace;
mod usage;

pub use asking::AskError;
pub(crate) use asking::{Ask, Asking, Inquiry, Plan, Rest, Verdict, note, unless_cut};
pub use backend::{Capabilities, LlmBackend, backend_fn};
pub use budget::{Budget, BudgetError, BudgetLimit, Prices};
pub use completion::{Completion, FinishReason, Usage};
pub(crate) use control::break_control;
#[cfg(test)]
pub(crate) use control::control_sequence_in;
pub use cost::{CostEstimate, StageCost};
pub use endpoint::Endpoint;
pub use error::{BackendError, BoxError};
pub(crate) use heard::{Heard, Listener};
pub(crate) use ledger::Forms;
pub use ledger::{Attempt, Ledger};
#[cfg(feature = "response-log")]
pub(crate) use log::Erasing;
#[cfg(feature = "response-log")]
pub use log::{Key as RequestKey, LogError, LogMode, LogStats, LoggedBackend, ReplyCacheLimits, ResponseLog, SendMode};
pub use logprobs::{TokenChoices, TokenLogprob};
pub use message::{CompletionRequest, Message, ReplyForm, ReplySchema, Role};
pub(crate) use moment::Moment;
pub(crate) use progress::OnProgress;
pub use progress::Progress;
#[cfg(feature = "tokio")]
pub use resilient::TokioTimer;
#[cfg(feature = "resilience")]
pub use resilient::{DeadlinePassed, ManualTimer, Resilient, Sleep, ThreadTimer, Timer};
pub(crate) use roles::Roles;
pub use roles::Sampling;
#[cfg(feature = "tokens")]
pub use tokens::count_tokens;
pub use tokens::{by_rule as tokens_by_rule, estimate_tokens};
pub use usage::{Stage, StageUsage, UsageReport};
