//! From data to a request's text, and from a reply's text back to data.
//!
//! ```text
//! Template (wording) + values (rendered data, the user's text framed) → messages → backend → reply text → typed value
//! ```
//!
//! Wording is in `templates/`, overridable through [`PromptSet`]. Fixed parts come first so that a provider's prompt cache
//! serves them.
//!
//! Guide: [between the pipeline and a model](crate::guide::llm).
//!
#![doc = include_str!("replies.md")]

mod alias;
mod echo;
mod excerpt;
mod factors;
mod frame;
mod read_back;
mod redaction;
mod render;
mod reply;
mod sources;
mod template;

pub use frame::{frame, inline};
pub use redaction::Redaction;
pub use render::{item as render_item, responses as describe_responses};
pub(crate) use reply::read_cut_items;
pub use reply::{Repair, Reply, ReplyError, ReplyItems, read_items, read_reply};
pub use template::{Prompt, PromptSet, Template, TemplateError};

pub(crate) use alias::{alias, is_about, place};
pub(crate) use echo::OwnWords;
pub(crate) use excerpt::excerpt;
pub(crate) use factors::{factors, factors_within, overall};
pub(crate) use read_back::{framed_blocks, last_framed, names_listed};
pub(crate) use render::{ExampleStyle, estimate, exemplars, item, known_factors, known_shown, responses, task_values};
pub(crate) use sources::{Sources, rows_of};
pub(crate) use template::Values;
