//! What is learned from a history: features, factors of a catalog or a model, names, and the prompts and replies that ask for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod catalog;
mod catalog_extraction;
mod catalog_naming;
mod documented_replies;
mod factors;
mod language;
mod prompts;
mod raw_outputs;
mod reasks;
mod replies;
