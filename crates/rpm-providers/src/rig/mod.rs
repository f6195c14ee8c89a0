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

/// Who is asked, for spans: rig's names of providers, of which one is another in the conventions.
fn asked<Op: rig_core::wire::Operation>(model: &rig_core::DynModel<Op>) -> rpm_core::llm::Endpoint<'_> {
    let provider = if model.name() == "gemini" { "gcp.gemini" } else { model.name() };
    let endpoint = rpm_core::llm::Endpoint::of(provider);
    model.id().map_or(endpoint, |id| endpoint.model(id))
}

/// The name in errors and identities.
const RIG: &str = "rig";
