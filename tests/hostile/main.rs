//! What texts and replies that mean harm cannot do, and what no error or `Debug` shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod debug_derived;
mod debug_output;
mod fuzzed_replies;
mod fuzzed_templates;
mod hostile_replies;
mod shown;
mod untrusted;
