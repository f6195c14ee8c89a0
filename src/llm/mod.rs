//! Everything between the pipeline and a model: the [`LlmBackend`] seam, what goes over it, and the account of it.
//!
//! A host implements [`LlmBackend::complete`] and is done. Whoever can send several requests at once overrides
//! [`LlmBackend::complete_batch`] as well; that one method sets the concurrency of every stage.

mod backend;
mod error;
mod ledger;
mod message;

pub use backend::{LlmBackend, backend_fn};
pub use error::{BackendError, BoxError};
pub use ledger::{Ledger, Stage, StageUsage, UsageReport};
pub use message::{Completion, CompletionRequest, FinishReason, Message, ReplySchema, Role, Usage};
