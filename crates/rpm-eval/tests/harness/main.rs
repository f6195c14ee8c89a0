//! The evaluation harness: data sets, methods, prompts and runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../../tests/common/mod.rs"]
mod common;
#[path = "../common/films.rs"]
mod films;

mod datasets;
mod methods;
mod others;
mod prompts;
mod run;
