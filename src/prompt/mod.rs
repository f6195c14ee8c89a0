//! From data to a request's text, and from a reply's text back to data.
//!
//! ```text
//! Template (wording) + values (rendered data, the user's text framed) → messages → backend → reply text → typed value
//! ```
//!
//! Wording is in `templates/`, overridable through [`PromptSet`]. Fixed parts come first so that a provider's prompt cache
//! serves them.

mod context;
mod excerpt;
mod frame;
mod render;
mod reply;
mod template;

pub use context::{AskError, StageContext};
pub(crate) use context::{note, unreadable};
pub use reply::{Items, Repair, Reply, ReplyError, read_items, read_reply};
pub use template::{Prompt, PromptSet, Template, TemplateError};

pub(crate) use frame::{frame, inline};
pub(crate) use render::{
    ExampleStyle, exemplars, factors, factors_within, item, known_factors, responses, task_values,
};
pub(crate) use template::Values;
