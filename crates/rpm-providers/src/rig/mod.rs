//! The framework rig, in both directions: its models answer for the pipeline, and the pipeline answers as a tool of its agents.
//!
//! rig's own client goes over the wire. What it hides stays hidden: the form of a reply is a schema or nothing, since it has no JSON mode.

mod backend;
mod embedder;
mod failed;
mod tool;

pub use backend::RigBackend;
pub use embedder::RigEmbedder;
pub use tool::{AnswerTool, AnswerToolArgs, AnswerToolOutput};

/// The name in errors and identities.
const RIG: &str = "rig";
