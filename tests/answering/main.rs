//! How a query is answered: the pipeline and its parts, its presets and ablations, alone, beside a model and streamed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod about;
mod bad_input;
mod fused;
mod ladder;
mod next_question;
mod one_call;
mod pipeline;
mod plug_in;
mod presets;
mod properties;
mod redaction;
mod roles;
mod scripted;
mod streaming;
