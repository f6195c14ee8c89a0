//! From data to a request's text, and from a reply's text back to data.
//!
//! ```text
//! Template (wording) + values (rendered data, the user's text framed) → messages → backend → reply text → typed value
//! ```
//!
//! Wording is in `templates/`, overridable through [`PromptSet`]. Fixed parts come first so that a provider's prompt cache
//! serves them.
//!
//! [`StageContext`] is what every stage is lent: the backend, the wording, the ledger and the redaction hook.
//!
//! Guide: [between the pipeline and a model](crate::guide::llm).

mod alias;
mod context;
mod excerpt;
mod frame;
mod render;
mod reply;
mod sources;
mod template;

pub(crate) use context::note;
pub use context::{AskError, StageContext, unreadable};
pub use frame::{frame, inline};
pub use render::{item as render_item, responses as describe_responses};
pub(crate) use reply::read_cut_items;
pub use reply::{Repair, Reply, ReplyError, ReplyItems, read_items, read_reply};
pub use template::{Prompt, PromptSet, Template, TemplateError};

pub(crate) use alias::{alias, is_about, place};
pub(crate) use render::{
    ExampleStyle, estimate, exemplars, factors, factors_within, item, known_factors, known_shown, responses,
    task_values,
};
pub(crate) use sources::{Sources, rows_of};
pub(crate) use template::Values;
